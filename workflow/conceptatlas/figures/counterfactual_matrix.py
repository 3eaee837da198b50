"""How often a representation can be moved until its picture is of another class: success by pair of classes."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from conceptatlas.figures.style import SMALL_SIZE, count, empty_figure, head, new_figure, number, plain, styled
from conceptatlas.tables import records

CELL = 0.5  # inches


@styled
def success_matrix(rates: pd.DataFrame, rows: pd.DataFrame, *, place: str) -> Figure:
    """Draw the class x class matrix of success, and of the median length of the successful shifts.

    rates : counterfactual_rates.parquet. rows : counterfactuals.parquet. place : whose they are.
    """
    title = f"Counterfactuals: {place}"
    pairs = rates[rates["target"] != "any"]
    if not len(pairs):
        return empty_figure(title, "No pair of classes was asked for.")
    names = sorted({*pairs["origin"], *pairs["target"]})
    side = max(3.0, CELL * len(names))
    figure = new_figure(2 * side + 2.6, side + 2.2)
    panels = figure.subplots(1, 2)
    kinds = (
        ("rate", "share of searches that succeed", "viridis", 1.0),
        ("shift_l2", "median |shift|₂", "cividis", None),
    )
    for ax, (column, words, colours, top) in zip(panels, kinds, strict=True):
        matrix = np.full((len(names), len(names)), np.nan)
        for row in records(pairs):
            matrix[names.index(row["origin"]), names.index(row["target"])] = row[column]
        image = ax.imshow(matrix, cmap=colours, vmin=0, vmax=top)
        for row in records(pairs):
            at = names.index(row["target"]), names.index(row["origin"])
            digits = f"{int(row['n_success'])}/{int(row['n'])}" if column == "rate" else number(row[column], digits=1)
            value = row[column]
            high = np.nanmax(matrix) if top is None and np.isfinite(matrix).any() else 1.0
            dark = np.isfinite(value) and value < 0.6 * high
            ax.text(*at, digits, ha="center", va="center", fontsize=SMALL_SIZE - 1, color="white" if dark else "black")
        ax.set_xticks(range(len(names)), [plain(name, width=14) for name in names], rotation=90)
        ax.set_yticks(range(len(names)), [plain(name, width=14) for name in names])
        ax.set_xlabel("target")
        ax.set_ylabel("origin")
        ax.set_title(words)
        ax.tick_params(length=0)
        figure.colorbar(image, ax=ax, shrink=0.7)
    total = rates[rates["target"] == "any"].iloc[0]
    failed = rows[~rows["success"] & rows["started"]]
    note = (
        f"{count(int(total['n']), 'search', plural='searches')} from pictures whose copy is in its class, "
        f"{int(total['n_success'])} succeed: {number(total['rate'])} [{number(total['low'])}, {number(total['high'])}] "
        f"(Wilson's 95 % interval); {int(total['n_not_started'])} more did not start, {len(failed)} ran out of steps. "
        "Success: the generated picture of relu(r - shift) is called the target."
    )
    won = rows[rows["success"]]
    if len(won):
        outside = float((won["mahalanobis_rank"] == 0).mean())
        note += (
            f" {number(outside, digits=2)} of the successes lie farther from the target's mean than every held-out "
            "representation of it (Mahalanobis)."
        )
        if (won["steps"] == 0).any():
            note += f" {int((won['steps'] == 0).sum())} needed no step: the random start alone was called the target."
    head(figure, title, note)
    return figure
