"""Packed masks: bits come back, counts equal sums, padding bits are zero."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conceptatlas.masks import bitmask


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 30), st.integers(1, 30), st.integers(0, 2**31))
def test_pack_unpack_count_overlaps(height, width, seed):
    rng = np.random.default_rng(seed)
    masks = rng.random((4, height, width)) < rng.random()
    packed = bitmask.pack(masks)
    assert packed.shape == (4, 8 * bitmask.n_words(height * width))
    np.testing.assert_array_equal(bitmask.unpack(packed, height=height, width=width), masks)
    np.testing.assert_array_equal(bitmask.unpack(bitmask.as_words(packed), height=height, width=width), masks)
    np.testing.assert_array_equal(bitmask.count(packed), masks.sum(axis=(1, 2)))
    expected = np.einsum("iyx,jyx->ij", masks.astype(np.int64), masks.astype(np.int64))
    np.testing.assert_array_equal(bitmask.overlaps(packed), expected)


def test_bit_order_is_little_and_row_major():
    mask = np.zeros((3, 5), dtype=bool)
    mask[1, 4] = True  # flat position 9: byte 1, bit 1
    packed = bitmask.pack(mask)
    assert packed.tolist() == [0, 2, 0, 0, 0, 0, 0, 0]
    assert int(bitmask.as_words(packed)[0]) == 1 << 9


def test_full_words():
    masks = np.ones((2, 8, 16), dtype=bool)
    assert bitmask.pack(masks).tolist() == [[255] * 16] * 2
    assert bitmask.count(bitmask.pack(masks)).tolist() == [128, 128]
    assert bitmask.count(np.zeros((0, 16), dtype=np.uint8)).shape == (0,)


def test_unpadded_bytes_are_refused():
    with pytest.raises(ValueError, match="64-bit words; got 3 bytes"):
        bitmask.as_words(np.zeros((2, 3), dtype=np.uint8))
