"""The tally job: every count that Network Dissection's numbers are made of, and the null, as integers.

``tally.h5`` holds a group per level of tau (``tau/0.005`` ...) with the arrays of `masks.tally.Tally` (for the study's
own tau; the other levels keep no blocks), and ``null/iou``, ``null/concept`` (permutation, unit, category): the best
iou_category of every unit in every category under labels permuted across images, searched again each time.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from conceptatlas.activations.maps import Maps, stored_maps
from conceptatlas.activations.summary import layer_grid
from conceptatlas.activations.tallying import read_stored_tally, tally_maps
from conceptatlas.datasets.labelled_images import Images, read_images, read_vocabulary
from conceptatlas.dissection.null import MapMasks, Masks, null_of_masks
from conceptatlas.files import atomic_path, read_json, scratch_beside
from conceptatlas.masks.tally import Tally
from conceptatlas.masks.upsample import Grid
from conceptatlas.parallel import workers

Array = np.ndarray[Any, Any]


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

    def tally(tau: str) -> Tally:
        return tally_maps(
            maps,
            thresholds[tau],
            annotations=annotations,
            blocks=images.blocks,
            primary_category=vocabulary.primary_category,
            grid=grid,
            threads=threads,
            mem_mb=mem_mb,
            description=f"tally at tau {tau}",
        )

    write_counts(
        out,
        list(thresholds),
        tally,
        MapMasks(maps, next(iter(thresholds.values())), grid),
        annotations=annotations,
        images=images,
        primary_category=vocabulary.primary_category,
        n_pixels=grid.shape[0] * grid.shape[1],
        n_permutations=n_permutations,
        seed=seed,
        threads=threads,
        mem_mb=mem_mb,
    )


def write_counts(
    out: str | Path,
    taus: list[str],
    tally: Callable[[str], Tally],
    masks: Masks,
    *,
    annotations: list[str],
    images: Images,
    primary_category: Array,
    n_pixels: int,
    n_permutations: int,
    seed: int,
    threads: int,
    mem_mb: int,
) -> None:
    """Write ``tally.h5``: counts at every level of tau (the study's own first) and the null of the masks at its own.

    tally : the counts at a level. masks : at the study's own level. n_pixels : of a mask.
    """
    with (
        scratch_beside(out) as scratch,
        atomic_path(out) as part,
        h5py.File(part, "w", libver="latest") as file,
        workers(threads=threads, mem_mb=mem_mb),
    ):
        for position, tau in enumerate(taus):
            counts = tally(tau)
            group = file.create_group(f"tau/{tau}")
            state = counts.state() if position == 0 else _without_blocks(counts)
            for name, values in state.items():
                packing: dict[str, Any] = {"compression": "gzip", "shuffle": True} if values.size else {}
                group.create_dataset(name, data=values, **packing)
        value, concept = null_of_masks(
            masks,
            annotations=annotations,
            images=images,
            primary_category=primary_category,
            n_pixels=n_pixels,
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
