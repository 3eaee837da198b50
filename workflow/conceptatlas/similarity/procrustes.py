"""Orthogonal Procrustes: how well one layer's pooled features become another's by turning and one scale.

With X and Y centred and of Frobenius norm 1, min over orthogonal Q of ||X - Y Q^T||^2 = 2 - 2 ||X^T Y||_* (nuclear
norm). Similarity = ||X^T Y||_*: 1 = equal up to turning, the distance is 2 - 2 s. Source: Ding et al. 2021; Williams et
al. 2021. Layers with more units than images reach high values by chance: read it against its null.

Turning changes nothing, so a layer is kept as coordinates (`coordinates`) of at most as many columns as images.
"""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

FEWEST = 19
"""Shuffles of the null that a costly pair still gets: the smallest number with a 95 % point of its own."""
AFFORDABLE = 5e9
"""Multiplications the null of a pair may cost before there are fewer shuffles: some seconds."""
ROUNDING = 1e-6
"""Shuffled similarities within this are the value itself, rounded: singular values come from their squares."""


def centred(features: Array) -> Array:
    """Features (image, unit) with column means 0 and Frobenius norm 1, float64.

    Units that are equal in all images become exactly 0; all zero where every unit is.
    """
    values = np.asarray(features, dtype=np.float64)
    varies = np.ptp(values, axis=0) > 0 if len(values) else np.zeros(values.shape[1], dtype=bool)
    out = np.where(varies, values - values.mean(axis=0, keepdims=True), 0.0) if len(values) else values
    scale = np.abs(out).max(initial=0.0)
    if scale == 0:
        return np.zeros_like(out)
    out /= scale
    unit: Array = out / np.sqrt((out**2).sum())
    return unit


def coordinates(features: Array) -> Array:
    """Centred features of norm 1 turned into as few columns as there are images: float32 (image, min(image, unit)).

    Products between images, so nuclear norms and ridge regression too, stay what they were. Exact (a QR factorisation):
    nothing is cut off.
    """
    unit = centred(features)
    if unit.shape[1] > len(unit):
        unit = np.asarray(np.linalg.qr(unit.T, mode="r")).T
    return unit.astype(np.float32)


def similarity(x: Array, y: Array) -> float:
    """Nuclear norm of x^T y divided by both norms, for centred coordinates (image, column); NaN where one is all 0."""
    size = np.sqrt((x**2).sum() * (y**2).sum())
    if not size > 0:
        return float("nan")
    return float(np.linalg.svd(x.T @ y, compute_uv=False).sum() / size)


def image_shares(x: Array, y: Array) -> tuple[Array, Array, Array]:
    """What each image adds to the similarity once the rotation is fitted: (image,) three times.

    Returns
    -------
    cross : x_n Q y_n^T, whose sum is the nuclear norm; squared lengths of the rows of x and of y.
    """
    u, _, vt = np.linalg.svd(x.T @ y, full_matrices=False)
    return ((x @ u) * (y @ vt.T)).sum(axis=1), (x**2).sum(axis=1), (y**2).sum(axis=1)


def affordable(n_permutations: int, shape_x: tuple[int, ...], shape_y: tuple[int, ...]) -> int:
    """Shuffles for a pair: all of them where `AFFORDABLE` covers them, fewer where not, never below `FEWEST`."""
    n, p, q = shape_x[0], shape_x[1], shape_y[1]
    each = n * p * q + 3 * min(p, q) ** 2 * max(p, q)
    return min(n_permutations, max(FEWEST, int(AFFORDABLE // max(each, 1))))


def shuffled(x: Array, y: Array, shuffles: Array) -> Array:
    """The similarity with image n of x meeting image shuffles[r, n] of y: float64 (shuffle,).

    Singular values as roots of the eigenvalues of the smaller matrix of squares: half the time of a decomposition, to
    `ROUNDING`, which is what a null needs.
    """
    size = np.sqrt((x**2).sum() * (y**2).sum())
    if not size > 0:
        return np.full(len(shuffles), np.nan)
    return np.array([_nuclear(x.T @ y[order]) for order in shuffles], dtype=np.float64) / size


def _nuclear(product: Array) -> float:
    """Sum of the singular values."""
    squares = product.T @ product if product.shape[0] >= product.shape[1] else product @ product.T
    return float(np.sqrt(np.maximum(np.linalg.eigvalsh(squares), 0)).sum())
