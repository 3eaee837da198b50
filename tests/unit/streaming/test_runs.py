"""Counting by sorting gives the same sparse histogram, maxima and means as counting in a table."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from conceptatlas.streaming.histogram import PatternHistogram
from conceptatlas.streaming.runs import PatternRuns

Array = np.ndarray[Any, Any]


def naughty(dtype: str) -> Array:
    """Maps with negatives, ties, signed zeros, subnormals, infinities and NaN."""
    rng = np.random.default_rng(0)
    maps = rng.normal(size=(23, 70, 3, 5)).astype(dtype)
    maps[maps < -1] = -0.0
    maps[:, 7] = 2.5
    maps[3, 2, 0, 0], maps[4, 5, 1, 1], maps[5, 6, 0, 0], maps[2, 1, 0, 1] = np.inf, np.nan, -np.inf, 3e-8
    return maps


@pytest.mark.parametrize("dtype", ["float16", "float32"])
@pytest.mark.parametrize("buffer_bytes", [1, 5000, 2**26])
def test_runs_equal_the_table(dtype: str, buffer_bytes: int) -> None:
    maps = naughty(dtype)
    skip = np.random.default_rng(1).random(len(maps)) < 0.2
    table, runs = PatternHistogram(70, dtype=dtype), PatternRuns(70, dtype=dtype, buffer_bytes=buffer_bytes)
    in_table, in_runs = maps.copy(), maps.copy()
    for first in range(0, len(maps), 4):
        block = slice(first, first + 4)
        expected = table.add(in_table[block], skip=skip[block])
        found = runs.add(in_runs[block], skip=skip[block])
        np.testing.assert_array_equal(found[0], expected[0])
        np.testing.assert_array_equal(found[1], expected[1])
    np.testing.assert_array_equal(in_runs.view(np.uint8), in_table.view(np.uint8))  # -0.0 is gone from both
    assert runs.n_values == table.n_values == 15 * int((~skip).sum())
    for name, values in table.state().items():
        np.testing.assert_array_equal(runs.state()[name], values)
        assert runs.state()[name].dtype == values.dtype
    np.testing.assert_array_equal(runs.non_finite(), table.non_finite())
    np.testing.assert_array_equal(runs.subnormal(), table.subnormal())
    np.testing.assert_array_equal(runs.zeros(), table.counts[:, 0x8000])


def test_no_values_and_no_units() -> None:
    empty = PatternRuns(3, dtype="float16")
    empty.add(np.ones((2, 3, 2, 2), dtype=np.float16), skip=np.array([True, True]))
    assert empty.n_values == 0
    assert empty.state()["offsets"].tolist() == [0, 0, 0, 0]
    assert empty.zeros().tolist() == [0, 0, 0]
    assert PatternRuns(0, dtype="float32").state()["offsets"].tolist() == [0]


def test_other_types_are_refused() -> None:
    with pytest.raises(ValueError, match="float16 or float32"):
        PatternRuns(1, dtype="float64")
    with pytest.raises(ValueError, match="C-contiguous float16"):
        PatternRuns(1, dtype="float16").add(np.zeros((1, 1, 2, 2), dtype=np.float32))
