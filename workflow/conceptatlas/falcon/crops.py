"""From a GradCAM map to a crop: threshold, largest connected part, bounding box.

Source: Kalibhat et al. 2023, published code.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from PIL import Image
from scipy import ndimage

Array = np.ndarray[Any, Any]


class Box(NamedTuple):
    """Pixels top <= y < bottom, left <= x < right of a frame; whole: nothing was found, so it is the whole frame."""

    top: int
    left: int
    bottom: int
    right: int
    whole: bool = False


def enlarge(maps: Array, size: int) -> Array:
    """Maps (map, height, width) at size x size, bilinearly between centres of positions, clamped at the edges."""
    rows, columns = _weights(maps.shape[1], size), _weights(maps.shape[2], size)
    return np.einsum("yh,nhw,xw->nyx", rows, np.asarray(maps, dtype=np.float64), columns, optimize=True)


def box_of(cam: Array, *, cut: float = 0.6) -> Box:
    """The bounding box of the largest part of a map (height, width) that is at least `cut` times its maximum.

    cam : at least 0, at the size of the frame. Parts hang together over edges; the first of equally large ones counts.
    A map without a positive value gives the whole frame, flagged.
    """
    highest = float(cam.max()) if cam.size else 0.0
    if not np.isfinite(highest) or highest <= 0:
        return Box(0, 0, cam.shape[0], cam.shape[1], whole=True)
    parts, _ = ndimage.label(cam / highest >= cut)
    largest = int(np.bincount(parts.ravel())[1:].argmax()) + 1
    rows, columns = ndimage.find_objects(parts, max_label=largest)[largest - 1]
    return Box(int(rows.start), int(columns.start), int(rows.stop), int(columns.stop))


def crop(frame: Array, box: Box, size: int) -> Array:
    """The box of a frame uint8 (height, width, 3), resampled to size x size (bilinear, antialiased)."""
    part = frame[box.top : box.bottom, box.left : box.right]
    if part.shape[:2] == (size, size):
        return np.ascontiguousarray(part)
    return np.asarray(Image.fromarray(np.ascontiguousarray(part)).resize((size, size), Image.Resampling.BILINEAR))


def _weights(n: int, size: int) -> Array:
    """Matrix (size, n) of linear interpolation between the centres of n cells."""
    at = np.clip((np.arange(size) + 0.5) * n / size - 0.5, 0, n - 1)
    low = np.minimum(at.astype(np.int64), max(n - 2, 0))
    weights = np.zeros((size, n))
    weights[np.arange(size), low] = 1 - (at - low)
    weights[np.arange(size), np.minimum(low + 1, n - 1)] += at - low
    return weights
