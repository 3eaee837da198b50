"""Which images hold which concepts, and whether with a mask: the rows of the annotations without their masks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import h5py
import numpy as np

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Holdings:
    """One entry per (image, concept), sorted by concept, then image.

    image, concept : int64 (entry,). has_mask : bool (entry,): False for a label of the whole image.
    starts : int64 (concept + 1,): entries starts[c] .. starts[c+1]-1 are those of concept c.
    """

    image: Array
    concept: Array
    has_mask: Array
    starts: Array

    def of(self, concept: int) -> slice:
        """The entries of a concept."""
        return slice(int(self.starts[concept]), int(self.starts[concept + 1]))


def read_holdings(annotations: list[str], *, n_concepts: int, keep: Array) -> Holdings:
    """Read the entries of all shards of annotations.

    keep : bool (image,): images that count (valid, in a split); entries of others are left out. A concept that labels
    the whole image in one row and has a mask in another covers the whole image.
    """
    image, concept, masked = [], [], []
    for path in annotations:
        with h5py.File(path, "r") as file:
            image.append(file["image_index"][()])
            concept.append(file["concept_index"][()].astype(np.int64))
            masked.append(file["mask_row"][()] >= 0)
    images, concepts, has_mask = (np.concatenate(parts) for parts in (image, concept, masked))
    kept = keep[images]
    images, concepts, has_mask = images[kept], concepts[kept], has_mask[kept]
    order = np.lexsort((has_mask, images, concepts))  # the row without a mask first
    images, concepts, has_mask = images[order], concepts[order], has_mask[order]
    first = np.ones(len(images), dtype=bool)
    first[1:] = (np.diff(images) != 0) | (np.diff(concepts) != 0)
    concepts = concepts[first]
    starts = np.searchsorted(concepts, np.arange(n_concepts + 1)).astype(np.int64)
    return Holdings(images[first].astype(np.int64), concepts, has_mask[first], starts)
