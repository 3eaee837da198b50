"""Directions from images without a concept to images with it, by hand and by what they must minimise."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from conceptatlas.similarity.activation_vectors import (
    CLASSIFIERS,
    Direction,
    learn_direction,
    mean_cosine,
    unit_length,
)

Array = np.ndarray[Any, Any]


def learn(features: Array, labels: Array, classifier: str, *, seed: int = 0, alpha: float = 0.01) -> Direction:
    return learn_direction(features, labels, classifier=classifier, alpha=alpha, seed=seed)


def planted(n: int = 120, *, seed: int = 0) -> tuple[Array, Array, Array]:
    """Noise whose direction (3, -4, 0, ...) / 5 tells the concept: features, labels, direction."""
    rng = np.random.default_rng(seed)
    direction = np.array([0.6, -0.8, 0, 0, 0, 0])
    labels = np.arange(n) % 2 == 0
    return rng.normal(size=(n, 6)) + 6 * np.outer(labels - 0.5, direction), labels, direction


def cosine(a: Array, b: Array) -> float:
    return float(a @ b / np.sqrt((a @ a) * (b @ b)))


def test_mean_difference_by_hand() -> None:
    features = np.array([[1.0, 0], [3, 0], [0, 2], [0, 4]])
    found = learn(features, np.array([True, True, False, False]), "mean_difference")
    assert found.weights.tolist() == [2, -3]
    assert found.bias == -(2 * 2 + -3 * 3) / 2  # the boundary goes through the middle of (2, 0) and (0, 3)


@pytest.mark.parametrize("n_with", [5, 30, 57])
def test_the_pattern_of_two_labels_is_the_mean_difference(n_with: int) -> None:
    rng = np.random.default_rng(0)
    features, labels = rng.normal(size=(60, 8)), np.arange(60) < n_with
    pattern = learn(features, labels, "pattern").weights
    centred = features - features.mean(axis=0)
    np.testing.assert_allclose(pattern, labels @ centred / len(labels) / labels.var(), atol=1e-12)
    np.testing.assert_allclose(pattern, learn(features, labels, "mean_difference").weights, atol=1e-12)


@pytest.mark.parametrize("classifier", CLASSIFIERS)
def test_a_planted_direction_is_found(classifier: str) -> None:
    features, labels, direction = planted()
    found = learn(features, labels, classifier)
    assert cosine(found.weights, direction) > 0.95
    assert ((features @ found.weights + found.bias > 0) == labels).mean() > 0.98
    assert found.converged


def test_the_logistic_classifier_stands_at_the_optimum_of_its_loss() -> None:
    """Gradient of mean log(1 + e^(-y z)) + alpha / 2 ||w||^2, by hand: 0 in every weight and in the bias."""
    features, labels, _ = planted(80, seed=3)
    features[::7] *= -1
    found = learn(features, labels, "logistic", alpha=0.05)
    y = np.where(labels, 1.0, -1.0)
    slope = -y / (1 + np.exp(y * (features @ found.weights + found.bias)))
    np.testing.assert_allclose(slope @ features / len(y) + 0.05 * found.weights, 0, atol=1e-6)
    assert abs(slope.mean()) < 1e-6


def test_the_hinge_classifier_comes_near_the_optimum_of_its_loss() -> None:
    features, labels, _ = planted(400, seed=3)
    features[::7] *= -1
    y = np.where(labels, 1.0, -1.0)

    def loss(weights: Array, bias: float) -> float:
        return float(np.maximum(0, 1 - y * (features @ weights + bias)).mean() + 0.005 * weights @ weights)

    def optimum() -> float:
        """The same by many steps along the subgradient, averaged."""
        w, b, best = np.zeros(6), 0.0, np.inf
        for step in range(1, 5001):
            inside = (y * (features @ w + b) < 1) * y
            w, b = w - (0.01 * w - inside @ features / len(y)) / np.sqrt(step), b + inside.mean() / np.sqrt(step)
            best = min(best, loss(w, b))
        return best

    found = learn(features, labels, "sgd_hinge")
    best = optimum()
    assert 0.99 * best < loss(found.weights, found.bias) < 1.1 * best


@pytest.mark.parametrize(("classifier", "digits"), [("mean_difference", 0), ("pattern", 0), ("logistic", 1e-5)])
def test_permuted_features_permute_the_direction(classifier: str, digits: float) -> None:
    features, labels, _ = planted()
    order = np.array([3, 0, 5, 1, 4, 2])
    straight = learn(features, labels, classifier).weights[order]
    np.testing.assert_allclose(learn(features[:, order], labels, classifier).weights, straight, rtol=0, atol=digits)


def test_the_seed_decides_what_chance_there_is() -> None:
    features, labels, _ = planted()
    once, again, other = (learn(features, labels, "sgd_hinge", seed=seed).weights for seed in (1, 1, 2))
    assert once.tobytes() == again.tobytes()
    assert once.tobytes() != other.tobytes()
    assert cosine(once, other) > 0.9


def test_features_that_say_nothing_give_no_direction() -> None:
    labels = np.arange(10) < 5
    for classifier in CLASSIFIERS:
        found = learn(np.zeros((10, 4)), labels, classifier)
        assert not found.weights.any()
        assert np.isfinite(found.bias)
    constant = np.full((10, 4), 0.1) + np.outer(labels, [0, 0, 0, 1])
    for classifier in ("mean_difference", "pattern"):
        assert np.flatnonzero(learn(constant, labels, classifier).weights).tolist() == [3]


def test_what_cannot_be_learned_is_refused() -> None:
    features = np.zeros((4, 2))
    with pytest.raises(ValueError, match=r"4 images are all True; expected images of both kinds"):
        learn(features, np.ones(4, dtype=bool), "pattern")
    with pytest.raises(
        ValueError, match=r"unknown classifier 'sgd' in similarity.supervised; did you mean 'sgd_hinge'"
    ):
        learn(features, np.arange(4) < 2, "sgd")
    with pytest.raises(ValueError, match=r"alpha: 0; expected more than 0"):
        learn(features, np.arange(4) < 2, "logistic", alpha=0)


def test_lengths_and_cosines() -> None:
    units = unit_length(np.array([[3.0, 4], [0, 0], [-2, 0]]))
    assert units.tolist() == [[0.6, 0.8], [0, 0], [-1, 0]]
    assert mean_cosine(units[[0, 2]]) == pytest.approx(-0.6)
    assert np.isnan(mean_cosine(units))  # a vector of length 0 has no cosine
    assert np.isnan(mean_cosine(units[:1]))
    rng = np.random.default_rng(0)
    several = unit_length(rng.normal(size=(5, 7)))
    slow = [float(several[i] @ several[j]) for i in range(5) for j in range(5) if i != j]
    assert mean_cosine(several) == pytest.approx(np.mean(slow), abs=1e-12)
