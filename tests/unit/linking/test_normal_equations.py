"""Streamed normal equations give what scikit-learn gives on the whole."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, Ridge

from conceptatlas.linking.normal_equations import Sums, solve, spread, squared_error


def pairs(n=200, k=7, d=4, seed=0):
    rng = np.random.default_rng(seed)
    r = rng.gamma(2.0, size=(n, k)).astype(np.float32)
    w = (r @ rng.normal(size=(k, d)) + rng.normal(size=(n, d)) + 3).astype(np.float32)
    return r, w


def summed(r, w, cuts=()):
    total = Sums.empty(r.shape[1], w.shape[1])
    for rows in np.split(np.arange(len(r)), list(cuts)):
        part = Sums.empty(r.shape[1], w.shape[1])
        part.add(r[rows], w[rows])
        total = total + part
    return total


def test_it_is_linear_regression():
    r, w = pairs()
    weights, intercept = solve(summed(r, w, (13, 150)), [0.0])[0]
    model = LinearRegression().fit(r.astype(np.float64), w)
    np.testing.assert_allclose(weights, model.coef_.T, atol=1e-6)
    np.testing.assert_allclose(intercept, model.intercept_, atol=1e-5)


@pytest.mark.parametrize("ridge", [0.01, 1.0])
def test_it_is_ridge_regression(ridge):
    r, w = pairs()
    weights, intercept = solve(summed(r, w), [0.0, ridge])[1]
    alpha = ridge * len(r) * r.astype(np.float64).var(0).mean()
    model = Ridge(alpha=alpha).fit(r.astype(np.float64), w)
    np.testing.assert_allclose(weights, model.coef_.T, atol=1e-6)
    np.testing.assert_allclose(intercept, model.intercept_, atol=1e-5)


def test_units_that_never_vary_or_are_copies_get_the_shortest_solution():
    r, w = pairs()
    r = np.hstack([r, np.full((len(r), 1), 2.0, np.float32), r[:, :1]])
    weights, intercept = solve(summed(r, w), [0.0])[0]
    model = LinearRegression().fit(r.astype(np.float64), w)
    np.testing.assert_allclose(weights, model.coef_.T, atol=1e-6)
    np.testing.assert_allclose(weights[7], 0, atol=1e-9)
    np.testing.assert_allclose(weights[8], weights[0], atol=1e-6)
    np.testing.assert_allclose(r @ weights + intercept, model.predict(r), atol=1e-5)


def test_errors_follow_from_the_sums():
    r, w = pairs()
    one, other = summed(r[:120], w[:120]), summed(r[120:], w[120:])
    weights, intercept = solve(one, [0.0])[0]
    error = ((w[120:] - (r[120:] @ weights + intercept)) ** 2).sum(0)
    np.testing.assert_allclose(squared_error(other, weights, intercept), error, rtol=1e-6)
    np.testing.assert_allclose(spread(other), w[120:].astype(np.float64).var(0) * 80, rtol=1e-6)


def test_a_fold_is_taken_away_exactly():
    r, w = pairs()
    left = summed(r, w) - summed(r[:50], w[:50])
    direct = summed(r[50:], w[50:])
    for name in ("r", "w", "rr", "rw", "ww"):
        np.testing.assert_allclose(getattr(left, name), getattr(direct, name), rtol=1e-10)
    assert left.n == direct.n == 150
