"""Pictures of the atlas: one small JPEG an image of a data set, one sheet of thumbnails a layer.

Masks are drawn over pictures by the browser; only thumbnails, too many for that, have them burnt in.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from conceptatlas.activations.pictures import frame_starts
from conceptatlas.datasets.frame_file import map_frames

Array = np.ndarray[Any, Any]

FOLDER_SIZE = 500
"""Pictures in a folder."""
PER_ROW = 8
"""Units in a row of a sheet of thumbnails."""
PER_SHEET = 1024
"""Units in a sheet."""
DIMMED = 0.42
"""Brightness of what lies outside the mask."""


def picture_path(image: int) -> str:
    """Place of the picture of an image_index inside the folder of its data set."""
    return f"pictures/{image // FOLDER_SIZE}/{image}.jpg"


def write_pictures(folder: str | Path, frames: list[str], *, size: int, quality: int) -> int:
    """Write the picture of every valid frame, at most size x size; returns their number."""
    written = 0
    for first, path in frame_starts(frames):
        stored, valid = map_frames(path)
        for position in np.flatnonzero(valid):
            picture = Image.fromarray(np.asarray(stored[position]))
            if picture.width > size:
                picture = picture.resize((size, size), Image.Resampling.BILINEAR)
            save_picture(picture, Path(folder) / picture_path(first + int(position)), "JPEG", quality=quality)
            written += 1
    return written


class Sheet:
    """The thumbnails of a layer's units: `n` top images beside each other, what lies outside the mask dimmed."""

    def __init__(self, n_units: int, n: int, size: int) -> None:
        self.n_units, self.n, self.size = n_units, n, size
        self.pixels = np.zeros((n_units, size, n * size, 3), dtype=np.uint8)

    def add(self, unit: int, rank: int, picture: Array, mask: Array) -> None:
        """Put the thumbnail of an image into its place.

        picture : uint8 (size, size, 3). mask : bool (S, S).
        """
        nearest = ((np.arange(self.size) + 0.5) * mask.shape[0] / self.size).astype(np.int64)
        inside = mask[np.ix_(nearest, nearest)]
        shown = np.where(inside[..., None], picture, picture * DIMMED).astype(np.uint8)
        self.pixels[unit, :, rank * self.size : (rank + 1) * self.size] = shown

    def write(self, folder: str | Path, *, quality: int) -> int:
        """Write ``sheet-0.webp`` ... of up to 1024 units each, 8 in a row; returns their number."""
        n_sheets = -(-self.n_units // PER_SHEET)
        for number in range(n_sheets):
            units = self.pixels[number * PER_SHEET : (number + 1) * PER_SHEET]
            rows = -(-len(units) // PER_ROW)
            canvas = np.zeros((rows * PER_ROW, *units.shape[1:]), dtype=np.uint8)
            canvas[: len(units)] = units
            canvas = canvas.reshape(rows, PER_ROW, *units.shape[1:]).transpose(0, 2, 1, 3, 4)
            sheet = Image.fromarray(canvas.reshape(rows * self.size, -1, 3))
            save_picture(sheet, Path(folder) / f"sheet-{number}.webp", "WEBP", quality=quality, method=2)
        return n_sheets


class Thumbnails:
    """Frames of a data set at thumbnail size, each made once."""

    def __init__(self, frames: list[str], size: int) -> None:
        self.size = size
        self.files = [(first, map_frames(path)[0]) for first, path in frame_starts(frames)]
        self.made: dict[int, Array] = {}

    def __getitem__(self, image: int) -> Array:
        if image not in self.made:
            first, stored = next((f, s) for f, s in reversed(self.files) if f <= image)
            picture = Image.fromarray(np.asarray(stored[image - first]))
            small = picture.resize((self.size, self.size), Image.Resampling.BILINEAR)
            self.made[image] = np.asarray(small)
        return self.made[image]


def save_picture(picture: Image.Image, path: Path, kind: str, **options: Any) -> None:
    """Write a picture in a format of Pillow (JPEG, WEBP), making its folder."""
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(buffer.getvalue())  # thousands of them: whole folders are made again where a job did not end
