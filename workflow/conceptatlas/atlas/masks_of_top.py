"""The masks of a layer's units in their top images, as they were counted: upsampled, thresholded, S x S."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from conceptatlas.activations.mask_file import read_masks, whole_masks
from conceptatlas.activations.store import Shard
from conceptatlas.masks.bitmask import unpack
from conceptatlas.masks.upsample import Grid, unit_mask

Array = np.ndarray[Any, Any]


def stored_masks(shards: list[Shard], top: Array, thresholds: Array, grid: Grid) -> Iterator[tuple[int, int, Array]]:
    """(unit, rank, mask bool (S, S)) of every top image, from stored maps; image after image, as they lie on disk.

    top : image_index int64 (unit, rank), -1 for none. thresholds : float32 (unit,).
    """
    for shard in shards:
        maps = shard.activations()
        inside = (top >= shard.start) & (top < shard.stop)
        for image in np.unique(top[inside]):
            units, ranks = np.nonzero(top == image)
            masks = unit_mask(np.asarray(maps[int(image) - shard.start])[units], thresholds[units], grid)
            for unit, rank, mask in zip(units, ranks, masks, strict=True):
                yield int(unit), int(rank), mask


def counted_masks(shards: list[Shard], top: Array, *, mask_size: int) -> Iterator[tuple[int, int, Array]]:
    """The same for a layer whose maps are not stored, from the packed masks of the second pass; unit after unit."""
    for shard in shards:
        inside = (top >= shard.start) & (top < shard.stop)
        for unit in np.flatnonzero(inside.any(axis=1)):
            words, meta = read_masks(shard, slice(int(unit), int(unit) + 1))
            whole = whole_masks(words, meta, n_pixels=mask_size**2)
            row = {int(image): i for i, image in enumerate(meta[:, 0])}
            for rank in np.flatnonzero(inside[unit]):
                found = row.get(int(top[unit, rank]))
                if found is None:
                    yield int(unit), int(rank), np.zeros((mask_size, mask_size), dtype=bool)
                else:
                    yield int(unit), int(rank), unpack(whole[found], height=mask_size, width=mask_size)
