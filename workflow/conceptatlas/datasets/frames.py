"""The geometry of frames: where a picture lands in the square that every model, mask and perturbation shares.

A `Placement` is a window centred on the picture; the frame shows this window. It is kept in whole picture pixels, so
that masks are sampled in integer arithmetic: which pixel a mask cell shows does not hang on rounding. Labels are
sampled nearest at cell centres and never averaged: labels that were disjoint stay disjoint.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from conceptatlas.naming import unknown

FRAMES = ("squash", "pad", "centre_crop")
"""squash: the whole picture, sides scaled apart (Network Dissection). pad: the whole picture, aspect kept, the rest
padding. centre_crop: the largest centred square."""

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Placement:
    """A picture of (height, width) pixels of which the frame shows a centred window, in picture pixels.

    The window reaches beyond the picture where the frame pads.
    """

    height: int
    width: int
    window_height: int
    window_width: int

    @property
    def padded(self) -> bool:
        """Whether some of the frame lies outside the picture."""
        return self.window_height > self.height or self.window_width > self.width


def placement(frame: str, *, height: int, width: int) -> Placement:
    """How a picture of `height` x `width` pixels lands in a frame (`squash`, `pad` or `centre_crop`).

    >>> placement("pad", height=480, width=640)
    Placement(height=480, width=640, window_height=640, window_width=640)
    """
    if frame not in FRAMES:
        raise unknown("frame", frame, FRAMES)
    if height < 1 or width < 1:
        raise ValueError(f"a picture has at least one pixel, not {height} x {width}")
    if frame == "squash":
        return Placement(height, width, height, width)
    side = max(height, width) if frame == "pad" else min(height, width)
    return Placement(height, width, side, side)


def place(picture: Array, frame: str, size: int) -> Array:
    """Resize a picture into its frame: bilinear with antialiasing, padding is 0.

    picture : uint8, shape (height, width, 3). Returns uint8, shape (size, size, 3).

    Raises
    ------
    ValueError
        for a picture so narrow that no pixel of its padded frame has its centre inside.
    """
    height, width = int(picture.shape[0]), int(picture.shape[1])
    where = placement(frame, height=height, width=width)
    rows, columns = sample_grid(where, size)
    shown_rows, shown_columns = np.flatnonzero(rows >= 0), np.flatnonzero(columns >= 0)
    if not shown_rows.size or not shown_columns.size:
        raise ValueError(f"a picture of {height} x {width} pixels is too narrow for a padded frame of {size} pixels")
    # A frame pixel belongs to the picture exactly if its centre does, as in `sample_grid`; the picture's edge is
    # continued outwards as far as the filter reaches, so that its rim is not darkened by the padding.
    top, bottom = _window_part(height, where.window_height, size=size, shown=shown_rows)
    left, right = _window_part(width, where.window_width, size=size, shown=shown_columns)
    grow_y = 2 * -(-where.window_height // size) + 2 if where.window_height > height else 0
    grow_x = 2 * -(-where.window_width // size) + 2 if where.window_width > width else 0
    if grow_y or grow_x:
        picture = np.pad(picture, ((grow_y, grow_y), (grow_x, grow_x), (0, 0)), mode="edge")
    shown = Image.fromarray(picture).resize(
        (shown_columns.size, shown_rows.size),
        Image.Resampling.BILINEAR,
        box=(left + grow_x, top + grow_y, right + grow_x, bottom + grow_y),
    )
    placed: Array = np.zeros((size, size, 3), dtype=np.uint8)
    placed[shown_rows[0] : shown_rows[-1] + 1, shown_columns[0] : shown_columns[-1] + 1] = np.asarray(shown)
    return placed


def _window_part(length: int, window: int, *, size: int, shown: Array) -> tuple[float, float]:
    """The picture coordinates between which the shown frame pixels lie."""
    first, last = int(shown[0]), int(shown[-1]) + 1
    return (length - window) / 2 + first * window / size, (length - window) / 2 + last * window / size


def sample_grid(where: Placement, size: int, *, shape: tuple[int, int] | None = None) -> tuple[Array, Array]:
    """The row and the column of a label map that each row and column of a size x size mask shows.

    A cell shows the map pixel under its centre; a centre on the border of two pixels belongs to the later one, as in
    Pillow's nearest filter.

    Parameters
    ----------
    where : Placement
    size : int
        Cells of the mask along each side, S.
    shape : (height, width), optional
        Shape of a label map that is stored at another size than its picture; default the picture's.

    Returns
    -------
    rows, columns : int64 arrays, shape (size,); -1 outside the picture.
    """
    height, width = shape or (where.height, where.width)
    return (
        _sample_axis(where.height, where.window_height, size=size, n_pixels=height),
        _sample_axis(where.width, where.window_width, size=size, n_pixels=width),
    )


def _sample_axis(length: int, window: int, *, size: int, n_pixels: int) -> Array:
    # centre of cell i in picture pixels: (length - window)/2 + (2i + 1) window/(2 size), here times 2 size
    centres = (length - window) * size + (2 * np.arange(size, dtype=np.int64) + 1) * window
    inside = (centres >= 0) & (centres < 2 * size * length)
    sampled: Array = np.where(inside, centres * n_pixels // (2 * size * length), -1)
    return sampled


def check_same_view(shape: tuple[int, int], where: Placement) -> None:
    """Refuse a label map that cannot show the same view as its picture: its aspect is off by more than one pixel.

    Raises
    ------
    ValueError
        with both sizes, and a hint where they are each other's transpose.
    """
    height, width = shape
    if abs(height * where.width - width * where.height) > max(where.height, where.width):
        turned = (width, height) == (where.height, where.width)
        hint = "; one of them is rotated" if turned else ""
        raise ValueError(
            f"a label map of {height} x {width} pixels (height x width) does not fit its picture of "
            f"{where.height} x {where.width}{hint}"
        )
