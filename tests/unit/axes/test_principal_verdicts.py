"""Cuts, shares, choices and what dissection says, on tables small enough to check by eye."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from conceptatlas.axes.principal_agreement import agreement, also_stands_out, class_of
from conceptatlas.axes.principal_verdicts import choose_shown, verdict, verdict_counts
from conceptatlas.inference.shares import wilson_interval


@pytest.mark.parametrize(
    ("max_u2", "participation", "null_high", "expected"),
    [
        (0.5, 3, 0.1, "one unit"),
        (0.49, 10, 0.1, "few units"),
        (0.2, 10.1, 0.1, "distributed"),
        (0.9, 1, 0.9, "none"),
        (0.9, 1, float("nan"), "none"),
    ],
)
def test_cuts(max_u2: float, participation: float, null_high: float, expected: str) -> None:
    assert verdict(max_u2, participation, null_high, one_unit=0.5, few_units=10) == expected


def table(verdicts: list[str], categories: list[str]) -> pd.DataFrame:
    n = len(verdicts)
    return pd.DataFrame(
        {
            "dataset": "d", "model": "m", "layer": "l", "concept": [f"c{i}" for i in range(n)], "category": categories,
            "verdict": verdicts, "reason": ["" if v else "2 images" for v in verdicts],
            "max_u2": np.linspace(0.9, 0.1, n), "participation": np.linspace(1, 50, n),
            "same_unit": [i == 0 for i in range(n)], "centre": "global", "n_permutations": 99, "cut_one_unit": 0.5,
            "cut_few_units": 10.0, "confidence": 0.95,
        }
    )  # fmt: skip


def test_counts_over_all_and_by_category() -> None:
    counts = verdict_counts(table(["one unit", "distributed", "none", ""], ["object", "part", "part", "part"]))
    row = counts[(counts["category"] == "part") & (counts["verdict"] == "none")].iloc[0]
    assert (row["n_concepts"], row["n_tested"], row["share"]) == (1, 2, 0.5)
    assert (row["ci_low"], row["ci_high"]) == wilson_interval(1, 2)
    every = counts[counts["category"] == ""].set_index("verdict")
    assert every["n_concepts"].tolist() == [1, 0, 1, 1, 1]
    assert every.loc["left out", "n_concepts"] == 1
    assert np.isnan(every.loc["left out", "share"])
    assert every.loc["one unit", "n_same_unit"] == 1


def test_wilson_at_the_ends() -> None:
    assert wilson_interval(0, 5)[0] == pytest.approx(0, abs=1e-12)
    assert wilson_interval(5, 5)[1] == pytest.approx(1)
    assert np.isnan(wilson_interval(0, 0)[0])


def test_what_is_shown() -> None:
    rows = table(["one unit", "few units", "none", "distributed", "distributed", ""], ["object"] * 6)
    assert choose_shown(rows, ["c2", "c5"], n=1) == ["clearest", "", "config", "", "spread", "config"]


def test_agreement_by_hand() -> None:
    iou = np.array([[0.5, 0.1, np.nan], [0.2, 0.3, np.nan]])  # (unit, concept)
    units = pd.DataFrame({"concept": ["a", "b"], "iou_category": [0.5, 0.3], "is_detector": [True, True]})
    loadings = np.array([[0.9, -0.1], [0.8, 0.6]])
    found = agreement(np.array([0, 1]), loadings, iou, units, detector_iou=0.2)
    assert found["same_unit"].tolist() == [True, False]
    assert found["concept_rank"].tolist() == [1, 2]
    assert found["best_unit"].tolist() == [0, 1]
    assert found["best_unit_rank"].tolist() == [1, 2]
    assert found["unit_detects_concept"].tolist() == [True, False]
    assert found["unit_label"].tolist() == ["a", "a"]


def test_a_unit_that_stands_out_for_others() -> None:
    others = also_stands_out(
        np.array([3, 3, 5, 3]), np.array([0.2, 0.9, 0.9, 0.5]), np.array([True, True, True, False]), list("abcd")
    )
    assert others == [["b"], ["a"], [], ["b", "a"]]


def test_classes_by_name() -> None:
    assert class_of("tree-merged", ["tree"]) == "yes"
    assert class_of("dining table", ["Dining_table, board"]) == "yes"
    assert class_of("dog", ["hot dog"]) == "no"
    assert class_of("dog", None) == ""
