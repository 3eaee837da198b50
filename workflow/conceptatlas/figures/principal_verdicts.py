"""Verdicts on concepts per layer and category, and whether the unit that stands out is the one that detects."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from conceptatlas.figures.facts import sentences
from conceptatlas.figures.principal_stems import rule_of, sample_of
from conceptatlas.figures.style import (
    INK,
    PAGE_WIDTH,
    QUIET,
    SMALL_SIZE,
    colour_of,
    empty_figure,
    grid,
    head,
    in_order,
    legend_beside,
    marker_of,
    new_figure,
    plain,
    styled,
)

Array = np.ndarray[Any, Any]

VERDICT_COLOURS = {"one unit": "#0072B2", "few units": "#56B4E9", "distributed": "#E69F00", "none": "#D9D9D9"}
NAMED = 8
NAME_ROOM = (0.25, 0.045)
"""What a name takes of the width and the height of its panel."""


@styled
def verdict_bars(tables: list[pd.DataFrame]) -> Figure:
    """Draw the shares of verdicts of every layer, all concepts and by category.

    tables : principal.parquet of the layers of one model on one data set, in their order.
    """
    first = tables[0].iloc[0]
    title = f"On how many units do concepts lie? {plain(first['model'])} on {plain(first['dataset'])}"
    tested = [table[table["reason"] == ""] for table in tables]
    if not any(len(table) for table in tested):
        return empty_figure(title, "No concept of this data set has enough images.", sample_of(tables[0]) + ".")
    categories = in_order(pd.concat(tested)["category"])
    names = ["all", *categories]
    n_columns = min(3, len(tables))
    n_rows = math.ceil(len(tables) / n_columns)
    figure = new_figure(min(PAGE_WIDTH, 3.4 + 2.9 * n_columns), 1.5 + n_rows * (0.9 + 0.27 * len(names)))
    axes = figure.subplots(n_rows, n_columns, squeeze=False, sharey=True, sharex=True)
    for ax, table in zip(axes.flat, tested, strict=False):
        for y, name in enumerate(names):
            mine = table if name == "all" else table[table["category"] == name]
            left = 0.0
            for verdict, colour in VERDICT_COLOURS.items():
                n = int((mine["verdict"] == verdict).sum())
                if not n:
                    continue
                share = n / len(mine)
                ax.barh(y, share, left=left, color=colour, height=0.78)
                if share > 0.06:
                    dark = "white" if verdict == "one unit" else INK
                    ax.text(left + share / 2, y, str(n), ha="center", va="center", fontsize=SMALL_SIZE, color=dark)
                left += share
            if not len(mine):
                ax.text(0.01, y, "no concept", va="center", fontsize=SMALL_SIZE, color=QUIET)
        ax.axvline(1 - 0.05, color=INK, linewidth=0.8, linestyle=":")
        ax.set_title(plain(_layer_of(tables, table)))
        ax.set_xlim(0, 1)
        ax.spines["left"].set_visible(False)
        ax.tick_params(axis="y", length=0)
    axes[0, 0].set_yticks(range(len(names)), names)
    axes[0, 0].invert_yaxis()
    for ax in axes.flat[len(tables) :]:
        ax.set_axis_off()
    for ax in axes[-1]:
        ax.set_xlabel("share of concepts")
    legend_beside(axes[0, -1], [Patch(color=colour, label=name) for name, colour in VERDICT_COLOURS.items()])
    note = sentences(
        "; ".join(dict.fromkeys(sample_of(table) for table in tables)) if len(tables) == 1 else _samples(tables),
        "Numbers: concepts. Dotted: if no concept differed from its null, 95 % would be `none`",
        rule_of(tables[0]),
    )
    head(figure, title, note)
    return figure


def _with_room(ax: Axes, x: Array, y: Array, points: list[int]) -> list[int]:
    """Of points in the order of their weight those whose names do not run into the name of a weightier one."""
    (left, right), (low, high) = ax.get_xlim(), ax.get_ylim()
    kept: list[int] = []
    for i in points:
        apart = [(abs(x[i] - x[j]) / (right - left), abs(y[i] - y[j]) / (high - low)) for j in kept]
        if all(across > NAME_ROOM[0] or up > NAME_ROOM[1] for across, up in apart):
            kept.append(i)
    return kept


@styled
def loading_against_iou(table: pd.DataFrame) -> Figure:
    """Draw, for every concept, the largest squared loading against the IoU of that unit with the concept.

    table : principal.parquet of a layer.
    """
    first, rows = table.iloc[0], table[table["reason"] == ""]
    title = f"Does the unit that stands out detect the concept? {plain(first['model'])}, {plain(first['layer'])}"
    if not len(rows):
        return empty_figure(title, "No concept of this data set has enough images.", sample_of(table) + ".")
    figure = new_figure(8.2, 4.9)
    ax = figure.add_subplot()
    same = rows["same_unit"].astype(bool).to_numpy()
    above = rows["verdict"].to_numpy() != "none"
    x, y = rows["concept_iou"].to_numpy(dtype=np.float64), rows["max_u2"].to_numpy(dtype=np.float64)
    undefined = int(np.isnan(x).sum())
    for category in in_order(rows["category"]):
        mine = (rows["category"] == category).to_numpy()
        for agrees in (False, True):
            take = mine & (same == agrees)
            colours = [colour_of(category) if agrees else "white"] * int(take.sum())
            ax.scatter(x[take], y[take], s=26, marker=marker_of(category), c=colours, edgecolors=colour_of(category),
                       linewidths=1.0, alpha=0.9, zorder=3)  # fmt: skip
    ax.scatter(
        x[~above], y[~above], s=70, marker="o", facecolors="none", edgecolors="#BBBBBB", linewidths=0.6, zorder=2
    )
    ax.axvline(first["detector_iou"], color=QUIET, linewidth=0.8, linestyle="--")
    ax.axhline(first["cut_one_unit"], color=QUIET, linewidth=0.8, linestyle=":")
    ax.set_ylim(0, max(0.6, float(np.nanmax(y)) * 1.08))
    ax.set_xlim(left=-0.005)
    order = np.argsort(-np.where(above, y, -1), kind="stable")[:NAMED]
    names = [plain(name, width=18) for name in rows["concept"]]
    for i in _with_room(ax, x, y, [i for i in order if above[i] and np.isfinite(x[i])]):
        ax.annotate(names[i], (x[i], y[i]), xytext=(5, 3), textcoords="offset points", fontsize=SMALL_SIZE - 0.5)
    ax.set_xlabel("IoU of that unit with the concept (over images of its category)")
    ax.set_ylabel("largest squared loading, max u²")
    grid(ax)
    legend = [
        Line2D([], [], linestyle="", marker=marker_of(c), color=colour_of(c), label=c)
        for c in in_order(rows["category"])
    ]
    legend += [
        Line2D([], [], linestyle="", marker="o", color=INK, label="is the unit with the\nhighest IoU for it"),
        Line2D([], [], linestyle="", marker="o", markerfacecolor="white", color=INK, label="is not"),
        Line2D([], [], linestyle="", marker="o", markerfacecolor="none", color="#BBBBBB", markersize=8, label="none"),
    ]
    legend_beside(ax, legend)
    tested = rows[above]
    agree, detect = int(tested["same_unit"].astype(bool).sum()), int(tested["unit_detects_concept"].astype(bool).sum())
    note = sentences(
        sample_of(table),
        f"Of {len(tested)} concepts above their null, in {agree} the unit with the largest loading is the one with the "
        f"highest IoU for the concept, and in {detect} that IoU exceeds {first['detector_iou']:g} (dashed)",
        "Ringed: verdict none. Dotted: cut of `one unit`",
        f"{undefined} without an IoU are not drawn" if undefined else "",
        rule_of(table),
    )
    head(figure, title, note)
    return figure


def _layer_of(tables: list[pd.DataFrame], tested: pd.DataFrame) -> str:
    return str(tested["layer"].iloc[0]) if len(tested) else "no concept with enough images"


def _samples(tables: list[pd.DataFrame]) -> str:
    first = tables[0].iloc[0]
    n = ", ".join(f"{plain(t['layer'].iloc[0])} {int((t['reason'] == '').sum())}" for t in tables)
    least = int(first["min_images"])
    return f"Data set {plain(first['dataset'])}: concepts with at least {least} images, of {len(tables[0])}: {n}"
