"""Intervals cover what they should, corrections equal SciPy's, p-values are counted right."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import false_discovery_control

from conceptatlas.inference.bootstrap import block_weights, halves, ratio_difference_interval, ratio_interval
from conceptatlas.inference.multiple_testing import benjamini_hochberg
from conceptatlas.inference.null import permutation_p, smallest_p


def test_interval_of_a_simulated_ratio_covers_it():
    """800 images in 32 blocks, ratio 0.3: the 95 % interval should hold it in about 95 of 100 experiments."""
    rng = np.random.default_rng(0)
    n_experiments, n_images = 400, 800
    weights = block_weights(32, 400, seed=0)
    blocks = rng.integers(0, 32, size=n_images)
    bottom = rng.integers(1, 50, size=(n_experiments, n_images))
    top = rng.binomial(bottom, np.clip(rng.normal(0.3, 0.1, size=bottom.shape), 0, 1))
    by_block = np.eye(32, dtype=np.int64)[blocks]
    low, high = ratio_interval(
        top @ by_block, bottom @ by_block, weights, n_blocks_with_data=np.full(n_experiments, 32)
    )
    covered = ((low <= 0.3) & (high >= 0.3)).mean()
    assert 0.89 < covered < 0.98
    estimate = top.sum(axis=1) / bottom.sum(axis=1)
    assert ((low <= estimate) & (estimate <= high)).all()


def test_wider_confidence_gives_wider_intervals():
    rng = np.random.default_rng(1)
    top, bottom = rng.integers(0, 10, size=(5, 32)), rng.integers(10, 20, size=(5, 32))
    weights = block_weights(32, 500, seed=0)
    data = np.full(5, 32)
    narrow = ratio_interval(top, bottom, weights, confidence=0.5, n_blocks_with_data=data)
    wide = ratio_interval(top, bottom, weights, confidence=0.99, n_blocks_with_data=data)
    assert (wide[0] < narrow[0]).all()
    assert (wide[1] > narrow[1]).all()


def test_fewer_than_eight_blocks_have_no_interval():
    top = np.zeros((3, 32), dtype=np.int64)
    bottom = np.zeros((3, 32), dtype=np.int64)
    for item, n_blocks in enumerate((7, 8, 32)):
        top[item, :n_blocks], bottom[item, :n_blocks] = 1, 2
    low, high = ratio_interval(top, bottom, block_weights(32, 300, seed=0), n_blocks_with_data=np.array([7, 8, 32]))
    assert np.isnan([low[0], high[0]]).all()
    assert low[1:].tolist() == high[1:].tolist() == [0.5, 0.5]


def test_an_empty_denominator_has_no_interval():
    zero = np.zeros((2, 32), dtype=np.int64)
    low, high = ratio_interval(zero, zero, block_weights(32, 50, seed=0), n_blocks_with_data=np.array([32, 32]))
    assert np.isnan([*low, *high]).all()


def test_interval_is_the_same_alone_and_among_many():
    """Items are worked off in pieces of 4096."""
    rng = np.random.default_rng(2)
    top, bottom = rng.integers(0, 10, size=(5000, 32)), rng.integers(10, 20, size=(5000, 32))
    weights = block_weights(32, 40, seed=0)
    low, high = ratio_interval(top, bottom, weights, n_blocks_with_data=np.full(5000, 32))
    alone = ratio_interval(top[4500:4501], bottom[4500:4501], weights, n_blocks_with_data=np.array([32]))
    assert (low[4500], high[4500]) == (alone[0][0], alone[1][0])


def counts(n_items, *, seed=0):
    """Two ratios of the same images with denominators of their own, as IoUs have: four arrays (item, block)."""
    rng = np.random.default_rng(seed)
    easy = rng.uniform(0.2, 0.8, size=(n_items, 32))  # what moves both
    bottom_a, bottom_b = rng.integers(20, 60, size=(n_items, 32)), rng.integers(20, 60, size=(n_items, 32))
    return rng.binomial(bottom_a, easy), bottom_a, rng.binomial(bottom_b, 0.8 * easy), bottom_b


def test_interval_of_a_difference_by_the_slow_way():
    top_a, bottom_a, top_b, bottom_b = counts(3)
    weights = block_weights(32, 150, seed=0)
    low, high = ratio_difference_interval(
        top_a, bottom_a, top_b, bottom_b, weights, confidence=0.9, n_blocks_with_data=np.full(3, 32)
    )
    for item in range(3):
        drawn = []
        for weight in weights:
            blocks = np.repeat(np.arange(32), weight)
            a, b = (top[item, blocks].sum() / bottom[item, blocks].sum() for top, bottom in
                    ((top_a, bottom_a), (top_b, bottom_b)))  # fmt: skip
            drawn.append(a - b)
        np.testing.assert_allclose([low[item], high[item]], np.percentile(drawn, [5, 95]), rtol=1e-12)


def test_a_difference_is_paired():
    top_a, bottom_a, top_b, bottom_b = counts(5)
    weights, data = block_weights(32, 500, seed=0), np.full(5, 32)
    low, high = ratio_difference_interval(top_a, bottom_a, top_b, bottom_b, weights, n_blocks_with_data=data)
    one = ratio_interval(top_a, bottom_a, weights, n_blocks_with_data=data)
    other = ratio_interval(top_b, bottom_b, weights, n_blocks_with_data=data)
    apart = np.sqrt((one[1] - one[0]) ** 2 + (other[1] - other[0]) ** 2)
    assert (high - low < 0.9 * apart).all()
    same = ratio_difference_interval(top_a, bottom_a, 3 * top_a, 3 * bottom_a, weights, n_blocks_with_data=data)
    np.testing.assert_array_equal(same, np.zeros((2, 5)))
    swapped = ratio_difference_interval(top_b, bottom_b, top_a, bottom_a, weights, n_blocks_with_data=data)
    np.testing.assert_allclose(swapped, [-high, -low], atol=1e-12)


def test_interval_of_a_simulated_difference_covers_it():
    top_a, bottom_a, top_b, bottom_b = counts(400, seed=1)
    low, high = ratio_difference_interval(
        top_a, bottom_a, top_b, bottom_b, block_weights(32, 400, seed=0), n_blocks_with_data=np.full(400, 32)
    )
    assert 0.89 < ((low <= 0.1) & (high >= 0.1)).mean() < 0.98  # 0.5 against 0.8 * 0.5


def test_a_difference_needs_both_denominators_and_eight_blocks():
    top, bottom = np.ones((2, 32), dtype=np.int64), np.full((2, 32), 2)
    weights = block_weights(32, 50, seed=0)
    limits = ratio_difference_interval(top, bottom, top, 0 * bottom, weights, n_blocks_with_data=np.array([32, 32]))
    assert np.isnan(limits).all()
    limits = ratio_difference_interval(top, bottom, 0 * top, bottom, weights, n_blocks_with_data=np.array([7, 8]))
    assert np.isnan(limits[0][0])
    assert limits[0][1] == limits[1][1] == 0.5


def test_ratios_of_different_shapes_are_refused():
    top, bottom = np.ones((2, 32)), np.ones((1, 32))
    with pytest.raises(ValueError, match=r"\(2, 32\), \(2, 32\), \(2, 32\), \(1, 32\)\]; expected one shape"):
        ratio_difference_interval(top, top, top, bottom, np.ones((3, 32)), n_blocks_with_data=np.array([32, 32]))


def test_no_draws_no_interval():
    top, weights, data = np.ones((2, 32)), block_weights(32, 0, seed=0), np.array([32, 32])
    assert np.isnan(ratio_interval(top, top, weights, n_blocks_with_data=data)).all()
    assert np.isnan(ratio_difference_interval(top, top, top, top, weights, n_blocks_with_data=data)).all()


def test_weights_draw_as_many_blocks_as_there_are():
    weights = block_weights(32, 1000, seed=5)
    assert (weights.sum(axis=1) == 32).all()
    assert weights.min() == 0
    np.testing.assert_allclose(weights.mean(axis=0), 1, atol=0.15)
    np.testing.assert_array_equal(weights, block_weights(32, 1000, seed=5))
    assert (weights != block_weights(32, 1000, seed=6)).any()


def test_halves_are_halves():
    half = halves(32, seed=0)
    assert half.sum() == 16
    np.testing.assert_array_equal(half, halves(32, seed=0))


@settings(max_examples=80, deadline=None)
@given(st.lists(st.sampled_from([0.001, 0.01, 0.02, 0.5, 0.77, 1.0, 0.049]), min_size=1, max_size=40))
def test_benjamini_hochberg_equals_scipy(p):
    np.testing.assert_allclose(benjamini_hochberg(np.array(p)), false_discovery_control(p), rtol=1e-12)


def test_benjamini_hochberg_leaves_out_undefined_tests():
    q = benjamini_hochberg(np.array([0.01, np.nan, 0.04, 0.03]))
    np.testing.assert_allclose(q[[0, 2, 3]], false_discovery_control([0.01, 0.04, 0.03]))
    assert np.isnan(q[1])
    assert benjamini_hochberg(np.array([])).shape == (0,)
    assert np.isnan(benjamini_hochberg(np.array([np.nan]))).all()


def test_the_floor_of_the_p_value_limits_what_can_be_rejected():
    """2048 units, 99 permutations: one unit at the floor cannot be rejected, with 999 and many at the floor it can."""
    p = np.ones(2048)
    p[0] = smallest_p(99)
    assert benjamini_hochberg(p).min() == 1
    p[:200] = smallest_p(999)
    assert (benjamini_hochberg(p)[:200] <= 0.05).all()


def test_permutation_p_counts_ties_and_itself():
    null = np.array([[0.1, 0.5, 0.2], [0.2, 0.5, 0.9], [0.3, 0.5, 0.9]])
    p = permutation_p(np.array([0.3, 0.5, 0.1]), null)
    np.testing.assert_allclose(p, [2 / 4, 4 / 4, 4 / 4])
    assert permutation_p(np.array([1.0, np.nan, 1.0]), null)[0] == smallest_p(3) == 0.25
    assert np.isnan(permutation_p(np.array([1.0, np.nan, 1.0]), null)[1])


def test_p_values_under_the_null_are_uniform():
    rng = np.random.default_rng(3)
    draws = rng.normal(size=(100, 2000))
    p = permutation_p(draws[0], draws[1:])
    for level in (0.05, 0.2, 0.5):
        assert abs((p <= level).mean() - level) < 0.03


@pytest.mark.parametrize("n", [1, 99, 999])
def test_smallest_p(n):
    assert smallest_p(n) == 1 / (n + 1)
