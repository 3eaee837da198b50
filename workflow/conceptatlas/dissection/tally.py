"""The tally job: every count that Network Dissection's numbers are made of, and the null, as integers.

``tally.h5`` holds a group per level of tau (``tau/0.005`` ...) with the arrays of `masks.tally.Tally` (for the study's
own tau; the other levels keep no blocks), and ``null/iou``, ``null/concept`` (permutation, unit, category): the best
iou_category of every unit in every category under labels permuted across images, searched again each time.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np

from conceptatlas.activations.maps import Maps, image_ranges, stored_maps
from conceptatlas.activations.summary import layer_grid
from conceptatlas.activations.tallying import read_stored_tally, tally_maps
from conceptatlas.datasets.labelled_images import Images, read_images, read_labels, read_vocabulary
from conceptatlas.files import atomic_path, read_json, scratch_beside
from conceptatlas.masks.active import prepare
from conceptatlas.masks.label_bits import LabelBits
from conceptatlas.masks.pairs import active_pairs, pair_masks
from conceptatlas.masks.shuffled import PackedPairs, null_labels
from conceptatlas.masks.tally import Tally
from conceptatlas.masks.upsample import Grid
from conceptatlas.naming import CATEGORIES
from conceptatlas.parallel import parallel_map, workers

logger = logging.getLogger(__name__)

Array = np.ndarray[Any, Any]

IMAGES_AT_ONCE = 256
_NULL_WORK = 2e9  # label rows times permutations a task should do, for tasks of some seconds


class _NullTask(NamedTuple):
    maps: Maps
    units: slice
    labels: Path
    thresholds: Array
    sources: Array
    primary_category: Array
    grid: Grid
    n_permutations: int
    seed: int


def tally_layer(
    *,
    layer: str,
    shards: list[str],
    manifests: list[str],
    statistics: str | Path,
    index: str | Path,
    concepts: str | Path,
    annotations: list[str],
    report: str | Path,
    dataset: str | Path,
    out: str | Path,
    geometry: dict[str, Any],
    n_permutations: int,
    seed: int,
    threads: int = 1,
    mem_mb: int = 2000,
) -> None:
    """Tally a layer at every level of tau, and the null at the study's own, and write ``tally.h5``.

    Raises
    ------
    ValueError
        if annotations and activations do not cover the same images.
    """
    maps = stored_maps(shards, manifests, layer)
    about = read_json(dataset)
    grid = layer_grid(read_json(report)["layers"][layer], about["mask_size"], geometry)
    with h5py.File(statistics, "r") as file:
        levels: Array = file["thresholds"][()]
    taus = read_json(Path(statistics).with_suffix(".json"))["taus"]
    write_tally(
        maps,
        dict(zip(taus, levels, strict=True)),
        index=index,
        concepts=concepts,
        annotations=annotations,
        grid=grid,
        out=out,
        n_permutations=n_permutations,
        seed=seed,
        threads=threads,
        mem_mb=mem_mb,
    )


def write_tally(
    maps: Maps,
    thresholds: dict[str, Array],
    *,
    index: str | Path,
    concepts: str | Path,
    annotations: list[str],
    grid: Grid,
    out: str | Path,
    n_permutations: int,
    seed: int,
    threads: int,
    mem_mb: int,
) -> None:
    """Tally maps of any basis at the thresholds of every level (the first is the study's own) and write the file."""
    images = read_images(index)
    vocabulary = read_vocabulary(concepts)
    with (
        scratch_beside(out) as scratch,
        atomic_path(out) as part,
        h5py.File(part, "w", libver="latest") as file,
        workers(threads=threads, mem_mb=mem_mb),
    ):
        for position, (tau, level) in enumerate(thresholds.items()):
            tally = tally_maps(
                maps,
                level,
                annotations=annotations,
                blocks=images.blocks,
                primary_category=vocabulary.primary_category,
                grid=grid,
                threads=threads,
                mem_mb=mem_mb,
                description=f"tally at tau {tau}",
            )
            group = file.create_group(f"tau/{tau}")
            state = tally.state() if position == 0 else _without_blocks(tally)
            for name, values in state.items():
                packing: dict[str, Any] = {"compression": "gzip", "shuffle": True} if values.size else {}
                group.create_dataset(name, data=values, **packing)
        value, concept = null_of_maps(
            maps,
            next(iter(thresholds.values())),
            annotations=annotations,
            images=images,
            primary_category=vocabulary.primary_category,
            grid=grid,
            n_permutations=n_permutations,
            seed=seed,
            scratch=scratch,
            threads=threads,
            mem_mb=mem_mb,
        )
        options = {"compression": "gzip", "compression_opts": 1, "shuffle": True} if value.size else {}
        file.create_dataset("null/iou", data=value, **options)
        file.create_dataset("null/concept", data=concept, **options)
        file["null"].attrs.update({"n_permutations": n_permutations, "seed": seed})


def null_of_maps(
    maps: Maps,
    thresholds: Array,
    *,
    annotations: list[str],
    images: Images,
    primary_category: Array,
    grid: Grid,
    n_permutations: int,
    seed: int,
    scratch: Path,
    threads: int = 1,
    mem_mb: int = 2000,
) -> tuple[Array, Array]:
    """Best iou_category and concept of every unit in every category under permuted labels (`masks.shuffled`).

    Tasks are blocks of units: each packs its masks once and walks through all permutations, so that memory stays
    bounded and results do not depend on the blocks. The labels of all images (2 GB for Broden) are written to
    `scratch` once and mapped, so that workers share one copy.
    """
    labels = scratch / "labels"
    read_labels(annotations, start=0, stop=maps.shards[-1].stop).save(labels)
    n_images = len(images.ids)
    bytes_a_unit = max(1, n_images // 5) * (grid.shape[0] * grid.shape[1] // 8)  # a fifth of the images, whole masks
    fitting = max(1, int(mem_mb * 1e6 / max(threads, 1) / 3 / bytes_a_unit))
    wanted = max(8, int(_NULL_WORK / max(1, n_images * 10 * max(n_permutations, 1))))
    at_once = max(1, min(fitting, wanted, -(-maps.n_units // max(threads, 1))))
    tasks = [
        _NullTask(
            maps,
            slice(first, min(first + at_once, maps.n_units)),
            labels,
            thresholds,
            images.sources,
            primary_category,
            grid,
            n_permutations,
            seed,
        )
        for first in range(0, maps.n_units, at_once)
    ]
    description = f"null, {n_permutations} permutations"
    blocks = parallel_map(_null_block, tasks, threads=threads, mem_mb=mem_mb, description=description)
    return np.concatenate([b[0] for b in blocks], axis=1), np.concatenate([b[1] for b in blocks], axis=1)


def _null_block(task: _NullTask) -> tuple[Array, Array]:
    pairs = PackedPairs()
    cutting = prepare(task.grid)
    thresholds = task.thresholds[task.units]
    valid = np.concatenate([shard.valid for shard in task.maps.shards])
    labels = LabelBits.load(task.labels, n_pixels=cutting.n_pixels)
    for s, first, last in image_ranges(task.maps.shards, at_once=IMAGES_AT_ONCE):
        shard = task.maps.shards[s]
        maps, maximum = task.maps.read(shard, first, last, units=task.units)
        positions, units = active_pairs(np.asarray(maximum), thresholds, task.grid)
        kept = shard.valid[first + positions]
        positions, units = positions[kept], units[kept]
        start = shard.start + first
        ignore = None if labels.ignore is None else labels.ignore[start : shard.start + last]
        for begin in range(0, len(positions), 4096):
            piece = slice(begin, begin + 4096)
            masks = pair_masks(maps, thresholds, positions[piece], units[piece], task.grid, cutting, ignore=ignore)
            pairs.add(replace(masks, images=masks.images + start))
    words, meta = pairs.arrays()
    return null_labels(
        words,
        meta,
        labels,
        task.primary_category,
        task.sources,
        valid,
        n_units=len(thresholds),
        n_categories=len(CATEGORIES),
        n_permutations=task.n_permutations,
        seed=task.seed,
    )


def _without_blocks(tally: Tally) -> dict[str, Array]:
    """Counts summed over blocks: what the sensitivity to tau needs."""
    unit, concept = np.nonzero(tally.dense())
    return {
        "unit": unit.astype(np.int32),
        "concept": concept.astype(np.int32),
        "intersections": tally.dense()[unit, concept],
        "areas": tally.areas.sum(axis=1),
        "category_areas": tally.category_areas.sum(axis=2),
        "label_pixels": tally.label_pixels.sum(axis=1),
    }


def read_tally(path: str | Path, tau: str) -> Tally:
    """The tally of the study's own tau."""
    return read_stored_tally(path, f"tau/{tau}")


def read_summed(path: str | Path, tau: str) -> dict[str, Array]:
    """Dense intersections (unit, concept), category_areas (unit, category), label_pixels (concept,) at any level."""
    with h5py.File(path, "r") as file:
        group = file[f"tau/{tau}"]
        categories: Array = group["category_areas"][()]
        pixels: Array = group["label_pixels"][()]
        if categories.ndim == 3:
            categories, pixels = categories.sum(axis=2), pixels.sum(axis=1)
        dense = np.zeros((len(categories), len(pixels)), dtype=np.int64)
        np.add.at(dense, (group["unit"][()], group["concept"][()]), group["intersections"][()])
    return {"intersections": dense, "category_areas": categories, "label_pixels": pixels}


def read_null(path: str | Path) -> tuple[Array, Array]:
    """Best iou_category (float64) and concept (int32) under permuted labels, shape (permutation, unit, category)."""
    with h5py.File(path, "r") as file:
        return np.asarray(file["null/iou"][()]), np.asarray(file["null/concept"][()])
