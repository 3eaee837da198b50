"""Rotation of the basis: do detectors belong to the units, or would any rotated basis of the layer have as many?

Random rotations Q are applied in small steps Q^alpha, and the directions of every step are dissected like units: own
exact thresholds, own masks, own labels. Source: Network Dissection (Bau et al., CVPR 2017), and the talk's criticism of
a single matrix: every number here has several Q (option, ten), and controls that must leave the counts alone or must
not. Definitions: docs/axes.md.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np
import pandas as pd

from conceptatlas.activations.linear_bases import random_rotation
from conceptatlas.activations.store import Shard, open_shards
from conceptatlas.activations.summary import layer_grid
from conceptatlas.axes.rotation_counts import Counted, Setting, count_directions
from conceptatlas.axes.rotation_powers import planes_of
from conceptatlas.axes.rotation_recipes import Recipe, directions, pairs_of
from conceptatlas.axes.rotation_tables import CONTROL_COLUMNS, ROTATION_COLUMNS, count_rows, named
from conceptatlas.datasets.labelled_images import read_vocabulary, save_labels
from conceptatlas.files import read_json, scratch_beside
from conceptatlas.parallel import parallel_each, parallel_map, workers
from conceptatlas.seeds import derive_seed
from conceptatlas.tables import write_table

Array = np.ndarray[Any, Any]


class _Draw(NamedTuple):
    n_units: int
    seed: int
    out: Path


class _Count(NamedTuple):
    setting: Setting
    recipe: Recipe
    mem_mb: float


def rotation_seed(seed: int, rotation: int, n_units: int) -> int:
    """Seed of a rotation: layers of equal width get the same, so that a model and its twin are compared pairwise."""
    return derive_seed(seed, "rotation of the basis", rotation, n_units)


def rotate_layer(
    *,
    dataset: str,
    model: str,
    layer: str,
    shards: list[str],
    manifests: list[str],
    statistics: str | Path,
    about: str | Path,
    concepts: str | Path,
    annotations: list[str],
    report: str | Path,
    rotation: str | Path,
    controls: str | Path,
    thresholds: dict[str, Any],
    geometry: dict[str, Any],
    detector_iou: float,
    options: dict[str, Any],
    seed: int,
    threads: int = 1,
    mem_mb: int = 2000,
) -> None:
    """Count detectors in rotated bases of a layer, and in its controls, and write both tables.

    Parameters
    ----------
    shards, manifests, statistics, annotations, report : files of the layer. about : dataset.json.
    rotation, controls : tables to write. thresholds, geometry : config sections; thresholds are taken on the layer's
    own grid whatever `threshold_on` says. options : n_rotations, alphas, standardise.

    Raises
    ------
    ValueError
        where rotated values do not fit into the storage type.
    """
    opened = open_shards(shards, manifests, layer)
    n_units = opened[0].shape[0]
    facts = read_json(about)
    grid = layer_grid(read_json(report)["layers"][layer], facts["mask_size"], geometry)
    mean, scale = _moments(statistics) if options["standardise"] else (None, None)
    common = {
        "dataset": dataset,
        "model": model,
        "layer": layer,
        "n_units": n_units,
        "n_images": int(sum(shard.valid.sum() for shard in opened)),
        "tau": str(thresholds["tau"]),
        "detector_iou": float(detector_iou),
    }
    seeds = [rotation_seed(seed, number, n_units) for number in range(options["n_rotations"])]
    with scratch_beside(rotation) as scratch, workers(threads=threads, mem_mb=mem_mb):
        save_labels(annotations, scratch / "labels", stop=opened[-1].stop)
        setting = Setting(
            opened,
            scratch / "labels",
            read_vocabulary(concepts).primary_category,
            grid,
            str(thresholds["tau"]),
            thresholds["definition"],
            float(detector_iou),
        )

        def count(recipes: list[Recipe], what: str) -> list[Counted]:
            tasks = [_Count(setting, recipe, mem_mb / max(threads, 1)) for recipe in recipes]
            found: list[Any] = [None] * len(tasks)
            for position, counted in parallel_each(
                _count, tasks, threads=threads, mem_mb=mem_mb, description=f"{what} of {layer}"
            ):
                found[position] = counted
            return found

        parallel_map(_verify, opened, threads=threads, mem_mb=mem_mb, description=f"shards of {layer}")
        _controls(controls, count, common, n_units=n_units, cut=detector_iou, seed=seed)
        draws = [_Draw(n_units, number, scratch / f"{i}.npz") for i, number in enumerate(seeds)]
        parallel_map(_draw, draws, threads=threads, mem_mb=mem_mb, description=f"rotations of {layer}")
        steps = [(i, alpha) for alpha in options["alphas"] for i in range(len(seeds)) if alpha != 0 or i == 0]
        recipes = [Recipe("rotation", draws[i].out, float(alpha), mean=mean, scale=scale) for i, alpha in steps]
        counted = dict(zip(steps, count(recipes, "rotated bases"), strict=True))
    rows = [
        {**common, "rotation": i, "alpha": float(alpha), "standardise": bool(options["standardise"]), "seed": seeds[i],
         **row}
        for i in range(len(seeds))
        for alpha in options["alphas"]
        for row in count_rows(counted[i if alpha != 0 else 0, alpha].counts)  # alpha 0 is the same for every Q
    ]  # fmt: skip
    write_table(rotation, pd.DataFrame(rows, columns=named(ROTATION_COLUMNS)), columns=ROTATION_COLUMNS)


def _controls(path: str | Path, count: Any, common: dict[str, Any], *, n_units: int, cut: float, seed: int) -> None:
    """Turned bases whose counts must, or must not, equal those of the units; on the units as stored."""
    [units] = count([Recipe("identity")], "units")
    best = np.argsort(-units.best_iou, kind="stable")
    detectors = best[units.best_iou[best] > cut]
    own = derive_seed(seed, "controls of the rotation", n_units)
    recipes = {
        "permutation": Recipe("permutation", seed=own),
        "positive_scaling": Recipe("positive_scaling", seed=own),
        "sign_flip": Recipe("sign_flip", seed=seed),
    }
    if len(detectors) >= 2:
        recipes["turn_90_best"] = Recipe("turns_90", seed=seed, pairs=pairs_of(detectors[:2]))
        recipes["turn_90_detectors"] = Recipe("turns_90", seed=seed, pairs=pairs_of(detectors))
    n_flipped = {"sign_flip": n_units} | {name: len(recipe.pairs) for name, recipe in recipes.items() if recipe.pairs}
    found = {"identity": units} | dict(zip(recipes, count(list(recipes.values()), "controls"), strict=True))
    reference = count_rows(units.counts)
    rows = [
        {
            **common,
            "control": name,
            "n_flipped": n_flipped.get(name, 0),
            "seed": recipes[name].seed if name in recipes else seed,
            **row,
            "change": row["value"] - of_units["value"],
        }
        for name, counted in found.items()
        for row, of_units in zip(count_rows(counted.counts), reference, strict=True)
    ]
    write_table(path, pd.DataFrame(rows, columns=named(CONTROL_COLUMNS)), columns=CONTROL_COLUMNS)


def _moments(statistics: str | Path) -> tuple[Array, Array]:
    with h5py.File(statistics, "r") as file:
        return np.asarray(file["mean"][()]), np.asarray(file["standard_deviation"][()])


def _verify(shard: Shard) -> None:
    shard.verify()


def _draw(task: _Draw) -> None:
    planes_of(random_rotation(task.n_units, seed=task.seed)).save(task.out)


def _count(task: _Count) -> Counted:
    n_units = task.setting.shards[0].shape[0]
    return count_directions(task.setting, directions(task.recipe, n_units), mem_mb=task.mem_mb)
