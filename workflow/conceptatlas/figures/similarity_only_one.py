"""Which concepts has only one of two models? Discovered concepts without a partner in any layer of the other."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from conceptatlas.figures.facts import sentences
from conceptatlas.figures.similarity_facts import (
    MOST_SHOWN,
    Place,
    images_sentence,
    layer_words,
    look_of,
    models_of,
)
from conceptatlas.figures.style import (
    INK,
    OTHER,
    SMALL_SIZE,
    count,
    empty_figure,
    grid,
    head,
    new_figure,
    plain,
    styled,
)
from conceptatlas.tables import records

Array = np.ndarray[Any, Any]

COLOURS = "viridis"
ABSENT = "#D5D5D5"
WIDTH = 12.0  # inches


def shares(summary: pd.DataFrame, concept_pairs: pd.DataFrame, models: list[str]) -> tuple[Array, Array]:
    """Concepts of a model (row) without a partner in another (column), and how many it has: (model, model), (model,).

    NaN where the two were not compared. summary : rows `only_in_one`. concept_pairs : the tables of all models.
    """
    at = {model: i for i, model in enumerate(models)}
    totals = np.zeros(len(models), dtype=np.int64)
    found = np.full((len(models), len(models)), np.nan)
    sides = [
        concept_pairs[[f"model_{s}", f"layer_{s}", f"concept_{s}"]].set_axis(["model", "layer", "concept"], axis=1)
        for s in "ab"
    ]
    for model, n in pd.concat(sides).drop_duplicates()["model"].value_counts().items():
        if model in at:
            totals[at[str(model)]] = int(n)
    for a, b in concept_pairs[["model_a", "model_b"]].drop_duplicates().itertuples(index=False, name=None):
        if a in at and b in at and a != b:
            found[at[a], at[b]] = found[at[b], at[a]] = 0
    for (a, b), rows in summary[summary["fact"] == "only_in_one"].groupby(["model_a", "model_b"]):
        if a in at and b in at:
            found[at[a], at[b]] = len(rows)
    return found, totals


def listed(summary: pd.DataFrame, *, most: int = MOST_SHOWN) -> pd.DataFrame:
    """Concepts that have no partner in the most other models: model, layer, concept, others (names), value, high.

    value, high : the best UCS of a partner in them and its point of chance, NaN where matched to none.
    """
    rows = summary[summary["fact"] == "only_in_one"].rename(columns={"model_a": "model", "layer_a": "layer"})
    if not len(rows):
        return pd.DataFrame(columns=["model", "layer", "concept", "others", "value", "high"])
    best = rows.sort_values("value", ascending=False, kind="stable", na_position="last")
    found = best.groupby(["model", "layer", "concept"], sort=False).agg(
        others=("model_b", tuple), value=("value", "first"), high=("high", "first")
    ).reset_index()  # fmt: skip
    found = found.assign(n=found["others"].map(len), key=found["value"].fillna(-1.0))
    found = found.sort_values(["n", "key"], ascending=[False, True], kind="stable")
    return found.drop(columns=["n", "key"]).head(most).reset_index(drop=True)


@styled
def found_in_one_model(summary: pd.DataFrame, concept_pairs: pd.DataFrame, places: list[Place]) -> Figure:
    """Draw how many concepts of a model have no partner in another, and which ones these are.

    summary : summary.parquet (rows `only_in_one`). concept_pairs : the tables of all models.
    """
    title = "Which concepts has only one of two models?"
    models = models_of(places)
    if not len(concept_pairs) or not (concept_pairs["model_a"] != concept_pairs["model_b"]).any():
        return empty_figure(title, "No two models were compared concept by concept.")
    found, totals = shares(summary, concept_pairs, models)
    rows = listed(summary)
    cell = 0.5
    height = max(3.4 + cell * len(models), 2.2 + 0.21 * len(rows))
    figure = new_figure(WIDTH, height)
    left, right = figure.subplots(1, 2, width_ratios=[1, 1.3])
    _matrix(left, found, totals, models)
    if len(rows):
        _list(right, rows, models)
    else:
        right.set_axis_off()
        right.text(0.5, 0.5, "Every concept has a partner above chance.", ha="center", transform=right.transAxes)
    n_all = int((summary["fact"] == "only_in_one").sum()) if len(summary) else 0
    note = sentences(
        images_sentence(concept_pairs),
        "A concept counts if in no layer of the other model it has a partner whose UCS lies above the 95 % point of "
        "the best match under shuffled images (first threshold)",
        f"Right: the {count(len(rows), 'concept')} of these without a partner in the most models, with the best UCS "
        f"found there and its point of chance (grey tick); {n_all:,} pairs of a concept and a model in the table"
        if len(rows) else "",
    )  # fmt: skip
    head(figure, title, note)
    return figure


def _matrix(ax: Axes, found: Array, totals: Array, models: list[str]) -> None:
    share = found / np.where(totals > 0, totals, np.nan)[:, None]
    ax.imshow(np.ma.masked_invalid(share), cmap=COLOURS, vmin=0, vmax=1)
    ax.set_facecolor(ABSENT)
    names = [plain(model, width=20) for model in models]
    ax.set_xticks(range(len(models)), names, rotation=45, ha="right", rotation_mode="anchor")
    ax.set_yticks(range(len(models)), [f"{name}  ({n:,})" for name, n in zip(names, totals, strict=True)])
    ax.tick_params(length=0)
    for spine in ax.spines.values():
        spine.set_visible(False)
    for i, j in zip(*np.nonzero(np.isfinite(share)), strict=True):
        ax.text(j, i, f"{share[i, j] * 100:.0f} %", ha="center", va="center", fontsize=SMALL_SIZE - 0.5,
                color="white" if share[i, j] < 0.55 else INK)  # fmt: skip
    ax.set_title("Concepts of the row without a\npartner in the column")
    ax.set_anchor("N")


def _list(ax: Axes, rows: pd.DataFrame, models: list[str]) -> None:
    for y, row in enumerate(records(rows)):
        look = look_of(models.index(row["model"]) if row["model"] in models else len(models))
        ax.plot([row["high"]], [y], marker="|", markersize=9, markeredgewidth=1.8, color=OTHER)
        ax.plot([row["value"]], [y], linestyle="none", markersize=5.5, markeredgecolor="white", **look)
        if not np.isfinite(row["value"]):
            ax.text(0.005, y, "no match", fontsize=SMALL_SIZE - 1.5, va="center", color=OTHER)
    words = [
        f"{plain(row['model'], width=20)}, {layer_words(row['layer'], width=14)}: {plain(row['concept'], width=6)}"
        f" (not in {len(row['others'])})"
        for row in records(rows)
    ]
    ax.set_yticks(range(len(rows)), words)
    ax.set_ylim(len(rows) - 0.4, -0.6)
    ax.tick_params(axis="y", length=0)
    ax.set_xlim(left=0)
    ax.set_xlabel("best UCS in the other model")
    ax.set_title("Concepts")
    grid(ax, "x")
