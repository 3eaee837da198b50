"""How alike are all layers of all models? A heat map of layers against layers, a measure a figure."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from conceptatlas.figures.facts import sentences
from conceptatlas.figures.similarity_facts import (
    REGRESSION,
    Kind,
    Place,
    definition,
    images_sentence,
    layer_words,
    null_sentence,
    other_layers,
    pair_matrix,
    rows_of,
    undefined_sentence,
)
from conceptatlas.figures.style import INK, SMALL_SIZE, empty_figure, head, new_figure, plain, styled

Array = np.ndarray[Any, Any]

COLOURS = "viridis"
ABSENT = "#D5D5D5"
MOST_WITH_NUMBERS = 16
"""Layers up to which every cell prints its value."""
MOST_WITH_NAMES = 120
"""Layers up to which every row has its name."""
LEAST_SPAN = 0.1
"""Least span of the colours: differences that are next to nothing look like it."""
SIDE = 6.2  # inches
LARGEST_SIDE = 15.0  # inches


@styled
def layer_matrix(pairs: pd.DataFrame, places: list[Place], *, kind: Kind) -> Figure:
    """Draw a measure between all layers, model by model; cells without a value are grey.

    Parameters
    ----------
    pairs : the tables of all models under one another (PAIR_COLUMNS). places : in the order of the sheets.
    kind : the measure; ``regression`` is directed, a row explains a column.
    """
    directed = kind.measure == REGRESSION
    rows = rows_of(pairs, Kind("regression_ab", kind.threshold) if directed else kind)
    if directed:
        rows = pd.concat([rows, rows_of(pairs, Kind("regression_ba", kind.threshold))])
    rows = other_layers(rows)
    data = f", {plain(pairs['dataset'].iloc[0])}" if len(pairs) else ""
    title = f"How alike are layers? {kind.words[0].upper()}{kind.words[1:]}{data}"
    note = sentences(images_sentence(rows), definition(kind.measure))
    values = pair_matrix(pairs, places, kind)
    if len(places) < 2 or not np.isfinite(values).any():
        return empty_figure(title, _why_empty(rows, places), note)
    n = len(places)
    cell = 0.42 if n <= MOST_WITH_NUMBERS else min(max(0.155, SIDE / n), LARGEST_SIDE / n)
    figure = new_figure(max(6.6, 4.4 + cell * n), max(4.2, 3.1 + cell * n))
    ax = figure.add_subplot()
    low, high = colour_range(values)
    image = ax.imshow(np.ma.masked_invalid(values), cmap=COLOURS, vmin=low, vmax=high)
    ax.set_facecolor(ABSENT)
    _names(ax, places, cell)
    model_blocks(ax, places, cell)
    above = _above_null(pairs, places, kind, values)
    _mark(ax, values, above, middle=(low + high) / 2, with_numbers=n <= MOST_WITH_NUMBERS, cell=cell)
    itself = float(np.nanmax(np.append(np.diag(values), -np.inf)))
    ends = {(False, False): "neither", (True, False): "max", (False, True): "min", (True, True): "both"}
    outside = ends[itself > high, bool(np.nanmin(values) < low)]
    bar = figure.colorbar(image, ax=ax, shrink=0.7, pad=0.02, extend=outside)
    bar.set_label("explained share" if directed else kind.words)
    bar.outline.set_visible(False)
    notes = [
        null_sentence(rows),
        undefined_sentence(rows),
        f"{'Parentheses' if n <= MOST_WITH_NUMBERS else 'White dot'}: not above the null's 95 % point"
        if np.isfinite(above).any() and (above == 0).any() else "",
        "Behind a layer its relative depth" if n <= MOST_WITH_NAMES else "Layers in their order",
        "Colours span pairs of different layers",
    ]  # fmt: skip
    head(figure, title, sentences(note, *notes))
    return figure


def colour_range(values: Array) -> tuple[float, float]:
    """Lowest and highest colour: the values of pairs of different layers, 0 included unless all lie above 0.5.

    The diagonal, a layer with itself, counts only where there is nothing else. At the lower end -1: a share of
    explained variance has no lower limit, and one bad pair would hide all others.
    """
    off = values[~np.eye(len(values), dtype=bool)]
    off = off[np.isfinite(off)]
    if not len(off):
        return 0.0, 1.0
    low, high = float(off.min()), float(off.max())
    low = max(low, -1.0) if low < 0.5 else low
    low = min(low, 0.0) if low < 0.5 else 0.5
    return low, max(high, low + LEAST_SPAN)


def _why_empty(rows: pd.DataFrame, places: list[Place]) -> str:
    if len(places) < 2:
        return "There are not two layers to compare."
    reasons = [str(reason) for reason in rows["reason"].dropna().unique() if reason] if len(rows) else []
    return f"No pair of layers has a value: {plain('; '.join(reasons), width=200) or 'the measure was not taken'}."


def _above_null(pairs: pd.DataFrame, places: list[Place], kind: Kind, values: Array) -> Array:
    """1 where a value is above the null's 95 % point, 0 where not, NaN without a null or on the diagonal."""
    points = pair_matrix(pairs, places, kind, column="null_high")
    there = np.isfinite(values) & np.isfinite(points) & ~np.eye(len(values), dtype=bool)
    return np.where(there, np.where(there, values, 0) > np.where(there, points, 0), np.nan)


def _names(ax: Axes, places: list[Place], cell: float) -> None:
    n = len(places)
    ax.tick_params(length=0)
    for spine in ax.spines.values():
        spine.set_visible(False)
    if n > MOST_WITH_NAMES:
        models = [place.model for place in places]
        middles = {model: float(np.mean([i for i, one in enumerate(models) if one == model])) for model in models}
        ax.set_xticks([])
        ax.set_yticks(list(middles.values()), [plain(model, width=24) for model in middles], fontweight="bold")
        return
    size = SMALL_SIZE if n <= 26 else max(4.5, cell * 42)
    ax.set_xticks(range(n), [layer_words(place.layer) for place in places], rotation=90, fontsize=size)
    ax.set_yticks(
        range(n), [f"{plain(p.model, width=20)}, {layer_words(p.layer)}  {p.depth:.2f}" for p in places], fontsize=size
    )


def model_blocks(ax: Axes, places: list[Place], cell: float) -> None:
    """White lines between models, their names above; slanted where one is wider than its layers.

    cell : side of a cell, inches.
    """
    starts = [i for i, place in enumerate(places) if i == 0 or place.model != places[i - 1].model]
    for start in starts[1:]:
        ax.axhline(start - 0.5, color="white", linewidth=2.5)
        ax.axvline(start - 0.5, color="white", linewidth=2.5)
    spans = list(zip(starts, [*starts[1:], len(places)], strict=True))
    names = [plain(places[start].model, width=24) for start in starts]
    fits = all(len(name) * 0.082 <= (end - start) * cell for name, (start, end) in zip(names, spans, strict=True))
    for name, (start, end) in zip(names, spans, strict=True):
        middle = (start + end - 1) / 2
        ax.text(
            start - 0.45 if fits else middle, -0.62, name, fontsize=SMALL_SIZE, fontweight="bold", ha="left",
            va="bottom", rotation=0 if fits else 35, rotation_mode="anchor",
        )  # fmt: skip


def _mark(ax: Axes, values: Array, above: Array, *, middle: float, with_numbers: bool, cell: float) -> None:
    """Values in the cells, in parentheses where they are not above the null; in large maps a dot there."""
    if not with_numbers:
        i, j = np.nonzero(above == 0)
        ax.scatter(j, i, s=(cell * 72 * 0.16) ** 2, color="white", linewidths=0, zorder=3)
        return
    for i, j in zip(*np.nonzero(np.isfinite(values)), strict=True):
        text = f"{values[i, j]:.2f}".replace("0.", ".", 1).replace("-.00", ".00")
        ax.text(
            j, i, f"({text})" if above[i, j] == 0 else text, ha="center", va="center", fontsize=SMALL_SIZE - 1.5,
            color="white" if values[i, j] < middle else INK,
        )  # fmt: skip
