"""Counts of a layer's masks against label masks, for units or any basis, spread over ranges of images."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np

from conceptatlas.activations.maps import Maps, image_ranges
from conceptatlas.datasets.labelled_images import read_labels
from conceptatlas.masks.tally import Tally, TallySum, tally_images
from conceptatlas.masks.upsample import Grid
from conceptatlas.naming import CATEGORIES
from conceptatlas.parallel import parallel_each

Array = np.ndarray[Any, Any]


class _TallyTask(NamedTuple):
    maps: Maps
    shard: int
    first: int
    last: int
    annotations: list[str]
    thresholds: Array
    blocks: Array
    primary_category: Array
    grid: Grid


def tally_maps(
    maps: Maps,
    thresholds: Array,
    *,
    annotations: list[str],
    blocks: Array,
    primary_category: Array,
    grid: Grid,
    threads: int = 1,
    mem_mb: int = 2000,
    description: str = "tally",
    at_once: int | None = None,
) -> Tally:
    """Counts of all units over all images; image ranges are spread over Dask and add up to the same integers.

    at_once : images a task; default: four tasks a thread, 64 to 1024 images each.
    """
    if at_once is None:
        n_images = sum(shard.n_images for shard in maps.shards)
        at_once = min(max(-(-n_images // (4 * max(threads, 1))), 64), 1024)
    tasks = [
        _TallyTask(maps, shard, first, last, annotations, thresholds, blocks, primary_category, grid)
        for shard, first, last in image_ranges(maps.shards, at_once=at_once)
    ]
    total = TallySum(maps.n_units, len(primary_category), len(CATEGORIES))
    for _, piece in parallel_each(_tally_range, tasks, threads=threads, mem_mb=mem_mb, description=description):
        total.add(piece)
    return total.result()


def _tally_range(task: _TallyTask) -> Tally:
    shard = task.maps.shards[task.shard]
    if task.first == 0:
        shard.verify()
    maps, maximum = task.maps.read(shard, task.first, task.last)
    start, stop = shard.start + task.first, shard.start + task.last
    return tally_images(
        maps,
        maximum,
        task.thresholds,
        read_labels(task.annotations, start=start, stop=stop),
        task.blocks[start:stop],
        task.primary_category,
        task.grid,
        n_categories=len(CATEGORIES),
        valid=shard.valid[task.first : task.last],
    )


def read_stored_tally(path: str | Path, group: str) -> Tally:
    """A tally from the arrays of an HDF5 group that bear the names of its fields."""
    with h5py.File(path, "r") as file:
        return Tally(**{name: file[group][name][()] for name in Tally.__dataclass_fields__})
