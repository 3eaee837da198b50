"""First and last word of a mask that hold a set bit."""

from __future__ import annotations

import numpy as np

from conceptatlas.masks.bitmask import word_spans


def test_spans_by_hand() -> None:
    words = np.zeros((5, 4), dtype=np.uint64)
    words[1, 0] = words[2, 3] = words[3, 1] = words[3, 2] = 1
    words[4] = 2**63
    np.testing.assert_array_equal(word_spans(words), [[0, 0], [0, 1], [3, 4], [1, 3], [0, 4]])


def test_spans_of_any_masks() -> None:
    words = np.where(np.random.default_rng(0).random((200, 9)) < 0.15, 1, 0).astype(np.uint64)
    for row, (begin, end) in zip(words, word_spans(words), strict=True):
        there = np.flatnonzero(row)
        assert (begin, end) == ((there[0], there[-1] + 1) if len(there) else (0, 0))
