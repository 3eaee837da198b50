"""How well a label foretells a unit on images it was not chosen on: the correlation of the label's profile with the
activation, over the whole range of the activation, with its interval over resampled blocks of images.

A label that only names the top images can be right there and wrong everywhere else; the profile of a label (the cosines
of all images with its text) stands for a unit that does nothing but see what the label says (simulation scoring: Bills
et al. 2023, with the encoder in the place of the language model).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

Array = np.ndarray[Any, Any]

_CHUNK = 2048


class Correlated(NamedTuple):
    """value float64 (pair,); replicates float64 (pair, replicate) over resampled blocks; NaN where one is constant."""

    value: Array
    replicates: Array


def standard(columns: Array) -> Array:
    """Columns with mean 0 and length 1 over the images; NaN where a column is constant: float64 (image, column)."""
    centred = np.asarray(columns, dtype=np.float64)
    centred = centred - centred.mean(axis=0)
    length = np.sqrt((centred * centred).sum(axis=0))
    with np.errstate(invalid="ignore", divide="ignore"):
        result: Array = np.where(length > 1e-12 * len(columns), centred / length, np.nan)
    return result


def paired_correlations(a: Array, b: Array) -> Array:
    """Correlation of column i of a with column i of b: float64 (column,); NaN where one is constant."""
    correlations: Array = (standard(a) * standard(b)).sum(axis=0)
    return correlations


def correlations_in_blocks(a: Array, b: Array, blocks: Array, weights: Array) -> Correlated:
    """Correlations of paired columns, and the same over resampled blocks.

    a, b : (image, pair). blocks : int (image,), block of every image. weights : (replicate, block), see
    `inference.bootstrap.block_weights`.
    """
    value = paired_correlations(a, b)
    replicates = np.full((a.shape[1], len(weights)), np.nan)
    n_blocks = weights.shape[1]
    member = np.zeros((n_blocks, len(blocks)))
    member[blocks, np.arange(len(blocks))] = 1
    drawn = weights.astype(np.float64)
    size = drawn @ member.sum(axis=1)
    for start in range(0, a.shape[1], _CHUNK):
        part = slice(start, start + _CHUNK)
        # of standardised columns: sums stay of the order of 1, products do not cancel
        x, y = np.nan_to_num(standard(a[:, part])), np.nan_to_num(standard(b[:, part]))
        sums = [drawn @ (member @ column) for column in (x, y, x * x, y * y, x * y)]
        with np.errstate(invalid="ignore", divide="ignore"):
            sx, sy, sxx, syy, sxy = (total / size[:, None] for total in sums)
            spread = np.sqrt((sxx - sx * sx) * (syy - sy * sy))
            replicates[part] = np.where(spread > 1e-15, (sxy - sx * sy) / spread, np.nan).T
    replicates[np.isnan(value)] = np.nan
    return Correlated(value, replicates)


def percentiles(replicates: Array, *, confidence: float) -> tuple[Array, Array]:
    """Percentile interval of each row; NaN where more than half of the replicates are undefined, or there are none."""
    low, high = np.full(len(replicates), np.nan), np.full(len(replicates), np.nan)
    if replicates.shape[1]:
        enough = np.isfinite(replicates).mean(axis=1) > 0.5
        tail = 100 * (1 - confidence) / 2
        if enough.any():
            low[enough], high[enough] = np.nanpercentile(replicates[enough], [tail, 100 - tail], axis=1)
    return low, high
