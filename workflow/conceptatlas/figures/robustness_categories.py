"""IoU retained by category: composition by parts predicts that objects fall before textures when patches move."""

from __future__ import annotations

import math

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from conceptatlas.figures.facts import sentences
from conceptatlas.figures.robustness_curves import INTERVAL
from conceptatlas.figures.robustness_levels import (
    CLEAN,
    RETAINED,
    amount_axis,
    beside,
    kind_title,
    kinds_of,
    layers_of,
    over_repeats,
    percent,
    place_of,
    rule_of,
    sample_of,
    steps_of,
)
from conceptatlas.figures.style import (
    INK,
    PAGE_WIDTH,
    QUIET,
    SMALL_SIZE,
    colour_of,
    empty_figure,
    grid,
    head,
    in_order,
    legend_beside,
    marker_of,
    new_figure,
    plain,
    styled,
)

LAYERS_A_PAGE = 5


def n_pages(summary: pd.DataFrame) -> int:
    """Pages of the figure: layers with a detector, a few a page; at least one."""
    return max(1, math.ceil(len(_layers(summary)) / LAYERS_A_PAGE))


@styled
def robustness_by_category(summary: pd.DataFrame, *, page: int = 0) -> Figure:
    """Draw the retained IoU of each category against the level: layers in rows, kinds in columns.

    summary : as for `robustness_curves`. page : from 0; see `n_pages`.
    """
    title = "IoU retained by category"
    if not len(summary):
        return empty_figure(title, "No perturbation was measured.")
    title = f"{title}: {place_of(summary)}"
    note = sentences(
        sample_of(summary),
        rule_of(summary),
        CLEAN,
        RETAINED,
        INTERVAL,
        "In brackets the clean run's detectors of the category; few detectors make a wide interval",
    )
    layers = _layers(summary)[page * LAYERS_A_PAGE : (page + 1) * LAYERS_A_PAGE]
    if not layers:
        return empty_figure(title, "No unit of these layers is a detector in the clean run.", note)
    if n_pages(summary) > 1:
        title += f" (page {page + 1} of {n_pages(summary)})"
    rows = summary[(summary["category"] != "") & (summary["n_detectors_clean"] > 0)]
    kinds = kinds_of(summary)
    figure = new_figure(PAGE_WIDTH, 1.7 + 1.9 * len(layers))
    axes = figure.subplots(len(layers), len(kinds), squeeze=False, sharex="col", sharey=True)
    for line, layer in zip(axes, layers, strict=True):
        own = rows[rows["layer"] == layer]
        for ax, kind in zip(line, kinds, strict=True):
            there = in_order(own["category"])
            for i, category in enumerate(there):
                part = own[(own["kind"] == kind) & (own["category"] == category)]
                _line(ax, part, category, i=i, n=len(there))
            ax.axhline(1.0, color=INK, linestyle=":", linewidth=0.8, zorder=1)
            grid(ax)
        line[0].set_ylabel(f"{plain(layer, width=20)}\nretained IoU")
        _counts(line[-1], own)
    axes[0, 0].set_ylim(0, min(max(1.05, axes[0, 0].get_ylim()[1]), 2.0))
    percent(axes[0, 0].yaxis)
    for top, bottom, kind in zip(axes[0], axes[-1], kinds, strict=True):
        top.set_title(kind_title(kind))
        amount_axis(bottom, steps_of(summary, kind))
    head(figure, title, note)
    return figure


def _layers(summary: pd.DataFrame) -> list[str]:
    there = summary[(summary["category"] != "") & (summary["n_detectors_clean"] > 0)]
    found = set(there["layer"].astype(str))
    return [layer for layer in layers_of(summary) if layer in found]


def _line(ax: Axes, part: pd.DataFrame, category: str, *, i: int, n: int) -> None:
    mean = over_repeats(part[part["retained"].notna()], "retained", "retained_low", "retained_high")
    if not len(mean):
        return
    colour = colour_of(category)
    x = beside(mean["amount"], steps_of(part), i, n)
    ax.plot(x, mean["value"], color=colour, marker=marker_of(category), markersize=4.5, zorder=3)
    ax.fill_between(x, mean["low"], mean["high"], color=colour, alpha=0.12, linewidth=0)
    ax.vlines(x, mean["low"], mean["high"], color=colour, linewidth=0.9, alpha=0.7)


def _counts(ax: Axes, own: pd.DataFrame) -> None:
    """The legend of a layer: its categories with the number of detectors."""
    detectors = own.drop_duplicates("category").set_index("category")["n_detectors_clean"].astype(int)
    handles = [
        Line2D([], [], color=colour_of(name), marker=marker_of(name), label=f"{plain(name)} ({detectors[name]:,})")
        for name in in_order(own["category"])
    ]
    legend_beside(ax, handles)
    ax.get_legend().get_title().set(color=QUIET, fontsize=SMALL_SIZE)  # type: ignore[union-attr]
