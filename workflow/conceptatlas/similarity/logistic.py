"""Logistic regression to its optimum by Newton's method, for the few hundred images of a concept vector.

Minimises the mean of log(1 + exp(-y z)) + alpha / 2 ||w||^2 with z = w . x + b, b free. The optimum is unique, and
Newton's method with step halving reaches it in some ten steps of one small system each, where L-BFGS takes hundreds of
passes. With more features than images the system is solved in as many unknowns as there are images: the optimum lies
in the span of the images.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from scipy.linalg import cho_factor, cho_solve

Array = np.ndarray[Any, Any]

MOST_FEATURES = 1024
MOST_IMAGES = 256
"""Sizes up to which Newton's system is small: features, or images where there are more features than images."""
_STEPS = 100
_GRADIENT = 1e-10
"""Largest entry of the gradient at the end, of features of RMS about 1."""
_HALVINGS = 40


class Logistic(NamedTuple):
    """weights : float64 (feature,). converged : the gradient is that of an optimum."""

    weights: Array
    bias: float
    converged: bool


def is_small(n_images: int, n_features: int) -> bool:
    """Whether Newton's method is the faster way."""
    return n_images <= MOST_IMAGES or n_features <= min(n_images, MOST_FEATURES)


def fit_logistic(features: Array, labels: Array, *, alpha: float) -> Logistic:
    """Fit features float (image, feature) to labels bool (image,), both values present."""
    rows = np.asarray(features, dtype=np.float64)
    target = np.asarray(labels, dtype=np.float64)
    if rows.shape[1] <= len(rows):
        return _newton(rows, target, alpha)
    basis, turned = np.linalg.qr(rows.T)
    found = _newton(np.ascontiguousarray(turned.T), target, alpha)
    return found._replace(weights=basis @ found.weights)


def _newton(rows: Array, target: Array, alpha: float) -> Logistic:
    n, k = rows.shape
    own = np.column_stack([rows, np.ones(n)])
    penalty = np.append(np.full(k, alpha), 0.0)
    w = np.zeros(k + 1)
    value = _objective(own @ w, target, w, penalty)
    converged = False
    for _ in range(_STEPS):
        share = _sigmoid(own @ w)
        gradient = own.T @ (share - target) / n + penalty * w
        converged = bool(np.abs(gradient).max() <= _GRADIENT)
        if converged:
            break
        curvature = own.T @ (own * (share * (1 - share) / n)[:, None])
        curvature[np.diag_indices(k + 1)] += penalty
        curvature[k, k] += 1e-12  # the bias alone has no penalty, and no curvature where all shares are 0 or 1
        step = cho_solve(cho_factor(curvature, lower=True, overwrite_a=True, check_finite=False), gradient)
        w, value, moved = _descend(own, target, penalty, w, step, value, float(gradient @ step))
        if not moved:  # rounding is all that is left
            converged = bool(np.abs(gradient).max() <= 1e3 * _GRADIENT)
            break
    return Logistic(w[:k], float(w[k]), converged)


def _descend(
    own: Array, target: Array, penalty: Array, w: Array, step: Array, value: float, slope: float
) -> tuple[Array, float, bool]:
    """The longest halved step that lowers the objective: weights, its value, and whether there was one."""
    size = 1.0
    for _ in range(_HALVINGS):
        tried = w - size * step
        lower = _objective(own @ tried, target, tried, penalty)
        if lower <= value - 1e-4 * size * slope:
            return tried, lower, True
        size /= 2
    return w, value, False


def _objective(z: Array, target: Array, w: Array, penalty: Array) -> float:
    losses = np.logaddexp(0, z) - target * z
    return float(losses.mean() + 0.5 * (penalty * w * w).sum())


def _sigmoid(z: Array) -> Array:
    out: Array = np.exp(-np.logaddexp(0, -z))
    return out
