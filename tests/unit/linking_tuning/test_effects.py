"""Statistics of changes over starting points: hand-computed cases, nulls, slow twins."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import stats

from conceptatlas.linking.effects import (
    draws,
    effects,
    flips,
    hoyer,
    mean_change,
    sparsity,
    stability_between_classes,
    stability_over_points,
)

PLAIN = np.array([False])
ANGLE = np.array([True])


def stacked(values):
    """(point,) -> (point, 1 unit, 1 label, 1 metric)."""
    return np.array(values, dtype=float)[:, None, None, None]


def test_mean_interval_and_p_by_hand():
    values = [1.0, 2.0, 3.0, np.nan]
    signs = np.array(list(itertools.product([-1.0, 1.0], repeat=4)))  # all 16 flips
    found = effects(stacked(values), np.zeros(4, dtype=int), axial=PLAIN, signs=signs, confidence=0.95)
    mean, low, high, sd, n, p = (each[0, 0, 0, 0] for each in found)
    assert (mean, sd, n) == (2.0, 1.0, 3)
    expected = stats.t.interval(0.95, 2, loc=2, scale=1 / np.sqrt(3))
    assert (low, high) == pytest.approx(expected)
    assert p == pytest.approx((1 + 4) / 17)  # 2 of 8 sign patterns of three values reach |6|, each twice for the fourth
    assert found.mean.shape == (2, 1, 1, 1)  # all together, and the one class


def test_angles_are_averaged_at_twice_the_angle():
    found = effects(
        stacked([80.0, -80.0]), np.zeros(2, dtype=int), axial=ANGLE, signs=flips(2, 9, seed=0), confidence=0.9
    )
    assert abs(found.mean[0, 0, 0, 0]) == pytest.approx(90)
    assert found.sd[0, 0, 0, 0] == pytest.approx(10 * np.sqrt(2))
    assert mean_change(stacked([10.0, 30.0]), ANGLE)[0, 0, 0] == pytest.approx(20)


def test_one_starting_point_has_no_interval():
    found = effects(stacked([1.0]), np.zeros(1, dtype=int), axial=PLAIN, signs=flips(1, 9, seed=0), confidence=0.95)
    assert np.isnan(found.low[0, 0, 0, 0])
    assert found.p[0, 0, 0, 0] == 1  # one sign cannot surprise


def test_classes_are_told_apart():
    changes = stacked([1.0, 1.0, -1.0, -1.0])
    found = effects(changes, np.array([3, 3, 7, 7]), axial=PLAIN, signs=flips(4, 9, seed=0), confidence=0.95)
    assert found.mean[:, 0, 0, 0].tolist() == [0, 1, -1]
    assert found.n[:, 0, 0, 0].tolist() == [4, 2, 2]


def test_sparsity_by_hand():
    vectors = np.array([[3.0, 0, 0, 0], [1, 1, 1, 1], [3, 4, 0, np.nan], [5, np.nan, np.nan, np.nan], [0, 0, 0, 0]])
    value, n = hoyer(vectors[:, :, None])
    assert value[0, 0] == pytest.approx(1)
    assert value[1, 0] == pytest.approx(0)
    assert value[2, 0] == pytest.approx((np.sqrt(3) - 7 / 5) / (np.sqrt(3) - 1))
    assert np.isnan(value[3:, 0]).all()  # fewer than two labels; nothing changes
    assert n[:, 0].tolist() == [4, 4, 3, 1, 4]


@pytest.mark.parametrize(("n_labels", "expected"), [(2, 0.35), (9, 0.27)])
def test_noise_alone_is_sparse_and_its_null_says_how_much(n_labels, expected):
    rng = np.random.default_rng(0)
    changes = rng.normal(size=(20, 200, n_labels, 1))
    found = sparsity(changes, np.zeros(20, dtype=int), axial=PLAIN, signs=flips(20, 99, seed=0))
    assert found.value[0].mean() == pytest.approx(expected, abs=0.04)
    assert found.null[0].mean() == pytest.approx(expected, abs=0.03)
    assert abs(np.mean(found.value[0] - found.null[0])) < 0.03
    assert (found.p[0] <= 0.05).mean() < 0.12


def test_null_of_sparsity_is_the_mean_over_flips_one_by_one():
    rng = np.random.default_rng(1)
    changes = rng.normal(size=(5, 3, 4, 2))
    changes[rng.random(changes.shape) < 0.2] = np.nan
    axial = np.array([False, True])
    signs = flips(5, 7, seed=2)
    found = sparsity(changes, np.zeros(5, dtype=int), axial=axial, signs=signs)
    slow = np.array([hoyer(mean_change(changes * sign[:, None, None, None], axial))[0] for sign in signs])
    np.testing.assert_allclose(found.null[0], np.nanmean(slow, axis=0))


def test_stability_is_the_mean_cosine_of_pairs():
    rng = np.random.default_rng(3)
    changes = rng.normal(size=(6, 2, 5, 1))
    classes = np.array([0, 0, 0, 1, 1, 1])
    found = stability_over_points(changes, classes, draws(classes, 30, seed=0), confidence=0.95)
    for unit in range(2):
        vectors = changes[:, unit, :, 0] / np.linalg.norm(changes[:, unit, :, 0], axis=1, keepdims=True)
        pairs = [vectors[i] @ vectors[j] for i, j in itertools.combinations(range(6), 2)]
        assert found.value[0, unit, 0] == pytest.approx(np.mean(pairs))
    means = np.stack([changes[classes == each].mean(axis=0) for each in (0, 1)])[..., 0]
    between = stability_between_classes(changes, classes, draws(classes, 30, seed=0), axial=PLAIN, confidence=0.95)
    for unit in range(2):
        a, b = means[:, unit]
        assert between.value[0, unit, 0] == pytest.approx(a @ b / np.linalg.norm(a) / np.linalg.norm(b))
    assert (between.low <= between.high).all()


def test_points_at_which_nothing_changes_do_not_count():
    changes = np.zeros((4, 1, 2, 1))
    changes[:2, 0, 0, 0] = 1
    classes = np.zeros(4, dtype=int)
    found = stability_over_points(changes, classes, np.ones((0, 4)), confidence=0.95)
    assert found.value[0, 0, 0] == 1
    assert np.isnan(found.low[0, 0, 0])
