"""The figure job of a model's layers: the concepts found in them, the concepts they recognise, and ``figures.json``."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from conceptatlas.figures.drawn import Drawn, write_figures
from conceptatlas.figures.similarity_concepts import concept_gallery, n_concept_pages
from conceptatlas.figures.similarity_facts import Kind, kinds_of, places_of
from conceptatlas.figures.similarity_layers import layer_matrix
from conceptatlas.figures.similarity_reading import read_concept_pictures
from conceptatlas.figures.similarity_recognised import n_recognised_pages, recognised
from conceptatlas.figures.similarity_responses import layer_fidelity, tcav_scores
from conceptatlas.figures.similarity_robustness import robustness
from conceptatlas.similarity.response_tables import TCAV
from conceptatlas.tables import read_table

OWN_MEASURES = ("ucs", "sfss", "cka")
SHOWS = {
    "concepts": "concepts found in a layer: top images with the mask at every threshold, stability, reconstruction",
    "recognised": "which concepts are recognised in which layers, against vectors of random labels",
    "layers_ucs": "similarity of the model's own layers: UCS above chance",
    "layers_sfss": "similarity of the model's own layers: SFSS",
    "layers_cka": "similarity of the model's own layers: CKA",
    "robustness": "layers and concepts by the change of UCS from the first threshold to the last",
    "tcav_scores": "share of a class's images whose score rises along a concept's vector (TCAV), after correction",
    "layer_fidelity": "what is left of the model's answers when layers are replaced by their concepts",
}


def plot_similarity(
    *,
    dataset: str,
    model: str,
    layers: list[str],
    discovered: list[str],
    discovered_h5: list[str],
    examples: list[str],
    pairs: str | Path,
    concept_pairs: str | Path,
    matrices: str | Path,
    profiles: list[str],
    folder: str | Path,
    options: dict[str, Any],
    embed_images: bool,
    responses: str | Path | None = None,
) -> None:
    """Write the figures of a model's layers into a folder, and ``figures.json`` that lists them.

    Parameters
    ----------
    layers : names, in the order of the sheet. discovered, discovered_h5, examples, profiles : their files, in the same
        order; empty lists where an analysis is off.
    pairs, concept_pairs, matrices : what compare_models wrote of the model. Pairs with other models are drawn with the
        data set.
    options : config section `figures` (dpi, formats); with `concepts` the names of concepts that are always shown.
    embed_images : whether pictures of the data set may be shown; otherwise galleries show the masks alone.
    responses : {model}_responses.parquet, for a model whose answers were asked for.

    Raises
    ------
    ValueError
        if a list is neither empty nor one file a layer.
    """
    files = {"discovered": discovered, "discovered_h5": discovered_h5, "examples": examples, "profiles": profiles}
    wrong = [f"{len(paths)} {name}" for name, paths in files.items() if len(paths) not in (0, len(layers))]
    if wrong or not layers:
        raise ValueError(
            f"figures of similarity, {model} on {dataset}: {len(layers)} layers, but {', '.join(wrong) or 'no layer'}"
        )
    drawn = _figures(
        dataset, model, layers, files, own_pairs(read_table(pairs), model), own_pairs(read_table(concept_pairs), model),
        concepts=list(options.get("concepts", [])), embed_images=embed_images,
    )  # fmt: skip
    answers = [] if responses is None else _answers(read_table(responses), model, layers)
    write_figures(itertools.chain(drawn, answers), folder, dataset=dataset, model=model, shows=SHOWS, options=options)


def _answers(table: pd.DataFrame, model: str, layers: list[str]) -> Iterator[Drawn]:
    """What the model's answers owe to concepts: by layer, then concepts and classes of every layer."""
    if (table["kind"] != TCAV).any():
        yield Drawn("layer_fidelity", "", 1, layer_fidelity(table, model=model, layers=layers))
    for layer in layers if (table["kind"] == TCAV).any() else []:
        yield Drawn("tcav_scores", layer, 1, tcav_scores(table, model=model, layer=layer))


def own_pairs(table: pd.DataFrame, model: str) -> pd.DataFrame:
    """The pairs of a model's layers with each other."""
    return table[(table["model_a"] == model) & (table["model_b"] == model)]


def _figures(
    dataset: str,
    model: str,
    layers: list[str],
    files: dict[str, list[str]],
    pairs: pd.DataFrame,
    concept_pairs: pd.DataFrame,
    *,
    concepts: list[str],
    embed_images: bool,
) -> Iterator[Drawn]:
    """Figures of the model, then of its layers; one figure is held in memory at a time."""
    place = {"dataset": dataset, "model": model}
    if files["profiles"]:
        tables = {layer: read_table(path) for layer, path in zip(layers, files["profiles"], strict=True)}
        for page in range(n_recognised_pages(tables)):
            yield Drawn("recognised", "", page + 1, recognised(tables, **place, concepts=concepts, page=page))
    depths = dict(zip(pairs["layer_a"], pairs["depth_a"], strict=True))
    depths |= dict(zip(pairs["layer_b"], pairs["depth_b"], strict=True))
    places = places_of([(model, layer, depths.get(layer, float("nan"))) for layer in layers])
    for measure in OWN_MEASURES:
        kind = next(iter(kinds_of(pairs, (measure,))), None)
        if kind is not None:
            yield Drawn(f"layers_{measure}", "", 1, layer_matrix(pairs, places, kind=Kind(measure, kind.threshold)))
    if files["discovered"]:
        yield Drawn("robustness", "", 1, robustness(concept_pairs, places))
    for layer, table, path in zip(layers, files["discovered"], files["examples"], strict=False):
        found, pictures = read_table(table), read_concept_pictures(path)
        for page in range(n_concept_pages(pictures, found)):
            figure = concept_gallery(pictures, found, **place, layer=layer, page=page, embed_images=embed_images)
            yield Drawn("concepts", layer, page + 1, figure)
