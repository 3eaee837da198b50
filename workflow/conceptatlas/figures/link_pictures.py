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
ROW = 2.75
"""Height of a row of pairs with its words, in cells."""


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
    figure = new_figure(COLUMNS * CELL + 0.6, rows * ROW * CELL + 1.3)
    ax = figure.add_subplot()
    stage(ax, COLUMNS, rows * ROW)
    for i, pair in enumerate(pictures):
        row, column = divmod(i, COLUMNS)
        top = row * ROW + 0.3
        for k in range(2):
            show(ax, pair[k], column, top + 1.04 * k)
        said = "" if answers[i] == classes[i] else f"\nnow {plain(names[answers[i]], width=9)}"
        word = plain(names[classes[i]], width=11)
        ax.text(column + 0.5, top - 0.04, word, ha="center", va="bottom", fontsize=SMALL_SIZE, fontweight="bold")
        ax.text(column + 0.5, top + 2.07, f"{errors[i]:.2f}{said}", ha="center", va="top", fontsize=SMALL_SIZE)
    for row in range(rows):
        for k, word in enumerate(("I", "I~")):
            ax.text(-0.08, row * ROW + 0.8 + 1.04 * k, word, ha="right", va="center", fontsize=BODY_SIZE)
    note = (
        f"{count(len(pictures), 'held-out pair')}, classes taking turns. Above: I = G(w), with its class. Below: I~ = "
        "G(link(r)), r the classifier's representation of I; its root mean squared difference from I (0..1), and what "
        f"the classifier says of it where that is another class. {source}"
    )
    head(figure, title, note)
    return figure


def stage(ax: Axes, width: float, height: float) -> None:
    """An axes for pictures of side 1: x to the right, y down, nothing drawn of its own."""
    ax.set_xlim(0, width)
    ax.set_ylim(height, 0)
    ax.set_aspect("equal")
    ax.set_axis_off()


def show(ax: Axes, picture: Array, x: float, y: float) -> None:
    """Draw a picture, uint8 (3, size, size), with its upper left corner at (x, y), a little less than 1 wide."""
    limits = ax.get_xlim(), ax.get_ylim()
    ax.imshow(picture.transpose(1, 2, 0), interpolation="nearest", extent=(x + 0.02, x + 0.98, y + 0.96, y))
    ax.set(xlim=limits[0], ylim=limits[1])
