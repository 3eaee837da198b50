"""Turned activations: directions of a layer in blocks whose values over all images lie in memory, and their thresholds.

A block of directions (a column block of the matrix) is computed in one pass over the stored maps, rounded to the
storage type and kept, so that its exact thresholds and its masks need no second pass. Nothing is written.

Every product has the same shape: DIRECTIONS rows of the matrix times the positions of a fixed group of images, zeros
where rows or images end. A BLAS rounds by the shape of a product and by the place in it; with one shape, and every
direction and position at its own place, values do not depend on blocks, workers or shards.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numba
import numpy as np

from conceptatlas.activations.store import Shard, stored_dtype
from conceptatlas.activations.thresholds import levels_from_ranks, wanted_ranks
from conceptatlas.streaming.histogram import OrderStatistics
from conceptatlas.streaming.ordered import values_of

Array = np.ndarray[Any, Any]

DIRECTIONS = 64
"""Rows of the matrix in one product."""
POSITIONS = 512
"""A product takes the fewest whole images that have this many positions."""
_SHARE = 0.6  # of the memory a task may take, for the values of a block


class Directions(NamedTuple):
    """Directions of a layer: direction d is sum_k matrix[d, k] (A[k] - offset[k]).

    matrix : (direction, unit); offset : (unit,); both are used as float32.
    """

    matrix: Array
    offset: Array


class TurnedBlock(NamedTuple):
    """The values of some directions over all images.

    directions : which. values : float16 or float32 (direction, image, height, width), -0.0 as 0.0.
    maximum : float32 (image, direction), 0 for images in quarantine. thresholds : float32 (direction,).
    """

    directions: slice
    values: Array
    maximum: Array
    thresholds: Array


def turned_blocks(
    shards: list[Shard], directions: Directions, *, tau: str, definition: str, mem_mb: float = 2000
) -> Iterator[TurnedBlock]:
    """All directions of a layer block by block, each with exact thresholds over the valid images.

    mem_mb : what a block may take; at least DIRECTIONS directions are taken at a time.

    Raises
    ------
    ValueError
        where a value does not fit into the storage type.
    """
    dtype = np.dtype(stored_dtype(shards[0]))
    _, height, width = shards[0].shape
    n_images = shards[-1].stop
    valid = np.concatenate([shard.valid for shard in shards])
    n_values = int(valid.sum()) * height * width
    if n_values == 0:
        raise ValueError("no valid image: every image of the data set is in quarantine")
    ranks = wanted_ranks([tau], n_values, definition)
    each = n_images * height * width * dtype.itemsize
    at_once = max(1, int(_SHARE * mem_mb * 1e6 / max(each, 1) / DIRECTIONS)) * DIRECTIONS
    for first in range(0, len(directions.matrix), at_once):
        block = slice(first, min(first + at_once, len(directions.matrix)))
        values = turned_values(shards, directions, block, dtype=dtype)
        found, maximum = order_statistics(values, valid, ranks)
        if not np.isfinite(maximum).all():
            raise ValueError(
                f"layer {shards[0].layer}: turned activations do not fit into {dtype}; give the layer dtype float32 "
                "in the sheet of layers, or `standardise: true`"
            )
        thresholds, _ = levels_from_ranks(found, [tau], n_values, definition)
        yield TurnedBlock(block, values, maximum.T, thresholds[0])


def turned_values(shards: list[Shard], directions: Directions, block: slice, *, dtype: np.dtype[Any]) -> Array:
    """Values (direction, image, height, width) of a block that starts at a multiple of DIRECTIONS, rounded to `dtype`.

    -0.0 is left to `order_statistics`.
    """
    n_units, height, width = shards[0].shape
    n_images, n_positions = shards[-1].stop, height * width
    matrix = np.asarray(directions.matrix[block], dtype=np.float32)
    n_directions = len(matrix)
    matrix = np.pad(matrix, [(0, -n_directions % DIRECTIONS), (0, 0)])
    offset = np.asarray(directions.offset, dtype=np.float32)
    values = np.empty((n_directions, n_images, n_positions), dtype=dtype)
    group = -(-POSITIONS // n_positions)
    maps = np.zeros((n_units, group, n_positions), dtype=np.float32)
    product = np.empty((DIRECTIONS, group * n_positions), dtype=np.float32)
    for first, last, pieces in _groups(shards, group):
        maps[:, last - first :] = 0
        for at, piece in pieces:
            maps[:, at : at + len(piece)] = piece.reshape(len(piece), n_units, n_positions).transpose(1, 0, 2)
        if offset.any():
            maps[:, : last - first] -= offset[:, None, None]
        for row in range(0, n_directions, DIRECTIONS):
            np.matmul(matrix[row : row + DIRECTIONS], maps.reshape(n_units, -1), out=product)
            rows = slice(row, min(row + DIRECTIONS, n_directions))
            with np.errstate(over="ignore"):  # infinities are found by order_statistics
                values[rows, first:last] = product.reshape(DIRECTIONS, group, n_positions)[
                    : rows.stop - row, : last - first
                ]
    return values.reshape(n_directions, n_images, height, width)


def _groups(shards: list[Shard], size: int) -> Iterator[tuple[int, int, list[tuple[int, Array]]]]:
    """Groups of `size` images counted from the first of the data set, with their maps from one or several shards.

    Yields first, last and (position in the group, maps of consecutive images).
    """
    opened = [shard.activations() for shard in shards]
    for first in range(0, shards[-1].stop, size):
        last = min(first + size, shards[-1].stop)
        pieces = []
        for shard, maps in zip(shards, opened, strict=True):
            start, stop = max(first, shard.start), min(last, shard.stop)
            if start < stop:
                pieces.append((start - first, np.asarray(maps[start - shard.start : stop - shard.start])))
        yield first, last, pieces


def order_statistics(values: Array, valid: Array, ranks: tuple[int, ...]) -> tuple[OrderStatistics, Array]:
    """Values at ranks from the top (0: largest) of every direction over the valid images, exactly; and maxima.

    values : float16 or float32 (direction, image, height, width), C-contiguous; -0.0 becomes 0.0 **in place**.
    valid : bool (image,). ranks : below the number of values.

    Returns the order statistics and each map's maximum, float32 (direction, image): 0 where not valid, infinite where
    a map holds an infinite value or NaN.
    """
    n_directions, n_images = values.shape[:2]
    kind = np.uint16 if values.dtype == np.float16 else np.uint32
    bits = values.reshape(n_directions, n_images, -1).view(kind)
    keys = np.zeros((n_directions, len(ranks)), dtype=np.int64)
    above = np.zeros((n_directions, len(ranks)), dtype=np.int64)
    maximum = np.zeros((n_directions, n_images), dtype=np.int64)
    n_bytes = values.dtype.itemsize
    infinite = int(np.array(np.inf, dtype=values.dtype).view(kind)) + (1 << (8 * n_bytes - 1))
    _find(bits, np.asarray(valid, dtype=np.bool_), np.array(ranks, dtype=np.int64), n_bytes, infinite,
          keys, above, maximum)  # fmt: skip
    found = OrderStatistics(ranks, values_of(keys.astype(kind)).astype(np.float32), above)
    top = np.where(maximum >= infinite, np.float32(np.inf), values_of(maximum.astype(kind)).astype(np.float32))
    return found, np.where(valid[None], top, np.float32(0))


@numba.njit(cache=True, nogil=True)
def _find(
    bits: Array, valid: Array, ranks: Array, n_bytes: int, infinite: int, keys: Array, above: Array, maximum: Array
) -> None:
    """Radix selection by bytes from the highest; keys keep the order of the values (`streaming.ordered`)."""
    half = 1 << (8 * n_bytes - 1)
    full = 2 * half - 1
    top_shift = 8 * (n_bytes - 1)
    first = np.empty(256, dtype=np.int64)
    counts = np.empty(256, dtype=np.int64)
    for d in range(bits.shape[0]):
        first[:] = 0
        for n in range(bits.shape[1]):
            if not valid[n]:
                continue
            row = bits[d, n]
            highest = np.int64(0)
            lowest = np.int64(full)
            for p in range(row.shape[0]):
                b = np.int64(row[p])
                if b == half:
                    row[p] = 0
                    b = np.int64(0)
                key = full - b if b >= half else b + half
                first[key >> top_shift] += 1
                if key > highest:
                    highest = key
                if key < lowest:
                    lowest = key
            if lowest <= full - infinite:  # -inf or a negative NaN
                highest = np.int64(infinite)
            maximum[d, n] = highest
        for j in range(ranks.shape[0]):
            prefix = np.int64(0)
            greater = np.int64(0)
            for level in range(n_bytes - 1, -1, -1):
                shift = 8 * level
                if shift == top_shift:
                    counts[:] = first
                else:
                    counts[:] = 0
                    for n in range(bits.shape[1]):
                        if not valid[n]:
                            continue
                        row = bits[d, n]
                        for p in range(row.shape[0]):
                            b = np.int64(row[p])
                            key = full - b if b >= half else b + half
                            if key >> (shift + 8) == prefix:
                                counts[(key >> shift) & 255] += 1
                byte = 255
                while byte > 0 and greater + counts[byte] <= ranks[j]:
                    greater += counts[byte]
                    byte -= 1
                prefix = (prefix << 8) | byte
            keys[d, j] = prefix
            above[d, j] = greater
