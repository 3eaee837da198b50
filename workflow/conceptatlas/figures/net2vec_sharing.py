"""For how many concepts is a filter the best? (Net2Vec, figure 5)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from conceptatlas.figures.facts import sentences
from conceptatlas.figures.net2vec_facts import TASKS, per_cent, place_of
from conceptatlas.figures.robustness_levels import layer_looks, percent
from conceptatlas.figures.style import (
    PAGE_WIDTH,
    empty_figure,
    grid,
    head,
    legend_beside,
    new_figure,
    plain,
    styled,
)

BINS = ((0, 0), (1, 1), (2, 4), (5, 9), (10, 19), (20, 29), (30, None))
"""Numbers of concepts, first and last of each bin."""


def shares(n_best: pd.Series) -> list[float]:
    """Share of the filters in every bin."""
    values = n_best.to_numpy(dtype=np.int64)
    return [
        float(np.mean((values >= low) & (values <= (high if high is not None else values.max(initial=0)))))
        if len(values)
        else 0.0
        for low, high in BINS
    ]


def bin_words(low: int, high: int | None) -> str:
    """A bin, as its tick.

    >>> [bin_words(*ends) for ends in ((0, 0), (2, 4), (30, None))]
    ['never', '2–4', '≥ 30']
    """
    if high is None:
        return f"≥ {low}"
    return "never" if high == 0 else f"{low}" if low == high else f"{low}–{high}"


@styled
def concepts_per_filter(filters: Mapping[str, pd.DataFrame], *, dataset: str, model: str) -> Figure:
    """Draw the distribution of the number of concepts for which a filter is the best, bars by layer, a panel a task.

    filters : layer -> filters.parquet, in the order of the sheet.
    """
    title = f"For how many concepts is a filter the best? {place_of(model)} on {plain(dataset)}"
    tasks = [task for task in TASKS if any((table["task"] == task).any() for table in filters.values())]
    if not tasks:
        return empty_figure(title, "No filter is the best of any concept: nothing was learned.")
    looks = layer_looks(list(filters))
    figure = new_figure(PAGE_WIDTH, 1.3 + max(2.5, 0.32 * len(filters)) * len(tasks))
    axes = figure.subplots(len(tasks), 1, squeeze=False, sharex=True)[:, 0]
    for ax, task in zip(axes, tasks, strict=True):
        of_task = {layer: table[table["task"] == task] for layer, table in filters.items()}
        of_task = {layer: table for layer, table in of_task.items() if len(table)}
        _panel(ax, of_task, {layer: looks[layer]["color"] for layer in of_task})
        ax.set_title(TASKS[task].title)
        ax.set_ylabel("share of the layer's filters")
    axes[-1].set_xticks(range(len(BINS)), [bin_words(*ends) for ends in BINS])
    axes[-1].set_xlabel("concepts for which the filter is the best")
    best = {
        "segmentation": "segmentation: highest IoU on training images of the concept",
        "classification": "classification: largest |w|",
    }
    note = sentences(
        f"Data set {plain(dataset)}; the legend has each layer's filters, the concepts asked, their ratio, and the "
        "share of filters that are never the best",
        "Best: " + "; ".join(best[task] for task in tasks),
        "Concepts asked: those that count in means",
    )
    head(figure, title, note)
    return figure


def _panel(ax: Axes, of_task: Mapping[str, pd.DataFrame], colours: Mapping[str, Any]) -> None:
    width = 0.84 / max(len(of_task), 1)
    handles = []
    for i, (layer, table) in enumerate(of_task.items()):
        own = shares(table["n_best"])
        places = np.arange(len(BINS)) + (i - (len(of_task) - 1) / 2) * width
        ax.bar(places, own, width=width * 0.92, color=colours[layer])
        asked, filters = int(table["n_concepts"].max()), len(table)
        said = f"{plain(layer, width=18)}: {filters:,} filters,\n{asked:,} concepts ({asked / filters:.1f}), "
        handles.append(Patch(facecolor=colours[layer], label=f"{said}never {per_cent(own[0])}"))
    ax.set_xlim(-0.6, len(BINS) - 0.4)
    percent(ax.yaxis)
    ax.tick_params(axis="x", length=0)
    grid(ax)
    legend_beside(ax, handles)
