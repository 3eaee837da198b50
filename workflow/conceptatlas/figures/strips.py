"""Picture strips: rows of pictures with a mask each, outlined, everything outside it dimmed."""

from __future__ import annotations

from typing import Any

import numpy as np
from contourpy import LineType, contour_generator
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection

Array = np.ndarray[Any, Any]

CELL = 0.92  # inches
GAP = 0.05  # of a cell
OUTSIDE_BRIGHTNESS = 0.3
MASK_ONLY_GREY = 205
OUTLINE = "#FFE94A"


def draw_strips(ax: Axes, pictures: Array | None, masks: Array, there: Array) -> None:
    """Draw strips into an axes, a unit of its coordinates a picture, row 0 on top.

    pictures, masks, there : as `tile` takes them.
    """
    n_rows, n_ranks = there.shape
    mosaic, cell = tile(pictures, masks, there)
    ax.imshow(mosaic, extent=(0, n_ranks, n_rows, 0), interpolation_stage="rgba", zorder=1)
    lines = [line / cell for line in outlines(masks, there, cell)]
    ax.add_collection(LineCollection(lines, colors="black", linewidths=2.0, zorder=2), autolim=False)
    ax.add_collection(LineCollection(lines, colors=OUTLINE, linewidths=1.0, zorder=3), autolim=False)


def leave_out_of_layout(ax: Axes) -> None:
    """Everything lies inside the axes: measuring each artist would take longer than drawing."""
    for artist in [*ax.images, *ax.collections, *ax.texts, *ax.patches]:
        artist.set_in_layout(False)


def tile(pictures: Array | None, masks: Array, there: Array) -> tuple[Array, int]:
    """All strips of a page as one picture, everything outside the masks dimmed, white where there is no image.

    Parameters
    ----------
    pictures : uint8 (row, rank, S, S, 3), or None to show the masks on grey. masks : bool (row, rank, S, S).
    there : bool (row, rank).

    Returns
    -------
    mosaic : uint8 (row * cell, rank * cell, 3). cell : side of a picture with the gap around it, pixels.
    """
    n_rows, n_ranks, size, _ = masks.shape
    gap = max(1, round(size * GAP / 2))
    cell = size + 2 * gap
    mosaic = np.full((n_rows, n_ranks, cell, cell, 3), 255, dtype=np.uint8)
    brightness = np.where(masks, 1.0, OUTSIDE_BRIGHTNESS)[..., None]
    bright: Any = MASK_ONLY_GREY if pictures is None else pictures
    shown = np.rint(bright * brightness).astype(np.uint8)
    mosaic[:, :, gap:-gap, gap:-gap] = np.where(there[:, :, None, None, None], shown, 255)
    return mosaic.transpose(0, 2, 1, 3, 4).reshape(n_rows * cell, n_ranks * cell, 3), cell


def outlines(masks: Array, there: Array, cell: int) -> list[Array]:
    """Outlines of all masks of a page as closed lines (point, 2) of x and y in pixels of the page's picture."""
    size = masks.shape[-1]
    gap = (cell - size) // 2
    lines = []
    for row, rank in zip(*np.nonzero(there & masks.any(axis=(2, 3))), strict=True):
        # a ring of zeros around the mask closes outlines that meet the picture's edge
        ringed = np.pad(masks[row, rank].astype(np.float64), 1)
        for line in contour_generator(z=ringed, line_type=LineType.Separate).lines(0.5):
            inside = np.clip(np.asarray(line) - 0.5, 0, size)  # index 1 of the ring is the centre of pixel 0
            lines.append(inside + gap + np.array([rank * cell, row * cell]))
    return lines
