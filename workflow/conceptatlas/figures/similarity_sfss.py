"""Around which concepts are two layers alike? SFSS of every concept for chosen pairs, and the headline over them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from conceptatlas.figures.facts import sentences
from conceptatlas.figures.similarity_facts import images_sentence
from conceptatlas.figures.similarity_scatter import TwoLayers, rows_of_pair
from conceptatlas.figures.style import (
    INK,
    OTHER,
    QUIET,
    SMALL_SIZE,
    category_patches,
    colour_of,
    empty_figure,
    grid,
    head,
    in_order,
    new_figure,
    number,
    plain,
    styled,
)
from conceptatlas.tables import records

Array = np.ndarray[Any, Any]

MOST_PAIRS = 12
"""Pairs of a figure; the next ones are in the tables."""
ROW = 0.62  # inches
NAMED = 2
"""Concepts at either end that have their names."""


@styled
def concept_distribution(sfss: pd.DataFrame, pairs: pd.DataFrame, *, chosen: Sequence[TwoLayers]) -> Figure:
    """Draw the SFSS of every concept as a point, a line a pair of layers, with the mean that is the headline.

    Parameters
    ----------
    sfss : tables {m}_sfss.parquet of all models. pairs : tables {m}.parquet of all models. chosen : pairs of layers.
    """
    title = "SFSS by concept"
    title += f" on {plain(sfss['dataset'].iloc[0])}" if len(sfss) else ""
    found = [(pair, rows_of_pair(sfss, pair)) for pair in chosen] if len(sfss) else []
    found = [(pair, rows[rows["r"].notna()]) for pair, rows in found][:MOST_PAIRS]
    found = [(pair, rows) for pair, rows in found if len(rows)]
    if not found:
        return empty_figure(title, "No concept has an SFSS in these pairs of layers: too few images, or no spread.")
    figure = new_figure(9.6, 1.9 + ROW * len(found))
    ax = figure.add_subplot()
    for at, (pair, rows) in enumerate(found):
        height = at + _jitter(rows["r"].to_numpy(dtype=np.float64))
        for y, row in zip(height, records(rows), strict=True):
            colour = colour_of(row["category"])
            ax.plot([row["r"]], [y], marker="o", markersize=4, color=colour, markeredgewidth=1.0, linestyle="none",
                    markerfacecolor=colour if row["recognised"] else "white", zorder=2)  # fmt: skip
        _headline(ax, at, _row_of(pairs, pair, "sfss"))
        ax.text(1.01, at, _extremes(rows), transform=ax.get_yaxis_transform(), va="center", fontsize=SMALL_SIZE - 1,
                color=QUIET)  # fmt: skip
    ax.set_yticks(range(len(found)), [f"{pair.words.replace(' – ', chr(10))}" for pair, _ in found])
    ax.set_ylim(len(found) - 0.45, -0.6)
    low = min(float(rows["r"].min()) for _, rows in found)
    ax.set_xlim(min(-0.05, low - 0.05), 1.03)
    ax.axvline(0, color=QUIET, linewidth=0.7)
    ax.set_xlabel("r: correlation of the concept's two cosine profiles")
    grid(ax, "x")
    handles: list[Any] = category_patches(in_order(pd.concat([rows["category"] for _, rows in found])))
    handles.append(Line2D([], [], color=INK, marker="D", linewidth=1.6, label="mean, interval"))
    handles.append(Line2D([], [], color=OTHER, marker="|", markersize=10, markeredgewidth=2, linestyle="none",
                          label="95 % point of chance"))  # fmt: skip
    figure.legend(handles=handles, loc="outside upper right", ncols=5)
    rows = pairs[pairs["measure"] == "sfss"] if len(pairs) else pairs
    note = sentences(
        images_sentence(rows),
        "A point: a concept; filled: recognised in both layers; right of the line the concepts with the highest and "
        "the lowest r",
        "Diamond: the headline SFSS, the mean over all concepts, with its interval over blocks of images; chance: "
        "images of one layer shuffled",
    )
    head(figure, title, note)
    return figure


def _row_of(pairs: pd.DataFrame, pair: TwoLayers, measure: str) -> dict[str, Any]:
    rows = rows_of_pair(pairs, pair) if len(pairs) else pairs
    found = records(rows[rows["measure"] == measure]) if len(rows) else []
    return found[0] if found else {}


def _headline(ax: Any, at: int, row: dict[str, Any]) -> None:
    if not row or not np.isfinite(row["value"]):
        return
    if np.isfinite([row["low"], row["high"]]).all():
        ax.plot([row["low"], row["high"]], [at, at], color=INK, linewidth=1.6, zorder=3)
    ax.plot([row["value"]], [at], marker="D", markersize=6.5, color=INK, markeredgecolor="white", zorder=4)
    if np.isfinite(row["null_high"]):
        ax.plot([row["null_high"]], [at], marker="|", markersize=14, color=OTHER, markeredgewidth=2, zorder=1)


def _jitter(values: Array) -> Array:
    """Heights of points within their line: points of nearly the same value beside each other, the same every time."""
    out = np.zeros(len(values))
    steps = np.array([0.0, 0.14, -0.14, 0.24, -0.24])
    for rank, i in enumerate(np.argsort(values, kind="stable")):
        out[i] = steps[rank % len(steps)]
    return out


def _extremes(rows: pd.DataFrame) -> str:
    """The concepts with the highest and the lowest r."""
    ordered = records(rows.sort_values(["r", "concept_index"], ascending=[False, True]))
    first, last = ordered[:NAMED], ordered[NAMED:][-NAMED:]
    words = [
        ", ".join(f"{plain(row['concept'], width=16)} {number(row['r'], digits=2)}" for row in ends)
        for ends in (first, last)
        if ends
    ]
    return "\n".join(words)
