"""Are concepts of one data set those of another? Cosines of components, pictures of matched ones, numbers by layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from conceptatlas.figures.facts import sentences
from conceptatlas.figures.net2vec_examples import Line, picture_grid
from conceptatlas.figures.net2vec_reading import ConceptExamples
from conceptatlas.figures.similarity_facts import MOST_SHOWN, UCS, layer_words
from conceptatlas.figures.similarity_reading import ConceptPictures
from conceptatlas.figures.style import (
    INK,
    OTHER,
    QUIET,
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
from conceptatlas.tables import records

Array = np.ndarray[Any, Any]

COLOURS = "viridis"
ABSENT = "#D5D5D5"
MATCHED = "#FF5A36"
COLOUR_A, COLOUR_B = "#0072B2", "#D55E00"
MATCHES = 8
"""Pairs of concepts that are shown in pictures."""
IMAGES_A_SIDE = 5
CHANCE = (
    "Chance: units of one data set's components change places with units of like strength, the matching is done again"
)


class TwoSets(NamedTuple):
    """Two data sets, in the order of the sheet."""

    a: str
    b: str

    @property
    def words(self) -> str:
        """Both, for titles."""
        return f"{plain(self.a, width=24)} and {plain(self.b, width=24)}"


def pairs_of_sets(table: pd.DataFrame) -> list[TwoSets]:
    """The pairs of data sets of a table, in its order."""
    two = table[["dataset_a", "dataset_b"]].drop_duplicates()
    return [TwoSets(str(a), str(b)) for a, b in two.itertuples(index=False, name=None)]


def rows_of_sets(table: pd.DataFrame, sets: TwoSets) -> pd.DataFrame:
    """Rows of a pair of data sets."""
    return table[(table["dataset_a"] == sets.a) & (table["dataset_b"] == sets.b)]


@styled
def across_layers(table: pd.DataFrame, *, sets: TwoSets, model: str) -> Figure:
    """Draw, layer by layer, cosines, UCS on either data set's images, and reconstruction errors.

    table : across/{model}.parquet (ACROSS_COLUMNS).
    """
    title = f"Concepts of {sets.words} in {plain(model)}"
    rows = rows_of_sets(table, sets)
    if not rows["value"].notna().any():
        reasons = "; ".join(plain(reason, width=120) for reason in rows["reason"].unique() if reason)
        return empty_figure(title, f"No layer has a number: {reasons or 'nothing was compared'}.")
    layers = list(dict.fromkeys(rows["layer"]))
    figure = new_figure(10.5, 4.9)
    cosine, masks, errors = figure.subplots(1, 3)
    threshold = float(rows["threshold"].min())
    first = rows[np.isclose(rows["threshold"].fillna(threshold), threshold)]
    _line(cosine, first[first["measure"] == "cosine_raw"], layers, COLOUR_A, "matched components")
    _marks(cosine, first[first["measure"] == "cosine_raw"], layers)
    cosine.set_title("Cosine of components")
    for images, colour in ((sets.a, COLOUR_A), (sets.b, COLOUR_B)):
        of = first[(first["measure"] == "ucs_raw") & (first["images"] == images)]
        _line(masks, of, layers, colour, f"images of {plain(images, width=20)}")
        _points(masks, of, layers, "null_high", colour)
    masks.set_title(f"UCS of matched concepts, BT {threshold:g}")
    for components, colour in ((sets.a, COLOUR_A), (sets.b, COLOUR_B)):
        for images, style in ((components, "-"), ((sets.b if components == sets.a else sets.a), "--")):
            of = first[(first["measure"] == "error") & (first["images"] == images)
                       & (first["components"] == components)]  # fmt: skip
            words = f"{plain(components, width=16)} on {plain(images, width=16)}"
            _line(errors, of, layers, colour, words, style=style)
    errors.set_title("Reconstruction error")
    for ax in (cosine, masks, errors):
        ax.set_xticks(range(len(layers)), [layer_words(layer, width=14) for layer in layers], rotation=90)
        ax.set_xlim(-0.5, len(layers) - 0.5)
        ax.set_ylim(0, ax.get_ylim()[1] * 1.45)  # room for the legend
        ax.legend(loc="upper left", fontsize=SMALL_SIZE - 0.5, handlelength=3.2)
        grid(ax)
    n = {str(images): int(of["n_images"].max()) for images, of in rows[rows["images"] != ""].groupby("images")}
    head(
        figure,
        title,
        sentences(
            ", ".join(f"{plain(name)}: {count(images, 'test image')}" for name, images in n.items()),
            "Grey tick and tick of a line's colour: 95 % point of chance; grey dash: what resampled images of one data "
            "set reach (stability)",
            CHANCE,
            UCS,
            "UCS' chance: images of one side are shuffled",
            "Error: of a data set's concepts (before 'on') in the layer on images of either (behind it); concepts of "
            "diverse images carry over, those of narrow ones do not",
        ),
    )
    return figure


def _at(rows: pd.DataFrame, layers: Sequence[str]) -> tuple[list[int], list[dict[str, Any]]]:
    place = {layer: at for at, layer in enumerate(layers)}
    return [place[row["layer"]] for row in records(rows)], records(rows)


def _line(ax: Axes, rows: pd.DataFrame, layers: Sequence[str], colour: str, label: str, *, style: str = "-") -> None:
    at, found = _at(rows, layers)
    ax.plot(at, [row["value"] for row in found], color=colour, marker="o", linestyle=style, label=label)
    for x, row in zip(at, found, strict=True):
        if np.isfinite([row["low"], row["high"]]).all():
            ax.plot([x, x], [row["low"], row["high"]], color=colour, linewidth=1.0)


def _points(ax: Axes, rows: pd.DataFrame, layers: Sequence[str], column: str, colour: str) -> None:
    at, found = _at(rows, layers)
    ax.plot(at, [row[column] for row in found], color=colour, marker="_", markersize=11, linestyle="none",
            markeredgewidth=1.4, alpha=0.55)  # fmt: skip


def _marks(ax: Axes, rows: pd.DataFrame, layers: Sequence[str]) -> None:
    _points(ax, rows, layers, "null_high", OTHER)
    at, found = _at(rows, layers)
    ax.plot(at, [row["ceiling"] for row in found], color=QUIET, marker="_", markersize=16, linestyle="none",
            markeredgewidth=0.8)  # fmt: skip


@styled
def across_cosines(cosines: Array, concepts: pd.DataFrame, *, sets: TwoSets, model: str, layer: str) -> Figure:
    """Draw the cosines of the components of a layer, matched cells outlined.

    Parameters
    ----------
    cosines : (concept of a, concept of b), NaN where there is no component. concepts : across/{model}_concepts.parquet.
    """
    title = f"Same directions? {sets.words}: {plain(model)}, {layer_words(layer, width=30)}"
    if not np.isfinite(cosines).any():
        return empty_figure(title, "One of the data sets has no components in this layer.")
    n_more = max(cosines.shape) - MOST_SHOWN
    shown = cosines[:MOST_SHOWN, :MOST_SHOWN]
    n_a, n_b = shown.shape
    cell = 0.42 if max(n_a, n_b) <= 12 else 0.22
    figure = new_figure(max(6.0, 3.0 + cell * n_b), 2.6 + cell * n_a)
    ax = figure.add_subplot()
    top = max(float(np.nanmax(shown)), 0.1)
    low = min(0.0, float(np.nanmin(shown)))
    image: Any = ax.imshow(np.ma.masked_invalid(shown), cmap=COLOURS, vmin=low, vmax=top)
    ax.set_facecolor(ABSENT)
    ax.set_xticks(range(n_b))
    ax.set_yticks(range(n_a))
    ax.tick_params(length=0, labelsize=SMALL_SIZE if cell > 0.3 else SMALL_SIZE - 2)
    for spine in ax.spines.values():
        spine.set_visible(False)
    ax.set_xlabel(f"concepts found in {plain(sets.b)}")
    ax.set_ylabel(f"concepts found in {plain(sets.a)}")
    if cell > 0.3:
        for i, j in zip(*np.nonzero(np.isfinite(shown)), strict=True):
            ax.text(
                j, i, f"{shown[i, j]:.2f}".replace("0.", ".", 1), ha="center", va="center", fontsize=SMALL_SIZE - 1.5,
                color="white" if shown[i, j] < (low + top) / 2 else INK,
            )  # fmt: skip
    matches = _matches(concepts, sets, layer)
    for row in records(matches[matches["hungarian"]]):
        i, j = int(row["concept_a"]), int(row["concept_b"])
        if i < n_a and j < n_b:
            full = not pd.isna(row["above_null"]) and bool(row["above_null"])
            ax.add_patch(Rectangle((j - 0.44, i - 0.44), 0.88, 0.88, fill=False, edgecolor=MATCHED, linewidth=1.6,
                                   linestyle="-" if full else (0, (2, 1.2))))  # fmt: skip
    bar: Any = figure.colorbar(image, ax=ax, shrink=0.8, pad=0.02)
    bar.set_label("cosine")
    bar.outline.set_visible(False)
    head(
        figure,
        title,
        sentences(
            "Cosines of components in the layer's space of units",
            "Outlined: matched (Hungarian); dashed: not above the 95 % point of the best match under chance",
            CHANCE,
            "Grey: no component" if np.isnan(shown).any() else "",
            f"{count(n_more, 'concept')} more in the file" if n_more > 0 else "",
        ),
    )
    return figure


@styled
def across_matched(
    concepts: pd.DataFrame, *, sets: TwoSets, model: str, layer: str, pictures_a: ConceptPictures,
    pictures_b: ConceptPictures, embed_images: bool = True,
) -> Figure:  # fmt: skip
    """Draw the top images of matched concepts of a layer: at the left in the first data set, right in the second.

    Parameters
    ----------
    concepts : across/{model}_concepts.parquet. pictures_a, pictures_b : discovered_examples.h5 of the layer in either.
    embed_images : with False the photographs are left out and only the masks are shown (licences).
    """
    title = f"Matched concepts of {sets.words}: {plain(model)}, {layer_words(layer, width=30)}"
    every = _matches(concepts, sets, layer)
    if len(every):
        every = every[every["mutual_best"] & every["above_null"].fillna(True).astype(bool)]
    if not len(every):
        return empty_figure(title, "No component is the mutual best match of another above chance.")
    rows = records(every.sort_values("similarity", ascending=False, kind="stable").head(MATCHES))
    both = (pictures_a, pictures_b)
    starts = (0, len(pictures_a.rows))
    lines = []
    for row in rows:
        places = [-1] * (2 * IMAGES_A_SIDE)
        for side, of in enumerate(both):
            found = of.of(int(row["concept_a"] if side == 0 else row["concept_b"])).head(IMAGES_A_SIDE)
            for at, place in enumerate(found.index.tolist()):
                places[side * IMAGES_A_SIDE + at] = starts[side] + place
        words = [
            f"concepts {int(row['concept_a'])} and {int(row['concept_b'])}",
            f"cosine {number(row['similarity'], digits=2)}, chance {number(row['null_high'], digits=2)}",
            *_ucs_words(concepts, sets, layer, row),
        ]
        lines.append(Line(places, words, COLOUR_A))
    if not any(place >= 0 for line in lines for place in line.rows):
        return empty_figure(title, "The matched concepts have no pictures.")
    note = sentences(
        f"Shown of {count(len(every), 'mutual best match', plural='mutual best matches')} above chance: {len(rows)}, "
        "by cosine of the components",
        "The test images in which a concept is strongest, with its mask at the first threshold, outside dimmed",
        "UCS: on images of the first and of the second data set",
        "" if embed_images else "The pictures of a data set are not shown (embed_images: no)",
    )
    headings = [plain(sets.a), *[""] * (IMAGES_A_SIDE - 1), plain(sets.b), *[""] * (IMAGES_A_SIDE - 1)]
    return picture_grid(
        _together(*both), lines, headings, title=title, note=note, embed_images=embed_images, left=True
    )  # fmt: skip


def _matches(concepts: pd.DataFrame, sets: TwoSets, layer: str) -> pd.DataFrame:
    rows = rows_of_sets(concepts, sets)
    return rows[(rows["layer"] == layer) & (rows["matched_by"] == "cosine")]


def _ucs_words(concepts: pd.DataFrame, sets: TwoSets, layer: str, row: dict[str, Any]) -> list[str]:
    """UCS of a pair on the images of either data set, where their masks were matched too."""
    of = rows_of_sets(concepts, sets)
    of = of[(of["layer"] == layer) & (of["matched_by"] == "ucs") & (of["concept_a"] == row["concept_a"])
            & (of["concept_b"] == row["concept_b"])]  # fmt: skip
    found = []
    for images in sets:
        here = of[of["images"] == images]
        here = here[here["threshold"] == here["threshold"].min()]
        found.append(number(here["similarity"].iloc[0], digits=2) if len(here) else "not matched")
    return [f"UCS {found[0]}, {found[1]}"] if found != ["not matched"] * 2 else ["masks matched to others"]


def _together(a: ConceptPictures, b: ConceptPictures) -> ConceptExamples:
    """Pictures of both data sets under one another, at the size of the larger ones."""
    size = max(of.pictures.shape[1] for of in (a, b))

    def scaled(values: Array) -> Array:
        at = (np.arange(size) * values.shape[1]) // size
        return values[:, at][:, :, at]

    rows = pd.DataFrame({"iou": np.full(len(a.rows) + len(b.rows), np.nan)})
    masks = np.concatenate([scaled(of.masks) for of in (a, b)])
    pictures = np.concatenate([scaled(of.pictures) for of in (a, b)])
    return ConceptExamples(rows, pictures, masks, np.zeros_like(masks))
