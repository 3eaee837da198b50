"""Unit gallery: what a layer's best units see. Rows are units, columns their top images, masks outlined."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from conceptatlas.figures.facts import Facts, facts, sentences
from conceptatlas.figures.reading import Gallery
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
Array = np.ndarray[Any, Any]

ROWS_A_PAGE = 8
OUTSIDE_BRIGHTNESS = 0.3
CELL = 0.92  # inches
GAP = 0.05  # of a cell
CAPTION = 2.55  # cells
MASK_ONLY_GREY = 205
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
    ax.text(0, -0.08, "top images, largest maximum first  →", fontsize=SMALL_SIZE, color=QUIET)
    by_unit = {int(unit["unit"]): unit for unit in records(units)}
    first = labels[labels["rank"] == 1]
    n_blocks = dict(zip(first["unit"].astype(int), first["n_blocks_with_concept"].astype(int), strict=True))
    for row, i in enumerate(rows):
        number_of_unit = int(gallery.units[i])
        _caption(ax, row, by_unit[number_of_unit], n_blocks[number_of_unit], about)
        for rank in range(n_ranks):
            if gallery.images[i, rank] >= 0:
                picture = gallery.pictures[i, rank] if embed_images else None
                _tile(ax, rank, row, picture, gallery.masks[i, rank])
    note = sentences(
        about.sample,
        "Outlined: activation > threshold, outside dimmed"
        if embed_images
        else "Outlined: activation > threshold; the pictures of this data set are not shown (embed_images: no)",
        "IoU over images of the label's category with its interval; p against permuted labels, q corrected over units",
        about.null,
    )
    for artist in [*ax.images, *ax.collections, *ax.texts, *ax.patches]:
        artist.set_in_layout(False)  # all lie inside the axes; measuring each would take longer than drawing
    head(figure, title, note)
    return figure


def dimmed(picture: Array | None, mask: Array) -> Array:
    """A picture with everything outside the mask dimmed, uint8 (S, S, 3); a grey one where there is no picture."""
    if picture is None:
        picture = np.full((*mask.shape, 3), MASK_ONLY_GREY, dtype=np.uint8)
    brightness = np.where(mask, 1.0, OUTSIDE_BRIGHTNESS)[..., None]
    shown: Array = np.rint(picture * brightness).astype(np.uint8)
    return shown


def _tile(ax: Axes, column: int, row: int, picture: Array | None, mask: Array) -> None:
    height, width = mask.shape
    left, right = column + GAP / 2, column + 1 - GAP / 2
    top, bottom = row + GAP / 2, row + 1 - GAP / 2
    ax.imshow(dimmed(picture, mask), extent=(left, right, bottom, top), interpolation="nearest", zorder=1)
    ax.set(xlim=ax.get_xlim(), ylim=ax.get_ylim())
    if mask.any():
        # a ring of zeros around the mask closes outlines that meet the frame
        x = left + (np.arange(-1, width + 1) + 0.5) / width * (right - left)
        y = top + (np.arange(-1, height + 1) + 0.5) / height * (bottom - top)
        inside = np.pad(mask.astype(float), 1)
        x, y = np.clip(x, left, right), np.clip(y, top, bottom)
        for colour, line in (("black", 2.0), ("#FFE94A", 1.0)):
            ax.contour(x, y, inside, levels=[0.5], colors=[colour], linewidths=[line], zorder=2)


def _caption(ax: Axes, row: int, unit: Row, n_blocks: int, about: Facts) -> None:
    left = -CAPTION
    ax.add_patch(Rectangle((left, row + 0.06), 0.07, 0.88, color=colour_of(unit["category"]), linewidth=0))
    bold = {"fontweight": "bold", "fontsize": BODY_SIZE}
    lines: list[tuple[str, dict[str, Any]]] = [(f"unit {unit['unit']}: {label_of(unit)}", bold)]
    if pd.notna(unit["iou_category"]):
        lines += [(category_of(unit), {}), (interval_of(unit, n_blocks), {}), (significance_of(unit, about), {})]
    flag = flag_of(unit)
    if flag:
        lines.append((flag, {"color": WARNING_COLOUR}))
    for i, (text, options) in enumerate(lines):
        ax.text(left + 0.16, row + 0.08 + 0.175 * i, text, va="top", **({"fontsize": SMALL_SIZE} | options))


def label_of(unit: Row) -> str:
    """A unit's label, or that it has none."""
    has_label = bool(pd.notna(unit["iou_category"]) and unit["iou_category"] > 0)
    return plain(unit["concept"], width=22) if has_label else "no label"


def category_of(unit: Row) -> str:
    """The category of a unit's label and whether the unit is a detector."""
    return f"{plain(unit['category'])}, {'detector' if unit['is_detector'] else 'no detector'}"


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


def flag_of(unit: Row) -> str:
    """What the reader must know about this unit: its state, or a concept that explains its label."""
    flags = [] if unit["state"] == "live" else [str(unit["state"])]
    if unit["is_confounded"]:
        flags.append(f"confounded by {plain(unit['confounded_by'], width=20)}")
    return ", ".join(flags)
