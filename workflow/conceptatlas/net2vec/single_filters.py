"""iou_set of every unit with every concept, training and validation images apart (Net2Vec, section 3.1.1, eq. 1).

A unit's mask is thresholded first, then upsampled, then cut at one half (the paper's modification of Network
Dissection). All sums are integers over images, so that images may be counted in any order and on any worker.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numba
import numpy as np

from conceptatlas.activations.store import map_dataset
from conceptatlas.datasets.labelled_images import read_labels
from conceptatlas.datasets.splits import Split
from conceptatlas.masks.active import prepare
from conceptatlas.masks.bitmask import popcount
from conceptatlas.masks.iou import iou
from conceptatlas.masks.pairs import pair_masks
from conceptatlas.masks.upsample import Grid
from conceptatlas.parallel import parallel_each

Array = np.ndarray[Any, Any]

CUT = np.float32(0.5)
_PAIRS_AT_ONCE = 512
_MAP_BYTES = 2**25


@dataclass(frozen=True)
class SingleFilters:
    """Counts of all units against the concepts that are learned.

    intersections, areas : int64 (split, unit, concept), |M_k AND L_c| and |M_k| over the images of a split that hold c.
    label_pixels : int64 (split, concept). all_areas : int64 (unit,), |M_k| over all images of both splits.
    """

    intersections: Array
    areas: Array
    label_pixels: Array
    all_areas: Array

    def iou_set(self, split: int) -> Array:
        """float64 (unit, concept), NaN where no image of the split holds the concept."""
        return iou(self.intersections[split], self.areas[split], self.label_pixels[split])

    def iou_all(self) -> Array:
        """IoU over the pixels of all images of both splits, float64 (unit, concept)."""
        return iou(self.intersections.sum(axis=0), self.all_areas[:, None], self.label_pixels.sum(axis=0))


class _Task(NamedTuple):
    statistics: str
    annotations: list[str]
    start: int
    stop: int
    splits: Array
    column: Array
    whole: bool
    map_shape: tuple[int, int]
    grid: Grid


def count_single_filters(
    statistics: str | Path,
    annotations: list[str],
    split: Split,
    *,
    concepts: Array,
    image_level: bool,
    map_shape: tuple[int, int],
    grid: Grid,
    threads: int = 1,
    mem_mb: int = 2000,
) -> SingleFilters:
    """Count all units of a layer against the given concepts.

    statistics : the layer's file with packed bits. concepts : int64, concept_index of the columns. image_level : labels
    of whole images count as masks of all pixels (otherwise they are left out). grid : to S x S, any convention.
    """
    bits = map_dataset(statistics, "bits")
    n_units = bits.shape[1]
    column = np.full(int(concepts.max(initial=-1)) + 2, -1, dtype=np.int64)
    column[concepts] = np.arange(len(concepts))
    step = max(1, min(256, _MAP_BYTES // (4 * n_units * map_shape[0] * map_shape[1])))
    tasks = [
        _Task(str(statistics), annotations, start, min(start + step, split.n_images),
              split.of[start : start + step], column, image_level, map_shape, grid)
        for start in range(0, split.n_images, step)
    ]  # fmt: skip
    shape = (2, n_units, len(concepts))
    total = SingleFilters(
        np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.int64), np.zeros((2, len(concepts)), dtype=np.int64),
        np.zeros(n_units, dtype=np.int64),
    )  # fmt: skip
    for _, part in parallel_each(
        _count_images, tasks, threads=threads, mem_mb=mem_mb, description="single filters against concepts"
    ):
        total.intersections.__iadd__(part.intersections)
        total.areas.__iadd__(part.areas)
        total.label_pixels.__iadd__(part.label_pixels)
        total.all_areas.__iadd__(part.all_areas)
    return total


@numba.njit(cache=True, nogil=True)
def _count(
    words: Array,
    span: Array,
    areas: Array,
    images: Array,
    units: Array,
    splits: Array,
    offsets: Array,
    columns: Array,
    rows: Array,
    labels: Array,
    intersections: Array,
    unit_areas: Array,
    all_areas: Array,
) -> None:
    for p in range(words.shape[0]):
        area = areas[p]
        if area == 0:
            continue
        n = images[p]
        k = units[p]
        s = splits[n]
        all_areas[k] += area
        mine = words[p, span[p, 0] : span[p, 1]]
        for e in range(offsets[n], offsets[n + 1]):
            c = columns[e]
            if c < 0:
                continue
            unit_areas[s, k, c] += area
            r = rows[e]
            if r < 0:
                intersections[s, k, c] += area
                continue
            theirs = labels[r, span[p, 0] : span[p, 1]]
            shared = np.uint64(0)
            for w in range(mine.shape[0]):
                shared += popcount(mine[w] & theirs[w])
            intersections[s, k, c] += np.int64(shared)


def _count_images(task: _Task) -> SingleFilters:
    packed = np.asarray(map_dataset(task.statistics, "bits")[task.start : task.stop])
    n_images, n_units = packed.shape[:2]
    n_concepts = int((task.column >= 0).sum())
    labels = read_labels(task.annotations, start=task.start, stop=task.stop)
    known = np.minimum(labels.concepts, len(task.column) - 1)
    columns = np.where(labels.concepts < len(task.column), task.column[known], -1)
    if not task.whole:
        columns = np.where(labels.rows < 0, -1, columns)
    out = SingleFilters(
        np.zeros((2, n_units, n_concepts), dtype=np.int64), np.zeros((2, n_units, n_concepts), dtype=np.int64),
        np.zeros((2, n_concepts), dtype=np.int64), np.zeros(n_units, dtype=np.int64),
    )  # fmt: skip
    image = np.repeat(np.arange(n_images), np.diff(labels.offsets))
    counted = (columns >= 0) & (task.splits[image] >= 0)
    np.add.at(out.label_pixels, (task.splits[image[counted]], columns[counted]), labels.areas()[counted])
    maps = np.unpackbits(packed, axis=-1, count=task.map_shape[0] * task.map_shape[1], bitorder="little")
    values = maps.reshape(n_images, n_units, *task.map_shape).astype(np.float32)
    images, units = np.nonzero(packed.any(axis=-1) & (task.splits[:, None] >= 0))
    cutting = prepare(task.grid)
    cuts = np.full(n_units, CUT)
    for begin in range(0, len(images), _PAIRS_AT_ONCE):
        piece = slice(begin, begin + _PAIRS_AT_ONCE)
        masks = pair_masks(values, cuts, images[piece], units[piece], task.grid, cutting, ignore=labels.ignore)
        _count(
            masks.words, masks.span, masks.areas, masks.images, masks.units, task.splits.astype(np.int64),
            labels.offsets, columns.astype(np.int64), labels.rows, labels.words,
            out.intersections, out.areas, out.all_areas,
        )  # fmt: skip
    return out
