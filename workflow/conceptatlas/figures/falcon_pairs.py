"""Single features against the groups that hold them: is a group more alike, and its best word surer? (Figure 4)"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from conceptatlas.falcon.comparing import paired_difference
from conceptatlas.figures.facts import sentences
from conceptatlas.figures.falcon_facts import Space
from conceptatlas.figures.style import OTHER, SMALL_SIZE, count, empty_figure, grid, head, new_figure, number, styled

Array = np.ndarray[Any, Any]

MEASURES = {
    "similarity": "mean cosine of the crops",
    "percentile": "percentage of random groups less alike",
    "score": "score of the best word that is kept",
}
COLOUR = "#0072B2"


@styled
def groups_against_features(
    space: Space, comparisons: pd.DataFrame, explained: pd.DataFrame, *, empty: str = ""
) -> Figure:
    """Draw every group beside each of its features, a line a pair, a panel a measure.

    comparisons : comparisons.parquet. explained : explained.parquet (draws, confidence, seed).
    """
    title = f"Groups against their features: {space.place}"
    if not len(comparisons):
        why = empty or "No group of several features stands beside one of its features that is explained alone."
        return empty_figure(title, why, sentences(space.sources))
    figure = new_figure(9.5, 3.9)
    axes = figure.subplots(1, len(MEASURES))
    said = []
    options = explained.iloc[0]
    for ax, (measure, words) in zip(axes, MEASURES.items(), strict=True):
        single = comparisons[f"{measure}_feature"].to_numpy(dtype=np.float64)
        group = comparisons[f"{measure}_group"].to_numpy(dtype=np.float64)
        _panel(ax, single, group)
        found = paired_difference(
            [str(name) for name in comparisons["group"]], group - single, n_bootstrap=int(options["n_bootstrap"]),
            confidence=float(options["confidence"]), seed=int(options["seed"]),
        )  # fmt: skip
        digits = 1 if measure == "percentile" else 3
        interval = (
            f" [{number(found.low, digits=digits)}, {number(found.high, digits=digits)}]"
            if np.isfinite(found.low)
            else ", no interval with fewer than 8 groups"
        )
        ax.set_ylabel(words)
        ax.set_title(f"group - feature: {number(found.value, digits=digits)}{interval}", fontsize=SMALL_SIZE)
        said.append(found.n)
    more = int((comparisons["explained_group"] & ~comparisons["explained_feature"]).sum())
    less = int((~comparisons["explained_group"] & comparisons["explained_feature"]).sum())
    note = sentences(
        f"{space.sources}; {count(max(said), 'group')}, {count(len(comparisons), 'pair')} of a group and a feature",
        "A line a pair; black: means over pairs; over a panel the mean paired difference, each group counting once, "
        "with its interval over groups",
        f"Explained in {count(more, 'pair')} only the group, in {count(less, 'pair')} only the feature",
    )
    head(figure, title, note)
    return figure


def _panel(ax: Axes, single: Array, group: Array) -> None:
    for a, b in zip(single, group, strict=True):
        ax.plot([0, 1], [a, b], color=COLOUR if b > a else OTHER, linewidth=0.7, alpha=0.45, marker="o", markersize=2.5)
    ax.plot([0, 1], [np.nanmean(single), np.nanmean(group)], color="#222222", linewidth=2.2, marker="o", zorder=4)
    ax.set_xticks([0, 1], ["feature alone", "group"])
    ax.set_xlim(-0.25, 1.25)
    grid(ax)
