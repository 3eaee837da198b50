"""Every similarity between floor and ceiling: a layer's to its random twin, to its other-seed twin, and to others."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from conceptatlas.figures.facts import sentences
from conceptatlas.figures.similarity_facts import (
    Place,
    images_sentence,
    joined,
    kinds_of,
    layer_words,
    look_of,
    models_of,
    rows_of,
)
from conceptatlas.figures.style import INK, OTHER, empty_figure, grid, head, new_figure, plain, styled
from conceptatlas.similarity.pair_tables import EMBEDDING_MEASURES
from conceptatlas.similarity.positions import both_ways

Array = np.ndarray[Any, Any]

MEASURES_SHOWN = ("ucs", "correspondence", "sfss", "cka", "rsa", "procrustes", "regression_ab",
                  *EMBEDDING_MEASURES)  # fmt: skip
CEILING = "#222222"
ROW = 0.26  # inches
COLUMNS = 3


@styled
def floor_to_ceiling(summary: pd.DataFrame, pairs: pd.DataFrame, places: list[Place]) -> Figure:
    """Draw, for every layer that has twins, its similarity to the best layer of each other model.

    Parameters
    ----------
    summary : summary.parquet, whose rows `position` hold floor and ceiling. pairs : the tables of all models.
    """
    title = "Between the random twin and the other-seed twin"
    title += f" on {plain(pairs['dataset'].iloc[0])}" if len(pairs) else ""
    rows = summary[summary["fact"] == "position"] if len(summary) else summary
    kinds = [
        kind
        for kind in kinds_of(rows, MEASURES_SHOWN)
        if rows_of(rows, kind)[["floor", "ceiling"]].notna().to_numpy().any()
    ]
    if not kinds:
        return empty_figure(title, _why_empty(rows))
    bounded = rows[rows[["floor", "ceiling"]].notna().any(axis=1)]
    named = set(zip(bounded["model_a"], bounded["layer_a"], strict=True))
    layers = [place for place in places if (place.model, place.layer) in named]
    models, seen = models_of(places), both_ways(pairs)
    twins = twins_in(rows, seen)
    n_columns = min(COLUMNS, len(kinds))
    n_rows = math.ceil(len(kinds) / n_columns)
    figure = new_figure(2.6 + 2.7 * n_columns, 1.9 + n_rows * max(1.4, 0.75 + ROW * len(layers)))
    axes = figure.subplots(n_rows, n_columns, squeeze=False, sharey=True)
    for ax in axes.flat[len(kinds) :]:
        ax.set_axis_off()
    for ax, kind in zip(axes.flat, kinds, strict=False):
        _panel(ax, rows_of(rows, kind), rows_of(seen, kind), layers, models, twins)
        ax.set_title(kind.words)
        ax.tick_params(axis="y", length=0)
        grid(ax, "x")
    for ax in axes[:, 0]:
        words = [f"{plain(place.model, width=20)}, {layer_words(place.layer)}" for place in layers]
        ax.set_yticks(range(len(layers)), words)
        ax.set_ylim(len(layers) - 0.4, -0.6)
    others = sorted({name for place in layers for kind in kinds
                     for name in similarities(rows_of(seen, kind), place, twins)},
                    key=lambda name: _at(models, name))  # fmt: skip
    handles = [
        *(Line2D([], [], linestyle="none", marker="|", markersize=11, color=colour, markeredgewidth=2, label=words)
          for colour, words, end in ((OTHER, "random twin", "floor"), (CEILING, "other-seed twin", "ceiling"))
          if rows[end].notna().any()),
        *(Line2D([], [], linestyle="none", label=plain(name, width=24), **look_of(_at(models, name)))
          for name in others),
    ]  # fmt: skip
    figure.legend(handles=handles, loc="outside right center")
    undefined = int(joined([rows_of(rows, kind) for kind in kinds])["value"].isna().sum())
    note = sentences(
        images_sentence(pairs),
        "Ticks: similarity of the layer to the same layer of its model's random twin (floor) and of its other-seed "
        "twin (ceiling); a point: similarity to the layer of another model that is most alike; small: to the others",
        f"{undefined:,} positions are undefined: a twin is missing, or the interval of ceiling - floor holds 0"
        if undefined else "",
    )  # fmt: skip
    head(figure, title, note)
    return figure


def twins_in(rows: pd.DataFrame, seen: pd.DataFrame) -> set[tuple[str, str]]:
    """(model, twin): models whose layers of the same name gave the floors, or the ceilings, of all measures.

    rows : summary rows `position`. seen : all pairs from both sides (`both_ways`).
    """
    key = ["measure", "threshold", "model_a", "layer_a"]
    ends = rows[[*key, "floor", "ceiling"]].drop_duplicates(key)
    same = seen.loc[(seen["layer_a"] == seen["layer_b"]) & seen["value"].notna(), [*key, "model_b", "value"]]
    both = same[same["model_b"] != same["model_a"]].merge(ends, on=key)
    found = set()
    for role in ("floor", "ceiling"):
        there = both[both[role].notna()]
        for (model, twin), equal in (there["value"] == there[role]).groupby([there["model_a"], there["model_b"]]):
            if equal.all():
                found.add((str(model), str(twin)))
    return found


def similarities(seen: pd.DataFrame, place: Place, twins: set[tuple[str, str]]) -> dict[str, Array]:
    """Similarity of a layer to all layers of each model that is neither its own nor a twin of it, sorted.

    seen : pairs of one measure from both sides (`both_ways`).

    Returns
    -------
    dict
        model -> float64 (layer,), ascending.
    """
    pairs = seen[(seen["model_a"] == place.model) & (seen["layer_a"] == place.layer) & (seen["model_b"] != place.model)]
    found: dict[str, Array] = {}
    for model, rows in pairs.groupby("model_b", sort=False):
        values = rows["value"].dropna().to_numpy(dtype=np.float64)
        if len(values) and (place.model, str(model)) not in twins:
            found[str(model)] = np.sort(values)
    return found


def _panel(
    ax: Axes, positions: pd.DataFrame, seen: pd.DataFrame, layers: list[Place], models: list[str],
    twins: set[tuple[str, str]],
) -> None:  # fmt: skip
    for y, place in enumerate(layers):
        own = positions[(positions["model_a"] == place.model) & (positions["layer_a"] == place.layer)]
        ends = [own[name].dropna().to_numpy(dtype=np.float64) for name in ("floor", "ceiling")]
        if all(len(end) for end in ends):
            ax.plot([ends[0][0], ends[1][0]], [y, y], color="#CCCCCC", linewidth=3, solid_capstyle="butt", zorder=1)
        for end, colour in zip(ends, (OTHER, CEILING), strict=True):
            if len(end):
                ax.plot(end[:1], [y], marker="|", markersize=11, color=colour, markeredgewidth=2, zorder=3)
        for model, values in similarities(seen, place, twins).items():
            look = look_of(_at(models, model))
            ax.plot(values[:-1], np.full(len(values) - 1, y), ".", color=look["color"], alpha=0.35, markersize=3,
                    linestyle="none", zorder=2)  # fmt: skip
            ax.plot(values[-1:], [y], linestyle="none", markersize=5, markeredgecolor="white", markeredgewidth=0.5,
                    zorder=4, **look)  # fmt: skip
    ax.axvline(0, color=INK, linewidth=0.6)
    ax.xaxis.set_major_locator(MaxNLocator(4))


def _at(models: list[str], name: str) -> int:
    return models.index(name) if name in models else len(models)


def _why_empty(rows: pd.DataFrame) -> str:
    reasons = [plain(reason, width=140) for reason in rows["reason"].dropna().unique() if reason] if len(rows) else []
    return "; ".join(reasons) or "No model of this study has a twin (columns twin_of and twin_role of models)."
