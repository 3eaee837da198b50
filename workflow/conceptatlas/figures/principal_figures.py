"""The figure job of principal directions: stem plots, galleries, agreement with dissection, verdicts of all layers."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from conceptatlas.figures.principal_galleries import concepts_with_gallery, loading_gallery
from conceptatlas.figures.principal_stems import stem_plots
from conceptatlas.figures.principal_verdicts import loading_against_iou, verdict_bars
from conceptatlas.figures.reading import read_gallery
from conceptatlas.figures.saving import save_figure
from conceptatlas.files import write_json
from conceptatlas.tables import read_table

logger = logging.getLogger(__name__)

Array = np.ndarray[Any, Any]

SHOWS = {
    "principal_verdicts": "verdicts on concepts, per layer and category",
    "principal_stems": "loadings of chosen concepts, unit by unit",
    "principal_agreement": "largest squared loading against the IoU of that unit with the concept",
    "principal_gallery": "top images of the five units with the largest loadings of a concept",
}


class _Drawn(NamedTuple):
    name: str
    layer: str
    page: int
    concept: str
    figure: Figure


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
    if not layers or not len(layers) == len(tables) == len(loadings) == len(galleries):
        raise ValueError(
            f"principal directions of {model} on {dataset}: {len(layers)} layers, but {len(tables)} tables, "
            f"{len(loadings)} loadings, {len(galleries)} galleries"
        )
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    entries = []
    for drawn in _figures(layers, tables, loadings, galleries, embed_images=embed_images):
        stem = f"{drawn.name}_{drawn.layer}" if drawn.layer else drawn.name
        stem += f"~{drawn.page}" if drawn.page > 1 else ""
        paths = save_figure(
            drawn.figure, [folder / f"{stem}.{suffix}" for suffix in options["formats"]], dpi=options["dpi"]
        )
        entry = {
            "figure": drawn.name,
            "layer": drawn.layer,
            "page": drawn.page,
            "shows": SHOWS[drawn.name],
            "files": [path.name for path in paths],
        }
        entries.append(entry | ({"concept": drawn.concept} if drawn.concept else {}))
        logger.info("drew %s", stem)
    write_json(folder / "figures.json", {"dataset": dataset, "model": model, "figures": entries})


def _figures(
    layers: list[str], tables: list[str], loadings: list[str], galleries: list[str], *, embed_images: bool
) -> Iterator[_Drawn]:
    """The model's figure, then layer by layer; one figure is held in memory at a time."""
    read = [read_table(path) for path in tables]
    yield _Drawn("principal_verdicts", "", 1, "", verdict_bars(read))
    for layer, table, of_loadings, strips in zip(layers, read, loadings, galleries, strict=True):
        yield _Drawn("principal_stems", layer, 1, "", stem_plots(table, _shown_loadings(of_loadings, table)))
        yield _Drawn("principal_agreement", layer, 1, "", loading_against_iou(table))
        concepts = concepts_with_gallery(table)
        gallery = read_gallery(strips) if concepts else None
        for page, concept in enumerate(concepts, start=1):
            if gallery is not None:
                figure = loading_gallery(table, gallery, concept=concept, embed_images=embed_images)
                yield _Drawn("principal_gallery", layer, page, concept, figure)


def _shown_loadings(path: str | Path, table: pd.DataFrame) -> dict[int, Array]:
    wanted = set(table.loc[(table["shown"] != "") & (table["reason"] == ""), "concept_index"].astype(int))
    with h5py.File(path, "r") as file:
        rows = {int(concept): i for i, concept in enumerate(file["concept_index"][()])}
        return {concept: file["loadings"][rows[concept]] for concept in sorted(wanted)}
