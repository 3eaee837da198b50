"""Picture strips of units of a layer: their top images with the unit's mask, so that figures need no model.

``gallery.h5``: `units` (int64), `images` (unit, rank) image_index or -1, `values` (unit, rank) maximum activation,
`pictures` uint8 (unit, rank, P, P, 3), `masks` packed bits (unit, rank, byte) at P x P: the counted S x S mask with its
pixels repeated. P (attribute ``picture_size``) is the size of the frame, at most 128 and at least S.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np

from conceptatlas.activations.maps import Maps
from conceptatlas.activations.pictures import frame_starts, nearest_pixels, picture_size, read_pictures
from conceptatlas.files import atomic_path
from conceptatlas.masks.bitmask import pack
from conceptatlas.masks.upsample import Grid, unit_mask
from conceptatlas.streaming.topk import TopImages

Array = np.ndarray[Any, Any]


def top_images(maps: Maps, *, k: int) -> TopImages:
    """The k images with the largest maximum of every unit; quarantined images never count."""
    top = TopImages(maps.n_units, k=k)
    for shard in maps.shards:
        for first in range(0, shard.n_images, 256):
            last = min(first + 256, shard.n_images)
            valid = np.flatnonzero(shard.valid[first:last])
            _, maximum = maps.read(shard, first, last)
            top.add(np.asarray(maximum)[valid], shard.start + first + valid)
    return top


def write_gallery(
    path: str | Path, maps: Maps, top: TopImages, units: Array, thresholds: Array, frames: list[str], grid: Grid
) -> None:
    """Write the strips of the chosen units."""
    starts = frame_starts(frames)
    size = picture_size(starts, mask_size=grid.shape[0])
    nearest = nearest_pixels(size, grid.shape[0])
    shape = (len(units), top.images.shape[1])
    masks = np.zeros((*shape, size, size), dtype=bool)
    wanted = top.images[units]
    for shard in maps.shards:
        inside = (wanted >= shard.start) & (wanted < shard.stop)
        for i, rank in zip(*np.nonzero(inside), strict=True):
            position = int(wanted[i, rank]) - shard.start
            unit = int(units[i])
            map_, _ = maps.read(shard, position, position + 1, units=slice(unit, unit + 1))
            mask = unit_mask(np.asarray(map_[0, 0]), float(thresholds[unit]), grid)
            masks[i, rank] = mask[np.ix_(nearest, nearest)]
    pictures = read_pictures(starts, wanted, size=size)
    with atomic_path(path) as part, h5py.File(part, "w", libver="latest") as file:
        file["units"] = units
        file["images"] = wanted
        file["values"] = top.values[units]
        options = {"compression": "gzip", "compression_opts": 1} if len(units) else {}
        file.create_dataset("pictures", data=pictures, **options)
        file.create_dataset("masks", data=pack(masks), **options)
        file.attrs["picture_size"] = size
