"""How a combination does over all images, those without the concept included: iou_set never sees them."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from conceptatlas.inference.ranking import average_precision
from conceptatlas.masks.bitmask import unpack
from conceptatlas.masks.cells import covered_cells
from conceptatlas.masks.upsample import Grid
from conceptatlas.net2vec.combination_masks import count_masks, weighted_sums
from conceptatlas.net2vec.firing import Firing
from conceptatlas.net2vec.label_masks import LabelMasks
from conceptatlas.streaming.ordered import N_PATTERNS, keys_of

Array = np.ndarray[Any, Any]

_IMAGES_AT_ONCE = 1024


class Everywhere(NamedTuple):
    """pixels : of the combination's mask over all images. auprc : average precision of its sums over the cells of all
    images. cell_share : share of cells that the concept covers by more than half."""

    pixels: int
    auprc: float
    cell_share: float


def judge_everywhere(
    firing: Firing, masks: LabelMasks, every: Array, images: Array, labels: Array, weights: Array, bias: float,
    grid: Grid,
) -> Everywhere:  # fmt: skip
    """Judge one solution over many images.

    every : int64, image_index of all images. images : int64 (image,), of those that hold the concept, with their masks
    labels uint64 (image, word). weights : (unit,). Sums are rounded to float16 before they are ranked: 65,536 counters
    hold them exactly then, however many images there are.
    """
    ignore = masks.ignore if masks.has_ignore else None
    w = np.asarray(weights)[None, :]
    pixels, _ = count_masks(
        lambda some: weighted_sums(firing, some, w), every, np.full(len(every), -1), labels,
        np.array([-bias], dtype=np.float32), grid, ignore=ignore,
    )  # fmt: skip
    everything, positives = (np.zeros(N_PATTERNS, dtype=np.int64) for _ in range(2))
    place = np.full(int(every.max(initial=0)) + 1, -1, dtype=np.int64)
    place[images] = np.arange(len(images))
    for start in range(0, len(every), _IMAGES_AT_ONCE):
        some = every[start : start + _IMAGES_AT_ONCE]
        keys = keys_of(weighted_sums(firing, some, w)[:, 0].astype(np.float16)).reshape(len(some), -1)
        counted = np.ones(keys.shape, dtype=bool)
        if ignore is not None:
            counted = ~_cells(np.ascontiguousarray(ignore[some]), masks.size, firing.map_shape)
        everything += np.bincount(keys[counted], minlength=N_PATTERNS)
        holding = np.flatnonzero(place[some] >= 0)
        if len(holding):
            covered = _cells(labels[place[some[holding]]], masks.size, firing.map_shape) & counted[holding]
            positives += np.bincount(keys[holding][covered], minlength=N_PATTERNS)
    share = positives.sum() / max(int(everything.sum()), 1)
    return Everywhere(int(pixels.sum()), average_precision(positives, everything), float(share))


def _cells(words: Array, size: int, shape: tuple[int, int]) -> Array:
    """Cells of which packed masks cover more than half: bool (mask, cell)."""
    return covered_cells(unpack(words, height=size, width=size), shape).reshape(len(words), -1)
