"""The figure job of a model's concepts in several data sets, and ``figures.json``, which lists them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd

from conceptatlas.figures.drawn import Drawn, write_figures
from conceptatlas.figures.similarity_across import (
    across_cosines,
    across_layers,
    across_matched,
    pairs_of_sets,
    rows_of_sets,
)
from conceptatlas.figures.similarity_reading import read_concept_pictures
from conceptatlas.tables import read_table

SHOWS = {
    "across_layers": "concepts of two data sets layer by layer: cosines, UCS on either's images, reconstruction errors",
    "across_cosines": "cosines of the components that two data sets give in a layer, matches outlined",
    "across_matched": "pictures of matched concepts of two data sets side by side",
}


def plot_compared_datasets(
    *,
    model: str,
    places: list[list[str]],
    table: str | Path,
    concept_pairs: str | Path,
    matrices: str | Path,
    examples: list[str],
    folder: str | Path,
    options: dict[str, Any],
    embed_images: bool,
) -> None:
    """Write the figures of a model's concepts in several data sets into a folder.

    Parameters
    ----------
    places : [dataset, layer] of every file of `examples` (discovered_examples.h5).
    table, concept_pairs, matrices : what compare_datasets wrote.
    options : config section `figures` (dpi, formats). embed_images : whether pictures of all of the data sets may be
        shown; otherwise galleries show the masks alone.

    Raises
    ------
    ValueError
        if there is not one file of pictures a place.
    """
    if len(examples) != len(places):
        raise ValueError(
            f"figures of {model} across data sets: {len(examples)} files of pictures for {len(places)} layers"
        )
    files = {(dataset, layer): path for (dataset, layer), path in zip(places, examples, strict=True)}
    drawn = _figures(model, read_table(table), read_table(concept_pairs), matrices, files, embed_images=embed_images)
    write_figures(drawn, folder, dataset="", model=model, shows=SHOWS, options=options)


def _figures(
    model: str,
    table: pd.DataFrame,
    concepts: pd.DataFrame,
    matrices: str | Path,
    files: dict[tuple[str, str], str],
    *,
    embed_images: bool,
) -> Iterator[Drawn]:
    """One figure is held in memory at a time."""
    for page, sets in enumerate(pairs_of_sets(table), start=1):
        yield Drawn("across_layers", "", page, across_layers(table, sets=sets, model=model))
        for layer in dict.fromkeys(rows_of_sets(table, sets)["layer"].astype(str)):
            about: dict[str, Any] = {"sets": sets, "model": model, "layer": layer}
            with h5py.File(matrices, "r") as file:
                cosines = np.asarray(file[f"{sets.a}~{sets.b}~{layer}/cosine"][()], dtype=np.float64)
            yield Drawn("across_cosines", layer, page, across_cosines(cosines, concepts, **about))
            pictures = [read_concept_pictures(files[dataset, layer]) for dataset in sets]
            figure = across_matched(
                concepts, **about, pictures_a=pictures[0], pictures_b=pictures[1], embed_images=embed_images
            )
            yield Drawn("across_matched", layer, page, figure)
