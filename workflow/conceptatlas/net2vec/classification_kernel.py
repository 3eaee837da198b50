"""Stochastic gradient descent of logistic regressions that see the same batches: all filters, or subsets of them.

Variants (initialisations, sizes of subsets) are learned in one pass: a batch is gathered once, then each takes its
step. Units are put in the order of `columns`, so that the F strongest are the first F columns and a subset reads a
prefix of every row. Weights, sums and gradients are float64; features are float32.

Every sum has an order that depends on the variant's own size only, never on the other variants or the machine's vector
width, so a variant learns the same alone and among others: a logit by quarters (see `_logits`), a gradient image by
image.
"""

from __future__ import annotations

import math
from typing import Any

import numba
import numpy as np

Array = np.ndarray[Any, Any]


@numba.njit(cache=True, nogil=True)
def _gather(
    features: Array, images: Array, columns: Array, in_order: bool, centre: Array, scale: Array, rows: Array
) -> None:
    """(feature - centre) * scale of the images, float64, units in the order of `columns`."""
    n_columns = columns.shape[0]
    for i in range(images.shape[0]):
        source = features[images[i]]
        row = rows[i]
        if in_order:  # all units as they are: read as a run
            for k in range(n_columns):
                row[k] = (np.float64(source[k]) - centre[k]) * scale[k]
        else:
            for k in range(n_columns):
                unit = columns[k]
                row[k] = (np.float64(source[unit]) - centre[unit]) * scale[unit]


@numba.njit(cache=True, nogil=True)
def _logits(rows: Array, n_images: int, size: int, weights: Array, bias: float, partial: Array, logits: Array) -> None:
    """Bias + sum over the first `size` columns of weight * row.

    A running sum must add one after the other and leaves the vector unit idle. Here the four quarters of the products
    are added elementwise, then the quarters of that, down to 16 numbers, which are added in order.
    """
    for i in range(n_images):
        row = rows[i]
        quarter = size // 4
        for j in range(quarter):
            partial[j] = (
                weights[j] * row[j]
                + weights[quarter + j] * row[quarter + j]
                + weights[2 * quarter + j] * row[2 * quarter + j]
                + weights[3 * quarter + j] * row[3 * quarter + j]
            )
        total = bias
        for k in range(4 * quarter, size):
            total += weights[k] * row[k]
        while quarter > 16:
            part = quarter // 4
            for k in range(4 * part, quarter):
                total += partial[k]
            for j in range(part):
                partial[j] = partial[j] + partial[part + j] + partial[2 * part + j] + partial[3 * part + j]
            quarter = part
        for j in range(quarter):
            total += partial[j]
        logits[i] = total


@numba.njit(cache=True, nogil=True)
def _residuals(logits: Array, labels: Array, n_images: int) -> float:
    """Turn logits into (sigmoid(logit) - label) / n, the gradient of the mean loss; return their sum, the bias's."""
    total = 0.0
    for i in range(n_images):
        z = logits[i]
        if z >= 0:  # exp of a large positive number would overflow
            p = 1.0 / (1.0 + math.exp(-z))
        else:
            e = math.exp(z)
            p = e / (1.0 + e)
        logits[i] = ((p - 1.0) if labels[i] else p) / n_images
        total += logits[i]
    return total


@numba.njit(cache=True, nogil=True)
def _gradient(rows: Array, n_images: int, size: int, residuals: Array, gradient: Array) -> None:
    """Sum over images of residual * row, for the first `size` columns; four images a sweep, added in their order."""
    for k in range(size):
        gradient[k] = 0.0
    whole = n_images // 4 * 4
    for i in range(0, whole, 4):
        a, b, c, d = residuals[i], residuals[i + 1], residuals[i + 2], residuals[i + 3]
        row_a, row_b, row_c, row_d = rows[i], rows[i + 1], rows[i + 2], rows[i + 3]
        for k in range(size):
            gradient[k] = gradient[k] + a * row_a[k] + b * row_b[k] + c * row_c[k] + d * row_d[k]
    for i in range(whole, n_images):
        a = residuals[i]
        row = rows[i]
        for k in range(size):
            gradient[k] += a * row[k]


@numba.njit(cache=True, nogil=True)
def _step(
    weights: Array, velocity: Array, gradient: Array, size: int, rate: float, momentum: float, l1: float, l2: float
) -> None:
    """v <- momentum * v + g + l1 * sign(w) + 2 * l2 * w;  w <- w - rate * v."""
    if l1 != 0.0 or l2 != 0.0:
        for k in range(size):
            w = weights[k]
            sign = 1.0 if w > 0.0 else (-1.0 if w < 0.0 else 0.0)
            gradient[k] += l1 * sign + 2.0 * l2 * w
    for k in range(size):
        velocity[k] = momentum * velocity[k] + gradient[k]
        weights[k] -= rate * velocity[k]


@numba.njit(cache=True, nogil=True)
def learn(
    features: Array,
    images: Array,
    labels: Array,
    starts: Array,
    rates: Array,
    columns: Array,
    in_order: bool,
    centre: Array,
    scale: Array,
    sizes: Array,
    weights: Array,
    bias: Array,
    momentum: float,
    batch: int,
    l1: float,
    l2: float,
) -> None:
    """Learn the weights and biases of all variants, in place.

    The loss is the mean over a batch of the logistic loss, plus l1 ||w||_1 + l2 ||w||_2^2 (no penalty on the bias);
    momentum as in torch.optim.SGD. The last batch of an epoch is as large as what is left.

    features : float32 (image, unit). images, labels : int64 and bool (drawn,), the epochs' draws one after the other;
    epoch e is starts[e] .. starts[e + 1] - 1 and has learning rate rates[e]. columns : int64 (column,), the unit of
    every column; in_order : they are 0, 1, ..., unit - 1. centre, scale : float64 (unit,). sizes : int64 (variant,): a
    variant uses the first so many columns. weights : float64 (variant, column). bias : float64 (variant,).
    """
    n_variants, n_columns = weights.shape
    rows = np.empty((batch, n_columns), dtype=np.float64)
    partial = np.empty(n_columns // 4 + 1, dtype=np.float64)
    logits = np.empty(batch, dtype=np.float64)
    gradient = np.empty(n_columns, dtype=np.float64)
    velocity = np.zeros((n_variants, n_columns), dtype=np.float64)
    bias_velocity = np.zeros(n_variants, dtype=np.float64)
    for epoch in range(rates.shape[0]):
        rate = rates[epoch]
        for first in range(starts[epoch], starts[epoch + 1], batch):
            last = min(first + batch, starts[epoch + 1])
            n = last - first
            _gather(features, images[first:last], columns, in_order, centre, scale, rows)
            for v in range(n_variants):
                size = sizes[v]
                _logits(rows, n, size, weights[v], bias[v], partial, logits)
                slope = _residuals(logits, labels[first:last], n)
                _gradient(rows, n, size, logits, gradient)
                _step(weights[v], velocity[v], gradient, size, rate, momentum, l1, l2)
                bias_velocity[v] = momentum * bias_velocity[v] + slope
                bias[v] -= rate * bias_velocity[v]


@numba.njit(cache=True, nogil=True)
def decide(
    features: Array,
    images: Array,
    columns: Array,
    in_order: bool,
    centre: Array,
    scale: Array,
    sizes: Array,
    weights: Array,
    bias: Array,
    batch: int,
) -> Array:
    """Whether each variant says that an image holds the concept: logit > 0, bool (variant, image); see `learn`."""
    n_variants, n_columns = weights.shape
    n_images = images.shape[0]
    rows = np.empty((batch, n_columns), dtype=np.float64)
    partial = np.empty(n_columns // 4 + 1, dtype=np.float64)
    logits = np.empty(batch, dtype=np.float64)
    yes = np.empty((n_variants, n_images), dtype=np.bool_)
    for first in range(0, n_images, batch):
        last = min(first + batch, n_images)
        _gather(features, images[first:last], columns, in_order, centre, scale, rows)
        for v in range(n_variants):
            _logits(rows, last - first, sizes[v], weights[v], bias[v], partial, logits)
            for i in range(last - first):
                yes[v, first + i] = logits[i] > 0.0
    return yes
