"""Labels on a layer's own grid: more than half of a cell, exactly."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from conceptatlas.masks.cells import covered_cells, label_cells, overlap_lengths
from slow_twins import Labels


def slow_covered(mask, shape):
    """Coverage of every cell as a fraction."""
    size = len(mask)
    out = np.zeros(shape, dtype=bool)
    for i in range(shape[0]):
        for j in range(shape[1]):
            covered = Fraction(0)
            for y, x in np.argwhere(mask):
                height = min(Fraction(i + 1, shape[0]), Fraction(y + 1, size)) - max(
                    Fraction(i, shape[0]), Fraction(y, size)
                )
                width = min(Fraction(j + 1, shape[1]), Fraction(x + 1, size)) - max(
                    Fraction(j, shape[1]), Fraction(x, size)
                )
                if height > 0 and width > 0:
                    covered += height * width
            out[i, j] = covered * 2 > Fraction(1, shape[0] * shape[1])
    return out


@pytest.mark.parametrize("shape", [(1, 1), (2, 3), (3, 3), (4, 4), (7, 5)])
@pytest.mark.parametrize("size", [4, 6, 9])
def test_equals_fractions(shape, size):
    masks = np.random.default_rng(0).random((3, size, size)) < 0.5
    found = covered_cells(masks, shape)
    for mask, cells in zip(masks, found, strict=True):
        np.testing.assert_array_equal(cells, slow_covered(mask, shape))


@pytest.mark.parametrize(("size", "cells"), [(112, 14), (112, 13), (6, 4), (9, 3)])
def test_exactly_one_half_is_not_more_than_half(size, cells):
    mask = np.zeros((size, size), dtype=bool)
    mask[:, : size // 2] = True
    half = covered_cells(mask, (1, 1))
    assert not half.item()
    mask[: size // 2 + 1, size // 2] = True
    assert covered_cells(mask, (1, 1)).item()


def test_overlaps_add_up_to_cells_and_pixels():
    lengths = overlap_lengths(13, 112)
    assert (lengths.sum(axis=1) == 112).all()
    assert (lengths.sum(axis=0) == 13).all()


def test_label_cells_of_image_level_labels_and_padding():
    ignore = np.zeros((2, 8, 8), dtype=bool)
    ignore[1, :, :4] = True
    mask = np.zeros((8, 8), dtype=bool)
    mask[:4, 4:] = True
    labels = Labels([(0, 3, None), (1, 0, mask), (1, 2, None)], 2, 8, ignore).bits()
    entries, counted = label_cells(labels, (2, 2))
    assert entries.tolist() == [[True] * 4, [False, True, False, False], [False, True, False, True]]
    assert counted.tolist() == [[True] * 4, [False, True, False, True]]
