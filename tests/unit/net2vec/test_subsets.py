"""Sizes, strongest filters, critical numbers, initial weights: by hand."""

from __future__ import annotations

import numpy as np
import pytest

from conceptatlas.net2vec.subsets import clip_sizes, critical_sizes, initial_weights, strongest


@pytest.mark.parametrize(
    ("sizes", "n_units", "expected"),
    [([1], 5, [1]), ([], 5, [1]), ([4, 2, 8, 2], 5, [1, 2, 4]), ([5, 6], 5, [1, 5]), ([2], 1, [1])],
)
def test_sizes_end_at_the_layer_and_begin_at_one(sizes: list[int], n_units: int, expected: list[int]) -> None:
    assert clip_sizes(sizes, n_units) == expected


def test_bad_sizes_are_named() -> None:
    with pytest.raises(ValueError, match=r"a subset of 0 filters; expected numbers of 1 and more, got \[4, 0\]"):
        clip_sizes([4, 0], 8)
    with pytest.raises(ValueError, match="a layer of 0 units"):
        clip_sizes([1], 0)


def test_strongest_by_absolute_weight_lower_unit_first() -> None:
    weights = np.array([0.5, -2.0, 0.0, 2.0, -0.5, 1.0])
    assert strongest(weights, 6).tolist() == [1, 3, 5, 0, 4, 2]
    assert strongest(weights, 1).tolist() == [1]
    for n in (0, 7):
        with pytest.raises(ValueError, match=f"{n} strongest of 6 units"):
            strongest(weights, n)


def test_subsets_are_nested() -> None:
    weights = np.random.default_rng(0).normal(size=50)
    for n in range(1, 50):
        assert strongest(weights, n + 1)[:n].tolist() == strongest(weights, n).tolist()


def test_critical_sizes_by_hand() -> None:
    # gain 0.4 over 0.5: the shares ask for 0.70, 0.74, 0.78, 0.82, 0.86
    found = critical_sizes({4: 0.85, 1: 0.70, 2: 0.80}, 0.9, 0.5)
    assert found[50] == 1
    assert found[60] == 2
    assert found[70] == 2
    assert found[80] == 4
    assert np.isnan(found[90])
    # base 0, a performance that falls again: the smallest that reaches it counts; 8 reaches 90 % of 0.5
    assert critical_sizes({1: 0.1, 2: 0.3, 4: 0.2, 8: 0.45}, 0.5, 0.0) == {50: 2, 60: 2, 70: 8, 80: 8, 90: 8}


def test_exactly_reached_is_reached_whatever_the_rounding() -> None:
    for n in range(1, 200):
        found = critical_sizes({1: 0.0, 2: 0.9 * (n / 200)}, n / 200, 0.0)
        assert found[90] == 2


@pytest.mark.parametrize(
    ("performance", "all_filters"), [({1: 0.6, 2: 0.7}, 0.5), ({1: 0.6, 2: 0.7}, 0.4), ({1: 0.9}, 0.9), ({}, 0.9)]
)
def test_no_gain_or_no_subsets_has_no_critical_size(performance: dict[int, float], all_filters: float) -> None:
    assert all(np.isnan(size) for size in critical_sizes(performance, all_filters, 0.5).values())


def test_initial_weights_fill_their_range_and_follow_names() -> None:
    def draw(**changes: object) -> np.ndarray:
        kwargs = {"seed": 0, "task": "classification", "concept": "dog", "repeat": 0} | changes
        weights, bias = initial_weights(400, **kwargs)  # type: ignore[arg-type]
        assert weights.dtype == np.float64
        assert weights.shape == (400,)
        assert isinstance(bias, float)
        return np.append(weights, bias)

    first = draw()
    assert np.abs(first).max() <= 1 / 20
    assert np.abs(first).max() > 0.9 / 20
    assert abs(first.mean()) < 4 / 20 / np.sqrt(3 * 400)
    np.testing.assert_array_equal(first, draw())
    changed = [draw(seed=1), draw(task="segmentation"), draw(concept="cat"), draw(repeat=1), draw(subset=True)]
    for i, one in enumerate(changed):
        assert not any(np.isin(one, other).any() for other in [first, *changed[:i]])
