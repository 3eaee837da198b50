"""The linear head that reads a representation: the classifier's own where it has one there, otherwise a linear probe.

A head belongs to the representation only if it reproduces the scores from it: that is checked on images, not assumed.
"""

from __future__ import annotations

import logging
from typing import Any, NamedTuple

import numpy as np

Array = np.ndarray[Any, Any]

logger = logging.getLogger(__name__)

LARGEST_ERROR = 0.02
"""Of the scores' standard deviation: what a head may miss scores by (activations may be stored in half precision)."""
MOST_PROBE_IMAGES = 20_000


class Head(NamedTuple):
    """weight : float32 (class, feature), U of the paper. bias : float32 (class,). error : root mean square of what it
    misses the model's scores by, relative to their standard deviation; NaN for a probe."""

    weight: Array
    bias: Array
    error: float


def own_head(module: Any, features: Array, scores: Array | None) -> Head | None:
    """The last linear layer of a network that gives its scores from some features; None where there is none.

    module : torch module. features : (image, feature), pooled, not normalised. scores : (image, class).
    """
    from torch import nn

    if scores is None or len(features) < 2:
        return None
    n_features, n_classes = features.shape[1], scores.shape[1]
    for name, child in reversed(list(module.named_modules())):
        if isinstance(child, nn.Linear) and (child.in_features, child.out_features) == (n_features, n_classes):
            weight = child.weight.detach().float().cpu().numpy()
            bias = (
                np.zeros(n_classes, dtype=np.float32)
                if child.bias is None
                else child.bias.detach().float().cpu().numpy()
            )
            missed = features @ weight.T + bias - scores
            error = float(np.sqrt((missed**2).mean()) / max(float(scores.std()), 1e-12))
            if error <= LARGEST_ERROR:
                return Head(weight, bias, error)
            logger.info("module %s does not read these features (relative error %.3f)", name, error)
    return None


def fit_probe(features: Array, classes: Array, n_classes: int) -> Head:
    """Logistic regression from features to classes.

    features : (image, feature), rows of length 1. classes : int (image,). The penalty is scikit-learn's default on
    features scaled to an overall root mean square of 1. A class without images has weight 0 and bias -inf.

    Raises
    ------
    ValueError
        with fewer than two classes.
    """
    from sklearn.linear_model import LogisticRegression

    there = np.unique(classes)
    if len(there) < 2:
        raise ValueError("a linear probe needs images of at least two classes")
    scale = float(np.sqrt((np.asarray(features, dtype=np.float64) ** 2).mean())) or 1.0
    fitted = LogisticRegression(max_iter=500).fit(np.asarray(features, dtype=np.float64) / scale, classes)
    coefficients, intercept = fitted.coef_ / scale, fitted.intercept_
    if len(there) == 2:  # one row tells both
        coefficients, intercept = np.vstack([-coefficients, coefficients]), np.concatenate([-intercept, intercept])
    weight, bias = np.zeros((n_classes, features.shape[1])), np.full(n_classes, -np.inf)
    weight[there], bias[there] = coefficients, intercept
    return Head(weight.astype(np.float32), bias.astype(np.float32), float("nan"))


def predict(head: Head, features: Array) -> Array:
    """Class of highest score, int64 (image,)."""
    found: Array = (features @ head.weight.T + head.bias).argmax(axis=1)
    return found


def contributions(head: Head, features: Array, classes: Array) -> Array:
    """h o U_y: what each feature adds to the score of a class, float64 (image, feature).

    classes : int (image,), the PREDICTED class of each image (Kalibhat et al. 2023: argmax(h_j o U_{y_j})).
    """
    return np.asarray(features, dtype=np.float64) * head.weight[classes]
