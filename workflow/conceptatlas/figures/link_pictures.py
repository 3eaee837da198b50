"""Pictures and their copies through the circle: generator, classifier, link, generator."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from conceptatlas.figures.style import BODY_SIZE, SMALL_SIZE, count, empty_figure, head, new_figure, plain, styled

Array = np.ndarray[Any, Any]

COLUMNS = 12
CELL = 0.8  # inches


@styled
def cycled_pictures(
    pictures: Array, classes: Array, answers: Array, errors: Array, names: list[str], *, place: str, source: str
) -> Figure:
    """Draw I above I~, pair beside pair.

    pictures : uint8 (n, 2, 3, size, size). classes, answers : int64 (n,), into names: the class of I, what the
    classifier says of I~. errors : (n,), root mean squared difference. place : whose link it is. source : of the
    pictures, for the line below.
    """
    title = f"Pictures through the circle: {place}"
    if not len(pictures):
        return empty_figure(title, "There is no held-out pair.")
    rows = -(-len(pictures) // COLUMNS)
    figure = new_figure(COLUMNS * CELL + 0.6, rows * (2 * CELL + 0.42) + 1.1)
    axes = figure.subplots(2 * rows, COLUMNS, squeeze=False)
    for ax in axes.ravel():
        ax.set_axis_off()
    for i, pair in enumerate(pictures):
        row, column = divmod(i, COLUMNS)
        for k in range(2):
            show(axes[2 * row + k, column], pair[k])
        axes[2 * row, column].set_title(plain(names[classes[i]], width=11), fontsize=SMALL_SIZE, loc="center")
        said = "" if answers[i] == classes[i] else f"\nnow {plain(names[answers[i]], width=9)}"
        axes[2 * row + 1, column].text(
            0.5, -0.04, f"{errors[i]:.2f}{said}", transform=axes[2 * row + 1, column].transAxes, ha="center", va="top",
            fontsize=SMALL_SIZE,
        )  # fmt: skip
    for row in range(rows):
        for k, word in enumerate(("I", "I~")):
            axes[2 * row + k, 0].text(
                -0.12, 0.5, word, transform=axes[2 * row + k, 0].transAxes, ha="right", va="center", fontsize=BODY_SIZE
            )
    note = (
        f"{count(len(pictures), 'held-out pair')}, classes taking turns. Above: I = G(w), with its class. Below: I~ = "
        "G(link(r)), r the classifier's representation of I; its root mean squared difference from I (0..1), and what "
        f"the classifier says of it where that is another class. {source}"
    )
    head(figure, title, note)
    return figure


def show(ax: Axes, picture: Array) -> None:
    """Draw a picture, uint8 (3, size, size)."""
    ax.imshow(picture.transpose(1, 2, 0), interpolation="nearest")
