"""Which concept of one layer is which of another: mutual best matches, and the one-to-one matching of largest sum.

A concept pair without a UCS (NaN: both masks empty in every image) is never matched. Of equal values the first concept
counts as best.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment

Array = np.ndarray[Any, Any]

_NEVER = -1e-6
"""Stands for NaN while matching: adds nothing to the sum, and loses against a pair whose UCS is 0."""


def mutual_best(ucs: Array) -> Array:
    """Pairs in which each is the other's best: int64 (pair, 2), by the first concept. ucs : (concept, concept)."""
    if not ucs.size:
        return np.zeros((0, 2), dtype=np.int64)
    filled = np.where(np.isnan(ucs), _NEVER, ucs)
    best = filled.argmax(axis=1)
    rows = np.arange(len(ucs))
    kept = (filled.argmax(axis=0)[best] == rows) & ~np.isnan(ucs[rows, best])
    return np.stack([rows[kept], best[kept]], axis=1).astype(np.int64)


def hungarian(ucs: Array) -> Array:
    """The one-to-one matching with the largest sum of UCS: int64 (pair, 2), by the first concept."""
    if not ucs.size:
        return np.zeros((0, 2), dtype=np.int64)
    rows, columns = linear_sum_assignment(np.where(np.isnan(ucs), _NEVER, ucs), maximize=True)
    kept = ~np.isnan(ucs[rows, columns])
    return np.stack([rows[kept], columns[kept]], axis=1).astype(np.int64)


def mean_of(ucs: Array, pairs: Array) -> float:
    """Mean UCS of some pairs, whatever their order; NaN where there is none."""
    return math.fsum(ucs[pairs[:, 0], pairs[:, 1]]) / len(pairs) if len(pairs) else float("nan")


def best_of(ucs: Array) -> tuple[Array, Array]:
    """Best UCS of every concept of the first and of the second layer, (..., concept); NaN where it has none.

    ucs : (..., concept, concept).
    """
    filled = np.where(np.isnan(ucs), -1.0, ucs)
    found = []
    for axis in (-1, -2):
        best = filled.max(axis=axis, initial=-1.0)
        found.append(np.where(best < 0, np.nan, best))
    return found[0], found[1]
