"""Mask labels and open-vocabulary labels of the same units: how often they say the same, against chance."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from conceptatlas.figures.open_vocabulary_facts import note_of, title_of
from conceptatlas.figures.style import (
    PAGE_WIDTH,
    QUIET,
    SMALL_SIZE,
    colour_of,
    empty_figure,
    head,
    in_order,
    new_figure,
    styled,
)

PANELS = {
    "share_same_name": "same name (share of units)",
    "share_same_category": "same category (share of units)",
    "mean_cosine": "cosine of the two names",
}


@styled
def label_agreement(summary: pd.DataFrame, labels: pd.DataFrame) -> Figure:
    """Draw the agreement over detectors and over the categories of their mask labels.

    summary, labels : summary.parquet and labels.parquet of a layer.
    """
    title = title_of(labels, "Do words and masks agree?")
    rows = summary[(summary["units"] == "detectors") & summary["quantity"].isin(PANELS)]
    if not len(rows):
        return empty_figure(title, "The layer has no detector with a mask label.", note_of(labels))
    categories = ["", *in_order(name for name in rows["category"].unique() if name)]
    figure = new_figure(PAGE_WIDTH, 2.0 + 0.42 * len(categories))
    axes = figure.subplots(1, len(PANELS), sharey=True)
    names = []
    for category in categories:
        n = rows[(rows["category"] == category) & (rows["quantity"] == "share_same_name")]["n_units"]
        names.append(f"{category or 'all detectors'} (n = {int(n.iloc[0]) if len(n) else 0})")
    for ax, (quantity, words) in zip(axes, PANELS.items(), strict=True):
        for y, category in enumerate(categories):
            own = rows[(rows["category"] == category) & (rows["quantity"] == quantity)]
            if not len(own):
                ax.text(0.02, y, "undefined", va="center", fontsize=SMALL_SIZE, color=QUIET)
                continue
            row = own.iloc[0]
            colour = "black" if not category else colour_of(category)
            ax.barh(y, row["value"], height=0.6, color=colour, alpha=0.75)
            if np.isfinite(row["ci_low"]):
                ax.plot([row["ci_low"], row["ci_high"]], [y, y], color=QUIET, linewidth=1.4)
            ax.plot([row["chance"]] * 2, [y - 0.42, y + 0.42], color="red", linewidth=1.4)
        ax.set_xlabel(words)
        ax.axvline(0, color=QUIET, linewidth=0.8)
        low = min(
            0.0, float(np.nanmin(rows.loc[rows["quantity"] == quantity, ["value", "ci_low", "chance"]].to_numpy()))
        )
        ax.set_xlim(low - (0.05 if low < 0 else 0), 1)
    axes[0].set_yticks(range(len(categories)), names)
    axes[0].invert_yaxis()
    note = note_of(
        labels,
        "Bars: detectors by the category of their mask label; lines: 95 % intervals (Wilson over units; of cosines "
        "over resampled units); red: chance, words drawn from all detectors",
    )
    head(figure, title, note)
    return figure
