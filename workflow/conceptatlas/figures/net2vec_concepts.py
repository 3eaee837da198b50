"""Every concept's score with one filter and with all of them, as in the paper's supplement."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from conceptatlas.figures.facts import sentences
from conceptatlas.figures.net2vec_facts import (
    TASKS,
    Tables,
    Task,
    definitions_of,
    interval_of,
    is_small,
    learned,
    place_of,
    samples_of,
    settings_of,
    tasks_of,
)
from conceptatlas.figures.style import (
    INK,
    PAGE_WIDTH,
    QUIET,
    SMALL_SIZE,
    category_patches,
    colour_of,
    count,
    empty_figure,
    grid,
    head,
    in_order,
    legend_beside,
    new_figure,
    plain,
    say,
    styled,
)
from conceptatlas.tables import records

MOST = 60
"""Concepts a panel."""
_ASIDE = 0.13


def chosen(table: pd.DataFrame, task: str, *, most: int = MOST) -> tuple[pd.DataFrame, int, int]:
    """The concepts to draw, best first: all of them, or, where there are more than `most`, the best and the worst half
    of `most`; small ones are the first to be left out.

    Returns
    -------
    rows, how many lie between the two halves (0 where all are drawn), how many small ones are left out.
    """
    rows = learned(table)
    n_left_out = 0
    if len(rows) > most and is_small(rows).any():
        n_left_out = int(is_small(rows).sum())
        rows = rows[~is_small(rows)]
    rows = rows.sort_values([TASKS[task].combination, "concept"], ascending=[False, True], ignore_index=True)
    hidden = len(rows) - most
    if hidden <= 0:
        return rows, 0, n_left_out
    return pd.concat([rows.head(most // 2), rows.tail(most - most // 2)], ignore_index=True), hidden, n_left_out


@styled
def concept_scores(tables: Mapping[str, pd.DataFrame], *, dataset: str, model: str, layer: str) -> Figure:
    """Draw concepts as lines from the score of one filter to that of all filters, with intervals, a panel a task.

    tables : task -> table of the layer.
    """
    title = f"Concepts of {place_of(model, layer)} on {plain(dataset)}"
    of_layer: Tables = {task: {layer: table} for task, table in tables.items()}
    tasks = tasks_of(of_layer)
    found = {task: chosen(tables[task], task) for task in tasks}
    if not any(len(rows) for rows, _, _ in found.values()):
        return empty_figure(title, "Nothing was learned.")
    longest = max(len(rows) + (1 if hidden else 0) for rows, hidden, _ in found.values())
    figure = new_figure(PAGE_WIDTH if len(tasks) > 1 else 7.0, 2.1 + 0.162 * max(longest, 6))
    axes = figure.subplots(1, len(tasks), squeeze=False)[0]
    for ax, task in zip(axes, tasks, strict=True):
        rows, hidden, _ = found[task]
        ax.set_title(TASKS[task].title)
        if len(rows):
            _dots(ax, rows, hidden, TASKS[task])
        else:
            say(ax, "Nothing was learned.")
    shown = pd.concat([rows[["category", "small"]] for rows, _, _ in found.values()])
    legend_beside(axes[-1], _handles(in_order(shown["category"]), bool(shown["small"].eq(True).any())))
    left_out = [
        f"{task}: {hidden:,} between the best and the worst {MOST // 2} are left out"
        + (f", and {count(small, 'small one')}" if small else "")
        if hidden
        else f"{task}: {count(small, 'small concept')} left out"
        for task, (_, hidden, small) in found.items()
        if hidden or small
    ]
    note = sentences(
        samples_of(of_layer, dataset=dataset),
        "; ".join(left_out) and "; ".join(left_out)[:1].upper() + "; ".join(left_out)[1:],
        "Sorted by the score of all filters",
        interval_of(tables[tasks[0]]),
        definitions_of(tasks),
        *(settings_of(tables[task], task) for task in tasks),
    )
    head(figure, title, note)
    return figure


def _dots(ax: Axes, rows: pd.DataFrame, hidden: int, task: Task) -> None:
    places, names = [], []
    for i, row in enumerate(records(rows)):
        y = i + (1 if hidden and i >= MOST // 2 else 0)
        colour, hollow = colour_of(row["category"]), bool(row["small"] is True or row["small"] == True)  # noqa: E712
        ax.plot([row[task.single], row[task.combination]], [y, y], color=colour, linewidth=0.5, alpha=0.5, zorder=1)
        if task.single_low:
            _span(ax, row[task.single_low], row[task.single_high], y - _ASIDE, colour, thin=True)
        _span(ax, row[task.low], row[task.high], y + _ASIDE if task.single_low else y, colour, thin=False)
        ax.plot([row[task.single]], [y], marker="|", markersize=6, color=colour, linestyle="", zorder=3)
        ax.plot([row[task.combination]], [y], marker="o", markersize=3.6, color=colour, linestyle="", zorder=4,
                markerfacecolor="white" if hollow else colour)  # fmt: skip
        places.append(y)
        names.append(plain(row["concept"], width=24))
    if hidden:
        ax.text(
            0.5, MOST // 2, f"… {hidden:,} more …", transform=ax.get_yaxis_transform(), ha="center", va="center",
            fontsize=SMALL_SIZE, color=QUIET,
        )  # fmt: skip
    if task.chance:
        ax.axvline(task.chance, color=QUIET, linewidth=0.8, linestyle=":", zorder=1)
    else:
        ax.set_xlim(left=0)
    ax.set_yticks(places, names, fontsize=SMALL_SIZE - 0.5)
    ax.tick_params(axis="y", length=0)
    ax.set_ylim(max(places[-1], 5) + 0.8, -0.8)
    ax.set_xlabel(task.score)
    grid(ax, "x")


def _span(ax: Axes, low: Any, high: Any, y: float, colour: str, *, thin: bool) -> None:
    if np.isfinite(low) and np.isfinite(high):
        ax.plot([low, high], [y, y], color=colour, linewidth=0.7 if thin else 1.4, alpha=0.7, zorder=2)


def _handles(categories: list[str], any_small: bool) -> list[Any]:
    handles: list[Any] = [
        Line2D([], [], color=INK, marker="|", linewidth=0.7, label="single filter"),
        Line2D([], [], color=INK, marker="o", markersize=3.6, linewidth=1.4, label="all filters"),
    ]
    if any_small:
        handles.append(
            Line2D([], [], color=INK, marker="o", markerfacecolor="white", linestyle="", label="small concept")
        )
    return handles + list(category_patches(categories))
