"""Rows of pictures: a unit at its least, middle and largest value, from several starting points (after Wehrheim et al.
2024, Fig. 4)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from conceptatlas.figures.linking_words import change_words, verdict_words
from conceptatlas.figures.style import (
    SMALL_SIZE,
    count,
    empty_figure,
    head,
    new_figure,
    plain,
    styled,
)
from conceptatlas.linking.shown import Shown

Array = np.ndarray[Any, Any]

UNITS_PER_PAGE = 6
MOST_POINTS = 4
CELL = 0.72  # inches
GAP = 0.04  # of a picture


@styled
def unit_rows(
    shown: Sequence[Shown], effects: pd.DataFrame, verdicts: dict[int, str], *, place: str, source: str
) -> Figure:
    """Draw a page of units.

    shown : units of one page. effects : rows of all classes together, of the source of labels that chose the units.
    verdicts : unit -> of the causal check. place : for the title. source : where pictures and labels come from.
    """
    title = f"Units from least to largest value: {place}"
    if not shown:
        return empty_figure(title, "No unit changes a label: there is nothing to show.")
    n_points = max(min(len(each.classes), MOST_POINTS) for each in shown)
    figure = new_figure(1.5 + n_points * 3 * CELL + 0.2, len(shown) * (CELL + 0.5) + 1.2)
    axes = figure.subplots(len(shown), n_points, squeeze=False)
    cells = effects.set_index(["unit", "label", "metric"])
    for row, each in enumerate(shown):
        for column in range(n_points):
            ax = axes[row, column]
            ax.set_axis_off()
            if column < len(each.classes):
                triple(ax, each.arrays["pictures"][column])
                change = change_words(float(each.arrays["change"][column]), each.metric)
                ax.set_title(f"{plain(each.classes[column], width=14)}: {change}", fontsize=SMALL_SIZE, loc="center")
        axes[row, 0].text(
            -0.04, 0.5, _words(each, cells, verdicts), transform=axes[row, 0].transAxes, ha="right", va="center",
            fontsize=SMALL_SIZE, linespacing=1.4,
        )  # fmt: skip
    note = (
        "Left to right in each group: the unit at the least, middle and largest value it has in the training pairs, "
        "all other units as they are. Above a group: class of the starting point, and what changed from the first to "
        "the last picture. Beside a row: mean change over all starting points with its 95 % interval (Student), and "
        f"the causal check. {source}"
    )
    head(figure, title, note)
    return figure


def _words(each: Shown, cells: pd.DataFrame, verdicts: dict[int, str]) -> str:
    lines = [f"unit {each.unit}", f"{plain(each.label, width=14)}, {plain(each.metric, width=14)}"]
    key: Any = (each.unit, each.label, each.metric)
    if key in cells.index:
        row = cells.loc[key]
        lines.append(change_words(float(row["mean"]), each.metric))
        lines.append(
            f"[{change_words(float(row['low']), each.metric, unit=False)}, "
            f"{change_words(float(row['high']), each.metric, unit=False)}]"
        )
        lines.append(f"n = {count(int(row['n']), 'start')}")
    lines.append(verdict_words(verdicts.get(each.unit, "")))
    return "\n".join(lines)


def triple(ax: Axes, pictures: Array) -> None:
    """Draw pictures (step, S, S, 3) beside each other, white gaps between them."""
    size = pictures.shape[1]
    gap = max(1, round(size * GAP))
    gaps = np.full((size, gap, 3), 255, dtype=np.uint8)
    parts: list[Array] = []
    for picture in pictures:
        parts += [picture, gaps]
    ax.imshow(np.concatenate(parts[:-1], axis=1), interpolation="nearest")


def row_pages(shown: Sequence[Shown]) -> list[Sequence[Shown]]:
    """Units page by page."""
    pages = [shown[first : first + UNITS_PER_PAGE] for first in range(0, len(shown), UNITS_PER_PAGE)]
    return pages or [[]]
