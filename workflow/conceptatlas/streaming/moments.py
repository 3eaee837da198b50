"""Mean and standard deviation per unit, summed image by image in float64.

Images are added one after the other in the data set's order, so the result does not depend on how they are cut into
shards or blocks. (Merging two halves changes the order of additions and may differ in the last bit.)
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

Array = np.ndarray[Any, Any]


@numba.njit(cache=True, nogil=True)
def _add(values: Array, total: Array, squares: Array, skip: Array) -> None:
    n_images, n_units, n_positions = values.shape
    for n in range(n_images):
        if skip[n]:
            continue
        for k in range(n_units):
            s = 0.0
            q = 0.0
            for p in range(n_positions):
                v = np.float64(values[n, k, p])
                s += v
                q += v * v
            total[k] += s
            squares[k] += q


class Moments:
    """Running sums of values and squares per unit.

    Attributes
    ----------
    total, squares : float64, shape (unit,).
    n_values : int, values per unit.
    """

    def __init__(self, n_units: int) -> None:
        self.total = np.zeros(n_units, dtype=np.float64)
        self.squares = np.zeros(n_units, dtype=np.float64)
        self.n_values = 0

    def add(self, values: Array, *, skip: Array | None = None) -> None:
        """Add a block, shape (image, unit, height, width)."""
        n_images, n_units = values.shape[:2]
        skipped = np.zeros(n_images, dtype=np.bool_) if skip is None else np.asarray(skip, dtype=np.bool_)
        n_positions = int(np.prod(values.shape[2:], dtype=np.int64))
        flat = np.ascontiguousarray(values, dtype=np.float32).reshape(n_images, n_units, n_positions)
        _add(flat, self.total, self.squares, skipped)
        self.n_values += int((~skipped).sum()) * flat.shape[2]

    def merge(self, other: Moments) -> None:
        """Add the sums of another part of the data."""
        self.total += other.total
        self.squares += other.squares
        self.n_values += other.n_values

    def mean(self) -> Array:
        """Mean per unit, shape (unit,)."""
        return self.total / max(self.n_values, 1)

    def standard_deviation(self) -> Array:
        """Population standard deviation per unit, shape (unit,)."""
        mean = self.mean()
        return np.sqrt(np.maximum(self.squares / max(self.n_values, 1) - mean * mean, 0.0))
