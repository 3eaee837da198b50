"""How far do layers hand on what they know? SFSS of consecutive layers of every model."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from conceptatlas.figures.facts import sentences
from conceptatlas.figures.similarity_facts import Kind, Place, images_sentence, look_of, models_of, pair_matrix, rows_of
from conceptatlas.figures.style import OTHER, QUIET, SMALL_SIZE, empty_figure, grid, head, new_figure, plain, styled
from conceptatlas.tables import records

Array = np.ndarray[Any, Any]

SFSS = Kind("sfss", float("nan"))
ROW = 0.3  # inches


def steps_of(pairs: pd.DataFrame, places: list[Place], *, model: str) -> tuple[Array, Array, Array, Array]:
    """SFSS of consecutive layers of a model: depth half way between both, value, low, high, each (step,).

    Layers in the order of their depth; steps without a value are NaN.
    """
    own = sorted((place for place in places if place.model == model), key=lambda place: place.depth)
    columns = [pair_matrix(pairs, own, SFSS, column=name) for name in ("value", "low", "high")]
    steps = np.arange(max(len(own) - 1, 0))
    middles = np.array([(a.depth + b.depth) / 2 for a, b in itertools.pairwise(own)])
    value, low, high = (column[steps, steps + 1] for column in columns)
    return middles, value, low, high


@styled
def propagation(summary: pd.DataFrame, pairs: pd.DataFrame, places: list[Place]) -> Figure:
    """Draw the mean SFSS of consecutive layers of every model at the left, every step at the right.

    summary : summary.parquet (rows `propagation`). pairs : the tables of all models.
    """
    title = "How much do layers hand on?"
    title += f" {plain(pairs['dataset'].iloc[0])}" if len(pairs) else ""
    rows = summary[(summary["fact"] == "propagation") & (summary["measure"] == "sfss")] if len(summary) else summary
    rows = rows[rows["value"].notna()] if len(rows) else rows
    if not len(rows):
        return empty_figure(title, "No model has two consecutive layers with an SFSS.")
    models = models_of(places)
    rows = rows.sort_values("value", ascending=False, kind="stable")
    figure = new_figure(10.0, max(3.9, 1.9 + ROW * len(rows)))
    left, right = figure.subplots(1, 2, width_ratios=[1, 1.35])
    gated = summary[(summary["fact"] == "propagation") & (summary["measure"] == "sfss_gated")]
    of_gated = dict(zip(gated["model_a"], gated["value"], strict=True))
    for y, row in enumerate(records(rows)):
        look = look_of(models.index(row["model_a"]) if row["model_a"] in models else len(models))
        tick = of_gated.get(row["model_a"], np.nan)
        left.plot([tick], [y], marker="|", markersize=12, color=OTHER, markeredgewidth=2)
        left.plot([row["value"]], [y], linestyle="none", markersize=7, markeredgecolor="white", **look)
    left.set_yticks(
        range(len(rows)), [f"{plain(row['model_a'], width=26)}  {row['n']}/{row['n_total']}" for row in records(rows)]
    )
    left.set_ylim(len(rows) - 0.4, -0.6)
    left.tick_params(axis="y", length=0)
    left.set_xlabel("mean SFSS of consecutive layers")
    left.set_xlim(min(0.0, float(rows["value"].min()) - 0.05), 1.02)
    left.set_title("Propagation")
    grid(left, "x")
    for number, model in enumerate(models):
        x, value, low, high = steps_of(pairs, places, model=model)
        there = np.isfinite(value)
        look = look_of(number)
        right.fill_between(x[there], low[there], high[there], color=look["color"], alpha=0.12, linewidth=0)
        right.plot(x[there], value[there], markersize=4.5, linewidth=1.3, **look)
    right.set_xlabel("relative depth, half way between the two layers")
    right.set_ylabel("SFSS")
    right.set_xlim(-0.02, 1.02)
    right.axhline(0, color=QUIET, linewidth=0.6)
    right.set_title("Step by step, all layers")
    right.tick_params(labelsize=SMALL_SIZE)
    grid(right)
    note = sentences(
        images_sentence(rows_of(pairs, SFSS)),
        "SFSS: mean over concepts of the correlation of two layers' cosines with the concept's vector",
        "Left: of every model as many layers, evenly spaced in depth, as the model with the fewest has; behind a model "
        "its steps that have a value of all; grey tick: concepts recognised in both layers only",
        "Bands: interval over blocks of images",
    )
    head(figure, title, note)
    return figure
