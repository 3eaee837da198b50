"""The job of principal directions: every concept of a layer, with its null, its verdict and what dissection says.

Source: the talk "Axis-Aligned Interpretability" (Bau et al., CVPR 2017): the first right singular vector of a concept's
activations, unit by unit; the bird's is one unit, the train's is none.

``loadings.h5``: `concept_index` int64 (concept,), `loadings` float32 (concept, unit), `null_high` float64 (concept,),
the 95 % point of max u^2 under the null, and `null_max_u2` float32 (concept, permutation).
``principal_gallery.h5``: picture strips (`activations.gallery`) of the five largest loadings of the concepts
that are drawn.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd

from conceptatlas.activations.gallery import top_images, write_gallery
from conceptatlas.activations.maps import Maps, stored_maps
from conceptatlas.activations.summary import layer_grid
from conceptatlas.activations.tallying import read_stored_tally
from conceptatlas.axes.principal_agreement import agreement, also_stands_out, class_of
from conceptatlas.axes.principal_cells import ConceptCells, LabelledCells, read_cells, write_cells
from conceptatlas.axes.principal_null import Found, Task, find_direction, permutations, write_shared
from conceptatlas.axes.principal_tables import PRINCIPAL_COLUMNS
from conceptatlas.axes.principal_verdicts import choose_shown, verdict
from conceptatlas.datasets.labelled_images import Images, Vocabulary, read_images, read_vocabulary
from conceptatlas.files import atomic_path, read_json, scratch_beside
from conceptatlas.inference.bootstrap import block_weights
from conceptatlas.inference.multiple_testing import benjamini_hochberg
from conceptatlas.inference.null import permutation_p
from conceptatlas.masks.iou import tally_iou
from conceptatlas.masks.tally import N_BLOCKS
from conceptatlas.naming import CATEGORIES, unknown
from conceptatlas.parallel import parallel_map
from conceptatlas.tables import read_table, write_table

logger = logging.getLogger(__name__)

Array = np.ndarray[Any, Any]

TOP = 5
STRIP_IMAGES = 6


def find_principal_directions(
    *,
    dataset: str,
    model: str,
    layer: str,
    shards: list[str],
    manifests: list[str],
    statistics: str | Path,
    tally: str | Path,
    units: str | Path,
    about: str | Path,
    index: str | Path,
    concepts: str | Path,
    annotations: list[str],
    frames: list[str],
    report: str | Path,
    table: str | Path,
    loadings: str | Path,
    gallery: str | Path,
    geometry: dict[str, Any],
    options: dict[str, Any],
    detector_iou: float,
    seed: int,
    threads: int = 1,
    mem_mb: int = 2000,
) -> None:
    """Find the principal direction of every concept in a layer and write its tables and picture strips.

    about : dataset.json. report : the model's check report (grid of the layer, classes). options : config section
    `principal`. The other arguments are the files of the layer.
    """
    maps = stored_maps(shards, manifests, layer)
    vocabulary, images = read_vocabulary(concepts), read_images(index)
    with h5py.File(statistics, "r") as file:
        mean, deviation = file["mean"][()], file["standard_deviation"][()]
        thresholds = file["thresholds"][0]
    taus = read_json(Path(statistics).with_suffix(".json"))["taus"]
    checked = read_json(report)
    labelled = read_cells(maps, annotations, n_concepts=vocabulary.n_concepts)
    cells = [
        labelled.of(c, name=name, max_cells=options["max_cells"], seed=seed) for c, name in enumerate(vocabulary.names)
    ]
    tested = [c for c, of in enumerate(cells) if of.n_images >= options["min_images"]]
    found = find_directions(
        maps, [cells[c] for c in tested], labelled, images, mean=mean, deviation=deviation, options=options, seed=seed,
        beside=table, threads=threads, mem_mb=mem_mb,
    )  # fmt: skip
    named = {"dataset": dataset, "model": model, "layer": layer}
    frame = _table(named, vocabulary, labelled, cells, dict(zip(tested, found, strict=True)), options, seed)
    _agree(frame, found, tally_iou(read_stored_tally(tally, f"tau/{taus[0]}"), vocabulary.primary_category),
           read_table(units), detector_iou)  # fmt: skip
    classes = checked.get("classes")
    frame["is_class"] = [class_of(str(name), classes) for name in frame["concept"]]
    _name_unheard(options["concepts"], vocabulary.names, dataset)
    frame["shown"] = choose_shown(frame, options["concepts"])
    write_table(table, frame[[column.name for column in PRINCIPAL_COLUMNS]], columns=PRINCIPAL_COLUMNS)
    _write_loadings(Path(loadings), np.array(tested, dtype=np.int64), found, frame, maps.n_units)
    drawn = frame[(frame["shown"] != "") & (frame["reason"] == "")]
    wanted = np.array(sorted({int(u) for row in drawn["top_units"] for u in row}), dtype=np.int64)
    grid = layer_grid(checked["layers"][layer], read_json(about)["mask_size"], geometry)
    write_gallery(gallery, maps, top_images(maps, k=STRIP_IMAGES), wanted, thresholds, frames, grid)


def find_directions(
    maps: Maps,
    cells: list[ConceptCells],
    labelled: LabelledCells,
    images: Images,
    *,
    mean: Array,
    deviation: Array,
    options: dict[str, Any],
    seed: int,
    beside: str | Path,
    threads: int = 1,
    mem_mb: int = 2000,
) -> list[Found]:
    """Direction, null and intervals of every concept, from its cells; the layer is written once beside the result."""
    valid = np.concatenate([shard.valid for shard in maps.shards])
    with scratch_beside(beside) as folder:
        write_cells(folder / "cells.npy", maps)
        write_shared(
            folder,
            mean=mean,
            deviation=deviation,
            counted=labelled.counted,
            blocks=images.blocks,
            weights=block_weights(N_BLOCKS, options["n_bootstrap"], seed=seed),
            targets=permutations(images.sources, valid, n_permutations=options["n_permutations"], seed=seed),
        )
        tasks = [
            Task(folder, of, options["centre"], options["n_permutations"], options["n_bootstrap"],
                 options["confidence"], seed)
            for of in cells
        ]  # fmt: skip
        return parallel_map(
            find_direction, tasks, threads=threads, mem_mb=mem_mb, description="principal directions of concepts"
        )


def _table(
    names: dict[str, str],
    vocabulary: Vocabulary,
    labelled: LabelledCells,
    cells: list[ConceptCells],
    found: dict[int, Found],
    options: dict[str, Any],
    seed: int,
) -> pd.DataFrame:
    rows = []
    for c, name in enumerate(vocabulary.names):
        holding, used = int(labelled.with_concept[c]), cells[c]
        row: dict[str, Any] = {
            **names,
            "concept_index": c,
            "concept": name,
            "category": CATEGORIES[vocabulary.primary_category[c]],
            "n_images_with_concept": holding,
            "n_images": used.n_images,
            "n_cells_all": used.n_all,
            "n_cells": len(used.images),
            "n_blocks": 0,
            "reason": "",
            "verdict": "",
        }
        if c in found:
            row |= _numbers(found[c], options)
        else:
            row["reason"] = f"{holding} images"
            if holding >= options["min_images"]:
                row["reason"] += f", {used.n_images} of them with a cell covered by more than half"
            row["reason"] += f"; min_images {options['min_images']}"
        rows.append(row)
    table = pd.DataFrame(rows, columns=list(dict.fromkeys([*rows[0], *_NUMBERS])))
    table["q"] = benjamini_hochberg(table["p"].to_numpy(dtype=np.float64))
    for name in ("centre", "min_images", "max_cells", "n_permutations", "n_bootstrap", "confidence", "cut_one_unit",
                 "cut_few_units"):  # fmt: skip
        table[name] = options[name]
    table["seed"] = seed
    return table


_NUMBERS = ("unit", "max_u2", "max_u2_low", "max_u2_high", "unit_stability", "participation", "participation_low",
            "participation_high", "explained", "explained_null_high", "explained_p", "null_mean", "null_high", "p",
            "top_units", "top_loadings")  # fmt: skip


def _numbers(found: Found, options: dict[str, Any]) -> dict[str, Any]:
    u = found.direction.loadings
    if np.isnan(u[0]):
        return {"reason": "no unit varies in these cells", "n_blocks": found.n_blocks}
    null = found.null[np.isfinite(found.null)]
    high = float(np.percentile(null, 95)) if len(null) else float("nan")
    p = permutation_p(np.array([found.direction.max_u2]), null[:, None])[0] if len(null) else float("nan")
    spread = found.null_explained[np.isfinite(found.null_explained)]
    strong = permutation_p(np.array([found.direction.explained]), spread[:, None])[0] if len(spread) else float("nan")
    top = np.argsort(-np.abs(u), kind="stable")[:TOP]
    return {
        "n_blocks": found.n_blocks,
        "verdict": verdict(found.direction.max_u2, found.direction.participation, high,
                           one_unit=options["cut_one_unit"], few_units=options["cut_few_units"]),
        "unit": int(top[0]),
        "max_u2": found.direction.max_u2,
        "max_u2_low": found.max_u2[0],
        "max_u2_high": found.max_u2[1],
        "unit_stability": found.stability,
        "participation": found.direction.participation,
        "participation_low": found.participation[0],
        "participation_high": found.participation[1],
        "explained": found.direction.explained,
        "explained_null_high": float(np.percentile(spread, 95)) if len(spread) else float("nan"),
        "explained_p": strong,
        "null_mean": float(null.mean()) if len(null) else float("nan"),
        "null_high": high,
        "p": p,
        "top_units": top,
        "top_loadings": u[top],
    }  # fmt: skip


def _agree(table: pd.DataFrame, found: list[Found], iou: Array, units: pd.DataFrame, detector_iou: float) -> None:
    """Add the columns that compare the directions with the dissection of the layer."""
    rows = np.flatnonzero((table["reason"] == "").to_numpy())
    directions = [f.direction.loadings for f in found if not np.isnan(f.direction.loadings[0])]
    u = np.array(directions).reshape(len(rows), len(iou))
    index = table["concept_index"].to_numpy()[rows]
    columns = agreement(index, u, iou, units, detector_iou=detector_iou)
    mine = table.iloc[rows]
    columns["also_stands_out_for"] = also_stands_out(
        mine["unit"].to_numpy(),
        mine["max_u2"].to_numpy(dtype=np.float64),
        (mine["max_u2"] > mine["null_high"]).to_numpy(),
        [str(name) for name in mine["concept"]],
    )
    for name, values in columns.items():
        whole = pd.Series([None] * len(table), dtype=object)
        whole.iloc[rows] = pd.Series(list(values), dtype=object, index=rows)
        table[name] = _typed(whole)
    for name in ("unit",):
        table[name] = table[name].astype("Int64")
    table["detector_iou"] = detector_iou


def _typed(values: pd.Series) -> pd.Series:
    """Integers and truth values that may be missing, as such; the rest as it is."""
    there = values.dropna()
    if len(there) and all(isinstance(v, bool | np.bool_) for v in there):
        return values.astype("boolean")
    if len(there) and all(isinstance(v, int | np.integer) for v in there):
        return values.astype("Int64")
    if len(there) and all(isinstance(v, float | np.floating) for v in there):
        return values.astype(np.float64)
    return values


def _write_loadings(path: Path, tested: Array, found: list[Found], table: pd.DataFrame, n_units: int) -> None:
    with atomic_path(path) as part, h5py.File(part, "w", libver="latest") as file:
        file["concept_index"] = tested
        file["loadings"] = np.array([f.direction.loadings for f in found], dtype=np.float32).reshape(-1, n_units)
        file["null_high"] = table["null_high"].to_numpy(dtype=np.float64)[tested]
        file["null_max_u2"] = np.array([f.null for f in found], dtype=np.float32).reshape(
            len(found), int(table["n_permutations"].iloc[0])
        )
        file.attrs["centre"] = str(table["centre"].iloc[0])
        file.attrs["seed"] = int(table["seed"].iloc[0])


def _name_unheard(wanted: list[str], known: list[str], dataset: str) -> None:
    for name in wanted:
        if name not in known:
            logger.warning("%s", unknown("concept", name, known, where=f"principal.concepts, data set {dataset}"))
