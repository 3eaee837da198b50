"""Held-out correlations, their intervals, the null, and agreement of labels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from conceptatlas.inference.bootstrap import block_weights
from conceptatlas.open_vocabulary.agreement import chance_of_cosine, chance_of_same, mean_over_units, same, share
from conceptatlas.open_vocabulary.concept_set import folded, positions
from conceptatlas.open_vocabulary.null import Null, _within, permuted_labels
from conceptatlas.open_vocabulary.simulation import correlations_in_blocks, paired_correlations, percentiles
from conceptatlas.open_vocabulary.soft_wpmi import Constants

Array = np.ndarray[Any, Any]


def test_correlations_are_numpys_and_constants_have_none() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((50, 3)), rng.standard_normal((50, 3))
    a[:, 2] = 4.0
    found = paired_correlations(a, b)
    np.testing.assert_allclose(found[:2], [np.corrcoef(a[:, i], b[:, i])[0, 1] for i in range(2)])
    assert np.isnan(found[2])


def test_replicates_are_correlations_of_the_drawn_images() -> None:
    rng = np.random.default_rng(0)
    a, b, blocks = rng.standard_normal((90, 2)), rng.standard_normal((90, 2)), rng.integers(0, 32, 90)
    weights = block_weights(32, 20, seed=1)
    found = correlations_in_blocks(a, b, blocks, weights)
    for replicate in (0, 7, 19):
        rows = np.repeat(np.arange(90), weights[replicate][blocks])
        expected = [np.corrcoef(a[rows, i], b[rows, i])[0, 1] for i in range(2)]
        np.testing.assert_allclose(found.replicates[:, replicate], expected, rtol=1e-9)
    low, high = percentiles(found.replicates, confidence=0.9)
    assert (low <= found.value).all()
    assert (found.value <= high).all()


def test_no_draws_no_interval() -> None:
    low, high = percentiles(np.empty((3, 0)), confidence=0.95)
    assert np.isnan(low).all()
    assert np.isnan(high).all()


def null_of(tmp_path: Path, *, threads: int = 1, n: int = 20) -> Null:
    rng = np.random.default_rng(0)
    cosines = rng.uniform(-1, 1, (80, 6)).astype(np.float32)
    activations = np.maximum(cosines[:, :4] + 0.1 * rng.standard_normal((80, 4)), 0).astype(np.float32)
    given = cosines[:, :4].astype(np.float64)
    given[:, 3] = np.nan
    return permuted_labels(
        activations, cosines, np.arange(80) % 2 == 0, np.zeros(80, int), given,
        constants=Constants(top_images=10), n_permutations=n, seed=0, name="test",
        scratch=tmp_path / "null", threads=threads, mem_mb=1000,
    )  # fmt: skip


def test_permuted_images_leave_no_correlation(tmp_path: Path) -> None:
    null = null_of(tmp_path, n=60)
    assert null.searched.shape == (60, 4)
    assert abs(null.searched.mean()) < 0.05
    assert abs(np.nanmean(null.given)) < 0.05
    assert np.isnan(null.given[:, 3]).all()


def test_images_stay_in_their_source() -> None:
    sources = np.array([0, 1, 0, 1, 1, 0, 2])
    order = _within(sources, np.random.default_rng(0))
    assert sorted(order.tolist()) == list(range(7))
    assert (sources[order] == sources).all()
    assert order.tolist() != list(range(7))


@pytest.mark.long
def test_workers_change_no_permutation(tmp_path: Path) -> None:
    one, two = null_of(tmp_path), null_of(tmp_path, threads=2)
    np.testing.assert_array_equal(one.searched, two.searched)
    np.testing.assert_array_equal(one.given, two.given)


def test_names_are_matched_without_case_and_signs() -> None:
    assert folded("Sofa_Bed") == folded("sofa bed") == "sofa bed"
    assert positions(["Dining table", "tree", "CAR"], ["car", "dining_table", "car"]).tolist() == [1, -1, 0]
    assert same(["Dining table", "a"], ["dining_table", "b"]).tolist() == [True, False]


def test_chance_is_the_mean_over_shuffles() -> None:
    rng = np.random.default_rng(0)
    a, b = list("aabbbc"), list("abcabd")
    shuffled = [np.mean([x == y for x, y in zip(a, rng.permutation(b), strict=True)]) for _ in range(20000)]
    assert abs(chance_of_same(a, b) - np.mean(shuffled)) < 0.005
    vectors, others = rng.standard_normal((6, 4)), rng.standard_normal((6, 4))
    assert np.isclose(chance_of_cosine(vectors, others), (vectors @ others.T).mean())


def test_intervals_of_shares_stay_within_0_and_1() -> None:
    assert share(np.zeros(5, bool), confidence=0.95)[:2] == (0, 0)
    assert share(np.ones(5, bool), confidence=0.95)[2] == 1
    value, low, high = mean_over_units(np.arange(20.0), confidence=0.9, seed=0, name="x", n=500)
    assert low < value == 9.5 < high
    assert np.isnan(mean_over_units(np.arange(4.0), confidence=0.9, seed=0, name="x", n=500)[1])
