"""Concept maps: how much of every concept there is at every position of a layer, given the components.

``nnls``  the exact non-negative least squares solution of every position (`nnls_kernel`)
``dot``   the dot product with each component alone, values below 0 cut

For pca both are max(0, (x - mean) v): components are orthogonal, and of their two sides only the positive one counts.
Everything is float64 and one image at a time (a matrix product's rounding depends on its shape), so that a map does not
depend on the images computed beside it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits

from conceptatlas.activations.store import Shard
from conceptatlas.naming import unknown
from conceptatlas.parallel import parallel_map
from conceptatlas.similarity.discovered_file import Discovered
from conceptatlas.similarity.nnls_kernel import MOST_COMPONENTS, explained, explained_without, solve_rows
from conceptatlas.similarity.sampled_positions import new_array

Array = np.ndarray[Any, Any]

PROJECTIONS = ("nnls", "dot")
_ROWS_AT_ONCE = 4096
_WORK_PER_TASK = 2**28  # products of a task: about a second


@dataclass(frozen=True)
class Basis:
    """Concepts as directions of a layer.

    components : float64 (concept, unit), zeros for a concept that is not there. offset : float64 (unit,). rectify :
    values below 0 are set to 0 first.

    Raises
    ------
    ValueError
        for an unknown projection or more than 32 components.
    """

    components: Array
    offset: Array
    method: str
    projection: str
    rectify: bool

    def __post_init__(self) -> None:
        if self.projection not in PROJECTIONS:
            raise unknown("projection", self.projection, PROJECTIONS, where="similarity.unsupervised")
        if len(self.components) > MOST_COMPONENTS:
            raise ValueError(f"{len(self.components)} concepts; at most {MOST_COMPONENTS} can be solved together")

    @classmethod
    def of(cls, found: Discovered) -> Basis:
        """The basis that discovered.h5 holds."""
        return cls(found.components.astype(np.float64), found.offset.astype(np.float64), found.method,
                   found.projection, found.rectify)  # fmt: skip

    @cached_property
    def gram(self) -> Array:
        """Products of every two components, float64 (concept, concept)."""
        return np.ascontiguousarray(self.components @ self.components.T)

    def prepare(self, values: Array) -> Array:
        """Values (unit, position) of one image as float64, rectified and shifted as the components ask for."""
        out = values.astype(np.float64)
        if self.rectify:
            np.maximum(out, 0, out=out)
        if self.offset.any():
            out -= self.offset[:, None]
        return out

    def products(self, prepared: Array) -> Array:
        """Dot products with every component, float64 (position, concept)."""
        return np.ascontiguousarray((self.components @ prepared).T)

    def coefficients(self, products: Array) -> Array:
        """Weights of the best reconstruction, float64 (position, concept): non-negative, or pca: both signs."""
        if self.method == "pca":
            return products
        out = np.empty_like(products)
        if solve_rows(self.gram, products, out):
            raise ValueError("non-negative least squares did not settle")
        return out

    def maps(self, products: Array, coefficients: Array) -> Array:
        """Concept maps, float64 (position, concept), by the basis' projection."""
        chosen: Array = np.maximum(products if self.projection == "dot" else coefficients, 0)
        return chosen


def concept_maps(basis: Basis, maps: Array) -> Array:
    """Concept maps, float64 (image, concept, height, width), of activations (image, unit, height, width)."""
    n_images, n_units, height, width = maps.shape
    out = np.empty((n_images, len(basis.components), height, width))
    for n in range(n_images):
        products = basis.products(basis.prepare(np.asarray(maps[n]).reshape(n_units, -1)))
        found = basis.maps(products, basis.coefficients(products))
        out[n] = found.T.reshape(-1, height, width)
    return out


def reconstruct(basis: Basis, maps: Array) -> Array:
    """The layer as its concepts give it back, float64, shape of `maps` (image, unit, height, width).

    Whatever the projection, by the best coefficients (`Basis.coefficients`); a rectified layer comes back without its
    negative values. With all components 0 it is the offset.
    """
    n_images, n_units, height, width = maps.shape
    out = np.empty(maps.shape)
    for n in range(n_images):
        coefficients = basis.coefficients(basis.products(basis.prepare(np.asarray(maps[n]).reshape(n_units, -1))))
        values = (coefficients @ basis.components).T + basis.offset[:, None]
        out[n] = values.reshape(n_units, height, width)
    return out


def maps_of_rows(basis: Basis, rows: Array) -> Array:
    """Concept maps, float32 (position, concept), at sampled positions, rows (position, unit); in fixed blocks."""
    out = np.empty((len(rows), len(basis.components)), dtype=np.float32)
    with threadpool_limits(1):
        for first in range(0, len(rows), _ROWS_AT_ONCE):
            part = slice(first, first + _ROWS_AT_ONCE)
            products = basis.products(basis.prepare(np.asarray(rows[part]).T))
            out[part] = basis.maps(products, basis.coefficients(products))
    return out


class Projected(NamedTuple):
    """What was measured on the way, per image, over the cells that count.

    squares : float64 (image,), sum of squares of what is reconstructed. error : float64 (image,), of what is left.
    error_without : float64 (image, concept), of what is left without each concept. active : int64 (image, concept),
    cells with a map above 0. cells : int64 (image,). maxima : float32 (image, concept), of the map. negative : bool
    (image,), values below 0 occurred.
    """

    squares: Array
    error: Array
    error_without: Array
    active: Array
    cells: Array
    maxima: Array
    negative: Array


class _Task(NamedTuple):
    shard: Shard
    images: Array
    row: int
    counted: Path
    basis: Basis
    noise: Array
    out: Path


def project_images(
    path: Path, shards: list[Shard], images: Array, counted: Path, basis: Basis, *, noise: Array, threads: int = 1,
    mem_mb: int = 2000,
) -> Projected:  # fmt: skip
    """Write the concept maps of images to `path`, float32 .npy (image, concept, height, width).

    images : int64, image_index, ascending. counted : .npy bool (image, cell) of these images, cells that are not
    padding. noise : float (concept,), map values up to this are rounding and become 0 (a trace of 1e-9 of a concept
    would be a mask under `normalise: image`). Sums are over one image each: any cut into tasks gives the same bits.

    Raises
    ------
    ValueError
        for activations that are not finite.
    """
    n_units, height, width = shards[0].shape
    new_array(path, (len(images), len(basis.components), height, width), "float32")
    step = max(1, _WORK_PER_TASK // (n_units * height * width * max(len(basis.components), 1)))
    tasks = [
        _Task(shard, images[row : min(row + step, last)], row, counted, basis, noise, path)
        for shard, (first, last) in zip(shards, _rows(shards, images), strict=True)
        for row in range(first, last, step)
    ]
    found = parallel_map(_project, tasks, threads=threads, mem_mb=mem_mb, description="concept maps")
    empty = _nothing(0, len(basis.components))
    return Projected(*(np.concatenate(parts) for parts in zip(empty, *found, strict=True)))


def _rows(shards: list[Shard], images: Array) -> Iterator[tuple[int, int]]:
    """Which rows of `images` each shard holds."""
    for shard in shards:
        first, last = np.searchsorted(images, [shard.start, shard.stop])
        yield int(first), int(last)


def _nothing(n_images: int, n_concepts: int) -> Projected:
    return Projected(
        squares=np.zeros(n_images),
        error=np.zeros(n_images),
        error_without=np.zeros((n_images, n_concepts)),
        active=np.zeros((n_images, n_concepts), dtype=np.int64),
        cells=np.zeros(n_images, dtype=np.int64),
        maxima=np.zeros((n_images, n_concepts), dtype=np.float32),
        negative=np.zeros(n_images, dtype=bool),
    )


def _project(task: _Task) -> Projected:
    basis, maps = task.basis, task.shard.activations()
    n_units = maps.shape[1]
    counts = np.load(task.counted, mmap_mode="r")
    out = np.load(task.out, mmap_mode="r+")
    found = _nothing(len(task.images), len(basis.components))
    for n, image in enumerate(task.images):
        stored = np.asarray(maps[image - task.shard.start]).reshape(n_units, -1)
        count = np.asarray(counts[task.row + n])
        prepared = basis.prepare(stored)
        products = basis.products(prepared)
        coefficients = basis.coefficients(products)
        values = basis.maps(products, coefficients)
        values = np.where(values > task.noise, values, 0).astype(np.float32)
        out[task.row + n] = values.T.reshape(out.shape[1:])
        found.negative[n] = bool((stored < 0)[:, count].any())
        found.cells[n] = count.sum()
        found.active[n] = (values[count] > 0).sum(axis=0)
        found.maxima[n] = values[count].max(axis=0, initial=0)
        squares = np.einsum("kp,kp->p", prepared, prepared)[count]
        found.squares[n] = squares.sum()
        if not np.isfinite(found.squares[n]):
            raise ValueError(f"{task.shard.path}: {task.shard.layer} of image {image} is not finite; extract it again")
        left, left_without = _errors(basis, squares, products[count], coefficients[count])
        found.error[n] = left
        found.error_without[n] = left_without
    out.flush()
    return found


def _errors(basis: Basis, squares: Array, products: Array, coefficients: Array) -> tuple[float, Array]:
    """Sum of squared errors of some positions, with all concepts and without each."""
    if basis.method == "pca":  # orthogonal: every component explains its own square
        own = np.square(products)
        left = np.maximum(squares - own.sum(axis=1), 0)
        return float(left.sum()), (left[:, None] + own).sum(axis=0)
    held, held_without = np.empty(len(squares)), np.empty_like(products)
    explained(basis.gram, products, coefficients, held)
    explained_without(basis.gram, products, coefficients, held_without)
    left = np.maximum(squares - held, 0)
    return float(left.sum()), np.maximum(squares[:, None] - held_without, 0).sum(axis=0)
