"""Masks of concepts: maps normalised, upsampled in the study's geometry, and binarised at every threshold (BT).

normalise: dataset   a map over its concept's peak, the value that a share 1 - quantile of the test images' cells
                     exceeds: an image without the concept has an empty mask
normalise: image     a map over its own maximum (ICE, and what the comparison of layers printed): every image in which
                     the map is above 0 anywhere has a mask, whether the concept is there or not

A pixel is set where the upsampled value is strictly above BT. Padding of the frame is removed from masks and counts
neither for peaks nor for maxima.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from conceptatlas.datasets.padding import read_ignore
from conceptatlas.masks.active import prepare
from conceptatlas.masks.bitmask import n_words
from conceptatlas.masks.pairs import active_pairs, pair_masks
from conceptatlas.masks.upsample import Grid
from conceptatlas.naming import unknown
from conceptatlas.parallel import parallel_map
from conceptatlas.similarity.discovered_file import open_masks

Array = np.ndarray[Any, Any]

NORMALISE = ("dataset", "image")
_IMAGES_AT_ONCE = 64


def peaks(maps: Array, counted: Array, *, quantile: float) -> Array:
    """The normaliser of every concept, float64 (concept,): the (m+1)-th largest value of its map, m = floor((1-q) n).

    maps : float32 (image, concept, height, width). counted : bool (image, cell), the n cells that are not padding.
    Where the quantile is 0 (a concept in fewer cells than that) the maximum is taken; NaN for a map that is 0
    everywhere.
    """
    n = int(counted.sum())
    out = np.full(maps.shape[1], np.nan)
    m = min(int((1 - Fraction(str(quantile))) * n), max(n - 1, 0))
    for c in range(maps.shape[1]):
        values = np.asarray(maps[:, c]).reshape(counted.shape)[counted]
        highest = float(values.max(initial=0))
        if highest > 0:
            value = float(np.partition(values, n - 1 - m)[n - 1 - m])
            out[c] = value if value > 0 else highest
    return out


def normalised(maps: Array, divisors: Array) -> Array:
    """Maps (image, concept, height, width) over divisors (image, concept), float32; 0 where the divisor is not above 0.

    >>> normalised(np.full((1, 1, 1, 1), 3, dtype=np.float32), np.full((1, 1), 4.0))
    array([[[[0.75]]]], dtype=float32)
    """
    known = np.where(divisors > 0, divisors, np.inf).astype(np.float32)
    out: Array = maps / known[..., None, None]
    return out


class _Task(NamedTuple):
    maps: Path
    rows: slice
    images: Array
    divisors: Array
    thresholds: tuple[float, ...]
    grid: Grid
    annotations: list[str]
    out: str


def write_masks(
    out: str | Path, maps: Path, images: Array, divisors: Array, thresholds: list[float], grid: Grid,
    annotations: list[str], *, threads: int = 1, mem_mb: int = 2000,
) -> Array:  # fmt: skip
    """Fill the masks of a discovered.h5 and return their areas, int32 (threshold, image, concept).

    maps : .npy float32 (image, concept, height, width). images : int64, image_index of its rows, ascending. divisors :
    float (image, concept), what each map is divided by; not above 0: no mask.
    """
    tasks = [
        _Task(maps, slice(first, min(first + _IMAGES_AT_ONCE, len(images))), images[first : first + _IMAGES_AT_ONCE],
              divisors[first : first + _IMAGES_AT_ONCE], tuple(thresholds), grid, annotations, str(out))
        for first in range(0, len(images), _IMAGES_AT_ONCE)
    ]  # fmt: skip
    found = parallel_map(_mask_images, tasks, threads=threads, mem_mb=mem_mb, description="masks of concepts")
    empty = np.zeros((len(thresholds), 0, divisors.shape[1]), dtype=np.int32)
    return np.concatenate([empty, *found], axis=1)


def _mask_images(task: _Task) -> Array:
    maps = np.asarray(np.load(task.maps, mmap_mode="r")[task.rows])
    values = np.ascontiguousarray(normalised(maps, task.divisors))
    ignore = read_ignore(task.annotations, task.images)
    words, areas = binarise(values, task.thresholds, task.grid, ignore)
    stored = open_masks(task.out)
    stored[:, task.rows] = words
    if isinstance(stored, np.memmap):
        stored.flush()
    return areas


def binarise(values: Array, thresholds: tuple[float, ...], grid: Grid, ignore: Array | None) -> tuple[Array, Array]:
    """Masks of normalised maps float32 (image, concept, height, width): words and areas by threshold.

    Returns
    -------
    words : uint64 (threshold, image, concept, word). areas : int32 (threshold, image, concept).
    """
    n_images, n_concepts = values.shape[:2]
    cutting = prepare(grid)
    words = np.zeros((len(thresholds), n_images, n_concepts, n_words(cutting.n_pixels)), dtype=np.uint64)
    areas = np.zeros(words.shape[:3], dtype=np.int32)
    maximum = values.max(axis=(2, 3), initial=0)
    for t, threshold in enumerate(thresholds):
        levels = np.full(n_concepts, threshold, dtype=np.float32)
        images, concepts = active_pairs(maximum, levels, grid)
        found = pair_masks(values, levels, images, concepts, grid, cutting, ignore=ignore)
        words[t, images, concepts] = found.words
        areas[t, images, concepts] = found.areas
    return words, areas


def check_normalise(normalise: str) -> None:
    """Raise ValueError for an option value nobody knows."""
    if normalise not in NORMALISE:
        raise unknown("normalise", normalise, NORMALISE, where="similarity.unsupervised")
