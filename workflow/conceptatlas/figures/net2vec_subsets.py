"""How many filters does a concept need? Score against the number of filters, critical numbers (Net2Vec, figure 3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, NullLocator

from conceptatlas.figures.facts import sentences
from conceptatlas.figures.net2vec_facts import (
    IOU_SET,
    TASKS,
    Tables,
    categories_of,
    counted,
    first_table,
    is_small,
    means_by_category,
    per_cent,
    place_of,
    samples_of,
    settings_of,
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
    marker_of,
    new_figure,
    number,
    plain,
    styled,
)
from conceptatlas.net2vec.columns import CRITICAL_SHARES
from conceptatlas.net2vec.joining import median

Array = np.ndarray[Any, Any]


def has_subsets(subsets: pd.DataFrame) -> bool:
    """Whether more than F = 1 was learned."""
    return bool(len(subsets)) and int(subsets["n_filters"].max()) > 1


def curves(subsets: pd.DataFrame, *, include_small: bool) -> pd.DataFrame:
    """Mean validation score over concepts: a row a category ("" for all), F and repeat; columns val and n_concepts."""
    rows = subsets if include_small else subsets[~is_small(subsets)]
    rows = rows[rows["val"].notna()]
    both = pd.concat([rows.assign(category=""), rows], ignore_index=True)
    means = both.groupby(["category", "n_filters", "repeat"], sort=True)["val"].agg(["mean", "size"]).reset_index()
    return means.rename(columns={"mean": "val", "size": "n_concepts"})


def errors(subsets: pd.DataFrame, *, include_small: bool) -> pd.DataFrame:
    """Standard error over concepts of their mean over repeats: a row a category ("" for all) and F; column sem."""
    rows = subsets if include_small else subsets[~is_small(subsets)]
    by_concept = rows.groupby(["category", "n_filters", "concept_index"])["val"].mean().reset_index()
    both = pd.concat([by_concept.assign(category=""), by_concept], ignore_index=True)
    return both.groupby(["category", "n_filters"])["val"].sem().rename("sem").reset_index()


def critical_numbers(table: pd.DataFrame, task: str, *, include_small: bool) -> dict[str, list[tuple[float, float]]]:
    """Critical numbers of filters by category ("" for all): for every share of the gain the median over the concepts
    that some F brings there, and the share of concepts that it does.

    The median is NaN where there is none; it is that of the summary.
    """
    rows = counted(table, task, include_small=include_small)
    found = {}
    for category in ["", *categories_of([rows])]:
        own = rows if not category else rows[rows["category"] == category]
        columns = [own[f"critical_f_{share}"].to_numpy(dtype=np.float64) for share in CRITICAL_SHARES]
        found[category] = [(median(values), float(np.isfinite(values).mean()) if len(own) else np.nan)
                           for values in columns]  # fmt: skip
    return found


@styled
def score_against_filters(
    subsets: Mapping[str, pd.DataFrame],
    tables: Mapping[str, pd.DataFrame],
    *,
    n_units: Mapping[str, int],
    dataset: str,
    model: str,
    layer: str,
    include_small: bool = False,
) -> Figure:
    """Draw the mean score against the number of filters F by category, and the critical F under it, a column a task.

    Parameters
    ----------
    subsets, tables : task -> table of the layer. n_units : task -> K, where it is known.
    """
    title = f"How many filters does a concept need? {place_of(model, layer)}"
    found = {task: curves(subsets[task], include_small=include_small) for task in TASKS if task in subsets}
    found = {task: means for task, means in found.items() if len(means) and means["n_filters"].max() > 1}
    if not found:
        return empty_figure(title, "No subsets of filters were learned in this layer (layers_for_subsets).")
    of_layer: Tables = {task: {layer: tables[task]} for task in found}
    categories = ["", *categories_of([means[means["category"] != ""] for means in found.values()])]
    heights = [3.4, 0.5 + 0.2 * (len(categories) + 1)]
    figure = new_figure(PAGE_WIDTH if len(found) > 1 else 7.2, sum(heights) + 1.5)
    axes = figure.subplots(2, len(found), squeeze=False, height_ratios=heights)
    for (top, bottom), (task, means) in zip(axes.T, found.items(), strict=True):
        levels = means_by_category(tables[task], task, include_small=include_small)
        ends = dict(zip(levels["category"], levels["combination_mean"], strict=True))
        _curves(top, means, errors(subsets[task], include_small=include_small), ends, n_units.get(task))
        top.set_title(TASKS[task].title)
        top.set_ylabel("mean " + TASKS[task].score)
        if TASKS[task].chance:
            top.axhline(TASKS[task].chance, color=QUIET, linewidth=0.8, linestyle=":", zorder=1)
        _critical(bottom, critical_numbers(tables[task], task, include_small=include_small), categories)
    n_repeats = len(set(pd.concat(list(found.values()))["repeat"]))
    legend_beside(axes[0, -1], _handles(categories, n_repeats))
    note = sentences(
        samples_of(of_layer, dataset=dataset, include_small=include_small),
        "F: filters with the largest |w| of the solution with all filters, weights learned anew"
        + (" from those of that solution" if _warm(subsets, found) else ""),
        IOU_SET if "segmentation" in found else "",
        ("Thin: initialisations; bold: their mean; band" if n_repeats > 1 else "Band")
        + ": ± standard error over concepts of the mean; dashes at the right: all K filters",
        f"Critical F: the smallest F whose mean over initialisations reaches the share of {_shares_of(list(found))}; "
        "median over the concepts that some F brings there, in brackets the share of concepts that it does, unless all",
        *(settings_of(first_table(of_layer, task), task) for task in found),
    )
    head(figure, title, note)
    return figure


def _shares_of(tasks: list[str]) -> str:
    gains = {"segmentation": "the combination's IoU", "classification": "its accuracy - 0.5"}
    return " or ".join(gains[task] for task in tasks) if len(tasks) > 1 else gains[tasks[0]].replace("its", "the")


def _warm(subsets: Mapping[str, pd.DataFrame], found: Mapping[str, pd.DataFrame]) -> bool:
    return any(bool(subsets[task]["warm_start"].any()) for task in found)


def _curves(ax: Axes, means: pd.DataFrame, spread: pd.DataFrame, levels: dict[str, float], n_units: int | None) -> None:
    sizes = sorted(set(means["n_filters"].astype(int)))
    end = sizes[-1]
    for category in ["", *categories_of([means[means["category"] != ""]])]:
        own = means[means["category"] == category]
        colour = colour_of(category) if category else INK
        if own["repeat"].nunique() > 1:
            for _, single in own.groupby("repeat"):
                ax.plot(single["n_filters"], single["val"], color=colour, linewidth=0.5, alpha=0.6, zorder=2)
        mean = own.groupby("n_filters")["val"].mean()
        ax.plot(mean.index, mean, color=colour, marker=marker_of(category) if category else ".", markersize=4,
                linestyle="-" if category else "--", zorder=4)  # fmt: skip
        sem = spread[spread["category"] == category].set_index("n_filters")["sem"].reindex(mean.index)
        ax.fill_between(mean.index, mean - sem, mean + sem, color=colour, alpha=0.12, linewidth=0, zorder=1)
        if np.isfinite(levels.get(category, np.nan)):
            ax.plot([end * 1.25, end * 2.1], [levels[category]] * 2, color=colour, linestyle=(0, (2, 1)), linewidth=1.6)
    ax.set_xscale("log")
    ax.set_xlim(0.85 * sizes[0], end * 2.3)
    ax.xaxis.set_minor_locator(NullLocator())
    ticks = spaced(sizes)
    ax.xaxis.set_major_locator(FixedLocator([*ticks, end * 1.62]))
    ax.set_xticklabels([*(f"{tick}" for tick in ticks), f"all\n{n_units:,}" if n_units else "all"])
    ax.axvline(end * 1.12, color="#BBBBBB", linewidth=0.6)
    ax.set_xlabel("F, number of filters")
    grid(ax)


def spaced(sizes: Sequence[int], *, apart: float = 1.45) -> list[int]:
    """The sizes that get a tick on a logarithmic axis: each at least `apart` times the one before; the last always.

    >>> spaced([1, 2, 3, 40, 45, 50])
    [1, 2, 3, 50]
    """
    kept: list[int] = []
    for size in sorted(sizes):
        if not kept or size >= apart * kept[-1]:
            kept.append(size)
    last = max(sizes)
    while kept and kept[-1] != last and last < apart * kept[-1]:
        kept.pop()
    return kept if last in kept else [*kept, last]


def _critical(ax: Axes, found: dict[str, list[tuple[float, float]]], categories: list[str]) -> None:
    ax.set_axis_off()
    ax.set(xlim=(0, 1), ylim=(len(categories) + 0.5, -1.2))
    places = 0.2 + 0.166 * np.arange(len(CRITICAL_SHARES))
    look: dict[str, Any] = {"fontsize": SMALL_SIZE, "va": "center"}
    ax.text(0.02, 0, "critical F", color=QUIET, **look)
    for place, share in zip(places, CRITICAL_SHARES, strict=True):
        ax.text(place, 0, f"{share} %", color=QUIET, **look)
    for y, category in enumerate((name for name in categories if name in found), start=1):
        colour = colour_of(category) if category else INK
        ax.text(0.02, y, plain(category, width=20) or "all", color=colour, fontweight="bold", **look)
        for place, (value, reached) in zip(places, found[category], strict=True):
            words = number(value, digits=0 if value == round(value) else 1) if np.isfinite(value) else "–"
            if 0 < reached < 1:
                words += f" ({per_cent(reached)})"
            ax.text(place, y, words, **(look | {"fontsize": SMALL_SIZE - 1}))


def _handles(categories: list[str], n_repeats: int) -> list[Line2D]:
    handles = [
        Line2D([], [], color=colour_of(name), marker=marker_of(name), label=plain(name)) for name in categories if name
    ]
    handles.append(Line2D([], [], color=INK, marker=".", linestyle="--", label="all"))
    if n_repeats > 1:
        handles.append(Line2D([], [], color=INK, linewidth=0.5, label=f"{n_repeats} initialisations"))
    handles.append(Line2D([], [], color=INK, linestyle=(0, (2, 1)), label="all filters"))
    return handles
