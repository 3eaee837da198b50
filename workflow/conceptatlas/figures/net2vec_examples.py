"""Example images of concepts: one at each decile of the IoU, and the best ones beside them (Net2Vec, figure 8)."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib import patheffects as effects
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from conceptatlas.figures.facts import sentences
from conceptatlas.figures.net2vec_facts import (
    COMBINATION,
    SHOWN_WORDS,
    SINGLE,
    place_of,
    sample_of,
    shown_concepts,
)
from conceptatlas.figures.net2vec_reading import ConceptExamples
from conceptatlas.figures.strips import CELL, draw_strips, leave_out_of_layout, outlines, tile
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
CONCEPTS_A_PAGE = 4
BEST_A_PAGE = 8
N_DECILES = 10
N_BEST = 5
LABEL_COLOUR = "#56B4E9"
"""Outline of the concept's own mask."""
_HALO = [effects.withStroke(linewidth=2.2, foreground="black")]


class Line(NamedTuple):
    """A line of pictures: rows of the examples by column, -1 where there is none, and what stands at its left.

    words : lines of text, the first one bold. colour : of the bar beside them.
    """

    rows: list[int]
    words: list[str]
    colour: str


def pages_of(n: int, a_page: int) -> int:
    """Pages of `n` items; one, which says so, when there is none."""
    return max(1, math.ceil(n / a_page))


def concepts_with(examples: ConceptExamples, table: pd.DataFrame, *kinds: str) -> list[dict[str, Any]]:
    """Rows of the shown concepts that have a picture of one of the kinds, in the order of all figures."""
    there = set(examples.rows.loc[examples.rows["kind"].isin(kinds), "concept_index"])
    return [row for row in records(shown_concepts(table)) if row["concept_index"] in there]


def n_decile_pages(examples: ConceptExamples, table: pd.DataFrame) -> int:
    """Pages of `deciles`."""
    return pages_of(len(concepts_with(examples, table, "decile_single", "decile_combination")), CONCEPTS_A_PAGE)


def n_best_pages(examples: ConceptExamples, table: pd.DataFrame) -> int:
    """Pages of `best_examples`."""
    return pages_of(len(concepts_with(examples, table, "best_single", "best_combination")), BEST_A_PAGE)


@styled
def deciles(
    examples: ConceptExamples,
    table: pd.DataFrame,
    *,
    dataset: str,
    model: str,
    layer: str,
    page: int = 0,
    embed_images: bool = True,
) -> Figure:
    """Draw an example at each decile of the non-zero IoU, the single filter's line over that of the combination.

    Parameters
    ----------
    examples : of the layer. table : its segmentation.parquet. page : from 0.
    embed_images : with False the photographs are left out and only the masks are shown (licences).
    """
    title = f"Not only the best: an example at each decile of the IoU, {place_of(model, layer)}"
    rows = concepts_with(examples, table, "decile_single", "decile_combination")
    if not rows:
        return empty_figure(title, "No concept has a validation image with an IoU above 0.")
    pages = pages_of(len(rows), CONCEPTS_A_PAGE)
    title += f" (page {page + 1} of {pages})" if pages > 1 else ""
    lines = []
    for row in rows[page * CONCEPTS_A_PAGE : (page + 1) * CONCEPTS_A_PAGE]:
        for kind in ("single", "combination"):
            found = examples.of(f"decile_{kind}", concept=int(row["concept_index"]))
            lines.append(Line(_by_rank(found, N_DECILES), _caption(row, kind), colour_of(row["category"])))
    note = sentences(
        sample_of(table, dataset=dataset),
        "Columns: deciles (10 %, 20 % ... 100 %) of the IoU of the validation images of the concept whose IoU is not "
        "0, of the single filter and of all filters each; in the picture its IoU (iou_image)",
        outlined(embed_images),
        SINGLE["segmentation"],
        COMBINATION["segmentation"],
    )
    headings = [f"{10 * (i + 1)} %" for i in range(N_DECILES)]
    return picture_grid(examples, lines, headings, title=title, note=note, embed_images=embed_images, pairs=2)


@styled
def best_examples(
    examples: ConceptExamples,
    table: pd.DataFrame,
    *,
    dataset: str,
    model: str,
    layer: str,
    page: int = 0,
    embed_images: bool = True,
) -> Figure:
    """Draw the validation images with the highest IoU, of the single filter at the left, of all filters at the right.

    examples, table, page, embed_images : as for `deciles`.
    """
    title = f"The best examples of concepts: {place_of(model, layer)}"
    rows = concepts_with(examples, table, "best_single", "best_combination")
    if not rows:
        return empty_figure(title, "No concept has a validation image with an IoU above 0.")
    pages = pages_of(len(rows), BEST_A_PAGE)
    title += f" (page {page + 1} of {pages})" if pages > 1 else ""
    lines = []
    for row in rows[page * BEST_A_PAGE : (page + 1) * BEST_A_PAGE]:
        found = [
            place
            for kind in ("single", "combination")
            for place in _by_rank(examples.of(f"best_{kind}", concept=int(row["concept_index"])), N_BEST)
        ]
        lines.append(Line(found, _caption(row, "both"), colour_of(row["category"])))
    note = sentences(
        sample_of(table, dataset=dataset),
        f"The {N_BEST} validation images of the concept with the highest IoU (iou_image, in the picture); such "
        "examples say little about the others: see the deciles",
        outlined(embed_images),
        SINGLE["segmentation"],
        COMBINATION["segmentation"],
    )
    headings = ["single filter", *[""] * (N_BEST - 1), "all filters", *[""] * (N_BEST - 1)]
    return picture_grid(examples, lines, headings, title=title, note=note, embed_images=embed_images, left=True)


def outlined(embed_images: bool) -> str:
    """What the outlines are."""
    said = "Yellow: predicted mask; blue: the concept"
    if embed_images:
        return f"{said}; outside the predicted mask dimmed"
    return f"{said}; the pictures of this data set are not shown (embed_images: no)"


def _by_rank(found: pd.DataFrame, n: int) -> list[int]:
    places = dict(zip(found["rank"].astype(int), found.index.astype(int), strict=True))
    return [places.get(rank, -1) for rank in range(n)]


def _caption(row: dict[str, Any], kind: str) -> list[str]:
    if kind == "combination":
        return ["", "all filters", f"IoU {number(row['combination_val'])}"]
    words = [plain(row["concept"], width=22)]
    if kind == "both":
        words.append(SHOWN_WORDS.get(row["shown"], plain(row["shown"])))
        words.append(f"unit {int(row['single_unit'])}: IoU {number(row['single_val'])}")
        words.append(f"all filters: IoU {number(row['combination_val'])}")
        return words
    words += [f"single: unit {int(row['single_unit'])}", f"IoU {number(row['single_val'])}"]
    return [*words, f"n = {count(int(row['n_val']), 'image')}"]


def picture_grid(
    examples: ConceptExamples,
    lines: list[Line],
    headings: list[str],
    *,
    title: str,
    note: str,
    embed_images: bool,
    pairs: int = 1,
    left: bool = False,
) -> Figure:
    """A figure of lines of pictures with both outlines; `styled` functions call it.

    headings : of the columns. pairs : lines that belong together; a rule stands between groups. left : headings start
    at the left edge of their column. The IoU stands in every picture that has one.
    """
    n_columns = len(headings)
    rows = np.array([line.rows + [-1] * (n_columns - len(line.rows)) for line in lines])
    there = rows >= 0
    size = examples.masks.shape[-1]
    masks = np.where(there[..., None, None], examples.masks[rows], False)
    labels = np.where(there[..., None, None], examples.labels[rows], False)
    pictures = examples.pictures[rows] if embed_images else None
    iou = examples.rows["iou"].to_numpy(dtype=np.float64)
    figure = new_figure((CAPTION + n_columns) * CELL + 0.25, len(lines) * CELL + 1.6)
    ax = figure.add_subplot()
    ax.set_axis_off()
    ax.set_anchor("W")
    _, cell = tile(None, np.zeros((1, 1, size, size), dtype=bool), np.ones((1, 1), dtype=bool))
    draw_strips(ax, pictures, masks, there)
    own = [line / cell for line in outlines(labels, there, cell)]
    ax.add_collection(LineCollection(own, colors=LABEL_COLOUR, linewidths=0.9, zorder=2.5), autolim=False)
    ax.set(xlim=(-CAPTION, n_columns), ylim=(len(lines), -0.3), aspect="equal")
    for column, heading in enumerate(headings):
        ax.text(
            column + (0.05 if left else 0.5), -0.06, heading, ha="left" if left else "center", va="bottom",
            fontsize=SMALL_SIZE, fontweight="bold",
        )  # fmt: skip
    for i, line in enumerate(lines):
        _words(ax, i, line, first=i % pairs == 0)
        if i % pairs == 0 and i and pairs > 1:
            ax.plot([-CAPTION, n_columns], [i, i], color="#BBBBBB", linewidth=0.6, clip_on=False)
        for column, row in enumerate(line.rows):
            if row >= 0 and np.isfinite(iou[row]):
                ax.text(
                    column + 0.07, i + 0.93, number(iou[row], digits=2), va="bottom", fontsize=SMALL_SIZE - 1.5,
                    color="white", path_effects=_HALO, zorder=5,
                )  # fmt: skip
    leave_out_of_layout(ax)
    head(figure, title, note)
    return figure


def _words(ax: Axes, at: int, line: Line, *, first: bool) -> None:
    ax.add_patch(Rectangle((-CAPTION, at + (0.06 if first else 0)), 0.07, 0.88, color=line.colour, linewidth=0))
    for i, text in enumerate(line.words):
        look: dict[str, Any] = {"fontsize": SMALL_SIZE, "color": QUIET if text.startswith("n = ") else None}
        if i == 0:
            look = {"fontsize": BODY_SIZE, "fontweight": "bold"}
        ax.text(-CAPTION + 0.16, at + 0.1 + 0.19 * i, text, va="top", **look)
