"""Concepts carried over to other models: how well the map predicts, and whether the words stay the same."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from conceptatlas.figures.facts import sentences
from conceptatlas.figures.similarity_facts import MODEL_COLOURS, MODEL_MARKERS
from conceptatlas.figures.style import (
    OTHER,
    SMALL_SIZE,
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


@styled
def transfer(pairs: pd.DataFrame, carried: pd.DataFrame, *, encoder: str, vocabulary: str) -> Figure:
    """Draw the maps between representations, and every group that is carried over.

    pairs : transfer.parquet. carried : transferred.parquet.
    """
    title = "Concepts carried over to other models"
    if not len(pairs):
        return empty_figure(title, "No other model that concepts of an explained layer could be carried over to.")
    figure = new_figure(10.0, max(3.8, 1.9 + 0.45 * len(pairs)))
    left, middle, right = figure.subplots(1, 3, width_ratios=[1.2, 1, 1])
    names = [f"{plain(row['model'])} → {plain(row['model_target'])}" for row in records(pairs)]
    for y, row in enumerate(records(pairs)):
        colour = MODEL_COLOURS[y % len(MODEL_COLOURS)]
        left.barh(y, row["r2"], height=0.6, color=colour)
        if pd.notna(row["null_high"]):
            left.plot([row["null_high"]], [y], marker="|", markersize=14, color=OTHER, markeredgewidth=2)
        left.text(max(0.0, row["r2"]) + 0.02, y, number(row["r2"]), va="center", fontsize=SMALL_SIZE)
    left.set_yticks(range(len(names)), names)
    left.set_ylim(len(names) - 0.4, -0.6)
    left.set_xlabel("R² of all features, test images")
    lowest = np.nanmin([0.0, pairs["r2"].min(), pairs["null_high"].min()])
    left.set_xlim(lowest - 0.05, 1.12)
    grid(left, "x")
    for n, row in enumerate(records(pairs)):
        own = carried[(carried["model"] == row["model"]) & (carried["model_target"] == row["model_target"])]
        _points(middle, own["r2"], own["share_images"], n, names[n])
        _points(right, own["r2"], own["share_words"], n, names[n])
    chance = float(carried["chance_images"].mean()) if len(carried) else float("nan")
    middle.axhline(chance, color=OTHER, linewidth=1)
    right.axhline(float(carried["null_words_high"].mean()), color=OTHER, linewidth=1)
    for ax, words in ((middle, "share of highest images"), (right, "share of words")):
        ax.set(xlabel="R² of the group's features", ylabel=words, ylim=(-0.04, 1.04))
        grid(ax)
    told = carried["share_words"].notna()
    n_high = int(carried["n_high"].max()) if len(carried) else 0
    above = int((carried.loc[told, "p"] <= 0.05).sum())
    first = records(pairs.head(1))[0]
    note = sentences(
        f"Data set {plain(first['dataset'])}, encoder {plain(encoder)}, vocabulary {plain(vocabulary)}; map learned on "
        f"{count(int(first['n_train']), 'image')}, tested on {count(int(first['n_test']), 'other')}",
        "Left: grey tick, 95 % point of maps learned on permuted pairs; colours of points as of the bars",
        f"Middle, right: a point a group; the {n_high} highest test images "
        "in its own value against those highest in the predicted one; grey: chance, and the mean 95 % point of random "
        "images",
        f"Words of whole frames; {above:,} of {count(int(told.sum()), 'group')} share more words than random images "
        "(p ≤ 0.05, not corrected)",
    )
    head(figure, title, note)
    return figure


def _points(ax: Axes, x: pd.Series, y: pd.Series, n: int, name: str) -> None:
    jitter = (np.arange(len(y)) % 5 - 2) * 0.004  # shares of ten images lie on a lattice
    ax.plot(
        x, y + jitter, linestyle="none", marker=MODEL_MARKERS[n % len(MODEL_MARKERS)], markersize=3.5, alpha=0.6,
        color=MODEL_COLOURS[n % len(MODEL_COLOURS)], label=name,
    )  # fmt: skip
