"""Symmetric matrices over images, kept as the entries above the diagonal: products, by block of images and shuffled.

A layer's triangles stand one behind the other, a batch of images each, row by row: (0, 1), (0, 2) ... (1, 2) ... Two
layers of the same images then compare as one dot product. All sums are float64; four running sums a row, added in a
fixed order, so that the result does not depend on threads or on the other pairs.
"""

from __future__ import annotations

import itertools
from typing import Any

import numba
import numpy as np

Array = np.ndarray[Any, Any]


def n_entries(n: int) -> int:
    """Entries above the diagonal of an n x n matrix."""
    return n * (n - 1) // 2


def upper(matrix: Array) -> Array:
    """The entries above the diagonal, row by row, (pair,)."""
    entries: Array = matrix[_above(len(matrix))]
    return entries


def from_upper(entries: Array, n: int) -> Array:
    """The symmetric matrix (n, n) of a triangle, 0 on the diagonal."""
    out = np.zeros((n, n), dtype=entries.dtype)
    out[_above(n)] = entries
    out += out.T.copy()
    return out


def _above(n: int) -> Array:
    return np.triu(np.ones((n, n), dtype=bool), k=1)


@numba.njit(cache=True, nogil=True)
def _block_products(a: Array, b: Array, blocks: Array, out: Array) -> None:
    n = blocks.shape[0]
    at = 0
    for i in range(n):
        row = out[blocks[i]]
        for j in range(i + 1, n):
            row[blocks[j]] += np.float64(a[at]) * np.float64(b[at])
            at += 1


@numba.njit(cache=True, nogil=True)
def _shuffled_products(a: Array, b: Array, shuffles: Array, out: Array) -> None:
    """shuffles : uint32, so that indices need no look at their sign."""
    n = b.shape[0]
    for r in range(shuffles.shape[0]):
        p = shuffles[r]
        total = 0.0
        at = 0
        for i in range(n):
            row = b[p[i]]
            length = n - i - 1
            mine, theirs = a[at : at + length], p[i + 1 :]
            s0 = s1 = s2 = s3 = 0.0
            whole = length - length % 4
            for k in range(0, whole, 4):
                s0 += np.float64(mine[k]) * np.float64(row[theirs[k]])
                s1 += np.float64(mine[k + 1]) * np.float64(row[theirs[k + 1]])
                s2 += np.float64(mine[k + 2]) * np.float64(row[theirs[k + 2]])
                s3 += np.float64(mine[k + 3]) * np.float64(row[theirs[k + 3]])
            for k in range(whole, length):
                s0 += np.float64(mine[k]) * np.float64(row[theirs[k]])
            total += (s0 + s1) + (s2 + s3)
            at += length
        out[r] += total


def block_products(a: Array, b: Array, batches: list[Array], blocks: Array, *, n_blocks: int = 32) -> Array:
    """Sum of a_ij b_ij over image pairs i < j, by their blocks: float64 (block, block), symmetric.

    a, b : triangles of all batches, (entry,). batches : positions of the images of each. blocks : int64 (image,).
    """
    out = np.zeros((n_blocks, n_blocks))
    for entries, images in zip(_cut(len(a), batches), batches, strict=True):
        _block_products(a[entries], b[entries], blocks[images], out)
    return (out + out.T) / 2


def shuffled_products(a: Array, b: Array, batches: list[Array], shuffles: Array) -> Array:
    """Sum of a_ij b_p(i)p(j) over i < j for every shuffle p: float64 (shuffle,).

    shuffles : int64 (shuffle, image); images stay within their batch.

    Raises
    ------
    ValueError
        if a shuffle takes an image to another batch: its pairs were not kept.
    """
    out = np.zeros(len(shuffles))
    for entries, images in zip(_cut(len(a), batches), batches, strict=True):
        outside = len(images)
        place = np.full(shuffles.shape[1], outside, dtype=np.uint32)
        place[images] = np.arange(outside)
        inside = place[shuffles[:, images]]
        if inside.size and inside.max() >= outside:
            raise ValueError("a shuffle moves an image into another batch; shuffle within batches")
        _shuffled_products(a[entries], from_upper(np.asarray(b[entries]), len(images)), inside, out)
    return out


def _cut(n: int, batches: list[Array]) -> list[slice]:
    """Where the entries of each batch stand among n.

    Raises
    ------
    ValueError
        if they do not add up to n.
    """
    bounds = np.cumsum([0, *(n_entries(len(images)) for images in batches)])
    if bounds[-1] != n:
        raise ValueError(f"triangles of {n} entries do not belong to batches with {bounds[-1]}")
    return [slice(int(first), int(last)) for first, last in itertools.pairwise(bounds)]
