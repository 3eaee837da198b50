"""Wilson's interval against its definition: the shares that a score test at the same level does not refuse."""

from __future__ import annotations

from math import isnan, sqrt
from statistics import NormalDist

import pytest

from conceptatlas.inference.shares import wilson_interval


@pytest.mark.parametrize(("n", "total"), [(1, 7), (5, 10), (99, 100)])
@pytest.mark.parametrize("confidence", [0.5, 0.95])
def test_its_ends_are_where_the_score_test_stands_at_its_level(n: int, total: int, confidence: float) -> None:
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    for end in wilson_interval(n, total, confidence=confidence):
        assert abs(n / total - end) / sqrt(end * (1 - end) / total) == pytest.approx(z)


@pytest.mark.parametrize("total", [1, 3, 10, 77, 1000])
def test_it_stays_within_shares(total: int) -> None:
    low, high = wilson_interval(0, total)
    assert low == 0
    assert 0 < high < 1
    assert wilson_interval(total, total) == (pytest.approx(1 - high), 1)


def test_without_draws_it_is_undefined() -> None:
    assert all(isnan(end) for end in wilson_interval(0, 0))
