"""Network Dissection's bar chart: how many detectors of a layer share each label, categories in their order."""

from __future__ import annotations

import math

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from conceptatlas.figures.facts import facts, sentences
from conceptatlas.figures.style import (
    OTHER,
    PAGE_WIDTH,
    category_patches,
    colour_of,
    count,
    grid,
    head,
    in_order,
    legend_beside,
    new_figure,
    plain,
    say,
    styled,
    whole_numbers,
)

LABELS_A_ROW = 40
UNSURE = 0.4
"""Opacity of detectors whose p does not survive the false discovery rate."""


def label_counts(units: pd.DataFrame) -> pd.DataFrame:
    """Detectors by label: concept, category, detectors, significant; categories in order, most detectors first."""
    detectors = units[units["is_detector"].astype(bool)]
    table = (
        detectors.groupby(["category", "concept"], sort=False)
        .agg(detectors=("unit", "size"), significant=("is_significant", "sum"))
        .reset_index()
    )
    order = {name: i for i, name in enumerate(in_order(table["category"]))}
    table["place"] = table["category"].map(order)
    table = table.sort_values(["place", "detectors", "concept"], ascending=[True, False, True], ignore_index=True)
    return table[["concept", "category", "detectors", "significant"]]


@styled
def label_bars(units: pd.DataFrame, *, summary: pd.DataFrame) -> Figure:
    """Draw the labels of a layer's detectors with how many units carry each.

    units, summary : the layer's tables. Every label is drawn; long vocabularies take several rows.
    """
    about = facts(summary)
    table = label_counts(units)
    n_labels, n_detectors = len(table), int(table["detectors"].sum())
    title = f"Labels of the detectors of {about.place}"
    note = sentences(about.sample, about.rule, about.null)
    if not n_labels:
        figure = new_figure(6.0, 2.4)
        say(figure.add_subplot(), "No unit of this layer is a detector.")
        head(figure, title, note)
        return figure
    n_rows = math.ceil(n_labels / LABELS_A_ROW)
    a_row = max(math.ceil(n_labels / n_rows), 4)  # rows of equal length
    width = min(PAGE_WIDTH, max(6.0, 2.4 + 0.2 * a_row))
    names = [plain(name) for name in table["concept"]]
    figure = new_figure(width, 1.1 + (1.5 + 0.075 * max(map(len, names))) * n_rows)
    axes = figure.subplots(n_rows, 1, squeeze=False, sharey=True)[:, 0]
    for row, ax in enumerate(axes):
        part = table.iloc[row * a_row : (row + 1) * a_row]
        places = range(len(part))
        colours = [colour_of(category) for category in part["category"]]
        unsure = part["detectors"] - part["significant"]
        ax.bar(places, part["significant"], width=0.8, color=colours)
        faint = ax.bar(places, unsure, bottom=part["significant"], width=0.8, color=colours)
        for patch in faint:
            patch.set_alpha(UNSURE)
        ax.set_xticks(places, names[row * a_row : (row + 1) * a_row], rotation=90)
        ax.tick_params(axis="x", length=0)
        ax.set_xlim(-0.6, a_row - 0.4)
        ax.set_ylabel("detectors (units)")
        whole_numbers(ax.yaxis)
        grid(ax)
    share = [Patch(color=OTHER, label="significant"), Patch(color=OTHER, alpha=UNSURE, label="not significant")]
    legend_beside(axes[0], [*category_patches(in_order(table["category"])), *share])
    n_significant = int(table["significant"].sum())
    headline = f"{count(n_labels, 'label')} of {count(n_detectors, 'detector')}, {n_significant:,} of them significant"
    head(figure, f"{title}: {headline}", note)
    return figure
