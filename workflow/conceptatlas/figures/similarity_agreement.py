"""Do the measures say the same? Rank correlation of every two of them over pairs of different layers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from conceptatlas.figures.facts import sentences
from conceptatlas.figures.similarity_facts import Kind, kinds_of
from conceptatlas.figures.style import INK, SMALL_SIZE, count, empty_figure, head, new_figure, plain, styled
from conceptatlas.similarity.pair_tables import MEASURES
from conceptatlas.tables import records

Array = np.ndarray[Any, Any]

COLOURS = "RdBu_r"
ABSENT = "#D5D5D5"
LEFT_OUT = ("ucs_raw", "ucs_all", "sfss_present", "sfss_absent")
"""Variants of measures that are shown; their correlations are in the table."""


def agreement_matrix(summary: pd.DataFrame) -> tuple[list[Kind], Array, Array]:
    """Measures in order, their correlations (measure, measure) with 1 on the diagonal, and the pairs behind each."""
    rows = summary[summary["fact"] == "agreement"] if len(summary) else summary
    if not len(rows):
        return [], np.empty((0, 0)), np.empty((0, 0), dtype=np.int64)
    other = rows[["other_measure", "other_threshold"]].set_axis(["measure", "threshold"], axis=1)
    wanted = [measure for measure in MEASURES if measure not in LEFT_OUT]
    kinds = kinds_of(pd.concat([rows[["measure", "threshold"]], other], ignore_index=True), wanted)
    at = {kind.words: i for i, kind in enumerate(kinds)}
    values = np.full((len(kinds), len(kinds)), np.nan)
    n = np.zeros(values.shape, dtype=np.int64)
    np.fill_diagonal(values, 1.0)
    for row in records(rows):
        i = at.get(Kind(row["measure"], float(row["threshold"])).words)
        j = at.get(Kind(row["other_measure"], float(row["other_threshold"])).words)
        if i is not None and j is not None:
            values[i, j] = values[j, i] = float(row["value"])
            n[i, j] = n[j, i] = 0 if pd.isna(row["n"]) else int(row["n"])
    return kinds, values, n


@styled
def measure_agreement(summary: pd.DataFrame) -> Figure:
    """Draw the rank correlations of the measures as a heat map.

    summary : summary.parquet (rows `agreement`).
    """
    title = "Do the measures of similarity agree?"
    title += f" {plain(summary['dataset'].iloc[0])}" if len(summary) else ""
    kinds, values, n = agreement_matrix(summary)
    if len(kinds) < 2:
        return empty_figure(title, "There are not two measures to compare.")
    if not np.isfinite(values[~np.eye(len(kinds), dtype=bool)]).any():
        return empty_figure(title, "No correlation is defined: too few pairs of different layers, or none that differ.")
    size = len(kinds)
    cell = 0.42
    figure = new_figure(max(6.0, 3.6 + cell * size), max(3.4, 2.9 + cell * size))
    ax = figure.add_subplot()
    image = ax.imshow(np.ma.masked_invalid(values), cmap=COLOURS, vmin=-1, vmax=1)
    ax.set_facecolor(ABSENT)
    names = [kind.words for kind in kinds]
    ax.set_xticks(range(size), names, rotation=45, ha="right", rotation_mode="anchor")
    ax.set_yticks(range(size), names)
    ax.tick_params(length=0)
    for spine in ax.spines.values():
        spine.set_visible(False)
    for i, j in zip(*np.nonzero(np.isfinite(values)), strict=True):
        text = f"{values[i, j]:.2f}".replace("0.", ".", 1)
        ax.text(
            j, i, text, ha="center", va="center", fontsize=SMALL_SIZE - 1,
            color="white" if abs(values[i, j]) > 0.65 else INK,
        )  # fmt: skip
    bar = figure.colorbar(image, ax=ax, shrink=0.7, pad=0.02)
    bar.set_label("Spearman correlation")
    bar.outline.set_visible(False)
    off = n[~np.eye(size, dtype=bool)]
    fewest, most = int(off.min()), int(off.max())
    pairs = count(most, "pair") if fewest == most else f"{fewest:,} to {count(most, 'pair')}"
    note = sentences(
        f"Over {pairs} of different layers where both measures are defined; pairs share layers, so the number of pairs "
        "says little about certainty",
        "BT: threshold of concept maps",
        "Grey: undefined" if np.isnan(values).any() else "",
    )
    head(figure, title, note)
    return figure
