"""A linear map from one representation to another, learned on some images and tested on others.

Kalibhat et al. 2023 carry the concepts of one model over to another by such a map. Ridge regression with an intercept;
the penalty is the one of a grid with the smallest generalised cross-validation error on the training images (Golub,
Heath and Wahba 1979), so the test images decide nothing.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

Array = np.ndarray[Any, Any]

PENALTIES = tuple(10.0**n for n in range(-4, 5))
"""Penalties, relative to the mean square of the centred training features."""


class LinearMap(NamedTuple):
    """predicted : float64 (test image, target feature). penalty : the one chosen, relative. hat : float64 (test image,
    training image), what predictions are of centred training targets. mean : float64 (target feature,)."""

    predicted: Array
    penalty: float
    hat: Array
    mean: Array


def learn_map(source: Array, target: Array, test: Array) -> LinearMap:
    """Learn from training rows (image, feature) of `source` to `target`, and predict for rows of `test`.

    Raises
    ------
    ValueError
        with fewer than three training images.
    """
    if len(source) < 3:
        raise ValueError(f"a linear map learned on {len(source)} images; expected at least 3")
    x = np.asarray(source, dtype=np.float64)
    y = np.asarray(target, dtype=np.float64)
    x_mean, y_mean = x.mean(axis=0), y.mean(axis=0)
    left, size, right = np.linalg.svd(x - x_mean, full_matrices=False)
    scale = float((size**2).sum()) / len(x)
    kept = size > 1e-10 * max(float(size.max(initial=0.0)), 1e-300)
    left, size, right = left[:, kept], size[kept], right[kept]
    projected = left.T @ (y - y_mean)
    total = float(((y - y_mean) ** 2).sum())
    best, chosen = np.inf, PENALTIES[-1]
    for penalty in PENALTIES:
        shrink = size**2 / (size**2 + penalty * scale)
        residual = total - float(((2 * shrink - shrink**2)[:, None] * projected**2).sum())
        free = 1 - (1 + shrink.sum()) / len(x)  # the intercept takes one degree of freedom
        error = residual / free**2 if free > 1e-9 else np.inf
        if error < best:
            best, chosen = error, penalty
    weights = size / (size**2 + chosen * scale)
    hat = ((np.asarray(test, dtype=np.float64) - x_mean) @ right.T * weights) @ left.T
    return LinearMap(hat @ (y - y_mean) + y_mean, chosen, hat, y_mean)


def r_squared(true: Array, predicted: Array, mean: Array) -> tuple[float, Array]:
    """R^2 over all features together (weighted by variance) and of each: 1 - squared error / squared distance from the
    training mean; missing where a feature does not vary."""
    error = ((true - predicted) ** 2).sum(axis=0)
    spread = ((true - mean) ** 2).sum(axis=0)
    each = np.where(spread > 0, 1 - error / np.where(spread > 0, spread, 1), np.nan)
    whole = float(1 - error.sum() / spread.sum()) if spread.sum() > 0 else float("nan")
    return whole, each


def null_r_squared(found: LinearMap, train: Array, true: Array, *, n_random: int, rng: np.random.Generator) -> Array:
    """R^2 of maps learned on permuted pairs: float64 (draw,). train : training targets; true : of the test images."""
    centred = np.asarray(train, dtype=np.float64) - found.mean
    return np.array(
        [
            r_squared(true, found.hat @ centred[rng.permutation(len(centred))] + found.mean, found.mean)[0]
            for _ in range(n_random)
        ]
    )
