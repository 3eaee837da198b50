"""How good a link is, and how alike the two spaces are: every number with its interval and its null."""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from conceptatlas.figures.style import (
    CATEGORY_COLOURS,
    OTHER,
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

VALUE, NULL = CATEGORY_COLOURS["object"], OTHER
ROW = 0.26  # inches
MOST_CLASSES = 24

WORDS = {
    "ari_w": "clusters in W against classes (ARI)",
    "ari_r": "clusters in R against classes (ARI)",
    "similarity_correlation": "similarity matrices of W and R",
    "dissimilarity_correlation": "dissimilarity matrices of W and R",
    "image_rmse": "pixels of I and I~ (RMSE, small is good)",
    "recognised": "I~ stays in its class",
}


@styled
def link_quality(table: pd.DataFrame, record: dict[str, Any]) -> Figure:
    """Draw R^2 of held-out pairs at the left, the congruence of the spaces and the circle at the right.

    table : link.parquet. record : link.json.
    """
    title = f"Link of generator {plain(record['generator'])} and classifier {plain(record['model'])}"
    r2 = table[table["measure"] == "r2"]
    if not len(r2):
        return empty_figure(title, "There is no held-out pair.")
    first = r2[r2["scope"].isin(["total", "within class"])]
    classes = r2[~r2["scope"].isin(["total", "within class"])]
    shown = pd.concat([first, classes.sort_values("value", ascending=False, kind="stable").head(MOST_CLASSES)])
    others = table[table["measure"].isin(WORDS) | table["measure"].str.startswith("image_distance")]
    figure = new_figure(10.0, 1.9 + ROW * max(len(shown), len(others)))
    left, right = figure.subplots(1, 2)
    _rows(left, [("all classes" if r["scope"] == "total" else str(r["scope"]), r) for r in records(shown)])
    left.set_title("R² of style vectors from representations")
    left.set_xlabel("R², variance-weighted (1 is perfect)")
    _rows(right, [(_words(r), r) for r in records(others)])
    right.set_title("The two spaces, and the circle")
    right.set_xlabel("value")
    mse = table[table["measure"] == "mse"].iloc[0]
    note = (
        f"{count(record['n_train'], 'pair')} to learn from, {count(record['n_test'], 'held-out pair')}; "
        f"{count(record['units'], 'unit')} to {record['w_dim']} coordinates of w; ridge {record['ridge']:g}; MSE of a "
        f"coordinate of w {number(mse['value'])} [{number(mse['low'])}, {number(mse['high'])}].\n"
        "Lines: 95 % intervals (bootstrap over pairs; percentiles over repeats; Wilson's). Grey: the same with pairs "
        "shuffled, within classes except for 'all classes' and 'total'; for the clusters classes are shuffled, for "
        "pixels I~ is of another pair of its class."
    )
    if len(classes) > MOST_CLASSES:
        note += f" The {MOST_CLASSES} best of {len(classes)} classes."
    head(figure, title, note)
    return figure


def _words(row: dict[str, Any]) -> str:
    word = WORDS.get(row["measure"], str(row["measure"]).replace("image_distance_", "I and I~ to encoder "))
    return f"{word}, {row['scope']}" if row["measure"].endswith("correlation") else word


def _rows(ax: Axes, rows: list[tuple[str, dict[str, Any]]]) -> None:
    for y, (_, row) in enumerate(rows):
        ax.plot([row["null_low"], row["null_high"]], [y + 0.16] * 2, color=NULL, linewidth=2.4, alpha=0.6)
        ax.plot([row["null"]], [y + 0.16], "|", color=NULL, markersize=8)
        ax.plot([row["low"], row["high"]], [y - 0.06] * 2, color=VALUE, linewidth=2.4, alpha=0.6)
        ax.plot([row["value"]], [y - 0.06], "o", color=VALUE)
    ax.axvline(0, color=OTHER, linewidth=0.8)
    ax.set_yticks(range(len(rows)), [plain(name, width=48) for name, _ in rows])
    ax.set_ylim(len(rows) - 0.4, -0.6)
    ax.tick_params(axis="y", length=0)
    grid(ax, "x")
