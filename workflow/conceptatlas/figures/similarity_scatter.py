"""How two layers arrange the same images around a concept: the cosine profiles of chosen pairs, image by image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from conceptatlas.figures.facts import sentences
from conceptatlas.figures.similarity_facts import Place, layer_words, models_of
from conceptatlas.figures.style import (
    SMALL_SIZE,
    count,
    empty_figure,
    grid,
    head,
    new_figure,
    number,
    plain,
    styled,
)
from conceptatlas.similarity.profile_files import ConceptProfiles
from conceptatlas.tables import records

Array = np.ndarray[Any, Any]

PANELS = 6
COLUMNS = 3
MOST_PAIRS = 4
"""Pairs that are drawn where the config names none."""
PRESENT, ABSENT = "#D55E00", "#8C8C8C"


class TwoLayers(NamedTuple):
    """Two layers, the first one earlier in the sheets."""

    a: Place
    b: Place

    @property
    def words(self) -> str:
        """Both, for titles."""
        return " – ".join(words_of(place) for place in self)


class Points(NamedTuple):
    """Cosines of the same images in two layers, float64 (image,); present : bool (image,)."""

    x: Array
    y: Array
    present: Array


def words_of(place: Place) -> str:
    """Model and layer."""
    return f"{plain(place.model, width=24)}, {layer_words(place.layer, width=20)}"


def last_layers(places: Sequence[Place]) -> list[Place]:
    """The deepest layer of every model, in the order of the sheet; of equal ones the later in the sheet."""
    found = []
    for model in models_of(places):
        own = [place for place in places if place.model == model]
        found.append(max(enumerate(own), key=lambda one: (one[1].depth, one[0]))[1])
    return found


def pairs_to_draw(places: Sequence[Place], named: Sequence[Sequence[str]] | None, *, most: int) -> list[TwoLayers]:
    """The pairs of layers that the config names ("model/layer"), or those of the models' last layers, `most` of them.

    One model alone: its last two layers. A name that is no place here is skipped: data sets need not share all layers.
    """
    at = {f"{place.model}/{place.layer}": place for place in places}
    order = {place: i for i, place in enumerate(places)}
    if named is None:
        last = last_layers(places)
        if len(last) == 1:
            last = sorted(places, key=lambda place: place.depth)[-2:]
        chosen = [(a, b) for i, b in enumerate(last) for a in last[:i]]
        chosen = sorted(chosen, key=lambda two: (order[two[0]], order[two[1]]))[:most]
    else:
        chosen = [(at[a], at[b]) for a, b in named if a in at and b in at]
    return [TwoLayers(*sorted(two, key=lambda place: order[place])) for two in chosen]


def rows_of_pair(sfss: pd.DataFrame, pair: TwoLayers) -> pd.DataFrame:
    """Rows of the tables of SFSS of a pair of layers, in the order of the vocabulary."""
    same = (sfss["model_a"] == pair.a.model) & (sfss["layer_a"] == pair.a.layer)
    return sfss[same & (sfss["model_b"] == pair.b.model) & (sfss["layer_b"] == pair.b.layer)]


def shown_rows(rows: pd.DataFrame, concepts: Sequence[str]) -> list[tuple[str, dict[str, Any]]]:
    """Why a concept is shown and its row: those named, then those most and least alike and the one in the middle, and
    evenly between, at most `PANELS`."""
    ranked = records(rows[rows["r"].notna()].sort_values(["r", "concept_index"], ascending=[False, True]))
    named = [("named", row) for name in concepts for row in ranked if row["concept"] == name][:PANELS]
    left = [row for row in ranked if row["concept"] not in {row["concept"] for _, row in named}]
    n = min(PANELS - len(named), len(left))
    at = sorted({round(i) for i in np.linspace(0, len(left) - 1, n)}) if n else []
    words = {at[0]: "most alike", at[-1]: "least alike"} if len(at) > 1 else {}
    if len(at) % 2:
        words.setdefault(at[len(at) // 2], "median")
    return named + [(words.get(i, ""), left[i]) for i in at]


def points_of(a: ConceptProfiles, b: ConceptProfiles, concept_index: int) -> Points:
    """Cosines of the images that SFSS of a concept runs over; none where a layer lacks the concept."""
    rows = [np.flatnonzero(of.concept_index == concept_index) for of in (a, b)]
    if not all(len(row) for row in rows):
        return Points(np.zeros(0), np.zeros(0), np.zeros(0, dtype=bool))
    i, j = (int(row[0]) for row in rows)
    images = np.asarray(a.balanced[i]).astype(bool)
    x, y = np.asarray(a.cosines[i])[images], np.asarray(b.cosines[j])[images]
    there = np.isfinite(x) & np.isfinite(y)
    return Points(x[there], y[there], np.asarray(a.present[i]).astype(bool)[images][there])


@styled
def profile_scatter(
    sfss: pd.DataFrame, *, pair: TwoLayers, a: ConceptProfiles, b: ConceptProfiles, concepts: Sequence[str] = ()
) -> Figure:
    """Draw the cosines of images with a concept's vectors in two layers against each other, a panel a concept.

    Parameters
    ----------
    sfss : tables {m}_sfss.parquet of all models. a, b : profiles.h5 of the two layers. concepts : names shown besides
        those chosen by r.
    """
    title = f"The same images around a concept: {pair.words}"
    rows = rows_of_pair(sfss, pair)
    shown = shown_rows(rows, concepts) if len(rows) else []
    if not shown:
        return empty_figure(title, "No concept has an SFSS in this pair of layers: too few images, or no spread.")
    n_rows = -(-len(shown) // COLUMNS)
    n_columns = min(COLUMNS, len(shown))
    figure = new_figure(max(5.5, 0.6 + 3.0 * n_columns), 2.0 + 3.2 * n_rows)
    axes = figure.subplots(n_rows, n_columns, squeeze=False)
    for ax in axes.flat[len(shown) :]:
        ax.set_axis_off()
    for ax, (why, row) in zip(axes.flat, shown, strict=False):
        _panel(ax, points_of(a, b, int(row["concept_index"])), row, why)
    for ax in axes[:, 0]:
        ax.set_ylabel(f"cosine, {layer_words(pair.b.layer)}")
    for column in range(n_columns):
        below = [axes[i, column] for i in range(n_rows) if axes[i, column].axison]
        below[-1].set_xlabel(f"cosine, {layer_words(pair.a.layer)}")
    kind = str(rows["correlation"].iloc[0])
    note = sentences(
        f"Data set {plain(rows['dataset'].iloc[0])}; a point: a test image, by its cosine with the concept's vector in "
        "either layer; orange: it holds the concept, as half of them do; grey: it does not",
        f"r: {'Spearman' if kind == 'spearman' else 'Pearson'} correlation over all of these images (SFSS of the "
        "concept), then within those that hold it and those that do not: what is left when presence alone is known",
        f"{count(len(shown), 'concept')} of {int(rows['r'].notna().sum()):,}: those named in the config, then evenly "
        "from the most to the least alike",
    )
    head(figure, title, note)
    return figure


def _panel(ax: Axes, points: Points, row: dict[str, Any], why: str) -> None:
    for present, colour in ((False, ABSENT), (True, PRESENT)):
        at = points.present == present
        ax.scatter(points.x[at], points.y[at], s=11, color=colour, alpha=0.7, linewidths=0)
    name = plain(row["concept"], width=24)
    ax.set_title(f"{name}{f' ({why})' if why else ''}", pad=34)
    interval = f" [{number(row['r_low'], digits=2)}, {number(row['r_high'], digits=2)}]"
    interval = interval if np.isfinite([row["r_low"], row["r_high"]]).all() else ""
    words = [
        f"r = {number(row['r'], digits=2)}{interval}, n = {int(row['n_images']):,}",
        f"present {number(row['r_present'], digits=2)}, absent {number(row['r_absent'], digits=2)}",
        "" if row["recognised"] else "not recognised in both layers",
    ]
    ax.text(
        0, 1.015, "\n".join(words), transform=ax.transAxes, ha="left", va="bottom", fontsize=SMALL_SIZE - 0.5,
        linespacing=1.2,
    )  # fmt: skip
    ax.locator_params(nbins=5)
    grid(ax, "both")
