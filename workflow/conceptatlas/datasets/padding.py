"""Padding of the frames: pixels and cells that do not count, without reading the labels beside them."""

from __future__ import annotations

from typing import Any

import h5py
import numpy as np

from conceptatlas.masks.bitmask import as_words, unpack
from conceptatlas.masks.cells import covered_cells

Array = np.ndarray[Any, Any]

_IMAGES_AT_ONCE = 256


def read_ignore(annotations: list[str], images: Array) -> Array | None:
    """Ignored pixels of some images, packed uint64 (image, word), or None where no frame of theirs has padding.

    annotations : all shards of the data set. images : int64, image_index, ascending.

    Raises
    ------
    ValueError
        if the annotations do not cover the images.
    """
    found: Array | None = None
    covered = 0
    for path in annotations:
        with h5py.File(path, "r") as file:
            start, stop = int(file.attrs["start"]), int(file.attrs["stop"])
            first, last = (int(i) for i in np.searchsorted(images, [start, stop]))
            covered += last - first
            if last > first and "ignore" in file:
                here = images[first:last] - start
                low, high = int(here[0]), int(here[-1]) + 1
                words = as_words(file["ignore"][low:high])[here - low]
                if found is None:
                    found = np.zeros((len(images), words.shape[1]), dtype=np.uint64)
                found[first:last] = words
    if covered != len(images):
        raise ValueError(f"the annotations cover {covered} of {len(images)} images asked for; run the framing again")
    return found


def counted_cells(ignore: Array | None, *, n_images: int, shape: tuple[int, int], size: int) -> Array:
    """Cells of a layer's grid that count, bool (image, height * width): more than half of the cell is no padding.

    ignore : uint64 (image, word) of S x S masks or None. shape : height and width of the maps. size : S.
    """
    counted = np.ones((n_images, shape[0] * shape[1]), dtype=bool)
    if ignore is None:
        return counted
    for first in range(0, n_images, _IMAGES_AT_ONCE):
        part = slice(first, first + _IMAGES_AT_ONCE)
        if ignore[part].any():
            pixels = unpack(ignore[part], height=size, width=size)
            counted[part] = ~covered_cells(pixels, shape).reshape(len(pixels), -1)
    return counted
