"""The job that compares the concepts of a model's layers between data sets: diversity of data against complexity.

Two data sets give two sets of components of one layer. They are compared as directions (`component_cosines`), and by
UCS (Mikriukov et al. 2023): both sets are projected on the test images of either data set, and masks compared as those
of two layers are. Beside them the reconstruction error of either data set's concepts on the images of either: concepts
of diverse images carry over to others, concepts of a narrow data set do not.

`{model}_matrices.h5`: a group "dataset_a~dataset_b~layer" a pair with `cosine` float32 (concept of a, of b), and
"/on_a", "/on_b" (test images of a, of b) with `ucs` and `null_mean` float32, `n_defined` int32, all (threshold, concept
of a, concept of b); attributes model, thresholds.
"""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np

from conceptatlas.datasets.labelled_images import read_images
from conceptatlas.files import atomic_path, scratch_beside
from conceptatlas.inference.bootstrap import ratio_interval
from conceptatlas.parallel import parallel_map, workers
from conceptatlas.similarity.across_projecting import Crossed, LayerOn, check_two, project_across
from conceptatlas.similarity.across_tables import (
    ACROSS_COLUMNS,
    ACROSS_CONCEPT_COLUMNS,
    ACROSS_CONCEPT_TYPES,
    ACROSS_TYPES,
    ERROR,
)
from conceptatlas.similarity.component_cosines import Cosines, compare_components
from conceptatlas.similarity.discovered_file import read_discovered
from conceptatlas.similarity.nulls import Chance
from conceptatlas.similarity.setting import N_BLOCKS, Comparing, Measured, measured
from conceptatlas.similarity.ucs import ConceptLayer, PairUcs, compare_concepts
from conceptatlas.similarity.ucs_kernel import LayerMasks
from conceptatlas.tables import read_table, write_table
from conceptatlas.typed_tables import frame_of

Array = np.ndarray[Any, Any]

_NO_CHANCE = Chance(float("nan"), float("nan"), float("nan"), 0)


class Task(NamedTuple):
    """UCS of the concepts of two data sets on the same images. names : of the two, for seeds. masks : their files in
    the form of discovered.h5. listing : index.parquet of the images."""

    names: tuple[str, str]
    masks: tuple[str, str]
    listing: str
    options: dict[str, Any]
    seed: int


def compare_datasets(
    *,
    model: str,
    layers: list[list[LayerOn]],
    depths: list[float],
    table: str | Path,
    concept_pairs: str | Path,
    matrices: str | Path,
    options: dict[str, Any],
    geometry: dict[str, Any],
    seed: int,
    threads: int = 1,
    mem_mb: int = 2000,
) -> None:
    """Compare the concepts of every layer between all pairs of data sets and write three files.

    layers : of each layer its files on every data set, in the order of the sheet. depths : relative depth of each.
    options : n_permutations, n_bootstrap, confidence. geometry : config section, how maps reach masks.

    Raises
    ------
    ValueError
        if the concepts of two data sets were not found in the same way. DamagedFileError: a shard is not what its
        manifest says.
    """
    rows: list[dict[str, Any]] = []
    concepts: list[dict[str, Any]] = []
    for sets in layers:
        for a, b in itertools.combinations(sets, 2):
            check_two(a, b)
    with (
        scratch_beside(table) as folder,
        workers(threads=threads, mem_mb=mem_mb),
        atomic_path(matrices) as part,
        h5py.File(part, "w", libver="latest") as file,
    ):
        file.attrs["model"] = model
        for sets, depth in zip(layers, depths, strict=True):
            crossed = {
                (of.dataset, on.dataset): project_across(
                    of, on, folder, geometry=geometry, threads=threads, mem_mb=mem_mb
                )
                for of, on in itertools.product(sets, repeat=2)
            }
            pairs = list(itertools.combinations(sets, 2))
            tasks = [task for a, b in pairs for task in _tasks(model, a, b, crossed, options, seed)]
            done = parallel_map(compare_on_images, tasks, threads=threads, mem_mb=mem_mb, description="UCS")
            for at, (a, b) in enumerate(pairs):
                place = {"dataset_a": a.dataset, "dataset_b": b.dataset, "model": model, "layer": a.layer,
                         "depth": depth}  # fmt: skip
                cosines = _cosines(model, a, b, options, seed)
                on = dict(zip((a.dataset, b.dataset), done[2 * at : 2 * at + 2], strict=True))
                rows += [place | row for row in _rows(a, b, cosines, on, crossed, options, seed)]
                concepts += [place | row for row in _concept_rows(a, b, cosines, on)]
                thresholds = read_discovered(a.discovered).thresholds
                file.attrs["thresholds"] = np.array(thresholds, dtype=np.float64)
                _write_matrices(file, f"{a.dataset}~{b.dataset}~{a.layer}", cosines, [on[a.dataset], on[b.dataset]])
            for each in crossed.values():
                each.discovered.unlink()
    write_table(table, frame_of(rows, ACROSS_COLUMNS, ACROSS_TYPES), columns=ACROSS_COLUMNS)
    frame = frame_of(concepts, ACROSS_CONCEPT_COLUMNS, ACROSS_CONCEPT_TYPES)
    write_table(concept_pairs, frame, columns=ACROSS_CONCEPT_COLUMNS)


def compare_on_images(task: Task) -> PairUcs:
    """UCS of the concepts of two data sets on the images of one, with its null and matching."""
    sides: list[ConceptLayer] = []
    thresholds: tuple[float, ...] = ()
    for name, path in zip(task.names, task.masks, strict=True):
        file = read_discovered(path)
        masks = [LayerMasks(file.masks[t], file.areas[t]) for t in range(len(file.thresholds))]
        sides.append(ConceptLayer(name, file.test_images, masks))
        thresholds = file.thresholds
    return compare_concepts(sides, [(0, 1)], thresholds, _comparing(task.listing, task.options, task.seed))[0]


def _comparing(index: str, options: dict[str, Any], seed: int) -> Comparing:
    images = read_images(index)
    return Comparing(images.blocks, images.sources, int(options["n_permutations"]), int(options["n_bootstrap"]),
                     float(options["confidence"]), seed)  # fmt: skip


def _names(model: str, a: LayerOn, b: LayerOn) -> tuple[str, str]:
    return f"{a.dataset}:{model}/{a.layer}", f"{b.dataset}:{model}/{b.layer}"


def _tasks(
    model: str, a: LayerOn, b: LayerOn, crossed: dict[tuple[str, str], Crossed], options: dict[str, Any], seed: int
) -> list[Task]:
    """On the images of a, then on those of b; the masks of a come first in both."""
    return [
        Task(_names(model, a, b), (str(crossed[a.dataset, on.dataset].discovered),
                                   str(crossed[b.dataset, on.dataset].discovered)), on.listing, options, seed)
        for on in (a, b)
    ]  # fmt: skip


def _cosines(model: str, a: LayerOn, b: LayerOn, options: dict[str, Any], seed: int) -> Cosines:
    found = read_discovered(a.discovered), read_discovered(b.discovered)
    return compare_components(
        found[0].components, found[1].components, names=_names(model, a, b), both_signs=found[0].method == "pca",
        n_permutations=int(options["n_permutations"]), seed=seed,
    )  # fmt: skip


def _stability(layer: LayerOn) -> Array:
    table = read_table(layer.table).sort_values("concept")
    return table["stability_images"].to_numpy(dtype=np.float64)


def _rows(
    a: LayerOn, b: LayerOn, cosines: Cosines, on: dict[str, PairUcs], crossed: dict[tuple[str, str], Crossed],
    options: dict[str, Any], seed: int,
) -> list[dict[str, Any]]:  # fmt: skip
    nothing = {"components": "", "images": "", "ceiling": float("nan")}
    stability = np.concatenate([_stability(a), _stability(b)])
    stability = stability[~np.isnan(stability)]
    ceiling = float(stability.mean()) if len(stability) else float("nan")
    rows = [
        nothing | row._asdict() | ({"ceiling": ceiling} if row.measure == "cosine_raw" else {}) for row in cosines.rows
    ]
    for images, found in on.items():
        rows += [nothing | row._asdict() | {"images": images} for row in found.rows]
    for components, of in itertools.product((a, b), repeat=2):
        row = _error(crossed[components.dataset, of.dataset], _comparing(of.listing, options, seed))
        rows.append(nothing | row._asdict() | {"components": components.dataset, "images": of.dataset})
    return rows


def _error(crossed: Crossed, comparing: Comparing) -> Measured:
    """Reconstruction error over test images, its interval over blocks of them."""
    found, projected = read_discovered(crossed.discovered), crossed.projected
    blocks = comparing.blocks[found.test_images]
    sums = [
        np.bincount(blocks, weights=of, minlength=N_BLOCKS)[None] for of in (projected.error, projected.squares)
    ]  # fmt: skip
    total = float(projected.squares.sum())
    value = float(projected.error.sum()) / total if total > 0 else float("nan")
    low, high = ratio_interval(
        sums[0], sums[1], comparing.weights(), confidence=comparing.confidence,
        n_blocks_with_data=np.array([len(np.unique(blocks))]),
    )  # fmt: skip
    there = int(found.components.any(axis=1).sum())
    return measured(
        ERROR, value, (float(low[0]), float(high[0])), _NO_CHANCE, n_images=len(found.test_images), n_concepts=there,
        reason="the layer is 0 in all test images",
    )  # fmt: skip


def _concept_rows(a: LayerOn, b: LayerOn, cosines: Cosines, on: dict[str, PairUcs]) -> list[dict[str, Any]]:
    missing = float("nan")
    stability_a, stability_b = _stability(a), _stability(b)
    blank = {"images": "", "threshold": missing, "low": missing, "high": missing, "n_defined": 0, "n_images": 0}
    rows: list[dict[str, Any]] = [blank | {"matched_by": "cosine"} | row for row in cosines.concepts]
    for images, found in on.items():
        for row in found.concepts:
            kept = {name: value for name, value in row.items() if name not in ("ucs", "robustness")}
            rows.append({"matched_by": "ucs", "images": images, "similarity": row["ucs"]} | kept)
    for row in rows:
        i, j = int(row["concept_a"]), int(row["concept_b"])
        row["cosine"] = float(cosines.matrix[i, j])
        row["stability"] = float(np.minimum(stability_a[i], stability_b[j]))
    return rows


def _write_matrices(file: h5py.File, group: str, cosines: Cosines, on: list[PairUcs]) -> None:
    file[f"{group}/cosine"] = cosines.matrix.astype(np.float32)
    for name, found in zip(("on_a", "on_b"), on, strict=True):
        file[f"{group}/{name}/ucs"] = found.ucs.astype(np.float32)
        file[f"{group}/{name}/null_mean"] = found.null_mean.astype(np.float32)
        file[f"{group}/{name}/n_defined"] = found.n_defined.astype(np.int32)
