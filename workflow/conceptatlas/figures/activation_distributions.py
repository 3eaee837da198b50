"""Activation distributions of chosen units, with the threshold T and the share of values above it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullLocator

from conceptatlas.figures.facts import facts, sentences
from conceptatlas.figures.reading import Distribution
from conceptatlas.figures.style import (
    INK,
    PAGE_WIDTH,
    SMALL_SIZE,
    colour_of,
    empty_figure,
    head,
    new_figure,
    plain,
    styled,
)
from conceptatlas.tables import records

COLUMNS = 4
N_BEST = 8


def choose_units(units: pd.DataFrame, *, n_best: int = N_BEST) -> list[int]:
    """Units to show: the best detectors (the best units where there are none), then one of each state but live."""
    ranked = units.sort_values("iou_category", ascending=False, kind="stable", na_position="last")
    detectors = ranked[ranked["is_detector"].astype(bool)]
    best = (detectors if len(detectors) else ranked[ranked["state"] == "live"]).head(n_best)
    chosen = [int(unit) for unit in best["unit"]]
    others = units[(units["state"] != "live") & ~units["unit"].isin(chosen)]
    return chosen + [int(unit) for unit in others.drop_duplicates("state")["unit"]]


@styled
def activation_distributions(
    units: pd.DataFrame, distributions: dict[int, Distribution], *, summary: pd.DataFrame
) -> Figure:
    """Draw one small histogram a unit, counts on a logarithmic axis.

    units, summary : the layer's tables. distributions : of the units to show, in their order (see `choose_units`).
    """
    about = facts(summary)
    title = f"Activation distributions, {about.place}"
    states = units["state"].value_counts()
    counted = ", ".join(f"{n:,} {state}" for state, n in states.items())
    note = sentences(
        about.sample,
        f"Units by state: {counted}" if counted else "",
        "Best detectors first, then one unit of each other state; dashed: threshold T, above it the unit is active",
    )
    if not distributions:
        return empty_figure(title, "The layer has no unit to show.", note)
    n_rows = math.ceil(len(distributions) / COLUMNS)
    columns = min(COLUMNS, max(len(distributions), 2))
    figure = new_figure(max(6.0, PAGE_WIDTH * columns / COLUMNS), 1.1 + 2.0 * n_rows)
    axes = figure.subplots(n_rows, columns, squeeze=False)
    by_unit = {int(unit["unit"]): unit for unit in records(units)}
    for ax, (unit, distribution) in zip(axes.flat, distributions.items(), strict=False):
        _panel(ax, by_unit[unit], distribution)
    for ax in axes.flat[len(distributions) :]:
        ax.set_axis_off()
    for ax in axes[:, 0]:
        ax.set_ylabel("values")
    for column in range(columns):
        lowest = [ax for ax in axes[:, column] if ax.axison]
        if lowest:
            lowest[-1].set_xlabel("activation")
    head(figure, title, note)
    return figure


def _panel(ax: Axes, unit: Mapping[str, Any], distribution: Distribution) -> None:
    label = plain(unit["concept"], width=20) if unit["is_detector"] else plain(unit["state"])
    if unit["is_detector"] and unit["state"] != "live":
        label += f" ({plain(unit['state'])})"
    ax.set_title(f"unit {unit['unit']}: {label}\n", fontsize=SMALL_SIZE)
    low, high = float(distribution.edges[0]), float(distribution.edges[-1])
    if not high > low:
        ax.set_axis_off()
        ax.text(
            0.5, 0.5, f"constant: every value is {low:.4g}", transform=ax.transAxes, ha="center", fontsize=SMALL_SIZE
        )
        return
    colour = colour_of(unit["category"] if unit["is_detector"] else None)
    ax.stairs(distribution.counts, distribution.edges, fill=True, color=colour, baseline=0.5)
    ax.set_yscale("log")
    ax.set_ylim(0.5, max(float(distribution.counts.max()), 1.0) * 2)
    ax.set_xlim(low - 0.02 * (high - low), high + 0.02 * (high - low))
    ax.axvline(float(unit["threshold"]), color=INK, linestyle="--", linewidth=1.1)
    share = f"T = {float(unit['threshold']):.3g}, {100 * unit['achieved']:.3g} % above"
    ax.text(0, 1.03, share, transform=ax.transAxes, va="bottom", fontsize=SMALL_SIZE)
    ax.xaxis.set_major_locator(MaxNLocator(4))
    ax.yaxis.set_minor_locator(NullLocator())
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
