"""How well labels foretell their units on held-out images: every unit, its interval, its mask label, and the null."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from conceptatlas.figures.open_vocabulary_facts import note_of, null_of, title_of
from conceptatlas.figures.style import (
    OTHER,
    PAGE_WIDTH,
    QUIET,
    category_patches,
    colour_of,
    count,
    empty_figure,
    grid,
    head,
    in_order,
    legend_beside,
    new_figure,
    styled,
)


@styled
def label_correlations(labels: pd.DataFrame, masks: pd.DataFrame) -> Figure:
    """Draw the held-out correlation of every unit's label, largest first, with that of its mask label.

    labels, masks : labels.parquet and masks.parquet of a layer.
    """
    first = labels[(labels["rank"] == 1) & labels["correlation"].notna()]
    title = title_of(labels, "Do words foretell the unit?")
    if not len(first):
        return empty_figure(title, "No unit has a label with a correlation.", note_of(labels))
    first = first.sort_values("correlation", ascending=False, kind="stable").reset_index(drop=True)
    place = np.arange(len(first))
    figure = new_figure(PAGE_WIDTH, 4.6)
    ax = figure.add_subplot()
    ax.vlines(place, first["ci_low"], first["ci_high"], color=OTHER, alpha=0.45, linewidth=1.2)
    ax.axhline(0, color=QUIET, linewidth=0.8)
    handles: list[Any] = []
    if first["null_high"].notna().any():
        handles += ax.plot(place, first["null_high"], color=QUIET, linestyle="--", linewidth=1.2, label="95 % of null")
    colours = [colour_of(category or "none") for category in first["category"]]
    ax.scatter(place, first["correlation"], c=colours, s=16, zorder=3)
    handles.append(Line2D([], [], color=OTHER, marker="o", linestyle="", markersize=4, label="label in words"))
    beside = masks.set_index("unit")["mask_correlation"].reindex(first["unit"]) if len(masks) else None
    if beside is not None and beside.notna().any():
        handles.append(
            ax.scatter(place, beside, facecolors="none", edgecolors="black", s=16, linewidths=0.7, label="mask label")
        )
    ax.set(xlim=(-1, len(first)), xlabel="unit, largest correlation first", ylabel="held-out correlation")
    grid(ax)
    legend_beside(ax, [*handles, *category_patches(in_order(name for name in first["category"].unique() if name))])
    passed = int((first["p"] <= 0.05).sum()) if first["p"].notna().any() else 0
    above = f"{passed} of {count(len(first), 'live unit')} above the 95 % point" if first["p"].notna().any() else ""
    note = note_of(
        labels,
        "Correlation over held-out images of the activation with the cosine of the picture and the label's text; bars: "
        "95 % over resampled blocks of images; colour: category of the label",
        null_of(labels),
        above,
    )
    head(figure, title, note)
    return figure
