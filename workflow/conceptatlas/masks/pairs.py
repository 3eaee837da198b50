"""Masks of the pairs (image, unit) that are active anywhere: gathered, upsampled to bits, ignored pixels removed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numba
import numpy as np

from conceptatlas.masks.active import Cutting, arguments, pair_bits
from conceptatlas.masks.bitmask import n_words, popcount
from conceptatlas.masks.upsample import Grid

Array = np.ndarray[Any, Any]


@numba.njit(cache=True, nogil=True)
def _areas(words: Array, span: Array, images: Array, ignore: Array, has_ignore: bool, areas: Array) -> None:
    for p in range(words.shape[0]):
        mine = words[p, span[p, 0] : span[p, 1]]
        if has_ignore:
            theirs = ignore[images[p], span[p, 0] : span[p, 1]]
            for w in range(mine.shape[0]):
                mine[w] &= ~theirs[w]
        total = np.uint64(0)
        for w in range(mine.shape[0]):
            total += popcount(mine[w])
        areas[p] = np.int64(total)


@numba.njit(cache=True, nogil=True)
def _gather_float16(bits: Array, images: Array, units: Array, border: int, out: Array) -> None:
    """Maps of pairs as float32, from the bit patterns (uint16) of float16 maps; a border of zeros around them."""
    scale = np.float32(2.0**112)  # float16 exponents moved into float32's place are too small by 112
    for p in range(images.shape[0]):
        values = out[p]
        if border:
            values[:] = 0
        source = bits[images[p], units[p]]
        for y in range(source.shape[0]):
            for x in range(source.shape[1]):
                b: Any = np.uint32(source[y, x])
                magnitude: Any = np.uint32((b & np.uint32(0x7FFF)) << np.uint32(13)).view(np.float32) * scale
                values[y + border, x + border] = -magnitude if b & np.uint32(0x8000) else magnitude


@numba.njit(cache=True, nogil=True)
def _gather_float32(maps: Array, images: Array, units: Array, border: int, out: Array) -> None:
    for p in range(images.shape[0]):
        values = out[p]
        if border:
            values[:] = 0
        source = maps[images[p], units[p]]
        for y in range(source.shape[0]):
            for x in range(source.shape[1]):
                values[y + border, x + border] = source[y, x]


@numba.njit(cache=True, nogil=True)
def _binarise(values: Array, thresholds: Array) -> None:
    """Values above the threshold become 1, the others 0."""
    for p in range(values.shape[0]):
        for y in range(values.shape[1]):
            for x in range(values.shape[2]):
                values[p, y, x] = 1 if values[p, y, x] > thresholds[p] else 0


@dataclass(frozen=True)
class PairMasks:
    """Masks of the pairs (image, unit) that are active anywhere.

    images, units : int64, shape (pair,): position of the image and of the unit.
    words : uint64, shape (pair, word): the mask, ignored pixels removed.
    span : int64, shape (pair, 2): words span[p, 0] .. span[p, 1]-1 hold all set bits of pair p.
    areas : int64, shape (pair,): active pixels.
    """

    images: Array
    units: Array
    words: Array
    span: Array
    areas: Array


def active_pairs(maximum: Array, thresholds: Array, grid: Grid) -> tuple[Array, Array]:
    """Positions (image, unit) of the pairs that can have a non-empty mask: max_ij A > T_k.

    maximum : float32 (image, unit); thresholds : float32 (unit,). With ``padding: zero`` the border counts as a knot.
    """
    top = maximum
    if grid.zero_border and grid.order == "upsample_then_threshold":
        top = np.maximum(maximum, 0)
    images, units = np.nonzero(top > thresholds)
    return images, units


def pair_masks(
    maps: Array,
    thresholds: Array,
    images: Array,
    units: Array,
    grid: Grid,
    cutting: Cutting,
    *,
    ignore: Array | None = None,
) -> PairMasks:
    """Upsampled masks of the given pairs.

    maps : float16 or float32, shape (image, unit, height, width). ignore : uint64 (image, word) or None.
    """
    maps = np.asarray(maps)  # a memory map's own class would take numba's slow way in
    border = int(grid.zero_border)
    height, width = maps.shape[2:]
    values = np.empty((len(images), height + 2 * border, width + 2 * border), dtype=np.float32)
    levels = thresholds[units].astype(np.float32)
    if maps.dtype == np.float16:
        _gather_float16(maps.view(np.uint16), images, units, border, values)
    else:
        _gather_float32(maps, images, units, border, values)
    if grid.order == "threshold_then_upsample":
        inside = values[:, border : border + height, border : border + width]
        _binarise(inside, levels)
        levels = np.full(len(levels), 0.5, dtype=np.float32)
    words = np.empty((len(images), n_words(cutting.n_pixels)), dtype=np.uint64)
    span = np.empty((len(images), 2), dtype=np.int64)
    areas = np.empty(len(images), dtype=np.int64)
    pair_bits(values, levels, words, span, cutting.width, *arguments(cutting))
    nothing = np.zeros((1, 1), dtype=np.uint64)
    _areas(words, span, images, nothing if ignore is None else ignore, ignore is not None, areas)
    return PairMasks(images, units, words, span, areas)
