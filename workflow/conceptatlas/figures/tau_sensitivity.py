"""How counts of detectors depend on tau, the share of values above the threshold."""

from __future__ import annotations

import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from conceptatlas.figures.facts import facts, own_tau, places, sentences
from conceptatlas.figures.style import (
    INK,
    PAGE_WIDTH,
    SEQUENCE,
    grid,
    head,
    legend_beside,
    new_figure,
    plain,
    styled,
    whole_numbers,
)

PANELS = (
    ("detectors", "Detectors", "detectors (units)"),
    ("unique_by_category", "Unique detectors", "unique detectors (labels)"),
)
UNIQUE = "Unique detectors: distinct labels, summed over categories"


@styled
def tau_sensitivity(summary: pd.DataFrame) -> Figure:
    """Draw counts of one model's layers against tau, a line a layer, the study's own tau marked.

    summary : the joined summaries of the model's layers.
    """
    about = facts(summary)
    layers = [layer for _, layer in places(summary)]
    rows = summary[(summary["category"] == "") & summary["quantity"].isin([name for name, *_ in PANELS])].copy()
    rows["tau_value"] = rows["tau"].astype(float)
    levels = sorted(set(zip(rows["tau_value"], rows["tau"].astype(str), strict=True)))
    figure = new_figure(PAGE_WIDTH, max(3.8, 1.6 + 0.2 * len(layers)))
    axes = figure.subplots(1, 2)
    colours = colormaps[SEQUENCE]
    for ax, (quantity, title, label) in zip(axes, PANELS, strict=True):
        for i, layer in enumerate(layers):
            own = rows[(rows["quantity"] == quantity) & (rows["layer"] == layer)].sort_values("tau_value")
            colour = colours(0.05 + 0.83 * i / max(len(layers) - 1, 1))
            ax.plot(own["tau_value"], own["value"], marker="o", markersize=4, color=colour, label=plain(layer))
        ax.set_title(title)
        ax.set_ylabel(label)
        _axis(ax, levels, float(own_tau(summary)))
    legend_beside(axes[-1], axes[-1].get_legend_handles_labels()[0], title="layer")
    note = sentences(f"{about.images}, τ of the study: {about.tau} (dashed)", about.rule, UNIQUE)
    if len(levels) == 1:
        note += " Only one level of τ was tallied (thresholds.taus)."
    head(figure, f"Sensitivity to τ: {about.model} on {about.dataset}", note)
    return figure


def _axis(ax: Axes, levels: list[tuple[float, str]], own: float) -> None:
    ax.set_xscale("log")
    ax.set_xlim(levels[0][0] / 1.5, levels[-1][0] * 1.5)
    ax.xaxis.set_major_locator(FixedLocator([value for value, _ in levels]))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set_xlabel("τ, share of values above the threshold")
    ax.axvline(own, color=INK, linestyle="--", linewidth=0.8, zorder=1)
    ax.set_ylim(bottom=0, top=max(ax.get_ylim()[1], 1.0))
    whole_numbers(ax.yaxis)
    grid(ax)
