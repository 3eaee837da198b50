"""The null of a layer as tasks: blocks of units, each with its packed masks, against the labels of permuted images."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np

from conceptatlas.activations.maps import Maps, image_ranges
from conceptatlas.activations.mask_file import read_all_masks
from conceptatlas.activations.store import Shard
from conceptatlas.datasets.labelled_images import Images, save_labels
from conceptatlas.masks.active import prepare
from conceptatlas.masks.label_bits import LabelBits
from conceptatlas.masks.pairs import active_pairs, pair_masks
from conceptatlas.masks.shuffled import PackedPairs, null_labels
from conceptatlas.masks.upsample import Grid
from conceptatlas.naming import CATEGORIES
from conceptatlas.parallel import parallel_map

Array = np.ndarray[Any, Any]

IMAGES_AT_ONCE = 256
_NULL_WORK = 2e9  # label rows times permutations a task should do, for tasks of some seconds


class Masks(Protocol):
    """Where the masks of a layer come from: upsampled anew, or packed by a second pass."""

    @property
    def shards(self) -> list[Shard]:
        """Shards in the order of the images."""
        ...

    @property
    def n_units(self) -> int:
        """Number of units (or directions)."""
        ...

    def pairs(self, units: slice, labels: LabelBits) -> tuple[Array, Array]:
        """Words and rows of the masks of some units in all valid images (`masks.shuffled.PackedPairs.arrays`), pixels
        that `labels` (of the whole data set) ignores cut off."""
        ...


@dataclass(frozen=True)
class MapMasks:
    """Masks of maps that can be read."""

    maps: Maps
    thresholds: Array
    grid: Grid

    @property
    def shards(self) -> list[Shard]:
        """See `Masks`."""
        return self.maps.shards

    @property
    def n_units(self) -> int:
        """See `Masks`."""
        return self.maps.n_units

    def pairs(self, units: slice, labels: LabelBits) -> tuple[Array, Array]:
        """See `Masks`."""
        packed = PackedPairs()
        cutting = prepare(self.grid)
        thresholds = self.thresholds[units]
        for s, first, last in image_ranges(self.maps.shards, at_once=IMAGES_AT_ONCE):
            shard = self.maps.shards[s]
            maps, maximum = self.maps.read(shard, first, last, units=units)
            positions, found = active_pairs(np.asarray(maximum), thresholds, self.grid)
            kept = shard.valid[first + positions]
            positions, found = positions[kept], found[kept]
            start = shard.start + first
            ignore = None if labels.ignore is None else labels.ignore[start : shard.start + last]
            for begin in range(0, len(positions), 4096):
                piece = slice(begin, begin + 4096)
                masks = pair_masks(maps, thresholds, positions[piece], found[piece], self.grid, cutting, ignore=ignore)
                packed.add(replace(masks, images=masks.images + start))
        return packed.arrays()


@dataclass(frozen=True)
class CountedMasks:
    """Masks that a second pass has left (`activations.counting`)."""

    shards: list[Shard]
    n_units: int

    def pairs(self, units: slice, labels: LabelBits) -> tuple[Array, Array]:
        """See `Masks`."""
        return read_all_masks(self.shards, units, labels.ignore)


class _NullTask(NamedTuple):
    masks: Masks
    units: slice
    labels: Path
    sources: Array
    primary_category: Array
    n_pixels: int
    n_permutations: int
    seed: int


def null_of_masks(
    masks: Masks,
    *,
    annotations: list[str],
    images: Images,
    primary_category: Array,
    n_pixels: int,
    n_permutations: int,
    seed: int,
    scratch: Path,
    threads: int = 1,
    mem_mb: int = 2000,
) -> tuple[Array, Array]:
    """Best iou_category and concept of every unit in every category under permuted labels (`masks.shuffled`).

    Tasks are blocks of units: each packs its masks once and walks through all permutations, so that memory stays
    bounded and results do not depend on the blocks. The labels of all images (2 GB for Broden) are written to
    `scratch` once and mapped, so that workers share one copy.

    n_pixels : of a mask (S x S).
    """
    labels = scratch / "labels"
    save_labels(annotations, labels, stop=masks.shards[-1].stop)
    n_images = len(images.ids)
    bytes_a_unit = max(1, n_images // 5) * (n_pixels // 8)  # a fifth of the images, whole masks
    fitting = max(1, int(mem_mb * 1e6 / max(threads, 1) / 3 / bytes_a_unit))
    wanted = max(8, int(_NULL_WORK / max(1, n_images * 10 * max(n_permutations, 1))))
    at_once = max(1, min(fitting, wanted, -(-masks.n_units // max(threads, 1))))
    tasks = [
        _NullTask(masks, units, labels, images.sources, primary_category, n_pixels, n_permutations, seed)
        for units in unit_blocks(masks.n_units, at_once)
    ]
    description = f"null, {n_permutations} permutations"
    blocks = parallel_map(_null_block, tasks, threads=threads, mem_mb=mem_mb, description=description)
    return np.concatenate([b[0] for b in blocks], axis=1), np.concatenate([b[1] for b in blocks], axis=1)


def unit_blocks(n_units: int, at_once: int) -> list[slice]:
    """Slices of units of at most `at_once`."""
    return [slice(first, min(first + at_once, n_units)) for first in range(0, n_units, at_once)]


def _null_block(task: _NullTask) -> tuple[Array, Array]:
    labels = LabelBits.load(task.labels, n_pixels=task.n_pixels)
    words, meta = task.masks.pairs(task.units, labels)
    return null_labels(
        words,
        meta,
        labels,
        task.primary_category,
        task.sources,
        np.concatenate([shard.valid for shard in task.masks.shards]),
        n_units=task.units.stop - task.units.start,
        n_categories=len(CATEGORIES),
        n_permutations=task.n_permutations,
        seed=task.seed,
    )
