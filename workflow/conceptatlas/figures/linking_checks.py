"""Whether the rest may be believed: does a unit follow its own change, and are the measured labels right?"""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from conceptatlas.figures.linking_words import VERDICT_COLOURS, metric_words, source_words, verdict_words
from conceptatlas.figures.style import (
    CATEGORY_COLOURS,
    OTHER,
    count,
    empty_figure,
    grid,
    head,
    legend_beside,
    new_figure,
    number,
    plain,
    styled,
)

BINS = np.linspace(0, 1, 21)
COMPARED = ("area", "centre_x", "centre_y", "luminance")
MOST_LABELS = 24


@styled
def causal_check(cycle: pd.DataFrame, *, place: str) -> Figure:
    """Draw the share of starting points at which a unit follows its own change, and by how much, against other units.

    cycle : cycle.parquet.
    """
    title = f"Causal check: does a unit follow its own change? {place}"
    tuned = cycle[cycle["n"] > 0]
    if not len(tuned):
        return empty_figure(title, "No unit has a range to be tuned over.")
    figure = new_figure(10.0, 3.7)
    left, right = figure.subplots(1, 2)
    verdicts = [name for name in VERDICT_COLOURS if (cycle["verdict"] == name).any()]
    shown = [name for name in verdicts if (tuned["verdict"] == name).any()]
    left.hist(
        [tuned.loc[tuned["verdict"] == name, "share_right"] for name in shown], bins=list(BINS), stacked=True,
        color=[VERDICT_COLOURS[name] for name in shown],
    )  # fmt: skip
    left.hist(tuned["null_share"].dropna(), bins=list(BINS), histtype="step", color="black", linewidth=1.2)
    left.set_xlabel("share of starting points at which it rises with itself")
    left.set_ylabel("units")
    limit = np.nanquantile(np.abs(tuned[["slope", "null_slope"]].to_numpy()), 0.98)
    edges = np.linspace(-limit, max(limit, 1e-9), 31)
    clipped = [tuned.loc[tuned["verdict"] == name, "slope"].clip(-limit, limit) for name in shown]
    right.hist(clipped, bins=list(edges), stacked=True, color=[VERDICT_COLOURS[name] for name in shown])
    right.hist(
        tuned["null_slope"].dropna().clip(-limit, limit),
        bins=list(edges),
        histtype="step",
        color="black",
        linewidth=1.2,
    )
    right.axvline(0, color=OTHER, linewidth=0.8)
    right.set_xlabel("its change by the change that was set (1: as claimed)")
    for ax in (left, right):
        grid(ax, "y")
        ax.yaxis.set_major_locator(MaxNLocator(integer=True))
    counts = cycle["verdict"].value_counts()
    handles = [
        Patch(facecolor=VERDICT_COLOURS[name], label=f"{verdict_words(name)} ({counts[name]})") for name in verdicts
    ]
    handles.append(Patch(facecolor="none", edgecolor="black", label="another unit is changed"))
    legend_beside(right, handles, title="units")
    note = (
        f"{count(len(tuned), 'tuned unit')}, {count(int(tuned['n'].iloc[0]), 'starting point')}: set to its largest "
        "instead of its least value, the picture regenerated and fed back to the classifier. Outline: mean of the same "
        f"when another unit is changed. Median share {number(float(tuned['share_right'].median()), digits=2)}, of the "
        f"others {number(float(tuned['null_share'].median()), digits=2)}; median slope "
        f"{number(float(tuned['slope'].median()), digits=2)}. Slopes beyond the axis are drawn at its ends."
    )
    head(figure, title, note)
    return figure


@styled
def label_agreement(agreement: pd.DataFrame, iou: pd.DataFrame, *, place: str) -> Figure:
    """Draw changes by measured labels against changes by true labels, and how well the head labels.

    agreement : agreement.parquet. iou : head.parquet, or no rows.
    """
    title = f"Measured labels against true ones: {place}"
    rows = agreement[agreement["metric"].isin(COMPARED)]
    if not len(rows):
        return empty_figure(title, "No generator with true labels: nothing to compare with.")
    names = list(dict.fromkeys(rows["label"]))[:MOST_LABELS]
    at = {name: i for i, name in enumerate(names)}
    figure = new_figure(10.0, 1.9 + 0.3 * len(names))
    axes = figure.subplots(1, len(COMPARED) + 1, sharey=True)
    for ax, metric in zip(axes, COMPARED, strict=False):
        own = rows[(rows["metric"] == metric) & rows["label"].isin(names)]
        y = np.array([at[name] for name in own["label"]])
        ax.hlines(y, own["low"], own["high"], color=CATEGORY_COLOURS["object"], alpha=0.5, linewidth=3)
        ax.plot(own["r"], y, "o", color=CATEGORY_COLOURS["object"])
        for place_y, error in zip(y, own["mean_error"], strict=True):
            ax.text(-0.98, place_y, number(float(error), digits=2), fontsize=7, va="center", color=OTHER)
        ax.set_xlim(-1.05, 1.05)
        ax.axvline(0, color=OTHER, linewidth=0.8)
        ax.set_title(metric_words(metric))
        ax.set_xlabel("r over units")
        grid(ax, "x")
    last = axes[-1]
    told = iou[iou["label"].isin(names)] if len(iou) else iou
    if len(told):
        last.barh([at[name] for name in told["label"]], told["iou"], color=CATEGORY_COLOURS["part"], height=0.6)
        last.set_xlim(0, 1)
    last.set_title("head, IoU")
    last.set_xlabel("IoU, held-out")
    axes[0].set_yticks(range(len(names)), [plain(name, width=18) for name in names])
    axes[0].set_ylim(len(names) - 0.4, -0.6)
    n = rows["n_units"]
    note = (
        f"Mean change of every unit, by labels from {source_words(str(rows['masks'].iloc[0]))} and by the generator's "
        f"own truth, over {n.min()} to {n.max()} units. Lines: 95 % intervals, units resampled. Grey numbers: mean "
        "absolute difference of the two, in the metric's unit. Right: intersection over union of the head with the "
        "truth, on samples it was not trained on."
    )
    head(figure, title, note)
    return figure
