"""Scripts, tables and masks as the browser gets them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from conceptatlas.atlas.encoding import number, numbers, rows_of, run_lengths, script_table, write_script
from conceptatlas.tables import Column, write_table

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def decoded(text: str, shape: tuple[int, int]) -> np.ndarray:
    """The slow twin of assets/picture.js: bit after bit."""
    flat, inside, length, shift = [], False, 0, 0
    for letter in text:
        digit = LETTERS.index(letter)
        length += (digit & 31) << shift
        if digit & 32:
            shift += 5
            continue
        flat += [inside] * length
        inside, length, shift = not inside, 0, 0
    flat += [False] * (shape[0] * shape[1] - len(flat))
    return np.array(flat, dtype=bool).reshape(shape)


@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (48, 48), (112, 112)])
@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 1.0])
def test_run_lengths_come_back(shape: tuple[int, int], share: float) -> None:
    mask = np.random.default_rng(0).random(shape) < share
    np.testing.assert_array_equal(decoded(run_lengths(mask), shape), mask)


def test_run_lengths_by_hand() -> None:
    assert run_lengths(np.array([[0, 1], [1, 0]], dtype=bool)) == "BCB"
    assert run_lengths(np.ones((8, 8), dtype=bool)) == "AgC"  # no zeros, then 64 = 0 + 2 * 32
    assert run_lengths(np.zeros((8, 8), dtype=bool)) == ""


def test_numbers_keep_five_digits_and_nothing_that_json_lacks() -> None:
    assert numbers(np.array([0.123456789, 3.0, np.nan, np.inf, -1e-7])) == [0.12346, 3, None, None, -1e-07]
    assert numbers(np.array([2**40 + 1, -3])) == [2**40 + 1, -3]
    assert number(123456.0) == 123456


def test_a_script_hands_over_one_value(tmp_path: Path) -> None:
    value = {"word": "</script><script>alert(1)</script>", "line": "a\u2028b", "number": 1.5}
    write_script(tmp_path, "models/a b/x", value)
    text = (tmp_path / "models/a b/x.js").read_text(encoding="utf-8")
    found = re.fullmatch(r'Atlas\.put\("models/a b/x",(.*)\);\n', text, flags=re.DOTALL)
    assert found
    assert json.loads(found.group(1)) == value
    with pytest.raises(ValueError):
        write_script(tmp_path, "bad", float("nan"))


def test_a_table_by_column(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {"same": ["x", "x"], "word": ["a", "b"], "value": [0.25, np.nan], "yes": [True, False], "many": [[1, 2], []]}
    )
    columns = [Column(name, f"what {name} means", "px" if name == "value" else "") for name in frame]
    write_table(tmp_path / "t.parquet", frame, columns=columns)
    table = script_table(tmp_path / "t.parquet", source="t.parquet", drop=("many",))
    assert table["n"] == 2
    by_name = {column["name"]: column for column in table["columns"]}
    assert set(by_name) == {"same", "word", "value", "yes"}
    assert by_name["same"]["constant"] == "x"
    assert (by_name["word"]["words"], by_name["word"]["codes"]) == (["a", "b"], [0, 1])
    assert by_name["value"]["values"] == [0.25, None]
    assert (by_name["value"]["definition"], by_name["value"]["unit"]) == ("what value means", "px")
    assert by_name["yes"]["values"] == [1, 0]


def test_an_empty_table(tmp_path: Path) -> None:
    write_table(tmp_path / "t.parquet", pd.DataFrame({"a": np.zeros(0)}), columns=[Column("a", "nothing")])
    assert script_table(tmp_path / "t.parquet", source="t")["columns"][0]["values"] == []


def test_rows_know_where_they_stand() -> None:
    frame = pd.DataFrame({"a": [3, 1, 2]}).sort_values("a")
    assert [(row["a"], row["row"]) for row in rows_of(frame)] == [(1, 1), (2, 2), (3, 0)]
