"""A linear SVM by stochastic gradient descent, as TCAV learns its vectors: scikit-learn's algorithm, compiled here.

Minimises the mean of max(0, 1 - y z) + alpha / 2 ||w||^2 with z = w . x + b, y = -1 or 1. One image at a time, step
1 / (alpha (t0 + t)), Bottou's t0, penalty by scaling, the bias without penalty; it stops when the mean objective of
five passes in a row is not below the best by more than the tolerance. Images are drawn in the order in which
`sklearn.linear_model.SGDClassifier` draws them, so the two agree but for rounding (a test). That one adds products one
by one; with several sums side by side a pass takes half the time.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numba
import numpy as np

Array = np.ndarray[Any, Any]

LANES = 8
"""Features that are added up side by side."""
PATIENCE = 5
"""Passes without improvement after which descent stops."""
_LARGEST_SEED = 2**31 - 1


class Hinge(NamedTuple):
    """weights : float64 (feature,). n_passes : over all images."""

    weights: Array
    bias: float
    n_passes: int


def fit_hinge(features: Array, labels: Array, *, alpha: float, tolerance: float, max_passes: int, seed: int) -> Hinge:
    """Fit features float (image, feature) to labels bool (image,). seed : of the order of the images, below 2^32."""
    n_images, n_features = features.shape
    kept = np.float32 if features.dtype == np.float32 else np.float64
    rows = np.zeros((n_images, -(-n_features // LANES), LANES), dtype=kept)  # features of 0 change nothing
    rows.reshape(n_images, -1)[:, :n_features] = features
    signs = np.where(labels, 1.0, -1.0)
    lengths = np.einsum("nbl,nbl->n", rows, rows, dtype=np.float64)
    rng = np.random.RandomState(seed)
    rng.randint(1, _LARGEST_SEED)  # scikit-learn draws this first, for another purpose
    weights = np.zeros(rows.shape[1:])
    order_seed = np.uint32(rng.randint(_LARGEST_SEED))
    bias, n_passes = _descend(rows, signs, lengths, weights, alpha, tolerance, max_passes, order_seed)
    return Hinge(weights.reshape(-1)[:n_features].copy(), float(bias), int(n_passes))


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _descend(
    rows: Array, signs: Array, lengths: Array, weights: Array, alpha: float, tolerance: float, max_passes: int,
    seed: Any,
) -> tuple[float, int]:  # fmt: skip
    """Descend from zeros. Returns the bias and the passes made.

    rows : float32 or float64 (image, group, LANES). lengths : squared, of rows. weights : float64 (group, LANES),
    written.
    """
    n = rows.shape[0]
    order = np.arange(n)
    first = 1.0 / (np.sqrt(1.0 / np.sqrt(alpha)) * alpha)
    scale, bias, best, squares = 1.0, 0.0, np.inf, 0.0  # squares: length of `weights` before they are scaled
    step, worse = 0, 0
    for number in range(max_passes):
        _shuffle(order, seed)
        total = 0.0  # of the objective, with the weights as they are when an image is seen
        for at in range(n):
            image = order[at]
            row, sign = rows[image], signs[image]
            product = _dot(weights, row)
            margin = sign * (product * scale + bias)
            total += max(0.0, 1.0 - margin) + 0.5 * alpha * squares * scale * scale
            rate = 1.0 / (alpha * (first + step))
            step += 1
            scale *= max(0.0, 1.0 - rate * alpha)
            if scale < 1e-9:
                _add(weights, weights, scale - 1.0)
                product *= scale
                squares *= scale * scale
                scale = 1.0
            if margin <= 1.0:
                move = rate * sign / scale
                _add(weights, row, move)
                squares += move * (2.0 * product + move * lengths[image])
                bias += rate * sign
        worse = worse + 1 if total / n > best - tolerance else 0
        best = min(best, total / n)
        if worse >= PATIENCE:
            max_passes = number + 1
            break
    _add(weights, weights, scale - 1.0)
    return bias, max_passes


@numba.njit(inline="always", error_model="numpy")
def _dot(a: Array, b: Array) -> float:
    """Product of two vectors (group, LANES) in eight sums side by side, always in the same order."""
    s0, s1, s2, s3, s4, s5, s6, s7 = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    for i in range(a.shape[0]):
        s0 += a[i, 0] * b[i, 0]
        s1 += a[i, 1] * b[i, 1]
        s2 += a[i, 2] * b[i, 2]
        s3 += a[i, 3] * b[i, 3]
        s4 += a[i, 4] * b[i, 4]
        s5 += a[i, 5] * b[i, 5]
        s6 += a[i, 6] * b[i, 6]
        s7 += a[i, 7] * b[i, 7]
    return ((s0 + s1) + (s2 + s3)) + ((s4 + s5) + (s6 + s7))


@numba.njit(inline="always", error_model="numpy")
def _add(a: Array, b: Array, factor: float) -> None:
    """a += factor * b, both (group, LANES)."""
    for i in range(a.shape[0]):
        for lane in range(LANES):
            a[i, lane] += factor * b[i, lane]


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _shuffle(order: Array, seed: int) -> None:
    """Fisher and Yates with a xorshift of 32 bits, from the same seed in every pass, on the order left by the last."""
    state = np.uint32(seed)
    n = order.shape[0]
    for i in range(n - 1):
        if state == 0:
            state = np.uint32(1)
        state = np.uint32(state ^ np.uint32(state << np.uint32(13)))
        state = np.uint32(state ^ np.uint32(state >> np.uint32(17)))
        state = np.uint32(state ^ np.uint32(state << np.uint32(5)))
        j = i + np.int64(state % np.uint32(2**31)) % (n - i)
        order[i], order[j] = order[j], order[i]
