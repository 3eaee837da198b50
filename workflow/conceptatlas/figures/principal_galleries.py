"""What the five largest loadings of a concept's direction see: from such rows the talk reads "circle and trestle"."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from conceptatlas.figures.facts import sentences
from conceptatlas.figures.principal_stems import rule_of, shown_concepts
from conceptatlas.figures.reading import Gallery
from conceptatlas.figures.strips import CELL, draw_strips, leave_out_of_layout
from conceptatlas.figures.style import BODY_SIZE, QUIET, SMALL_SIZE, head, new_figure, number, plain, styled

Row = dict[str, Any]

CAPTION = 2.1  # cells


def concepts_with_gallery(table: pd.DataFrame) -> list[str]:
    """Concepts whose largest loadings are worth a gallery: those drawn that are not one unit."""
    rows = shown_concepts(table)
    return [str(name) for name in rows.loc[rows["verdict"] != "one unit", "concept"]]


@styled
def loading_gallery(table: pd.DataFrame, gallery: Gallery, *, concept: str, embed_images: bool = True) -> Figure:
    """Draw the top images of the five units with the largest loadings of a concept, a row a unit.

    table : principal.parquet of a layer. gallery : its picture strips. embed_images : with False the masks alone.
    """
    row = table[table["concept"] == concept].iloc[0]
    units = [int(unit) for unit in row["top_units"]]
    place = {int(unit): i for i, unit in enumerate(gallery.units)}
    strips = np.array([place[unit] for unit in units])
    columns = gallery.images.shape[1]
    figure = new_figure((CAPTION + columns) * CELL + 0.25, len(units) * CELL + 1.5)
    ax = figure.add_subplot()
    ax.set_axis_off()
    ax.set_anchor("W")
    ax.text(0, -0.08, "top images, largest maximum first  →", fontsize=SMALL_SIZE, color=QUIET)
    for i, (unit, loading) in enumerate(zip(units, row["top_loadings"], strict=True)):
        ax.text(-CAPTION, i + 0.12, f"unit {unit}", va="top", fontsize=BODY_SIZE, fontweight="bold")
        said = f"loading {number(float(loading))}\nu² = {number(float(loading) ** 2)}"
        ax.text(-CAPTION, i + 0.34, said, va="top", fontsize=SMALL_SIZE)
    pictures = gallery.pictures[strips] if embed_images else None
    draw_strips(ax, pictures, gallery.masks[strips], gallery.images[strips] >= 0)
    ax.set(xlim=(-CAPTION, columns), ylim=(len(units), -0.25), aspect="equal")
    together = float((np.asarray(row["top_loadings"], dtype=np.float64) ** 2).sum())
    title = f"{plain(concept)} in {plain(row['model'])}, {plain(row['layer'])}: {row['verdict']}"
    shown = "Outlined: activation > threshold"
    shown += ", outside dimmed" if embed_images else "; the pictures of this data set are not shown (embed_images: no)"
    note = sentences(
        f"Data set {plain(row['dataset'])}, the concept in n = {row['n_images']} images, {row['n_cells']} cells",
        f"The five largest loadings, together Σu² = {number(together)}, of {gallery_units(row)} that count (1/Σu⁴)"
        if np.isfinite(row["participation"])
        else "",
        "Images are the units' own top images over the whole data set, not those of the concept. " + shown,
        rule_of(table),
    )
    leave_out_of_layout(ax)
    head(figure, title, note)
    return figure


def gallery_units(row: Any) -> int:
    """Units that take part in a direction: its participation ratio, rounded."""
    return round(float(row["participation"]))
