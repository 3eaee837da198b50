"""Scores of words against the null: which words of a group say more than those of random groups of images?"""

from __future__ import annotations

import math
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from conceptatlas.figures.facts import sentences
from conceptatlas.figures.falcon_facts import Space, group_words, judged, verdict
from conceptatlas.figures.style import OTHER, SMALL_SIZE, empty_figure, grid, head, new_figure, plain, styled
from conceptatlas.tables import records

PANELS_A_PAGE = 6
COLUMNS = 3
WORDS = 8
ABOVE, BELOW, DROPPED = "#0072B2", "#A9C7DD", "#E0B9A6"


def n_word_pages(groups: pd.DataFrame) -> int:
    """Pages of `word_scores`."""
    return max(1, math.ceil(len(groups) / PANELS_A_PAGE))


@styled
def word_scores(space: Space, groups: pd.DataFrame, words: pd.DataFrame, *, page: int = 0, empty: str = "") -> Figure:
    """Draw the words of highest score of some groups, a panel a group.

    groups : rows of explained.parquet that are shown. words : words.parquet. page : from 0.
    """
    title = f"Words and their null: {space.place}"
    if not len(groups):
        return empty_figure(title, empty, sentences(space.sources))
    pages = n_word_pages(groups)
    title += f" (page {page + 1} of {pages})" if pages > 1 else ""
    rows = records(groups.iloc[page * PANELS_A_PAGE : (page + 1) * PANELS_A_PAGE])
    n_lines = math.ceil(len(rows) / COLUMNS)
    figure = new_figure(11.0, 2.35 * n_lines + 1.3)
    axes = figure.subplots(n_lines, COLUMNS, squeeze=False).ravel()
    for ax, group in zip(axes, rows, strict=False):
        own = words[(words["group"] == group["group"]) & (words["kind"] != "phrase")].sort_values("rank").head(WORDS)
        _panel(ax, own)
        ax.set_title(f"{plain(group_words(group), width=32)}\n{verdict(group)}", fontsize=SMALL_SIZE)
    for ax in axes[len(rows) :]:
        ax.set_axis_off()
    handles: list[Any] = [
        Patch(facecolor=ABOVE, label="above the null"), Patch(facecolor=BELOW, label="not above"),
        Patch(facecolor=DROPPED, hatch="////", edgecolor="white", label="dropped by contrast"),
        Line2D([], [], color=OTHER, marker="|", markersize=9, linestyle="none", markeredgewidth=1.8,
               label="95 % point of\nrandom groups"),
    ]  # fmt: skip
    figure.legend(handles=handles, loc="outside right upper")
    note = sentences(
        f"{space.sources}; {WORDS} words of highest score a group, phrases left out",
        "Bar: score (equation 1), line: its interval over blocks of images, none with fewer than 8",
        judged(groups),
    )
    head(figure, title, note)
    return figure


def _panel(ax: Axes, words: pd.DataFrame) -> None:
    for y, row in enumerate(records(words)):
        colour = DROPPED if row["dropped"] else ABOVE if row["above_null"] else BELOW
        hatch: dict[str, Any] = {"hatch": "////", "edgecolor": "white", "linewidth": 0} if row["dropped"] else {}
        ax.barh(y, row["score"], height=0.7, color=colour, **hatch)
        if pd.notna(row["score_low"]):
            ax.plot([row["score_low"], row["score_high"]], [y, y], color="#222222", linewidth=1.0)
        if pd.notna(row["null_high"]):
            ax.plot([row["null_high"]], [y], marker="|", markersize=9, color=OTHER, markeredgewidth=1.8)
    names = [plain(word, width=18) for word in words["word"]]
    ax.set_yticks(range(len(names)), names)
    ax.set_ylim(WORDS - 0.4, -0.6)
    ax.tick_params(axis="y", length=0)
    ax.set_xlabel("word score", fontsize=SMALL_SIZE)
    grid(ax, "x")
