"""Concepts of a layer on a map: t-SNE of their weight vectors, with the clusters of k-means."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib import patheffects as effects
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from conceptatlas.figures.facts import sentences
from conceptatlas.figures.net2vec_facts import TASKS, is_small, learned, place_of
from conceptatlas.figures.net2vec_names import place_names
from conceptatlas.figures.style import (
    INK,
    QUIET,
    colour_of,
    count,
    empty_figure,
    head,
    in_order,
    legend_beside,
    marker_of,
    new_figure,
    plain,
    styled,
)
from conceptatlas.tables import records

Array = np.ndarray[Any, Any]

NAMED = 40
_HALO = [effects.withStroke(linewidth=2.5, foreground="white")]


@styled
def concept_map(
    table: pd.DataFrame, scores: pd.DataFrame | None, *, task: str, dataset: str, model: str, layer: str
) -> Figure:
    """Draw the map of one task: colour by category, a star of thin lines and a number a cluster, up to 40 names.

    Parameters
    ----------
    table : map.parquet of the layer. scores : table of the task, which says which concepts are shown; they are named
        first, then those with most validation images.
    """
    title = f"Map of concepts: {place_of(model, layer)}, {task}"
    own = table[(table["task"] == task) & table["x"].notna() & table["y"].notna()].reset_index(drop=True)
    if not len(own):
        return empty_figure(title, "There is no map: too few concepts were learned.")
    figure = new_figure(9.2, 7.2)
    ax = figure.add_subplot()
    points = own[["x", "y"]].to_numpy(dtype=np.float64)
    lines, centres, numbers = [], {}, {}
    of_cluster = own["cluster"].to_numpy(dtype=np.int64)
    for cluster in np.unique(of_cluster).tolist():
        there = points[of_cluster == cluster]
        centres[cluster] = np.median(there, axis=0)
        lines += [np.stack([centres[cluster], point]) for point in there]
    ax.add_collection(LineCollection(lines, colors="#D5D5D5", linewidths=0.5, zorder=1))
    small = is_small(own)
    for category in in_order(own["category"]):
        for hollow in (False, True):
            part = points[((own["category"] == category) & (small == hollow)).to_numpy()]
            if len(part):
                colour = colour_of(category)
                ax.scatter(
                    part[:, 0], part[:, 1], s=24, marker=marker_of(category), linewidths=1.0, zorder=3,
                    facecolors="none" if hollow else colour, edgecolors=colour,
                )  # fmt: skip
    extent = np.ptp(points, axis=0)
    for cluster, centre in centres.items():
        if (np.abs(points - centre) < 0.014 * extent).all(axis=1).any():
            centre = centre + np.array([0.0, 0.026]) * extent  # the number stands over a concept that it would hide
        numbers[cluster] = centre
        ax.text(
            centre[0], centre[1], str(cluster), ha="center", va="center", fontsize=11, fontweight="bold", color=QUIET,
            path_effects=_HALO, zorder=4,
        )  # fmt: skip
    ax.set(xticks=[], yticks=[])
    ax.margins(0.07)
    for side in ("left", "bottom"):
        ax.spines[side].set_visible(False)
    handles = [
        Line2D([], [], linestyle="", marker=marker_of(name), color=colour_of(name), label=plain(name))
        for name in in_order(own["category"])
    ]
    if small.any():
        handles.append(
            Line2D([], [], linestyle="", marker="o", color=INK, markerfacecolor="none", label="small concept")
        )
    legend_beside(ax, handles)
    first = own.iloc[0]
    note = sentences(
        f"Data set {plain(dataset)}: n = {count(len(own), 'concept')}",
        f"t-SNE of the weight vectors at unit length (perplexity {first['perplexity']:.3g}, seed "
        f"{int(first['seed'])}): only neighbourhoods mean something, not axes or distances between groups",
        f"Numbers: the {len(centres)} clusters of k-means of the same vectors, 0 the largest; lines: from a cluster's "
        "median on the map to its concepts",
        f"Names: as many as have room, at most {NAMED}",
    )
    order = _wanted(own, scores)
    head(figure, title, note)
    place_names(
        ax,
        points[order],
        [plain(own.at[i, "concept"], width=18) for i in order],
        most=NAMED,
        avoid=np.concatenate([points, *(_around(centre, points) for centre in numbers.values())]),
        colours=[colour_of(own.at[i, "category"]) for i in order],
    )
    return figure


def _around(centre: Array, points: Array) -> Array:
    """Points that the number of a cluster covers, as a share of the map's extent."""
    step = 0.009 * np.ptp(points, axis=0)
    return np.array([centre + step * np.array([dx, dy]) for dx in (-1, 0, 1) for dy in (-1, 0, 1)])


def _wanted(own: pd.DataFrame, scores: pd.DataFrame | None) -> list[int]:
    """Rows of the map in the order in which their names are wanted."""
    if scores is None or not len(scores):
        return list(range(len(own)))
    about = {int(row["concept_index"]): (row["shown"] in ("", None), -row["n_val"]) for row in records(learned(scores))}
    last = (True, 0.0)
    concepts = own["concept_index"].to_numpy(dtype=np.int64).tolist()
    return sorted(range(len(own)), key=lambda i: (*about.get(concepts[i], last), i))


def tasks_of_map(table: pd.DataFrame) -> list[str]:
    """Tasks that have a map."""
    return [task for task in TASKS if (table["task"] == task).any()]
