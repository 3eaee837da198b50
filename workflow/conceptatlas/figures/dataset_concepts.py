"""What a data set labels: the most frequent concepts of every category, and how many are too rare to say much about."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from conceptatlas.figures.facts import sentences
from conceptatlas.figures.style import (
    PAGE_WIDTH,
    SMALL_SIZE,
    colour_of,
    count,
    empty_figure,
    grid,
    head,
    in_order,
    new_figure,
    plain,
    styled,
    whole_numbers,
)

SHOWN = 15
"""Concepts a panel."""
FEW = 8
"""Images below which a concept cannot fill the blocks an interval needs."""
COLUMNS = 3


@styled
def concept_counts(concepts: pd.DataFrame, *, dataset: str, n_images: int, mask_size: int) -> Figure:
    """Draw how many images hold the most frequent concepts of every category.

    Parameters
    ----------
    concepts : ``concepts.parquet``. n_images : valid images. mask_size : S, pixels.
    """
    title = f"Concepts of {plain(dataset)}: {count(int((concepts['n_images'] > 0).sum()), 'concept')} in "
    title += count(n_images, "image")
    categories = in_order(concepts["primary_category"])
    if not categories:
        return empty_figure(f"Concepts of {plain(dataset)}", "This data set labels nothing.")
    columns = min(COLUMNS, len(categories))
    n_rows = math.ceil(len(categories) / columns)
    tallest = [
        max(_n_shown(concepts, category) for category in categories[row * columns : (row + 1) * columns])
        for row in range(n_rows)
    ]
    heights = [0.75 + 0.17 * shown for shown in tallest]
    figure = new_figure(PAGE_WIDTH * max(columns, 2) / COLUMNS, sum(heights) + 1.1)
    axes = figure.subplots(n_rows, columns, squeeze=False, height_ratios=heights).ravel()
    for ax, category in zip(axes, categories, strict=False):
        _panel(ax, concepts[concepts["primary_category"] == category], category)
    for ax in axes[len(categories) :]:
        ax.set_axis_off()
    note = sentences(
        f"Data set {plain(dataset)}, n = {count(n_images, 'valid image')}",
        "Bars: images that hold the concept; beside them the share of these images that it covers on average, in cells "
        f"of the {mask_size} x {mask_size} masks",
        "A concept counts in the category in which it covers most pixels; fewer than "
        f"{FEW} images cannot fill the blocks that an interval needs",
    )
    head(figure, title, note)
    return figure


def _n_shown(concepts: pd.DataFrame, category: str) -> int:
    return min(SHOWN, int((concepts["primary_category"] == category).sum()))


def _panel(ax: Axes, own: pd.DataFrame, category: str) -> None:
    own = own.sort_values(["n_images", "concept_index"], ascending=[False, True], kind="stable")
    shown = own.head(SHOWN)
    places = range(len(shown))
    ax.barh(places, shown["n_images"], color=colour_of(category), height=0.75)
    ax.set_yticks(places, [plain(name, width=24) for name in shown["name"]])
    ax.tick_params(axis="y", length=0)
    ax.set_ylim(max(len(shown), 3) - 0.4, -0.6)
    largest = max(1, int(shown["n_images"].max()))
    ax.set_xlim(0, largest * 1.25)
    for place, share in zip(places, shown["share"], strict=True):
        ax.text(
            float(shown["n_images"].iloc[place]) + largest * 0.02,
            place,
            _percent(share),
            va="center",
            fontsize=SMALL_SIZE - 1,
        )
    rest = len(own) - len(shown)
    few = int((own["n_images"] < FEW).sum())
    more = f", {rest:,} more not shown" if rest else ""
    ax.set_title(f"{plain(category)}: {count(len(own), 'concept')}{more}\n{few:,} in fewer than {FEW} images")
    ax.set_xlabel("images")
    whole_numbers(ax.xaxis)
    grid(ax, axis="x")


def _percent(share: Any) -> str:
    """A share as per cent; empty where it is undefined (no image holds the concept)."""
    if pd.isna(share):
        return ""
    return f"{share:.0%}" if share >= 0.1 else f"{share:.1%}"
