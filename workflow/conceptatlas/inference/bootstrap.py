"""Block bootstrap over images, and cross-fitting.

Images fall into 32 blocks by a hash of their id; a replicate draws 32 blocks with replacement. The blocks do not know
of shards, so neither do the intervals. With fewer than 8 blocks that hold the concept there is no interval.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from conceptatlas.seeds import generator

Array = np.ndarray[Any, Any]

MINIMUM_BLOCKS = 8


def block_weights(n_blocks: int, n_replicates: int, *, seed: int) -> Array:
    """How often each block is drawn: int64, shape (replicate, block), rows sum to n_blocks."""
    rng = generator(seed, "block bootstrap", n_blocks)
    return rng.multinomial(n_blocks, np.full(n_blocks, 1 / n_blocks), size=n_replicates).astype(np.int64)


def ratio_interval(
    numerator: Array, denominator: Array, weights: Array, *, confidence: float = 0.95, n_blocks_with_data: Array
) -> tuple[Array, Array]:
    """Percentile interval of sum(numerator) / sum(denominator) over resampled blocks.

    numerator, denominator : shape (item, block). weights : from `block_weights`. n_blocks_with_data : (item,).

    Returns
    -------
    low, high : float64, shape (item,); NaN where fewer than 8 blocks hold data or a replicate's denominator is empty
        in more than half of the draws.
    """
    return _limits([(numerator, denominator)], weights, confidence, n_blocks_with_data)


def ratio_difference_interval(
    numerator_a: Array,
    denominator_a: Array,
    numerator_b: Array,
    denominator_b: Array,
    weights: Array,
    *,
    confidence: float = 0.95,
    n_blocks_with_data: Array,
) -> tuple[Array, Array]:
    """Percentile interval of sum(a) / sum(its denominator) - sum(b) / sum(its denominator) over resampled blocks.

    Both ratios are of the same draw of blocks, so what moves both (easy images) does not widen the interval. Each has a
    denominator of its own: the unions of two IoUs differ.

    numerator_*, denominator_* : shape (item, block), the same blocks. weights : from `block_weights`.
    n_blocks_with_data : (item,).

    Returns
    -------
    low, high : float64, shape (item,); NaN where fewer than 8 blocks hold data or a denominator of a replicate is empty
        in more than half of the draws.

    Raises
    ------
    ValueError
        if the four arrays differ in shape.
    """
    shapes = [np.shape(part) for part in (numerator_a, denominator_a, numerator_b, denominator_b)]
    if len(set(shapes)) != 1:
        raise ValueError(f"difference of two ratios: arrays of shapes {shapes}; expected one shape (item, block)")
    return _limits(
        [(numerator_a, denominator_a), (numerator_b, denominator_b)], weights, confidence, n_blocks_with_data
    )


def _limits(
    ratios: list[tuple[Array, Array]], weights: Array, confidence: float, n_blocks_with_data: Array
) -> tuple[Array, Array]:
    """Percentile limits of the first ratio, less the second where there is one."""
    n_items = len(ratios[0][0])
    low = np.full(n_items, np.nan)
    high = np.full(n_items, np.nan)
    if not len(weights):
        return low, high
    tail = 100 * (1 - confidence) / 2
    weight = weights.T.astype(np.float64)
    for start in range(0, n_items, 4096):  # 4096 items x 1000 replicates x 8 bytes: 32 MB at a time
        part = slice(start, start + 4096)
        value = _resampled(*ratios[0], part, weight)
        for ratio in ratios[1:]:
            value -= _resampled(*ratio, part, weight)
        enough = (n_blocks_with_data[part] >= MINIMUM_BLOCKS) & (np.isfinite(value).mean(axis=1) > 0.5)
        if enough.any():
            rows = np.flatnonzero(enough)
            limits = np.nanpercentile(value[rows], [tail, 100 - tail], axis=1)
            low[start + rows], high[start + rows] = limits
    return low, high


def _resampled(numerator: Array, denominator: Array, part: slice, weight: Array) -> Array:
    top = numerator[part].astype(np.float64) @ weight
    bottom = denominator[part].astype(np.float64) @ weight
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio: Array = np.where(bottom > 0, top / np.where(bottom > 0, bottom, 1), np.nan)
    return ratio


def halves(n_blocks: int, *, seed: int) -> Array:
    """A seeded half of the blocks, for cross-fitting: bool, shape (block,), half of them true."""
    chosen = np.zeros(n_blocks, dtype=bool)
    chosen[generator(seed, "cross-fitting halves", n_blocks).permutation(n_blocks)[: n_blocks // 2]] = True
    return chosen
