"""Masks of concepts against whole upsampled maps; peaks by sorting; normalisation by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from conceptatlas.masks.bitmask import as_words, pack, unpack
from conceptatlas.masks.upsample import ORDER, PADDING, make_grid, unit_mask
from conceptatlas.similarity.concept_masks import binarise, normalised, peaks

Array = np.ndarray[Any, Any]

SIZE = 20
CENTRES: tuple[list[float], list[float]] = ([0.1, 0.3, 0.5, 0.7, 0.9], [0.1, 0.4, 0.6, 0.9])


@pytest.mark.parametrize("upsample", ["half_pixel", "corners", "receptive_field"])
@pytest.mark.parametrize("order", ORDER)
@pytest.mark.parametrize("padding", PADDING)
def test_masks_are_those_of_whole_upsampled_maps(upsample: str, order: str, padding: str) -> None:
    rng = np.random.default_rng(0)
    values = rng.gamma(0.3, size=(6, 3, 5, 4)).astype(np.float32)
    values[2] = 0
    ignored = rng.random((6, SIZE, SIZE)) < 0.2
    centres = CENTRES if upsample == "receptive_field" else (None, None)
    grid = make_grid((5, 4), SIZE, upsample=upsample, order=order, padding=padding, centres=centres)
    thresholds = (0.0, 0.5, 0.75)
    for hidden in (None, ignored):
        words, areas = binarise(values, thresholds, grid, None if hidden is None else as_words(pack(hidden)))
        masks = unpack(words, height=SIZE, width=SIZE)
        for t, threshold in enumerate(thresholds):
            wanted = unit_mask(values, threshold, grid)
            if hidden is not None:
                wanted = wanted & ~hidden[:, None]
            np.testing.assert_array_equal(masks[t], wanted)
        np.testing.assert_array_equal(areas, masks.sum(axis=(3, 4)))
        assert not masks[:, 2].any()


def test_a_higher_threshold_never_adds_a_pixel() -> None:
    values = np.random.default_rng(1).random((4, 2, 7, 7)).astype(np.float32)
    words, _ = binarise(values, (0.25, 0.5, 0.75), make_grid((7, 7), SIZE), None)
    assert not (words[1] & ~words[0]).any()
    assert not (words[2] & ~words[1]).any()


def test_peaks_by_sorting() -> None:
    rng = np.random.default_rng(2)
    maps = rng.gamma(0.3, size=(10, 4, 10, 12)).astype(np.float32)
    counted = np.arange(120) < 100
    maps[:, 1] = 0
    maps[:, 2] = 0
    maps[[5, 7], 2, 3, 1] = 3, 8
    maps[0, :, 9, 11] = 1000  # in the padding
    found = peaks(maps, np.broadcast_to(counted, (10, 120)), quantile=0.99)
    for c in (0, 3):
        values = maps[:, c].reshape(10, -1)[:, counted].ravel()
        assert found[c] == np.sort(values)[::-1][10]  # the 11th largest of 1000
    assert np.isnan(found[1])
    assert found[2] == 8  # in fewer cells than the quantile leaves: its maximum
    nothing = peaks(np.zeros((0, 2, 3, 3), dtype=np.float32), np.zeros((0, 9), dtype=bool), quantile=0.999)
    assert np.isnan(nothing).all()


def test_a_quantile_is_taken_in_whole_numbers() -> None:
    """1 - 0.999 is not 0.001 in floating point; of 1000 values it must leave exactly one."""
    maps = np.arange(1, 1001, dtype=np.float32).reshape(10, 1, 10, 10)
    everything = np.ones((10, 100), dtype=bool)
    assert peaks(maps, everything, quantile=0.999)[0] == 999
    assert peaks(maps, everything, quantile=1)[0] == 1000
    everything[-1, -1] = False
    assert peaks(maps, everything, quantile=0.999)[0] == 999


def test_normalising_by_hand() -> None:
    maps = np.array([[[[1.0, 2.0]], [[0.0, 5.0]]]], dtype=np.float32)
    found = normalised(maps, np.array([[4.0, 0.0]]))
    np.testing.assert_array_equal(found, [[[[0.25, 0.5]], [[0, 0]]]])
    assert found.dtype == np.float32
