"""Mean and standard deviation per unit, however the images are cut."""

from __future__ import annotations

import numpy as np

from conceptatlas.streaming.moments import Moments


def moments_of(parts, skips=None):
    total = Moments(parts[0].shape[1])
    for i, part in enumerate(parts):
        total.add(part, skip=None if skips is None else skips[i])
    return total


def test_equal_numpy():
    maps = np.random.default_rng(0).normal(3, 2, size=(11, 4, 3, 5)).astype(np.float32)
    found = moments_of([maps])
    np.testing.assert_allclose(found.mean(), maps.astype(np.float64).mean(axis=(0, 2, 3)), rtol=1e-12)
    np.testing.assert_allclose(found.standard_deviation(), maps.astype(np.float64).std(axis=(0, 2, 3)), rtol=1e-12)


def test_blocks_change_no_bit():
    maps = np.random.default_rng(1).normal(size=(11, 4, 3, 5)).astype(np.float32)
    whole, cut = moments_of([maps]), moments_of([maps[:2], maps[2:3], maps[3:]])
    np.testing.assert_array_equal(whole.total, cut.total)
    np.testing.assert_array_equal(whole.squares, cut.squares)
    assert whole.n_values == cut.n_values == 165


def test_merge_and_skip():
    maps = np.random.default_rng(2).normal(size=(6, 2, 2, 2)).astype(np.float32)
    skip = np.array([False, True, False])
    one, other = moments_of([maps[:3]], [skip]), moments_of([maps[3:]])
    one.merge(other)
    kept = maps[[0, 2, 3, 4, 5]].astype(np.float64)
    np.testing.assert_allclose(one.mean(), kept.mean(axis=(0, 2, 3)), rtol=1e-12)
    np.testing.assert_allclose(one.standard_deviation(), kept.std(axis=(0, 2, 3)), rtol=1e-12)


def test_constant_unit_has_no_spread_and_no_images_no_nan():
    constant = moments_of([np.full((3, 1, 2, 2), 0.1, dtype=np.float32)])
    assert constant.standard_deviation()[0] < 1e-8
    assert Moments(2).standard_deviation().tolist() == [0, 0]
