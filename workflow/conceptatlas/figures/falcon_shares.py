"""How much of a representation is explained: shares of features and groups with their intervals, model by model."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from conceptatlas.figures.facts import sentences
from conceptatlas.figures.style import empty_figure, grid, head, new_figure, plain, styled
from conceptatlas.tables import records

SHARES = {
    "features_with_group": ("features with enough high images", "#8C8C8C"),
    "interpretable_features": ("features that are interpretable", "#56B4E9"),
    "explained_features": ("features that are explained", "#0072B2"),
    "explained_singles": ("explained, of single features with a group", "#009E73"),
    "explained_groups": ("explained, of groups of several features", "#D55E00"),
    "explained_failures": ("failures whose first feature is explained", "#CC79A7"),
}


@styled
def share_explained(summary: pd.DataFrame, *, dataset: str, encoder: str, vocabulary: str) -> Figure:
    """Draw the shares of every explained layer. summary : summary.parquet."""
    title = "How much is explained"
    rows = summary[summary["fact"].isin(list(SHARES))]
    if not rows["value"].notna().any():
        return empty_figure(title, "No layer has a feature with enough highly activating images.")
    places = list(dict.fromkeys(zip(rows["model"], rows["layer"], strict=True)))
    figure = new_figure(max(6.5, 2.6 + 1.6 * len(places)), 4.2)
    ax = figure.add_subplot()
    width = 0.8 / len(SHARES)
    for n, (fact, (words, colour)) in enumerate(SHARES.items()):
        own = {(row["model"], row["layer"]): row for row in records(rows[rows["fact"] == fact])}
        for i, place in enumerate(places):
            _bar(ax, i + (n - (len(SHARES) - 1) / 2) * width, own.get(place), width, colour)
        ax.bar([np.nan], [0], color=colour, label=words)
    ax.set_xticks(range(len(places)), [f"{plain(model)}\n{plain(layer)}" for model, layer in places])
    ax.set_ylabel("share")
    ax.set_ylim(0, 1.08)
    grid(ax)
    ax.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0))
    note = sentences(
        f"Data set {plain(dataset)}, encoder {plain(encoder)}, vocabulary {plain(vocabulary)}",
        "Over a bar: how many of how many; line: Wilson interval; a share of nothing has no bar",
    )
    head(figure, title, note)
    return figure


def _bar(ax: Axes, x: float, row: dict[str, object] | None, width: float, colour: str) -> None:
    if row is None or pd.isna(row["value"]):  # type: ignore[call-overload]
        return
    value, low, high = float(row["value"]), float(row["low"]), float(row["high"])  # type: ignore[arg-type]
    ax.bar(x, value, width=0.92 * width, color=colour)
    ax.plot([x, x], [low, high], color="#222222", linewidth=1.0)
    ax.text(x, high + 0.012, f"{row['n']}/{row['n_total']}", ha="center", va="bottom", fontsize=5.5, rotation=90)
