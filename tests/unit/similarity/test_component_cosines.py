"""Components of two data sets: cosines by hand, planted ones are matched, unrelated ones stay at chance."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from conceptatlas.similarity.component_cosines import compare_components, cosines_of, unit_orders
from tiny_similarity import directions

Array = np.ndarray[Any, Any]


def compare(a: Array, b: Array, **changes: Any) -> Any:
    given: dict[str, Any] = {"names": ("x", "y"), "both_signs": False, "n_permutations": 199, "seed": 0}
    return compare_components(a, b, **given | changes)


def values(found: Any) -> dict[str, Any]:
    return {row.measure: row for row in found.rows}


def test_cosines_by_hand() -> None:
    a = np.array([[3.0, 4.0], [0.0, 0.0]])
    b = np.array([[1.0, 0.0], [0.0, -2.0]])
    np.testing.assert_allclose(cosines_of(a, b), [[0.6, -0.8], [np.nan, np.nan]])
    np.testing.assert_allclose(cosines_of(a, b, both_signs=True)[0], [0.6, 0.8])


def test_the_same_components_in_another_order_are_all_matched() -> None:
    a = directions(5, 160)
    order = np.array([3, 1, 4, 0, 2])
    found = compare(a, a[order])
    rows = values(found)
    assert rows["cosine_raw"].value == pytest.approx(1)
    assert rows["cosine_one_to_one"].value == 1
    assert rows["cosine_raw"].p == rows["cosine"].p == 1 / 200
    assert rows["cosine"].value == pytest.approx(1 - rows["cosine_raw"].null_mean)
    assert {row["concept_b"]: row["concept_a"] for row in found.concepts if row["mutual_best"]} == dict(
        enumerate(order.tolist())
    )
    assert all(row["above_null"] and row["hungarian"] for row in found.concepts)


def test_shared_strong_units_alone_are_chance() -> None:
    """Components that load on the same few strong units without a common pattern: their cosines are high, and so is
    chance, because units keep to those of like strength."""
    rng = np.random.default_rng(0)
    strength = np.where(np.arange(400) < 40, 10.0, 0.1)
    p = []
    for _ in range(12):
        a, b = (rng.gamma(0.5, size=(6, 400)) * strength for _ in range(2))
        row = values(compare(a, b, n_permutations=99))["cosine_raw"]
        assert row.value > 0.3
        p.append(row.p)
    assert np.mean(p) > 0.2
    assert min(p) > 0.01


def test_order_of_the_data_sets_does_not_matter() -> None:
    a, b = directions(4, 100, seed=1), directions(3, 100, seed=2)
    forth, back = compare(a, b, names=("x", "y")), compare(b, a, names=("y", "x"))
    np.testing.assert_allclose(forth.matrix, back.matrix.T)
    for one, other in zip(forth.rows, back.rows, strict=True):
        assert one.value == pytest.approx(other.value)
        assert one.null_mean == pytest.approx(other.null_mean)
        assert one.p == other.p


def test_units_keep_to_their_strength() -> None:
    components = np.arange(1, 161, dtype=np.float64)[None]
    for order in unit_orders(components, names=("x", "y"), n_permutations=5, seed=0):
        assert sorted(order) == list(range(160))
        assert (order // 16 == np.arange(160) // 16).all()
        assert (order != np.arange(160)).any()
    few = unit_orders(components[:, :12], names=("x", "y"), n_permutations=3, seed=0)
    assert max(int(abs(order - np.arange(12)).max()) for order in few) > 6  # one group


def test_nothing_to_compare_says_why() -> None:
    rows = values(compare(np.zeros((2, 10)), directions(2, 10)))
    assert np.isnan(rows["cosine"].value)
    assert "no components" in rows["cosine"].reason
    rows = values(compare(directions(2, 10), directions(2, 10), n_permutations=0))
    assert rows["cosine_raw"].value == pytest.approx(1)
    assert np.isnan(rows["cosine"].value)
    assert "n_permutations is 0" in rows["cosine"].reason
    with pytest.raises(ValueError, match="y of 12"):
        compare(directions(2, 10), directions(2, 12))


def test_a_component_and_its_negative_are_one_where_both_signs_count() -> None:
    a = directions(3, 40) - 0.1
    assert values(compare(a, -a, both_signs=True))["cosine_raw"].value == pytest.approx(1)
    assert values(compare(a, -a))["cosine_raw"].value < 0.5
