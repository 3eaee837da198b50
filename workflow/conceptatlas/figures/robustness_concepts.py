"""The most and the least robust concepts of a layer: how much of their IoU their detectors keep, by kind."""

from __future__ import annotations

import math

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from conceptatlas.figures.facts import sentences
from conceptatlas.figures.robustness_levels import CLEAN, kind_title, kinds_of, percent, rule_of
from conceptatlas.figures.style import (
    INK,
    PAGE_WIDTH,
    QUIET,
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
    plain,
    say,
    styled,
)

SHOWN = 8
"""Concepts at each end."""
KINDS_A_ROW = 3


def ends(concepts: pd.DataFrame, kind: str, *, shown: int = SHOWN) -> tuple[pd.DataFrame, int]:
    """The `shown` most robust concepts of a kind, most robust first, then the `shown` least; and how many lie between.

    Rows without a retained IoU are left out; ties stand in order of name.
    """
    own = concepts[(concepts["kind"] == kind) & concepts["retained"].notna()]
    own = own.sort_values(["retained", "concept"], ascending=[False, True], ignore_index=True)
    hidden = len(own) - 2 * shown
    if hidden <= 0:
        return own, 0
    return pd.concat([own.head(shown), own.tail(shown)], ignore_index=True), hidden


@styled
def robust_concepts(concepts: pd.DataFrame, *, summary: pd.DataFrame, layer: str) -> Figure:
    """Draw a panel a kind: concepts as dots with their interval, most robust on top.

    concepts, summary : the layer's ``concepts.parquet`` and ``summary.parquet``.
    """
    first = summary.iloc[0] if len(summary) else None
    place = f"{plain(first['model'])}, {plain(layer)}" if first is not None else plain(layer)
    title = f"Most and least robust concepts of {place}"
    if first is None or not concepts["retained"].notna().any():
        return empty_figure(title, "No concept has a detector in this layer.")
    note = sentences(
        f"Data set {plain(first['dataset'])}, n = {count(int(first['n_images']), 'image')}",
        rule_of(summary),
        CLEAN,
        "Retained IoU of a concept: mean IoU of its detectors over the levels of the kind, perturbed / clean; lines: "
        "interval over blocks of images, where the concept is in 8 of them",
        "In brackets the concept's detectors where there are several",
        "The whole table: concepts.parquet",
    )
    kinds = kinds_of(concepts)
    parts = {kind: ends(concepts, kind) for kind in kinds}
    longest = max(len(part) for part, _ in parts.values())
    n_columns = min(len(kinds), KINDS_A_ROW)
    n_rows = math.ceil(len(kinds) / n_columns)
    figure = new_figure(PAGE_WIDTH, 1.5 + (0.4 + 0.19 * (longest + 1)) * n_rows)
    grid_ = figure.subplots(n_rows, n_columns, squeeze=False, sharex=True)
    axes = list(grid_.flat)
    for ax in axes[len(kinds) :]:
        ax.set_visible(False)
    for ax, (kind, (part, hidden)) in zip(axes, parts.items(), strict=False):
        ax.set_title(kind_title(kind))
        if not len(part):
            say(ax, "No concept has a retained IoU.")
            continue
        _dots(ax, part, hidden, longest)
    far = max(1.05, *(float(part[["retained", "retained_high"]].max().max()) * 1.05 for part, _ in parts.values()))
    axes[0].set_xlim(0, min(far, 2.0))
    percent(axes[0].xaxis)
    shown = in_order(pd.concat([part["category"] for part, _ in parts.values()]))
    handles = [
        Line2D([], [], color=colour_of(name), marker=marker_of(name), linewidth=1.2, label=plain(name))
        for name in shown
    ]
    legend_beside(axes[n_columns - 1], handles)
    head(figure, title, note)
    return figure


def _dots(ax: Axes, part: pd.DataFrame, hidden: int, longest: int) -> None:
    names = []
    heights = []
    for i, row in enumerate(part.to_dict(orient="records")):
        y = i + (1 if hidden and i >= len(part) // 2 else 0)
        colour = colour_of(row["category"])
        ax.plot([row["retained_low"], row["retained_high"]], [y, y], color=colour, linewidth=1.2, zorder=2)
        ax.plot([row["retained"]], [y], color=colour, marker=marker_of(row["category"]), linestyle="none", zorder=3)
        many = int(row["n_detectors"])
        names.append(plain(row["concept"], width=18) + (f" ({many})" if many > 1 else ""))
        heights.append(y)
    if hidden:
        ax.text(
            0.5, len(part) // 2, f"… {hidden:,} more …", transform=ax.get_yaxis_transform(), ha="center", va="center",
            fontsize=SMALL_SIZE, color=QUIET,
        )  # fmt: skip
    ax.axvline(1.0, color=INK, linestyle=":", linewidth=0.8, zorder=1)
    ax.set_yticks(heights, names)
    ax.tick_params(axis="y", length=0)
    ax.set_ylim(longest + 0.6, -0.6)
    ax.set_xlabel("retained IoU")
    grid(ax, "x")
