"""Layer graph: detectors of every category against the depth of the layer (Network Dissection's figure over layers)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter

from conceptatlas.figures.facts import INTERVAL, facts, null_sentence, own_level, places, sentences
from conceptatlas.figures.style import (
    INK,
    OTHER,
    PAGE_WIDTH,
    colour_of,
    count,
    grid,
    head,
    in_order,
    legend_beside,
    marker_of,
    new_figure,
    plain,
    styled,
    whole_numbers,
)

TOTAL = "all"


@styled
def layer_graph(summary: pd.DataFrame) -> Figure:
    """Draw counts of one model's layers in the order of the sheet: detectors, their share of units, unique detectors.

    summary : the joined summaries of the model's layers.
    """
    rows = own_level(summary)
    about = facts(summary)
    layers = [layer for _, layer in places(rows)]
    detectors = rows[rows["quantity"] == "detectors"]
    unique = rows[rows["quantity"] == "unique_by_category"]
    categories = in_order(detectors.loc[detectors["value"] > 0, "category"])
    categories = in_order([*categories, *unique.loc[unique["value"] > 0, "category"]])
    names = [plain(layer) for layer in layers]
    figure = new_figure(PAGE_WIDTH, 3.6 + 0.06 * max(map(len, names)))
    axes = figure.subplots(1, 3)
    panels: list[tuple[pd.DataFrame, str, str, Callable[[pd.DataFrame], pd.Series | float]]] = [
        (detectors, "Detectors", "detectors (units)", lambda part: 1.0),
        (detectors, "Share of the layer's units", "detectors (% of units)", lambda part: part["n_units"]),
        (unique, "Unique detectors", "unique detectors (labels)", lambda part: 1.0),
    ]
    for ax, (part, title, label, divisor) in zip(axes, panels, strict=True):
        for i, category in enumerate([*categories, ""]):
            own = part[part["category"] == category].set_index("layer").reindex(layers).reset_index()
            aside = 0.08 * (i - len(categories) / 2) if len(layers) == 1 else 0.0
            _line(ax, own, category, divisor(own), alone=len(categories) == 1, aside=aside)
        ax.set_title(title)
        ax.set_ylabel(label)
        ax.set_ylim(bottom=0)
        if not categories:
            ax.text(0.5, 0.5, "no detectors", transform=ax.transAxes, ha="center", va="center")
        _axis(ax, names)
    whole_numbers(axes[0].yaxis)
    axes[1].yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:g}"))
    whole_numbers(axes[2].yaxis)
    legend_beside(axes[-1], _handles(categories, rows))
    absent = [name for name in in_order(detectors["category"]) if name not in categories]
    note = sentences(
        f"{about.images}, τ = {about.tau}, {_units(summary)}",
        about.rule,
        f"Bands: interval, {INTERVAL}",
        null_sentence(int(summary["n_permutations"].max())),
        f"No detectors of {', '.join(map(plain, absent))}" if absent and categories else "",
    )
    head(figure, f"Detectors against depth: {about.model} on {about.dataset}", note)
    return figure


def _units(summary: pd.DataFrame) -> str:
    per_layer = summary.drop_duplicates("layer")["n_units"].astype(int)
    return f"{count(len(per_layer), 'layer')} with {count(int(per_layer.sum()), 'unit')} in all"


def _line(ax: Axes, own: pd.DataFrame, category: str, divisor: pd.Series | float, *, alone: bool, aside: float) -> None:
    """A category's line; the total (category "") comes with its null, and without a line where one category is all."""
    x = np.arange(len(own)) + aside  # marks of a single layer stand side by side
    if category == "":
        ax.plot(x, own["null_high"] / divisor, color=OTHER, linestyle=":", marker="_", zorder=2)
        if alone:
            return
    colour = INK if category == "" else colour_of(category)
    marker = "." if category == "" else marker_of(category)
    value, low, high = (own[column] / divisor for column in ("value", "ci_low", "ci_high"))
    ax.plot(x, value, color=colour, marker=marker, linestyle="--" if category == "" else "-", zorder=3)
    ax.fill_between(x, low, high, color=colour, alpha=0.13, linewidth=0)
    ax.vlines(x, low, high, color=colour, linewidth=0.9, alpha=0.7)


def _axis(ax: Axes, names: list[str]) -> None:
    turned = len(names) > 4 or max(map(len, names)) > 8
    ax.set_xticks(range(len(names)), names, rotation=60 if turned else 0, ha="right" if turned else "center")
    for label in ax.get_xticklabels():
        label.set_rotation_mode("anchor" if turned else "default")
    ax.set_xlim(-0.4, len(names) - 0.6)
    ax.set_xlabel("layer, in order of depth")
    grid(ax)


def _handles(categories: list[str], rows: pd.DataFrame) -> list[Line2D]:
    handles = [Line2D([], [], color=colour_of(name), marker=marker_of(name), label=plain(name)) for name in categories]
    if len(categories) != 1:
        handles.append(Line2D([], [], color=INK, marker=".", linestyle="--", label=TOTAL))
    if rows["null_high"].notna().any():
        handles.append(Line2D([], [], color=OTHER, marker="_", linestyle=":", label="null of all,\n95 % point"))
    return handles
