"""The first right singular vector: identities, hand-computed cases, a slow twin."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from conceptatlas.axes.principal_direction import Moments, leading_eigenpair, standardise

Array = np.ndarray[Any, Any]


def cloud(n: int, k: int, *, seed: int = 0) -> Array:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, k)) @ np.diag(np.linspace(1, 3, k)) + rng.normal(size=k)


def by_svd(rows: Array, centre: str) -> tuple[Array, float]:
    rows = rows - rows.mean(axis=0) if centre == "concept" else rows
    _, values, vectors = np.linalg.svd(rows, full_matrices=False)
    u = vectors[0] * np.sign(vectors[0][np.abs(vectors[0]).argmax()])
    return u, values[0] ** 2 / (values**2).sum()


@pytest.mark.parametrize("centre", ["global", "concept"])
@pytest.mark.parametrize("shape", [(200, 12), (12, 60), (150, 140), (70, 300)])
def test_it_is_the_singular_vector_on_both_sides(shape: tuple[int, int], centre: str) -> None:
    rows = cloud(*shape)
    found = Moments.of(rows).direction(centre=centre)
    u, explained = by_svd(rows, centre)
    np.testing.assert_allclose(found.loadings, u, atol=1e-7)
    assert found.explained == pytest.approx(explained)


def test_two_units_by_hand() -> None:
    # second moments [[5, 4], [4, 5]]: eigenvalues 9 and 1, first eigenvector (1, 1)/sqrt 2
    found = Moments.of(np.array([[2.0, 1.0], [1.0, 2.0], [0.0, 0.0]])).direction()
    np.testing.assert_allclose(found.loadings, [0.5**0.5, 0.5**0.5])
    assert found.eigenvalue == pytest.approx(9)
    assert found.explained == pytest.approx(0.9)
    assert found.max_u2 == pytest.approx(0.5)
    assert found.participation == pytest.approx(2)


def test_around_its_own_mean_by_hand() -> None:
    # (2,1), (1,2), (0,0) around (1,1): (1,0), (0,1), (-1,-1); moments [[2,1],[1,2]]: 3 and 1
    found = Moments.of(np.array([[2.0, 1.0], [1.0, 2.0], [0.0, 0.0]])).direction(centre="concept")
    assert found.explained == pytest.approx(0.75)


def test_the_largest_loading_is_positive_whatever_the_sign_of_the_data() -> None:
    rows = cloud(40, 6)
    one, other = (Moments.of(sign * rows).direction().loadings for sign in (1, -1))
    np.testing.assert_allclose(one, other)
    assert one[np.abs(one).argmax()] > 0


def test_permuted_units_permute_loadings_and_signs_of_units_follow() -> None:
    rows, order = cloud(90, 70), np.random.default_rng(1).permutation(70)
    u = Moments.of(rows).direction()
    permuted = Moments.of(rows[:, order]).direction()
    np.testing.assert_allclose(permuted.loadings, u.loadings[order], atol=1e-8)
    assert permuted.participation == pytest.approx(u.participation)


@pytest.mark.parametrize("centre", ["global", "concept"])
@pytest.mark.parametrize("shape", [(90, 8), (30, 80)])
def test_weights_of_blocks_are_repeated_rows(shape: tuple[int, int], centre: str) -> None:
    rows, rng = cloud(*shape), np.random.default_rng(2)
    blocks, weights = rng.integers(0, 5, shape[0]), np.array([2, 0, 1, 3, 1])
    repeated = np.repeat(rows, weights[blocks], axis=0)
    found = Moments.of(rows, blocks, n_blocks=5).direction(weights, centre=centre)
    np.testing.assert_allclose(found.loadings, by_svd(repeated, centre)[0], atol=1e-7)
    assert found.explained == pytest.approx(by_svd(repeated, centre)[1])


def test_lanczos_against_a_full_decomposition() -> None:
    rows = cloud(300, 200)
    matrix = rows.T @ rows
    values, vectors = np.linalg.eigh(matrix)
    value, vector = leading_eigenpair(matrix)
    assert value == pytest.approx(values[-1], rel=1e-12)
    assert abs(vector @ vectors[:, -1]) == pytest.approx(1, abs=1e-10)
    value, vector = leading_eigenpair(matrix.astype(np.float32))
    assert value == pytest.approx(values[-1], rel=1e-5)
    assert abs(vector @ vectors[:, -1]) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("matrix", [np.zeros((60, 60)), np.eye(60), np.ones((60, 60))])
def test_degenerate_matrices_end(matrix: Array) -> None:
    value, vector = leading_eigenpair(matrix)
    np.testing.assert_allclose(matrix @ vector, value * vector, atol=1e-9)


def test_a_cloud_without_extent_has_no_direction() -> None:
    found = Moments.of(np.zeros((5, 3))).direction()
    assert np.isnan(found.loadings).all()
    assert np.isnan(found.explained)
    assert np.isnan(Moments.of(np.ones((5, 3))).direction(centre="concept").max_u2)


def test_a_dead_unit_is_zero_and_others_are_standard() -> None:
    values = np.random.default_rng(0).normal(3, 2, size=(50, 3)).astype(np.float16)
    values[:, 1] = 7
    exact = values.astype(np.float64)
    out = standardise(values, exact.mean(axis=0), exact.std(axis=0))
    np.testing.assert_allclose(out.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(out.std(axis=0), [1, 0, 1])


def test_an_unknown_centre_is_named() -> None:
    with pytest.raises(ValueError, match="concept"):
        Moments.of(np.eye(3)).direction(centre="concpt")
