"""How many labels a unit changes, and whether it does the same everywhere (after Wehrheim et al. 2024, Fig. 5A)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from conceptatlas.figures.linking_words import metric_words
from conceptatlas.figures.style import (
    CATEGORY_COLOURS,
    OTHER,
    count,
    empty_figure,
    grid,
    head,
    new_figure,
    plain,
    styled,
)

Array = np.ndarray[Any, Any]

OWN, NULL = CATEGORY_COLOURS["object"], OTHER
MOST_CLASSES = 20


@styled
def label_sparsity(units: pd.DataFrame, *, metric: str, place: str) -> Figure:
    """Draw label sparsity by metric (all classes) and by class (one metric), each beside what noise alone gives.

    units : rows of units.parquet of one source of labels.
    """
    title = f"Label sparsity of units: {place}"
    defined = units[units["sparsity"].notna()]
    if not len(defined):
        return empty_figure(title, "Sparsity needs two labels that change; no unit has them.")
    overall = defined[defined["class"] == ""]
    classes = defined[(defined["class"] != "") & (defined["metric"] == metric)]
    by_metric = [(metric_words(str(name)), own) for name, own in overall.groupby("metric", sort=False)]
    by_class = [(plain(name, width=16), own) for name, own in classes.groupby("class", sort=False)]
    figure = new_figure(10.0, 1.9 + 0.34 * max(len(by_metric), min(len(by_class), MOST_CLASSES)))
    left, right = figure.subplots(1, 2)
    for ax, rows, words in (
        (left, by_metric, "by metric, all classes"),
        (right, by_class[:MOST_CLASSES], f"by class, {metric_words(metric)}"),
    ):
        boxes(ax, rows)
        ax.set_title(words)
        ax.set_xlabel("label sparsity (0: all labels alike, 1: one label alone)")
    undefined = int(units.loc[units["class"] == "", "sparsity"].isna().sum())
    note = (
        f"{count(units['unit'].nunique(), 'unit')}; Hoyer's measure of the mean changes of all labels. Dots: units; "
        "bar: median and quartiles. Grey: mean over sign flips of the starting points, what noise alone gives. "
        f"Undefined (fewer than two labels, or nothing changes) in {count(undefined, 'case')} of unit and metric."
    )
    head(figure, title, note)
    return figure


def boxes(ax: Axes, rows: list[tuple[str, pd.DataFrame]]) -> None:
    """A row each: units as dots, median and quartiles, the null below."""
    for y, (_, own) in enumerate(rows):
        for values, shift, colour in ((own["sparsity"], -0.12, OWN), (own["null_sparsity"], 0.2, NULL)):
            known = values.dropna().to_numpy()
            if not len(known):
                continue
            spread = shift + 0.08 * np.sin(np.arange(len(known)) * 2.4)  # apart, the same every time
            ax.plot(known, y + spread, ".", color=colour, markersize=3, alpha=0.5)
            low, middle, high = np.quantile(known, [0.25, 0.5, 0.75])
            ax.plot([low, high], [y + shift] * 2, color=colour, linewidth=3)
            ax.plot([middle], [y + shift], "|", color="black", markersize=9)
    ax.set_yticks(range(len(rows)), [f"{name} ({len(own)})" for name, own in rows])
    ax.set_ylim(len(rows) - 0.4, -0.6)
    ax.set_xlim(-0.03, 1.03)
    grid(ax, "x")


@styled
def unit_stability(units: pd.DataFrame, *, metric: str, place: str) -> Figure:
    """Draw how alike a unit's change vectors are at two starting points, and in two classes: units in order, with
    intervals."""
    title = f"Stability of units, {metric_words(metric)}: {place}"
    own = units[(units["class"] == "") & (units["metric"] == metric)]
    panels = {
        "stability": "two starting points (any classes)",
        "class_stability": "two classes (mean over starting points)",
    }
    if not len(own) or own[list(panels)].isna().all(axis=None):
        return empty_figure(title, "Fewer than two starting points at which anything changes.")
    figure = new_figure(10.0, 3.6)
    for ax, (name, words) in zip(figure.subplots(1, 2), panels.items(), strict=True):
        rows = own[own[name].notna()].sort_values(name, ascending=False, kind="stable")
        x = np.arange(len(rows))
        ax.vlines(x, rows[f"{name}_low"], rows[f"{name}_high"], color=OWN, alpha=0.35, linewidth=2)
        ax.plot(x, rows[name], ".", color=OWN, markersize=4)
        ax.axhline(0, color=OTHER, linewidth=0.8)
        ax.set_title(words)
        ax.set_xlabel("units in order")
        ax.set_ylabel("mean cosine of change vectors")
        ax.set_ylim(-1.05, 1.05)
        grid(ax, "y")
    note = (
        f"{count(own['unit'].nunique(), 'unit')}; 1: a unit does the same everywhere, 0: unrelated. Lines: 95 % "
        "percentile intervals, starting points resampled within classes."
    )
    head(figure, title, note)
    return figure


@styled
def label_correlations(pairs: pd.DataFrame, *, metric: str, place: str) -> Figure:
    """Draw the correlation over units of the changes of two labels.

    pairs : rows of label_pairs.parquet of one source of labels.
    """
    title = f"Labels that change together, {metric_words(metric)}: {place}"
    own = pairs[(pairs["metric"] == metric) & pairs["r"].notna()]
    if not len(own):
        return empty_figure(title, "Correlations need two labels that change with three units.")
    names = list(dict.fromkeys([*own["label_a"], *own["label_b"]]))
    at = {name: i for i, name in enumerate(names)}
    matrix, sure = np.full((len(names), len(names)), np.nan), np.zeros((len(names), len(names)), dtype=bool)
    for row in own.itertuples():
        for a, b in ((row.label_a, row.label_b), (row.label_b, row.label_a)):
            matrix[at[str(a)], at[str(b)]] = row.r
            sure[at[str(a)], at[str(b)]] = bool(abs(float(row.r)) > float(row.null_high))  # type: ignore[arg-type]
    figure = new_figure(2.6 + 0.4 * len(names), 2.4 + 0.34 * len(names))
    ax = figure.add_subplot()
    image = ax.imshow(matrix, cmap="RdBu_r", vmin=-1, vmax=1)
    for row, column in zip(*np.nonzero(sure), strict=True):
        ax.plot([column], [row], ".", color="black", markersize=3)
    words = [plain(name, width=18) for name in names]
    ax.set_xticks(range(len(names)), words, rotation=50, ha="right")
    ax.set_yticks(range(len(names)), words)
    ax.set_facecolor("#DDDDDD")
    figure.colorbar(image, ax=ax, label="correlation over units", shrink=0.8)
    n = own["n_units"]
    note = (
        f"Over {n.min()} to {n.max()} units at which both labels have a mean change. Dots: |r| above the 95 % quantile "
        "of permuted units. Grey: undefined."
    )
    head(figure, title, note)
    return figure
