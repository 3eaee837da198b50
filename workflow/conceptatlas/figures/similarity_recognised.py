"""Which concepts does a layer recognise? Balanced accuracy of concept activation vectors, layer by layer."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from conceptatlas.figures.facts import sentences
from conceptatlas.figures.similarity_facts import MOST_SHOWN, layer_words
from conceptatlas.figures.style import (
    OTHER,
    QUIET,
    SMALL_SIZE,
    category_patches,
    colour_of,
    count,
    empty_figure,
    grid,
    head,
    in_order,
    new_figure,
    plain,
    styled,
)
from conceptatlas.tables import records

Array = np.ndarray[Any, Any]
Tables = Mapping[str, pd.DataFrame]
"""layer -> profiles.parquet, in the order of the sheet."""

LAYERS_A_PAGE = 6
ROW = 0.21  # inches
NOTE = (
    "Point: balanced accuracy on gate images, mean over repeats, line: its interval over repeats and blocks of images; "
    "grey tick: 95 % point of vectors learned on random labels; filled: the interval lies above it, the layer "
    "recognises the concept; 0.5 is chance"
)


def shown_concepts(tables: Tables, concepts: Sequence[str] = (), *, most: int = MOST_SHOWN) -> pd.DataFrame:
    """The concepts of the figure: concept, category, n_layers that recognise it, in the order of the figure.

    Only concepts judged in a layer count (`judged`): those named first, then those in most gate images; drawn by
    category, recognised in most layers first.
    """
    every = pd.concat([judged(table) for table in tables.values()], ignore_index=True) if tables else pd.DataFrame()
    if not len(every):
        return pd.DataFrame(columns=["concept", "category", "n_gate_with", "n_layers", "mean"])
    by_concept = every.groupby("concept", sort=False).agg(
        category=("category", "first"), n_gate_with=("n_gate_with", "max"), n_layers=("recognised", "sum"),
        mean=("balanced_accuracy", "mean"),
    ).reset_index()  # fmt: skip
    by_concept["named"] = by_concept["concept"].isin(list(concepts))
    chosen = by_concept.sort_values(["named", "n_gate_with", "concept"], ascending=[False, False, True]).head(most)
    order = {name: i for i, name in enumerate(in_order(chosen["category"]))}
    chosen = chosen.assign(at=chosen["category"].map(order).fillna(len(order)))
    chosen = chosen.sort_values(["at", "n_layers", "mean", "concept"], ascending=[True, False, False, True])
    return chosen.drop(columns=["at", "named"]).reset_index(drop=True)


def judged(table: pd.DataFrame) -> pd.DataFrame:
    """Rows of concepts with a vector and gate images of both kinds, by which it is judged."""
    return table[(table["reason"].fillna("") == "") & table["balanced_accuracy"].notna()]


def n_recognised_pages(tables: Tables) -> int:
    """Pages of `recognised`."""
    return max(1, math.ceil(len(tables) / LAYERS_A_PAGE))


@styled
def recognised(
    tables: Tables, *, dataset: str, model: str, concepts: Sequence[str] = (), page: int = 0
) -> Figure:  # fmt: skip
    """Draw the balanced accuracy of concepts in the layers of a model, a panel a layer.

    tables : in the order of the sheet. concepts : names drawn besides those in most images. page : from 0.
    """
    title = f"Which concepts are recognised? {plain(model)}"
    shown = shown_concepts(tables, concepts)
    if not len(shown):
        return empty_figure(title, _why_empty(tables))
    pages = n_recognised_pages(tables)
    title += f" (page {page + 1} of {pages})" if pages > 1 else ""
    layers = list(tables)[page * LAYERS_A_PAGE : (page + 1) * LAYERS_A_PAGE]
    height = {str(concept): y for y, concept in enumerate(shown["concept"])}
    figure = new_figure(max(7.5, 3.6 + 1.35 * len(layers)), max(3.4, 2.1 + ROW * len(shown)))
    axes = figure.subplots(1, len(layers), squeeze=False, sharey=True, sharex=True)[0]
    for ax, layer in zip(axes, layers, strict=True):
        _panel(ax, tables[layer], height)
        learned = judged(tables[layer])
        ax.set_title(f"{layer_words(layer)}\n{int(learned['recognised'].sum()):,} of {len(learned):,}")
    words = [f"{plain(row['concept'], width=24)}  {int(row['n_layers'])}/{len(tables)}" for row in records(shown)]
    axes[0].set_yticks(range(len(shown)), words)
    axes[0].set_ylim(len(shown) - 0.4, -0.6)
    axes[len(axes) // 2].set_xlabel("balanced accuracy")
    lowest = [judged(tables[layer])[["balanced_accuracy", "balanced_accuracy_low"]].min().min() for layer in layers]
    low = min((float(value) for value in lowest if np.isfinite(value)), default=0.5)
    axes[0].set_xlim(max(0.0, min(0.4, low - 0.03)), 1.02)
    handles: list[Any] = [*category_patches(in_order(shown["category"]))]
    handles.append(Line2D([], [], color=OTHER, marker="|", markersize=8, linestyle="none", markeredgewidth=1.6,
                          label="95 % point,\nrandom labels"))  # fmt: skip
    figure.legend(handles=handles, loc="outside right upper")
    head(figure, title, _note(tables, shown, dataset))
    return figure


def _panel(ax: Axes, table: pd.DataFrame, height: dict[str, int]) -> None:
    for row in records(judged(table)):
        y = height.get(str(row["concept"]))
        if y is None:
            continue
        colour = colour_of(row["category"])
        ax.plot([row["balanced_accuracy_low"], row["balanced_accuracy_high"]], [y, y], color=colour, linewidth=1.3)
        ax.plot([row["null_high"]], [y], marker="|", markersize=8, color=OTHER, markeredgewidth=1.6, zorder=1)
        ax.plot(
            [row["balanced_accuracy"]], [y], marker="o", markersize=4.5, color=colour, markeredgewidth=1.2,
            markerfacecolor=colour if row["recognised"] else "white", zorder=3,
        )  # fmt: skip
    ax.axvline(0.5, color=QUIET, linewidth=0.7)
    ax.tick_params(axis="y", length=0)
    ax.tick_params(axis="x", labelsize=SMALL_SIZE - 0.5)
    grid(ax, "x")


def _note(tables: Tables, shown: pd.DataFrame, dataset: str) -> str:
    every = pd.concat(list(tables.values()), ignore_index=True)
    learned = judged(every)
    first: dict[str, Any] = records(learned.head(1))[0]
    n_learned = int(learned["concept"].nunique())
    left_out = every["concept"].nunique() - n_learned
    return sentences(
        f"Data set {plain(dataset)}, {count(int(first['n_gate_with'] + first['n_gate_without']), 'gate image')}; "
        f"{count(len(shown), 'concept')} of {n_learned:,}: those named in the config, then those in most gate images",
        NOTE,
        f"Classifier {plain(first['classifier'])} on {plain(first['features'])} features, "
        f"{count(int(first['n_repeats']), 'counter-set')}, {count(int(first['n_random']), 'random vector')}",
        "Behind a concept the layers that recognise it; over a panel its recognised concepts of those judged",
        f"{count(left_out, 'concept')} without a vector or without gate images: too few images" if left_out else "",
        "No line: fewer than 8 blocks of gate images hold the concept"
        if learned["balanced_accuracy_low"].isna().any()
        else "",
    )


def _why_empty(tables: Tables) -> str:
    reasons = [
        plain(reason, width=120)
        for table in tables.values()
        for reason in table["reason"].dropna().unique()
        if reason
    ]  # fmt: skip
    why = "; ".join(list(dict.fromkeys(reasons))[:2])
    return f"No concept has an activation vector that could be judged{': ' + why if why else ''}."
