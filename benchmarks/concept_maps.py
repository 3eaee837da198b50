"""Concept maps and masks of a layer: rows a second of exact non-negative least squares against the usual ways, one run.

    OMP_NUM_THREADS=1 python benchmarks/concept_maps.py [--images 1000 --units 512 --side 14 --concepts 10]
    ... --results results/coco-panoptic --dataset coco --model squeezenet1_0 --layer features12   # a real layer

A row is one position of one image. Compared in turn, the least of ROUNDS, processor time, one thread:

kernel             `Basis.prepare`, `products`, `coefficients` image by image: float16 in, float64 solution out
scipy              scipy.optimize.nnls, a row a call (on a sample of rows)
sklearn mu         NMF(solver="mu").transform of all rows at once, float32: multiplicative updates, not exact, and the
                   stopping rule looks at all rows together
sklearn cd         the same with coordinate descent, its default and ICE's
floor              the float64 conversion and one matrix product an image, without solving anything

Then whole stages on disk: concept maps with all errors (`project_images`), peaks, masks at two thresholds.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("NUMBA_NUM_THREADS", "1")

import numpy as np
from scipy.optimize import nnls
from sklearn.decomposition import NMF
from threadpoolctl import threadpool_limits

from conceptatlas.activations.store import Shard
from conceptatlas.files import read_json
from conceptatlas.masks.upsample import make_grid
from conceptatlas.similarity.concept_masks import binarise, normalised, peaks
from conceptatlas.similarity.factorisation import find_components
from conceptatlas.similarity.nnls_kernel import explained_without, solve_rows
from conceptatlas.similarity.projecting import Basis, project_images

Array = np.ndarray[Any, Any]

ROUNDS, SCIPY_ROWS, SIZE = 3, 2000, 112


class InMemory(Shard):
    """A shard whose activations are an array."""

    def activations(self) -> Array:
        return self.arrays["maps"]  # type: ignore[return-value]

    @property
    def shape(self) -> tuple[int, int, int]:
        return self.arrays["maps"].shape[1:]  # type: ignore[attr-defined,no-any-return]


def real(options: argparse.Namespace) -> Array:
    """All images of a layer of an extracted study."""
    from conceptatlas.activations.maps import stored_maps

    folder = options.results / "activations" / options.dataset / options.model
    shards = sorted(str(path) for path in folder.glob("*/*.h5"))
    shards = [s for s in shards if options.layer in read_json(s[: -len("h5")] + "json")["layers"]]
    maps = stored_maps(shards, [path[: -len("h5")] + "json" for path in shards], options.layer)
    return np.concatenate([np.asarray(shard.activations()) for shard in maps.shards])[: options.images]


def synthetic(options: argparse.Namespace) -> Array:
    """Non-negative maps of concepts that come and go, with noise: float16 (image, unit, side, side)."""
    rng = np.random.default_rng(0)
    components = rng.gamma(0.2, size=(options.concepts, options.units))
    maps = np.empty((options.images, options.units, options.side, options.side), dtype=np.float16)
    for n in range(options.images):
        weights = rng.gamma(0.3, size=(options.concepts, options.side**2))
        values = components.T @ weights + 0.3 * rng.normal(size=(options.units, options.side**2))
        maps[n] = np.maximum(values, 0).reshape(maps.shape[1:])
    return maps


def least(work: dict[str, Callable[[], Any]], rounds: int = ROUNDS) -> dict[str, float]:
    """Seconds of processor time of each, the least of `rounds` after one run to compile; taken in turn."""
    found = dict.fromkeys(work, np.inf)
    for turn in range(rounds + 1):
        for name, function in work.items():
            if turn == 0 and name.startswith("sklearn"):
                continue
            start = time.process_time()
            function()
            if turn:
                found[name] = min(found[name], time.process_time() - start)
    return found


def arguments() -> argparse.Namespace:
    """The options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--units", type=int, default=512)
    parser.add_argument("--side", type=int, default=14)
    parser.add_argument("--concepts", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--results", type=Path)
    parser.add_argument("--dataset", default="coco")
    parser.add_argument("--model", default="squeezenet1_0")
    parser.add_argument("--layer", default="features12")
    return parser.parse_args()


def main() -> None:
    options = arguments()
    maps = real(options) if options.results else synthetic(options)
    maps = np.maximum(maps, 0)  # scikit-learn refuses values below 0
    n_units = maps.shape[1]
    rows = np.ascontiguousarray(maps.transpose(0, 2, 3, 1).reshape(-1, n_units))
    n = len(rows)
    part = rows[np.sort(np.random.default_rng(1).permutation(n)[:20000])]
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        components = find_components(part, "nmf", n_concepts=options.concepts, seed=0).components
        basis = Basis(components, np.zeros(n_units), "nmf", "nnls", rectify=True)
        values = rows.astype(np.float32)
        few = rows[:: max(1, n // SCIPY_ROWS)].astype(np.float64)
        learned = {}
        for solver in ("mu", "cd"):
            model = NMF(options.concepts, solver=solver, init="nndsvda", max_iter=200)
            model.components_, model.n_components_ = components.astype(np.float32), options.concepts
            model._n_components, model._beta_loss, model.n_features_in_ = options.concepts, 2, n_units
            learned[solver] = model

        def products() -> Array:
            return np.concatenate([basis.products(basis.prepare(m.reshape(n_units, -1))) for m in maps])

        def kernel() -> Array:
            return np.concatenate(
                [basis.coefficients(basis.products(basis.prepare(m.reshape(n_units, -1)))) for m in maps]
            )

        given = products()
        solved = np.empty_like(given)
        without = np.empty_like(given)
        seconds = least(
            {
                "floor: conversion and product": products,
                "kernel: all of it": kernel,
                "  of which solving": lambda: solve_rows(basis.gram, given, solved),
                "  errors without each concept": lambda: explained_without(basis.gram, given, solved, without),
                "scipy.optimize.nnls": lambda: [nnls(components.T, row) for row in few],
                "sklearn mu": lambda: learned["mu"].transform(values),
                "sklearn cd": lambda: learned["cd"].transform(values),
            },
            options.rounds,
        )
        counts = dict.fromkeys(seconds, n) | {"scipy.optimize.nnls": len(few)}
        own = seconds["kernel: all of it"] / n
        for name, value in seconds.items():
            each = value / counts[name]
            sys.stdout.write(f"{name:32s} {value:8.2f} s {1 / each:12.0f} rows/s {each / own:9.2f} of the kernel\n")
        exact = kernel()
        scale = np.abs(exact).max()
        twin = np.array([nnls(components.T, row)[0] for row in few])
        apart = np.abs(exact[:: max(1, n // SCIPY_ROWS)] - twin).max() / scale
        sys.stdout.write(f"largest difference from scipy {apart:.1e} of the largest weight; components above 0 in a "
                         f"row {(exact > 0).sum(axis=1).mean():.1f} of {options.concepts}\n")  # fmt: skip
        for solver, model in learned.items():
            found = model.transform(values)
            sys.stdout.write(
                f"sklearn {solver}: largest difference {np.abs(found - exact).max() / scale:.1e}, squared error "
                f"{_error(values, found, components) / _error(values, exact, components):.5f} of the exact one\n"
            )
        _stages(maps, basis)


def _error(values: Array, weights: Array, components: Array) -> float:
    total = 0.0
    for first in range(0, len(values), 8192):
        block = slice(first, first + 8192)
        total += float(np.square(values[block] - weights[block] @ components).sum())
    return total


def _stages(maps: Array, basis: Basis) -> None:
    n_images, _, height, width = maps.shape
    shard = InMemory(Path(), Path(), "layer", 0, n_images, np.ones(n_images, dtype=bool), {"maps": maps})  # type: ignore[dict-item]
    counted = np.ones((n_images, height * width), dtype=bool)
    grid = make_grid((height, width), SIZE)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        np.save(folder / "counted.npy", counted)

        def project() -> Any:
            none = np.zeros(len(basis.components))
            return project_images(
                folder / "maps.npy", [shard], np.arange(n_images), folder / "counted.npy", basis, noise=none
            )

        project()
        found = np.load(folder / "maps.npy")
        peak = peaks(found, counted, quantile=0.999)
        divided = normalised(found, np.broadcast_to(peak, found.shape[:2]))
        seconds = least(
            {
                "maps and errors (project_images)": project,
                "peaks": lambda: peaks(found, counted, quantile=0.999),
                "masks at two thresholds": lambda: binarise(divided, (0.5, 0.75), grid, None),
            },
            2,
        )
    for name, value in seconds.items():
        each = 1e3 * value / n_images
        sys.stdout.write(f"{name:34s} {value:8.2f} s for {n_images} images, {each:7.3f} ms an image\n")


if __name__ == "__main__":
    main()
