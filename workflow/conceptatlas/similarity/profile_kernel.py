"""Dot products of images with a concept vector whose rounding depends on the two vectors only.

A matrix product of a library may round a row differently in a block of another size; here a product is the same
whatever else is computed beside it, so cosines do not depend on blocks, workers or other concepts.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

Array = np.ndarray[Any, Any]

_LANES = 16


@numba.njit(cache=True, nogil=True)
def _dot(a: Array, b: Array, lanes: Array) -> float:
    """Sum of a * b in float64: 16 running sums (feature i goes to sum i mod 16), added up in their order."""
    whole = len(a) - len(a) % _LANES
    lanes[:] = 0.0
    for first in range(0, whole, _LANES):
        for lane in range(_LANES):
            lanes[lane] += np.float64(a[first + lane]) * np.float64(b[first + lane])
    for i in range(whole, len(a)):
        lanes[i - whole] += np.float64(a[i]) * np.float64(b[i])
    total = 0.0
    for lane in range(_LANES):
        total += lanes[lane]
    return total


@numba.njit(cache=True, nogil=True)
def _dots(rows: Array, vector: Array, out: Array) -> None:
    lanes = np.zeros(_LANES)
    for n in range(rows.shape[0]):
        out[n] = _dot(rows[n], vector, lanes)


@numba.njit(cache=True, nogil=True)
def _squares(rows: Array, out: Array) -> None:
    lanes = np.zeros(_LANES)
    for n in range(rows.shape[0]):
        out[n] = _dot(rows[n], rows[n], lanes)


def dots(rows: Array, vector: Array) -> Array:
    """Product of every row (image, feature) with a vector (feature,): float64 (image,)."""
    out = np.empty(len(rows))
    _dots(np.ascontiguousarray(rows), np.ascontiguousarray(vector, dtype=np.float64), out)
    return out


def squares(rows: Array) -> Array:
    """Squared length of every row (image, feature): float64 (image,)."""
    out = np.empty(len(rows))
    _squares(np.ascontiguousarray(rows), out)
    return out
