"""The principal direction of a concept against its floor and against full decompositions, on one core.

    OMP_NUM_THREADS=1 PYTHONPATH=tests python benchmarks/principal.py [--units 512 --side 13 --cells 300 2000]

One concept with its null and intervals: 1 + R matrices of standardised cells, `n_bootstrap` weighted ones. The floor is
one gathering of the cells of every matrix of the null, standardised, and one product with itself on the smaller side.
The slow twin is `numpy.linalg.svd` of every matrix; a few are timed and scaled to all, because all take minutes. Floor,
own path and twin run in turn, the least of three. The direction and its explained share must be the twin's. Peak memory
is that of a process which does nothing else (Linux).
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
import numpy as np
from tally import synthetic

from conceptatlas.activations.maps import stored_maps
from conceptatlas.axes.principal_cells import ConceptCells, gather, write_cells
from conceptatlas.axes.principal_null import Task, find_direction, permutations, write_shared
from conceptatlas.inference.bootstrap import block_weights
from conceptatlas.masks.tally import N_BLOCKS
from tiny_stores import write_store

REPEATS = 3
TWINS = 2
"""Decompositions that are timed."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=200)
    parser.add_argument("--units", type=int, default=512)
    parser.add_argument("--side", type=int, default=13)
    parser.add_argument("--cells", type=int, nargs="+", default=[300, 2000])
    parser.add_argument("--permutations", type=int, default=99)
    parser.add_argument("--bootstrap", type=int, default=200)
    options = parser.parse_args()
    maps = synthetic(options.images, n_units=options.units, side=options.side).maps
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        store = write_store(place, maps)
        begin = time.perf_counter()
        write_cells(place / "cells.npy", stored_maps(store.shards, store.manifests, "layer"))
        written = time.perf_counter() - begin
        share_the_rest(place, maps, options)
        size = (place / "cells.npy").stat().st_size
        say("the layer as cells, once", written, f"{size / 1e6:.0f} MB beside the result")
        for n_cells in options.cells:
            measure(concept(place, n_cells, options), options)


def share_the_rest(place: Path, maps: Any, options: argparse.Namespace) -> None:
    """What all concepts of a layer share beside its cells."""
    n_images, n_cells = options.images, options.side**2
    values = maps.astype(np.float32)
    valid = np.ones(n_images, dtype=bool)
    write_shared(
        place,
        mean=values.mean(axis=(0, 2, 3)),
        deviation=values.std(axis=(0, 2, 3)),
        counted=np.ones((n_images, n_cells), dtype=bool),
        blocks=np.arange(n_images) % N_BLOCKS,
        weights=block_weights(N_BLOCKS, options.bootstrap, seed=0),
        targets=permutations(np.zeros(n_images, dtype=np.int64), valid, n_permutations=options.permutations, seed=0),
    )


def concept(place: Path, n_cells: int, options: argparse.Namespace) -> Task:
    """A concept of so many cells, thirty an image, neighbours of each other."""
    images = np.arange(n_cells) // 30 % options.images
    positions = np.arange(n_cells) % 30 + n_cells // 30 // options.images
    cells = ConceptCells(images, positions % options.side**2, len(np.unique(images)), n_cells)
    return Task(place, cells, "global", options.permutations, options.bootstrap, 0.95, 0)


def measure(task: Task, options: argparse.Namespace) -> None:
    """Floor, own path and twin of one concept."""
    shared = {n: np.load(task.folder / f"{n}.npy", mmap_mode="r") for n in ("cells", "mean", "deviation", "targets")}
    moments = {"mean": np.asarray(shared["mean"]), "deviation": np.asarray(shared["deviation"])}

    def rows(images: Any, dtype: Any) -> Any:
        return gather(shared["cells"], images, task.cells.positions, n_cells=options.side**2, dtype=dtype, **moments)

    def floor() -> None:
        for target in [np.arange(options.images), *shared["targets"]]:
            matrix = rows(target[task.cells.images], np.float32)
            _ = matrix @ matrix.T if len(matrix) <= options.units else matrix.T @ matrix

    def twin() -> tuple[Any, float]:
        for _ in range(TWINS):
            _, singular, directions = np.linalg.svd(rows(task.cells.images, np.float64), full_matrices=False)
        return directions[0], float(singular[0] ** 2 / (singular**2).sum())

    seconds = least({"floor": floor, "own": lambda: find_direction(task), "twin": twin})
    n_matrices = 1 + options.permutations + options.bootstrap
    seconds["twin"] *= n_matrices / TWINS
    found, (vector, share) = find_direction(task).direction, twin()
    apart = np.abs(np.abs(vector) - np.abs(found.loadings)).max(), abs(share - found.explained)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        before, after = pool.apply(peak_memory, (task,))
    n, k = len(task.cells.images), options.units
    sys.stdout.write(f"{n} cells x {k} units, R = {options.permutations}, {options.bootstrap} resamples\n")
    say("  floor: cells gathered, one product a matrix", seconds["floor"], "")
    say("  direction, null and intervals", seconds["own"], f"{seconds['own'] / seconds['floor']:.2f} of the floor")
    say(
        f"  numpy.linalg.svd, {n_matrices} matrices",
        seconds["twin"],
        f"{seconds['twin'] / seconds['own']:.0f} times own",
    )
    sys.stdout.write(f"  apart from the twin: loadings {apart[0]:.1e}, explained {apart[1]:.1e}\n")
    sys.stdout.write(f"  peak memory {after:.0f} MB, of which imports {before:.0f} MB\n")


def least(work: dict[str, Callable[[], Any]]) -> dict[str, float]:
    """Seconds of each, the least of REPEATS, taken in turn."""
    found = dict.fromkeys(work, np.inf)
    for _ in range(REPEATS):
        for name, function in work.items():
            begin = time.perf_counter()
            function()
            found[name] = min(found[name], time.perf_counter() - begin)
    return found


def peak_memory(task: Task) -> tuple[float, float]:
    """Megabytes of this process at most, before and after the concept."""

    def most() -> float:
        lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
        return next(float(line.split()[1]) / 1e3 for line in lines if line.startswith("VmHWM"))

    before = most()
    find_direction(task)
    return before, most()


def say(name: str, seconds: float, more: str) -> None:
    """A line of the result."""
    sys.stdout.write(f"{name:46s} {1e3 * seconds:9.1f} ms   {more}\n")


if __name__ == "__main__":
    main()
