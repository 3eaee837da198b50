"""How every figure looks: colours, sizes, escaped names, and the sentences below a figure. Nothing else sets a style.

Figures are built without pyplot, so that a job leaves no state behind and needs no display. The palette is that of
Okabe and Ito (2008), whose colours stay apart for the common kinds of colour blindness; every category also has a
marker of its own.
"""

from __future__ import annotations

import contextlib
import functools
import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, ParamSpec

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter

from conceptatlas.naming import CATEGORIES

P = ParamSpec("P")

CATEGORY_COLOURS = {
    "object": "#0072B2",
    "scene": "#D55E00",
    "part": "#009E73",
    "material": "#E69F00",
    "texture": "#CC79A7",
    "color": "#56B4E9",
    "attribute": "#6A51A3",
}
CATEGORY_MARKERS = {
    "object": "o",
    "scene": "s",
    "part": "^",
    "material": "D",
    "texture": "v",
    "color": "P",
    "attribute": "X",
}
OTHER = "#8C8C8C"
"""Colour of what belongs to no category, and of nulls."""
INK = "#222222"
QUIET = "#5F5F5F"
"""Colour of notes and reference lines."""
SEQUENCE = "viridis"
"""Colour map for layers in their order."""

TITLE_SIZE = 11.0
BODY_SIZE = 9.0
SMALL_SIZE = 8.0
PAGE_WIDTH = 10.0
"""Widest figure, inches."""
_LETTERS_PER_INCH = 15.5
"""Letters of SMALL_SIZE text in an inch of line, to wrap notes."""

STYLE: dict[str, Any] = {
    "font.family": "DejaVu Sans",  # shipped with matplotlib: the same figure on every machine
    "font.size": BODY_SIZE,
    "axes.titlesize": BODY_SIZE,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": BODY_SIZE,
    "xtick.labelsize": SMALL_SIZE,
    "ytick.labelsize": SMALL_SIZE,
    "legend.fontsize": SMALL_SIZE,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.linewidth": 0.8,
    "lines.linewidth": 1.6,
    "lines.markersize": 5.0,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "image.composite_image": False,
    "svg.hashsalt": "conceptatlas",
    "svg.fonttype": "path",
    "pdf.fonttype": 42,
}


@contextlib.contextmanager
def style() -> Iterator[None]:
    """The project's style on top of matplotlib's defaults, whatever the caller's settings are; undone at the end."""
    settings: Any = STYLE  # matplotlib types its keys one by one
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(settings)
        yield


def styled(function: Callable[P, Figure]) -> Callable[P, Figure]:
    """Build a figure under the project's style."""

    @functools.wraps(function)
    def inside(*args: P.args, **kwargs: P.kwargs) -> Figure:
        with style():
            return function(*args, **kwargs)

    return inside


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of the given size (inches) whose parts place themselves."""
    figure = Figure(figsize=(width, height), layout="constrained")
    figure.get_layout_engine().set(w_pad=0.08, h_pad=0.08, wspace=0.04, hspace=0.04)  # type: ignore[union-attr,call-arg]
    return figure


def colour_of(category: Any) -> str:
    """Colour of a category; grey for anything else, an undefined category included."""
    return CATEGORY_COLOURS.get(category, OTHER) if isinstance(category, str) else OTHER


def marker_of(category: Any) -> str:
    """Marker of a category."""
    return CATEGORY_MARKERS.get(category, "X") if isinstance(category, str) else "X"


def in_order(categories: Iterable[Any]) -> list[str]:
    """The distinct categories among those given, in the order of the project, unknown ones last by name."""
    found = {category for category in categories if isinstance(category, str) and category}
    return [name for name in CATEGORIES if name in found] + sorted(found - set(CATEGORIES))


def plain(name: Any, *, width: int = 30) -> str:
    """A name as matplotlib must get it to print it letter by letter: no formula, one line, at most `width` letters.

    >>> plain("cash $5_$6")
    'cash \\\\$5_\\\\$6'
    """
    text = " ".join(str(name).split())
    if len(text) > width:
        text = text[: width - 1].rstrip() + "…"
    return text.replace("\\$", "$").replace("$", r"\$")


def number(value: float, *, digits: int = 3) -> str:
    """A number for a caption; an undefined one is a dash.

    >>> number(0.04231), number(1234567.0, digits=0), number(float("nan"))
    ('0.042', '1,234,567', '–')
    """
    return "–" if value is None or not np.isfinite(value) else f"{value:,.{digits}f}"


def count(n: int, word: str, *, plural: str | None = None) -> str:
    """A count with its noun.

    >>> count(1, "image"), count(1200, "image")
    ('1 image', '1,200 images')
    """
    return f"{n:,} {word if n == 1 else plural or word + 's'}"


def head(figure: Figure, title: str, note: str = "") -> None:
    """Put the title over a figure and the note (n, definitions) under it, wrapped to the figure's width.

    Names inside must have gone through `plain`.
    """
    letters = int(figure.get_figwidth() * _LETTERS_PER_INCH)
    lines = textwrap.wrap(title, int(letters * SMALL_SIZE / TITLE_SIZE * 0.92))
    figure.suptitle("\n".join(lines), x=0.01, ha="left", fontsize=TITLE_SIZE, fontweight="bold")
    if note:
        wrapped = "\n".join(textwrap.fill(line, letters) for line in note.split("\n"))
        figure.supxlabel(wrapped, x=0.01, ha="left", fontsize=SMALL_SIZE, color=QUIET, linespacing=1.35)


def say(ax: Axes, sentence: str) -> None:
    """Make an axes say why it is empty."""
    ax.set_axis_off()
    width = max(16, int(ax.get_figure(root=True).get_figwidth() * 5))  # type: ignore[union-attr]
    ax.text(
        0.5,
        0.5,
        textwrap.fill(sentence, width),
        transform=ax.transAxes,
        ha="center",
        va="center",
        color=QUIET,
        fontsize=BODY_SIZE,
    )


@styled
def empty_figure(title: str, sentence: str, note: str = "") -> Figure:
    """A figure that says why there is nothing to show."""
    figure = new_figure(6.0, 2.2)
    say(figure.add_subplot(), sentence)
    head(figure, title, note)
    return figure


def legend_beside(ax: Axes, handles: Sequence[Any], *, title: str | None = None) -> None:
    """One legend for the whole figure, right of its last panel and level with it."""
    ax.legend(
        handles=handles,
        title=title,
        alignment="left",
        loc="upper left",
        bbox_to_anchor=(1.02, 1.0),
        borderaxespad=0.0,
    )


def category_patches(categories: Iterable[str]) -> list[Patch]:
    """Legend entries of categories."""
    return [Patch(facecolor=colour_of(name), label=plain(name)) for name in categories]


def whole_numbers(axis: Any) -> None:
    """Tick an axis of counts at whole numbers, with thousands separated."""
    axis.get_major_locator().set_params(integer=True)
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))


def grid(ax: Axes, axis: str = "y") -> None:
    """Thin lines behind the data along one axis."""
    ax.grid(axis=axis, color="#DDDDDD", linewidth=0.6)  # type: ignore[arg-type]
    ax.set_axisbelow(True)
