"""Does a filter's own IoU say how much it weighs in the combination? (Net2Vec, figure 9)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from conceptatlas.figures.facts import sentences
from conceptatlas.figures.net2vec_facts import (
    counted,
    per_cent,
    place_of,
    sample_of,
    settings_of,
    shown_concepts,
    why_shown,
)
from conceptatlas.figures.style import (
    PAGE_WIDTH,
    QUIET,
    SMALL_SIZE,
    colour_of,
    count,
    empty_figure,
    grid,
    head,
    legend_beside,
    new_figure,
    number,
    plain,
    styled,
)
from conceptatlas.tables import records

Array = np.ndarray[Any, Any]

A_PAGE = 12
COLUMNS = 3
ALPHA = 0.01


def n_pages(vectors: Mapping[int, tuple[Array, Array]]) -> int:
    """Pages of the figure; one, which says so, when no concept has weights."""
    return max(1, math.ceil(len(vectors) / A_PAGE))


def share_correlated(table: pd.DataFrame, *, include_small: bool) -> tuple[int, int]:
    """Concepts whose correlation is significant, and concepts that count; an undefined one is not significant."""
    rows = counted(table, "segmentation", include_small=include_small)
    return int((rows["correlation_p"] < ALPHA).sum()), len(rows)


@styled
def weights_against_iou(
    vectors: Mapping[int, tuple[Array, Array]],
    table: pd.DataFrame,
    *,
    dataset: str,
    model: str,
    layer: str,
    page: int = 0,
    include_small: bool = False,
) -> Figure:
    """Draw max(w, 0) against the IoU of every single filter for the shown concepts, a panel each.

    Parameters
    ----------
    vectors : concept_index -> (w, IoU on validation images), both (unit,). table : segmentation.parquet of the layer.
    """
    n_significant, n = share_correlated(table, include_small=include_small)
    title = f"Weights against the IoU of single filters: {place_of(model, layer)}"
    rows = [row for row in records(shown_concepts(table)) if int(row["concept_index"]) in vectors]
    if not rows:
        return empty_figure(title, "No concept is shown: nothing was learned.", sample_of(table, dataset=dataset) + ".")
    pages = math.ceil(len(rows) / A_PAGE)
    if n:
        title += (
            f"; p < {ALPHA:g} for {n_significant:,} of {count(n, 'concept')} ({per_cent(n_significant / n, digits=1)})"
        )
    title += f" (page {page + 1} of {pages})" if pages > 1 else ""
    rows = rows[page * A_PAGE : (page + 1) * A_PAGE]
    n_columns = min(COLUMNS, len(rows))
    n_rows = math.ceil(len(rows) / n_columns)
    figure = new_figure(max(6.5, min(PAGE_WIDTH, 1.2 + 2.95 * n_columns)), 1.8 + 2.05 * n_rows)
    axes = figure.subplots(n_rows, n_columns, squeeze=False)
    for ax, row in zip(axes.flat, rows, strict=False):
        _panel(ax, row, *vectors[int(row["concept_index"])])
    for ax in axes.flat[len(rows) :]:
        ax.set_visible(False)
    for ax in axes[:, 0]:
        ax.set_ylabel("max(w, 0)")
    for column in range(n_columns):
        axes[(len(rows) - 1 - column) // n_columns, column].set_xlabel("IoU of the single filter")
    look: dict[str, Any] = {"linestyle": "", "marker": "o", "color": QUIET}
    handles = [
        Line2D([], [], markersize=3.5, alpha=0.6, label="filter", **look),
        Line2D([], [], markersize=8, markerfacecolor="none", label="best filter", **look),
    ]
    legend_beside(axes[0, n_columns - 1], handles)
    n_units = len(next(iter(vectors.values()))[0])
    note = sentences(
        sample_of(table, dataset=dataset, include_small=include_small),
        f"A point a filter, n = {n_units:,}: its weight w in the combination (initialisation 0) and its own IoU on "
        "validation images (IoU_set); filters without a defined IoU are not drawn",
        "r: Pearson, p two-sided, filters taken as independent; share: |w| of the best filter / Σ|w|; overlap: IoU of "
        "the best filter / IoU of the combination",
        why_shown(rows),
        settings_of(table, "segmentation"),
    )
    head(figure, title, note)
    return figure


def _panel(ax: Axes, row: Mapping[str, Any], weights: Array, iou: Array) -> None:
    y, there = np.maximum(weights, 0.0), np.isfinite(iou)
    colour = colour_of(row["category"])
    ax.scatter(iou[there], y[there], s=9, color=colour, alpha=0.55, linewidths=0, zorder=3)
    best = row["single_unit"]
    if pd.notna(best) and int(best) < len(y) and there[int(best)]:
        ax.scatter([iou[int(best)]], [y[int(best)]], s=60, facecolors="none", edgecolors=QUIET, linewidths=1, zorder=4)
    p = row["correlation_p"]
    said = f"r = {number(row['correlation'], digits=2)}, p {p_words(p)}\n"
    said += f"share {number(row['weight_share'], digits=2)}, overlap {number(row['overlap'], digits=2)}"
    ax.text(0.02, 0.97, said, transform=ax.transAxes, va="top", fontsize=SMALL_SIZE - 1, color=QUIET, linespacing=1.25,
            zorder=5)  # fmt: skip
    ax.set_title(plain(row["concept"], width=28))
    ax.set_xlim(left=-0.02 * max(float(np.max(iou[there], initial=0.0)), 0.01))
    ax.set_ylim(-0.03 * max(float(y.max(initial=0.0)), 1e-6), 1.4 * max(float(y.max(initial=0.0)), 1e-6))
    ax.locator_params(nbins=4)
    grid(ax)


def p_words(p: float) -> str:
    """A p value with its sign of relation.

    >>> p_words(0.2), p_words(1e-9), p_words(float("nan"))
    ('= 0.20', '< 0.001', '–')
    """
    if not np.isfinite(p):
        return "–"
    return "< 0.001" if p < 0.001 else f"= {p:.3f}" if p < 0.1 else f"= {p:.2f}"
