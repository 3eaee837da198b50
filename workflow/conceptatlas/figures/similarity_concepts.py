"""The concepts found in a layer: their top images with the concept's mask at every binarisation threshold."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from conceptatlas.figures.facts import sentences
from conceptatlas.figures.net2vec_examples import Line, pages_of, picture_grid
from conceptatlas.figures.net2vec_reading import ConceptExamples
from conceptatlas.figures.similarity_facts import MOST_SHOWN, layer_words
from conceptatlas.figures.similarity_reading import ConceptPictures
from conceptatlas.figures.style import OTHER, count, empty_figure, number, plain, styled
from conceptatlas.similarity.discovered_tables import empty_column
from conceptatlas.tables import records

CONCEPTS_A_PAGE = 10
MOST_COLUMNS = 10
COLOUR = "#0072B2"


def n_concept_pages(pictures: ConceptPictures, table: pd.DataFrame) -> int:
    """Pages of `concept_gallery`."""
    return pages_of(len(_shown(table)), CONCEPTS_A_PAGE)


@styled
def concept_gallery(
    pictures: ConceptPictures,
    table: pd.DataFrame,
    *,
    dataset: str,
    model: str,
    layer: str,
    page: int = 0,
    embed_images: bool = True,
) -> Figure:
    """Draw the top images of every concept of a layer, the masks of all thresholds side by side.

    Parameters
    ----------
    pictures : discovered_examples.h5 of the layer. table : its discovered.parquet. page : from 0.
    embed_images : with False the photographs are left out and only the masks are shown (licences).
    """
    title = f"Concepts found without labels: {plain(model)}, {layer_words(layer, width=30)}"
    rows = _shown(table)
    if not rows or not len(pictures.rows):
        return empty_figure(title, _why_empty(table), _about(table, dataset))
    pages = pages_of(len(rows), CONCEPTS_A_PAGE)
    title += f" (page {page + 1} of {pages})" if pages > 1 else ""
    n_thresholds = len(pictures.thresholds)
    n_images = max(1, min(int(pictures.rows["rank"].max()) + 1, MOST_COLUMNS // n_thresholds))
    lines = []
    for row in rows[page * CONCEPTS_A_PAGE : (page + 1) * CONCEPTS_A_PAGE]:
        places = [-1] * (n_images * n_thresholds)
        for t in range(n_thresholds):
            found = pictures.of(int(row["concept"]), threshold=t)
            for place, rank in zip(found.index.tolist(), found["rank"].tolist(), strict=True):
                if rank < n_images:
                    places[rank * n_thresholds + t] = place
        there = any(place >= 0 for place in places)
        lines.append(Line(places, _caption(row, pictures.thresholds), COLOUR if there else OTHER))
    note = sentences(
        _about(table, dataset),
        f"Left to right the {count(n_images, 'test image')} with the largest value of the concept map, each at every "
        "threshold BT (share of the normaliser); in the picture the share of it that the mask holds",
        "Outline: the concept's mask, outside dimmed"
        if embed_images
        else "The pictures of this data set are not shown (embed_images: no)",
        "Stability: mean cosine to the matched concept of refits, on resampled images and from other initialisations. "
        "Error: growth of the reconstruction error without the concept",
    )
    headings = [f"BT {threshold:g}" for threshold in pictures.thresholds] * n_images
    return picture_grid(as_examples(pictures), lines, headings, title=title, note=note, embed_images=embed_images)


def as_examples(pictures: ConceptPictures) -> ConceptExamples:
    """The pictures as `picture_grid` takes them; printed is the share of the image in the mask."""
    rows = pictures.rows.assign(iou=pictures.rows["area"].astype(np.float64))
    return ConceptExamples(rows, pictures.pictures, pictures.masks, np.zeros_like(pictures.masks))


def _shown(table: pd.DataFrame) -> list[dict[str, Any]]:
    return records(table.sort_values("concept", kind="stable").head(MOST_SHOWN)) if len(table) else []


def _why_empty(table: pd.DataFrame) -> str:
    if not len(table):
        return "No concept was looked for in this layer."
    reasons = [plain(reason, width=160) for reason in table["reason"].dropna().unique() if reason]
    return f"No concept has a picture: {'; '.join(reasons) or 'no test image holds one'}."


def _caption(row: dict[str, Any], thresholds: tuple[float, ...]) -> list[str]:
    words = [f"concept {int(row['concept'])}"]
    if row["reason"]:
        return [*words, plain(row["reason"], width=27)]
    stable = f"stability {number(row['stability_images'], digits=2)}"
    if np.isfinite(row["stability_seeds"]):
        stable += f", {number(row['stability_seeds'], digits=2)}"
    words.append(stable)
    words.append(f"error +{number(row['error_without'] - row['reconstruction_error'])}")
    counts = [int(row[empty_column(t)]) for t in thresholds if empty_column(t) in row]
    empty = " / ".join(f"{n:,}" for n in counts)
    return [*words, f"no mask in {empty}"] if counts else words


def _about(table: pd.DataFrame, dataset: str) -> str:
    """Data, method and reconstruction of the layer."""
    if not len(table):
        return f"Data set {plain(dataset)}"
    first = table.iloc[0]
    method = {"nmf": "NMF", "kmeans": "k-means", "pca": "PCA"}.get(str(first["method"]), plain(first["method"]))
    rest = f"; the first {MOST_SHOWN} of them are shown" if len(table) > MOST_SHOWN else ""
    return sentences(
        f"Data set {plain(dataset)}, {count(len(table), 'concept')} by {method} of "
        f"{count(int(first['n_positions']), 'position')} in {count(int(first['n_fit']), 'training image')}{rest}, "
        f"shown in {count(int(first['n_test']), 'test image')}",
        f"Reconstruction error of the layer with all concepts {number(first['reconstruction_error'])} of its sum of "
        "squares",
        "Values below 0 were set to 0 first" if bool(first["rectified"]) else "",
    ).rstrip(".")
