"""Unit gallery: what a layer's best units see. Rows are units, columns their top images, masks outlined."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from conceptatlas.figures.facts import Facts, facts, sentences
from conceptatlas.figures.reading import Gallery
from conceptatlas.figures.strips import CELL, draw_strips, leave_out_of_layout
from conceptatlas.figures.style import (
    BODY_SIZE,
    QUIET,
    SMALL_SIZE,
    colour_of,
    empty_figure,
    head,
    new_figure,
    number,
    plain,
    styled,
)
from conceptatlas.tables import records

Row = Mapping[str, Any]

ROWS_A_PAGE = 8
CAPTION = 3.0  # cells
CAPTION_LETTERS = 28
WARNING_COLOUR = "#B03A00"


def n_pages(gallery: Gallery) -> int:
    """Pages of a gallery; one, which says so, when there is no unit to show."""
    return max(1, math.ceil(len(gallery.units) / ROWS_A_PAGE))


@styled
def unit_gallery(
    gallery: Gallery,
    *,
    units: pd.DataFrame,
    labels: pd.DataFrame,
    summary: pd.DataFrame,
    page: int = 0,
    embed_images: bool = True,
) -> Figure:
    """Draw one page of a layer's gallery.

    Parameters
    ----------
    units, labels, summary : the layer's tables.
    page : from 0; see `n_pages`.
    embed_images : with False the photographs are left out and only the masks are shown (licences).
    """
    about = facts(summary)
    pages = n_pages(gallery)
    title = f"Units of {about.place}" + (f" (page {page + 1} of {pages})" if pages > 1 else "")
    n_ranks = gallery.images.shape[1] if gallery.images.ndim == 2 else 0
    if not len(gallery.units) or not n_ranks:
        return empty_figure(title, "No unit was chosen for the gallery (gallery_units or gallery_images is 0).")
    rows = list(range(page * ROWS_A_PAGE, min((page + 1) * ROWS_A_PAGE, len(gallery.units))))
    columns = max(n_ranks, 4)
    figure = new_figure((CAPTION + columns) * CELL + 0.25, len(rows) * CELL + 1.25)
    ax = figure.add_subplot()
    ax.set(xlim=(-CAPTION, columns), ylim=(len(rows), -0.25), aspect="equal")
    ax.set_axis_off()
    ax.set_anchor("W")
    ax.text(0, -0.08, "top images, largest maximum first  →", fontsize=SMALL_SIZE, color=QUIET)
    by_unit = {int(unit["unit"]): unit for unit in records(units)}
    first = labels[labels["rank"] == 1]
    n_blocks = dict(zip(first["unit"].astype(int), first["n_blocks_with_concept"].astype(int), strict=True))
    for row, i in enumerate(rows):
        k = int(gallery.units[i])
        _caption(ax, row, by_unit[k], n_blocks[k], about)
    pictures = gallery.pictures[rows] if embed_images else None
    draw_strips(ax, pictures, gallery.masks[rows], gallery.images[rows] >= 0)
    ax.set(xlim=(-CAPTION, columns), ylim=(len(rows), -0.25), aspect="equal")
    note = sentences(
        about.sample,
        "Outlined: activation > threshold, outside dimmed"
        if embed_images
        else "Outlined: activation > threshold; the pictures of this data set are not shown (embed_images: no)",
        "IoU over images of the label's category with its interval; p against permuted labels, q corrected over units",
        about.null,
    )
    leave_out_of_layout(ax)
    head(figure, title, note)
    return figure


def _caption(ax: Axes, row: int, unit: Row, n_blocks: int, about: Facts) -> None:
    left = -CAPTION
    ax.add_patch(Rectangle((left, row + 0.06), 0.07, 0.88, color=colour_of(unit["category"]), linewidth=0))
    bold = {"fontweight": "bold", "fontsize": BODY_SIZE}
    lines: list[tuple[str, dict[str, Any]]] = [(heading_of(unit), bold), (kind_of(unit), {})]
    if pd.notna(unit["iou_category"]):
        lines += [(interval_of(unit, n_blocks), {}), (significance_of(unit, about), {})]
    if unit["is_confounded"]:
        lines.append((f"confounded by {plain(unit['confounded_by'], width=20)}", {"color": WARNING_COLOUR}))
    for i, (text, options) in enumerate(lines):
        ax.text(left + 0.16, row + 0.08 + 0.175 * i, text, va="top", **({"fontsize": SMALL_SIZE} | options))


def heading_of(unit: Row) -> str:
    """A unit's number and label, or that it has none."""
    start = f"unit {unit['unit']}: "
    if pd.isna(unit["iou_category"]) or unit["iou_category"] == 0:
        return f"{start}no label"
    return start + plain(unit["concept"], width=max(CAPTION_LETTERS - len(start), 10))


def kind_of(unit: Row) -> str:
    """The category of a unit's label, whether the unit is a detector, and its state where that is not `live`."""
    parts: list[str] = []
    if pd.notna(unit["iou_category"]):
        parts = [plain(unit["category"]), "detector" if unit["is_detector"] else "no detector"]
    return ", ".join(parts + ([] if unit["state"] == "live" else [plain(unit["state"])]))


def interval_of(unit: Row, n_blocks: int) -> str:
    """IoU with its interval, or why there is none."""
    if pd.isna(unit["ci_low"]):
        blocks = "1 block" if n_blocks == 1 else f"{n_blocks} blocks"
        return f"IoU {number(unit['iou_category'])} (no interval: {blocks})"
    return f"IoU {number(unit['iou_category'])} [{number(unit['ci_low'])}, {number(unit['ci_high'])}]"


def significance_of(unit: Row, about: Facts) -> str:
    """p and q with as many digits as the number of permutations supports."""
    digits = max(2, len(str(about.n_permutations)))
    return f"p = {number(unit['p'], digits=digits)}, q = {number(unit['q'], digits=digits)}"
