"""Detectors against the rotation of the basis: every run, mean and spread, the random twin beside, the controls."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from conceptatlas.figures.facts import places, sentences
from conceptatlas.figures.saving import DPI, save_figure
from conceptatlas.figures.style import (
    INK,
    OTHER,
    PAGE_WIDTH,
    SMALL_SIZE,
    colour_of,
    count,
    empty_figure,
    grid,
    head,
    in_order,
    legend_beside,
    marker_of,
    new_figure,
    number,
    plain,
    say,
    styled,
    whole_numbers,
)
from conceptatlas.tables import read_table

PANELS = {
    "detectors": "Detectors",
    "unique_by_category": "Unique detectors,\nsummed over categories",
    "unique_best_label": "Unique detectors,\nbest labels",
}
CONTROLS = {
    "identity": "units",
    "permutation": "permutation",
    "positive_scaling": "scaling > 0",
    "sign_flip": "all signs flipped",
    "turn_90_best": "two best turned 90°",
    "turn_90_detectors": "detectors turned 90°",
}
MODEL = "#0072B2"
_BAR_QUANTITIES = {"detectors": MODEL, "unique_by_category": "#56B4E9"}


class _Row(NamedTuple):
    """A row of panels: a layer of a model, and its twins with the same layer."""

    model: str
    layer: str
    twins: list[str]


def plot_rotations(
    *,
    rotations: list[str],
    controls: list[str],
    figure: list[str],
    categories: list[str],
    twins: list[dict[str, str]],
    options: dict[str, Any] | None = None,
) -> None:
    """Write both figures of the rotation of the basis of a data set.

    rotations, controls : tables of all layers, in the order of the sheets. figure, categories : paths, one a format.
    twins : rows of models.tsv that are twins (model, twin_of, twin_role). options : config section `figures`.
    """
    dpi = int((options or {}).get("dpi", DPI))
    runs = pd.concat([read_table(path) for path in rotations], ignore_index=True)
    turned = pd.concat([read_table(path) for path in controls], ignore_index=True)
    save_figure(rotation_curves(runs, turned, twins=twins), figure, dpi=dpi)
    save_figure(rotation_categories(runs, twins=twins), categories, dpi=dpi)


@styled
def rotation_curves(runs: pd.DataFrame, controls: pd.DataFrame, *, twins: list[dict[str, str]]) -> Figure:
    """Draw counts against alpha, a row a layer: both conventions of uniqueness, detectors, and the controls as bars.

    runs, controls : joined tables `rotation` and `controls`. twins : rows of models.tsv that are twins; a random twin
    is drawn in grey in the panels of its model.
    """
    title, note = _words(runs)
    if not len(runs):
        return empty_figure(title, "No basis was rotated.", note)
    note = sentences(
        note,
        "Bars: the units; their order, their positive scale (powers of two) do not matter; the sign does, since a "
        "threshold is one-sided, and a turn of two axes by 90° flips one sign",
    )
    rows = _rows(runs, twins)
    figure = new_figure(PAGE_WIDTH * 1.15, 1.9 + 2.3 * len(rows))
    axes = figure.subplots(len(rows), 4, squeeze=False, width_ratios=[1, 1, 1, 1.15])
    for line, row in zip(axes, rows, strict=True):
        for ax, (quantity, name) in zip(line, PANELS.items(), strict=False):
            for model, colour in _looks(row):
                _curve(ax, _total(runs, model, row.layer, quantity), colour)
            ax.set_title(name)
            _alpha_axis(ax)
        n_units = int(runs[(runs["model"] == row.model) & (runs["layer"] == row.layer)]["n_units"].iloc[0])
        line[0].set_ylabel(f"{plain(row.model)}\n{plain(row.layer)}, {count(n_units, 'unit')}")
        _bars(line[3], controls[(controls["model"] == row.model) & (controls["layer"] == row.layer)])
    for ax in axes[-1, :3]:
        ax.set_xlabel("α, power of the rotation")
    legend_beside(axes[0, 3], _legend(rows))
    head(figure, title, note)
    return figure


@styled
def rotation_categories(runs: pd.DataFrame, *, twins: list[dict[str, str]]) -> Figure:
    """Draw unique detectors of every category against alpha, a panel a layer; random twins dotted.

    runs, twins : as for `rotation_curves`.
    """
    title, note = _words(runs)
    title = title.replace("Detectors", "Categories of unique detectors", 1)
    note = note.replace("thin lines: each, thick: mean, band", "lines: mean, band", 1)
    named = runs[(runs["category"] != "") & (runs["quantity"] == "unique_by_category")]
    present = in_order(named.loc[named["value"] > 0, "category"])
    if not present:
        return empty_figure(title, "No direction of any basis is a detector.", note)
    rows = _rows(runs, twins)
    n_columns = min(len(rows), 3)
    n_lines = -(-len(rows) // n_columns)
    figure = new_figure(max(6.5, 1.5 + 3.2 * n_columns), 1.9 + 2.8 * n_lines)
    axes = figure.subplots(n_lines, n_columns, squeeze=False)
    for ax, row in zip(axes.flat, rows, strict=False):
        for category in present:
            for model, _ in _looks(row):
                own = named[(named["model"] == model) & (named["layer"] == row.layer)]
                table = _spread(own[own["category"] == category])
                is_twin = model != row.model
                if not is_twin:
                    ax.fill_between(table.index, table["low"], table["high"], color=colour_of(category), alpha=0.15,
                                    linewidth=0)  # fmt: skip
                ax.plot(
                    table.index,
                    table["mean"],
                    color=colour_of(category),
                    linestyle=":" if is_twin else "-",
                    marker="" if is_twin else marker_of(category),
                    markersize=3.5,
                )
        ax.set_title(f"{plain(row.model)}, {plain(row.layer)}")
        ax.set_ylabel("unique detectors (labels)")
        ax.set_xlabel("α, power of the rotation")
        _alpha_axis(ax)
    for ax in axes.flat[len(rows) :]:
        ax.set_axis_off()
    handles = [Line2D([], [], color=colour_of(name), marker=marker_of(name), label=plain(name)) for name in present]
    if any(row.twins for row in rows):
        handles.append(Line2D([], [], color=INK, linestyle=":", label="random twin"))
    legend_beside(axes[0, -1], handles)
    head(figure, title, note)
    return figure


def _words(runs: pd.DataFrame) -> tuple[str, str]:
    """Title and note that both figures share."""
    if not len(runs):
        return "Detectors in rotated bases", ""
    first = runs.iloc[0]
    n = int(runs["rotation"].nunique())
    note = sentences(
        f"Data set {plain(first['dataset'])}, n = {count(int(first['n_images']), 'image')}, τ = {first['tau']}",
        f"Detector: best IoU over images of the category > {number(float(first['detector_iou']), digits=2)}",
        f"Bases Q^α with {count(n, 'rotation')} Q drawn from SO(units); thin lines: each, thick: mean, band: ± one "
        "standard deviation over Q (none over images)",
        "Every direction has its own exact threshold",
        "Units were standardised first" if bool(first["standardise"]) else "",
    )
    return f"Detectors in rotated bases on {plain(first['dataset'])}", note


def _rows(runs: pd.DataFrame, twins: list[dict[str, str]]) -> list[_Row]:
    found = places(runs)
    models = {model for model, _ in found}
    floors: dict[str, list[str]] = {}
    for twin in twins:
        if twin["twin_role"] == "floor" and twin["twin_of"] in models:
            floors.setdefault(twin["twin_of"], []).append(twin["model"])
    beside = {(name, layer) for model, layer in found for name in floors.get(model, [])}
    return [
        _Row(model, layer, [name for name in floors.get(model, []) if (name, layer) in found])
        for model, layer in found
        if (model, layer) not in beside
    ]


def _looks(row: _Row) -> list[tuple[str, str]]:
    """Models of a row with their colours, twins first, so that they lie behind."""
    return [*((name, OTHER) for name in row.twins), (row.model, MODEL)]


def _total(runs: pd.DataFrame, model: str, layer: str, quantity: str) -> pd.DataFrame:
    return runs[
        (runs["model"] == model) & (runs["layer"] == layer) & (runs["quantity"] == quantity) & (runs["category"] == "")
    ]


def _spread(runs: pd.DataFrame) -> pd.DataFrame:
    """Mean and mean ± standard deviation by alpha."""
    table = runs.groupby("alpha")["value"].agg(["mean", "std"])
    spread = table["std"].fillna(0.0)
    return table.assign(low=np.maximum(table["mean"] - spread, 0), high=table["mean"] + spread)


def _curve(ax: Axes, runs: pd.DataFrame, colour: str) -> None:
    for _, run in runs.sort_values("alpha").groupby("rotation"):
        ax.plot(run["alpha"], run["value"], color=colour, linewidth=0.5, alpha=0.55, zorder=2)
    table = _spread(runs)
    ax.fill_between(table.index, table["low"], table["high"], color=colour, alpha=0.15, linewidth=0, zorder=1)
    ax.plot(table.index, table["mean"], color=colour, linewidth=2.2, marker="o", markersize=3.5, zorder=3)


def _alpha_axis(ax: Axes) -> None:
    ax.set_xlim(-0.03, 1.03)
    ax.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0", "¼", "½", "¾", "1"])
    ax.set_ylim(bottom=0, top=max(ax.get_ylim()[1], 1.0))
    whole_numbers(ax.yaxis)
    grid(ax)


def _bars(ax: Axes, controls: pd.DataFrame) -> None:
    """Counts of the controls, a group of bars each, from the top; the units' own numbers as lines."""
    ax.set_title("Controls")
    totals = controls[controls["category"] == ""]
    named = [name for name in CONTROLS if name in set(totals["control"])]
    if not named:
        say(ax, "No control was counted.")
        return
    for shift, (quantity, colour) in zip((-0.19, 0.19), _BAR_QUANTITIES.items(), strict=True):
        values = totals[totals["quantity"] == quantity].set_index("control")["value"]
        heights = [float(values[name]) for name in named]
        ax.barh(np.arange(len(named)) + shift, heights, height=0.36, color=colour)
        ax.axvline(heights[0], color=colour, linewidth=0.8, linestyle="--", zorder=0)
        for y, value in enumerate(heights):
            ax.annotate(f"{value:,.0f}", (value, y + shift), (2, 0), textcoords="offset points", va="center",
                        fontsize=SMALL_SIZE - 2)  # fmt: skip
    ax.set_yticks(range(len(named)), [CONTROLS[name] for name in named])
    ax.set_ylim(len(named) - 0.45, -0.55)
    ax.set_xlim(left=0, right=max(ax.get_xlim()[1] * 1.08, 1.0))
    whole_numbers(ax.xaxis)
    ax.tick_params(axis="y", length=0)


def _legend(rows: list[_Row]) -> list[Any]:
    handles: list[Any] = [Line2D([], [], color=MODEL, linewidth=2.2, marker="o", markersize=3.5, label="model")]
    if any(row.twins for row in rows):
        handles.append(Line2D([], [], color=OTHER, linewidth=2.2, marker="o", markersize=3.5, label="random twin"))
    names = {"detectors": "detectors", "unique_by_category": "unique detectors"}
    return handles + [Patch(facecolor=colour, label=names[name]) for name, colour in _BAR_QUANTITIES.items()]
