"""Picture strips of units of a layer: their top images with the unit's mask, so that figures need no model.

``gallery.h5``: `units` (int64), `images` (unit, rank) image_index or -1, `values` (unit, rank) maximum activation,
`pictures` uint8 (unit, rank, P, P, 3), `masks` packed bits (unit, rank, byte) at P x P: the counted S x S mask with its
pixels repeated. P (attribute ``picture_size``) is the size of the frame, at most 128 and at least S.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from conceptatlas.activations.maps import Maps
from conceptatlas.activations.pictures import frame_starts, nearest_pixels, picture_size, read_pictures
from conceptatlas.activations.store import Shard
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


def top_stored(shards: list[Shard], *, k: int) -> TopImages:
    """The same for the units of a layer, from the maxima that every shard keeps whether maps are stored or not."""
    top: TopImages | None = None
    for shard in shards:
        valid = np.flatnonzero(shard.valid)
        maximum = shard.read("max")
        top = top or TopImages(maximum.shape[1], k=k)
        top.add(maximum[valid], shard.start + valid)
    if top is None:
        raise ValueError("no shard of activations was given")
    return top


def write_gallery(
    path: str | Path, maps: Maps, top: TopImages, units: Array, thresholds: Array, frames: list[str], grid: Grid
) -> None:
    """Write the strips of the chosen units."""

    def mask_of(shard: Shard, image: int, unit: int) -> Array:
        map_, _ = maps.read(shard, image - shard.start, image - shard.start + 1, units=slice(unit, unit + 1))
        return unit_mask(np.asarray(map_[0, 0]), float(thresholds[unit]), grid)

    write_strips(path, maps.shards, top, units, frames, mask_of=mask_of, mask_size=grid.shape[0])


def write_strips(
    path: str | Path,
    shards: list[Shard],
    top: TopImages,
    units: Array,
    frames: list[str],
    *,
    mask_of: Callable[[Shard, int, int], Array],
    mask_size: int,
) -> None:
    """Write strips of units whose masks are given.

    mask_of : (shard, image_index, unit) -> bool (S, S); mask_size : S.
    """
    starts = frame_starts(frames)
    size = picture_size(starts, mask_size=mask_size)
    nearest = nearest_pixels(size, mask_size)
    shape = (len(units), top.images.shape[1])
    masks = np.zeros((*shape, size, size), dtype=bool)
    wanted = top.images[units]
    for shard in shards:
        inside = (wanted >= shard.start) & (wanted < shard.stop)
        for i, rank in zip(*np.nonzero(inside), strict=True):
            mask = mask_of(shard, int(wanted[i, rank]), int(units[i]))
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
