"""Filters that are the best of several concepts: their top images and what they find in each (figures 1 and 4)."""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from conceptatlas.figures.facts import sentences
from conceptatlas.figures.net2vec_examples import Line, outlined, pages_of, picture_grid
from conceptatlas.figures.net2vec_facts import place_of, sample_of
from conceptatlas.figures.net2vec_reading import ConceptExamples
from conceptatlas.figures.style import OTHER, colour_of, count, empty_figure, number, plain, styled
from conceptatlas.tables import records

FILTERS_A_PAGE = 2
N_TOP = 6
N_CONCEPTS = 3


def filters_with_pictures(examples: ConceptExamples, filters: pd.DataFrame) -> list[int]:
    """Units with pictures, the one that is best for most concepts first."""
    there = examples.rows.loc[examples.rows["kind"].isin(["filter", "top"]) & (examples.rows["unit"] >= 0), "unit"]
    units = dict.fromkeys(int(unit) for unit in there)
    n_best = n_best_of(filters)
    return sorted(units, key=lambda unit: (-n_best.get(unit, 0), unit))


def n_best_of(filters: pd.DataFrame) -> dict[int, int]:
    """Number of concepts for which a unit is the best in segmentation."""
    own = filters[filters["task"] == "segmentation"]
    return dict(zip(own["unit"].astype(int), own["n_best"].astype(int), strict=True))


def n_pages(examples: ConceptExamples, filters: pd.DataFrame) -> int:
    """Pages of the figure; one, which says so, when no filter has pictures."""
    return pages_of(len(filters_with_pictures(examples, filters)), FILTERS_A_PAGE)


@styled
def shared_filters(
    examples: ConceptExamples,
    filters: pd.DataFrame,
    table: pd.DataFrame,
    *,
    dataset: str,
    model: str,
    layer: str,
    page: int = 0,
    embed_images: bool = True,
) -> Figure:
    """Draw, for filters that are best for most concepts, their top images and those of up to three of the concepts.

    Parameters
    ----------
    examples : of the layer. filters : its filters.parquet. table : its segmentation.parquet. page : from 0.
    embed_images : with False the photographs are left out and only the masks are shown (licences).
    """
    title = f"Filters shared between concepts: {place_of(model, layer)}"
    units = filters_with_pictures(examples, filters)
    if not units:
        return empty_figure(title, "No filter has pictures: no concept has a best filter.")
    pages = n_pages(examples, filters)
    title += f" (page {page + 1} of {pages})" if pages > 1 else ""
    n_best, by_index = n_best_of(filters), {int(row["concept_index"]): row for row in records(table)}
    lines = []
    for unit in units[page * FILTERS_A_PAGE : (page + 1) * FILTERS_A_PAGE]:
        own = _lines(examples, unit, n_best.get(unit, 0), by_index)
        blank = Line([], [], "white")
        lines += own + [blank] * (1 + N_CONCEPTS - len(own))
    while not (lines[-1].rows or lines[-1].words):
        lines.pop()
    note = sentences(
        sample_of(table, dataset=dataset),
        "Best: the filter with the highest IoU on training images of a concept, small ones left out unless asked for",
        "First line: the images with its largest activation, of the whole data set; below: the validation images of up "
        "to three of these concepts with the filter's highest IoU (iou_image, in the picture)",
        "Masks: activation, upsampled, > threshold; the numbers count the masks upsampled after the threshold",
        outlined(embed_images),
    )
    return picture_grid(
        examples, lines, [""] * N_TOP, title=title, note=note, embed_images=embed_images, pairs=1 + N_CONCEPTS
    )


def _lines(examples: ConceptExamples, unit: int, n_best: int, by_index: dict[int, dict[str, Any]]) -> list[Line]:
    top = examples.of("top", unit=unit)
    words = [f"unit {unit}", "top images", "best of " + count(n_best, "concept")]
    lines = [Line([int(row) for row in top.index[:N_TOP]], words, OTHER)]
    found = examples.of("filter", unit=unit)
    for concept in list(dict.fromkeys(found["concept_index"].astype(int)))[:N_CONCEPTS]:
        row = by_index.get(concept)
        words = [plain(row["concept"] if row else f"concept {concept}", width=22)]
        if row:
            words += [plain(row["category"]), f"IoU {number(row['single_val'])}"]
        places = [int(place) for place in found.index[found["concept_index"] == concept]][:N_TOP]
        lines.append(Line(places, words, colour_of(row["category"]) if row else OTHER))
    return lines
