"""Matching of concepts and the null: by hand and against trying everything."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from conceptatlas.similarity.matching import best_of, hungarian, mean_of, mutual_best
from conceptatlas.similarity.nulls import joint_groups, judge, null_points, shuffles


def test_mutual_best_and_hungarian_by_hand():
    ucs = np.array([[0.9, 0.8, 0.1], [0.8, 0.1, 0.2]])
    assert mutual_best(ucs).tolist() == [[0, 0]]  # concept 1 prefers 0, which prefers 0
    assert hungarian(ucs).tolist() == [[0, 1], [1, 0]]  # 1.6 against 1.1
    assert mean_of(ucs, hungarian(ucs)) == pytest.approx(0.8)


@pytest.mark.parametrize("seed", range(5))
def test_hungarian_is_the_best_of_all_matchings(seed):
    ucs = np.random.default_rng(seed).random((4, 6))
    best = max(sum(ucs[i, j] for i, j in enumerate(chosen)) for chosen in itertools.permutations(range(6), 4))
    assert ucs[tuple(hungarian(ucs).T)].sum() == pytest.approx(best)


def test_undefined_pairs_are_never_matched():
    ucs = np.array([[np.nan, 0.0], [np.nan, np.nan]])
    assert mutual_best(ucs).tolist() == [[0, 1]]
    assert hungarian(ucs).tolist() == [[0, 1]]
    nothing = np.full((2, 3), np.nan)
    assert len(mutual_best(nothing)) == len(hungarian(nothing)) == 0
    assert np.isnan(mean_of(nothing, hungarian(nothing)))
    assert len(mutual_best(np.zeros((0, 3)))) == len(hungarian(np.zeros((0, 3)))) == 0


def test_best_of_every_concept():
    ucs = np.array([[[0.1, 0.3], [np.nan, np.nan]]])
    first, second = best_of(ucs)
    np.testing.assert_array_equal(first, [[0.3, np.nan]])
    np.testing.assert_array_equal(second, [[0.1, 0.3]])


def test_the_point_of_chance_agrees_with_p():
    null = np.arange(99.0)[:, None]
    point = float(null_points(null)[0])
    assert point == 94  # rank 95 of 99
    assert judge(point, null[:, 0]).p > 0.05
    assert judge(point + 0.5, null[:, 0]).p == pytest.approx(0.05)
    assert null_points(np.arange(9.0)[:, None])[0] == 8
    assert np.isnan(null_points(np.zeros((0, 2)))).all()
    assert np.isnan(null_points(np.full((5, 1), np.nan))).all()


def test_judging_leaves_out_what_is_undefined():
    chance = judge(0.5, np.array([0.1, np.nan, 0.7]))
    assert chance.null_mean == pytest.approx(0.4)
    assert chance.p == pytest.approx(2 / 3)
    assert np.isnan(judge(np.nan, np.array([0.1])).p)
    assert np.isnan(judge(0.3, np.zeros(0)).p)
    assert judge(0.3, np.array([0.3 - 1e-13])).p == 1  # equal up to rounding


def test_shuffles_depend_on_names_only_and_stay_in_their_groups():
    groups = np.arange(40) % 3
    first, b_moves = shuffles("ucs", "m/a", "m/b", groups, n_permutations=5, seed=0)
    again, a_moves = shuffles("ucs", "m/b", "m/a", groups, n_permutations=5, seed=0)
    np.testing.assert_array_equal(first, again)
    assert b_moves
    assert not a_moves
    assert (np.sort(first, axis=1) == np.arange(40)).all()
    assert (groups[first] == groups).all()
    more, _ = shuffles("ucs", "m/a", "m/b", groups, n_permutations=9, seed=0)
    np.testing.assert_array_equal(more[:5], first)
    other, _ = shuffles("cka", "m/a", "m/b", groups, n_permutations=5, seed=0)
    assert (other != first).any()
    assert shuffles("ucs", "m/a", "m/b", groups, n_permutations=0, seed=0)[0].shape == (0, 40)


def test_joint_groups():
    joint = joint_groups(np.array([0, 0, 1, 1, 0]), np.array([5, 6, 5, 5, 6]))
    assert joint[2] == joint[3]
    assert joint[1] == joint[4]
    assert len(set(joint.tolist())) == 3
