"""Where the tally takes its maps from: stored units, or any linear basis of them.

Both give the same thing: maps (image, direction, height, width) of a range of images, rounded to the storage type, and
each map's maximum. A basis is a matrix (direction, unit); its maps are computed block by block and never written.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from conceptatlas.activations.store import Shard, open_shards, stored_dtype
from conceptatlas.masks.cells import overlap_lengths

Array = np.ndarray[Any, Any]


class Maps(Protocol):
    """Maps of a layer over a whole data set."""

    @property
    def shards(self) -> list[Shard]:
        """The stored shards the maps come from, in the order of the images."""
        ...

    @property
    def n_units(self) -> int:
        """Number of units (or directions)."""
        ...

    @property
    def map_shape(self) -> tuple[int, int]:
        """Height and width of the maps."""
        ...

    def read(self, shard: Shard, first: int, last: int, *, units: slice = slice(None)) -> tuple[Array, Array]:
        """Maps (image, unit, height, width) and their maximum (image, unit) of images first .. last-1 of a shard."""
        ...


@dataclass(frozen=True)
class StoredMaps:
    """The units themselves, memory-mapped."""

    shards: list[Shard]

    @property
    def n_units(self) -> int:
        """Number of units."""
        return self.shards[0].shape[0]

    @property
    def map_shape(self) -> tuple[int, int]:
        """Height and width of the maps."""
        return self.shards[0].shape[1:]

    def read(self, shard: Shard, first: int, last: int, *, units: slice = slice(None)) -> tuple[Array, Array]:
        """See `Maps.read`; maps stay memory-mapped where possible."""
        maximum = shard.maxima()[first:last, units]
        return shard.activations()[first:last, units], maximum


@dataclass(frozen=True)
class ProjectedMaps:
    """Directions of a layer: direction d at a position is sum_k matrix[d, k] (A[k] - offset[k]).

    Values are rounded to the type the layer is stored in, so that thresholds are exact order statistics of what is
    compared with them.

    matrix : float32 (direction, unit). offset : float32 (unit,).
    pooled_to : average every map over a grid of this many cells a side (0: leave it), because resolution is a
    confound between layers (Net2Vec, section 4).
    """

    shards: list[Shard]
    matrix: Array
    offset: Array
    pooled_to: int = 0

    @property
    def n_units(self) -> int:
        """Number of directions."""
        return len(self.matrix)

    @property
    def map_shape(self) -> tuple[int, int]:
        """Height and width of the maps."""
        if self.pooled_to:
            return self.pooled_to, self.pooled_to
        return self.shards[0].shape[1:]

    def read(self, shard: Shard, first: int, last: int, *, units: slice = slice(None)) -> tuple[Array, Array]:
        """See `Maps.read`; one matrix product an image, so that rounding does not depend on the block of images."""
        maps = shard.activations()[first:last]
        n_images, n_stored, height, width = maps.shape
        matrix = np.ascontiguousarray(self.matrix[units], dtype=np.float32)
        rows, columns = (pooling(self.pooled_to or n, n) for n in (height, width))
        out = np.empty((n_images, len(matrix), len(rows), len(columns)), dtype=stored_dtype(shard))
        for n in range(n_images):
            centred = maps[n].reshape(n_stored, -1).astype(np.float32) - self.offset[:, None]
            value = (matrix @ centred).reshape(len(matrix), height, width)
            out[n] = rows @ value @ columns.T if self.pooled_to else value
        out += out.dtype.type(0)  # -0.0 becomes 0.0
        maximum = out.max(axis=(2, 3)).astype(np.float32)
        maximum[~shard.valid[first:last]] = 0
        return out, maximum


def pooling(n_cells: int, n_knots: int) -> Array:
    """Area weights that average `n_knots` values over `n_cells` equal cells: float32 (cell, knot), rows sum to 1."""
    return (overlap_lengths(n_cells, n_knots) / n_knots).astype(np.float32)


def stored_maps(shards: list[str], manifests: list[str], layer: str) -> StoredMaps:
    """The stored units of a layer over all shards."""
    return StoredMaps(open_shards(shards, manifests, layer))


def image_ranges(shards: list[Shard], *, at_once: int) -> list[tuple[int, int, int]]:
    """(shard, first, last) image ranges within shards, at most `at_once` images each, in order."""
    return [
        (s, first, min(first + at_once, shard.n_images))
        for s, shard in enumerate(shards)
        for first in range(0, shard.n_images, at_once)
    ]
