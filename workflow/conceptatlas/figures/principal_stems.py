"""Stem plots of principal directions: the loading of every unit, as in the talk (bird: one unit, train: none)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from conceptatlas.figures.facts import sentences
from conceptatlas.figures.style import (
    OTHER,
    PAGE_WIDTH,
    QUIET,
    SMALL_SIZE,
    colour_of,
    count,
    empty_figure,
    grid,
    head,
    new_figure,
    number,
    plain,
    styled,
)
from conceptatlas.tables import records

Array = np.ndarray[Any, Any]

ORDER = {"clearest": 0, "spread": 1, "config": 2}


def shown_concepts(table: pd.DataFrame) -> pd.DataFrame:
    """The rows to draw that have a direction: the clearest, the most spread, those of the config."""
    rows = table[(table["shown"] != "") & (table["reason"] == "")].copy()
    rows["place"] = rows["shown"].map(ORDER)
    rows["within"] = np.where(rows["shown"] == "spread", -rows["participation"], -rows["max_u2"])
    return rows.sort_values(["place", "within"], kind="stable").drop(columns=["place", "within"])


def sample_of(table: pd.DataFrame) -> str:
    """Data set, number of concepts with a direction, and what they needed."""
    first, tested = table.iloc[0], int((table["reason"] == "").sum())
    return (
        f"Data set {plain(first['dataset'])}: {count(tested, 'concept')} of {len(table)} with at least "
        f"{int(first['min_images'])} images"
    )


def rule_of(table: pd.DataFrame) -> str:
    """What a verdict is."""
    first = table.iloc[0]
    return (
        f"Verdict: one unit if max u² ≥ {number(first['cut_one_unit'], digits=2)}, few units if 1/Σu⁴ ≤ "
        f"{first['cut_few_units']:g}, else distributed; none unless max u² exceeds the 95 % point of its null (the "
        f"concept's masks on other images of the same source, R = {int(first['n_permutations'])})"
    )


@styled
def stem_plots(table: pd.DataFrame, loadings: Mapping[int, Array]) -> Figure:
    """Draw the loadings of the concepts that are shown, a panel each.

    table : principal.parquet of a layer. loadings : concept_index -> (unit,).
    """
    first, rows = table.iloc[0], records(shown_concepts(table))
    title = f"Principal directions of concepts in {plain(first['model'])}, {plain(first['layer'])}"
    if not rows:
        return empty_figure(title, "No concept of this data set has enough images.", sample_of(table) + ".")
    n_columns = 2 if len(rows) > 1 else 1
    n_rows = math.ceil(len(rows) / n_columns)
    figure = new_figure(PAGE_WIDTH, 1.3 + 2.1 * n_rows)
    axes = figure.subplots(n_rows, n_columns, squeeze=False, sharey=True)
    for i, row in enumerate(rows):
        _panel(axes[i // n_columns, i % n_columns], row, loadings[int(row["concept_index"])])
    for ax in axes.flat[len(rows) :]:
        ax.set_axis_off()
    for ax in axes[:, 0]:
        ax.set_ylabel("loading u")
    for column in range(n_columns):
        lowest = axes[(len(rows) - 1 - column) // n_columns, column]
        lowest.set_xlabel("unit")
    centre = "uncentred" if first["centre"] == "global" else "around the concept's own mean"
    note = sentences(
        sample_of(table),
        f"u: first right singular vector ({centre}) of the activations in cells the concept covers by more than half, "
        "each unit standardised over all positions; length 1, largest loading positive",
        "Named: the unit with the largest loading and its label by dissection. Dotted: ± the root of the null's 95 % "
        "point of max u². Brackets: interval over resampled blocks of images",
        rule_of(table),
    )
    head(figure, title, note)
    return figure


def _panel(ax: Axes, row: Mapping[str, Any], u: Array) -> None:
    colour = colour_of(row["category"])
    units = np.arange(len(u))
    ax.vlines(units, 0, u, color=OTHER, linewidth=0.7)
    top = int(row["unit"])
    ax.vlines([top], 0, u[top], color=colour, linewidth=1.8)
    ax.plot([top], [u[top]], "o", color=colour, markersize=4.5)
    if np.isfinite(row["null_high"]):
        for sign in (-1, 1):
            ax.axhline(sign * math.sqrt(row["null_high"]), color=QUIET, linewidth=0.8, linestyle=":")
    ax.axhline(0, color=OTHER, linewidth=0.6)
    right = top > len(u) / 2
    label = f"unit {top}: {plain(row['unit_label'], width=18)}"
    ax.annotate(
        label,
        (top, u[top]),
        xytext=(-6 if right else 6, 2),
        textcoords="offset points",
        ha="right" if right else "left",
        va="bottom",
        fontsize=SMALL_SIZE,
    )
    ax.set_title(f"{plain(row['concept'], width=28)}: {row['verdict']}")
    said = f"max u² = {number(row['max_u2'])}"
    if np.isfinite(row["max_u2_low"]):
        said += f" [{number(row['max_u2_low'])}, {number(row['max_u2_high'])}]"
    said += f", null {number(row['null_high'])}, p = {number(row['p'], digits=3)}\n1/Σu⁴ = "
    said += f"{number(row['participation'], digits=1)}, {count(int(row['n_cells']), 'cell')} in "
    said += count(int(row["n_images"]), "image")
    said += f", explains {number(row['explained'], digits=2)} (null {number(row['explained_null_high'], digits=2)})"
    ax.text(0.01, 1.0, said, transform=ax.transAxes, fontsize=SMALL_SIZE - 1, color=QUIET, va="top")
    ax.set_xlim(-0.02 * len(u) - 0.5, 1.02 * len(u))
    ax.set_ylim(-1.05, 1.75)
    ax.set_yticks([-1, -0.5, 0, 0.5, 1])
    grid(ax)
