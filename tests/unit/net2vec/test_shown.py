"""Which concepts are drawn: one of each reason, no small ones, missing ones named."""

from __future__ import annotations

import logging

import numpy as np
import pandas as pd
import pytest

from conceptatlas.net2vec.shown import choose_shown


def table(**columns: object) -> pd.DataFrame:
    own = {
        "dataset": "toy", "concept": ["car", "dog", "sky", "cat", "red", "sea", "bus"],
        "reason": ["", "", "", "", "", "", "0 training images"], "small": False,
        "n_val": [5, 90, 80, 7, 70, 8, 99], "gain": [0.3, 0.1, 0.2, 0.4, -0.2, -0.1, np.nan],
    }  # fmt: skip
    return pd.DataFrame(own | columns)


def test_every_word_takes_from_what_is_left() -> None:
    assert choose_shown(table(), []) == ["gain", "frequent", "frequent", "gain", "failure", "", ""]
    assert choose_shown(table(), ["cat"]) == ["gain", "frequent", "gain", "config", "failure", "frequent", ""]
    assert choose_shown(table(), [], n=1) == ["", "frequent", "", "gain", "failure", "", ""]


def test_no_failure_where_nothing_is_worse() -> None:
    assert "failure" not in choose_shown(table(gain=[0.3, 0.1, 0.2, 0.4, 0.0, 0.1, np.nan]), [])


def test_small_concepts_only_where_there_is_no_other() -> None:
    small = [False, True, True, True, False, False, False]
    assert choose_shown(table(small=small), []) == ["gain", "", "", "", "failure", "gain", ""]
    assert choose_shown(table(small=True), []) == choose_shown(table(), [])
    assert choose_shown(table(small=small), ["dog"])[1] == "config"  # asked for is asked for


def test_ties_go_to_the_first_row() -> None:
    assert choose_shown(table(gain=0.1, n_val=3), []) == ["gain", "gain", "frequent", "frequent", "", "", ""]


def test_another_score() -> None:
    frame = table(gain=0.0).assign(mine=[0, 0, 0, 0, 0, 1.0, 2.0])
    assert choose_shown(frame, [], score="mine", n=1)[5] == "gain"


def test_missing_and_unlearned_concepts_are_named(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        shown = choose_shown(table(), ["dogg", "bus"])
    assert shown[6] == ""
    assert "unknown concept 'dogg' in net2vec.concepts, data set toy; did you mean 'dog'" in caplog.text
    assert "'bus' is not drawn, nothing was learned of it (0 training images)" in caplog.text


def test_no_rows() -> None:
    assert choose_shown(table().iloc[:0], []) == []
