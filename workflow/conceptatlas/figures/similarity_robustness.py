"""How robust are matched concepts to the threshold? UCS at the last threshold over UCS at the first one, ranked."""

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
    other_layers,
)
from conceptatlas.figures.style import (
    QUIET,
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

ROW = 0.21  # inches
WIDTH = 12.0  # inches
ENDS = MOST_SHOWN // 2
"""Concepts shown from either end of the ranking."""


def robustness_by_concept(concept_pairs: pd.DataFrame) -> pd.DataFrame:
    """Relative robustness of every concept of every layer: mean over its matched partners in other layers.

    Counted are Hungarian matches above chance (all where there is no null). concept_pairs : tables of all models.

    Returns
    -------
    DataFrame
        model, layer, concept, robustness, n (partners); highest first.
    """
    columns = ["model", "layer", "concept", "robustness", "n"]
    rows = other_layers(concept_pairs) if len(concept_pairs) else concept_pairs
    if not len(rows):
        return pd.DataFrame(columns=columns)
    first = rows[rows["threshold"] == rows["threshold"].min()]
    kept = first[first["hungarian"] & first["above_null"].fillna(True).astype(bool)]
    key = ["model_a", "layer_a", "concept_a", "model_b", "layer_b", "concept_b"]
    last = rows[rows["threshold"] == rows["threshold"].max()]
    if last["threshold"].max() == first["threshold"].max():
        return pd.DataFrame(columns=columns)
    found = last.merge(kept[key], on=key)
    found = found[found["robustness"].notna()]
    sides = [
        found[[f"model_{side}", f"layer_{side}", f"concept_{side}", "robustness"]].set_axis(columns[:4], axis=1)
        for side in "ab"
    ]
    both = pd.concat(sides, ignore_index=True)
    means = both.groupby(columns[:3], sort=False)["robustness"].agg(["mean", "size"]).reset_index()
    means.columns = pd.Index(columns)
    return means.sort_values("robustness", ascending=False, kind="stable").reset_index(drop=True)


@styled
def robustness(concept_pairs: pd.DataFrame, places: list[Place]) -> Figure:
    """Draw the ranking of layers at the left and that of concepts at the right.

    concept_pairs : the tables of all models under one another (CONCEPT_PAIR_COLUMNS).
    """
    title = "How robust are matched concepts to the threshold?"
    table = robustness_by_concept(concept_pairs)
    if not len(table):
        return empty_figure(title, "There are no two thresholds, or no concept is matched above chance.")
    low, high = float(concept_pairs["threshold"].min()), float(concept_pairs["threshold"].max())
    models = models_of(places)
    layers = table.groupby(["model", "layer"], sort=False)["robustness"].agg(["mean", "size"]).reset_index()
    layers = layers.sort_values("mean", ascending=False, kind="stable").reset_index(drop=True)
    n_layers = len(layers)
    layers = ends_of(layers)
    concepts = ends_of(table)
    figure = new_figure(WIDTH, max(3.2, 2.0 + ROW * max(len(layers), len(concepts))))
    left, right = figure.subplots(1, 2, sharex=True)
    for y, row in enumerate(records(layers)):
        own = table[(table["model"] == row["model"]) & (table["layer"] == row["layer"])]["robustness"]
        look = look_of(_at(models, row["model"]))
        left.plot(own, np.full(len(own), y), ".", color=look["color"], alpha=0.4, markersize=4, linestyle="none")
        left.plot([row["mean"]], [y], linestyle="none", markersize=6, markeredgecolor="white", **look)
    words = [f"{plain(row['model'], width=20)}, {layer_words(row['layer'], width=16)}" for row in records(layers)]
    _name(left, words, f"Layers ({n_layers:,}): mean over concepts", broken=n_layers > len(layers))
    for y, row in enumerate(records(concepts)):
        right.plot([row["robustness"]], [y], linestyle="none", markersize=6, markeredgecolor="white",
                   **look_of(_at(models, row["model"])))  # fmt: skip
    words = [
        f"{plain(row['model'], width=20)}, {layer_words(row['layer'], width=14)}: {int(row['concept'])}"
        for row in records(concepts)
    ]
    _name(right, words, f"Concepts ({len(table):,})", broken=len(table) > len(concepts))
    for ax in (left, right):
        ax.set_xlabel(f"UCS at BT {high:g} / UCS at BT {low:g}")
        ax.set_xlim(left=0)
        grid(ax, "x")
    n_matched = int(table["n"].sum()) // 2
    note = sentences(
        images_sentence(concept_pairs),
        f"{count(n_matched, 'match', plural='matches')} (Hungarian, at BT {low:g}, above chance) of concepts of "
        f"different layers; a concept's value: mean over its partners, matched at BT {low:g} and kept",
        f"Of longer rankings the {ENDS} highest and {ENDS} lowest" if max(n_layers, len(table)) > MOST_SHOWN else "",
        "Near 1: the masks' cores agree as much as their surroundings; small: agreement hangs on the threshold",
    )
    head(figure, title, note)
    return figure


def ends_of(ranking: pd.DataFrame, *, most: int = MOST_SHOWN) -> pd.DataFrame:
    """The first and last rows of a long ranking, half of `most` each; a short one as it is."""
    if len(ranking) <= most:
        return ranking
    return pd.concat([ranking.head(most // 2), ranking.tail(most // 2)], ignore_index=True)


def _name(ax: Axes, words: list[str], title: str, *, broken: bool) -> None:
    ax.set_yticks(range(len(words)), words)
    ax.set_ylim(len(words) - 0.4, -0.6)
    ax.tick_params(axis="y", length=0)
    ax.set_title(title)
    if broken:
        ax.axhline(len(words) / 2 - 0.5, color=QUIET, linewidth=0.8, linestyle=(0, (4, 3)))


def _at(models: list[str], name: str) -> int:
    return models.index(name) if name in models else len(models)
