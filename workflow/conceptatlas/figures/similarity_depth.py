"""Does similarity follow relative depth? Every pair of layers by the difference of their relative depths."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from conceptatlas.figures.facts import sentences
from conceptatlas.figures.similarity_facts import (
    UCS,
    Kind,
    images_sentence,
    joined,
    kinds_of,
    other_layers,
    rank_correlation,
    rows_of,
)
from conceptatlas.figures.style import (
    INK,
    PAGE_WIDTH,
    QUIET,
    SMALL_SIZE,
    empty_figure,
    grid,
    head,
    new_figure,
    number,
    plain,
    styled,
)

Array = np.ndarray[Any, Any]

MEASURES_SHOWN = ("ucs", "correspondence", "sfss", "sfss_gated", "cka", "rsa", "procrustes", "regression_ab")
WITHIN, BETWEEN = "#0072B2", "#D55E00"
N_BINS = 8
COLUMNS = 3
LINE = 10.0  # points


@styled
def similarity_by_depth(pairs: pd.DataFrame, summary: pd.DataFrame) -> Figure:
    """Draw every measure against the difference in relative depth, pairs within a model and between models apart.

    pairs : the tables of all models under one another (PAIR_COLUMNS); a layer with itself is left out.
    summary : summary.parquet, for the test of the correlation over all pairs.
    """
    title = "Does similarity follow relative depth?"
    title += f" {plain(pairs['dataset'].iloc[0])}" if len(pairs) else ""
    rows = other_layers(pairs) if len(pairs) else pairs
    kinds = [kind for kind in kinds_of(rows, MEASURES_SHOWN) if depth_points(rows, kind)["value"].notna().any()]
    if not kinds:
        return empty_figure(title, "No pair of different layers has a value.")
    n_columns = min(COLUMNS, len(kinds))
    n_rows = math.ceil(len(kinds) / n_columns)
    figure = new_figure(min(PAGE_WIDTH, 1.2 + 3.1 * n_columns), 1.9 + 2.35 * n_rows)
    axes = figure.subplots(n_rows, n_columns, squeeze=False, sharex=True)
    for ax in axes.flat[len(kinds) :]:
        ax.set_axis_off()
    for at, (ax, kind) in enumerate(zip(axes.flat, kinds, strict=False)):
        _panel(ax, depth_points(rows, kind), kind, over_all(summary, kind))
        if at + n_columns >= len(kinds):
            ax.set_xlabel("difference in relative depth")
            ax.tick_params(labelbottom=True)
    shown = joined([rows_of(rows, kind) for kind in kinds])
    handles = [
        Line2D([], [], marker="o", color=colour, linewidth=1.8, label=words)
        for words, colour in (("layers of one model", WITHIN), ("layers of two models", BETWEEN))
    ]
    figure.legend(handles=handles, loc="outside upper right", ncols=2)
    note = sentences(
        images_sentence(shown),
        f"A point: a pair of different layers; lines: means of equal differences, or of {N_BINS} equal ranges",
        "ρ: Spearman correlation with the difference; p of all pairs: depths permuted among the layers of each model "
        "(Mantel), for pairs that share a layer are not independent",
        UCS if any(kind.measure.startswith(("ucs", "corr")) for kind in kinds) else "",
        "Twins with random weights are among the models where the sheet lists them",
    )
    head(figure, title, note)
    return figure


def depth_points(pairs: pd.DataFrame, kind: Kind) -> pd.DataFrame:
    """Difference in relative depth, value, and whether both layers are of one model, a row a pair."""
    rows = rows_of(pairs, kind)
    return pd.DataFrame(
        {
            "difference": (rows["depth_a"] - rows["depth_b"]).abs().to_numpy(dtype=np.float64),
            "value": rows["value"].to_numpy(dtype=np.float64),
            "within": (rows["model_a"] == rows["model_b"]).to_numpy(dtype=bool),
        }
    )


def over_all(summary: pd.DataFrame, kind: Kind) -> str:
    """Correlation over the pairs of all models with its p, from summary.parquet; empty where it has none."""
    if not len(summary):
        return ""
    rows = rows_of(summary[summary["fact"] == "depth"], kind)
    rows = rows[(rows["model_a"] == "") & rows["value"].notna()]
    if not len(rows):
        return ""
    row = rows.iloc[0]
    p = f", p = {row['p']:.2g}" if pd.notna(row["p"]) else ""
    return f"all: ρ = {number(row['value'], digits=2)}{p}"


def _panel(ax: Axes, points: pd.DataFrame, kind: Kind, together: str) -> None:
    words = [together] if together else []
    colours = {"within": WITHIN, "between": BETWEEN, "all": INK}
    alpha = float(np.clip(60 / max(len(points), 1), 0.3, 0.7))
    for name, colour, of_one in (("between", BETWEEN, False), ("within", WITHIN, True)):
        own = points[(points["within"] == of_one) & points["value"].notna()]
        if not len(own):
            continue
        x, y = own["difference"].to_numpy(), own["value"].to_numpy()
        ax.plot(x, y, ".", color=colour, alpha=alpha, markersize=4, markeredgewidth=0, rasterized=True)
        ax.plot(*binned_means(x, y), color=colour, marker="o", markersize=3.5, linewidth=1.8)
        rho, n = rank_correlation(x, y)
        words.insert(0, f"{name}: ρ = {number(rho, digits=2)} (n = {n:,})")
    ax.set_title(kind.words, fontsize=SMALL_SIZE + 0.5, pad=5 + LINE * len(words))
    for at, text in enumerate(reversed(words)):
        ax.annotate(
            text, (0, 1), xytext=(0, 4 + LINE * at), xycoords="axes fraction", textcoords="offset points",
            fontsize=SMALL_SIZE - 0.5, va="bottom", color=colours[text.partition(":")[0]],
        )  # fmt: skip
    if points["value"].min() < 0:
        ax.axhline(0, color=QUIET, linewidth=0.7)
    floor = min(0.0, float(points["value"].min()))
    if floor < -1:
        below = int((points["value"] < -1).sum())
        ax.set_ylim(bottom=-1.05)
        ax.text(
            0.99, 0.02, f"{below:,} below -1", transform=ax.transAxes, ha="right", fontsize=SMALL_SIZE - 1, color=INK
        )  # fmt: skip
    ax.set_xlim(-0.03, max(0.2, float(points["difference"].max()) + 0.03))
    grid(ax)


def binned_means(x: Array, y: Array, *, n_bins: int = N_BINS) -> tuple[Array, Array]:
    """Mean x and mean y of the points in equal ranges of x; ranges without a point are left out.

    Where x has no more values than ranges, every value is one: evenly spaced layers would straddle the edges.
    """
    values, which = np.unique(np.round(x, 6), return_inverse=True)
    if len(values) > n_bins:
        width = float(np.ptp(x)) / n_bins
        which = np.minimum(((x - x.min()) / width).astype(np.int64), n_bins - 1)
    n = np.bincount(which)
    there = n > 0
    means = [np.bincount(which, weights=part)[there] / n[there] for part in (x, y)]
    return means[0], means[1]
