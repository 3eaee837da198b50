"""Names beside points of a scatter plot without overlap: a name that finds no free place is left out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import RendererAgg

from conceptatlas.figures.style import INK, SMALL_SIZE

Array = np.ndarray[Any, Any]

SIDES = (
    ("left", "center", 5, 0),
    ("right", "center", -5, 0),
    ("center", "bottom", 0, 4),
    ("center", "top", 0, -4),
    ("left", "bottom", 4, 3),
    ("right", "bottom", -4, 3),
    ("left", "top", 4, -3),
    ("right", "top", -4, -3),
)
"""Horizontal and vertical alignment of the name and its offset (points) from the point, the best first."""
_POINT = 3.0  # half the side of a point, points
_ROOM = 1.0  # between names, points


def place_names(
    ax: Axes,
    points: Array,
    names: Sequence[str],
    *,
    most: int,
    avoid: Array | None = None,
    fontsize: float = SMALL_SIZE - 1,
    colours: Sequence[str] | None = None,
) -> list[int]:
    """Write at most `most` of the names beside their points, the first ones first; returns which were written.

    Parameters
    ----------
    points : (name, 2), data coordinates. names : ready to print, most wanted first.
    avoid : (point, 2), further points that no name may cover; default `points` alone.
    colours : of the names; default that of text.

    Call it last: the layout is solved to know where things are, and names stay out of it.
    """
    figure = ax.get_figure(root=True)
    if not len(names) or most < 1 or figure is None:
        return []
    figure.draw_without_rendering()
    scale = figure.dpi / 72
    at = ax.transData.transform(np.asarray(points, dtype=np.float64))
    others = at if avoid is None else ax.transData.transform(np.asarray(avoid, dtype=np.float64))
    half = _POINT * scale
    boxes = [np.column_stack([others - half, others + half])]
    inside = np.asarray(ax.get_window_extent().extents)
    renderer = RendererAgg(1, 1, figure.dpi)  # measures text; asking the figure for one each time is slow
    written: list[int] = []
    for i, name in enumerate(names):
        if len(written) == most or not np.isfinite(at[i]).all():
            continue
        text = ax.annotate(
            name, tuple(points[i]), xytext=(0, 0), textcoords="offset points", fontsize=fontsize, zorder=6,
            color=INK if colours is None else colours[i], annotation_clip=False,
        )  # fmt: skip
        extent = text.get_window_extent(renderer)
        taken = np.concatenate(boxes)
        for horizontal, vertical, dx, dy in SIDES:
            low = np.array(
                [
                    at[i, 0] + dx * scale - {"left": 0, "center": 0.5, "right": 1}[horizontal] * extent.width,
                    at[i, 1] + dy * scale - {"bottom": 0, "center": 0.5, "top": 1}[vertical] * extent.height,
                ]
            )
            box = np.concatenate([low, low + np.array([extent.width, extent.height])])
            if _is_free(box, taken, inside):
                text.set(position=(dx, dy), ha=horizontal, va=vertical)
                text.set_in_layout(False)
                boxes.append(box[None] + _ROOM * scale * np.array([-1, -1, 1, 1]))
                written.append(i)
                break
        else:
            text.remove()
    return written


def _is_free(box: Array, taken: Array, inside: Array) -> bool:
    if (box[:2] < inside[:2]).any() or (box[2:] > inside[2:]).any():
        return False
    apart = (taken[:, 2] <= box[0]) | (taken[:, 0] >= box[2]) | (taken[:, 3] <= box[1]) | (taken[:, 1] >= box[3])
    return bool(apart.all())
