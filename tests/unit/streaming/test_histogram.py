"""Order statistics from bit patterns equal numpy's sort, whatever the values and however they are cut into shards."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from conceptatlas.streaming.histogram import PatternHistogram, RankFinder, rank_from_top, slow_rank
from conceptatlas.streaming.ordered import N_PATTERNS, all_values, keys_of, values_of

TYPES = ("float16", "float32")
NAUGHTY = {
    "float16": [0.0, -0.0, 6e-8, -6e-8, 6.1e-5, 65504.0, -65504.0, 1.0, -1.0, 1.0009765625],
    "float32": [
        0.0,
        -0.0,
        1e-45,
        -1e-45,
        3.4e38,
        -3.4e38,
        1.0,
        -1.0,
        float(np.nextafter(np.float32(1), np.float32(2))),
    ],
}


def find(parts, ranks, dtype):
    """Order statistics of maps cut into `parts`, each its own shard that is stored, read back and merged."""
    n_units = parts[0].shape[1]
    merged = PatternHistogram(n_units, dtype=dtype)
    for part in parts:
        shard = PatternHistogram(n_units, dtype=dtype)
        shard.add(part)
        merged.add_state(shard.state())
    finder = RankFinder(merged, ranks=ranks)
    for part in parts:
        finder.refine(part)
    return finder.result()


def blocks_of(dtype):
    width = 16 if dtype == "float16" else 32
    number = st.one_of(
        st.sampled_from(NAUGHTY[dtype]),
        st.floats(allow_nan=False, allow_infinity=False, width=width),
        st.integers(-3, 3).map(float),  # ties
    )
    shape = st.tuples(st.integers(1, 5), st.integers(1, 3), st.integers(1, 3), st.integers(1, 3))
    return shape.flatmap(
        lambda s: arrays(np.dtype(dtype), s, elements=number.map(lambda v: float(np.dtype(dtype).type(v))))
    )


@pytest.mark.parametrize("dtype", TYPES)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_ranks_equal_numpy_sort_for_any_split(dtype, data):
    maps = data.draw(blocks_of(dtype))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(maps)), max_size=4)))
    parts = [np.ascontiguousarray(part) for part in np.split(maps.copy(), cuts)]
    n_values = maps[:, 0].size
    ranks = tuple(range(n_values))
    found = find(parts, ranks, dtype)
    for k in range(maps.shape[1]):
        expected = np.sort(maps[:, k].ravel().astype(np.float32))[::-1]
        np.testing.assert_array_equal(found.values[k], expected)
        np.testing.assert_array_equal(found.above[k], [(expected > v).sum() for v in expected])
    assert not np.signbit(found.values[found.values == 0]).any(), "-0.0 counts as 0.0"


@pytest.mark.parametrize("dtype", TYPES)
def test_threshold_of_many_values_equals_sort(dtype):
    rng = np.random.default_rng(0)
    maps = np.maximum(rng.normal(size=(60, 4, 13, 13)), -0.3).astype(dtype)
    maps[:, 3] = -maps[:, 3]
    rank = rank_from_top("0.005", maps[:, 0].size)
    found = find([maps[:7], maps[7:8], maps[8:]], (rank,), dtype)
    for k in range(4):
        assert found.values[k, 0] == slow_rank(maps[:, k], rank)
        assert found.above[k, 0] == (maps[:, k].astype(np.float32) > found.values[k, 0]).sum() <= rank


def test_constant_units():
    maps = np.full((5, 2, 2, 2), -1.5, dtype=np.float16)
    found = find([maps[:2], maps[2:]], (0, 7, 19), "float16")
    assert (found.values == -1.5).all()
    assert (found.above == 0).all()


@pytest.mark.parametrize("dtype", TYPES)
def test_negative_zero_is_overwritten_and_block_statistics_are_right(dtype):
    rng = np.random.default_rng(1)
    maps = rng.normal(size=(3, 4, 5, 2)).astype(dtype)
    maps[0, 0] = -0.0
    maps[1, 1] = np.dtype(dtype).type(6e-8)
    histogram = PatternHistogram(4, dtype=dtype)
    maximum, mean = histogram.add(maps, skip=np.array([False, False, True]))
    assert not np.signbit(maps[:2][maps[:2] == 0]).any()
    np.testing.assert_array_equal(maximum[:2], maps[:2].max(axis=(2, 3)).astype(np.float32))
    np.testing.assert_allclose(mean[:2], maps[:2].astype(np.float64).mean(axis=(2, 3)), rtol=1e-6, atol=1e-9)
    assert (maximum[2] == 0).all()
    assert (mean[2] == 0).all()
    assert histogram.n_values == 20
    assert (histogram.counts.sum(axis=1) == 20).all()


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("bad", [np.inf, -np.inf, np.nan, -np.nan], ids=["inf", "-inf", "nan", "-nan"])
def test_non_finite_values_are_counted_and_show_in_their_image(dtype, bad):
    maps = np.zeros((3, 2, 2, 2), dtype=dtype)
    maps[1, 1, 0, 1] = np.copysign(np.dtype(dtype).type(abs(bad)), -1 if np.signbit(bad) else 1)
    histogram = PatternHistogram(2, dtype=dtype)
    maximum, mean = histogram.add(maps)
    np.testing.assert_array_equal(histogram.non_finite(), [0, 1])
    broken = ~np.isfinite(maximum) | ~np.isfinite(mean)
    np.testing.assert_array_equal(np.argwhere(broken), [[1, 1]])


def test_subnormals_are_counted_for_float16_only():
    maps = np.array([0.0, 2.0**-15, -(2.0**-24), 2.0**-14, 1.0, -0.0], dtype=np.float16).reshape(1, 1, 2, 3)
    histogram = PatternHistogram(1, dtype="float16")
    histogram.add(maps.copy())
    assert histogram.subnormal().tolist() == [2]
    wide = PatternHistogram(1, dtype="float32")
    wide.add(maps.astype(np.float32))
    assert wide.subnormal().tolist() == [0]


def test_merge_equals_one_histogram_in_any_order():
    rng = np.random.default_rng(2)
    maps = rng.normal(size=(9, 3, 4, 4)).astype(np.float16)
    whole = PatternHistogram(3, dtype="float16")
    whole.add(maps.copy())
    for order in ([0, 1, 2], [2, 0, 1]):
        merged = PatternHistogram(3, dtype="float16")
        for i in order:
            part = PatternHistogram(3, dtype="float16")
            part.add(maps[3 * i : 3 * i + 3].copy())
            merged.merge(part)
        np.testing.assert_array_equal(merged.counts, whole.counts)
        assert merged.n_values == whole.n_values


def test_state_round_trip_keeps_counts_and_n_values():
    rng = np.random.default_rng(3)
    histogram = PatternHistogram(3, dtype="float16")
    histogram.add(rng.normal(size=(5, 3, 2, 2)).astype(np.float16))
    again = PatternHistogram(3, dtype="float16")
    again.add_state(histogram.state())
    np.testing.assert_array_equal(again.counts, histogram.counts)
    assert again.n_values == 20
    with pytest.raises(ValueError, match="3 units, expected 4"):
        PatternHistogram(4, dtype="float16").add_state(histogram.state())


def test_float32_result_needs_every_value_refined():
    rng = np.random.default_rng(4)
    maps = rng.normal(size=(4, 2, 3, 3)).astype(np.float32)
    histogram = PatternHistogram(2, dtype="float32")
    histogram.add(maps)
    finder = RankFinder(histogram, ranks=(35,))
    with pytest.raises(ValueError, match="second pass"):
        finder.result()
    finder.refine(maps[:3])
    finder.refine(maps[3:])
    np.testing.assert_array_equal(finder.result().values[:, 0], maps.min(axis=(0, 2, 3)))


@pytest.mark.parametrize("dtype", TYPES)
def test_skipped_images_count_nowhere(dtype):
    rng = np.random.default_rng(5)
    maps = rng.normal(size=(6, 2, 3, 3)).astype(dtype)
    skip = np.array([True, False, True, False, False, False])
    histogram = PatternHistogram(2, dtype=dtype)
    histogram.add(maps.copy(), skip=skip)
    finder = RankFinder(histogram, ranks=(0, 17, 35))
    finder.refine(maps, skip=skip)
    for k in range(2):
        expected = np.sort(maps[~skip, k].ravel().astype(np.float32))[::-1][[0, 17, 35]]
        np.testing.assert_array_equal(finder.result().values[k], expected)


@pytest.mark.parametrize(
    ("tau", "n_values", "m"),
    [
        (0.005, 1000, 5),
        (0.005, 200, 1),
        (0.005, 199, 0),
        (0.29, 100, 29),  # 0.29 * 100 = 28.999999999999996
        (0.57, 100, 57),  # 56.99999999999999
        ("0.005", 33800, 169),
        (0.1, 30, 3),
        (1e-05, 100_000, 1),
        (0.005, 63305 * 112 * 112, 3970489),  # 3970489.6
    ],
)
def test_rank_is_floor_of_the_decimal_number(tau, n_values, m):
    assert rank_from_top(tau, n_values) == m


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 9999), st.integers(1, 10**12))
def test_rank_equals_integer_arithmetic(ten_thousandths, n_values):
    tau = ten_thousandths / 10000
    assert rank_from_top(tau, n_values) == ten_thousandths * n_values // 10000
    assert rank_from_top(Fraction(ten_thousandths, 10000), n_values) == ten_thousandths * n_values // 10000


@pytest.mark.parametrize("tau", [0, 1, -0.1, 1.5])
def test_impossible_tau_is_refused(tau):
    with pytest.raises(ValueError, match="between 0 and 1"):
        rank_from_top(tau, 100)


def test_table_size_does_not_depend_on_images():
    sizes = set()
    for n_images in (1, 7, 40):
        histogram = PatternHistogram(3, dtype="float32")
        histogram.add(np.random.default_rng(n_images).normal(size=(n_images, 3, 2, 2)).astype(np.float32))
        finder = RankFinder(histogram, ranks=(0, 1))
        sizes.add((histogram.counts.nbytes, finder._fine.nbytes))
    assert sizes == {(3 * N_PATTERNS * 4, 3 * 2 * N_PATTERNS * 4)}


def test_keys_keep_the_order_of_all_float16_values():
    values = all_values()
    finite = np.isfinite(values)
    negative_zero = 0x7FFF
    assert (np.diff(values[finite]) >= 0).all()
    assert (np.diff(values[finite]) == 0).sum() == 1, "only -0.0 and 0.0 are equal"
    keys = np.flatnonzero(finite)
    back = keys_of(values[finite].astype(np.float16))
    np.testing.assert_array_equal(np.delete(back, keys == negative_zero), np.delete(keys, keys == negative_zero))
    assert back[keys == negative_zero] == 0x8000


@settings(max_examples=50, deadline=None)
@given(arrays(np.float32, 20, elements=st.floats(allow_nan=False, width=32)))
def test_float32_keys_keep_order_and_come_back(values):
    keys = keys_of(values)
    np.testing.assert_array_equal(values_of(keys), values + np.float32(0))
    order = np.argsort(values, kind="stable")
    assert (np.diff(keys[order].astype(np.int64)) >= 0).all()


def test_other_types_are_refused():
    with pytest.raises(ValueError, match="float64"):
        keys_of(np.zeros(3))
    with pytest.raises(ValueError, match="float16 or float32"):
        PatternHistogram(1, dtype="float64")
    with pytest.raises(ValueError, match="C-contiguous float16"):
        PatternHistogram(1, dtype="float16").add(np.zeros((1, 1, 2, 2), dtype=np.float32))
