"""Congruence of two spaces: clusters and matrices, in all classes and within them, against shuffled pairs."""

from __future__ import annotations

import json

import h5py
import numpy as np
import pytest
from scipy.spatial.distance import cdist

from conceptatlas.linking.congruence import congruence_estimates, correlate, matrix, rand_index
from conceptatlas.linking.pair_file import Pairs

RNG = np.random.default_rng(0)
CLASSES = np.repeat(np.arange(3), 40)


def made(path, w, r, classes=CLASSES):
    with h5py.File(path, "w") as store:
        store["w"], store["r"], store["class"] = w.astype(np.float32), r.astype(np.float32), classes
        store["seed"], store["tries"] = np.arange(len(w)), np.ones(len(w), np.int64)
        store["test"] = store["filled"] = np.ones(len(w), bool)
        store.attrs["classes"] = json.dumps(["a", "b", "c"])
    return Pairs([path], test=True)


def estimates(pairs):
    found = congruence_estimates(pairs, n_repeats=6, n_examples=30, n_inits=4, confidence=0.95, seed=0)
    return {(e.measure, e.scope): e for e in found}


def test_matrices_are_correlations_and_distances():
    values = RNG.normal(size=(9, 5))
    np.testing.assert_allclose(matrix(values, "similarity"), np.corrcoef(values), atol=1e-12)
    np.testing.assert_allclose(matrix(values, "dissimilarity"), cdist(values, values), atol=1e-6)
    assert (matrix(np.ones((3, 4)), "similarity") == 0).all()


def test_correlation_by_hand_and_within_classes():
    one = np.array([[0, 1, 5], [1, 0, 6], [5, 6, 0]], float)
    other = np.array([[0, 2, 3], [2, 0, 9], [3, 9, 0]], float)
    assert correlate(one, other) == pytest.approx(np.corrcoef([1, 5, 6], [2, 3, 9])[0, 1])
    x = matrix(RNG.normal(size=(6, 3)), "dissimilarity")
    y = matrix(RNG.normal(size=(6, 3)), "dissimilarity")
    classes = np.array([0, 0, 0, 1, 1, 1])
    a, b = [], []
    for rows in ((0, 1, 2), (3, 4, 5)):
        own = [(rows[0], rows[1]), (rows[0], rows[2]), (rows[1], rows[2])]
        for m, values in ((x, a), (y, b)):
            picked = np.array([m[i, j] for i, j in own])
            values.extend(picked - picked.mean())
    assert correlate(x, y, classes) == pytest.approx(float(np.dot(a, b) / np.sqrt(np.dot(a, a) * np.dot(b, b))))


def test_spaces_that_are_turned_copies_agree(tmp_path):
    w = RNG.normal(size=(120, 6)) + 4 * np.eye(6)[CLASSES]
    turned = w @ np.linalg.qr(RNG.normal(size=(6, 6)))[0]
    rows = estimates(made(tmp_path / "p.h5", w, turned))
    assert rows["dissimilarity_correlation", "total"].value == pytest.approx(1, abs=1e-5)
    assert rows["dissimilarity_correlation", "within class"].value == pytest.approx(1, abs=1e-5)
    assert rows["ari_w", "total"].value == pytest.approx(rows["ari_r", "total"].value, abs=0.02)
    assert rows["ari_w", "total"].value > 0.7
    assert rows["ari_w", "total"].null_high < 0.1


def test_classes_alone_agree_in_all_and_not_within(tmp_path):
    centres = 6 * np.eye(5)[:3]
    w = centres[CLASSES] + RNG.normal(size=(120, 5))
    r = centres[CLASSES] + RNG.normal(size=(120, 5))
    rows = estimates(made(tmp_path / "p.h5", w, r))
    assert rows["dissimilarity_correlation", "total"].value > 0.7
    assert abs(rows["dissimilarity_correlation", "within class"].value) < 0.15
    assert rows["dissimilarity_correlation", "total"].p == pytest.approx(1 / 7)
    assert rows["similarity_correlation", "total"].n == 90


def test_no_classes_no_numbers(tmp_path):
    assert estimates(made(tmp_path / "p.h5", RNG.normal(size=(9, 3)), RNG.normal(size=(9, 3)), np.zeros(9, int))) == {}


def test_the_rand_index_is_adjusted():
    assert rand_index(np.array([1, 1, 0, 0]), np.array([5, 5, 7, 7])) == 1
    assert abs(rand_index(RNG.integers(0, 3, 3000), RNG.integers(0, 3, 3000))) < 0.01
