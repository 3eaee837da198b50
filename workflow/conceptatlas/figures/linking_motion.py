"""How a picture moves with a unit: overlay before and after the alignment, and the vector field of what remains (after
Wehrheim et al. 2024, Fig. 2B)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from conceptatlas.figures.style import (
    CATEGORY_COLOURS,
    OTHER,
    SMALL_SIZE,
    empty_figure,
    grid,
    head,
    new_figure,
    number,
    plain,
    styled,
)
from conceptatlas.linking.shown import Shown
from conceptatlas.quantification.motion import overlay

Array = np.ndarray[Any, Any]

UNITS_PER_PAGE = 5
CELL = 1.45  # inches
ARROWS = 20
"""Arrows along a side at most."""
LONGEST_SHARE = 0.1
"""Of all residuals, the longest share that is drawn, as in the published code (its 90 % quantile)."""
LEAST_PX = 0.25
MOST_BARS = 15
SHOWN_MOTIONS = {
    "translation_x": "shift to the right (px)",
    "translation_y": "shift downwards (px)",
    "rotation": "rotation (degrees)",
    "log_scale": "log scale",
    "share_moved": "share still moving",
}


@styled
def motion_fields(shown: Sequence[Shown], *, place: str, source: str, moved_px: float) -> Figure:
    """Draw a page of units: original, last picture, overlays before and after the alignment, vector field.

    moved_px : residual above which a pixel counts as moved.
    """
    title = f"Motion of the picture with a unit: {place}"
    if not shown:
        return empty_figure(title, "No unit was chosen: there is nothing to match.")
    columns = ("unperturbed", "largest value", "before alignment", "after alignment", "what still moves")
    figure = new_figure(1.4 + len(columns) * CELL, len(shown) * (CELL + 0.16) + 1.3)
    axes = figure.subplots(len(shown), len(columns), squeeze=False)
    for row, each in enumerate(shown):
        original, last, aligned = each.arrays["original"], each.arrays["pictures"][0, -1], each.arrays["aligned"]
        for ax, picture in zip(
            axes[row], (original, last, overlay(original, last), overlay(original, aligned), original), strict=True
        ):
            ax.imshow(picture, interpolation="nearest")
            ax.set_axis_off()
        arrows(axes[row, -1], each.arrays["flow"], each.arrays["inside"])
        axes[row, 0].text(
            -0.06, 0.5, _words(each), transform=axes[row, 0].transAxes, ha="right", va="center", fontsize=SMALL_SIZE,
            linespacing=1.4,
        )  # fmt: skip
    for ax, name in zip(axes[0], columns, strict=True):
        ax.set_title(name, fontsize=SMALL_SIZE, loc="center")
    note = (
        "Overlays: red is the unperturbed picture, cyan the other; grey where they agree. Alignment: affine map by "
        "matched points (RANSAC), refined by dense flow. Arrows: optical flow between the aligned pictures, the "
        f"longest tenth, at least {LEAST_PX} px, drawn to scale. Moved: still more than {moved_px:g} px. {source}"
    )
    head(figure, title, note)
    return figure


def _words(each: Shown) -> str:
    lines = [f"unit {each.unit}", plain(each.classes[0], width=14)]
    values = each.motion
    if each.reason:
        lines += ["not aligned:", *_wrapped(each.reason)]
    else:
        lines += [
            f"shift {values['translation_x']:+.1f}, {values['translation_y']:+.1f} px",
            f"turn {values['rotation']:+.1f}°, scale {np.exp(values['log_scale']):.2f}",
        ]
    lines += [
        f"remains {number(values['residual_mean'], digits=2)} px",
        f"(90 %: {number(values['residual_p90'], digits=2)} px)",
        f"moved {100 * values['share_moved']:.0f} %" if np.isfinite(values["share_moved"]) else "moved –",
    ]
    return "\n".join(lines)


def _wrapped(text: str) -> list[str]:
    import textwrap

    return textwrap.wrap(plain(text, width=90), 22)


def arrows(ax: Axes, flow: Array, inside: Array) -> None:
    """Draw the longest residuals as arrows, coloured by direction, one in every cell of a grid.

    flow : (S, S, 2), x and y in pixels. inside : bool (S, S), where it is known.
    """
    length = np.where(inside, np.hypot(flow[..., 0], flow[..., 1]), 0.0)
    size = length.shape[0]
    step = max(1, size // ARROWS)
    border = max(1, step // 2)
    y, x = np.mgrid[border : size - border : step, border : size - border : step]
    own = length[y, x]
    threshold = max(LEAST_PX, float(np.quantile(length[inside], 1 - LONGEST_SHARE)) if inside.any() else np.inf)
    keep = own >= threshold
    if not keep.any():
        return
    u, v = flow[y, x, 0][keep], flow[y, x, 1][keep]
    ax.quiver(
        x[keep], y[keep], u, v, np.arctan2(v, u), cmap="hsv", clim=(-np.pi, np.pi), angles="xy", scale_units="xy",
        scale=1.0, width=0.012, edgecolor="black", linewidth=0.4,
    )  # fmt: skip


@styled
def unit_motion(motion: pd.DataFrame, *, place: str, n_points: int) -> Figure:
    """Draw the units that move the picture most, a panel a motion.

    motion : rows of motion.parquet. n_points : starting points that were matched.
    """
    title = f"Units that move the picture: {place}"
    rows = motion[(motion["class"] == "") & (motion["end"] == "max") & (motion["n"] > 0)]
    if not len(rows):
        return empty_figure(title, "No picture was matched, or none could be aligned.")
    figure = new_figure(10.0, 3.9)
    axes = figure.subplots(1, len(SHOWN_MOTIONS))
    for ax, (name, words) in zip(axes, SHOWN_MOTIONS.items(), strict=True):
        own = rows[rows["motion"] == name]
        own = own.reindex(own["mean"].abs().sort_values(ascending=False, kind="stable").index).head(MOST_BARS)
        for y, row in enumerate(own.itertuples()):
            ax.plot([row.low, row.high], [y, y], color=CATEGORY_COLOURS["object"], linewidth=2.4, alpha=0.6)
            ax.plot([row.mean], [y], "o", color=CATEGORY_COLOURS["object"], markersize=4)
        ax.axvline(0, color=OTHER, linewidth=0.8)
        ax.set_yticks(range(len(own)), [str(unit) for unit in own["unit"]])
        ax.set_ylim(MOST_BARS - 0.4, -0.6)
        ax.set_xlabel(words)
        grid(ax, "x")
    axes[0].set_ylabel("unit")
    note = (
        f"Largest value of the unit against the unperturbed picture: mean over {n_points} starting points (fewer where "
        f"pictures could not be aligned), 95 % interval (Student); the {MOST_BARS} units with the largest mean of each."
    )
    head(figure, title, note)
    return figure


def motion_pages(shown: Sequence[Shown]) -> list[Sequence[Shown]]:
    """Units page by page."""
    pages = [shown[first : first + UNITS_PER_PAGE] for first in range(0, len(shown), UNITS_PER_PAGE)]
    return pages or [[]]
