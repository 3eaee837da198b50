"""Best IoU of every unit against what permuted labels give the same unit: is the cut of 0.04 above chance?"""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from conceptatlas.figures.facts import facts, sentences
from conceptatlas.figures.style import (
    INK,
    OTHER,
    PAGE_WIDTH,
    count,
    empty_figure,
    grid,
    head,
    legend_beside,
    new_figure,
    number,
    styled,
    whole_numbers,
)

ABOVE = "#0072B2"
BELOW = "#E69F00"
N_BINS = 40


def null_counts(units: pd.DataFrame) -> dict[str, int]:
    """How many units pass the cut, their own null's 95\u00a0% point, both, and the corrected test."""
    above = units["iou_category"] > units["null_high"]
    return {
        "detectors": int(units["is_detector"].sum()),
        "above_null": int(above.sum()),
        "both": int((above & units["is_detector"]).sum()),
        "significant": int(units["is_significant"].sum()),
    }


@styled
def iou_against_null(units: pd.DataFrame, *, summary: pd.DataFrame) -> Figure:
    """Draw best IoUs, sorted, with every unit's null 95 % point and the cut; beside it both as histograms.

    units, summary : the layer's tables.
    """
    about = facts(summary)
    title = f"Best IoU against permuted labels, {about.place}"
    note = sentences(about.sample, about.rule, about.null, _regressed(units))
    ranked = units[units["iou_category"].notna()].sort_values("iou_category", ascending=False, kind="stable")
    if not len(ranked):
        return empty_figure(title, "No unit has a defined IoU.", note)
    has_null = bool(ranked["null_high"].notna().any())
    counts = null_counts(units)
    figure = new_figure(PAGE_WIDTH, 4.4)
    ax, beside = figure.subplots(1, 2, sharey=True, width_ratios=[2.6, 1])
    x = np.arange(1, len(ranked) + 1)
    size = 14.0 if len(ranked) <= 256 else 7.0
    above = (ranked["iou_category"] > ranked["null_high"]).to_numpy() if has_null else np.ones(len(ranked), dtype=bool)
    values = ranked["iou_category"].to_numpy()
    if has_null:
        ax.scatter(x, ranked["null_high"], s=size, color=OTHER, alpha=0.6, linewidths=0, zorder=2)
    ax.scatter(x[~above], values[~above], s=size, color=BELOW, marker="s", linewidths=0, zorder=3)
    ax.scatter(x[above], values[above], s=size, color=ABOVE, linewidths=0, zorder=3)
    top = 1.06 * float(np.nanmax([values.max(), ranked["null_high"].max() if has_null else 0.0, about.detector_iou]))
    for each in (ax, beside):
        each.axhline(about.detector_iou, color=INK, linestyle="--", linewidth=1.0)
        grid(each)
    ax.set_ylim(0, top)
    bins = np.linspace(0, top, N_BINS + 1)
    beside.hist(values, bins=bins, orientation="horizontal", color=ABOVE, alpha=0.75)
    if has_null:
        beside.hist(
            ranked["null_high"].dropna(), bins=bins, orientation="horizontal", histtype="step", color=INK, linewidth=1.1
        )
    ax.set(xlabel="rank of the unit by best IoU", ylabel="best IoU over images of the category")
    beside.set_xlabel("units")
    ax.set_xlim(0, len(ranked) + 1)
    whole_numbers(ax.xaxis)
    whole_numbers(beside.xaxis)
    legend_beside(beside, _handles(about.detector_iou, above, has_null))
    headline = f"{count(counts['detectors'], 'detector')}"
    if has_null:
        headline += (
            f", {counts['both']:,} of them above their own null's 95\u00a0% point, "
            f"{counts['significant']:,} significant after correction over units"
        )
    head(figure, f"{title}: {headline}", note)
    return figure


def _regressed(units: pd.DataFrame) -> str:
    """The winner's curse in a sentence: labels chosen on one half of the images, measured on the other."""
    detectors = units[units["is_detector"].astype(bool)]
    if not len(detectors) or detectors["iou_cross_fitted"].isna().all():
        return ""
    plain_mean, crossed = detectors["iou_category"].mean(), detectors["iou_cross_fitted"].mean()
    return (
        f"Mean IoU of detectors {number(plain_mean)}, cross-fitted {number(crossed)} (label chosen on one half of the "
        f"images, measured on the other); {detectors['label_stable'].mean():.0%} get the same label on both halves"
    )


def _handles(cut: float, above: np.ndarray[tuple[int], np.dtype[np.bool_]], has_null: bool) -> list[Line2D]:
    dot = {"linestyle": "none", "markersize": 5}
    if not has_null:
        handles = [Line2D([], [], color=ABOVE, marker="o", label="unit's best IoU\n(no null drawn)", **dot)]  # type: ignore[arg-type]
    else:
        handles = [
            Line2D([], [], color=ABOVE, marker="o", label=f"unit above its null\n({above.sum():,})", **dot),  # type: ignore[arg-type]
            Line2D([], [], color=BELOW, marker="s", label=f"unit not above it\n({(~above).sum():,})", **dot),  # type: ignore[arg-type]
            Line2D([], [], color=OTHER, marker="o", label="null, 95 % point\n(outlined beside)", **dot),  # type: ignore[arg-type]
        ]
    return [*handles, Line2D([], [], color=INK, linestyle="--", linewidth=1.0, label=f"cut, {cut:g}")]
