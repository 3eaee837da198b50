"""Sums and differences of concepts, and what lies nearest to them (Net2Vec, section 5.3, table 3)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from conceptatlas.files import read_json
from conceptatlas.naming import unknown
from conceptatlas.net2vec.neighbours import share_below, spread_over_repeats
from conceptatlas.net2vec.relation_tables import ARITHMETIC_COLUMNS
from conceptatlas.net2vec.space import Space
from conceptatlas.net2vec.typed import typed_frame
from conceptatlas.net2vec.vectors import unit_length

Array = np.ndarray[Any, Any]

ARITHMETIC_TYPES = {
    **dict.fromkeys(("dataset", "model", "layer", "task", "expression", "reason", "concept"), "text"),
    **dict.fromkeys(("rank", "n_concepts"), "whole"),
}

ZERO = 1e-6
"""Below this length a sum of unit-length float32 vectors is rounding, not a direction."""


def parse_expression(text: str, known: Sequence[str]) -> list[tuple[int, str]]:
    """The signed concepts of an expression such as ``grass + blue - green``.

    Terms are separated by `` + `` and `` - `` with spaces around, so that names may hold hyphens and spaces; a sign
    may stand before the first term. known : names of the concepts of the data set.

    Raises
    ------
    ValueError
        naming an unknown concept with its nearest matches; or if a term is missing, there is only one, or a concept is
        both added and taken away so that nothing of it is left.

    >>> parse_expression("grass + blue - green", ["blue", "grass", "green"])
    [(1, 'grass'), (1, 'blue'), (-1, 'green')]
    """
    where = f"the expression {text!r}"
    parts = [part.strip() for part in re.split(r"\s([+-])(?=\s)", f" {text.strip()} ")]
    if parts == [""]:
        raise ValueError(f"{where} is empty; expected terms like 'a + b - c'")
    if parts[0] == "":
        parts = parts[1:]  # a sign before the first term
    else:
        parts = ["+", *parts]
    terms = [(1 if sign == "+" else -1, name) for sign, name in zip(parts[::2], parts[1::2], strict=True)]
    for sign, name in terms:
        if not name:
            raise ValueError(f"{where}: no concept after {'+' if sign > 0 else '-'!r}; expected terms like 'a + b - c'")
        if name not in known:
            raise unknown("concept", name, known, where=where)
    if len(terms) < 2:
        raise ValueError(f"{where} has one term; expected at least two, with ' + ' or ' - ' (spaces around) between")
    for name in dict.fromkeys(name for _, name in terms):
        if sum(sign for sign, other in terms if other == name) == 0:
            raise ValueError(f"{where} adds {name!r} and takes it away again: nothing of it is left; leave it out")
    return terms


def read_expressions(path: str | Path) -> list[str]:
    """The texts of expressions.json (`match_words` writes and checks it), in the order of the config."""
    return [str(entry["expression"]) for entry in read_json(path)]


def combine(unit: Array, signs: Sequence[int]) -> Array:
    """The signed sum of unit-length operands, of length 1 again, in every initialisation.

    unit : (term, repeat, unit). signs : 1 or -1 for each term.

    Returns
    -------
    float64 (repeat, unit); NaN where the operands cancel.
    """
    total: Array = np.einsum("t,tru->ru", np.asarray(signs, dtype=np.float64), unit)
    zero = np.linalg.norm(total, axis=1) < ZERO
    return unit_length(np.where(zero[:, None], 0, total))


def arithmetic_table(space: Space, expressions: Sequence[str], *, n: int) -> pd.DataFrame:
    """The `n` concepts nearest to each expression, its operands left out.

    An expression without a result (an operand was not learned here) has one row of rank 0 with the reason.
    """
    rows: list[dict[str, Any]] = []
    for text in expressions:
        rows += [space.place | {"expression": text} | row for row in _nearest(space, text, n)]
    return typed_frame(ARITHMETIC_COLUMNS, rows, ARITHMETIC_TYPES)


def _nearest(space: Space, text: str, n: int) -> list[dict[str, Any]]:
    terms = parse_expression(text, space.vocabulary)
    places = {str(name): at for at, name in enumerate(space.concept)}
    operands = [places[name] for _, name in terms if name in places]
    others = np.setdiff1d(np.flatnonzero(space.member), operands)
    missing = [f"{name}: {space.reasons[name]}" for _, name in terms if name not in places]
    if missing:
        return [_no_result("; ".join(dict.fromkeys(missing)), len(others))]
    target = combine(space.unit[operands], [sign for sign, _ in terms])
    if np.isnan(target[0]).any():
        return [_no_result("the operands cancel: their sum is zero", len(others))]
    if not len(others):
        return [_no_result("no concept is left to compare with", 0)]
    cosine = np.clip(np.einsum("oru,ru->ro", space.unit[others], target), -1, 1)
    spread, above = spread_over_repeats(cosine), share_below(cosine[0], np.sort(cosine[0]))
    return [
        {
            "reason": "",
            "rank": rank,
            "concept": space.concept[others[at]],
            "cosine": cosine[0, at],
            "cosine_sd": spread[at],
            "above": above[at],
            "n_concepts": len(others),
        }
        for rank, at in enumerate(np.argsort(-cosine[0], kind="stable")[:n], start=1)
    ]


def _no_result(reason: str, n_concepts: int) -> dict[str, Any]:
    nothing = dict.fromkeys(("cosine", "cosine_sd", "above"), np.nan)
    return {"reason": reason, "rank": 0, "concept": "", "n_concepts": n_concepts} | nothing
