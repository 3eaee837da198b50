"""Exact order statistics of any number of values per unit, from integer counts that merge by addition.

float16 values: one counter per bit pattern (65,536) is exact. float32 values: the same table over the upper 16 bits of
the pattern, then one refining pass that counts the lower 16 bits inside the few bins that hold a wanted quantile.
Memory depends on the number of units, never on the number of images.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numba
import numpy as np

from conceptatlas.streaming.ordered import N_PATTERNS, ZERO_KEY, all_values, keys_of, values_of

Array = np.ndarray[Any, Any]

with np.errstate(invalid="ignore"):
    _VALUE_OF_KEY32 = all_values().astype(np.float32)


# The unit is the outer loop: its 65,536 counters then stay in the cache for the whole block of images.


@numba.njit(cache=True, nogil=True)
def _tally_float16(bits: Array, counts: Array, maximum: Array, mean: Array, values: Array, skip: Array) -> None:
    """One pass over raw float16 bits (image, unit, position): counts, per-image maximum and mean; -0.0 becomes 0.0."""
    n_images, n_units, n_positions = bits.shape
    scale = np.float32(2.0**112)  # float16 exponents moved into float32's place are too small by 112
    for k in range(n_units):
        count = counts[k]
        for n in range(n_images):
            if skip[n]:
                continue
            row = bits[n, k]
            top = 0
            total = 0.0
            for p in range(n_positions):
                b: Any = np.uint32(row[p])
                magnitude: Any = np.uint32((b & np.uint32(0x7FFF)) << np.uint32(13)).view(np.float32) * scale
                if b & np.uint32(0x8000):
                    if b == np.uint32(0x8000):
                        row[p] = 0
                        key = ZERO_KEY
                    else:
                        key = 0xFFFF - b
                        total -= magnitude
                        if b >= np.uint32(0xFC00):  # -inf or a negative NaN, which the maximum does not show
                            total = np.nan
                else:
                    key = b + 0x8000
                    total += magnitude
                count[key] += 1
                if key > top:
                    top = key
            maximum[n, k] = values[top]
            mean[n, k] = total / n_positions


@numba.njit(cache=True, nogil=True)
def _tally_float32(bits: Array, counts: Array, maximum: Array, mean: Array, skip: Array) -> None:
    n_images, n_units, n_positions = bits.shape
    for k in range(n_units):
        count = counts[k]
        for n in range(n_images):
            if skip[n]:
                continue
            row = bits[n, k]
            for p in range(n_positions):
                b = row[p]
                if b & 0x80000000:
                    if b == 0x80000000:
                        row[p] = 0
                        key = ZERO_KEY
                    else:
                        key = (0xFFFFFFFF - b) >> 16
                else:
                    key = (b + 0x80000000) >> 16
                count[key] += 1
            floats = row.view(np.float32)
            top = floats[0]
            total = 0.0
            for p in range(n_positions):
                total += floats[p]
                if floats[p] > top:
                    top = floats[p]
            maximum[n, k] = top
            mean[n, k] = total / n_positions


@numba.njit(cache=True, nogil=True)
def _refine(bits: Array, bins: Array, counts: Array, skip: Array) -> None:
    """Counts of the lower 16 bits inside bin ``bins[k, q]`` of the upper 16 bits, for every unit and wanted bin."""
    n_images, n_units, n_positions = bits.shape
    for k in range(n_units):
        for n in range(n_images):
            if skip[n]:
                continue
            for p in range(n_positions):
                b = bits[n, k, p]
                key = (0xFFFFFFFF - b if b != 0x80000000 else 0x80000000) if b & 0x80000000 else b + 0x80000000
                high = key >> 16
                for q in range(bins.shape[1]):
                    if bins[k, q] == high:
                        counts[k, q, key & 0xFFFF] += 1


class PatternHistogram:
    """Counts of the order-keeping 16-bit keys of every unit.

    Attributes
    ----------
    counts : int array, shape (unit, 65536). uint32 while adding (one shard), int64 after a merge.
    dtype : "float16" (the counts are exact) or "float32" (the upper half of the pattern; see `refine`).
    n_values : int, values per unit counted so far.
    """

    def __init__(self, n_units: int, *, dtype: str) -> None:
        if dtype not in ("float16", "float32"):
            raise ValueError(f"dtype of a histogram is float16 or float32, not {dtype!r}")
        # calloc: pages of patterns that never occur (negative values of a ReLU layer) are never touched
        self.counts: Array = np.zeros((n_units, N_PATTERNS), dtype=np.uint32)
        self.dtype = dtype
        self.n_values = 0

    def add(self, values: Array, *, skip: Array | None = None) -> tuple[Array, Array]:
        """Count a block of values and return each image's maximum and mean per unit.

        values : shape (image, unit, height, width), C-contiguous, of this histogram's dtype. -0.0 is overwritten by
            0.0 **in place**, so that what is stored afterwards agrees with what was counted.
        skip : bool, shape (image,): images that do not count (quarantined, padding of a batch); their maximum and
            mean are 0.

        Returns
        -------
        maximum, mean : float32, shape (image, unit).
        """
        if str(values.dtype) != self.dtype or not values.flags.c_contiguous:
            raise ValueError(f"expected a C-contiguous {self.dtype} block, got {values.dtype}")
        n_images, n_units = values.shape[:2]
        n_positions = int(np.prod(values.shape[2:], dtype=np.int64))
        if self.n_values + n_images * n_positions >= 2**32 and self.counts.dtype == np.uint32:
            self.counts = self.counts.astype(np.int64)
        skipped = np.zeros(n_images, dtype=np.bool_) if skip is None else np.asarray(skip, dtype=np.bool_)
        maximum = np.zeros((n_images, n_units), dtype=np.float32)
        mean = np.zeros((n_images, n_units), dtype=np.float32)
        if self.dtype == "float16":
            bits = values.reshape(n_images, n_units, n_positions).view(np.uint16)
            _tally_float16(bits, self.counts, maximum, mean, _VALUE_OF_KEY32, skipped)
        else:
            bits = values.reshape(n_images, n_units, n_positions).view(np.uint32)
            _tally_float32(bits, self.counts, maximum, mean, skipped)
        self.n_values += int((~skipped).sum()) * n_positions
        return maximum, mean

    def merge(self, other: PatternHistogram) -> None:
        """Add the counts of another histogram (another shard) to this one."""
        if other.dtype != self.dtype or other.counts.shape != self.counts.shape:
            raise ValueError(
                f"histograms of {self.counts.shape[0]} units ({self.dtype}) and {other.counts.shape[0]} units "
                f"({other.dtype}) do not merge"
            )
        self.counts = self.counts.astype(np.int64, copy=False)
        self.counts += other.counts
        self.n_values += other.n_values

    def state(self) -> dict[str, Array]:
        """Sparse form for storage: `offsets` (unit+1,), `patterns` uint16, `counts` int64 of the non-zero entries."""
        unit, pattern = np.nonzero(self.counts)
        offsets = np.searchsorted(unit, np.arange(self.counts.shape[0] + 1)).astype(np.int64)
        return {
            "offsets": offsets,
            "patterns": pattern.astype(np.uint16),
            "counts": self.counts[unit, pattern].astype(np.int64),
        }

    def add_state(self, state: dict[str, Array]) -> None:
        """Merge a stored sparse form (see `state`) into this histogram."""
        offsets = state["offsets"]
        if len(offsets) != self.counts.shape[0] + 1:
            raise ValueError(f"stored histogram has {len(offsets) - 1} units, expected {self.counts.shape[0]}")
        self.counts = self.counts.astype(np.int64, copy=False)
        unit = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
        self.counts[unit, state["patterns"]] += state["counts"]
        self.n_values += int(state["counts"][: offsets[1]].sum()) if len(offsets) > 1 else 0

    def non_finite(self) -> Array:
        """Number of infinite or NaN values per unit, shape (unit,)."""
        finite = np.isfinite(all_values())
        if self.dtype == "float32":  # upper half of the pattern: exponent bits all ones
            keys = np.arange(N_PATTERNS, dtype=np.uint32) << 16
            finite = np.isfinite(values_of(keys.astype(np.uint32)))
        return self.counts[:, ~finite].sum(axis=1, dtype=np.int64)

    def subnormal(self) -> Array:
        """Number of values per unit that float16 holds with reduced precision (0 < |a| < 2^-14), shape (unit,)."""
        if self.dtype == "float32":
            return np.zeros(self.counts.shape[0], dtype=np.int64)
        value = np.abs(all_values())
        with np.errstate(invalid="ignore"):
            return self.counts[:, (value > 0) & (value < 2.0**-14)].sum(axis=1, dtype=np.int64)


def rank_from_top(tau: float | str | Fraction, n_values: int) -> int:
    """m = floor(tau * M) in exact integer arithmetic: tau is read as the decimal number it is written as.

    >>> rank_from_top(0.005, 1000), rank_from_top("0.005", 33800)
    (5, 169)
    """
    fraction = tau if isinstance(tau, Fraction) else Fraction(str(tau))
    if not 0 < fraction < 1:
        raise ValueError(f"tau is a share between 0 and 1, not {tau}")
    return int(fraction * n_values // 1)


@dataclass(frozen=True)
class OrderStatistics:
    """Values at wanted ranks of every unit.

    values : float32, shape (unit, rank): the (ranks[j]+1)-th largest value, ranks counted from 0 at the top.
    above : int64, shape (unit, rank): how many values are strictly greater.
    """

    ranks: tuple[int, ...]
    values: Array
    above: Array


class RankFinder:
    """The (r+1)-th largest values of every unit, exactly, from a histogram (and one refining pass for float32).

    >>> finder = RankFinder(histogram, ranks=(169,))      # doctest: +SKIP
    >>> for block in blocks: finder.refine(block)         # doctest: +SKIP  (float32 only)
    >>> finder.result().values                            # doctest: +SKIP
    """

    def __init__(self, histogram: PatternHistogram, *, ranks: tuple[int, ...]) -> None:
        n_units = histogram.counts.shape[0]
        for rank in ranks:
            if not 0 <= rank < histogram.n_values:
                raise ValueError(f"rank {rank} is outside the {histogram.n_values} values of a unit")
        self.ranks = ranks
        self.dtype = histogram.dtype
        self._bins = np.zeros((n_units, len(ranks)), dtype=np.int64)
        self._above = np.zeros((n_units, len(ranks)), dtype=np.int64)
        for k in range(n_units):  # one unit at a time: a cumulative sum of all would double the memory
            from_top = np.cumsum(histogram.counts[k, ::-1], dtype=np.int64)
            for j, rank in enumerate(ranks):
                position = int(np.searchsorted(from_top, rank, side="right"))
                self._bins[k, j] = N_PATTERNS - 1 - position
                self._above[k, j] = from_top[position - 1] if position else 0
        self._fine: Array | None = None
        if self.needs_refinement:  # 2048 units at four ranks: 2 GB, so no wider than it must be
            counter = np.uint32 if histogram.n_values < 2**32 else np.int64
            self._fine = np.zeros((n_units, len(ranks), N_PATTERNS), dtype=counter)

    @property
    def needs_refinement(self) -> bool:
        """Whether the values must be passed through `refine` once more (float32)."""
        return self.dtype == "float32"

    def refine(self, values: Array, *, skip: Array | None = None) -> None:
        """Second pass over the same float32 values, shape (image, unit, height, width), in any blocks."""
        if self._fine is None:
            return
        n_images, n_units = values.shape[:2]
        skipped = np.zeros(n_images, dtype=np.bool_) if skip is None else np.asarray(skip, dtype=np.bool_)
        n_positions = int(np.prod(values.shape[2:], dtype=np.int64))
        flat = np.ascontiguousarray(values, dtype=np.float32).reshape(n_images, n_units, n_positions)
        bits = flat.view(np.uint32)
        _refine(bits, self._bins, self._fine, skipped)

    def result(self) -> OrderStatistics:
        """The order statistics. For float32 raises ValueError unless all values were refined."""
        if self._fine is None:
            values = values_of(self._bins.astype(np.uint16)).astype(np.float32)
            return OrderStatistics(self.ranks, values, self._above.copy())
        values = np.zeros(self._bins.shape, dtype=np.float32)
        above = self._above.copy()
        for k in range(values.shape[0]):
            for j, rank in enumerate(self.ranks):
                from_top = self._above[k, j] + np.cumsum(self._fine[k, j, ::-1], dtype=np.int64)
                position = int(np.searchsorted(from_top, rank, side="right"))
                if position == N_PATTERNS:
                    raise ValueError("float32 ranks need a second pass over all values before the result")
                key = np.uint32((int(self._bins[k, j]) << 16) | (N_PATTERNS - 1 - position))
                values[k, j] = values_of(np.array([key], dtype=np.uint32))[0]
                above[k, j] = from_top[position - 1] if position else self._above[k, j]
        return OrderStatistics(self.ranks, values, above)


def slow_rank(values: Array, rank: int) -> np.float32:
    """The obvious twin of `RankFinder` for one unit: sort all values, take the (rank+1)-th largest."""
    flat = (values.ravel() + values.dtype.type(0)).astype(np.float32)
    return np.float32(np.sort(flat)[::-1][rank])


__all__ = [
    "OrderStatistics",
    "PatternHistogram",
    "RankFinder",
    "keys_of",
    "rank_from_top",
    "slow_rank",
    "values_of",
]
