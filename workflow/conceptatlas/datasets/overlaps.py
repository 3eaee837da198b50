"""How much concepts overlap: pixels and images that each pair shares, by bootstrap block.

Only pairs that meet are kept: with 1,200 concepts and 32 blocks a full table would take 370 MB, and most of it is zero.
Counts are integers, so the result does not depend on shards or windows.
"""

from __future__ import annotations

import functools
import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from conceptatlas.datasets.annotation_file import MergedAnnotations
from conceptatlas.files import atomic_path

Array = np.ndarray[Any, Any]

N_BLOCKS = 32
_COMPACT_ABOVE = 1 << 20


@dataclass(frozen=True)
class Overlaps:
    """Pixel and image counts of concepts and of the pairs that meet in an image.

    concept_a, concept_b : int32, shape (pair,), concept_a < concept_b; sorted by (concept_a, concept_b, block).
    block : uint8, shape (pair,).
    pixels : int64, shape (pair,), mask cells that carry both labels.
    images : int64, shape (pair,), images that hold both, also where no cell carries both.
    label_pixels, label_images : int64, shape (concept, block).
    block_images : int64, shape (block,), valid images.
    """

    concept_a: Array
    concept_b: Array
    block: Array
    pixels: Array
    images: Array
    label_pixels: Array
    label_images: Array
    block_images: Array

    def matrix(self, *, of: str = "pixels") -> Array:
        """The symmetric (concept, concept) table summed over blocks, with each concept's own count on the diagonal.

        of : "pixels" or "images".
        """
        own = {"pixels": self.label_pixels, "images": self.label_images}[of].sum(axis=1)
        table: Array = np.diag(own)
        np.add.at(table, (self.concept_a, self.concept_b), getattr(self, of))
        np.add.at(table, (self.concept_b, self.concept_a), getattr(self, of))
        return table


class OverlapCounts:
    """Accumulates overlaps over images; memory grows with the pairs that meet, not with the images: 24 bytes a pair
    and block, and as much again of one column while pairs are added."""

    def __init__(self, *, n_concepts: int) -> None:
        self._n_concepts = n_concepts
        self._label_pixels = np.zeros((n_concepts, N_BLOCKS), dtype=np.int64)
        self._label_images = np.zeros((n_concepts, N_BLOCKS), dtype=np.int64)
        self._block_images = np.zeros(N_BLOCKS, dtype=np.int64)
        # (concept_a, concept_b, block) as one number, sorted, and the counts of each
        self._keys, self._pixels, self._images = (np.zeros(0, dtype=np.int64) for _ in range(3))
        self._pending: list[tuple[Array, Array]] = []
        self._n_pending = 0

    def add(self, merged: MergedAnnotations, *, start: int, blocks: Array, valid: Array) -> None:
        """Count the images start .. start + len(blocks) - 1.

        blocks : int, shape (image,). valid : bool, shape (image,).
        """
        np.add.at(self._block_images, blocks[valid], 1)
        row_blocks = blocks[merged.image_index - start]
        np.add.at(self._label_pixels, (merged.concept_index, row_blocks), merged.n_pixels)
        np.add.at(self._label_images, (merged.concept_index, row_blocks), 1)
        words = merged.masks.view("<u8")
        bounds = np.searchsorted(merged.image_index, start + np.arange(len(blocks) + 1)).tolist()
        for image, (begin, end) in enumerate(itertools.pairwise(bounds)):
            if end - begin > 1:
                self._add_image(merged, words, slice(begin, end), block=int(blocks[image]))

    def result(self) -> Overlaps:
        """The counts so far."""
        self._compact()
        pairs = self._keys // N_BLOCKS
        return Overlaps(
            concept_a=(pairs // max(1, self._n_concepts)).astype(np.int32),
            concept_b=(pairs % max(1, self._n_concepts)).astype(np.int32),
            block=(self._keys % N_BLOCKS).astype(np.uint8),
            pixels=self._pixels,
            images=self._images,
            label_pixels=self._label_pixels,
            label_images=self._label_images,
            block_images=self._block_images,
        )

    def _add_image(self, merged: MergedAnnotations, words: Array, rows: slice, *, block: int) -> None:
        concepts = merged.concept_index[rows].astype(np.int64)
        n_pixels, mask_row = merged.n_pixels[rows], merged.mask_row[rows]
        n = concepts.size
        shared = np.empty((n, n), dtype=np.int64)
        whole = mask_row < 0
        # a label of the whole image shares with each other label all that this one covers
        shared[whole] = n_pixels
        shared[:, whole] = n_pixels[:, None]
        masked = np.flatnonzero(~whole)
        masks = words[mask_row[masked]]
        for i, row in enumerate(masked[:-1].tolist()):
            shared[row, masked[i + 1 :]] = np.bitwise_count(masks[i] & masks[i + 1 :]).sum(axis=1, dtype=np.int64)
        first, second = _pairs(n)
        keys = (concepts[first] * self._n_concepts + concepts[second]) * N_BLOCKS + block
        self._pending.append((keys, shared[first, second]))
        self._n_pending += keys.size
        if self._n_pending > _COMPACT_ABOVE:
            self._compact()

    def _compact(self) -> None:
        """Add what is pending to the sorted counts, a column at a time."""
        if not self._pending:
            return
        keys = np.concatenate([piece[0] for piece in self._pending])
        pixels = np.concatenate([piece[1] for piece in self._pending])
        self._pending, self._n_pending = [], 0
        order = np.argsort(keys, kind="stable")
        keys = keys[order]
        starts = np.flatnonzero(np.diff(keys, prepend=-1))
        pixels = np.add.reduceat(pixels[order], starts)
        images = np.diff(starts, append=keys.size)
        keys = keys[starts]
        at = np.searchsorted(self._keys, keys)
        known = np.zeros(keys.size, dtype=bool)
        inside = at < self._keys.size
        known[inside] = self._keys[at[inside]] == keys[inside]
        self._pixels[at[known]] += pixels[known]
        self._images[at[known]] += images[known]
        self._keys = np.insert(self._keys, at[~known], keys[~known])
        self._pixels = np.insert(self._pixels, at[~known], pixels[~known])
        self._images = np.insert(self._images, at[~known], images[~known])


@functools.lru_cache(maxsize=64)
def _pairs(n: int) -> tuple[Array, Array]:
    """Rows and columns of the upper triangle of an (n, n) table."""
    first, second = np.triu_indices(n, k=1)
    return first, second


_FIELDS = ("concept_a", "concept_b", "block", "pixels", "images", "label_pixels", "label_images", "block_images")


def write_overlaps(path: str | Path, overlaps: Overlaps, *, mask_size: int) -> None:
    """Write ``overlaps.h5`` atomically: one dataset a field of `Overlaps`."""
    with atomic_path(path) as part, h5py.File(part, "w") as file:
        file.attrs.update({"mask_size": mask_size, "n_blocks": N_BLOCKS, "n_concepts": len(overlaps.label_pixels)})
        file.attrs["axes"] = ["concept", "block"]
        for field in _FIELDS:
            file.create_dataset(field, data=getattr(overlaps, field))


def read_overlaps(path: str | Path) -> Overlaps:
    """Read what `write_overlaps` wrote."""
    with h5py.File(path, "r") as file:
        return Overlaps(**{field: file[field][:] for field in _FIELDS})
