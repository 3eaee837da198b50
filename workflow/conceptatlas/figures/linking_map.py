"""All units at a glance: the map of their change vectors, and clusters with their mean change (after Wehrheim et al.
2024, Fig. 5B, C)."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from conceptatlas.figures.linking_words import label_colours, metric_words, source_words
from conceptatlas.figures.style import (
    OTHER,
    QUIET,
    SMALL_SIZE,
    count,
    empty_figure,
    head,
    legend_beside,
    new_figure,
    plain,
    styled,
)

MOST_CLUSTERS = 40


@styled
def unit_map(table: pd.DataFrame, *, place: str) -> Figure:
    """Draw the map, coloured by the label that changes most, larger where it changes more.

    table : rows of map.parquet of one source of labels.
    """
    title = f"Map of units by what they change: {place}"
    there = table[table["x"].notna()]
    if not len(there):
        return empty_figure(title, "Fewer than 5 units were tuned: no map.")
    figure = new_figure(8.2, 5.6)
    ax = figure.add_subplot()
    names = [name for name in dict.fromkeys(sorted(there["strongest_label"])) if name]
    colours = label_colours(names)
    size = there["strongest_change"].abs().fillna(0)
    scale = 18 + 90 * (size / size.max() if size.max() > 0 else size)
    ax.scatter(
        there["x"], there["y"], s=scale, c=[colours.get(name, OTHER) for name in there["strongest_label"]], alpha=0.85,
        edgecolors="white", linewidths=0.5,
    )  # fmt: skip
    for cluster, own in there.groupby("cluster"):
        ax.annotate(
            str(cluster), (own["x"].median(), own["y"].median()), xytext=(8, 8), textcoords="offset points",
            fontsize=SMALL_SIZE, color=QUIET, zorder=5,
        )  # fmt: skip
    ax.set_xticks([])
    ax.set_yticks([])
    ax.set_xlabel("t-SNE 1 (no unit)")
    ax.set_ylabel("t-SNE 2 (no unit)")
    counts = there["strongest_label"].value_counts()
    handles = [
        Line2D(
            [],
            [],
            marker="o",
            linestyle="",
            color=colours[name],
            label=f"{plain(name, width=22)} ({counts[name]})",
        )
        for name in names
    ]
    if (there["strongest_label"] == "").any():
        nothing = int((there["strongest_label"] == "").sum())
        handles.append(Line2D([], [], marker="o", linestyle="", color=OTHER, label=f"none ({nothing})"))
    legend_beside(ax, handles, title="label that changes most (units)")
    first = there.iloc[0]
    note = (
        f"{count(len(there), 'unit')}; change vectors: mean change in {metric_words(str(first['metric']))} of every "
        f"label, all starting points; labels from {source_words(str(first['masks']))}. Larger: stronger change. "
        f"Numbers: clusters (Ward, tree cut at {first['cluster_cut']:g} of its height). Distances between groups of a "
        "t-SNE map mean little."
    )
    head(figure, title, note)
    return figure


@styled
def unit_clusters(table: pd.DataFrame, *, place: str) -> Figure:
    """Draw the mean change of every label in every cluster.

    table : rows of clusters.parquet of one source of labels.
    """
    title = f"Clusters of units and their mean change: {place}"
    own = table[table["metric"] == table["cluster_metric"]] if len(table) else table
    if not len(own):
        return empty_figure(title, "No unit changes a label: there are no clusters.")
    values = own.pivot(index="cluster", columns="label", values="mean").iloc[:MOST_CLUSTERS]
    values = values[values.abs().max().sort_values(ascending=False, kind="stable").index]
    sizes = own.drop_duplicates("cluster").set_index("cluster")["n_units"]
    figure = new_figure(2.2 + 0.42 * values.shape[1] + 1.2, 2.2 + 0.24 * len(values))
    ax = figure.add_subplot()
    limit = float(np.nanmax(np.abs(values.to_numpy()))) or 1.0
    image = ax.imshow(values, cmap="RdBu_r", vmin=-limit, vmax=limit, aspect="auto")
    ax.set_xticks(range(values.shape[1]), [plain(name, width=18) for name in values.columns], rotation=50, ha="right")
    ax.set_yticks(range(len(values)), [f"{name} ({count(int(sizes[name]), 'unit')})" for name in values.index])
    ax.set_ylabel("cluster")
    metric = str(own["metric"].iloc[0])
    figure.colorbar(image, ax=ax, label=f"mean change, {metric_words(metric)}", shrink=0.8)
    note = (
        f"Mean over the units of a cluster of their mean change; white: none, grey background: undefined. Ward's "
        f"clusters of change vectors, tree cut at {own['cluster_cut'].iloc[0]:g} of its height."
    )
    if table["cluster"].nunique() > MOST_CLUSTERS:
        note += f" The {MOST_CLUSTERS} largest of {table['cluster'].nunique()}."
    ax.set_facecolor("#DDDDDD")
    head(figure, title, note)
    return figure
