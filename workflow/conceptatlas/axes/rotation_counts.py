"""Detectors of a layer in any turned basis: turned block by block, thresholded, tallied from memory, counted.

One pass over the stored activations a block of directions; where all directions fit into memory, one pass in all. The
counts are those of the dissection (`masks.labels`): the units' own basis gives the dissection's numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from conceptatlas.activations.store import Shard
from conceptatlas.axes.turned import Directions, TurnedBlock, turned_blocks
from conceptatlas.masks.iou import iou_category
from conceptatlas.masks.label_bits import LabelBits
from conceptatlas.masks.labels import Counts, best_in_category, count_detectors
from conceptatlas.masks.tally import tally_images
from conceptatlas.masks.upsample import Grid
from conceptatlas.naming import CATEGORIES

Array = np.ndarray[Any, Any]

_IMAGES_AT_ONCE = 1024


@dataclass(frozen=True)
class Setting:
    """What every turned basis of a layer is counted with; small, so that it can be sent to workers.

    shards : the stored layer. labels : folder of the label masks of all images (`LabelBits.save`).
    primary_category : int (concept,). tau, definition : of the threshold. cut : IoU that a detector exceeds.
    """

    shards: list[Shard]
    labels: Path
    primary_category: Array
    grid: Grid
    tau: str
    definition: str
    cut: float


class Counted(NamedTuple):
    """Counts of a turned basis, and the best IoU of every direction, float64 (direction,), -inf where undefined."""

    counts: Counts
    best_iou: Array


def count_directions(setting: Setting, directions: Directions, *, mem_mb: float = 2000) -> Counted:
    """Detectors and unique detectors among the directions of a layer.

    mem_mb : what the values of a block of directions may take, about.
    """
    grid = setting.grid
    labels = LabelBits.load(setting.labels, n_pixels=grid.shape[0] * grid.shape[1])
    valid = np.concatenate([shard.valid for shard in setting.shards])
    parts = [
        _tally_block(setting, block, labels, valid)
        for block in turned_blocks(
            setting.shards, directions, tau=setting.tau, definition=setting.definition, mem_mb=mem_mb
        )
    ]
    intersections = np.concatenate([part[0] for part in parts])
    areas = np.concatenate([part[1] for part in parts])
    scores = iou_category(intersections, areas, parts[0][2], setting.primary_category)
    label, value = best_in_category(scores, setting.primary_category, len(CATEGORIES))
    counts = count_detectors(label, value, categories=list(CATEGORIES), cut=setting.cut)
    return Counted(counts, np.where(np.isnan(value), -np.inf, value).max(axis=1))


def _tally_block(setting: Setting, block: TurnedBlock, labels: LabelBits, valid: Array) -> tuple[Array, Array, Array]:
    """Intersections (direction, concept), areas by category (direction, category), label pixels (concept,)."""
    maps = block.values.transpose(1, 0, 2, 3)
    n_directions, n_concepts = maps.shape[1], len(setting.primary_category)
    intersections = np.zeros((n_directions, n_concepts), dtype=np.int64)
    areas = np.zeros((n_directions, len(CATEGORIES)), dtype=np.int64)
    pixels = np.zeros(n_concepts, dtype=np.int64)
    for first in range(0, len(maps), _IMAGES_AT_ONCE):
        images = np.arange(first, min(first + _IMAGES_AT_ONCE, len(maps)))
        tally = tally_images(
            maps[images[0] : images[-1] + 1],
            np.ascontiguousarray(block.maximum[images]),
            block.thresholds,
            labels.select(images),
            np.zeros(len(images), dtype=np.int64),  # no interval over images is taken: one block
            setting.primary_category,
            setting.grid,
            n_categories=len(CATEGORIES),
            valid=valid[images],
        )
        intersections += tally.dense()
        areas += tally.category_areas.sum(axis=2)
        pixels += tally.label_pixels.sum(axis=1)
    return intersections, areas, pixels
