"""Where a trained model stands between its floor (random weights) and its ceiling (another seed).

position = (s - floor) / (ceiling - floor) of the same count on the same layer. It is undefined where the denominator's
interval holds 0; that interval is taken from end to end of the two counts' own, which is wider than it needs to be
(the twins see the same resampled images), so that no position rests on a difference that may be nothing.
"""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from conceptatlas.figures.facts import INTERVAL, facts, own_level, places, sentences
from conceptatlas.figures.style import (
    INK,
    OTHER,
    PAGE_WIDTH,
    SMALL_SIZE,
    empty_figure,
    grid,
    head,
    new_figure,
    number,
    plain,
    styled,
    whole_numbers,
)

ROLES = ("floor", "ceiling")
QUANTITIES = {"detectors": "Detectors", "unique_by_category": "Unique detectors"}
UNITS = {"detectors": "units", "unique_by_category": "labels, summed over categories"}
_LOOK: dict[str, dict[str, Any]] = {
    "floor": {"color": OTHER, "marker": "v"},
    "value": {"color": "#0072B2", "marker": "o"},
    "ceiling": {"color": "#D55E00", "marker": "^"},
}


def twin_positions(summary: pd.DataFrame, twins: list[dict[str, str]]) -> pd.DataFrame:
    """Counts of models beside those of their twins, layer by layer.

    Parameters
    ----------
    summary : joined summaries of a data set.
    twins : rows of models.tsv that are twins: model, twin_of, twin_role (floor or ceiling).

    Returns
    -------
    DataFrame
        model, layer, quantity; value, floor, ceiling each with `_low` and `_high`; position; reason (why there is no
        position). Layers are matched by name. Of several twins in one role the first is taken.
    """
    rows = own_level(summary)
    rows = rows[(rows["category"] == "") & rows["quantity"].isin(list(QUANTITIES))]
    found = {(r["model"], r["layer"], r["quantity"]): r for r in rows.to_dict(orient="records")}
    roles: dict[tuple[str, str], str] = {}
    for twin in twins:
        roles.setdefault((twin["twin_of"], twin["twin_role"]), twin["model"])
    out = []
    for model, layer in places(rows):
        if not any((model, role) in roles for role in ROLES):
            continue
        for quantity in QUANTITIES:
            entry: dict[str, Any] = {"model": model, "layer": layer, "quantity": quantity}
            named = {"value": model} | {role: roles.get((model, role), "") for role in ROLES}
            for role, name in named.items():
                row = found.get((name, layer, quantity), {})
                entry[role] = row.get("value", float("nan"))
                entry[f"{role}_low"] = row.get("ci_low", float("nan"))
                entry[f"{role}_high"] = row.get("ci_high", float("nan"))
            entry["position"], entry["reason"] = position(entry)
            out.append(entry)
    columns = ["model", "layer", "quantity"]
    columns += [f"{role}{end}" for role in ("value", *ROLES) for end in ("", "_low", "_high")]
    return pd.DataFrame(out, columns=[*columns, "position", "reason"])


def position(entry: dict[str, Any]) -> tuple[float, str]:
    """Position between floor and ceiling, and why there is none."""
    for role in ROLES:
        if pd.isna(entry[role]):
            return float("nan"), f"no {role}"
    low = entry["ceiling_low"] - entry["floor_high"]
    high = entry["ceiling_high"] - entry["floor_low"]
    distance = entry["ceiling"] - entry["floor"]
    if pd.isna(low) or pd.isna(high):
        return float("nan"), "no interval"
    if low <= 0 <= high or distance == 0:
        return float("nan"), "undefined: floor and ceiling overlap"
    return float((entry["value"] - entry["floor"]) / distance), ""


@styled
def twin_figure(summary: pd.DataFrame, *, twins: list[dict[str, str]]) -> Figure:
    """Draw every model that has twins between its floor and its ceiling, a row a layer.

    summary, twins : as for `twin_positions`.
    """
    about = facts(summary)
    title = f"Detectors between floor and ceiling on {about.dataset}"
    table = twin_positions(summary, twins)
    note = sentences(
        f"{about.images}, τ = {about.tau}",
        about.rule,
        f"Lines: interval, {INTERVAL}",
        "Position = (model - floor) / (ceiling - floor), undefined where the interval of the denominator holds 0",
    )
    if not len(table):
        return empty_figure(title, "No model of this study has a twin (columns twin_of and twin_role of models).", note)
    height, ticks = _heights(table)
    last = max(height.values())
    figure = new_figure(PAGE_WIDTH, 2.0 + 0.3 * (last + 1))
    axes = figure.subplots(1, 2, sharey=True)
    for ax, quantity in zip(axes, QUANTITIES, strict=True):
        for row in table[table["quantity"] == quantity].to_dict(orient="records"):
            _row(ax, height[row["model"], row["layer"]], row)
        ax.set_title(f"{QUANTITIES[quantity]}\n")
        ax.text(1.02, 1.02, "position", transform=ax.transAxes, fontsize=SMALL_SIZE, fontweight="bold")
        ax.set_xlabel(UNITS[quantity])
        ax.set_xlim(left=0)
        whole_numbers(ax.xaxis)
        grid(ax, "x")
        ax.tick_params(axis="y", length=0)
    axes[0].set_yticks([at for at, *_ in ticks], [plain(text) for _, text, _ in ticks])
    for label, (*_, is_model) in zip(axes[0].get_yticklabels(), ticks, strict=True):
        label.set_fontweight("bold" if is_model else "normal")
    axes[0].set_ylim(last + 0.6, -0.6)
    names = {"floor": "floor", "value": "model", "ceiling": "ceiling"}
    there = {role: look for role, look in _LOOK.items() if table[role].notna().any()}
    handles = [Line2D([], [], label=names[role], linewidth=1.4, **look) for role, look in there.items()]
    figure.legend(handles=handles, loc="outside right center")
    head(figure, title, note)
    return figure


def _heights(table: pd.DataFrame) -> tuple[dict[tuple[str, str], int], list[tuple[int, str, bool]]]:
    height: dict[tuple[str, str], int] = {}
    ticks: list[tuple[int, str, bool]] = []
    previous = None
    for model, layer in places(table):
        if model != previous:
            ticks.append((len(ticks), model, True))
            previous = model
        height[model, layer] = len(ticks)
        ticks.append((len(ticks), layer, False))
    return height, ticks


def _row(ax: Axes, y: float, row: dict[Any, Any]) -> None:
    for shift, role in ((-0.18, "floor"), (0.0, "value"), (0.18, "ceiling")):
        if pd.notna(row[role]):
            look = _LOOK[role]
            ax.plot([row[f"{role}_low"], row[f"{role}_high"]], [y + shift] * 2, color=look["color"], linewidth=1.4)
            ax.plot([row[role]], [y + shift], linestyle="none", **look)
    words = number(row["position"], digits=2) if pd.notna(row["position"]) else row["reason"].partition(":")[0]
    ax.annotate(words, (1.02, y), xycoords=("axes fraction", "data"), va="center", fontsize=SMALL_SIZE, color=INK)
