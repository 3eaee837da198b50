"""Which concepts lose by combining filters? Gain against the number of images and the concept's size (section 4.1)."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from conceptatlas.figures.facts import sentences
from conceptatlas.figures.net2vec_facts import (
    Tables,
    categories_of,
    definitions_of,
    is_small,
    layers_of,
    learned,
    place_of,
    samples_of,
    tasks_of,
)
from conceptatlas.figures.net2vec_names import place_names
from conceptatlas.figures.style import (
    OTHER,
    PAGE_WIDTH,
    QUIET,
    SMALL_SIZE,
    colour_of,
    empty_figure,
    grid,
    head,
    legend_beside,
    marker_of,
    new_figure,
    plain,
    say,
    styled,
)

Array = np.ndarray[Any, Any]

LAYERS_A_PAGE = 3
NAMED = 5
"""The worst failures of a panel that are named."""
FEW = 20
"""Training images: of AlexNet's failures on conv5 103 of 133 had at most so many (classification)."""
TINY = 0.01
"""Share of an image: smaller concepts fail in segmentation."""


class _Column(NamedTuple):
    task: str
    column: str
    label: str
    mark: float


COLUMNS = (
    _Column("segmentation", "n_train", "training images", FEW),
    _Column("segmentation", "size", "mean share of the image", TINY),
    _Column("classification", "n_train", "training images with it", FEW),
)


def n_pages(tables: Tables) -> int:
    """Pages of the figure."""
    return max(1, math.ceil(len(layers_of(tables)) / LAYERS_A_PAGE))


@styled
def failures(tables: Tables, *, dataset: str, model: str, page: int = 0) -> Figure:
    """Draw the gain of combining against training images and concept size, a row a layer; those that lose are marked.

    tables : of the layers of one model, in their order. page : from 0; see `n_pages`.
    """
    title = f"Which concepts lose by combining filters? {place_of(model)} on {plain(dataset)}"
    tasks, pages = tasks_of(tables), n_pages(tables)
    rows = {(task, layer): _rows(table) for task in tasks for layer, table in tables[task].items()}
    if not any(len(own) for own in rows.values()):
        return empty_figure(title, "Nothing was learned.")
    title += f" (page {page + 1} of {pages})" if pages > 1 else ""
    layers = layers_of(tables)[page * LAYERS_A_PAGE : (page + 1) * LAYERS_A_PAGE]
    columns = [column for column in COLUMNS if column.task in tasks]
    figure = new_figure(min(PAGE_WIDTH, 2.6 + 2.9 * len(columns)), 1.9 + 2.6 * len(layers))
    axes = figure.subplots(len(layers), len(columns), squeeze=False, sharex="col")
    drawn = []
    for line, layer in zip(axes, layers, strict=True):
        for ax, column in zip(line, columns, strict=True):
            own = rows.get((column.task, layer))
            if own is None or not len(own):
                say(ax, "Nothing was learned.")
                continue
            ax.set_title(f"{plain(layer, width=18)}, {column.task}\n")
            ax.text(0, 1.025, _words(own, column), transform=ax.transAxes, fontsize=SMALL_SIZE - 0.5)
            _panel(ax, own, column)
            drawn.append((ax, own, column))
        line[0].set_ylabel("gain of all filters")
    for ax, column in zip(axes[-1], columns, strict=True):
        ax.set_xlabel(column.label)
    legend_beside(axes[0, -1], _handles(list(rows.values())))
    few = any(bool(is_small(own).any()) for own in rows.values())
    note = sentences(
        samples_of(tables, dataset=dataset),
        "Gain: score of all filters minus that of the single filter. Failures, concepts that lose, are coloured, the "
        "worst named",
        f"Dotted: {FEW} training images" + (", 1 % of the image" if "segmentation" in tasks else ""),
        "Hollow: small concepts" if few else "",
        definitions_of(tasks),
    )
    head(figure, title, note)
    for ax, own, column in drawn:
        _name(ax, own, column)
    return figure


def _rows(table: pd.DataFrame) -> pd.DataFrame:
    rows = learned(table)
    return rows[rows["gain"].notna()]


def _words(own: pd.DataFrame, column: _Column) -> str:
    lost = own[own["gain"] < 0]
    said = f"{len(lost):,} of {len(own):,} lose"
    if len(lost):
        below = int((lost[column.column] <= FEW).sum() if column.column == "n_train" else (lost["size"] < TINY).sum())
        said += f", {below:,} with ≤ {FEW} images" if column.column == "n_train" else f", {below:,} below 1 %"
    return said


def _panel(ax: Axes, own: pd.DataFrame, column: _Column) -> None:
    lost, small = own["gain"] < 0, is_small(own)
    for category in categories_of([own]):
        for fails in (False, True):
            for hollow in (False, True):
                part = own[(own["category"] == category) & (lost == fails) & (small == hollow)]
                if not len(part):
                    continue
                colour = colour_of(category) if fails else OTHER
                ax.scatter(
                    part[column.column], part["gain"], s=22 if fails else 14, marker=marker_of(category), linewidths=1,
                    facecolors="none" if hollow else colour, edgecolors=colour, alpha=0.95 if fails else 0.45,
                    zorder=3 if fails else 2,
                )  # fmt: skip
    ax.axhline(0, color=QUIET, linewidth=0.8)
    ax.axvline(column.mark, color=QUIET, linewidth=0.8, linestyle=":")
    _log_axis(ax, own[column.column].to_numpy(dtype=np.float64), is_share=column.column == "size")
    gain = own["gain"].to_numpy(dtype=np.float64)
    low, high = min(gain.min(), -0.02), max(gain.max(), 0.02)
    ax.set_ylim(low - 0.12 * (high - low), high + 0.06 * (high - low))
    grid(ax)


def _log_axis(ax: Axes, values: Array, *, is_share: bool) -> None:
    """A logarithmic axis with plain numbers at 1, 2, 5, 10 ..., or at powers of ten where there are many of them."""
    ax.set_xscale("log")
    there = values[values > 0]
    wide = len(there) > 0 and there.max() / there.min() > 100
    ax.xaxis.set_major_locator(LogLocator(10, subs=(1.0,) if wide else (1.0, 2.0, 5.0)))
    ax.xaxis.set_minor_locator(NullLocator())
    words = (lambda value, _: f"{100 * value:g} %") if is_share else (lambda value, _: f"{value:,.0f}")
    ax.xaxis.set_major_formatter(FuncFormatter(words))


def _name(ax: Axes, own: pd.DataFrame, column: _Column) -> None:
    worst = own[own["gain"] < 0].sort_values(["gain", "concept"]).head(NAMED)
    place_names(
        ax,
        worst[[column.column, "gain"]].to_numpy(dtype=np.float64),
        [plain(name, width=16) for name in worst["concept"]],
        most=NAMED,
    )


def _handles(rows: list[pd.DataFrame]) -> list[Line2D]:
    categories = categories_of(rows)
    lost = categories_of([own[own["gain"] < 0] for own in rows])
    return [
        Line2D(
            [], [], linestyle="", marker=marker_of(name), color=colour_of(name) if name in lost else OTHER,
            label=plain(name),
        )
        for name in categories
    ] + [Line2D([], [], linestyle="", marker="o", color=OTHER, alpha=0.5, label="gains (grey)")]  # fmt: skip
