"""Masks of weighted sums of thresholded units, and what they share with a concept's masks, image by image.

A pixel is foreground iff the upsampled sum plus the bias is strictly positive (sigmoid > 1/2). Without a bias positions
where nothing fires are exactly 0 and background.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

from conceptatlas.masks.active import Cutting, prepare
from conceptatlas.masks.bitmask import popcount
from conceptatlas.masks.pairs import PairMasks, pair_masks
from conceptatlas.masks.upsample import Grid
from conceptatlas.net2vec.firing import Firing

Array = np.ndarray[Any, Any]

_MAPS_BYTES = 2**24


@numba.njit(cache=True, nogil=True)
def _sums(
    images: Array, offsets: Array, positions: Array, units: Array, weights: Array, member: Array, out: Array
) -> None:
    for i in range(images.shape[0]):
        n = images[i]
        for v in range(weights.shape[0]):
            maps = out[i, v]
            for e in range(offsets[n], offsets[n + 1]):
                k = units[e]
                if member[v, k]:
                    maps[positions[e]] += weights[v, k]


def weighted_sums(firing: Firing, images: Array, weights: Array) -> Array:
    """sum_k w_k 1[A_k > T_k] at every position: float32 (image, solution, height, width).

    images : int64, image_index. weights : (solution, unit). Units are added in their order, one by one, so a sum does
    not depend on what else is asked for.
    """
    w = np.ascontiguousarray(weights, dtype=np.float32)
    out = np.zeros((len(images), len(w), firing.n_positions), dtype=np.float32)
    _sums(np.asarray(images, dtype=np.int64), firing.offsets, firing.positions, firing.units, w, w != 0, out)
    return out.reshape(len(images), len(w), *firing.map_shape)


@numba.njit(cache=True, nogil=True)
def _shared(words: Array, span: Array, images: Array, units: Array, rows: Array, labels: Array, out: Array) -> None:
    for p in range(words.shape[0]):
        r = rows[images[p]]
        if r < 0:
            continue
        mine = words[p, span[p, 0] : span[p, 1]]
        theirs = labels[r, span[p, 0] : span[p, 1]]
        total = np.uint64(0)
        for w in range(mine.shape[0]):
            total += popcount(mine[w] & theirs[w])
        out[images[p], units[p]] = np.int64(total)


def masks_above(maps: Array, levels: Array, grid: Grid, cutting: Cutting, *, ignore: Array | None) -> PairMasks:
    """Masks of maps (image, solution, height, width) that exceed a level (solution,) after upsampling."""
    images, solutions = np.nonzero(maps.max(axis=(2, 3)) > levels[None, :])
    return pair_masks(maps, levels, images, solutions, grid, cutting, ignore=ignore)


def count_masks(
    maps_of: Any, images: Array, rows: Array, labels: Array, levels: Array, grid: Grid, *, ignore: Array | None
) -> tuple[Array, Array]:
    """Area of the mask of every solution in every image, and of what it shares with the image's label.

    maps_of : function of some images (int64) -> maps float32 (image, solution, height, width). images : int64
    (image,), image_index. rows : int64 (image,), row of `labels` (uint64 (row, word)) of each, -1 for none.
    levels : float32 (solution,), what the upsampled map must exceed. ignore : uint64 (image_index, word) or None.

    Returns
    -------
    areas, shared : int64 (image, solution).
    """
    cutting = prepare(grid)
    n_solutions = len(levels)
    areas, shared = (np.zeros((len(images), n_solutions), dtype=np.int64) for _ in range(2))
    n_words = labels.shape[1]
    step = max(1, _MAPS_BYTES // (8 * n_words * n_solutions))
    for start in range(0, len(images), step):
        piece = slice(start, start + step)
        hidden = None if ignore is None else np.ascontiguousarray(ignore[images[piece]])
        masks = masks_above(maps_of(images[piece]), levels, grid, cutting, ignore=hidden)
        areas[piece][masks.images, masks.units] = masks.areas
        _shared(masks.words, masks.span, masks.images, masks.units, rows[piece], labels, shared[piece])
    return areas, shared


def unit_maps(firing: Firing, images: Array, unit: int) -> Array:
    """1[A_k > T_k] of one unit: float32 (image, 1, height, width)."""
    one = np.zeros((1, firing.n_units), dtype=np.float32)
    one[0, unit] = 1
    return weighted_sums(firing, images, one)
