"""Matched concepts of two models: the same images under each other, with the mask of either model."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from conceptatlas.figures.facts import sentences
from conceptatlas.figures.net2vec_examples import Line, picture_grid
from conceptatlas.figures.net2vec_reading import ConceptExamples
from conceptatlas.figures.similarity_chosen import LayerPair, concept_rows_of, why_chosen
from conceptatlas.figures.similarity_facts import UCS, images_sentence, layer_words
from conceptatlas.figures.similarity_reading import ConceptPictures, mask_iou, read_concept_masks, read_concept_pictures
from conceptatlas.figures.style import count, empty_figure, number, plain, styled
from conceptatlas.tables import records

Array = np.ndarray[Any, Any]

MATCHES = 5
"""Pairs of concepts of a figure."""
IMAGES_A_SIDE = 5
COLOUR_A, COLOUR_B = "#0072B2", "#D55E00"


class LayerFiles(NamedTuple):
    """discovered.h5 and discovered_examples.h5 of a layer."""

    discovered: str
    examples: str


class _Shown(NamedTuple):
    """Images of a pair of concepts: -1 where there is none. pictures (column, P, P, 3); masks (column, P, P);
    iou (column,) at the size of the masks."""

    images: list[int]
    pictures: Array
    masks_a: Array
    masks_b: Array
    iou: Array


@styled
def matched_concepts(
    concept_pairs: pd.DataFrame, *, pair: LayerPair, files_a: LayerFiles, files_b: LayerFiles, embed_images: bool = True
) -> Figure:
    """Draw the best matched concepts of two layers: at the left the top images of the first, right of the second.

    Parameters
    ----------
    concept_pairs : the tables of all models (CONCEPT_PAIR_COLUMNS). pair : the two layers, of two models.
    embed_images : with False the photographs are left out and only the masks are shown (licences).
    """
    title = f"Matched concepts: {pair.words}"
    every = concept_rows_of(concept_pairs, pair)
    rows = best_matches(every)
    if not len(rows):
        return empty_figure(title, "No concept of these layers is the mutual best match of another above chance.")
    of_a, of_b = read_concept_pictures(files_a.examples), read_concept_pictures(files_b.examples)
    shown = [_shown(row, of_a, of_b, files_a, files_b) for row in records(rows)]
    if not any(image >= 0 for one in shown for image in one.images):
        return empty_figure(title, "The matched concepts have no pictures.")
    grid, lines = _lines(records(rows), shown, pair)
    threshold = float(rows["threshold"].iloc[0])
    note = sentences(
        images_sentence(rows),
        why_chosen(pair),
        f"Shown of {count(len(_mutual(every)), 'mutual best match', plural='mutual best matches')} above chance: "
        f"{len(rows)}, by UCS",
        f"Upper line: masks of {plain(pair.model_a, width=24)}; lower line: masks of {plain(pair.model_b, width=24)}, "
        f"the same images; yellow: own mask, outside dimmed; blue: mask of the other; BT {threshold:g}",
        "In the upper picture the image's own IoU of both masks; it is missing where both are empty",
        UCS,
        "" if embed_images else "The pictures of this data set are not shown (embed_images: no)",
    )
    headings = [
        f"top images of {plain(pair.model_a, width=24)}", *[""] * (IMAGES_A_SIDE - 1),
        f"top images of {plain(pair.model_b, width=24)}", *[""] * (IMAGES_A_SIDE - 1),
    ]  # fmt: skip
    return picture_grid(grid, lines, headings, title=title, note=note, embed_images=embed_images, pairs=2, left=True)


def best_matches(rows: pd.DataFrame, *, most: int = MATCHES) -> pd.DataFrame:
    """The mutual best matches above chance at the first threshold, by UCS, highest first.

    Without a null all mutual best matches count.
    """
    found = _mutual(rows)
    return found.sort_values("ucs", ascending=False, kind="stable").head(most)


def _mutual(rows: pd.DataFrame) -> pd.DataFrame:
    if not len(rows):
        return rows
    first = rows[(rows["threshold"] == rows["threshold"].min()) & rows["mutual_best"] & rows["ucs"].notna()]
    return first[first["above_null"].fillna(True).astype(bool)]


def _shown(
    row: dict[str, Any], of_a: ConceptPictures, of_b: ConceptPictures, files_a: LayerFiles, files_b: LayerFiles
) -> _Shown:
    concepts = int(row["concept_a"]), int(row["concept_b"])
    size = of_a.pictures.shape[1]
    images = [-1] * (2 * IMAGES_A_SIDE)
    pictures = np.zeros((2 * IMAGES_A_SIDE, size, size, 3), dtype=np.uint8)
    for side, (pictured, concept) in enumerate(zip((of_a, of_b), concepts, strict=True)):
        found = pictured.of(concept).head(IMAGES_A_SIDE)
        for column, (place, image) in enumerate(zip(found.index.tolist(), found["image_index"], strict=True)):
            images[side * IMAGES_A_SIDE + column] = int(image)
            pictures[side * IMAGES_A_SIDE + column] = pictured.pictures[place]
    paths: list[str | Path] = [files_a.discovered, files_b.discovered]
    small = [read_concept_masks(path, concept, images)[0] for path, concept in zip(paths, concepts, strict=True)]
    large = [read_concept_masks(path, c, images, size=size)[0] for path, c in zip(paths, concepts, strict=True)]
    return _Shown(images, pictures, large[0], large[1], mask_iou(small[0], small[1]))


def _interval(row: dict[str, Any]) -> str:
    if not np.isfinite([row["low"], row["high"]]).all():
        return ""
    return f" [{number(row['low'], digits=2)}, {number(row['high'], digits=2)}]"


def _lines(rows: list[dict[str, Any]], shown: list[_Shown], pair: LayerPair) -> tuple[ConceptExamples, list[Line]]:
    """Two lines a match; the arrays hold all columns of all lines, one after another."""
    lines = []
    pictures, masks, others = [], [], []
    iou: list[float] = []
    for row, one in zip(rows, shown, strict=True):
        words = (
            [f"concept {int(row['concept_a'])}", plain(pair.model_a, width=24), layer_words(pair.layer_a, width=24),
             f"UCS {number(row['ucs'], digits=2)}{_interval(row)}"],
            [f"concept {int(row['concept_b'])}", plain(pair.model_b, width=24), layer_words(pair.layer_b, width=24),
             f"chance {number(row['null_high'], digits=2)}"],
        )  # fmt: skip
        for upper, own, other, text, colour in (
            (True, one.masks_a, one.masks_b, words[0], COLOUR_A),
            (False, one.masks_b, one.masks_a, words[1], COLOUR_B),
        ):
            start = len(iou)
            lines.append(Line([start + i if image >= 0 else -1 for i, image in enumerate(one.images)], text, colour))
            pictures.append(one.pictures)
            masks.append(own)
            others.append(other)
            iou += list(one.iou) if upper else [np.nan] * len(one.images)
    grid = ConceptExamples(
        pd.DataFrame({"iou": iou}), np.concatenate(pictures), np.concatenate(masks), np.concatenate(others)
    )
    return grid, lines
