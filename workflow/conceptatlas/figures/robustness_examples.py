"""Picture grids as in the talk: original against every level for units of each layer, layers in rows, mask outlined."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib import patheffects as effects
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from conceptatlas.figures.facts import sentences
from conceptatlas.figures.reading import Perturbed
from conceptatlas.figures.robustness_levels import CLEAN, Step, place_of, steps_of
from conceptatlas.figures.strips import CELL, draw_strips, leave_out_of_layout
from conceptatlas.figures.style import (
    BODY_SIZE,
    QUIET,
    SMALL_SIZE,
    colour_of,
    count,
    empty_figure,
    head,
    new_figure,
    number,
    plain,
    styled,
)
from conceptatlas.tables import records

Array = np.ndarray[Any, Any]

CAPTION = 2.2  # cells
CAPTION_LETTERS = 22
ROWS_A_PAGE = 8
"""Above this many layers a page holds one image a unit; below, as many as fit."""
FATE_WORDS = (("is_kept", "kept"), ("is_relabelled", "relabelled"), ("is_lost", "lost"))
_HALO = [effects.withStroke(linewidth=2.2, foreground="black")]


class LayerExamples(NamedTuple):
    """What the grid shows of one layer: its name, its ``units.parquet`` and its ``examples.h5``."""

    layer: str
    units: pd.DataFrame
    examples: Perturbed


def n_pages(layers: list[LayerExamples]) -> int:
    """A page a rank of the chosen units; one, which says so, when no unit was chosen."""
    return max([1, *(len(part.examples.units) for part in layers)])


@styled
def robustness_examples(
    layers: list[LayerExamples], *, summary: pd.DataFrame, page: int = 0, embed_images: bool = True
) -> Figure:
    """Draw the unit of rank `page` of every layer: a row an image, a column a level.

    Parameters
    ----------
    layers : in the order of the sheet.
    summary : joined summaries of the layers: it says which kind and amount a level has.
    page : from 0; see `n_pages`.
    embed_images : with False the photographs are left out and only the masks are shown (licences).
    """
    title = "Detectors on perturbed pictures"
    there = [part for part in layers if len(part.examples.units) > page and part.examples.images.shape[1]]
    if not there or not len(summary):
        return empty_figure(title, "No unit was chosen to be shown.")
    title = f"{title}: {place_of(summary)}" + (
        f" (page {page + 1} of {n_pages(layers)})" if n_pages(layers) > 1 else ""
    )
    headings = _columns(there, summary)
    levels = list(headings)
    a_layer = max(1, ROWS_A_PAGE // len(there))
    rows = [(part, i) for part in there for i in range(min(a_layer, _n_images(part, page)))]
    size = max(part.examples.masks.shape[-1] for part in there)
    masks = np.zeros((len(rows), len(levels), size, size), dtype=bool)
    pictures = np.full((len(rows), len(levels), size, size, 3), 255, dtype=np.uint8)
    shown = np.zeros((len(rows), len(levels)), dtype=bool)
    for row, (part, i) in enumerate(rows):
        own = part.examples
        for column, level in enumerate(levels):
            if level in own.levels and own.images[page, i] >= 0:
                at = own.levels.index(level)
                nearest = ((np.arange(size) + 0.5) * own.masks.shape[-1] / size).astype(np.int64)
                masks[row, column] = own.masks[page, i, at][np.ix_(nearest, nearest)]
                pictures[row, column] = own.pictures[page, i, at][np.ix_(nearest, nearest)]
                shown[row, column] = True
    figure = new_figure((CAPTION + max(len(levels), 4)) * CELL + 0.25, len(rows) * CELL + 1.45)
    ax = figure.add_subplot()
    ax.set_axis_off()
    ax.set_anchor("W")
    draw_strips(ax, pictures if embed_images else None, masks, shown)
    ax.set(xlim=(-CAPTION, max(len(levels), 4)), ylim=(len(rows), -0.3), aspect="equal")
    for column, heading in enumerate(headings.values()):
        ax.text(
            column + 0.5,
            -0.06,
            _two_lines(heading),
            ha="center",
            va="bottom",
            fontsize=SMALL_SIZE,
            fontweight="bold",
        )
    for row, (part, i) in enumerate(rows):
        _row(ax, row, part, page, levels, first=i == 0)
    note = sentences(
        f"Data set {plain(summary['dataset'].iloc[0])}, n = {count(int(summary['n_images'].max()), 'image')}",
        "Outlined: activation > threshold, outside dimmed"
        if embed_images
        else "Outlined: activation > threshold; the pictures of this data set are not shown (embed_images: no)",
        CLEAN,
        "Under a level the unit's IoU with its concept over all images of the category at that level, and what became "
        "of the detector",
    )
    leave_out_of_layout(ax)
    head(figure, title, note)
    return figure


def _n_images(part: LayerExamples, page: int) -> int:
    return max(1, int((part.examples.images[page] >= 0).sum()))


def _columns(layers: list[LayerExamples], summary: pd.DataFrame) -> dict[str, str]:
    """Level name -> heading: the original, then a level of every kind and amount in the order of all figures (of
    several draws the first), at last what the summary does not know."""
    names = list(dict.fromkeys(name for part in layers for name in part.examples.levels[1:]))
    known = step_of_level(summary)
    by_step: dict[Step, str] = {}
    for name in names:
        if name in known:
            by_step.setdefault(known[name], name)
    columns = {layers[0].examples.levels[0]: "original"}
    columns |= {by_step[step]: step.words for step in steps_of(summary) if step in by_step}
    return columns | {name: plain(name, width=12) for name in names if name not in known}


def _two_lines(heading: str) -> str:
    return "\n".join(heading.rsplit(" ", 1)) if len(heading) > 11 else heading


def step_of_level(summary: pd.DataFrame) -> dict[str, Step]:
    """Kind and amount of every level by its name."""
    rows = summary.drop_duplicates("level")
    return {
        str(level): Step(str(kind), float(amount))
        for level, kind, amount in zip(rows["level"], rows["kind"], rows["amount"], strict=True)
    }


def _row(ax: Axes, row: int, part: LayerExamples, page: int, levels: list[str], *, first: bool) -> None:
    unit = int(part.examples.units[page])
    found = records(part.units[part.units["unit"] == unit].sort_values("repeat", kind="stable"))
    by_level: dict[str, dict[str, Any]] = {}
    for entry in found:
        by_level.setdefault(str(entry["level"]), entry)  # the first repeat: the one that is shown
    if first:
        _caption(ax, row, part.layer, unit, found[0] if found else None)
    for column, level in enumerate(levels):
        if level in by_level:
            entry = by_level[level]
            fate = next((word for name, word in FATE_WORDS if bool(entry[name])), "")
            words = f"{number(entry['iou'], digits=2)} {fate}".rstrip()
        elif column == 0 and found:
            words = number(found[0]["iou_clean"], digits=2)
        else:
            continue
        look: dict[str, Any] = {"fontsize": SMALL_SIZE - 1.5, "color": "white", "path_effects": _HALO, "zorder": 5}
        if first:
            ax.text(column + 0.07, row + 0.9, words, va="bottom", **look)


def _caption(ax: Axes, row: int, layer: str, unit: int, entry: dict[str, Any] | None) -> None:
    category = entry["category"] if entry else ""
    ax.add_patch(Rectangle((-CAPTION, row + 0.06), 0.07, 0.88, color=colour_of(category), linewidth=0))
    lines: list[tuple[str, dict[str, Any]]] = [
        (plain(layer, width=CAPTION_LETTERS), {"fontweight": "bold", "fontsize": BODY_SIZE}),
        (f"unit {unit}", {}),
    ]
    if entry:
        lines.append((plain(entry["concept"], width=CAPTION_LETTERS), {}))
        lines.append((f"{plain(category)}, IoU {number(entry['iou_clean'])}", {"color": QUIET}))
    for i, (text, options) in enumerate(lines):
        ax.text(-CAPTION + 0.16, row + 0.1 + 0.19 * i, text, va="top", **({"fontsize": SMALL_SIZE} | options))
