"""Which cells of which images belong to a concept, and the activations there: rows (cell, unit).

Labels are laid on the layer's own grid (a cell holds a concept if the mask covers more than half of it; a label of the
whole image covers every cell). The layer is written once to a scratch file with the units of a cell side by side, in
the type it is stored in, so that a cell anywhere in the data set is one contiguous read; workers map that file.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from conceptatlas.activations.maps import Maps, image_ranges
from conceptatlas.axes.principal_direction import standardise
from conceptatlas.datasets.labelled_images import read_labels
from conceptatlas.masks.cells import label_cells
from conceptatlas.masks.label_bits import LabelBits
from conceptatlas.seeds import generator

Array = np.ndarray[Any, Any]

IMAGES_AT_ONCE = 64


@dataclass(frozen=True)
class ConceptCells:
    """Cells of a concept: image and position of each, sorted by image, then position.

    n_images : images with at least one cell. n_all : cells before the cap.
    """

    images: Array
    positions: Array
    n_images: int
    n_all: int


@dataclass(frozen=True)
class LabelledCells:
    """Cells of every label of a data set on a layer's grid, packed.

    images, concepts : int (entry,). entries : packed bits (entry, byte). counted : bool (image, cell): valid and not
    padding. with_concept : int64 (concept,): valid images that hold the concept.
    """

    images: Array
    concepts: Array
    entries: Array
    counted: Array
    with_concept: Array

    @property
    def n_cells(self) -> int:
        """Cells of a map."""
        return int(self.counted.shape[1])

    def of(self, concept: int, *, name: str, max_cells: int, seed: int) -> ConceptCells:
        """Cells of a concept; above `max_cells` (0: no cap) a seeded draw of that many, without replacement."""
        mine = np.flatnonzero(self.concepts == concept)
        held = np.unpackbits(self.entries[mine], axis=1, count=self.n_cells).astype(bool)
        held &= self.counted[self.images[mine]]
        entry, positions = np.nonzero(held)
        images = self.images[mine][entry]
        n_all = len(images)
        n_images = len(np.unique(images))
        if max_cells and n_all > max_cells:
            take = np.sort(generator(seed, "cells of a concept", name).permutation(n_all)[:max_cells])
            images, positions = images[take], positions[take]
        return ConceptCells(images, positions, n_images, n_all)


def read_cells(maps: Maps, annotations: list[str], *, n_concepts: int) -> LabelledCells:
    """Cells of all labels of all images, shard by shard."""
    images, concepts, entries, counted = [], [], [], []
    for s, first, last in image_ranges(maps.shards, at_once=4 * IMAGES_AT_ONCE):
        shard = maps.shards[s]
        start = shard.start + first
        labels: LabelBits = read_labels(annotations, start=start, stop=shard.start + last)
        here, cells = label_cells(labels, maps.map_shape)
        images.append(start + np.repeat(np.arange(labels.n_images), np.diff(labels.offsets)))
        concepts.append(labels.concepts)
        entries.append(np.packbits(here, axis=1))
        counted.append(cells & shard.valid[first:last, None])
    image, concept = np.concatenate(images), np.concatenate(concepts)
    valid = np.concatenate([shard.valid for shard in maps.shards])
    with_concept = np.bincount(concept[valid[image]], minlength=n_concepts)
    return LabelledCells(image, concept, np.concatenate(entries), np.concatenate(counted), with_concept)


def write_cells(path: Path, maps: Maps) -> None:
    """Write a layer as (image * cell, unit) in its stored type."""
    n_cells = maps.map_shape[0] * maps.map_shape[1]
    n_images = maps.shards[-1].stop
    out: Any = None
    for s, first, last in image_ranges(maps.shards, at_once=IMAGES_AT_ONCE):
        shard = maps.shards[s]
        values, _ = maps.read(shard, first, last)
        if out is None:
            shape = (n_images * n_cells, maps.n_units)
            out = np.lib.format.open_memmap(path, mode="w+", dtype=values.dtype, shape=shape)
        start = (shard.start + first) * n_cells
        rows = np.asarray(values).reshape(last - first, maps.n_units, n_cells).transpose(0, 2, 1)
        out[start : start + (last - first) * n_cells] = rows.reshape(-1, maps.n_units)
    out.flush()


def gather(cells: Array, images: Array, positions: Array, *, n_cells: int, mean: Array, deviation: Array,
           dtype: Any) -> Array:  # fmt: skip
    """Standardised activations (cell, unit) at positions of images, from what `write_cells` wrote."""
    return standardise(np.asarray(cells[images * n_cells + positions]), mean, deviation, dtype=dtype)
