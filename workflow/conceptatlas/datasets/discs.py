"""A point as a small mask: the disc around it. Keypoints and landmarks become parts this way."""

from __future__ import annotations

from typing import Any

import numpy as np


def draw_disc(mask: np.ndarray[Any, Any], *, y: float, x: float, radius: float) -> None:
    """Set the pixels of a mask whose centres lie within `radius` of a point, and the pixel that holds the point.

    Parameters
    ----------
    mask : bool, shape (height, width); changed.
    y, x : float
        The point in pixels; (0, 0) is the upper left corner of the picture and (1/2, 1/2) the centre of its first
        pixel. It may lie outside: what of the disc lies inside is drawn.
    radius : float
        In pixels, not negative.
    """
    height, width = mask.shape
    top, bottom = max(0, int(np.floor(y - radius))), min(height, int(np.ceil(y + radius)) + 1)
    left, right = max(0, int(np.floor(x - radius))), min(width, int(np.ceil(x + radius)) + 1)
    if top < bottom and left < right:
        down = (np.arange(top, bottom) + 0.5 - y) ** 2
        across = (np.arange(left, right) + 0.5 - x) ** 2
        mask[top:bottom, left:right] |= down[:, None] + across[None, :] <= radius**2
    row, column = int(np.floor(y)), int(np.floor(x))
    if 0 <= row < height and 0 <= column < width:
        mask[row, column] = True
