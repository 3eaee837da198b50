"""Logistic regression by Newton's method: by hand, at its optimum, and the same as another solver's."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from conceptatlas.similarity.logistic import MOST_FEATURES, MOST_IMAGES, fit_logistic, is_small


def made(n, p, *, seed=0, noise=False):
    rng = np.random.default_rng(seed)
    features = np.maximum(rng.normal(size=(n, p)), 0)
    score = rng.normal(size=n) if noise else features[:, :3].sum(axis=1)
    return features, score > np.median(score)


def test_two_points_by_hand():
    """x = 1 with, -1 without: b = 0 and alpha w = 1 / (1 + exp(w))."""
    found = fit_logistic(np.array([[1.0], [-1.0]]), np.array([True, False]), alpha=0.1)
    assert found.bias == pytest.approx(0, abs=1e-9)
    assert 0.1 * found.weights[0] == pytest.approx(1 / (1 + np.exp(found.weights[0])), rel=1e-8)
    assert found.converged


@pytest.mark.parametrize(("n", "p"), [(60, 5), (60, 40), (30, 200)])
@pytest.mark.parametrize("noise", [False, True])
@pytest.mark.parametrize("alpha", [1e-4, 0.01, 1.0])
def test_the_gradient_is_zero_and_another_solver_agrees(n, p, noise, alpha):
    features, labels = made(n, p, noise=noise)
    found = fit_logistic(features.astype(np.float32), labels, alpha=alpha)
    features = features.astype(np.float32).astype(np.float64)
    share = 1 / (1 + np.exp(-(features @ found.weights + found.bias)))
    assert found.converged
    assert np.abs(features.T @ (share - labels) / n + alpha * found.weights).max() < 1e-8
    assert abs((share - labels).mean()) < 1e-8
    other = LogisticRegression(C=1 / (alpha * n), max_iter=10_000, tol=1e-9).fit(features, labels)
    np.testing.assert_allclose(found.weights, other.coef_[0], atol=2e-3 * np.abs(other.coef_).max())


def test_more_features_than_images_lie_in_the_span_of_the_images():
    features, labels = made(20, 90)
    found = fit_logistic(features, labels, alpha=0.01)
    inside = np.linalg.lstsq(features.T, found.weights, rcond=None)[0]
    np.testing.assert_allclose(features.T @ inside, found.weights, atol=1e-9)


def test_constant_features_and_labels_that_no_line_divides():
    features, labels = made(40, 6)
    features[:, 2] = 0
    assert fit_logistic(features, labels, alpha=0.01).weights[2] == 0
    same = np.ones((10, 3))
    found = fit_logistic(same, np.arange(10) < 3, alpha=0.01)
    assert found.converged
    assert same[0] @ found.weights + found.bias == pytest.approx(np.log(3 / 7), rel=1e-6)


def test_large_fits_are_left_to_lbfgs():
    assert is_small(10_000, MOST_FEATURES)
    assert is_small(MOST_IMAGES, 10**6)
    assert not is_small(MOST_IMAGES + 1, MOST_IMAGES + 2)
    assert not is_small(10_000, MOST_FEATURES + 1)
