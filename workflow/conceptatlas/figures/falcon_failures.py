"""Failures: misclassified images with the features that add most to the class chosen, and the words of these."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from conceptatlas.figures.facts import sentences
from conceptatlas.figures.falcon_facts import Space
from conceptatlas.figures.strips import CELL, MASK_ONLY_GREY, leave_out_of_layout
from conceptatlas.figures.style import (
    BODY_SIZE,
    QUIET,
    SMALL_SIZE,
    empty_figure,
    head,
    new_figure,
    number,
    plain,
    styled,
)
from conceptatlas.tables import records

Array = np.ndarray[Any, Any]

IMAGES_A_PAGE = 8
COLUMNS = 2
TEXT = 4.4  # cells
HEADS = {
    "model": "the classifier's own head, which reads these features",
    "probe": "a linear probe, learned on training images and judged on the others",
}


def failure_images(failures: pd.DataFrame, *, most: int = IMAGES_A_PAGE) -> list[int]:
    """The images that are drawn: those with most features that have words first, in the order of the table."""
    told = failures.assign(told=failures["words"] != "").groupby("image_index")["told"].sum()
    first = failures[failures["rank"] == 1]
    order = first.assign(told=first["image_index"].map(told)).sort_values("told", ascending=False, kind="stable")
    return [int(image) for image in order["image_index"].head(most)]


@styled
def failure_gallery(
    space: Space, failures: pd.DataFrame, images: list[int], pictures: list[Array], *, embed_images: bool = True
) -> Figure:
    """Draw misclassified images and why.

    failures : failures.parquet. images, pictures : of `failure_images`, uint8 (size, size, 3) each.
    """
    title = f"Why images are misclassified: {space.place}"
    if not images:
        why = "No image is misclassified, or no head on these features knows classes of the data set."
        return empty_figure(title, why, sentences(space.sources))
    n_lines = math.ceil(len(images) / COLUMNS)
    block = 1.5 + TEXT
    figure = new_figure(COLUMNS * block * CELL * 0.92, n_lines * 1.6 * CELL * 0.92 + 1.0)
    ax = figure.add_subplot()
    ax.set_axis_off()
    ax.set_anchor("W")
    for n, (image, picture) in enumerate(zip(images, pictures, strict=True)):
        rows = records(failures[failures["image_index"] == image].sort_values("rank"))
        x, y = (n % COLUMNS) * block, (n // COLUMNS) * 1.6
        shown = picture if embed_images else np.full((8, 8, 3), MASK_ONLY_GREY, dtype=np.uint8)
        ax.imshow(shown, extent=(x, x + 1.4, y + 1.45, y + 0.05), interpolation_stage="rgba")
        ax.text(x + 1.5, y + 0.08, f"predicted {plain(rows[0]['predicted'], width=26)}", va="top", fontsize=BODY_SIZE,
                fontweight="bold")  # fmt: skip
        ax.text(x + 1.5, y + 0.3, f"labelled {plain(rows[0]['labels'], width=44)}", va="top", fontsize=SMALL_SIZE - 1)
        for i, row in enumerate(rows[:4]):
            words = plain(row["words"], width=40) if row["words"] else "no word above the null"
            style: dict[str, Any] = {} if row["words"] else {"color": QUIET}
            text = f"feature {row['feature']} ({number(100 * row['share'], digits=0)} %): {words}"
            ax.text(x + 1.5, y + 0.53 + 0.22 * i, text, va="top", fontsize=SMALL_SIZE - 1, **style)
    ax.set(xlim=(-0.05, COLUMNS * block), ylim=(n_lines * 1.6, -0.05), aspect="equal")
    leave_out_of_layout(ax)
    first = records(failures.head(1))[0]
    note = sentences(
        f"{space.sources}; {int(first['n_wrong']):,} of {int(first['n_judged']):,} images with a label of category "
        f"{plain(first['category'])} that the head knows are misclassified, accuracy {number(first['accuracy'])} "
        f"[{number(first['accuracy_low'])}, {number(first['accuracy_high'])}]",
        f"Head: {HEADS[str(first['head'])]}",
        "Features by h o U_y, y the predicted class, with their share of all positive contributions; words of the "
        "feature alone",
        "" if embed_images else "The pictures of this data set are not shown (embed_images: no)",
    )
    head(figure, title, note)
    return figure
