"""Pictures of a data set with the masks of its most frequent concepts: are the labels where they should be?"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from conceptatlas.figures.facts import sentences
from conceptatlas.figures.reading import Examples
from conceptatlas.figures.strips import CELL, draw_strips, leave_out_of_layout
from conceptatlas.figures.style import (
    BODY_SIZE,
    SMALL_SIZE,
    colour_of,
    count,
    empty_figure,
    head,
    new_figure,
    plain,
    styled,
)
from conceptatlas.tables import records

ROWS_A_PAGE = 12
CAPTION = 1.8  # cells


def n_pages(examples: Examples) -> int:
    """Pages of examples; one, which says so, when there is nothing to show."""
    return max(1, math.ceil(len(examples.concepts) / ROWS_A_PAGE))


@styled
def concept_examples(
    examples: Examples,
    concepts: pd.DataFrame,
    *,
    dataset: str,
    n_images: int,
    page: int = 0,
    embed_images: bool = True,
) -> Figure:
    """Draw one page of examples.

    Parameters
    ----------
    concepts : ``concepts.parquet``. n_images : valid images. page : from 0.
    embed_images : with False the photographs are left out and only the masks are shown (licences).
    """
    pages = n_pages(examples)
    title = f"Labels of {plain(dataset)}" + (f" (page {page + 1} of {pages})" if pages > 1 else "")
    if not len(examples.concepts):
        return empty_figure(title, "No image of this data set holds a label.")
    rows = list(range(page * ROWS_A_PAGE, min((page + 1) * ROWS_A_PAGE, len(examples.concepts))))
    n_ranks = examples.images.shape[1]
    figure = new_figure((CAPTION + n_ranks) * CELL + 0.25, len(rows) * CELL + 1.1)
    ax = figure.add_subplot()
    ax.set_axis_off()
    ax.set_anchor("W")
    by_index = {int(concept["concept_index"]): concept for concept in records(concepts)}
    for place, row in enumerate(rows):
        _caption(ax, place, by_index[int(examples.concepts[row])])
    pictures = examples.pictures[rows] if embed_images else None
    draw_strips(ax, pictures, examples.masks[rows], examples.images[rows] >= 0)
    ax.set(xlim=(-CAPTION, n_ranks), ylim=(len(rows), 0), aspect="equal")
    note = sentences(
        f"Data set {plain(dataset)}, n = {count(n_images, 'valid image')}",
        "The most frequent concepts of every category with seeded images that hold them; outlined: the mask, outside "
        "dimmed"
        + ("" if embed_images else "; the pictures of this data set are not shown (embed_images: no)")
        + ". A label of the whole image is outlined along its edge",
    )
    leave_out_of_layout(ax)
    head(figure, title, note)
    return figure


def _caption(ax: Axes, row: int, concept: Mapping[str, Any]) -> None:
    left = -CAPTION
    ax.add_patch(Rectangle((left, row + 0.06), 0.07, 0.88, color=colour_of(concept["primary_category"]), linewidth=0))
    lines: list[tuple[str, dict[str, Any]]] = [
        (plain(concept["name"], width=22), {"fontweight": "bold", "fontsize": BODY_SIZE}),
        (", ".join(map(plain, concept["categories"])), {}),
        (count(int(concept["n_images"]), "image"), {}),
    ]
    for i, (text, options) in enumerate(lines):
        ax.text(left + 0.16, row + 0.2 + 0.2 * i, text, va="top", **({"fontsize": SMALL_SIZE} | options))
