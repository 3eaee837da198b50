"""Small pictures of a data set's images for galleries, and the size masks are drawn at beside them."""

from __future__ import annotations

from typing import Any

import h5py
import numpy as np
from PIL import Image

from conceptatlas.datasets.frame_file import map_frames

Array = np.ndarray[Any, Any]

LARGEST_PICTURE = 128


def frame_starts(frames: list[str]) -> list[tuple[int, str]]:
    """First image_index and path of every file of frames, in order."""
    starts = []
    for path in frames:
        with h5py.File(path, "r") as file:
            starts.append((int(file.attrs["start"]), path))
    return sorted(starts)


def picture_size(starts: list[tuple[int, str]], *, mask_size: int) -> int:
    """Side P of pictures: that of the frames, at most 128 and at least S."""
    if not starts:
        return mask_size
    with h5py.File(starts[0][1], "r") as file:
        return max(mask_size, min(int(file.attrs["frame_size"]), LARGEST_PICTURE))


def read_pictures(starts: list[tuple[int, str]], images: Array, *, size: int) -> Array:
    """Frames of images at P x P, uint8 (*images.shape, P, P, 3); black for an image_index that no file holds (-1)."""
    pictures = np.zeros((*images.shape, size, size, 3), dtype=np.uint8)
    for first, path in starts:
        stored, _ = map_frames(path)
        inside = (images >= first) & (images < first + len(stored))
        for place in map(tuple, np.argwhere(inside)):
            picture = Image.fromarray(np.asarray(stored[int(images[place]) - first]))
            pictures[place] = np.asarray(picture.resize((size, size), Image.Resampling.BILINEAR))
    return pictures


def nearest_pixels(size: int, mask_size: int) -> Array:
    """Row (or column) of an S x S mask that each row of a P x P picture shows, int64 (P,): pixels are repeated."""
    pixels: Array = ((np.arange(size) + 0.5) * mask_size / size).astype(np.int64)
    return pixels
