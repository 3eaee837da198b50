"""Which concepts of one layer are those of another? UCS of all concepts of two layers at every threshold."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from conceptatlas.figures.facts import sentences
from conceptatlas.figures.similarity_chosen import LayerPair, concept_rows_of, why_chosen
from conceptatlas.figures.similarity_facts import MOST_SHOWN, UCS, images_sentence
from conceptatlas.figures.style import (
    INK,
    PAGE_WIDTH,
    SMALL_SIZE,
    count,
    empty_figure,
    head,
    new_figure,
    styled,
)
from conceptatlas.tables import records

Array = np.ndarray[Any, Any]

COLOURS = "viridis"
ABSENT = "#D5D5D5"
MATCHED = "#FF5A36"
MOST_WITH_NUMBERS = 12


@styled
def concept_matrices(
    ucs: Array, thresholds: tuple[float, ...], concept_pairs: pd.DataFrame, *, pair: LayerPair
) -> Figure:
    """Draw the concepts of two layers against each other, a panel a threshold, matched cells outlined.

    Parameters
    ----------
    ucs : (threshold, concept of a, concept of b), NaN where every union is empty. concept_pairs : the tables of all
        models (CONCEPT_PAIR_COLUMNS). pair : the two layers.
    """
    title = f"Which concepts are the same? {pair.words}"
    rows = concept_rows_of(concept_pairs, pair)
    if not np.isfinite(ucs).any():
        return empty_figure(title, "No concepts have a UCS: no mask holds a cell, or they were not compared.")
    n_more = max(ucs.shape[1], ucs.shape[2]) - MOST_SHOWN
    ucs = ucs[:, :MOST_SHOWN, :MOST_SHOWN]
    n_a, n_b = ucs.shape[1:]
    cell = min(0.42, (PAGE_WIDTH - 2.2) / (len(thresholds) * max(n_b, 1)))
    cell = max(cell, 0.16)
    figure = new_figure(max(6.0, 2.4 + len(thresholds) * (cell * n_b + 0.5)), 2.6 + cell * n_a)
    axes = figure.subplots(1, len(thresholds), squeeze=False, sharey=True)[0]
    top = float(np.nanmax(ucs)) or 1.0
    image: Any = None
    for t, (ax, threshold) in enumerate(zip(axes, thresholds, strict=True)):
        image = ax.imshow(np.ma.masked_invalid(ucs[t]), cmap=COLOURS, vmin=0, vmax=top)
        ax.set_facecolor(ABSENT)
        ax.set_title(f"BT {threshold:g}")
        _ticks(ax, n_a, n_b, cell)
        ax.set_xlabel(pair.words_b)
        if cell > 0.33 and max(n_a, n_b) <= MOST_WITH_NUMBERS:
            _numbers(ax, ucs[t], top)
        _outline(ax, rows, (n_a, n_b))
    axes[0].set_ylabel(pair.words_a)
    bar = figure.colorbar(image, ax=list(axes), shrink=0.8, pad=0.02)
    bar.set_label("UCS")
    bar.outline.set_visible(False)
    note = sentences(
        images_sentence(rows),
        why_chosen(pair),
        UCS,
        "Outlined: matched at the first threshold (Hungarian), partners kept at the others; dashed: not above the 95 % "
        "point of the best match under shuffled images",
        "Grey: undefined" if np.isnan(ucs).any() else "",
        f"{count(n_more, 'concept')} more in the file" if n_more > 0 else "",
    )
    head(figure, title, note)
    return figure


def _ticks(ax: Axes, n_a: int, n_b: int, cell: float) -> None:
    size = SMALL_SIZE if cell > 0.3 else SMALL_SIZE - 2
    ax.set_xticks(range(n_b), [str(i) for i in range(n_b)], fontsize=size)
    ax.set_yticks(range(n_a), [str(i) for i in range(n_a)], fontsize=size)
    ax.tick_params(length=0)
    for spine in ax.spines.values():
        spine.set_visible(False)


def _numbers(ax: Axes, values: Array, top: float) -> None:
    for i, j in zip(*np.nonzero(np.isfinite(values)), strict=True):
        text = f"{values[i, j]:.2f}"
        ax.text(
            j, i, text[1:] if text.startswith("0") else text, ha="center", va="center", fontsize=SMALL_SIZE - 1.5,
            color="white" if values[i, j] < top / 2 else INK,
        )  # fmt: skip


def _outline(ax: Axes, rows: pd.DataFrame, shape: tuple[int, int]) -> None:
    """Matched cells: a full line where the match is above chance at the first threshold, else a dashed one."""
    first = rows[rows["threshold"] == rows["threshold"].min()] if len(rows) else rows
    for row in records(first[first["hungarian"]] if len(first) else first):
        a, b = int(row["concept_a"]), int(row["concept_b"])
        if a >= shape[0] or b >= shape[1]:
            continue
        above = not pd.isna(row["above_null"]) and bool(row["above_null"])
        ax.add_patch(
            Rectangle((b - 0.44, a - 0.44), 0.88, 0.88, fill=False, edgecolor=MATCHED, linewidth=1.6,
                      linestyle="-" if above else (0, (2, 1.2)))
        )  # fmt: skip
