"""soft-WPMI: the authors' loop, a hand-computed case, and what it must and must not react to."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from conceptatlas.open_vocabulary.soft_wpmi import (
    Constants,
    best_concepts,
    concept_shares,
    soft_wpmi,
    term_table,
    top_images,
)

Array = np.ndarray[Any, Any]


def literal(cosines: Array, activations: Array, c: Constants) -> Array:
    """Formula by formula, number by number (the authors' `soft_wpmi`, without a tensor library)."""
    n_images, n_concepts = cosines.shape
    n_units = activations.shape[1]
    p = np.zeros_like(cosines, dtype=np.float64)
    for i in range(n_images):
        terms = [math.exp(c.scale * float(cosines[i, m])) for m in range(n_concepts)]
        p[i] = [term / sum(terms) for term in terms]
    fits = np.zeros((n_units, n_concepts))
    for k in range(n_units):
        order = sorted(range(n_images), key=lambda i: (-activations[i, k], i))[: c.top_images]
        for m in range(n_concepts):
            for j, i in enumerate(order):
                p_in = c.p_start - j / c.top_images * (c.p_start - c.p_end)
                fits[k, m] += math.log(1 + p_in * (p[i, m] - 1) + c.eps)
    scores = np.zeros_like(fits)
    for m in range(n_concepts):
        overall = math.log(sum(math.exp(fits[k, m]) for k in range(n_units))) - math.log(n_units)
        scores[:, m] = fits[:, m] - c.lam * overall
    return scores


def drawn(n: int = 60, m: int = 9, k: int = 5, seed: int = 0) -> tuple[Array, Array]:
    rng = np.random.default_rng(seed)
    return rng.uniform(-1, 1, (n, m)), np.maximum(rng.standard_normal((n, k)), 0).round(1)


def found(cosines: Array, activations: Array, constants: Constants) -> Array:
    shares = concept_shares(cosines, scale=constants.scale)
    return soft_wpmi(shares, top_images(activations, constants.top_images), constants)


@pytest.mark.parametrize("constants", [Constants(top_images=12), Constants(20, 3.0, 0.9, 0.5, 1e-3, 0.4)])
def test_equals_the_literal_loop(constants: Constants) -> None:
    cosines, activations = drawn()
    np.testing.assert_allclose(
        found(cosines, activations, constants), literal(cosines, activations, constants), rtol=1e-10
    )


@pytest.mark.long
def test_equals_the_literal_loop_at_the_authors_constants() -> None:
    cosines, activations = drawn(400, 60, 20)
    np.testing.assert_allclose(
        found(cosines, activations, Constants()), literal(cosines, activations, Constants()), rtol=1e-9
    )


def test_a_table_of_terms_changes_no_bit() -> None:
    cosines, activations = drawn()
    constants = Constants(top_images=7)
    shares, chosen = concept_shares(cosines, scale=10), top_images(activations, 7)
    table = term_table(shares, constants)
    assert table is not None
    np.testing.assert_array_equal(
        soft_wpmi(shares, chosen, constants, table=table), soft_wpmi(shares, chosen, constants)
    )
    assert term_table(np.zeros((10_000, 1000)), Constants()) is None


def test_by_hand() -> None:
    """One image, one unit, two concepts with shares 3/4 and 1/4: l = log(1 + .998 (P - 1) + 1e-7), the score is 0."""
    shares = concept_shares(np.array([[math.log(3) / 10, 0.0]]), scale=10)
    np.testing.assert_allclose(shares, [[0.75, 0.25]])
    constants = Constants(top_images=1, lam=0.0)
    np.testing.assert_allclose(
        soft_wpmi(shares, np.array([[0]]), constants), [[math.log(0.7505 + 1e-7), math.log(0.2515 + 1e-7)]]
    )
    assert not soft_wpmi(shares, np.array([[0]]), Constants(top_images=1)).any()  # what fits every unit counts nothing


def test_weights_fall_from_start_towards_end() -> None:
    weights = Constants(top_images=4).weights
    np.testing.assert_allclose(weights, [0.998, 0.991, 0.984, 0.977])


def test_a_planted_unit_gets_its_concept() -> None:
    cosines, activations = drawn(200, 9, 6)
    activations[:, 2] = np.maximum(cosines[:, 7], 0)
    activations[:, 4] = np.maximum(cosines[:, 1], 0)
    best = best_concepts(found(cosines, activations, Constants(top_images=30)), 2)
    assert best[2, 0] == 7
    assert best[4, 0] == 1
    assert best.shape == (6, 2)


def test_the_scale_of_a_unit_does_not_matter() -> None:
    cosines, activations = drawn()
    factors = np.array([1, 2, 10, 0.1, 5])
    constants = Constants(top_images=10)
    np.testing.assert_array_equal(
        found(cosines, activations, constants), found(cosines, activations * factors, constants)
    )


def test_the_order_of_concepts_does_not_matter() -> None:
    cosines, activations = drawn()
    order, constants = np.random.default_rng(1).permutation(9), Constants(top_images=10)
    np.testing.assert_allclose(
        found(cosines[:, order], activations, constants), found(cosines, activations, constants)[:, order], rtol=1e-12
    )


def test_too_few_images_are_refused() -> None:
    cosines, activations = drawn(5)
    with pytest.raises(ValueError, match=r"looks at the 100 images .* and got 5"):
        found(cosines, activations, Constants())
