"""Galleries as in the paper: highly activating images, their crops, lowly activating ones, and the words.

A block a group: three strips of pictures, the words at their right with scores and intervals; words that contrast
drops are struck through, words above the null are bold.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.patches import Rectangle
from matplotlib.textpath import TextPath

from conceptatlas.figures.facts import sentences
from conceptatlas.figures.falcon_facts import Row, Space, counted, group_words, judged, likeness, verdict
from conceptatlas.figures.strips import CELL, MASK_ONLY_GREY, OUTLINE, leave_out_of_layout
from conceptatlas.figures.style import (
    BODY_SIZE,
    QUIET,
    SMALL_SIZE,
    empty_figure,
    head,
    new_figure,
    number,
    plain,
    styled,
)
from conceptatlas.tables import records

Array = np.ndarray[Any, Any]

PICTURES = 6
"""Pictures of a strip."""
BLOCKS_A_PAGE = 3
STRIPS = ("high", "crops", "low")
CAPTION = 2.75  # cells
WORDS = 6.4  # cells
WORD_LINES = 12
PHRASES = 4
BLOCK = 3.55  # cells
DROPPED_COLOUR = "#B03A00"


class GroupPictures(NamedTuple):
    """high, crops, low : lists of uint8 (P, P, 3), in the order of the ranks. boxes : (top, left, bottom, right) of
    each high image as shares of the frame; whole : which of these are the whole frame because nothing was found."""

    high: list[Array]
    crops: list[Array]
    low: list[Array]
    boxes: list[tuple[float, float, float, float]]
    whole: list[bool]


def n_gallery_pages(groups: pd.DataFrame) -> int:
    """Pages of a gallery."""
    return max(1, math.ceil(len(groups) / BLOCKS_A_PAGE))


@styled
def group_gallery(
    space: Space,
    groups: pd.DataFrame,
    words: pd.DataFrame,
    pictures: Sequence[GroupPictures],
    *,
    explained: pd.DataFrame,
    page: int = 0,
    embed_images: bool = True,
    empty: str = "",
) -> Figure:
    """Draw one page of the gallery of a layer.

    groups : rows of explained.parquet that are shown. words : words.parquet. pictures : of the groups of the page.
    explained : all rows, for the counts. page : from 0. embed_images : otherwise frames are grey with the box of the
    crop. empty : why there is nothing to show.
    """
    title = f"What features mean: {space.place}"
    if not len(groups):
        return empty_figure(title, empty, sentences(space.sources))
    pages = n_gallery_pages(groups)
    title += f" (page {page + 1} of {pages})" if pages > 1 else ""
    rows = records(groups.iloc[page * BLOCKS_A_PAGE : (page + 1) * BLOCKS_A_PAGE])
    width = CAPTION + PICTURES + WORDS
    figure = new_figure(width * CELL * 0.78, len(rows) * BLOCK * CELL * 0.78 + 1.3)
    ax = figure.add_subplot()
    ax.set_axis_off()
    ax.set_anchor("W")
    for n, (group, own) in enumerate(zip(rows, pictures, strict=True)):
        _block(ax, n * BLOCK, group, words[words["group"] == group["group"]], own, embed_images=embed_images)
    ax.set(xlim=(-CAPTION, PICTURES + WORDS), ylim=(len(rows) * BLOCK - 0.3, -0.1), aspect="equal")
    leave_out_of_layout(ax)
    first = records(words.head(1))[0] if len(words) else {"n_captions": 0}
    shown = "" if embed_images else "The pictures of this data set are not shown (embed_images: no), their boxes are"
    note = sentences(
        f"{space.sources}; {counted(explained)}",
        f"Score (equation 1): mean over all high images of the best cosine of a caption with the word, of the "
        f"{int(first['n_captions'])} nearest captions of the crop, with its interval over images (none with fewer than "
        "8 blocks of images)",
        "Bold: above the null; struck through: dropped, the lowly activating images have the word too",
        judged(explained),
        "Yellow: the crop, the box of the largest part of the GradCAM map above its cut",
        shown,
    )
    head(figure, title, note)
    return figure


def _block(ax: Axes, top: float, group: Row, words: pd.DataFrame, own: GroupPictures, *, embed_images: bool) -> None:
    lines: list[tuple[str, dict[str, Any]]] = [
        (group_words(group), {"fontweight": "bold", "fontsize": BODY_SIZE}),
        (verdict(group), {}),
        (f"{int(group['n_high'])} high, {int(group['n_low'])} low images", {}),
        (likeness(group), {}),
        (f"more alike than {number(group['percentile'], digits=0)} % random", {}),
        (f"{int(group['n_whole'])} crops are whole frames" if group["n_whole"] else "", {"color": DROPPED_COLOUR}),
    ]
    for i, (text, style) in enumerate(line for line in lines if line[0]):
        ax.text(
            -CAPTION, top + 0.05 + 0.2 * i, plain(text, width=40), va="top", **({"fontsize": SMALL_SIZE - 1} | style)
        )
    for strip, name in enumerate(STRIPS):
        y = top + strip * 1.05
        ax.text(-0.08, y + 0.5, name, rotation=90, ha="right", va="center", fontsize=SMALL_SIZE, color=QUIET)
        for i, picture in enumerate(getattr(own, name)[:PICTURES]):
            _picture(ax, i, y, picture if embed_images else None)
            if name == "high" and i < len(own.boxes):
                t, left, bottom, right = own.boxes[i]
                box = (i + 0.03 + 0.94 * left, y + 0.03 + 0.94 * t)
                line: dict[str, Any] = {"edgecolor": OUTLINE, "linestyle": ":" if own.whole[i] else "-"}
                ax.add_patch(
                    Rectangle(box, 0.94 * (right - left), 0.94 * (bottom - t), fill=False, linewidth=1.1, **line)
                )
        if not getattr(own, name):
            ax.text(0.1, y + 0.5, "no such image", va="center", fontsize=SMALL_SIZE, color=QUIET)
    _words(ax, top, words)


def _picture(ax: Axes, column: float, y: float, picture: Array | None) -> None:
    shown = np.full((8, 8, 3), MASK_ONLY_GREY, dtype=np.uint8) if picture is None else picture
    extent = (column + 0.03, column + 0.97, y + 0.97, y + 0.03)
    ax.imshow(shown, extent=extent, interpolation_stage="rgba", zorder=1)


def _words(ax: Axes, top: float, words: pd.DataFrame) -> None:
    phrases = words[words["kind"] == "phrase"].sort_values("rank").head(PHRASES)
    single = words[words["kind"] != "phrase"].sort_values("rank").head(WORD_LINES - (len(phrases) > 0) * PHRASES)
    step = 3.1 / (WORD_LINES + 1.2)
    left = PICTURES + 0.15
    ax.text(left + 2.55, top, "score and interval", va="top", fontsize=SMALL_SIZE - 1, color=QUIET)
    ax.text(left + 4.6, top, "in low images", va="top", fontsize=SMALL_SIZE - 1, color=QUIET)
    for i, row in enumerate([*records(single), *records(phrases)]):
        y = top + step * (i + 1.15) + (0.12 if i >= len(single) else 0)
        colour = DROPPED_COLOUR if row["dropped"] else "#222222" if row["above_null"] else QUIET
        weight = "bold" if row["above_null"] else "normal"
        text = plain(row["word"], width=24)
        ax.text(left, y, text, va="center", fontsize=SMALL_SIZE, color=colour, fontweight=weight)
        if row["dropped"]:
            points = text_width(text, SMALL_SIZE, weight)
            ax.annotate(
                "", xy=(left, y), xytext=(points, 0), textcoords="offset points",
                arrowprops={"arrowstyle": "-", "color": colour, "linewidth": 0.9, "shrinkA": 0, "shrinkB": 0},
            )  # fmt: skip
        interval = f" [{number(row['score_low'])}, {number(row['score_high'])}]" if pd.notna(row["score_low"]) else ""
        ax.text(left + 2.55, y, f"{number(row['score'])}{interval}", va="center", fontsize=SMALL_SIZE - 1, color=colour)
        ax.text(left + 4.6, y, number(row["counter_score"]), va="center", fontsize=SMALL_SIZE - 1, color=colour)
    if not len(words):
        ax.text(left, top + 0.5, "no word", fontsize=SMALL_SIZE, color=QUIET)


def text_width(text: str, size: float, weight: str) -> float:
    """Width of a line of text in points."""
    path = TextPath(
        (0, 0), text.replace(r"\$", "$"), prop=FontProperties(family="DejaVu Sans", size=size, weight=weight)
    )
    return float(path.get_extents().x1)
