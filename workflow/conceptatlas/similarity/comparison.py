"""The job that compares a model's layers with each other and with those of all earlier models.

Pairs come from what is kept of every layer (concept masks, cosine profiles, geometry), never from activations: a model
added to a study costs its own layers and one such comparison. Pairs are cut into tiles of a few layers by a few, whose
masks and Gram terms are read once; what a pair gives does not depend on the tile it falls into.

``{model}_matrices.h5``: a group "model_a~layer_a~layer_b" (of this model) a pair with `ucs`, `null_mean` float32 and
`n_defined` int32, all (threshold, concept of a, concept of b); attributes model, thresholds.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np

from conceptatlas.datasets.labelled_images import read_images
from conceptatlas.files import atomic_path
from conceptatlas.parallel import parallel_map
from conceptatlas.similarity.compared_files import Place, check_files, places_of
from conceptatlas.similarity.discovered_file import read_discovered
from conceptatlas.similarity.geometry_file import read_geometry
from conceptatlas.similarity.pair_tables import (
    CONCEPT_PAIR_COLUMNS,
    CONCEPT_PAIR_TYPES,
    PAIR_COLUMNS,
    PAIR_TYPES,
)
from conceptatlas.similarity.pooled import Layer, compare_pooled
from conceptatlas.similarity.profile_files import read_profiles
from conceptatlas.similarity.setting import Comparing
from conceptatlas.similarity.sfss_pairs import compare_profiles
from conceptatlas.similarity.sfss_rows import concept_rows
from conceptatlas.similarity.sfss_tables import SFSS_COLUMNS, SFSS_TYPES
from conceptatlas.similarity.ucs import ConceptLayer, PairUcs, compare_concepts
from conceptatlas.similarity.ucs_kernel import LayerMasks
from conceptatlas.tables import write_table
from conceptatlas.typed_tables import frame_of

Array = np.ndarray[Any, Any]

LAYERS_A_SIDE = 4
"""Layers on a side of the largest tile."""
TILES_PER_THREAD = 4


class Tile(NamedTuple):
    """A task: some layers and the pairs of them to compare (positions in `layers`). images :
    index.parquet."""

    dataset: str
    layers: list[Place]
    pairs: list[tuple[int, int]]
    images: str
    options: dict[str, Any]
    seed: int


class PairFound(NamedTuple):
    """What a pair gives: rows of the three tables, and its matrices by name (none without concepts)."""

    measures: list[dict[str, Any]]
    concepts: list[dict[str, Any]]
    sfss: list[dict[str, Any]]
    matrices: dict[str, Array]


def compare_models(
    *,
    dataset: str,
    model: str,
    places: list[list[Any]],
    discovered: list[str],
    profiles: list[str],
    geometries: list[str],
    index: str | Path,
    table: str | Path,
    concept_pairs: str | Path,
    matrices: str | Path,
    sfss_pairs: str | Path,
    options: dict[str, Any],
    seed: int,
    threads: int = 1,
    mem_mb: int = 2000,
) -> None:
    """Compare every layer of a model with its own layers and those of all earlier models.

    places : [model, layer, relative depth] of the earlier models and of this one, which comes last. discovered,
    profiles, geometries : discovered.h5, profiles.h5 and geometry.h5 of each place; an empty list where an analysis is
    off. table, concept_pairs, matrices, sfss_pairs : what is written. options : n_permutations, n_bootstrap,
    confidence, thresholds, correlation, min_images_sfss.

    Raises
    ------
    ValueError
        if the lists do not belong together, or two layers saw different images (both are named).
    """
    layers = places_of(model, places, discovered, profiles, geometries)
    check_files(layers, tuple(float(t) for t in options["thresholds"]))
    wanted = wanted_pairs(layers, model)
    tiles = cut_tiles(wanted, side=_side(layers, len(wanted), threads, mem_mb))
    tasks = [_task(dataset, layers, tile, str(index), options, seed) for tile in tiles]
    done = parallel_map(compare_tile, tasks, threads=threads, mem_mb=mem_mb, description=f"comparing {model}")
    found = dict(zip((pair for tile in tiles for pair in tile), (one for part in done for one in part), strict=True))
    in_order = [found[pair] for pair in wanted]
    rows = [row for one in in_order for row in one.measures]
    write_table(table, frame_of(rows, PAIR_COLUMNS, PAIR_TYPES), columns=PAIR_COLUMNS)
    rows = [row for one in in_order for row in one.concepts]
    frame = frame_of(rows, CONCEPT_PAIR_COLUMNS, CONCEPT_PAIR_TYPES)
    write_table(concept_pairs, frame, columns=CONCEPT_PAIR_COLUMNS)
    rows = [row for one in in_order for row in one.sfss]
    write_table(sfss_pairs, frame_of(rows, SFSS_COLUMNS, SFSS_TYPES), columns=SFSS_COLUMNS)
    _write_matrices(matrices, model, [(layers[i], layers[j]) for i, j in wanted], in_order, options["thresholds"])


def wanted_pairs(layers: list[Place], model: str) -> list[tuple[int, int]]:
    """Pairs (position of the first layer, of the second): each layer of the model with all before it and itself."""
    return [(i, j) for j, layer in enumerate(layers) if layer.model == model for i in range(j + 1)]


def cut_tiles(pairs: list[tuple[int, int]], *, side: int) -> list[list[tuple[int, int]]]:
    """Cut pairs into tiles of at most `side` layers by `side`."""
    tiles: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for i, j in pairs:
        tiles.setdefault((i // side, j // side), []).append((i, j))
    return list(tiles.values())


def compare_tile(tile: Tile) -> list[PairFound]:
    """Compare the pairs of a tile, in their order."""
    images = read_images(tile.images)
    options = tile.options
    comparing = Comparing(
        images.blocks, images.sources, int(options["n_permutations"]), int(options["n_bootstrap"]),
        float(options["confidence"]), tile.seed,
    )  # fmt: skip
    two = [_two_layers(tile.dataset, tile.layers[i], tile.layers[j]) for i, j in tile.pairs]
    found = [PairFound([], [], [], {}) for _ in tile.pairs]
    if all(place.discovered for place in tile.layers):
        for names, out, pair in zip(two, found, _concepts(tile, comparing), strict=True):
            out.measures.extend(names | row._asdict() for row in pair.rows)
            out.concepts.extend(names | row for row in pair.concepts)
            out.matrices.update(
                ucs=pair.ucs.astype(np.float32), null_mean=pair.null_mean.astype(np.float32),
                n_defined=pair.n_defined.astype(np.int32),
            )  # fmt: skip
    if all(place.profiles for place in tile.layers):
        layers = [read_profiles(place.profiles) for place in tile.layers]
        how: dict[str, Any] = {"correlation": str(options["correlation"])}
        pairs = compare_profiles(layers, tile.pairs, comparing, min_images=int(options["min_images_sfss"]), **how)
        for names, out, sfss, (i, _) in zip(two, found, pairs, tile.pairs, strict=True):
            out.measures.extend(names | row._asdict() for row in sfss.rows)
            out.sfss.extend(concept_rows(names, sfss, layers[i], **how))
    if all(place.geometry for place in tile.layers):
        pooled = [Layer(place.name, read_geometry(place.geometry), comparing) for place in tile.layers]
        for names, out, (i, j) in zip(two, found, tile.pairs, strict=True):
            out.measures.extend(names | row._asdict() for row in compare_pooled(pooled[i], pooled[j], comparing))
    return found


def _concepts(tile: Tile, comparing: Comparing) -> list[PairUcs]:
    layers = []
    for place in tile.layers:
        file = read_discovered(place.discovered)
        masks = [LayerMasks(file.masks[t], file.areas[t]) for t in range(len(file.thresholds))]
        layers.append(ConceptLayer(place.name, file.test_images, masks))
    thresholds = tuple(float(t) for t in tile.options["thresholds"])
    return compare_concepts(layers, tile.pairs, thresholds, comparing)


def _side(layers: list[Place], n_pairs: int, threads: int, mem_mb: int) -> int:
    """Layers on a side of a tile: few enough that workers have several tiles each and a tile fits into memory."""
    side = min(LAYERS_A_SIDE, max(1, math.isqrt(n_pairs // (TILES_PER_THREAD * max(threads, 1)))))
    largest = max((Path(place.geometry).stat().st_size for place in layers if place.geometry), default=0)
    room = mem_mb * 1e6 / max(threads, 1) / 4
    while side > 1 and 2 * side * largest > room:
        side -= 1
    return side


def _task(
    dataset: str, layers: list[Place], tile: list[tuple[int, int]], index: str, options: dict[str, Any], seed: int
) -> Tile:
    used = sorted({position for pair in tile for position in pair})
    at = {position: number for number, position in enumerate(used)}
    return Tile(dataset, [layers[i] for i in used], [(at[i], at[j]) for i, j in tile], index, options, seed)


def _two_layers(dataset: str, a: Place, b: Place) -> dict[str, Any]:
    return {
        "dataset": dataset, "model_a": a.model, "layer_a": a.layer, "depth_a": a.depth, "model_b": b.model,
        "layer_b": b.layer, "depth_b": b.depth,
    }  # fmt: skip


def _write_matrices(
    path: str | Path, model: str, pairs: list[tuple[Place, Place]], found: list[PairFound], thresholds: list[float]
) -> None:
    with atomic_path(path) as part, h5py.File(part, "w", libver="latest") as file:
        file.attrs.update({"model": model, "thresholds": np.array(thresholds, dtype=np.float64)})
        for (a, b), one in zip(pairs, found, strict=True):
            for name, values in one.matrices.items():
                file[f"{a.model}~{a.layer}~{b.layer}/{name}"] = values
