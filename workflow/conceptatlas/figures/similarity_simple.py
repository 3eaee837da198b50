"""Are simple concepts recognised where complex ones are not? And in which layers each concept is recognised."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from conceptatlas.figures.facts import sentences
from conceptatlas.figures.similarity_facts import MOST_SHOWN, Place, look_of, models_of
from conceptatlas.figures.style import (
    OTHER,
    PAGE_WIDTH,
    QUIET,
    count,
    empty_figure,
    grid,
    head,
    in_order,
    new_figure,
    plain,
    styled,
)
from conceptatlas.inference.shares import wilson_interval
from conceptatlas.tables import records

Array = np.ndarray[Any, Any]

SIMPLE, COMPLEX = "#009E73", "#D55E00"
COLUMNS = 3


def shares_of_kinds(profiles: pd.DataFrame, simple: Sequence[str]) -> pd.DataFrame:
    """A row a layer and kind: model, layer, depth, simple, n, n_recognised, share, low, high, mean (accuracy).

    profiles : profiles.parquet of all layers with a column `depth`. Only concepts with a vector count.
    """
    columns = ["model", "layer", "depth", "simple", "n", "n_recognised", "share", "low", "high", "mean"]
    learned = profiles[profiles["reason"].fillna("") == ""] if len(profiles) else profiles
    if not len(learned):
        return pd.DataFrame(columns=columns)
    rows = []
    of_kind = learned.assign(simple=learned["concept"].isin(list(simple)))
    for (model, layer, depth, is_simple), own in of_kind.groupby(["model", "layer", "depth", "simple"], sort=False):
        n, k = len(own), int(own["recognised"].sum())
        low, high = wilson_interval(k, n)
        mean = float(own["balanced_accuracy"].mean())
        rows.append([model, layer, depth, is_simple, n, k, k / n, low, high, mean])
    return pd.DataFrame(rows, columns=columns)


@styled
def simple_against_complex(profiles: pd.DataFrame, places: list[Place], *, simple: Sequence[str]) -> Figure:
    """Draw the share of recognised concepts against relative depth, simple ones and the others, a panel a model.

    profiles : profiles.parquet of all layers with a column `depth`. simple : names (config `simple_concepts`).
    """
    title = "Are simple concepts recognised earlier?"
    title += f" {plain(profiles['dataset'].iloc[0])}" if len(profiles) else ""
    if not simple:
        return empty_figure(title, "No concept is named simple (similarity: simple_concepts).")
    table = shares_of_kinds(profiles, simple)
    if not len(table) or table["simple"].nunique() < 2:
        return empty_figure(title, "There are not both simple and other concepts with an activation vector.")
    models = [model for model in models_of(places) if (table["model"] == model).any()]
    n_columns = min(COLUMNS, len(models))
    n_rows = math.ceil(len(models) / n_columns)
    figure = new_figure(min(PAGE_WIDTH, 3.2 + 2.7 * n_columns), 1.9 + 2.1 * n_rows)
    axes = figure.subplots(n_rows, n_columns, squeeze=False, sharex=True, sharey=True)
    for ax in axes.flat[len(models) :]:
        ax.set_axis_off()
    for at, (ax, model) in enumerate(zip(axes.flat, models, strict=False)):
        for is_simple, colour, marker in ((True, SIMPLE, "o"), (False, COMPLEX, "s")):
            own = table[(table["model"] == model) & (table["simple"] == is_simple)].sort_values("depth")
            ax.fill_between(own["depth"], own["low"], own["high"], color=colour, alpha=0.13, linewidth=0)
            ax.plot(own["depth"], own["share"], color=colour, marker=marker, markersize=4.5)
        ax.set_title(plain(model, width=30))
        grid(ax)
        if at + n_columns >= len(models):
            ax.set_xlabel("relative depth")
            ax.tick_params(labelbottom=True)
        ax.tick_params(axis="y", labelleft=at % n_columns == 0, left=at % n_columns == 0)
    for ax in axes[:, 0]:
        ax.set_ylabel("share recognised")
    axes[0, 0].set_ylim(-0.03, 1.03)
    axes[0, 0].set_xlim(-0.03, 1.03)
    n = {kind: int(table.loc[table["simple"] == kind, "n"].max()) for kind in (True, False)}
    handles = [
        Line2D([], [], color=SIMPLE, marker="o", label=f"simple (up to {n[True]:,})"),
        Line2D([], [], color=COMPLEX, marker="s", label=f"others (up to {n[False]:,})"),
    ]
    figure.legend(handles=handles, loc="outside upper right", ncols=2)
    names = ", ".join(plain(name, width=20) for name in simple[:12]) + (" …" if len(simple) > 12 else "")
    note = sentences(
        f"Data set {plain(profiles['dataset'].iloc[0])}; simple: {names}",
        "Recognised: the interval of the balanced accuracy lies above the 95 % point of vectors learned on random "
        "labels; of the concepts with an activation vector",
        "Bands: Wilson interval, 95 %, concepts as the sample",
    )
    head(figure, title, note)
    return figure


@styled
def recognising_layers(summary: pd.DataFrame, places: list[Place], *, concepts: Sequence[str] = ()) -> Figure:
    """Draw, for every concept, from which relative depth to which each model recognises it, and in how many layers.

    summary : summary.parquet (rows `recognising_layers`). concepts : names drawn first (config `concepts`).
    """
    title = "In how many layers is a concept recognised?"
    title += f" {plain(summary['dataset'].iloc[0])}" if len(summary) else ""
    rows = summary[summary["fact"] == "recognising_layers"] if len(summary) else summary
    if not len(rows):
        return empty_figure(title, "No concept has an activation vector in any layer.")
    if not (rows["value"] > 0).any():
        learned = count(rows["concept"].nunique(), "concept")
        return empty_figure(title, f"No layer of any model recognises a concept; {learned} have an activation vector.")
    shown = shown_concepts(rows, concepts)
    models = [model for model in models_of(places) if (rows["model_a"] == model).any()]
    height = {str(concept): y for y, concept in enumerate(shown)}
    figure = new_figure(max(6.5, 2.4 + 1.9 * len(models)), max(3.2, 2.0 + 0.21 * len(shown)))
    axes = figure.subplots(1, len(models), squeeze=False, sharey=True, sharex=True)[0]
    for ax, model in zip(axes, models, strict=True):
        _depths(ax, rows[rows["model_a"] == model], height, look_of(models_of(places).index(model))["color"])
        ax.set_title(plain(model, width=22))
    axes[0].set_yticks(range(len(shown)), [plain(concept, width=26) for concept in shown])
    axes[0].set_ylim(len(shown) - 0.4, -0.6)
    axes[0].set_xlim(-0.05, 1.28)
    axes[0].set_xticks([0, 0.5, 1])
    axes[len(axes) // 2].set_xlabel("relative depth")
    n_all = rows["concept"].nunique()
    note = sentences(
        f"Data set {plain(rows['dataset'].iloc[0])}; {count(len(shown), 'concept')} of {n_all:,}: those named in the "
        "config, then those recognised in most layers, of those recognised in any",
        "Line: from the first to the last layer that recognises the concept; at its right the recognising layers of "
        "those with a vector; grey: none does",
    )
    head(figure, title, note)
    return figure


def shown_concepts(rows: pd.DataFrame, concepts: Sequence[str], *, most: int = MOST_SHOWN) -> list[str]:
    """Concepts named first, then those in most layers of all models; drawn by category, in most layers first."""
    table = rows.groupby("concept", sort=False).agg(n=("value", "sum"), category=("category", "first")).reset_index()
    table = table.assign(named=table["concept"].isin(list(concepts)))
    table = table[table["named"] | (table["n"] > 0)]
    table = table.sort_values(["named", "n", "concept"], ascending=[False, False, True]).head(most)
    order = {name: i for i, name in enumerate(in_order(table["category"]))}
    table = table.assign(at=table["category"].map(order).fillna(len(order)))
    return [str(name) for name in table.sort_values(["at", "n", "concept"], ascending=[True, False, True])["concept"]]


def _depths(ax: Axes, rows: pd.DataFrame, height: dict[str, int], colour: str) -> None:
    for row in records(rows):
        y = height.get(str(row["concept"]))
        if y is None:
            continue
        found = int(row["value"]) > 0
        if found:
            ax.plot([row["low"], row["high"]], [y, y], color=colour, marker="o", markersize=4, linewidth=2)
        words = f"{int(row['value'])}/{int(row['n_total'])}"
        ax.text(1.06, y, words, va="center", fontsize=7, color=QUIET if found else OTHER)
    ax.tick_params(axis="y", length=0)
    grid(ax, "x")
