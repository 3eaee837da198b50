"""Block bootstrap over images, and cross-fitting (METHODS 0.4).

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
    low = np.full(len(numerator), np.nan)
    high = np.full(len(numerator), np.nan)
    tail = 100 * (1 - confidence) / 2
    weight = weights.T.astype(np.float64)
    for start in range(0, len(numerator), 4096):  # 4096 items x 1000 replicates x 8 bytes: 32 MB at a time
        part = slice(start, start + 4096)
        top = numerator[part].astype(np.float64) @ weight
        bottom = denominator[part].astype(np.float64) @ weight
        with np.errstate(invalid="ignore", divide="ignore"):
            ratio = np.where(bottom > 0, top / np.where(bottom > 0, bottom, 1), np.nan)
        enough = (n_blocks_with_data[part] >= MINIMUM_BLOCKS) & (np.isfinite(ratio).mean(axis=1) > 0.5)
        if enough.any():
            rows = np.flatnonzero(enough)
            limits = np.nanpercentile(ratio[rows], [tail, 100 - tail], axis=1)
            low[start + rows], high[start + rows] = limits
    return low, high


def halves(n_blocks: int, *, seed: int) -> Array:
    """A seeded half of the blocks, for cross-fitting: bool, shape (block,), half of them true."""
    chosen = np.zeros(n_blocks, dtype=bool)
    chosen[generator(seed, "cross-fitting halves", n_blocks).permutation(n_blocks)[: n_blocks // 2]] = True
    return chosen
