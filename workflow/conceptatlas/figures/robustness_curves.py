"""Robustness against the level of each perturbation: detectors kept, IoU retained, agreement of the masks; by layer."""

from __future__ import annotations

from typing import Any, NamedTuple

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from conceptatlas.figures.facts import sentences
from conceptatlas.figures.robustness_levels import (
    AGREEMENT,
    CLEAN,
    KEPT,
    REPEATS,
    RETAINED,
    amount_axis,
    beside,
    detectors_of,
    kind_title,
    kinds_of,
    layer_looks,
    layers_of,
    over_repeats,
    percent,
    place_of,
    rule_of,
    sample_of,
    steps_of,
)
from conceptatlas.figures.style import (
    INK,
    OTHER,
    PAGE_WIDTH,
    empty_figure,
    grid,
    head,
    legend_beside,
    new_figure,
    plain,
    say,
    styled,
)

INTERVAL = "Bands and bars: interval over blocks of images"


class _Measure(NamedTuple):
    value: str
    low: str
    high: str
    label: str
    is_share: bool


MEASURES = (
    _Measure("share_kept", "kept_low", "kept_high", "detectors kept", True),
    _Measure("retained", "retained_low", "retained_high", "retained IoU", True),
    _Measure("agreement", "agreement_low", "agreement_high", "mask agreement (IoU)", False),
)


@styled
def robustness_curves(summary: pd.DataFrame, *, twin: pd.DataFrame | None = None, twin_name: str = "") -> Figure:
    """Draw a model's three measures (rows) against the level of each kind (columns), a line a layer.

    Parameters
    ----------
    summary : joined ``robustness/.../summary.parquet`` of the model's layers, in the order of the sheet.
    twin, twin_name : the same of its random twin, drawn in grey, and what to call it.
    """
    title = "Robustness of detectors"
    rows = summary[summary["category"] == ""]
    if not len(rows):
        return empty_figure(title, "No perturbation was measured.")
    title = f"{title}: {place_of(summary)}"
    found = detectors_of(summary)
    note = sentences(
        sample_of(summary),
        rule_of(summary),
        CLEAN,
        f"A detector is {KEPT}",
        RETAINED,
        AGREEMENT,
        INTERVAL,
        REPEATS if _repeated(rows) else "",
        f"Grey: {plain(twin_name, width=40)} ({_counts(twin)}), same layers in the same marks" if _any(twin) else "",
    )
    if not any(found.values()):
        return empty_figure(title, "No unit of these layers is a detector in the clean run.", note)
    kinds, looks = kinds_of(rows), layer_looks(layers_of(rows))
    figure = new_figure(PAGE_WIDTH, 2.0 + 2.1 * len(MEASURES))
    axes = figure.subplots(len(MEASURES), len(kinds), squeeze=False, sharex="col", sharey="row")
    for line, measure in zip(axes, MEASURES, strict=True):
        for ax, kind in zip(line, kinds, strict=True):
            if twin is not None:
                grey = {layer: look | {"color": OTHER} for layer, look in looks.items()}
                _lines(ax, twin[twin["category"] == ""], kind, measure, grey, thin=True)
            _lines(ax, rows, kind, measure, looks)
            ax.axhline(1.0, color=INK, linestyle=":", linewidth=0.8, zorder=1)
            grid(ax)
        line[0].set_ylabel(measure.label)
        line[0].set_ylim(0, max(1.05, line[0].get_ylim()[1]))
        if measure.is_share:
            percent(line[0].yaxis)
    for top, bottom, kind in zip(axes[0], axes[-1], kinds, strict=True):
        top.set_title(kind_title(kind))
        amount_axis(bottom, steps_of(rows, kind))
    if not rows["agreement"].notna().any():
        say(axes[-1, 0], "No mask could be compared.")
    handles = [Line2D([], [], label=plain(layer), **look) for layer, look in looks.items() if found[layer]]
    if _any(twin):
        handles.append(Line2D([], [], color=OTHER, linewidth=1.0, label="random twin"))
    handles.append(Line2D([], [], color=INK, linestyle=":", linewidth=0.8, label="clean run"))
    legend_beside(axes[0, -1], handles, title="layer")
    head(figure, title, note)
    return figure


def _lines(
    ax: Axes,
    rows: pd.DataFrame,
    kind: str,
    measure: _Measure,
    looks: dict[str, dict[str, Any]],
    *,
    thin: bool = False,
) -> None:
    own = rows[(rows["kind"] == kind) & rows[measure.value].notna()]
    steps = steps_of(rows, kind)
    for i, (layer, look) in enumerate(looks.items()):
        part = own[own["layer"] == layer]
        if not len(part):
            continue
        mean = over_repeats(part, measure.value, measure.low, measure.high)
        colour, x = look["color"], beside(mean["amount"], steps, i, len(looks))
        if (mean["n"] > 1).any():
            for _, single in part.groupby("repeat"):
                single = single.sort_values("amount")
                at = beside(single["amount"], steps, i, len(looks))
                ax.plot(at, single[measure.value], color=colour, linewidth=0.5, alpha=0.6, zorder=2)
        options: dict[str, Any] = (
            {"linewidth": 0.9, "markersize": 3.0, "zorder": 2.5} if thin else {"markersize": 4.5, "zorder": 3}
        )
        ax.plot(x, mean["value"], **look, **options)
        if not thin:
            ax.fill_between(x, mean["low"], mean["high"], color=colour, alpha=0.12, linewidth=0)
        ax.vlines(x, mean["low"], mean["high"], color=colour, linewidth=0.9, alpha=0.7)


def _repeated(rows: pd.DataFrame) -> bool:
    return bool(rows.duplicated(["layer", "kind", "amount"]).any())


def _any(twin: pd.DataFrame | None) -> bool:
    return twin is not None and any(detectors_of(twin).values())


def _counts(twin: pd.DataFrame | None) -> str:
    if twin is None:
        return ""
    return ", ".join(f"{plain(layer)} {n:,}" for layer, n in detectors_of(twin).items()) + " detectors"
