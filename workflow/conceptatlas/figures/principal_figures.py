"""The figure job of principal directions: stem plots, galleries, agreement with dissection, verdicts of all layers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd

from conceptatlas.figures.drawn import Drawn, one_file_a_layer, write_figures
from conceptatlas.figures.principal_galleries import concepts_with_gallery, loading_gallery
from conceptatlas.figures.principal_stems import stem_plots
from conceptatlas.figures.principal_verdicts import loading_against_iou, verdict_bars
from conceptatlas.figures.reading import read_gallery
from conceptatlas.tables import read_table

Array = np.ndarray[Any, Any]

SHOWS = {
    "principal_verdicts": "verdicts on concepts, per layer and category",
    "principal_stems": "loadings of chosen concepts, unit by unit",
    "principal_agreement": "largest squared loading against the IoU of that unit with the concept",
    "principal_gallery": "top images of the five units with the largest loadings of a concept",
}


def plot_principal_directions(
    *,
    dataset: str,
    model: str,
    layers: list[str],
    tables: list[str],
    loadings: list[str],
    galleries: list[str],
    folder: str | Path,
    options: dict[str, Any],
    embed_images: bool,
) -> None:
    """Write the figures of a model's principal directions into a folder, and ``figures.json`` that lists them.

    layers : names, in the order of the sheet. tables, loadings, galleries : their files, in the same order.
    options : config section `figures`.

    Raises
    ------
    ValueError
        if the lists are not one file a layer.
    """
    files = {"tables": tables, "loadings": loadings, "galleries": galleries}
    one_file_a_layer(layers, files, place=f"principal directions of {model} on {dataset}")
    drawn = _figures(layers, tables, loadings, galleries, embed_images=embed_images)
    write_figures(drawn, folder, dataset=dataset, model=model, shows=SHOWS, options=options)


def _figures(
    layers: list[str], tables: list[str], loadings: list[str], galleries: list[str], *, embed_images: bool
) -> Iterator[Drawn]:
    """The model's figure, then layer by layer; one figure is held in memory at a time."""
    read = [read_table(path) for path in tables]
    yield Drawn("principal_verdicts", "", 1, verdict_bars(read))
    for layer, table, of_loadings, strips in zip(layers, read, loadings, galleries, strict=True):
        yield Drawn("principal_stems", layer, 1, stem_plots(table, _shown_loadings(of_loadings, table)))
        yield Drawn("principal_agreement", layer, 1, loading_against_iou(table))
        concepts = concepts_with_gallery(table)
        gallery = read_gallery(strips) if concepts else None
        for page, concept in enumerate(concepts, start=1):
            if gallery is not None:
                figure = loading_gallery(table, gallery, concept=concept, embed_images=embed_images)
                yield Drawn("principal_gallery", layer, page, figure, concept)


def _shown_loadings(path: str | Path, table: pd.DataFrame) -> dict[int, Array]:
    wanted = set(table.loc[(table["shown"] != "") & (table["reason"] == ""), "concept_index"].astype(int))
    with h5py.File(path, "r") as file:
        rows = {int(concept): i for i, concept in enumerate(file["concept_index"][()])}
        return {concept: file["loadings"][rows[concept]] for concept in sorted(wanted)}
