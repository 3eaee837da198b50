"""Expressions are read as they are written, and what they come to is checked by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conceptatlas.net2vec.arithmetic import arithmetic_table, combine, parse_expression
from tiny_net2vec import space_of

KNOWN = ["blue", "grass", "green", "sky-other-merged", "traffic light", "person", "torso", "person - torso"]


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("grass + blue - green", [(1, "grass"), (1, "blue"), (-1, "green")]),
        ("sky-other-merged - blue", [(1, "sky-other-merged"), (-1, "blue")]),
        ("  traffic light  +  green ", [(1, "traffic light"), (1, "green")]),
        ("- green + grass", [(-1, "green"), (1, "grass")]),
        ("+ green + grass", [(1, "green"), (1, "grass")]),
        ("grass + grass - green", [(1, "grass"), (1, "grass"), (-1, "green")]),
        ("grass\t+ green", [(1, "grass"), (1, "green")]),
    ],
)
def test_terms_and_signs(text: str, terms: list[tuple[int, str]]) -> None:
    assert parse_expression(text, KNOWN) == terms


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("grass + bleu - green", "unknown concept 'bleu' in the expression 'grass .*did you mean 'blue'"),
        ("grass + sky", "unknown concept 'sky' .* 'sky-other-merged'"),
        ("grass+blue", "unknown concept 'grass.blue'"),
        ("Grass + blue", "unknown concept 'Grass' .*did you mean 'grass'"),
        ("grass", "has one term"),
        ("- grass", "has one term"),
        ("", "the expression '' is empty"),
        ("grass +", r"no concept after '\+'"),
        ("grass + - blue", r"no concept after '\+'"),
        ("- + blue", "no concept after '-'"),
        ("grass - grass", "adds 'grass' and takes it away"),
        ("grass + blue - grass", "adds 'grass' and takes it away"),
    ],
)
def test_what_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_expression(text, KNOWN)


TERM = st.tuples(st.sampled_from([1, -1]), st.sampled_from(range(7)))


@given(st.lists(TERM, min_size=2, max_size=5, unique_by=lambda term: term[1]))
def test_writing_then_reading_gives_the_terms(terms: list[tuple[int, int]]) -> None:
    named = [(sign, KNOWN[at]) for sign, at in terms]
    text = " ".join(f"{'+' if sign > 0 else '-'} {name}" for sign, name in named)
    assert parse_expression(text, KNOWN) == named


def test_a_sum_by_hand() -> None:
    unit = np.array([[[1.0, 0, 0]], [[0, 1.0, 0]], [[0, 0, 1.0]]])
    assert combine(unit, [1, 1, -1]) == pytest.approx(np.array([[1, 1, -1]]) / np.sqrt(3))
    assert np.isnan(combine(unit[[0, 0]], [1, -1])).all()


SIX = {"grass": "object", "blue": "color", "green": "color", "sky": "object", "tree": "object", "rare": "object"}
PLANTED = np.array([[1, 0, 0, 1], [0, 1, 0, 0], [1, 0, 0, 0], [0, 3, 0, 3], [1, 0, 0, 0.5], [0, 1, 0, 1]], dtype=float)
"""grass = green + something, sky = blue + the same something: grass + blue - green is sky."""


def test_the_planted_analogy_is_found(tmp_path: Path) -> None:
    """Unit operands: grass (1,0,0,1)/sqrt 2, so the sum is (1/sqrt 2 - 1, 1, 0, 1/sqrt 2) before renormalising."""
    space = space_of(tmp_path, SIX, PLANTED, n_train=[50, 50, 50, 50, 50, 4])
    table = arithmetic_table(space, ["grass + blue - green"], n=5)
    assert table["concept"].tolist() == ["sky", "tree"]  # operands and the small concept are left out
    assert table["rank"].tolist() == [1, 2]
    total = np.array([1 / np.sqrt(2) - 1, 1, 0, 1 / np.sqrt(2)])
    total /= np.linalg.norm(total)
    sky, tree = np.array([0, 1, 0, 1]) / np.sqrt(2), np.array([1, 0, 0, 0.5]) / np.sqrt(1.25)
    assert table["cosine"].to_numpy() == pytest.approx([total @ sky, total @ tree])
    assert table["above"].tolist() == [0.5, 0]
    assert table["n_concepts"].tolist() == [2, 2]
    assert table["cosine_sd"].isna().all()  # one initialisation


def test_small_concepts_are_results_only_where_asked(tmp_path: Path) -> None:
    space = space_of(tmp_path, SIX, PLANTED, n_train=[50, 50, 50, 50, 50, 4], include_small=True)
    table = arithmetic_table(space, ["grass + blue - green"], n=5)
    assert table["concept"].tolist() == ["sky", "rare", "tree"]
    assert table["cosine"].iloc[0] == pytest.approx(table["cosine"].iloc[1])


def test_a_small_concept_may_be_an_operand(tmp_path: Path) -> None:
    space = space_of(tmp_path, SIX, PLANTED, n_train=[50, 50, 50, 50, 50, 4])
    table = arithmetic_table(space, ["rare - blue"], n=1)
    assert table["reason"].tolist() == [""]
    assert table["n_concepts"].tolist() == [4]


def test_lengths_of_the_weights_do_not_matter(tmp_path: Path) -> None:
    scaled = PLANTED * np.array([1, 7, 0.25, 3, 1e-3, 2e4])[:, None]
    first = arithmetic_table(space_of(tmp_path / "a", SIX, PLANTED), ["grass + blue - green"], n=3)
    second = arithmetic_table(space_of(tmp_path / "b", SIX, scaled), ["grass + blue - green"], n=3)
    assert first["concept"].tolist() == second["concept"].tolist()
    assert second["cosine"].to_numpy() == pytest.approx(first["cosine"].to_numpy(), abs=1e-6)


def test_the_spread_over_initialisations(tmp_path: Path) -> None:
    """Repeat 0: c is (1,1)/sqrt 2 = a + b, cosine 1; repeat 1: c is a, cosine 1/sqrt 2."""
    weights = np.array([[[1, 0], [1, 0]], [[0, 1], [0, 1]], [[1, 1], [1, 0]]], dtype=float)
    table = arithmetic_table(space_of(tmp_path, ["a", "b", "c"], weights), ["a + b"], n=1)
    assert table["cosine"].iloc[0] == pytest.approx(1)
    assert table["cosine_sd"].iloc[0] == pytest.approx((1 - 1 / np.sqrt(2)) / np.sqrt(2))


def test_what_has_no_result_says_why(tmp_path: Path) -> None:
    space = space_of(tmp_path, ["a", "b", "c", "same as a"], [[1, 0], [0, 1], [1, 0]],
                     reason=["", "", "no mask in training", ""])  # fmt: skip
    table = arithmetic_table(space, ["a + c", "a - same as a", "a + b"], n=5)
    assert table["reason"].tolist() == ["c: no mask in training", "the operands cancel: their sum is zero", ""]
    assert table["rank"].tolist() == [0, 0, 1]
    assert table["concept"].tolist() == ["", "", "same as a"]
    assert table["cosine"].isna().tolist() == [True, True, False]
    assert table["n_concepts"].tolist() == [2, 1, 1]


def test_nothing_is_left_to_compare_with(tmp_path: Path) -> None:
    table = arithmetic_table(space_of(tmp_path, ["a", "b"], np.eye(2)), ["a + b"], n=5)
    assert table["reason"].tolist() == ["no concept is left to compare with"]
