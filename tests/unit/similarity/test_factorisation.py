"""Planted components come back, whatever finds them; scale, order of units and lack of rows do what they should."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from conceptatlas.similarity.factorisation import METHODS, find_components
from conceptatlas.similarity.stability import matched_cosines
from tiny_similarity import directions

Array = np.ndarray[Any, Any]


def planted(n_rows: int = 3000, *, n_concepts: int = 4, n_units: int = 24, seed: int = 0) -> tuple[Array, Array]:
    """Rows (position, unit) of concepts that come one or two at a time, float32, and their components."""
    rng = np.random.default_rng(seed)
    weights = rng.uniform(1, 2, size=(n_rows, n_concepts)) * (rng.random((n_rows, n_concepts)) < 0.35)
    components = directions(n_concepts, n_units, seed=seed)
    return (weights @ components).astype(np.float32), components


@pytest.mark.parametrize("method", ["nmf", "kmeans"])
def test_planted_components_are_recovered(method: str) -> None:
    rows, components = planted()
    if method == "kmeans":  # clusters: one concept a position
        rows = rows[((rows @ np.linalg.pinv(components)) > 0.5).sum(axis=1) <= 1]
    found = find_components(rows, method, n_concepts=4, seed=0)
    assert matched_cosines(components, found.components).min() > 0.99
    assert found.reasons == [""] * 4
    assert found.converged
    assert (np.diff(found.share) <= 0).all()
    np.testing.assert_allclose(np.linalg.norm(found.components, axis=1), 1)


def test_pca_finds_the_directions_of_largest_variance() -> None:
    rng = np.random.default_rng(0)
    axes = np.linalg.qr(rng.normal(size=(8, 8)))[0]
    rows = (rng.normal(size=(5000, 8)) * [5, 3, 2, 1, 0.1, 0.1, 0.1, 0.1]) @ axes + 7
    found = find_components(rows.astype(np.float32), "pca", n_concepts=3, seed=0)
    assert matched_cosines(axes[:3], found.components, both_signs=True).min() > 0.99
    np.testing.assert_allclose(found.offset, rows.mean(axis=0), atol=1e-4)
    np.testing.assert_allclose(found.share, np.array([25, 9, 4]) / 39.04, atol=0.02)
    largest = np.abs(found.components).argmax(axis=1)
    assert (found.components[np.arange(3), largest] > 0).all()
    assert found.iterations == -1


@pytest.mark.parametrize("method", METHODS)
def test_the_same_seed_gives_the_same_bits_and_a_power_of_two_changes_none(method: str) -> None:
    rows, _ = planted(800)
    one, two = (find_components(rows, method, n_concepts=4, seed=5) for _ in range(2))
    np.testing.assert_array_equal(one.components, two.components)
    scaled = find_components(rows * np.float32(2.0**-20), method, n_concepts=4, seed=5)  # NNDSVD would cut at 1e-6
    np.testing.assert_array_equal(one.components, scaled.components)
    np.testing.assert_array_equal(one.share, scaled.share)


@pytest.mark.parametrize("method", METHODS)
def test_permuted_units_permute_components(method: str) -> None:
    rows, _ = planted(2000)
    order = np.random.default_rng(1).permutation(24)
    one = find_components(rows, method, n_concepts=4, seed=0)
    two = find_components(rows[:, order], method, n_concepts=4, seed=0)
    assert matched_cosines(one.components[:, order], two.components).min() > 0.999


def test_values_below_zero_are_set_to_zero_for_nmf_only() -> None:
    rows, components = planted()
    below = np.where(rows == 0, np.float32(-3), rows)
    found = find_components(below, "nmf", n_concepts=4, seed=0)
    assert found.negative
    np.testing.assert_array_equal(found.components, find_components(rows, "nmf", n_concepts=4, seed=0).components)
    assert matched_cosines(components, found.components).min() > 0.99
    assert (find_components(below, "kmeans", n_concepts=4, seed=0).components < 0).any()


def test_a_row_that_counts_twice_is_a_row_that_is_there_twice() -> None:
    rows, _ = planted(600)
    counts = np.random.default_rng(2).integers(0, 3, size=600)
    repeated = np.repeat(rows, counts, axis=0)
    for method, least in (("nmf", 0.9999), ("pca", 0.9999)):
        one = find_components(rows, method, n_concepts=4, seed=0, counts=counts)
        two = find_components(repeated, method, n_concepts=4, seed=0)
        assert matched_cosines(one.components, two.components).min() > least
        np.testing.assert_allclose(one.share, two.share, rtol=1e-2)


@pytest.mark.parametrize("method", METHODS)
def test_a_layer_of_zeros_has_no_concepts_and_says_so(method: str) -> None:
    found = find_components(np.zeros((50, 6), dtype=np.float16), method, n_concepts=3, seed=0)
    assert found.reasons == ["the layer is 0 at all sampled positions"] * 3
    assert not found.components.any()
    none = find_components(np.zeros((0, 6), dtype=np.float16), method, n_concepts=3, seed=0)
    assert none.reasons == ["no position to find concepts on"] * 3


def test_a_constant_layer_has_no_variance() -> None:
    found = find_components(np.full((50, 6), 3, dtype=np.float16), "pca", n_concepts=3, seed=0)
    assert found.reasons == ["the factorisation left the component empty"] * 3


@pytest.mark.parametrize("method", METHODS)
def test_fewer_units_or_rows_than_concepts(method: str) -> None:
    rng = np.random.default_rng(0)
    units = find_components(rng.random((50, 2)), method, n_concepts=4, seed=0)
    assert units.reasons[2:] == ["2 units and 50 positions hold no more components"] * 2
    assert units.components[:2].any(axis=1).all()
    assert not units.components[2:].any()
    rows = find_components(rng.random((3, 9)), method, n_concepts=4, seed=0)
    assert rows.reasons[3] == "9 units and 3 positions hold no more components"


@pytest.mark.parametrize("method", METHODS)
def test_fewer_directions_than_concepts(method: str) -> None:
    """All rows along two directions: nothing crashes, what is left empty says so, the two are found."""
    rng = np.random.default_rng(0)
    two = np.zeros((2, 9))
    two[0, :4], two[1, 4:] = rng.random(4), rng.random(5)
    rows = (two[rng.integers(0, 2, size=400)] * rng.uniform(1, 2, size=(400, 1))).astype(np.float32)
    found = find_components(rows, method, n_concepts=4, seed=0)
    empty = ~found.components.any(axis=1)
    assert [bool(reason) for reason in found.reasons] == empty.tolist()
    assert np.isfinite(found.components).all()
    if method != "pca":
        cosines = two / np.linalg.norm(two, axis=1, keepdims=True) @ found.components.T
        assert cosines.max(axis=1).min() > 0.99


def test_an_unknown_method_is_named() -> None:
    with pytest.raises(ValueError, match=r"unknown method 'nnmf' in similarity.unsupervised; did you mean 'nmf'"):
        find_components(np.ones((3, 3)), "nnmf", n_concepts=2, seed=0)


# Stability --------------------------------------------------------------------------------------------------------


def test_matched_cosines_by_hand() -> None:
    own = np.array([[1.0, 0, 0], [0, 1.0, 0], [0, 0, 0]])
    again = np.array([[0, 0.6, 0.8], [1.0, 0, 0], [0, 0, 1.0]])
    np.testing.assert_allclose(matched_cosines(own, again), [1, 0.6, np.nan])
    np.testing.assert_allclose(matched_cosines(own, -again, both_signs=True), [1, 0.6, np.nan])


def test_matching_does_not_know_of_the_order() -> None:
    rng = np.random.default_rng(0)
    own, again = directions(6, 20), directions(6, 20, seed=1)
    order = rng.permutation(6)
    np.testing.assert_allclose(matched_cosines(own, again), matched_cosines(own, again[order]))
    rows, columns = linear_sum_assignment(-own @ again.T)
    np.testing.assert_allclose(matched_cosines(own, again), (own @ again.T)[rows, columns])
