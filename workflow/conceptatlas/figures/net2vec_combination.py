"""One filter against all filters, by category and layer, for both tasks (Net2Vec, figure 2)."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from conceptatlas.figures.facts import sentences
from conceptatlas.figures.net2vec_facts import (
    TASKS,
    Tables,
    categories_of,
    counted,
    definitions_of,
    first_table,
    layers_of,
    means_by_category,
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
    colour_of,
    empty_figure,
    grid,
    head,
    legend_beside,
    new_figure,
    plain,
    say,
    styled,
)
from conceptatlas.tables import records

LAYERS_A_ROW = 6
ALL = "all"
_ASIDE = 0.15  # how far the marks of one and of all filters stand from the line of their category


@styled
def single_against_combination(tables: Tables, *, dataset: str, model: str, include_small: bool = False) -> Figure:
    """Draw mean scores of one filter and of all filters with standard errors, layers in columns, tasks in rows.

    tables : of the layers of one model, in their order. include_small : small concepts count in means.
    """
    title = f"One filter against all filters: {place_of(model)} on {plain(dataset)}"
    tasks, layers = tasks_of(tables), layers_of(tables)
    means = {
        (task, layer): means_by_category(table, task, include_small=include_small)
        for task in tasks
        for layer, table in tables[task].items()
    }
    if not any(table["n"].sum() for table in means.values()):
        return empty_figure(title, "No concept counts: nothing was learned, or all concepts are small.")
    names = {
        task: ["", *categories_of([counted(t, task, include_small=include_small) for t in tables[task].values()])]
        for task in tasks
    }
    blocks = [layers[i : i + LAYERS_A_ROW] for i in range(0, len(layers), LAYERS_A_ROW)]
    lines = [(task, block) for task in tasks for block in blocks]
    heights = [0.75 + 0.3 * len(names[task]) for task, _ in lines]
    n_columns = max(len(block) for block in blocks)
    width = min(PAGE_WIDTH, 3.4 + 1.9 * max(n_columns, 2))
    figure = new_figure(width, sum(heights) + 1.7)
    axes = figure.subplots(len(lines), n_columns, squeeze=False, height_ratios=heights)
    for row, (task, block) in zip(axes, lines, strict=True):
        limits = _limits([means[task, layer] for layer in layers if (task, layer) in means], TASKS[task].chance)
        for ax, layer in zip(row, block, strict=False):
            if layer not in tables[task]:
                say(ax, "not learned")
                continue
            _panel(ax, means[task, layer], names[task], limits, TASKS[task].chance)
            ax.set_title(plain(layer, width=20))
            ax.set_xlabel("IoU" if task == "segmentation" else "accuracy")
        for ax in row[len(block) :]:
            ax.set_axis_off()
        row[0].set_yticks(range(len(names[task])), [plain(name, width=14) or ALL for name in names[task]])
        row[0].set_ylabel(TASKS[task].title, fontweight="bold")
    legend_beside(axes[0, len(blocks[0]) - 1], _handles(tasks, include_small=include_small))
    note = sentences(
        samples_of(tables, dataset=dataset, include_small=include_small),
        "Marks: mean over concepts ± its standard error; at the right the number of concepts",
        definitions_of(tasks),
        "Tick: F = 1, learned anew with the cut of a combination" if "segmentation" in tasks else "",
        *(settings_of(first_table(tables, task), task) for task in tasks),
    )
    head(figure, title, note)
    return figure


def _limits(means: list[pd.DataFrame], chance: float) -> tuple[float, float]:
    """Ends of the axis that hold every mark and its error, and room at the right for the number of concepts."""
    joined = pd.concat(means)
    low, high = chance, chance + 0.05
    for name in ("single", "combination", "one"):
        mean, error = joined[f"{name}_mean"], joined[f"{name}_sem"].fillna(0.0)
        low = min(low, float(np.nanmin([low, (mean - error).min()])))
        high = max(high, float(np.nanmax([high, (mean + error).max()])))
    return low - 0.03 * (high - low), high + 0.3 * (high - low)


def _panel(ax: Axes, means: pd.DataFrame, names: list[str], limits: tuple[float, float], chance: float) -> None:
    for row in records(means):
        y = names.index(row["category"]) if row["category"] in names else None
        if y is None or not row["n"]:
            continue
        colour = colour_of(row["category"]) if row["category"] else INK
        ax.plot([row["single_mean"], row["combination_mean"]], [y - _ASIDE, y + _ASIDE], color=colour, linewidth=0.6,
                alpha=0.6, zorder=2)  # fmt: skip
        for name, aside, face in (("single", -_ASIDE, "white"), ("combination", _ASIDE, colour)):
            mean, error = row[f"{name}_mean"], row[f"{name}_sem"]
            if np.isfinite(error):
                ax.plot([mean - error, mean + error], [y + aside] * 2, color=colour, linewidth=1.2, zorder=3)
            ax.plot([mean], [y + aside], marker="o", markersize=4.5, color=colour, markerfacecolor=face, linestyle="",
                    zorder=4)  # fmt: skip
        if np.isfinite(row["one_mean"]):
            ax.plot([row["one_mean"]], [y], marker="|", markersize=7, color=colour, linestyle="", zorder=3)
        ax.text(
            0.99, y, f"{row['n']:,}", transform=ax.get_yaxis_transform(), ha="right", va="center", color=QUIET,
            fontsize=SMALL_SIZE - 1,
        )  # fmt: skip
    if chance:
        ax.axvline(chance, color=QUIET, linewidth=0.8, linestyle=":", zorder=1)
    ax.axhline(0.5, color="#BBBBBB", linewidth=0.6)
    ax.set_xlim(*limits)
    ax.set_ylim(len(names) - 0.4, -0.6)
    ax.set_yticks(range(len(names)), [])
    ax.tick_params(axis="y", length=0)
    ax.locator_params(axis="x", nbins=4)
    reach = limits[1] - 0.3 / 1.33 * (limits[1] - limits[0])
    ax.set_xticks([tick for tick in ax.get_xticks() if limits[0] <= tick <= min(reach + 1e-9, math.inf)])
    grid(ax, "x")


def _handles(tasks: list[str], *, include_small: bool) -> list[Line2D]:
    handles = [
        Line2D([], [], color=INK, marker="o", markerfacecolor="white", linewidth=1.2, label="single filter"),
        Line2D([], [], color=INK, marker="o", linewidth=1.2, label="all filters"),
    ]
    if "segmentation" in tasks:
        handles.append(Line2D([], [], color=INK, marker="|", linestyle="", markersize=7, label="F = 1"))
    if "classification" in tasks:
        handles.append(Line2D([], [], color=QUIET, linestyle=":", linewidth=0.8, label="chance"))
    return handles
