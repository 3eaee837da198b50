"""What becomes of the detectors at every level: kept, relabelled, lost; a panel a layer, a bar a level."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from matplotlib import patheffects as effects
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from conceptatlas.figures.facts import sentences
from conceptatlas.figures.robustness_levels import (
    CLEAN,
    KEPT,
    LOST,
    RELABELLED,
    Step,
    detectors_of,
    kind_title,
    layers_of,
    over_repeats,
    percent,
    place_of,
    rule_of,
    sample_of,
    steps_of,
)
from conceptatlas.figures.style import (
    BODY_SIZE,
    INK,
    PAGE_WIDTH,
    QUIET,
    count,
    empty_figure,
    grid,
    head,
    legend_beside,
    new_figure,
    plain,
    styled,
)

FATES = {
    "share_kept": ("kept", "#35708F", ""),
    "share_relabelled": ("relabelled", "#E3A857", "////"),
    "share_lost": ("lost", "#D9D9D9", ""),
}
_ENDS = {"share_kept": "kept", "share_relabelled": "relabelled", "share_lost": "lost"}
_HALO = [effects.withStroke(linewidth=3.0, foreground="white")]
GAP = 0.7
"""Between the bars of two kinds, in bars."""


def bar_places(steps: list[Step]) -> list[float]:
    """Where the bar of every level stands: one apart, kinds set apart by a gap."""
    places = []
    at = 0.0
    for i, step in enumerate(steps):
        at += 0.0 if i == 0 else 1.0 if step.kind == steps[i - 1].kind else 1.0 + GAP
        places.append(at)
    return places


@styled
def robustness_fates(summary: pd.DataFrame) -> Figure:
    """Draw the shares of detectors kept, relabelled and lost as stacked bars.

    summary : as for `robustness_curves`.
    """
    title = "Detectors kept, relabelled and lost"
    rows = summary[summary["category"] == ""]
    if not len(rows):
        return empty_figure(title, "No perturbation was measured.")
    title = f"{title}: {place_of(summary)}"
    note = sentences(
        sample_of(summary),
        rule_of(summary),
        CLEAN,
        f"Of the clean run's detectors, {KEPT}; {RELABELLED}; {LOST}",
        "Lines: interval of the share kept over blocks of images; several draws of a level are averaged",
    )
    detectors = detectors_of(summary)
    layers = [layer for layer in layers_of(rows) if detectors[layer]]
    if not layers:
        return empty_figure(title, "No unit of these layers is a detector in the clean run.", note)
    steps = steps_of(rows)
    n_columns = min(len(layers), 1 if len(layers) <= 3 or len(steps) > 12 else 2)
    n_rows = math.ceil(len(layers) / n_columns)
    figure = new_figure(PAGE_WIDTH, 2.0 + 1.6 * n_rows)
    axes = figure.subplots(n_rows, n_columns, squeeze=False, sharey=True, sharex=True)
    for ax, layer in zip(axes.flat, layers, strict=False):
        _bars(ax, rows[rows["layer"] == layer], steps)
        ax.set_title(f"{plain(layer)}: {count(detectors[layer], 'detector')}")
        ax.tick_params(axis="x", length=0)
    for ax in axes.flat[len(layers) :]:
        ax.set_visible(False)
    for line in axes:
        line[0].set_ylabel("detectors")
    for i in range(n_columns):  # the lowest panel there is in the column
        own = [ax for ax in axes[:, i] if ax.get_visible()]
        _levels(own[-1], steps)
    axes[0, 0].set_ylim(0, 1)
    axes[0, 0].set_yticks([0, 0.5, 1])
    percent(axes[0, 0].yaxis)
    handles = [
        Patch(facecolor=colour, hatch=hatch, edgecolor="white", label=name) for name, colour, hatch in FATES.values()
    ]
    legend_beside(axes[0, -1], handles[::-1])
    head(figure, title, note)
    return figure


def _bars(ax: Axes, own: pd.DataFrame, steps: list[Step]) -> None:
    places = dict(zip(steps, bar_places(steps), strict=True))
    bottom = np.zeros(len(steps))
    for share, (_, colour, hatch) in FATES.items():
        end = _ENDS[share]
        mean = over_repeats(own, share, f"{end}_low", f"{end}_high")
        by_step = {Step(row["kind"], row["amount"]): row for row in mean.to_dict(orient="records")}
        values = np.array([by_step[step]["value"] if step in by_step else np.nan for step in steps])
        ax.bar(
            list(places.values()),
            values,
            0.82,
            bottom=bottom,
            color=colour,
            hatch=hatch,
            edgecolor="white",
            linewidth=0,
        )
        bottom += np.nan_to_num(values)
        if share == "share_kept":
            for step, row in by_step.items():
                ax.plot([places[step]] * 2, [row["low"], row["high"]], color=INK, linewidth=1.2, path_effects=_HALO)
    grid(ax)


def _levels(ax: Axes, steps: list[Step]) -> None:
    """Amounts under the bars, kinds under the amounts."""
    places = bar_places(steps)
    ax.tick_params(axis="x", labelbottom=True)
    ax.set_xticks(places, [step.tick for step in steps])
    ax.set_xlim(-0.7, places[-1] + 0.7)
    second = ax.secondary_xaxis(location=0)
    middles = {}
    for kind in dict.fromkeys(step.kind for step in steps):
        own = [place for step, place in zip(steps, places, strict=True) if step.kind == kind]
        middles[kind] = sum(own) / len(own)
    second.set_xticks(list(middles.values()), ["\n" + kind_title(kind).replace(", ", "\n") for kind in middles])
    second.tick_params(axis="x", length=0, labelsize=BODY_SIZE, labelcolor=QUIET)
    second.spines[:].set_visible(False)
