"""The linear SVM by stochastic gradient descent is scikit-learn's, pass for pass."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import SGDClassifier

from conceptatlas.similarity.hinge import fit_hinge

HOW = {"alpha": 0.01, "tolerance": 1e-3, "max_passes": 1000}


def made(n, p, *, seed=0, noise=False):
    rng = np.random.default_rng(seed)
    features = np.maximum(rng.normal(size=(n, p)), 0).astype(np.float32)
    score = rng.normal(size=n) if noise else features[:, :3].sum(axis=1)
    return features, score > np.median(score)


@pytest.mark.parametrize(("n", "p", "noise"), [(20, 3, False), (60, 8, True), (150, 70, True), (150, 200, False)])
@pytest.mark.parametrize("seed", [0, 5])
@pytest.mark.parametrize("alpha", [1e-4, 0.01, 1.0])
def test_it_agrees_with_scikit_learn(n, p, noise, seed, alpha):
    features, labels = made(n, p, noise=noise)
    other = SGDClassifier(loss="hinge", alpha=alpha, max_iter=200, tol=1e-3, random_state=seed)
    other.fit(features.astype(np.float64), labels)
    found = fit_hinge(features, labels, **(HOW | {"alpha": alpha, "max_passes": 200}), seed=seed)
    assert found.n_passes == other.n_iter_
    np.testing.assert_allclose(found.weights, other.coef_[0], atol=1e-6 * np.abs(other.coef_).max())
    assert found.bias == pytest.approx(other.intercept_[0], rel=1e-6, abs=1e-9)


def test_it_tells_two_clouds_apart():
    features = np.array([[0.0, 1], [0, 2], [1, 0], [2, 0]])
    labels = np.array([True, True, False, False])
    found = fit_hinge(features, labels, **HOW, seed=0)
    assert ((features @ found.weights + found.bias > 0) == labels).all()
    assert found.weights[1] > 0 > found.weights[0]


def test_single_precision_and_the_number_of_features_change_nothing():
    features, labels = made(80, 13)
    found = fit_hinge(features, labels, **HOW, seed=3)
    wide = fit_hinge(features.astype(np.float64), labels, **HOW, seed=3)
    np.testing.assert_array_equal(found.weights, wide.weights)
    padded = fit_hinge(np.pad(features, [(0, 0), (0, 9)]), labels, **HOW, seed=3)
    np.testing.assert_allclose(padded.weights[:13], found.weights, rtol=1e-9)
    assert not padded.weights[13:].any()
    assert fit_hinge(features, labels, **(HOW | {"max_passes": 2}), seed=3).n_passes == 2
