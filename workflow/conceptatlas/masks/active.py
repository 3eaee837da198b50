"""Pixels where an upsampled map exceeds its threshold, as bits, without computing the pixels that cannot.

Two prunings are exact because interpolation is clamped (see `masks.upsample`): a map whose maximum does not exceed T
has an empty mask; and inside a map only cells of four neighbouring knots of which at least one exceeds T can hold an
active pixel, while a cell whose four knots all exceed T is active throughout.

Kernels that call each other stay in one file: numba's cache looks at the file of the caller only, and would go on using
an old callee.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numba
import numpy as np

from conceptatlas.masks.upsample import Axis, Grid

Array = np.ndarray[Any, Any]

_WIDEST_RUN = 32  # columns of a cell that are gathered in one word before they are stored


@dataclass(frozen=True)
class Cells:
    """An axis cut into runs of pixels that lie between the same two knots.

    first, last : int32, shape (run,): pixels first .. last-1 of the run.
    low, high : int32, shape (run,): its two knots.
    t : float32, shape (pixel,).
    """

    first: Array
    last: Array
    low: Array
    high: Array
    t: Array


def cut(axis: Axis, *, widest: int) -> Cells:
    """Runs of an axis, none longer than `widest` pixels."""
    first = [0]
    for p in range(1, axis.n_pixels):
        same = axis.low[p] == axis.low[p - 1] and axis.high[p] == axis.high[p - 1]
        if not same or p - first[-1] == widest:
            first.append(p)
    starts = np.array(first, dtype=np.int32)
    ends = np.append(starts[1:], axis.n_pixels).astype(np.int32)
    return Cells(starts, ends, axis.low[starts], axis.high[starts], axis.t)


@dataclass(frozen=True)
class Cutting:
    """A grid prepared for the kernels: `rows` and `columns` cut into runs."""

    rows: Cells
    columns: Cells
    width: int
    n_pixels: int


def prepare(grid: Grid) -> Cutting:
    """Cut both axes of a grid."""
    return Cutting(
        cut(grid.rows, widest=grid.rows.n_pixels),
        cut(grid.columns, widest=_WIDEST_RUN),
        grid.columns.n_pixels,
        grid.rows.n_pixels * grid.columns.n_pixels,
    )


def arguments(cutting: Cutting) -> tuple[Array, ...]:
    """The arrays of a cutting in the order in which `active_bits` takes them."""
    r, c = cutting.rows, cutting.columns
    return (r.first, r.last, r.low, r.high, r.t, c.first, c.last, c.low, c.high, c.t)


@numba.njit(cache=True, nogil=True, inline="always")
def _set_run(words: Array, position: int, bits: np.uint64) -> None:
    """OR up to 64 bits into the flat mask at bit `position`."""
    word = position >> 6
    shift = np.uint64(position & 63)
    words[word] |= bits << shift
    if shift and bits >> (np.uint64(64) - shift):
        words[word + 1] |= bits >> (np.uint64(64) - shift)


@numba.njit(cache=True, nogil=True)
def active_bits(
    values: Array,
    threshold: np.float32,
    words: Array,
    width: int,
    r_first: Array,
    r_last: Array,
    r_low: Array,
    r_high: Array,
    r_t: Array,
    c_first: Array,
    c_last: Array,
    c_low: Array,
    c_high: Array,
    c_t: Array,
    hot: Array,
    top: Array,
    bottom: Array,
    difference: Array,
) -> tuple[int, int]:
    """Set the bits of pixels where the upsampled map exceeds the threshold.

    values : float32 (height, width) map, border included. words : uint64, zero on entry in every word. hot, top,
    bottom, difference : scratch.

    Returns the first and one-past-last row run that were touched as pixel rows (0, 0 if none was).
    """
    lowest = 1 << 30
    highest = 0
    one = np.uint64(1)
    for r in range(values.shape[0]):
        n_above = 0  # most rows of knots hold nothing above T: look at each once
        for column in range(values.shape[1]):
            n_above += values[r, column] > threshold
        hot[r] = n_above > 0
    for i in range(r_first.shape[0]):
        if not (hot[r_low[i]] or hot[r_high[i]]):
            continue
        upper = values[r_low[i]]
        lower = values[r_high[i]]
        lowest = min(lowest, r_first[i])
        highest = max(highest, r_last[i])
        for j in range(c_first.shape[0]):
            a = upper[c_low[j]]
            b = upper[c_high[j]]
            c = lower[c_low[j]]
            d = lower[c_high[j]]
            if not (a > threshold or b > threshold or c > threshold or d > threshold):
                continue
            start = c_first[j]
            length = c_last[j] - start
            if a > threshold and b > threshold and c > threshold and d > threshold:
                full = (one << np.uint64(length)) - one
                for y in range(r_first[i], r_last[i]):
                    _set_run(words, y * width + start, full)
                continue
            least_ab = min(a, b)
            most_ab = max(a, b)
            least_cd = min(c, d)
            most_cd = max(c, d)
            for x in range(length):
                t = c_t[start + x]
                u = min(max(a + t * (b - a), least_ab), most_ab)
                v = min(max(c + t * (d - c), least_cd), most_cd)
                top[x] = u
                bottom[x] = v
                difference[x] = v - u
            for y in range(r_first[i], r_last[i]):
                s = r_t[y]
                bits = np.uint64(0)
                for x in range(length):  # no branch: which pixels are active cannot be predicted
                    u = top[x]
                    v = bottom[x]
                    value = min(max(u + s * difference[x], min(u, v)), max(u, v))
                    bits |= np.uint64(value > threshold) << np.uint64(x)
                if bits:
                    _set_run(words, y * width + start, bits)
    if highest == 0:
        return 0, 0
    return lowest, highest


@numba.njit(cache=True, nogil=True)
def pair_bits(
    values: Array,
    thresholds: Array,
    words: Array,
    span: Array,
    width: int,
    r_first: Array,
    r_last: Array,
    r_low: Array,
    r_high: Array,
    r_t: Array,
    c_first: Array,
    c_last: Array,
    c_low: Array,
    c_high: Array,
    c_t: Array,
) -> None:
    """`active_bits` of every pair: words uint64 (pair, word), span int64 (pair, 2) of the words that hold set bits."""
    last_word = words.shape[1]
    hot = np.empty(values.shape[1], dtype=np.bool_)
    top = np.empty(_WIDEST_RUN, dtype=np.float32)
    difference = np.empty(_WIDEST_RUN, dtype=np.float32)
    bottom = np.empty(_WIDEST_RUN, dtype=np.float32)
    for p in range(values.shape[0]):
        row = words[p]
        row[:] = 0
        first, last = active_bits(
            values[p], thresholds[p], row, width, r_first, r_last, r_low, r_high, r_t, c_first, c_last, c_low, c_high,
            c_t, hot, top, bottom, difference,
        )  # fmt: skip
        span[p, 0] = (first * width) >> 6
        span[p, 1] = min(last_word, (last * width + 63) >> 6)
