"""All layers of all models on one data set: where do filters combined do better? (Net2Vec, table 1 and figure 6)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from conceptatlas.figures.facts import sentences
from conceptatlas.figures.net2vec_facts import TASKS, definitions, definitions_of
from conceptatlas.figures.net2vec_places import (
    ROW,
    concepts_of_summary,
    label_places,
    place_rows,
    tasks_of_summary,
)
from conceptatlas.figures.robustness_levels import percent
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
    new_figure,
    number,
    plain,
    styled,
)
from conceptatlas.inference.shares import wilson_interval
from conceptatlas.net2vec.joining import CORRELATED_P, RATIO_FROM
from conceptatlas.tables import records

TASK_COLOURS = {"segmentation": "#0072B2", "classification": "#D55E00"}
_ASIDE = 0.16
NOTHING = "No concept counts: nothing was learned, or all concepts are small."


@styled
def equal_or_better(summary: pd.DataFrame) -> Figure:
    """Draw the share of concepts for which all filters are equal or better, with its interval, a row a layer.

    summary : the joined summary of a data set.
    """
    title, tasks = _title("Where are all filters equal to or better than one?", summary), tasks_of_summary(summary)
    if not tasks:
        return empty_figure(title, NOTHING)
    rows = place_rows(summary)
    figure = new_figure(PAGE_WIDTH if len(tasks) > 1 else 6.5, 1.9 + ROW * (rows.last + 1))
    axes = figure.subplots(1, len(tasks), squeeze=False, sharey=True)[0]
    whole = summary[(summary["category"] == "") & (summary["n_concepts"] > 0)]
    for ax, task in zip(axes, tasks, strict=True):
        for row in records(whole[whole["task"] == task]):
            said = f"{100 * row['equal_or_better']:.1f} % of {int(row['n_concepts']):,}"
            value, low, high = (row[f"equal_or_better{end}"] for end in ("", "_low", "_high"))
            _share(ax, rows.heights[row["model"], row["layer"]], (value, low, high), TASK_COLOURS[task], said)
        ax.set_title(TASKS[task].title)
        _finish_shares(ax, whole["equal_or_better_low"].min())
    label_places(axes[0], rows)
    level = 100 * float(summary["confidence"].iloc[0])
    note = sentences(
        concepts_of_summary(summary, tasks),
        f"Lines: {level:g} % Wilson interval of the share, concepts taken as independent",
        definitions_of(tasks),
    )
    head(figure, title, note)
    return figure


@styled
def correlated(summary: pd.DataFrame) -> Figure:
    """Draw the share of concepts whose weights correlate with the IoU of single filters, and the mean correlation.

    summary : the joined summary of a data set.
    """
    title = _title("Do weights follow the IoU of single filters?", summary)
    own = summary[(summary["task"] == "segmentation") & (summary["category"] == "") & (summary["n_concepts"] > 0)]
    if not len(own):
        return empty_figure(title, "Segmentation was not learned, or no concept counts.")
    rows = place_rows(own)
    figure = new_figure(PAGE_WIDTH, 1.8 + ROW * (rows.last + 1))
    left, right = figure.subplots(1, 2, sharey=True, width_ratios=[1.5, 1.0])
    colour, lowest = TASK_COLOURS["segmentation"], 1.0
    for row in records(own):
        y, n, total = rows.heights[row["model"], row["layer"]], int(row["n_correlated"]), int(row["n_concepts"])
        low, high = wilson_interval(n, total, confidence=float(row["confidence"]))
        _share(left, y, (row["correlated"], low, high), colour, f"{100 * row['correlated']:.1f} % of {total:,}")
        right.plot([row["correlation_mean"]], [y], marker="o", color=colour, linestyle="", zorder=3)
        lowest = min(lowest, low)
    left.set_title(f"Concepts with p < {CORRELATED_P:g}")
    _finish_shares(left, lowest)
    label_places(left, rows)
    right.set_title("Mean correlation r")
    ends = own["correlation_mean"]
    right.set_xlim(min(0.0, float(ends.min()) * 1.1), min(1.0, max(0.5, float(ends.max()) * 1.15)))
    right.tick_params(axis="y", length=0)
    grid(right, "x")
    note = sentences(
        concepts_of_summary(own, ["segmentation"]),
        "Of every concept the Pearson correlation over filters of max(w, 0) with the IoU of the single filter on "
        "validation images (IoU_set), p two-sided, filters taken as independent",
        f"Lines: {100 * float(own['confidence'].iloc[0]):g} % Wilson interval, concepts taken as independent",
    )
    head(figure, title, note)
    return figure


def _title(words: str, summary: pd.DataFrame) -> str:
    return f"{words} {plain(summary['dataset'].iloc[0])}" if len(summary) else words


def _share(ax: Axes, y: float, ends: tuple[float, float, float], colour: str, said: str) -> None:
    value, low, high = ends
    ax.plot([low, high], [y, y], color=colour, linewidth=1.4, zorder=2)
    ax.plot([value], [y], color=colour, marker="o", linestyle="", zorder=3, clip_on=False)
    ax.text(1.03, y, said, transform=ax.get_yaxis_transform(), va="center", fontsize=SMALL_SIZE - 0.5)


def _finish_shares(ax: Axes, lowest: float) -> None:
    """An axis of shares from a round number below the lowest one, at most a half, to 1."""
    ax.tick_params(axis="y", length=0)
    ax.set_xlim(max(0.0, min(0.5, math.floor(10 * lowest - 0.5) / 10)) if np.isfinite(lowest) else 0.0, 1)
    ax.axvline(0.5, color=QUIET, linewidth=0.8, linestyle=":", zorder=1)
    percent(ax.xaxis)
    ax.set_xlabel("share of concepts")
    grid(ax, "x")


@styled
def models(summary: pd.DataFrame, *, task: str) -> Figure:
    """Draw mean scores of one filter and of all by category (panels) for every layer of every model (rows).

    summary : the joined summary of a data set.
    """
    title = _title(f"One filter against all filters, {task}:", summary)
    own = summary[(summary["task"] == task) & (summary["n_concepts"] > 0)]
    if not len(own):
        return empty_figure(title, NOTHING)
    rows, about = place_rows(own), TASKS[task]
    categories = ["", *in_order(own["category"])]
    figure = new_figure(min(PAGE_WIDTH, 4.2 + 1.3 * len(categories)), 2.0 + ROW * (rows.last + 1))
    axes = figure.subplots(1, len(categories), squeeze=False, sharey=True)[0]
    high = float(np.nanmax(own[["single_mean", "combination_mean"]].fillna(0) + own[["single_sem", "combination_sem"]]
                           .fillna(0).to_numpy()))  # fmt: skip
    low = about.chance
    for ax, category in zip(axes, categories, strict=True):
        for row in records(own[own["category"] == category]):
            _dumbbell(ax, rows.heights[row["model"], row["layer"]], row, task)
        ax.set_title(plain(category) or "all")
        ax.set_xlim(low - 0.03 * (high - low), low + (high - low) * (1.6 if task == "segmentation" else 1.75))
        ax.set_xticks(_ticks(low, high))
        if about.chance:
            ax.axvline(about.chance, color=QUIET, linewidth=0.8, linestyle=":", zorder=1)
        ax.tick_params(axis="y", length=0)
        grid(ax, "x")
    label_places(axes[0], rows)
    axes[len(categories) // 2].set_xlabel("mean " + about.score)
    handles = [
        Line2D([], [], color=INK, marker="o", markerfacecolor="white", linewidth=1.2, label="single filter"),
        Line2D([], [], color=INK, marker="o", linewidth=1.2, label="all filters"),
    ]
    legend_beside(axes[-1], handles)
    ratio = (
        f"Numbers: mean over concepts whose single IoU is above {RATIO_FROM:g} of combined / single"
        if task == "segmentation"
        else "Numbers: mean gain"
    )
    grouped = bool((own["supervision"].fillna("") != "").any())
    note = sentences(
        concepts_of_summary(own, [task]),
        "Marks: mean over concepts ± its standard error",
        ratio,
        definitions(task),
        "Models are grouped by their supervision (sheet of models)" if grouped else "",
    )
    head(figure, title, note)
    return figure


def _ticks(low: float, high: float) -> list[float]:
    """Both ends of an axis and a round number: a narrow panel has room for little more."""
    step = 10.0 ** math.floor(math.log10(max(high - low, 1e-6)))
    step = next(size * step for size in (5, 2.5, 1, 0.5) if (high - low) / (size * step) >= 1)
    return [low + i * step for i in range(int((high - low) / step + 1e-9) + 1)]


def _dumbbell(ax: Axes, y: float, row: dict[str, Any], task: str) -> None:
    colour = colour_of(row["category"]) if row["category"] else INK
    ends = [row["single_mean"], row["combination_mean"]]
    ax.plot(ends, [y - _ASIDE, y + _ASIDE], color=colour, linewidth=0.6, alpha=0.6, zorder=2)
    for name, aside, face in (("single", -_ASIDE, "white"), ("combination", _ASIDE, colour)):
        mean, error = row[f"{name}_mean"], row[f"{name}_sem"]
        if np.isfinite(error):
            ax.plot([mean - error, mean + error], [y + aside] * 2, color=colour, linewidth=1.2, zorder=3)
        ax.plot([mean], [y + aside], marker="o", markersize=3.8, color=colour, markerfacecolor=face, linestyle="",
                zorder=4)  # fmt: skip
    gain = row["gain_mean"]
    said = f"{number(gain, digits=2)}" if not gain > 0 else f"+{number(gain, digits=2)}"
    if task == "segmentation":
        said = f"× {number(row['ratio'], digits=1)}" if np.isfinite(row["ratio"]) else ""
    ax.text(
        0.99, y, said, transform=ax.get_yaxis_transform(), ha="right", va="center", fontsize=SMALL_SIZE - 1,
        color=QUIET,
    )  # fmt: skip
