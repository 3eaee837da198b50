"""How well is a concept segmented image by image? Distribution of the IoU of single images (Net2Vec, figure 7)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from conceptatlas.figures.facts import sentences
from conceptatlas.figures.net2vec_facts import (
    COMBINATION,
    SINGLE,
    per_cent,
    place_of,
    sample_of,
    settings_of,
    shown_concepts,
    why_shown,
)
from conceptatlas.figures.robustness_levels import percent
from conceptatlas.figures.style import (
    PAGE_WIDTH,
    QUIET,
    SMALL_SIZE,
    count,
    empty_figure,
    grid,
    head,
    legend_beside,
    new_figure,
    number,
    plain,
    say,
    styled,
)
from conceptatlas.tables import records

Array = np.ndarray[Any, Any]

COLOURS = {"single": "#E69F00", "combination": "#0072B2"}
WORDS = {"single": "single filter", "combination": "all filters"}
A_PAGE = 12
COLUMNS = 3
EDGES = np.linspace(0.0, 1.0, 21)
_ZERO = -0.075
"""Where the bar of the images with an IoU of 0 stands."""
_BELOW_TEXT = 5
"""Bins from this one on stay below the text of a panel."""


def n_pages(table: pd.DataFrame) -> int:
    """Pages of the figure; one, which says so, when no concept is shown."""
    return max(1, math.ceil(len(shown_concepts(table)) / A_PAGE))


def distribution(iou: pd.Series) -> tuple[float, Array]:
    """Share of the images with an IoU of exactly 0, and shares of the others by bin of `EDGES`; undefined ones left
    out. NaN and zeros where nothing is defined."""
    values = iou.dropna().to_numpy(dtype=np.float64)
    if not len(values):
        return float("nan"), np.zeros(len(EDGES) - 1)
    counts, _ = np.histogram(values[values > 0], bins=EDGES)
    return float(np.mean(values == 0)), counts / len(values)


@styled
def iou_per_image(
    images: pd.DataFrame, table: pd.DataFrame, *, dataset: str, model: str, layer: str, page: int = 0
) -> Figure:
    """Draw the distribution of the IoU of single validation images for the shown concepts, a panel each.

    Parameters
    ----------
    images : rows of segmentation_images.parquet of validation images; other concepts may be among them.
    table : segmentation.parquet of the layer. page : from 0; see `n_pages`.
    """
    title = f"IoU image by image: {place_of(model, layer)} on {plain(dataset)}"
    rows = records(shown_concepts(table))
    if not rows:
        return empty_figure(title, "No concept is shown: nothing was learned.", sample_of(table, dataset=dataset) + ".")
    pages = n_pages(table)
    title += f" (page {page + 1} of {pages})" if pages > 1 else ""
    rows = rows[page * A_PAGE : (page + 1) * A_PAGE]
    n_columns = min(COLUMNS, len(rows))
    n_rows = math.ceil(len(rows) / n_columns)
    figure = new_figure(max(6.5, min(PAGE_WIDTH, 1.2 + 2.95 * n_columns)), 1.9 + 2.05 * n_rows)
    axes = figure.subplots(n_rows, n_columns, squeeze=False, sharex=True)
    for ax, row in zip(axes.flat, rows, strict=False):
        _panel(ax, images[images["concept_index"] == row["concept_index"]], row)
    for ax in axes.flat[len(rows) :]:
        ax.set_visible(False)
    for ax in axes[:, 0]:
        ax.set_ylabel("images")
    for column in range(n_columns):
        lowest = axes[(len(rows) - 1 - column) // n_columns, column]
        lowest.set_xlabel("IoU of an image")
        lowest.tick_params(labelbottom=True)
    handles = [Patch(facecolor=COLOURS[kind], alpha=0.6, label=words) for kind, words in WORDS.items()]
    legend_beside(axes[0, -1] if len(rows) >= n_columns else axes[0, 0], handles)
    note = sentences(
        sample_of(table, dataset=dataset),
        "IoU of a validation image that holds the concept (iou_image); the bars left of 0: an IoU of exactly 0; "
        "`nowhere active`: of these, the share without any activation above the threshold (single) or with an empty "
        "mask (all filters). µ ± σ: mean and standard deviation where it is not 0",
        why_shown(rows),
        SINGLE["segmentation"],
        COMBINATION["segmentation"],
        settings_of(table, "segmentation"),
    )
    head(figure, title, note)
    return figure


def _panel(ax: Axes, own: pd.DataFrame, row: Mapping[str, Any]) -> None:
    ax.set_title(plain(row["concept"], width=28))
    n = int(own["combination_iou"].notna().sum())
    if not n:
        say(ax, "No validation image.")
        return
    highest = 0.05
    for i, (kind, colour) in enumerate(COLOURS.items()):
        zero, bins = distribution(own[f"{kind}_iou"])
        if np.isnan(zero):
            continue
        ax.stairs(bins, EDGES, color=colour, fill=True, alpha=0.35, zorder=2)
        ax.stairs(bins, EDGES, color=colour, linewidth=1.2, zorder=3)
        ax.bar(_ZERO + (i - 0.5) * 0.045, zero, width=0.043, color=colour, alpha=0.7, zorder=2)
        highest = max(highest, 1.1 * zero, 1.1 * float(bins.max()), 2.2 * float(bins[_BELOW_TEXT:].max()))
        said = f"zero {per_cent(zero)}"
        if zero > 0:
            said += f" ({per_cent(row[f'{kind}_zero_inactive'])} nowhere active)"
        said += f"\nµ {number(row[f'{kind}_mean'], digits=2)} ± {number(row[f'{kind}_sd'], digits=2)}"
        ax.text(
            0.98, 0.98 - 0.23 * i, said, transform=ax.transAxes, ha="right", va="top", fontsize=SMALL_SIZE - 1,
            color=colour, linespacing=1.25, zorder=5,
        )  # fmt: skip
    ax.text(
        0.98, 0.54, f"n = {count(n, 'image')}", transform=ax.transAxes, ha="right", va="top", fontsize=SMALL_SIZE - 1,
        color=QUIET, zorder=5,
    )  # fmt: skip
    ax.set_xlim(-0.14, 1.0)
    ax.set_ylim(0, highest)
    ax.set_xticks([_ZERO, 0.25, 0.5, 0.75, 1.0], ["0", "0.25", "0.5", "0.75", "1"])
    ax.set_yticks([tick for tick in ax.get_yticks() if 0 <= tick <= min(highest, 1.0)])
    percent(ax.yaxis)
    grid(ax)
