"""R^2: by hand, inflated by classes, 0 within them where nothing but the class is known; intervals and nulls."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import r2_score

from conceptatlas.linking.prediction import estimate, prediction_estimates, r_squared, shuffled_within

RNG = np.random.default_rng(0)
CLASSES = np.repeat(np.arange(3), 100)
BLOCKS = np.arange(300) % 32


def test_it_is_the_variance_weighted_r2():
    w = RNG.normal(size=(50, 4)) * [1, 2, 3, 4]
    predicted = w + RNG.normal(size=(50, 4))
    expected = r2_score(w, predicted, multioutput="variance_weighted")
    assert r_squared(w, predicted, np.zeros(50), within=False) == pytest.approx(expected)


def test_within_classes_by_hand():
    w = np.array([[0.0], [2.0], [10.0], [12.0]])
    predicted = np.array([[1.0], [1.0], [11.0], [13.0]])
    # class means 1, 11 and 1, 12: deviations -1, 1, -1, 1 against 0, 0, -1, 1
    assert r_squared(w, predicted, np.array([0, 0, 1, 1]), within=True) == pytest.approx(1 - 2 / 4)


def test_the_class_alone_gives_a_high_total_and_nothing_within():
    centres = RNG.normal(size=(3, 6)) * 3
    w = centres[CLASSES] + RNG.normal(size=(300, 6))
    predicted = np.array([w[c == CLASSES].mean(0) for c in range(3)])[CLASSES]
    assert r_squared(w, predicted, CLASSES, within=False) > 0.7
    assert r_squared(w, predicted, CLASSES, within=True) == pytest.approx(0, abs=1e-9)


def test_weights_count_pairs_often():
    w, predicted = RNG.normal(size=(10, 2)), RNG.normal(size=(10, 2))
    times = np.array([0, 1, 2, 3, 1, 1, 0, 2, 1, 1])
    rows = np.repeat(np.arange(10), times)
    classes = np.arange(10) % 2
    for within in (False, True):
        direct = r_squared(w[rows], predicted[rows], classes[rows], within=within)
        assert r_squared(w, predicted, classes, within=within, weights=times.astype(float)) == pytest.approx(direct)


def test_what_does_not_vary_has_no_r2():
    assert np.isnan(r_squared(np.ones((5, 2)), np.ones((5, 2)), np.zeros(5), within=False))


def test_the_estimates_tell_relation_from_none():
    w = RNG.normal(size=(300, 4)) + CLASSES[:, None]
    good = w + 0.5 * RNG.normal(size=(300, 4))
    kinds = {"n_bootstrap": 100, "n_permutations": 19, "confidence": 0.95, "seed": 0, "names": ["a", "b", "c"]}
    rows = {(e.measure, e.scope): e for e in prediction_estimates(w, good, CLASSES, BLOCKS, **kinds)}
    assert set(rows) == {("r2", s) for s in ("total", "within class", "a", "b", "c")} | {("mse", "total")}
    for one in rows.values():
        assert one.low < one.value < one.high
        assert one.p == pytest.approx(1 / 20)
    assert rows["r2", "within class"].null_high < 0 < rows["r2", "within class"].low
    assert rows["mse", "total"].value == pytest.approx(((w - good) ** 2).mean())
    assert rows["mse", "total"].null > rows["mse", "total"].value
    means = np.array([w[c == CLASSES].mean(0) for c in range(3)])[CLASSES] + 0 * w
    rows = {(e.measure, e.scope): e for e in prediction_estimates(w, means, CLASSES, BLOCKS, **kinds)}
    assert rows["r2", "total"].p < 0.1
    assert rows["r2", "within class"].p > 0.5


def test_shuffling_stays_within_classes():
    classes = RNG.permutation(CLASSES)
    order = shuffled_within(classes, RNG)
    np.testing.assert_array_equal(classes[order], classes)
    assert sorted(order.tolist()) == list(range(300))
    assert (order != np.arange(300)).mean() > 0.9


def test_an_estimate_counts_the_null_on_the_right_side():
    large = estimate("x", "y", 2.0, [], [1.0, 2.0, 3.0], n=1, confidence=0.95)
    small = estimate("x", "y", 2.0, [], [1.0, 3.0, 4.0], n=1, confidence=0.95, small_is_good=True)
    assert (large.p, small.p) == (pytest.approx(3 / 4), pytest.approx(1 / 2))
    assert np.isnan(estimate("x", "y", 2.0, [], [], n=1, confidence=0.95).p)
