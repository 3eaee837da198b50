"""Sums over cells behind the scores of labels beside IoU (F1, Pearson, cosine, AUPRC), on a layer's own grid.

For a unit and each of some labels, over all cells that count: sums of the activation a, of its square, of 1[a > T], and
the same within the cells of a label; and how often each bit pattern occurs, in all cells and in those of the label.
Sums are 64-bit integers in units of the unit's largest magnitude / 2^30, so that they add up to the same number for any
number of shards and blocks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numba
import numpy as np

from conceptatlas.masks.label_bits import LabelBits
from conceptatlas.streaming.ordered import N_PATTERNS, keys_of

Array = np.ndarray[Any, Any]

FIXED_POINT = 2.0**30


@numba.njit(cache=True, nogil=True)
def _accumulate(
    fixed: Array,
    squares: Array,
    above: Array,
    keys: Array,
    offsets: Array,
    concepts: Array,
    entries: Array,
    counted: Array,
    top: Array,
    sums: Array,
    pair_sums: Array,
    histogram: Array,
    pair_histogram: Array,
) -> None:
    """sums (unit, 4): a, a^2, 1[a > T], 1; pair_sums (unit, rank, 3): a y, 1[a > T] y, y."""
    n_images, n_units, n_cells = fixed.shape
    for k in range(n_units):
        for n in range(n_images):
            for p in range(n_cells):
                if counted[n, p]:
                    sums[k, 0] += fixed[n, k, p]
                    sums[k, 1] += squares[n, k, p]
                    sums[k, 2] += above[n, k, p]
                    sums[k, 3] += 1
                    histogram[k, keys[n, k, p]] += 1
            for e in range(offsets[n], offsets[n + 1]):
                for r in range(top.shape[1]):
                    if top[k, r] != concepts[e]:
                        continue
                    for p in range(n_cells):
                        if entries[e, p] and counted[n, p]:
                            pair_sums[k, r, 0] += fixed[n, k, p]
                            pair_sums[k, r, 1] += above[n, k, p]
                            pair_sums[k, r, 2] += 1
                            pair_histogram[k, r, keys[n, k, p]] += 1


@dataclass
class LabelSums:
    """Sums of some units with their labels; those of different images add up.

    sums : int64 (unit, 4): a, a^2, 1[a > T], 1. pair_sums : int64 (unit, rank, 3): a y, 1[a > T] y, y.
    histogram : int64 (unit, 65536). pair_histogram : int32 (unit, rank, 65536). float32 counts the upper half of the
    pattern.
    """

    sums: Array
    pair_sums: Array
    histogram: Array
    pair_histogram: Array

    @classmethod
    def empty(cls, n_units: int, n_ranks: int) -> LabelSums:
        """Sums of no images."""
        return cls(
            np.zeros((n_units, 4), dtype=np.int64),
            np.zeros((n_units, n_ranks, 3), dtype=np.int64),
            np.zeros((n_units, N_PATTERNS), dtype=np.int64),
            np.zeros((n_units, n_ranks, N_PATTERNS), dtype=np.int32),
        )

    def part(self, units: slice) -> LabelSums:
        """Views of the sums of some units: adding to them adds to these."""
        return LabelSums(self.sums[units], self.pair_sums[units], self.histogram[units], self.pair_histogram[units])

    def add(
        self,
        values: Array,
        labels: LabelBits,
        entries: Array,
        counted: Array,
        *,
        thresholds: Array,
        maximum: Array,
        top: Array,
    ) -> None:
        """Add images.

        values : float16 or float32 (image, unit, cell), C-contiguous. labels : of the same images; entries : bool
        (entry, cell), counted : bool (image, cell), see `masks.cells.label_cells`. thresholds, maximum : float32
        (unit,), T and the largest magnitude. top : int (unit, rank), concept indices.
        """
        exact = values.astype(np.float64)
        scale = (FIXED_POINT / np.where(maximum > 0, maximum, 1)).astype(np.float64)[None, :, None]
        keys = keys_of(values)
        _accumulate(
            np.rint(exact * scale).astype(np.int64),
            np.rint((exact * scale / FIXED_POINT) ** 2 * FIXED_POINT).astype(np.int64),
            values.astype(np.float32) > thresholds[None, :, None],
            keys if keys.dtype == np.uint16 else (keys >> np.uint32(16)).astype(np.uint16),
            labels.offsets,
            labels.concepts,
            entries,
            counted,
            top,
            self.sums,
            self.pair_sums,
            self.histogram,
            self.pair_histogram,
        )
