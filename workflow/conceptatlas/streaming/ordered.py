"""Floating-point bit patterns as integers that keep the order of the values.

Flip all bits of a negative number and only the sign bit of the rest: unsigned integers then compare like the floats
(-inf < negatives < -0.0 < 0.0 < positives < inf). A 16-bit float has 65,536 patterns, so one counter per pattern is an
exact, bounded, mergeable summary of any number of values. -0.0 counts as 0.0 everywhere.
"""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

N_PATTERNS = 65536
ZERO_KEY = 0x8000
"""Key of +0.0 in 16 bits; -0.0 (key 0x7FFF) never occurs."""


def keys_of(values: Array) -> Array:
    """Order-keeping keys: uint16 for float16, uint32 for float32; -0.0 gets the key of 0.0.

    Raises
    ------
    ValueError
        for any other dtype.
    """
    if values.dtype == np.float16:
        bits = (values + np.float16(0)).view(np.uint16)
        return np.where(bits & 0x8000, ~bits, bits | np.uint16(0x8000)).astype(np.uint16)
    if values.dtype == np.float32:
        bits32 = (values + np.float32(0)).view(np.uint32)
        return np.where(bits32 & 0x80000000, ~bits32, bits32 | np.uint32(0x80000000)).astype(np.uint32)
    raise ValueError(f"keys are defined for float16 and float32 values, not for {values.dtype}")


def values_of(keys: Array) -> Array:
    """The floats behind keys: float16 for uint16, float32 for uint32 (inverse of `keys_of`)."""
    if keys.dtype == np.uint16:
        bits = np.where(keys & 0x8000, keys & np.uint16(0x7FFF), ~keys).astype(np.uint16)
        return bits.view(np.float16)
    if keys.dtype == np.uint32:
        bits32 = np.where(keys & 0x80000000, keys & np.uint32(0x7FFFFFFF), ~keys).astype(np.uint32)
        return bits32.view(np.float32)
    raise ValueError(f"keys are uint16 or uint32, not {keys.dtype}")


def all_values() -> Array:
    """float64 value of each of the 65,536 float16 keys, in order (NaN at both ends)."""
    with np.errstate(invalid="ignore"):
        return values_of(np.arange(N_PATTERNS, dtype=np.uint32).astype(np.uint16)).astype(np.float64)
