"""The job of one layer: a word for every unit, scored on images it was not chosen on, beside its mask label."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from conceptatlas.inference.bootstrap import MINIMUM_BLOCKS, block_weights
from conceptatlas.inference.multiple_testing import benjamini_hochberg
from conceptatlas.inference.null import permutation_p
from conceptatlas.open_vocabulary.beside_masks import mask_rows, summary_rows
from conceptatlas.open_vocabulary.concept_set import Concepts, own_concepts, positions, vocabulary_concepts
from conceptatlas.open_vocabulary.examples import write_examples
from conceptatlas.open_vocabulary.label_tables import LABELS, MASKS, SUMMARY
from conceptatlas.open_vocabulary.layer_images import Layer, read_array, read_layer
from conceptatlas.open_vocabulary.null import Null, permuted_labels
from conceptatlas.open_vocabulary.simulation import Correlated, correlations_in_blocks, percentiles
from conceptatlas.open_vocabulary.soft_wpmi import Constants, best_concepts, concept_shares, soft_wpmi, top_images
from conceptatlas.tables import read_table, write_table

logger = logging.getLogger(__name__)

Array = np.ndarray[Any, Any]

N_BLOCKS = 32


def label_units(
    *,
    made: Mapping[str, str],
    statistics: str | Path,
    index: str | Path,
    concepts: str | Path,
    embeddings: Sequence[str | Path],
    parts: Sequence[str | Path],
    name_parts: Sequence[str | Path],
    units: str | Path | None,
    frames: Sequence[str | Path],
    options: Mapping[str, Any],
    seed: int,
    threads: int,
    mem_mb: int,
    labels: str | Path,
    masks: str | Path,
    summary: str | Path,
    examples: str | Path,
) -> None:
    """Label the units of a layer with concepts of an encoder, and write the tables and pictures.

    Parameters
    ----------
    made : dataset, model, layer, encoder, vocabulary, as they stand in the tables.
    statistics : of the layer (pooled activations). index, concepts : of the data set.
    embeddings : vectors of the data set's frames, all shards. parts : of the vocabulary.
    name_parts : vectors of the names of the data set's own concepts; none: those in the vocabulary are used.
    units : units.parquet of the dissection, or None where the layer was not dissected.
    frames : shards of the data set, for pictures.
    options : config section `open_vocabulary`.
    labels, masks, summary : tables to write (see `label_tables`). examples : HDF5 to write (see `examples`).
    """
    layer = read_layer(statistics, index, options=options, seed=seed)
    images = np.concatenate([read_array(path, "embeddings") for path in embeddings])[layer.images]
    own = read_table(concepts)
    concept_set = vocabulary_concepts(parts, own, centre=options["centre"])
    constants = _constants(options)
    cosines = images @ concept_set.vectors.T
    if len(concept_set.names) < 2:
        raise ValueError(f"vocabulary {made['vocabulary']!r} holds one concept: there is nothing to choose among")
    shares = concept_shares(cosines[layer.selecting], scale=constants.scale)
    live = np.flatnonzero(layer.live)
    activations = layer.activations[:, live]
    scores = soft_wpmi(shares, top_images(activations[layer.selecting], constants.top_images), constants)
    best = best_concepts(scores, min(options["n_labels"], len(concept_set.names)))
    held_out = ~layer.selecting
    weights = _weights(layer, options, seed=seed)
    names = own_concepts(name_parts, own, options) if name_parts else concept_set
    dissected = read_table(units) if units is not None else None
    given = _mask_profiles(dissected, names, images, live)
    found = permuted_labels(
        activations,
        cosines,
        layer.selecting,
        layer.sources,
        given,
        constants=constants,
        n_permutations=options["n_permutations"],
        seed=seed,
        name=" ".join(("open vocabulary", *made.values())),
        scratch=labels,
        threads=threads,
        mem_mb=mem_mb,
    )
    ranks = [
        correlations_in_blocks(
            activations[held_out], cosines[held_out][:, best[:, rank]], layer.blocks[held_out], weights
        )
        for rank in range(best.shape[1])
    ]
    settings = _settings(options, constants, layer, len(concept_set.names))
    table = _label_rows(made, layer, live, concept_set, scores, best, ranks, found, settings, options)
    write_table(labels, table, columns=LABELS)
    of_masks = correlations_in_blocks(activations[held_out], given[held_out], layer.blocks[held_out], weights)
    beside = mask_rows(
        made,
        live=live,
        open_names=[concept_set.names[i] for i in best[:, 0]],
        open_categories=[concept_set.categories[i] for i in best[:, 0]],
        open_vectors=concept_set.vectors[best[:, 0]],
        open_found=ranks[0],
        dissected=dissected,
        names=names.names,
        vectors=names.vectors,
        mask_found=of_masks,
        null=found.given,
        confidence=options["confidence"],
    )
    write_table(masks, beside, columns=MASKS)
    rows = summary_rows(
        made, beside, table, ranks[0], of_masks, found, vectors=(concept_set, names), options=options, seed=seed
    )
    write_table(summary, rows.assign(n_held_out=int(held_out.sum())).loc[:, [c.name for c in SUMMARY]], columns=SUMMARY)
    write_examples(
        examples, table, layer=layer, cosines=cosines, names=concept_set.names, frames=frames, options=options
    )
    logger.info("%d live units of %d, %d concepts", len(live), len(layer.live), len(concept_set.names))


def _constants(options: Mapping[str, Any]) -> Constants:
    return Constants(**{key: options[key] for key in ("top_images", "scale", "p_start", "p_end", "eps", "lam")})


def _mask_profiles(dissected: pd.DataFrame | None, names: Concepts, images: Array, live: Array) -> Array:
    """Cosine of every image with the name of each live unit's mask label: float64 (image, unit), NaN without one."""
    profiles = np.full((len(images), len(live)), np.nan)
    if dissected is not None:
        labels = dissected.set_index("unit")["concept"].reindex(live).fillna("").astype(str).tolist()
        places = positions(labels, names.names)
        there = places >= 0
        profiles[:, there] = images @ names.vectors[places[there]].T
    return profiles


def _weights(layer: Layer, options: Mapping[str, Any], *, seed: int) -> Array:
    """Draws of blocks; none where fewer than 8 blocks hold held-out images."""
    n_filled = len(np.unique(layer.blocks[~layer.selecting]))
    return block_weights(N_BLOCKS, options["n_bootstrap"] if n_filled >= MINIMUM_BLOCKS else 0, seed=seed)


def _settings(options: Mapping[str, Any], constants: Constants, layer: Layer, n_concepts: int) -> dict[str, Any]:
    return {
        "pooling": options["pooling"],
        "n_concepts": n_concepts,
        "n_selecting": int(layer.selecting.sum()),
        "n_held_out": int((~layer.selecting).sum()),
        **{key: getattr(constants, key) for key in ("top_images", "scale", "p_start", "p_end", "eps", "lam")},
        "centre": options["centre"],
        "n_permutations": options["n_permutations"],
    }


def _label_rows(
    made: Mapping[str, str],
    layer: Layer,
    live: Array,
    concepts: Concepts,
    scores: Array,
    best: Array,
    ranks: Sequence[Correlated],
    null: Null,
    settings: Mapping[str, Any],
    options: Mapping[str, Any],
) -> pd.DataFrame:
    p = permutation_p(ranks[0].value, null.searched) if len(null.searched) else np.full(len(live), np.nan)
    q = benjamini_hochberg(p)
    high = np.nanpercentile(null.searched, 95, axis=0) if len(null.searched) else np.full(len(live), np.nan)
    intervals = [percentiles(found.replicates, confidence=options["confidence"]) for found in ranks]
    place = {int(unit): i for i, unit in enumerate(live)}
    rows: list[dict[str, Any]] = []
    for unit in range(len(layer.live)):
        i = place.get(unit)
        if i is None:
            rows.append({**made, "unit": unit, "rank": 1, "concept": "", "category": "", **settings})
            continue
        for rank, found in enumerate(ranks):
            concept, first = int(best[i, rank]), rank == 0
            rows.append(
                {
                    **made,
                    "unit": unit,
                    "rank": rank + 1,
                    "concept": concepts.names[concept],
                    "category": concepts.categories[concept],
                    "score": scores[i, concept],
                    "correlation": found.value[i],
                    "ci_low": intervals[rank][0][i],
                    "ci_high": intervals[rank][1][i],
                    "p": p[i] if first else np.nan,
                    "q": q[i] if first else np.nan,
                    "null_high": high[i] if first else np.nan,
                    **settings,
                }
            )
    return pd.DataFrame(rows, columns=[column.name for column in LABELS])
