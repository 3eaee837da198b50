"""Small files that tiny data sets are made of: pictures, coded masks, index masks; and the row they share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

Row = dict[str, Any]
FRAME: Row = {"frame": "squash", "frame_size": 32, "mask_size": 16, "n_images": "", "shards": 2, "split": ""}


def picture(height: int, width: int, *, seed: int = 0) -> np.ndarray[Any, Any]:
    """A smooth colour picture: what JPEG keeps nearly unchanged."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    a, b, c = rng.uniform(0, 255, size=3)
    planes = [(a + 2.0 * y) % 256, (b + 1.5 * x) % 256, (c + y + x) % 256]
    return np.stack(planes, axis=-1).astype(np.uint8)


def save_picture(path: Path, pixels: np.ndarray[Any, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def save_coded(path: Path, numbers: np.ndarray[Any, Any]) -> None:
    """A PNG that codes numbers as R + 256 G + 65536 B."""
    path.parent.mkdir(parents=True, exist_ok=True)
    numbers = np.asarray(numbers, dtype=np.int64)
    Image.fromarray(np.stack([numbers & 255, numbers >> 8 & 255, numbers >> 16], axis=-1).astype(np.uint8)).save(path)


def save_indices(path: Path, indices: np.ndarray[Any, Any]) -> None:
    """A palette PNG whose palette has nothing to do with its indices."""
    path.parent.mkdir(parents=True, exist_ok=True)
    stored = np.ascontiguousarray(indices, dtype=np.uint8)
    palette = Image.frombytes("P", (stored.shape[1], stored.shape[0]), stored.tobytes())
    palette.putpalette([value for i in range(256) for value in (255 - i, i * 7 % 256, 13)])
    palette.save(path)
