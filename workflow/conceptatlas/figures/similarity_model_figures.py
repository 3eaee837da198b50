"""The figure job that compares all layers of all models of a data set, and ``figures.json``, which lists them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from conceptatlas.figures.drawn import Drawn, write_figures
from conceptatlas.figures.similarity_agreement import measure_agreement
from conceptatlas.figures.similarity_chosen import LayerPair, chosen_pairs
from conceptatlas.figures.similarity_depth import similarity_by_depth
from conceptatlas.figures.similarity_facts import (
    REGRESSION,
    WORDS,
    Kind,
    Place,
    joined,
    kinds_of,
    models_of,
    places_of,
)
from conceptatlas.figures.similarity_layers import layer_matrix
from conceptatlas.figures.similarity_matched import LayerFiles, matched_concepts
from conceptatlas.figures.similarity_matrices import concept_matrices
from conceptatlas.figures.similarity_only_one import found_in_one_model
from conceptatlas.figures.similarity_only_one_examples import models_with_own, only_one_examples
from conceptatlas.figures.similarity_propagation import propagation
from conceptatlas.figures.similarity_reading import read_concept_matrix
from conceptatlas.figures.similarity_robustness import robustness
from conceptatlas.figures.similarity_scatter import MOST_PAIRS, pairs_to_draw, profile_scatter
from conceptatlas.figures.similarity_sfss import MOST_PAIRS as MOST_LINES
from conceptatlas.figures.similarity_sfss import concept_distribution
from conceptatlas.figures.similarity_simple import recognising_layers, simple_against_complex
from conceptatlas.figures.similarity_twins import floor_to_ceiling
from conceptatlas.similarity.embeddings import embedding_pairs
from conceptatlas.similarity.pair_tables import DIRECTED, MEASURES
from conceptatlas.similarity.profile_files import read_profiles
from conceptatlas.tables import read_table

DRAWN_MEASURES = (*(measure for measure in MEASURES if measure not in DIRECTED), REGRESSION)
SHOWS = {
    **{f"layer_matrix_{m}": f"{WORDS.get(m, m)} between all layers of all models" for m in DRAWN_MEASURES},
    "similarity_by_depth": "every measure against the difference in relative depth, within and between models",
    "floor_to_ceiling": "every measure between the random twin and the other-seed twin",
    "measure_agreement": "rank correlation of every two measures over pairs of layers",
    "concept_distribution": "SFSS of every concept for pairs of layers, with the mean over them",
    "profile_scatter": "cosines of images with a concept's vectors in two layers against each other",
    "propagation": "mean SFSS of consecutive layers of every model, and every step",
    "recognising_layers": "in how many layers of every model a concept is recognised, and at which depths",
    "simple_against_complex": "share of recognised concepts by depth, simple ones and others",
    "robustness": "layers and concepts by the change of UCS from the first threshold to the last",
    "found_in_one_model": "concepts of a model without a partner in any layer of another",
    "only_one_examples": "pictures of a model's concepts that others lack",
    "concept_matrices": "UCS of the concepts of two layers of two models at every threshold, matches outlined",
    "matched_concepts": "matched concepts of two models: the same images with both masks, IoU of every image",
}


class _Files(NamedTuple):
    """matrices : by model. layers : (model, layer) -> its files; empty where discovery is off. profiles : (model,
    layer) -> profiles.h5."""

    matrices: dict[str, str]
    layers: dict[tuple[str, str], LayerFiles]
    profiles: dict[tuple[str, str], str]


def plot_similarity_models(
    *,
    dataset: str,
    tables: list[str],
    concept_tables: list[str],
    sfss_tables: list[str],
    profile_tables: list[str],
    summary: str | Path,
    places: list[list[Any]],
    folder: str | Path,
    options: dict[str, Any],
    matrices: Sequence[str] = (),
    profiles_h5: Sequence[str] = (),
    distances: str | Path | None = None,
    discovered_h5: Sequence[str] = (),
    examples: Sequence[str] = (),
    embed_images: bool = False,
) -> None:
    """Write the comparison of all layers of all models of a data set into a folder.

    Parameters
    ----------
    tables, concept_tables, sfss_tables, matrices : of compare_models, one a model, in the order of the sheet.
    profile_tables, profiles_h5, discovered_h5, examples : one a layer, in the order of `places`; empty where an
        analysis is off. Without the last two and `matrices` there are no views of single concepts of two models.
    places : [model, layer, relative depth] of all layers. summary : summary.parquet. distances : distances.parquet of
        Net2Vec's embedding spaces, where the study has them.
    options : config section `figures` (dpi, formats), with `concepts`, `simple_concepts` and `scatter_pairs` of section
        `similarity`.
    embed_images : whether pictures of the data set may be shown; otherwise galleries show the masks alone.

    Raises
    ------
    ValueError
        if lists do not belong to the models or layers.
    """
    layers = places_of(places)
    models = models_of(layers)
    per_layer = {
        "profile_tables": profile_tables,
        "profiles_h5": profiles_h5,
        "discovered_h5": discovered_h5,
        "examples": examples,
    }
    wrong = [f"{len(paths)} {name}" for name, paths in per_layer.items() if len(paths) not in (0, len(layers))]
    per_model = {"tables": tables, "concept_tables": concept_tables, "matrices": matrices}
    wrong += [f"{len(paths)} {name}" for name, paths in per_model.items() if len(paths) not in (0, len(models))]
    if wrong or not layers or not tables:
        raise ValueError(
            f"figures of similarity on {dataset}: {len(layers)} layers of {len(models)} models, but "
            f"{', '.join(wrong) or 'no table'}"
        )
    of_layers = [LayerFiles(str(h5), str(picture)) for h5, picture in zip(discovered_h5, examples, strict=True)]
    files = _Files(
        dict(zip(models, map(str, matrices), strict=False)),
        dict(zip([(place.model, place.layer) for place in layers], of_layers, strict=False)),
        dict(zip([(place.model, place.layer) for place in layers], map(str, profiles_h5), strict=False)),
    )
    pairs, concept_pairs = joined(map(read_table, tables)), joined(map(read_table, concept_tables))
    profiles = joined(
        read_table(path).assign(depth=place.depth) for path, place in zip(profile_tables, layers, strict=False)
    )
    pairs = joined([pairs, embedding_pairs(distances, places)])
    sfss = joined(map(read_table, sfss_tables))
    drawn = _figures(pairs, concept_pairs, profiles, sfss, read_table(summary), layers, files, options, embed_images)
    write_figures(drawn, folder, dataset=dataset, model="", shows=SHOWS, options=options)


def _figures(
    pairs: pd.DataFrame,
    concept_pairs: pd.DataFrame,
    profiles: pd.DataFrame,
    sfss: pd.DataFrame,
    summary: pd.DataFrame,
    places: list[Place],
    files: _Files,
    options: dict[str, Any],
    embed_images: bool,
) -> Iterator[Drawn]:
    """One figure is held in memory at a time."""
    for measure in DRAWN_MEASURES:
        kinds = kinds_of(pairs, (measure if measure != REGRESSION else "regression_ab",))
        for page, kind in enumerate(kinds, start=1):
            figure = layer_matrix(pairs, places, kind=Kind(measure, kind.threshold))
            yield Drawn(f"layer_matrix_{measure}", "", page, figure)
    yield Drawn("similarity_by_depth", "", 1, similarity_by_depth(pairs, summary))
    yield Drawn("floor_to_ceiling", "", 1, floor_to_ceiling(summary, pairs, places))
    yield Drawn("measure_agreement", "", 1, measure_agreement(summary))
    if len(profiles):
        concepts, simple = list(options.get("concepts", [])), list(options.get("simple_concepts", []))
        yield from _profiles(sfss, pairs, places, files, concepts, options.get("scatter_pairs"))
        yield Drawn("propagation", "", 1, propagation(summary, pairs, places))
        yield Drawn("recognising_layers", "", 1, recognising_layers(summary, places, concepts=concepts))
        if simple:
            yield Drawn("simple_against_complex", "", 1, simple_against_complex(profiles, places, simple=simple))
    if len(concept_pairs):
        yield Drawn("robustness", "", 1, robustness(concept_pairs, places))
        yield Drawn("found_in_one_model", "", 1, found_in_one_model(summary, concept_pairs, places))
        models = models_of(places)
        for page, model in enumerate(models_with_own(summary, models) if files.layers else [], start=1):
            figure = only_one_examples(summary, files.layers, model=model, models=models, embed_images=embed_images)
            yield Drawn("only_one_examples", "", page, figure)
        for page, pair in enumerate(chosen_pairs(pairs, places), start=1):
            yield from _concepts(pair, page, concept_pairs, files, embed_images=embed_images)


def _profiles(
    sfss: pd.DataFrame,
    pairs: pd.DataFrame,
    places: list[Place],
    files: _Files,
    concepts: list[str],
    named: list[list[str]] | None,
) -> Iterator[Drawn]:
    """SFSS concept by concept: over pairs of layers, and image by image where the profiles are given."""
    lines = pairs_to_draw(places, None, most=MOST_LINES)
    chosen = pairs_to_draw(places, named, most=MOST_PAIRS)
    lines = list(dict.fromkeys([*(chosen if named else []), *lines]))
    yield Drawn("concept_distribution", "", 1, concept_distribution(sfss, pairs, chosen=lines))
    for page, pair in enumerate(chosen if files.profiles and len(sfss) else [], start=1):
        a, b = (read_profiles(files.profiles[place.model, place.layer]) for place in pair)
        yield Drawn("profile_scatter", "", page, profile_scatter(sfss, pair=pair, a=a, b=b, concepts=concepts))


def _concepts(
    pair: LayerPair, page: int, concept_pairs: pd.DataFrame, files: _Files, *, embed_images: bool
) -> Iterator[Drawn]:
    """The views of the concepts of two layers, where their files are given."""
    if pair.model_b in files.matrices:
        ucs, thresholds = read_concept_matrix(files.matrices[pair.model_b], pair.model_a, pair.layer_a, pair.layer_b)
        yield Drawn("concept_matrices", "", page, concept_matrices(ucs, thresholds, concept_pairs, pair=pair))
    a, b = (files.layers.get(names) for names in ((pair.model_a, pair.layer_a), (pair.model_b, pair.layer_b)))
    if a is not None and b is not None:
        figure = matched_concepts(concept_pairs, pair=pair, files_a=a, files_b=b, embed_images=embed_images)
        yield Drawn("matched_concepts", "", page, figure)
