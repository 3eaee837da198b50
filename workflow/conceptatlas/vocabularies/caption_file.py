"""Captions in an HDF5 file: texts as one run of UTF-8 bytes and where each begins, so that any few can be read.

Two kinds of file hold them: the list of a vocabulary (its captions once each, in the order in which they first come),
and a part, which holds the vectors of a contiguous piece of that list beside the captions themselves. Index of a
caption: its position in the list; the parts of a vocabulary follow each other, so it does not depend on their number.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np

Array = np.ndarray[Any, Any]

FIXED_POINT = 2.0**33
"""Sums of vectors are kept in whole multiples of 2^-33: integers add up to the same sum in any order, and 2^29 (537
million) components of at most 1 fit into 63 bits."""


def read_captions(file: h5py.File, start: int, stop: int) -> list[str]:
    """Captions start .. stop-1 of an open file (positions in this file)."""
    if stop <= start:
        return []
    bounds = file["offsets"][start : stop + 1]
    data = file["captions"][int(bounds[0]) : int(bounds[-1])].tobytes()
    marks = (bounds - bounds[0]).tolist()
    return [data[begin:end].decode() for begin, end in itertools.pairwise(marks)]


def n_captions(path: str | Path) -> int:
    """Number of captions of a list or part."""
    with h5py.File(path, "r") as file:
        return len(file["offsets"]) - 1


def part_bounds(parts: Sequence[str | Path]) -> list[int]:
    """First index of every part, and the number of all captions."""
    return [0, *np.cumsum([n_captions(part) for part in parts]).tolist()]


def captions_of(parts: Sequence[str | Path], indices: Array) -> list[str]:
    """The captions of some indices, in their order; reads nothing else.

    parts : part files of one vocabulary, in their order. indices : int64, any shape, in 0 .. n-1.

    Raises
    ------
    ValueError
        for an index that no caption has.
    """
    wanted = np.asarray(indices, dtype=np.int64).ravel()
    bounds = part_bounds(parts)
    if len(wanted) and (wanted.min() < 0 or wanted.max() >= bounds[-1]):
        wrong = next(int(i) for i in wanted if not 0 <= i < bounds[-1])
        raise ValueError(f"caption {wrong}: the vocabulary has {bounds[-1]} captions, counted from 0")
    found: dict[int, str] = {}
    for part, first, after in zip(parts, bounds, bounds[1:], strict=False):
        own = np.unique(wanted[(wanted >= first) & (wanted < after)])
        if len(own):
            with h5py.File(part, "r") as file:
                found |= {int(i): read_captions(file, int(i) - first, int(i) - first + 1)[0] for i in own}
    return [found[int(i)] for i in wanted]


def fixed_sum(vectors: Array) -> Array:
    """Sum of rows as int64 (dim,) in multiples of 2^-33; sums of several blocks add up exactly, in any order."""
    total: Array = np.rint(np.asarray(vectors, dtype=np.float64) * FIXED_POINT).astype(np.int64).sum(axis=0)
    return total


def mean_vector(parts: Sequence[str | Path]) -> Array:
    """Mean of all vectors of a vocabulary, float64 (dim,), each rounded to 2^-33: the same for any number of parts."""
    total, n = 0, 0
    for part in parts:
        with h5py.File(part, "r") as file:
            total = total + file["sum"][:]
            n += len(file["offsets"]) - 1
    mean: Array = np.asarray(total) / (FIXED_POINT * max(n, 1))
    return mean


class CaptionWriter:
    """Appends captions to an open file, some at a time: datasets `captions` (uint8) and `offsets` (int64, n + 1)."""

    def __init__(self, file: h5py.File) -> None:
        self._bytes = file.create_dataset("captions", (0,), np.uint8, maxshape=(None,), chunks=(1 << 20,))
        self._offsets = file.create_dataset("offsets", (1,), np.int64, maxshape=(None,), chunks=(1 << 17,))

    def append(self, captions: Sequence[bytes]) -> None:
        """Add captions (UTF-8)."""
        if not captions:
            return
        data = np.frombuffer(b"".join(captions), dtype=np.uint8)
        n_bytes, n = len(self._bytes), len(self._offsets)
        self._bytes.resize((n_bytes + len(data),))
        self._bytes[n_bytes:] = data
        self._offsets.resize((n + len(captions),))
        self._offsets[n:] = n_bytes + np.cumsum([len(caption) for caption in captions], dtype=np.int64)
