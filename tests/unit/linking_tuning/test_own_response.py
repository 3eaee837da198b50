"""The causal check, on answers that are known."""

from __future__ import annotations

import numpy as np
import pytest

from conceptatlas.linking.own_response import VERDICTS, own_response, specific, verdict


def judged(own, *, reach=2.0, image_change=0.1, p=0.01, smallest_p=0.01):
    answer = own_response(np.array(own, dtype=float), reach, confidence=0.95)
    return verdict(answer, reach=reach, image_change=image_change, p=p, smallest_p=smallest_p)


def test_numbers_by_hand():
    own = np.array([[0.0, 0.5, 1.0], [0.0, 2.0, 1.0], [1.0, 0.5, 0.0], [0.0, 1.0, 3.0]])
    answer = own_response(own, 2.0, confidence=0.95)
    assert answer.share_right == 0.75
    assert answer.share_monotonic == 0.5
    assert answer.slope == pytest.approx((0.5 + 0.5 - 0.5 + 1.5) / 4)
    assert answer.slope_low < answer.slope < answer.slope_high
    assert answer.share_low < 0.75 < answer.share_high


def test_verdicts():
    rising, falling = [[0, 1, 2]] * 10, [[2, 1, 0]] * 10
    assert judged(rising) == "follows"
    assert judged(rising, p=0.4) == "follows_unspecifically"
    assert judged(rising, p=0.25, smallest_p=0.25) == "follows"  # four units: no p can be smaller
    assert judged(falling) == "opposite"
    assert judged(rising[:5] + falling[:5]) == "unclear"
    assert judged(rising, image_change=0.0) == "ignored"
    assert judged(rising, reach=0.0) == "constant"
    assert {"follows", "unclear", "ignored", "constant", "opposite", "follows_unspecifically"} == set(VERDICTS)


def test_a_unit_is_compared_with_what_other_units_do_to_it():
    units = np.array([1, 3])  # of four units, two are tuned
    response = np.array([[9.0, 8.0, 0.0, 4.0], [0.0, 2.0, 0.0, 6.0]])  # row: tuned, column: read
    found = specific(response, np.array([[2, 2, 0, 1], [0, 1, 0, 2]]), units, np.array([10.0, 1.0, 0.0, 1.0]), n=2)
    assert found.p.tolist() == [0.5, 0.5]  # the best that two allow
    assert found.null_response.tolist() == [1.0, 2.0]
    assert found.null_share.tolist() == [0.5, 0.5]
    assert found.rank.tolist() == [1, 1]
    assert found.moved_most.tolist() == [1, 3]
    swapped = specific(response[::-1], np.zeros((2, 4)), units, np.ones(4), n=2)
    assert swapped.p.tolist() == [1.0, 1.0]


def test_one_tuned_unit_has_no_null():
    found = specific(np.array([[1.0, 0.0]]), np.array([[1, 0]]), np.array([0]), np.ones(2), n=1)
    assert np.isnan(found.p).all()
    assert np.isnan(found.null_share).all()
