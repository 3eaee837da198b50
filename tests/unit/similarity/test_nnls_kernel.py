"""Non-negative least squares equals scipy's, keeps the KKT conditions, and settles what has more than one answer."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import nnls

from conceptatlas.similarity.nnls_kernel import MOST_COMPONENTS, explained, explained_without, solve_rows

Array = np.ndarray[Any, Any]


def solve(components: Array, rows: Array) -> tuple[Array, Array, Array]:
    """Weights, Gram matrix and products of rows (row, unit) on components (concept, unit)."""
    gram, products = components @ components.T, np.ascontiguousarray(rows @ components.T)
    out = np.full_like(products, np.nan)
    assert solve_rows(gram, products, out) == 0
    return out, gram, products


def twin(components: Array, rows: Array) -> Array:
    return np.array([nnls(components.T, row)[0] for row in rows])


@pytest.mark.parametrize(("concepts", "units"), [(1, 5), (4, 30), (10, 64), (MOST_COMPONENTS, 100), (10, 12)])
@pytest.mark.parametrize("kind", ["positive", "mixed rows", "mixed components", "sparse"])
def test_equals_scipy(concepts: int, units: int, kind: str) -> None:
    rng = np.random.default_rng(concepts)
    components = rng.normal(size=(concepts, units)) if kind == "mixed components" else rng.random((concepts, units))
    if kind == "sparse":
        components = rng.gamma(0.1, size=(concepts, units))
    rows = rng.random((60, units)) if kind in ("positive", "sparse") else rng.normal(size=(60, units))
    rows[::7] = 0
    found, gram, products = solve(components, rows)
    np.testing.assert_allclose(found, twin(components, rows), atol=1e-10, rtol=1e-10)
    gradient = found @ gram - products
    size = np.abs(products).max(initial=1)
    assert gradient.min() > -1e-12 * size
    assert np.abs(gradient * found).max() < 1e-11 * size
    assert (found[::7] == 0).all()


@given(st.integers(0, 10_000))
@settings(max_examples=60, deadline=None)
def test_rank_deficient_components_give_the_same_fit(seed: int) -> None:
    """Equal, summed and zero components have many solutions: they agree in what they reconstruct."""
    rng = np.random.default_rng(seed)
    few = rng.random((4, 12))
    components = np.vstack([few, few[:2], few[:1] + 3 * few[1:2], np.zeros((1, 12))])[rng.permutation(8)]
    rows = np.vstack([rng.normal(size=(20, 12)), rng.random((4, 4)) @ few, np.zeros((1, 12))])
    found, gram, products = solve(components, rows)
    np.testing.assert_allclose(found @ components, twin(components, rows) @ components, atol=1e-10)
    assert (found >= 0).all()
    assert (found[:, ~components.any(axis=1)] == 0).all()
    assert (found[-1] == 0).all()
    assert (found @ gram - products).min() > -1e-10


def test_more_components_than_units() -> None:
    rng = np.random.default_rng(1)
    components, rows = rng.random((9, 3)), rng.normal(size=(40, 3))
    found, _, _ = solve(components, rows)
    np.testing.assert_allclose(found @ components, twin(components, rows) @ components, atol=1e-10)


def test_of_two_equal_components_the_first_gets_the_row() -> None:
    components = np.array([[1.0, 0, 0], [0, 1.0, 0], [1.0, 0, 0]])
    found, _, _ = solve(components, np.array([[2.0, 3.0, 7.0], [-1.0, 1.0, 0.0]]))
    np.testing.assert_array_equal(found, [[2, 3, 0], [0, 1, 0]])


def test_by_hand() -> None:
    """h = (1, 0), (1, 1)/sqrt 2: x = (0, 1) wants -1 of the first, so it gets 0 and the second its dot product."""
    root = np.sqrt(0.5)
    components = np.array([[1.0, 0.0], [root, root]])
    found, _, _ = solve(components, np.array([[0.0, 1.0], [2.0, 1.0], [-1.0, -1.0]]))
    np.testing.assert_allclose(found, [[0, root], [1, 1 / root], [0, 0]], atol=1e-15)


def test_rows_do_not_know_of_each_other() -> None:
    rng = np.random.default_rng(2)
    components, rows = rng.random((6, 20)), rng.random((50, 20))
    whole, gram, products = solve(components, rows)
    alone = np.empty_like(whole)
    for i in range(50):
        solve_rows(gram, products[i : i + 1], alone[i : i + 1])
    np.testing.assert_array_equal(whole, alone)
    back = np.empty_like(whole)
    solve_rows(gram, np.ascontiguousarray(products[::-1]), back)
    np.testing.assert_array_equal(whole, back[::-1])


def test_a_power_of_two_scales_exactly() -> None:
    rng = np.random.default_rng(3)
    components, rows = rng.random((6, 20)), rng.normal(size=(50, 20))
    found, gram, products = solve(components, rows)
    scaled = np.empty_like(found)
    solve_rows(gram, 0.125 * products, scaled)
    np.testing.assert_array_equal(0.125 * found, scaled)


def test_errors_are_those_of_scipy_with_and_without_each_component() -> None:
    rng = np.random.default_rng(4)
    components = rng.gamma(0.5, size=(5, 16))
    components[3] = components[1]
    rows = np.vstack([rng.normal(size=(30, 16)), rng.random((30, 16)), np.zeros((1, 16))])
    found, gram, products = solve(components, rows)
    squares = np.square(rows).sum(axis=1)
    held, without = np.empty(len(rows)), np.empty_like(products)
    explained(gram, products, found, held)
    explained_without(gram, products, found, without)
    for i, row in enumerate(rows):
        assert squares[i] - held[i] == pytest.approx(nnls(components.T, row)[1] ** 2, abs=1e-10)
        for j in range(5):
            rest = np.delete(components, j, axis=0)
            assert squares[i] - without[i, j] == pytest.approx(nnls(rest.T, row)[1] ** 2, abs=1e-10)
    np.testing.assert_allclose(without[:, [1, 3]], held[:, None].repeat(2, axis=1), atol=1e-10)  # its twin stands in


def test_values_that_are_not_finite_do_not_hold_it_up() -> None:
    products = np.array([[np.nan, 1.0], [np.inf, 1.0], [2.0, 1.0]])
    out = np.empty_like(products)
    solve_rows(np.eye(2), products, out)
    np.testing.assert_array_equal(out[2], [2, 1])
