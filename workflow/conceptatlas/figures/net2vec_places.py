"""Rows of figures over all layers of all models: a heading a model, under it its layers, in the order of the sheets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import pandas as pd
from matplotlib.axes import Axes

from conceptatlas.figures.facts import places
from conceptatlas.figures.net2vec_facts import TASKS
from conceptatlas.figures.style import INK, QUIET, count, plain

Place = tuple[str, str]
ROW = 0.2  # inches
LAYER, MODEL, GROUP = 0, 1, 2


class PlaceRows(NamedTuple):
    """heights : (model, layer) -> y. ticks : y, words, and LAYER, MODEL or GROUP. last : the lowest y."""

    heights: dict[Place, int]
    ticks: list[tuple[int, str, int]]
    last: int


def place_rows(summary: pd.DataFrame) -> PlaceRows:
    """Where the layers of all models stand, grouped by supervision where the sheet of models says it.

    summary : joined summary of a data set, in the order of the sheets. Models with a single layer take one row.
    """
    found = places(summary)
    supervision = dict(zip(summary["model"].astype(str), summary["supervision"].fillna("").astype(str), strict=True))
    layers: dict[str, list[str]] = {}
    for model, layer in found:
        layers.setdefault(model, []).append(layer)
    groups = list(dict.fromkeys(supervision[model] for model in layers))
    grouped = len(groups) > 1 or bool(groups and groups[0])
    heights: dict[Place, int] = {}
    ticks: list[tuple[int, str, int]] = []
    for group in groups:
        if grouped:
            ticks.append((len(ticks), plain(group, width=34) or "supervision not given", GROUP))
        for model in (name for name in layers if supervision[name] == group):
            alone = len(layers[model]) == 1
            if not alone:
                ticks.append((len(ticks), plain(model, width=34), MODEL))
            for layer in layers[model]:
                heights[model, layer] = len(ticks)
                words = f"{plain(model, width=20)}, {plain(layer, width=14)}" if alone else plain(layer)
                ticks.append((len(ticks), words, LAYER))
    return PlaceRows(heights, ticks, len(ticks) - 1)


def label_places(ax: Axes, rows: PlaceRows) -> None:
    """Name the rows at the left of an axes, models bold, the first one on top."""
    ax.set_yticks([y for y, _, _ in rows.ticks], [words for _, words, _ in rows.ticks])
    for label, (_, _, weight) in zip(ax.get_yticklabels(), rows.ticks, strict=True):
        label.set(fontweight="bold" if weight else "normal", color=QUIET if weight == GROUP else INK)
        label.set_fontstyle("italic" if weight == GROUP else "normal")
    ax.set_ylim(rows.last + 0.6, -0.6)
    ax.tick_params(axis="y", length=0)


def tasks_of_summary(summary: pd.DataFrame) -> list[str]:
    """Tasks with at least one concept that counts."""
    done = summary[summary["n_concepts"] > 0]
    return [task for task in TASKS if (done["task"] == task).any()]


def concepts_of_summary(summary: pd.DataFrame, tasks: Sequence[str]) -> str:
    """Data set, how many concepts count, and how many small ones do not."""
    parts = []
    for task in tasks:
        own = summary[(summary["task"] == task) & (summary["category"] == "")]
        n = sorted(set(own["n_concepts"].astype(int)))
        said = count(n[0], "concept") if len(n) == 1 else f"{n[0]:,} to {n[-1]:,} concepts by layer"
        small = int(own["n_small"].max())
        parts.append(f"{task} n = {said}" + (f", {count(small, 'small one')} left out" if small else ""))
    return f"Data set {plain(summary['dataset'].iloc[0])}: {'; '.join(parts)}"
