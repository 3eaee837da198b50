"""Chance: images of one of two layers are shuffled, and whatever was searched for is searched for again.

Shuffles are seeded by the names of the two layers in sorted order, so neither the order of layers nor their number
matters; images stay within their source, and within the fixed batch they are compared in.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from conceptatlas.seeds import generator

Array = np.ndarray[Any, Any]

NULL_SHARE = 0.95
"""Share of chance below the point that a similarity must pass."""

TIE = 1e-10
"""Similarities that differ by less are the same number rounded (images with equal features can change places)."""


class Chance(NamedTuple):
    """What chance says about a number: see the columns null_mean, null_high and p of the table of pairs."""

    null_mean: float
    null_high: float
    p: float
    n_permutations: int


def shuffles(
    measure: str, name_a: str, name_b: str, groups: Array, *, n_permutations: int, seed: int
) -> tuple[Array, bool]:
    """Seeded shuffles of the images of one of two layers.

    name_* : of the layers. groups : int64 (image,), images that may change places share a number.

    Returns
    -------
    int64 (permutation, image): image n of the layer that stays meets image out[r, n] of the one that is shuffled; and
    whether it is layer b that is shuffled. The layer whose name sorts last is.
    """
    first, second = sorted((name_a, name_b))
    rng = generator(seed, "similarity null", measure, first, second)
    out = np.tile(np.arange(len(groups), dtype=np.int64), (n_permutations, 1))
    members = [np.flatnonzero(groups == group) for group in np.unique(groups)]
    for drawn in out:
        for same in members:
            drawn[same] = same[rng.permutation(len(same))]
    return out, name_b == second


def joint_groups(*labels: Array) -> Array:
    """Numbers of the images that agree in every labelling: int64 (image,)."""
    stacked = np.stack([np.asarray(label, dtype=np.int64) for label in labels])
    return np.unique(stacked, axis=1, return_inverse=True)[1].reshape(-1).astype(np.int64)


def null_points(null: Array) -> Array:
    """95 % point of chance of every item: rank ceil(0.95 (R + 1)), the largest where R is below 19.

    null : (permutation, item); undefined values (NaN) count as lower than any. NaN where all are, or R is 0.
    """
    n = len(null)
    if not n:
        return np.full(null.shape[1:], np.nan)
    rank = min(math.ceil(NULL_SHARE * (n + 1)), n)
    point = np.sort(np.where(np.isnan(null), -np.inf, null), axis=0)[rank - 1]
    return np.where(np.isneginf(point), np.nan, point)


def judge(value: float, null: Array) -> Chance:
    """Place a value in its null, float64 (permutation,), of which undefined values are left out."""
    null = null[~np.isnan(null)]
    if not len(null) or np.isnan(value):
        return Chance(math.nan, math.nan, math.nan, len(null))
    p = (1 + int((null >= value - TIE).sum())) / (1 + len(null))
    return Chance(float(null.mean()), float(null_points(null[:, None])[0]), p, len(null))
