"""Detectors and unique detectors of every layer of every model: stacked by category, with interval and null."""

from __future__ import annotations

from typing import Any, NamedTuple

import matplotlib.patheffects as effects
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from conceptatlas.figures.facts import INTERVAL, Facts, facts, null_sentence, own_level, places, sentences
from conceptatlas.figures.style import (
    INK,
    PAGE_WIDTH,
    SMALL_SIZE,
    category_patches,
    colour_of,
    count,
    grid,
    head,
    in_order,
    legend_beside,
    new_figure,
    plain,
    styled,
    whole_numbers,
)

BAR = 0.72
_HEADING_LETTERS = 38
_NULL_MEAN: dict[str, Any] = {"color": INK, "marker": "x", "linestyle": "none", "markeredgewidth": 1.5}
_NULL_HIGH: dict[str, Any] = _NULL_MEAN | {"marker": "|", "markersize": 14, "markeredgewidth": 2.2}
_HALO = [effects.withStroke(linewidth=3.0, foreground="white")]


class _Panel(NamedTuple):
    quantity: str
    title: str
    unit: str


PANELS = (
    _Panel("detectors", "Detectors", "units"),
    _Panel("unique_by_category", "Unique detectors", "labels, summed over categories"),
)


@styled
def unique_detectors(summary: pd.DataFrame, *, roles: dict[str, str] | None = None) -> Figure:
    """Draw the counts of all layers in a summary, one bar a layer, models under their names.

    summary : of one layer or many (joined), in the order of the sheets.
    roles : what to print beside a model's name, such as ``floor of alexnet``.
    """
    rows = own_level(summary)
    rows = rows[rows["quantity"].isin(["detectors", "unique_by_category", "unique_best_label"])]
    about = facts(summary)
    models = list(dict.fromkeys(model for model, _ in places(rows)))
    height, ticks = _heights(rows)
    last = max(height.values())
    figure = new_figure(PAGE_WIDTH, 1.9 + 0.27 * (last + 1))
    axes = figure.subplots(1, 2, sharey=True)
    shown: list[str] = []
    for ax, panel in zip(axes, PANELS, strict=True):
        shown += _bars(ax, rows, panel, height)
        ax.set_title(panel.title)
        ax.set_xlabel(panel.unit)
        ax.set_xlim(left=0)
        whole_numbers(ax.xaxis)
        grid(ax, "x")
    names = {model: plain(model, width=40) for model in models}
    for model in set(roles or {}) & set(models):
        role = (roles or {})[model]
        if len(names[model]) + len(role) > _HEADING_LETTERS:  # a longer heading would leave the page
            role = role.split()[0]
        names[model] += f" ({plain(role)})"
    axes[0].set_yticks(
        [at for at, *_ in ticks], [names[model] if head_ else plain(layer) for _, model, layer, head_ in ticks]
    )
    for label, (*_, is_heading) in zip(axes[0].get_yticklabels(), ticks, strict=True):
        label.set_fontweight("bold" if is_heading else "normal")
    axes[0].set_ylim(last + 0.6, -0.6)
    for ax in axes:
        ax.tick_params(axis="y", length=0)
    legend_beside(axes[1], [*category_patches(in_order(shown)), *_handles(rows)])
    head(figure, f"Detectors of {_whose(models)} on {about.dataset}", _note(summary, rows, about))
    return figure


def _whose(models: list[str]) -> str:
    return plain(models[0]) if len(models) == 1 else count(len(models), "model")


def _heights(rows: pd.DataFrame) -> tuple[dict[tuple[str, str], int], list[tuple[int, str, str, bool]]]:
    """Height of every layer's bar, and the ticks (height, model, layer, is the name of a model)."""
    height: dict[tuple[str, str], int] = {}
    ticks = []
    at, previous = 0, None
    for model, layer in places(rows):
        if model != previous:
            ticks.append((at, model, layer, True))
            at, previous = at + 1, model
        height[model, layer] = at
        ticks.append((at, model, layer, False))
        at += 1
    return height, ticks


def _bars(ax: Axes, rows: pd.DataFrame, panel: _Panel, height: dict[tuple[str, str], int]) -> list[str]:
    """Draw a panel; returns the categories with at least one detector."""
    wanted = rows[rows["quantity"] == panel.quantity]
    parts = wanted[wanted["category"] != ""]
    present = in_order(parts.loc[parts["value"] > 0, "category"])
    left = dict.fromkeys(height, 0.0)
    for category in present:
        own = parts[parts["category"] == category]
        where = _places(own)
        starts = [left[place] for place in where]
        ax.barh([height[place] for place in where], own["value"], BAR, left=starts, color=colour_of(category))
        for place, value in zip(where, own["value"], strict=True):
            left[place] += float(value)
    totals = wanted[wanted["category"] == ""]
    at = [height[place] for place in _places(totals)]
    for y, total in zip(at, totals.to_dict(orient="records"), strict=True):
        _uncertainty(ax, y, total)
    if panel.quantity == "unique_by_category":
        best = rows[(rows["quantity"] == "unique_best_label") & (rows["category"] == "")]
        ax.plot(best["value"], [height[place] for place in _places(best)], "D", markersize=4.5, **_MARK)
    if not present:
        ax.text(0.5, 0.5, "no detectors", transform=ax.transAxes, ha="center", va="center", fontsize=SMALL_SIZE)
        ax.set_xlim(0, 1)
    return present


_MARK: dict[str, Any] = {"color": "white", "markeredgecolor": INK, "markeredgewidth": 0.9, "linestyle": "none"}


def _uncertainty(ax: Axes, y: float, total: dict[Any, Any]) -> None:
    """Interval as a line from end to end (it need not be centred on the value), null as cross and stroke."""
    if pd.notna(total["ci_low"]):
        ax.plot([total["ci_low"], total["ci_high"]], [y, y], color=INK, linewidth=1.3, solid_capstyle="butt")
        ax.plot([total["ci_low"], total["ci_high"]], [y, y], "|", color=INK, markersize=6)
    if pd.notna(total["null_mean"]):
        ax.plot([total["null_mean"]], [y], path_effects=_HALO, **_NULL_MEAN)
        ax.plot([total["null_high"]], [y], path_effects=_HALO, **_NULL_HIGH)


def _places(rows: pd.DataFrame) -> list[tuple[str, str]]:
    return list(zip(rows["model"].astype(str), rows["layer"].astype(str), strict=True))


def _handles(rows: pd.DataFrame) -> list[Line2D]:
    handles = [Line2D([], [], color=INK, marker="|", label="interval")]
    if rows["null_mean"].notna().any():
        handles.append(Line2D([], [], label="null, mean", **_NULL_MEAN))
        handles.append(Line2D([], [], label="null, 95 % point", **_NULL_HIGH))
    handles.append(Line2D([], [], marker="D", markersize=4.5, label="unique among\nbest labels", **_MARK))
    return handles


def _note(summary: pd.DataFrame, rows: pd.DataFrame, about: Facts) -> str:
    counts = sorted(set(summary["n_units"].astype(int)))
    units = count(counts[0], "unit") if len(counts) == 1 else f"{counts[0]:,} to {counts[-1]:,} units"
    permutations = int(summary["n_permutations"].max())
    return sentences(
        f"{about.images}, {units} a layer, τ = {about.tau}",
        about.rule,
        f"Interval: {INTERVAL}",
        null_sentence(permutations),
    )
