"""Binary masks as bits: eight pixels a byte, whole 64-bit words, AND and population count.

Bit i of the flat, row-major mask is bit ``i % 8`` of byte ``i // 8`` (numpy's ``bitorder="little"``), padded with zeros
to whole 64-bit words; on the little-endian machines that numpy, HDF5 files and numba agree on, word ``i // 64`` holds
it at position ``i % 64``.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numba.core import types
from numba.extending import intrinsic

Array = np.ndarray[Any, Any]


def _popcount(typing_context: Any, word: Any) -> Any:
    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.ctpop(arguments[0])

    return types.uint64(types.uint64), codegen


popcount: Any = intrinsic(_popcount)
"""Number of set bits of a uint64, as the processor's own instruction (inside numba functions)."""


def n_words(n_pixels: int) -> int:
    """64-bit words that hold `n_pixels` bits."""
    return -(-n_pixels // 64)


def pack(masks: Array) -> Array:
    """Bits of boolean masks: shape (..., height, width) -> uint8 (..., 8 * n_words(height * width))."""
    flat = np.asarray(masks, dtype=np.bool_).reshape(*masks.shape[:-2], masks.shape[-2] * masks.shape[-1])
    packed = np.packbits(flat, axis=-1, bitorder="little")
    width = 8 * n_words(flat.shape[-1])
    padding = [(0, 0)] * (packed.ndim - 1) + [(0, width - packed.shape[-1])]
    return np.pad(packed, padding)


def unpack(packed: Array, *, height: int, width: int) -> Array:
    """Boolean masks, shape (..., height, width), of packed bytes or words."""
    as_bytes = np.ascontiguousarray(packed).view(np.uint8)
    bits = np.unpackbits(as_bytes, axis=-1, count=height * width, bitorder="little")
    return bits.reshape(*as_bytes.shape[:-1], height, width).astype(np.bool_)


def as_words(packed: Array) -> Array:
    """Packed bytes (..., 8 w) viewed as little-endian uint64 words (..., w)."""
    if packed.shape[-1] % 8:
        raise ValueError(f"packed masks are padded to whole 64-bit words; got {packed.shape[-1]} bytes")
    return np.ascontiguousarray(packed).view("<u8")


@numba.njit(cache=True, nogil=True)
def _count(words: Array) -> int:
    total = np.uint64(0)
    for i in range(words.shape[0]):
        total += popcount(words[i])
    return int(np.int64(total))


@numba.njit(cache=True, nogil=True)
def _count_rows(words: Array, out: Array) -> None:
    for i in range(words.shape[0]):
        out[i] = _count(words[i])


@numba.njit(cache=True, nogil=True)
def _overlaps(words: Array, out: Array) -> None:
    for i in range(words.shape[0]):
        for j in range(words.shape[0]):
            total = np.uint64(0)
            for w in range(words.shape[1]):
                total += popcount(words[i, w] & words[j, w])
            out[i, j] = np.int64(total)


@numba.njit(cache=True, nogil=True)
def _spans(words: Array, out: Array) -> None:
    for i in range(words.shape[0]):
        for w in range(words.shape[1]):
            if words[i, w]:
                out[i, 0] = w
                break
        for w in range(words.shape[1], out[i, 0], -1):  # from the end: what lies between is not looked at
            if words[i, w - 1]:
                out[i, 1] = w
                break


def word_spans(words: Array) -> Array:
    """First and one-past-last word with a set bit, int64 (mask, 2); (0, 0) for an empty mask."""
    out = np.zeros((len(words), 2), dtype=np.int64)
    _spans(words, out)
    return out


def count(packed: Array) -> Array:
    """Set pixels of every packed mask: shape (mask, bytes) -> int64 (mask,)."""
    words = as_words(packed).reshape(-1, packed.shape[-1] // 8)
    out = np.zeros(len(words), dtype=np.int64)
    _count_rows(words, out)
    return out.reshape(packed.shape[:-1])


def overlaps(packed: Array) -> Array:
    """Pixels that every two of the given masks share: shape (mask, bytes) -> int64 (mask, mask)."""
    words = as_words(packed)
    out = np.zeros((len(words), len(words)), dtype=np.int64)
    _overlaps(words, out)
    return out
