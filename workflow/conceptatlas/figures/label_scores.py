"""Do the scores agree? IoU of the units' labels against F1, Pearson correlation, cosine and AUPRC."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from conceptatlas.figures.facts import facts, sentences
from conceptatlas.figures.style import (
    INK,
    OTHER,
    SMALL_SIZE,
    colour_of,
    count,
    empty_figure,
    grid,
    head,
    in_order,
    legend_beside,
    marker_of,
    new_figure,
    number,
    plain,
    say,
    styled,
)

SCORES = {"f1": "F1", "pearson": "Pearson correlation", "cosine": "Cosine", "auprc": "AUPRC"}


def rank_correlation(first: pd.Series, second: pd.Series) -> tuple[float, int]:
    """Spearman's correlation over pairs where both are defined, and their number; NaN below three or without spread."""
    both = first.notna() & second.notna()
    n = int(both.sum())
    ranks = first[both].rank().to_numpy(), second[both].rank().to_numpy()
    if n < 3 or any(np.ptp(values) == 0 for values in ranks):
        return float("nan"), n
    return float(np.corrcoef(*ranks)[0, 1]), n


def same_best(labels: pd.DataFrame, score: str) -> tuple[int, int]:
    """Units whose best label among those kept is the same by `score` as by IoU, and units where that is defined."""
    kept = labels[labels[score].notna() & labels["iou_category"].notna()]
    best = kept.sort_values([score, "rank"], ascending=[False, True]).drop_duplicates("unit")
    return int((best["rank"] == 1).sum()), len(best)


@styled
def label_scores(labels: pd.DataFrame, *, summary: pd.DataFrame) -> Figure:
    """Draw a panel a score: every unit's label by its colour, the labels ranked after it in grey.

    labels, summary : the layer's tables.
    """
    about = facts(summary)
    title = f"IoU against other scores of the same labels, {about.place}"
    defined = labels[labels["iou_category"].notna()]
    n_ranks = int(labels["rank"].max()) if len(labels) else 0
    note = sentences(
        about.sample,
        "F1, Pearson, cosine and AUPRC on the layer's own grid over all images, IoU on the masks over images of the "
        "category",
        "ρ: Spearman's correlation over the units' labels",
        f"Same label: among the unit's {n_ranks} best by IoU the score prefers the first" if n_ranks > 1 else "",
    )
    if not len(defined):
        return empty_figure(title, "No label has a defined IoU.", note)
    if defined[list(SCORES)].isna().all(axis=None):
        return empty_figure(title, "No score beside IoU is defined, or none was asked for.", note)
    figure = new_figure(8.6, 7.0)
    axes = figure.subplots(2, 2, sharex=True)
    for ax, (score, name) in zip(axes.flat, SCORES.items(), strict=True):
        _panel(ax, defined, score, name)
        if about.detector_iou < defined["iou_category"].max():
            ax.axvline(about.detector_iou, color=INK, linestyle="--", linewidth=0.8)
    for ax in axes[1]:
        ax.set_xlabel("IoU over images of the category")
        ax.xaxis.set_major_locator(MaxNLocator(5))
    first = defined[defined["rank"] == 1]
    handles = [
        Line2D([], [], color=colour_of(name), marker=marker_of(name), linestyle="none", label=plain(name))
        for name in in_order(first["category"])
    ]
    if n_ranks > 1:
        handles.append(Line2D([], [], color=OTHER, marker=".", linestyle="none", label=f"ranks 2 to {n_ranks}"))
    handles.append(Line2D([], [], color=INK, linestyle="--", linewidth=0.8, label=f"cut, {about.detector_iou:g}"))
    legend_beside(axes[0, 1], handles)
    head(figure, title, note)
    return figure


def _panel(ax: Axes, labels: pd.DataFrame, score: str, name: str) -> None:
    first, later = labels[labels["rank"] == 1], labels[labels["rank"] > 1]
    rho, n = rank_correlation(first["iou_category"], first[score])
    agree, n_units = same_best(labels, score)
    verdict = f"ρ = {number(rho, digits=2)} (n = {count(n, 'unit')})"
    if len(later) and n_units:
        verdict += f", same label: {agree / n_units:.0%}"
    ax.set_title(f"{name}\n", loc="left")
    ax.text(0, 1.02, verdict, transform=ax.transAxes, fontsize=SMALL_SIZE, va="bottom")
    ax.set_ylabel(name)
    if not n:
        say(ax, f"{name} is undefined for every label.")
        return
    ax.scatter(later["iou_category"], later[score], s=5, color=OTHER, alpha=0.35, linewidths=0, zorder=2)
    for category in in_order(first["category"]):
        own = first[first["category"] == category]
        ax.scatter(
            own["iou_category"],
            own[score],
            s=18 if len(first) <= 512 else 9,
            color=colour_of(category),
            marker=marker_of(category),
            alpha=0.8,
            linewidths=0,
            zorder=3,
        )
    grid(ax, "both")
