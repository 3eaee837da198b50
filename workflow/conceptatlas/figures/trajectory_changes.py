"""What changes on the way from one class to another: areas of labels along the searches."""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from conceptatlas.figures.style import (
    CATEGORY_COLOURS,
    OTHER,
    count,
    empty_figure,
    grid,
    head,
    legend_beside,
    new_figure,
    plain,
    styled,
)

MOST_PANELS = 6
LINES = 5
COLOURS = [*list(CATEGORY_COLOURS.values())[:LINES]]


@styled
def trajectory_changes(table: pd.DataFrame, *, place: str, metric: str = "area") -> Figure:
    """Draw the relative change of areas against the step, a panel a pair of classes, lines the labels that change most.

    table : trajectories.parquet. place : whose they are.
    """
    title = f"What changes on the way: {place}"
    rows = table[(table["metric"] == metric) & (table["step"] >= 0)]
    if len(rows):
        rows = rows[rows["masks"] == rows["masks"].iloc[0]]
    first = rows.groupby(["origin", "target"], sort=False)["row"].min()
    if not len(first):
        return empty_figure(title, "No label of a trajectory could be measured.")
    chosen: list[Any] = list(first.items())[:MOST_PANELS]
    columns = min(3, len(chosen))
    lines = -(-len(chosen) // columns)
    figure = new_figure(3.4 * columns + 0.4, 2.5 * lines + 1.2)
    axes = figure.subplots(lines, columns, squeeze=False)
    for ax in axes.ravel()[len(chosen) :]:
        ax.set_axis_off()
    for ax, ((origin, target), number) in zip(axes.ravel(), chosen, strict=False):
        own = rows[rows["row"] == number]
        last = own[own["step"] == own["step"].max()].set_index("label")["change"].abs()
        names = list(last.sort_values(ascending=False, kind="stable").index[:LINES])
        handles = []
        for name, colour in zip(names, COLOURS, strict=False):
            line = own[own["label"] == name]
            handles += ax.plot(line["step"], line["change"], ".-", color=colour, label=plain(name, width=16))
        ax.axhline(0, color=OTHER, linewidth=0.8)
        ax.set_xscale("symlog", linthresh=1)
        ax.set_xlim(-0.3, 1.3 * max(1, int(own["step"].max())))
        ax.set_title(f"{plain(origin, width=14)} → {plain(target, width=14)}")
        ax.set_xlabel("step")
        legend_beside(ax, handles)
        grid(ax)
    for line in axes:
        line[0].set_ylabel(f"change of {metric}")
    note = (
        f"{count(len(chosen), 'search', plural='searches')}, the first of each pair of classes; labels by "
        f"{plain(rows['masks'].iloc[0])}. Relative change of the {metric} against I~, the copy of the picture (1 where "
        f"it had none); the {LINES} labels that change most at the end."
    )
    head(figure, title, note)
    return figure
