"""Concept activation vectors (CAVs): the direction from images without a concept to images with it.

Source: Kim et al. 2018 (TCAV) for linear classifiers; Haufe et al. 2014 and Pahde et al. 2022 for patterns. The
classifiers minimise the mean loss + alpha / 2 ||w||^2:

    sgd_hinge        linear SVM by stochastic gradient descent, alpha 0.01 as in TCAV; up to 1000 passes, tolerance 1e-3
    logistic         logistic regression to its optimum (Newton; L-BFGS where both images and features are many)
    mean_difference  mean of the images with the concept less that of those without; the boundary halves the way
    pattern          covariance of every feature with the label, divided by the label's variance. With labels of two
                     values this is the mean difference (cov = p (1 - p) (m1 - m0)): the two agree up to rounding

A CAV is normal to the boundary and points to the side with the concept.
"""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple

import numpy as np

from conceptatlas.naming import unknown
from conceptatlas.similarity.hinge import fit_hinge
from conceptatlas.similarity.logistic import fit_logistic, is_small

Array = np.ndarray[Any, Any]

CLASSIFIERS = ("sgd_hinge", "logistic", "mean_difference", "pattern")
MAX_ITERATIONS = 1000
_ROUNDING = 1e-12
_HINGE_TOLERANCE, _LOGISTIC_TOLERANCE = 1e-3, 1e-8


class Direction(NamedTuple):
    """A linear classifier: an image x holds the concept if weights . x + bias > 0.

    weights : float64 (feature,). converged : False where it stopped at its largest number of iterations.
    """

    weights: Array
    bias: float
    converged: bool


def check_classifier(classifier: str, *, alpha: float) -> None:
    """Raise ValueError for a classifier nobody knows, or an alpha that is not positive."""
    if classifier not in CLASSIFIERS:
        raise unknown("classifier", classifier, CLASSIFIERS, where="similarity.supervised")
    if not alpha > 0:
        raise ValueError(f"similarity.supervised.alpha: {alpha:g}; expected more than 0 (0.01 in TCAV)")


def learn_direction(features: Array, labels: Array, *, classifier: str, alpha: float, seed: int) -> Direction:
    """Learn to tell the images with a concept from those without.

    features : float (image, feature). labels : bool (image,), both values present. seed : of the order in which
    sgd_hinge sees the images, below 2^32; the others have no chance in them.

    Raises
    ------
    ValueError
        for an unknown classifier, or labels of one kind only.
    """
    check_classifier(classifier, alpha=alpha)
    if labels.all() or not labels.any():
        raise ValueError(f"labels of {len(labels)} images are all {bool(labels.all())}; expected images of both kinds")
    if classifier in ("mean_difference", "pattern"):
        return _closed(features, labels, pattern=classifier == "pattern")
    if classifier == "sgd_hinge":
        found = fit_hinge(
            features, labels, alpha=alpha, tolerance=_HINGE_TOLERANCE, max_passes=MAX_ITERATIONS, seed=seed
        )
        return Direction(found.weights, found.bias, found.n_passes < MAX_ITERATIONS)
    if is_small(*features.shape):
        return Direction(*fit_logistic(features, labels, alpha=alpha))
    return _large_logistic(features, labels, alpha=alpha)


def _large_logistic(features: Array, labels: Array, *, alpha: float) -> Direction:
    """Logistic regression by L-BFGS, where neither images nor features are few."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression  # some 0.5 s: only where it is used

    # scikit-learn minimises C sum(loss) + ||w||^2 / 2
    model = LogisticRegression(C=1 / (alpha * len(labels)), max_iter=MAX_ITERATIONS, tol=_LOGISTIC_TOLERANCE)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # counted in the table instead
        model.fit(features, labels)
    weights = np.asarray(model.coef_[0], dtype=np.float64)
    return Direction(weights, float(model.intercept_[0]), int(np.max(model.n_iter_)) < MAX_ITERATIONS)


def _closed(features: Array, labels: Array, *, pattern: bool) -> Direction:
    """Sums are taken feature by feature, so that permuting the features permutes the result and changes no bit."""
    n, n_with = len(labels), int(labels.sum())
    with_it, without = (features[of].sum(axis=0, dtype=np.float64) for of in (labels, ~labels))
    middle = (with_it / n_with + without / (n - n_with)) / 2
    if pattern:
        share, centre = n_with / n, (with_it + without) / n
        covariance = (1 - share) * (with_it - n_with * centre) - share * (without - (n - n_with) * centre)
        weights = covariance / (n * share * (1 - share))
    else:
        weights = with_it / n_with - without / (n - n_with)
    weights[np.abs(weights) <= _ROUNDING * np.abs(middle)] = 0  # what is left of a feature that does not vary
    return Direction(weights, -float(weights @ middle), True)


def unit_length(vectors: Array) -> Array:
    """Vectors (vector, feature) divided by their lengths, float64; those of length 0 stay 0."""
    vectors = vectors.astype(np.float64)
    length = np.sqrt((vectors**2).sum(axis=1, keepdims=True))
    out: Array = np.divide(vectors, length, out=np.zeros_like(vectors), where=length > 0)
    return out


def mean_cosine(units: Array) -> float:
    """Mean cosine of two different rows of unit length (vector, feature); NaN with fewer than two or a row of zeros."""
    n = len(units)
    if n < 2 or not (units != 0).any(axis=1).all():
        return float("nan")
    between = float((units.sum(axis=0) ** 2).sum()) - float((units**2).sum())  # sum over all ordered pairs
    return between / (n * (n - 1))
