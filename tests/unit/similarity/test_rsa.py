"""RSA: Spearman between dissimilarities, against scipy, and what must not change it."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr

from conceptatlas.similarity.rsa import constant_images, rank_triangles, scaled_ranks, without
from conceptatlas.similarity.triangles import upper


def noise(n=30, p=12, seed=0):
    return np.random.default_rng(seed).normal(size=(n, p))


def rsa(x, y, batches=None):
    batches = [np.arange(len(x))] if batches is None else batches
    a, b = (rank_triangles(z, batches).astype(np.float64) for z in (x, y))
    return float(a @ b)


def slow(x, y):
    left, right = (upper(1 - np.corrcoef(z)) for z in (x, y))
    return float(spearmanr(left, right).statistic)


def test_it_is_the_rank_correlation_of_dissimilarities():
    x = noise()
    y = x[:, :6] + noise(30, 6, 1)
    assert rsa(x, y) == pytest.approx(slow(x, y), abs=1e-6)
    assert 0.05 < rsa(x, y) < 0.95


def test_batches_give_the_mean_over_them():
    x, y = noise(40), noise(40, seed=1) + noise(40)
    batches = [np.arange(0, 40, 2), np.arange(1, 40, 2)]
    expected = np.mean([slow(x[images], y[images]) for images in batches])
    assert rsa(x, y, batches) == pytest.approx(expected, abs=1e-6)


def test_a_layer_with_itself_and_with_copies():
    x = np.maximum(noise(), 0) + 0.01 * noise(seed=3)
    order = np.random.default_rng(1).permutation(12)
    assert rsa(x, x) == pytest.approx(1, abs=1e-6)
    assert rsa(x, x[:, order]) == pytest.approx(1, abs=1e-6)
    assert rsa(x, 40 * x) == pytest.approx(1, abs=1e-6)
    assert rsa(x, 40 * x + 3) == pytest.approx(1, abs=1e-6)


def test_opposite_arrangements_are_negative():
    # three images: dissimilarities ranked 1 2 3 against 3 2 1
    np.testing.assert_allclose(scaled_ranks(np.array([1.0, 2, 3])), np.array([-1, 0, 1]) / np.sqrt(2))
    assert scaled_ranks(np.array([1.0, 2, 3])) @ scaled_ranks(np.array([9.0, 5, 1])) == pytest.approx(-1)


def test_constant_images_are_left_out_and_the_others_ranked_again():
    x, y = noise(20), noise(20, seed=1) + noise(20)
    x[3] = 0.7
    y[5] = 0
    out = constant_images(x) | constant_images(y)
    assert np.flatnonzero(out).tolist() == [3, 5]
    batches = [np.arange(20)]
    a, kept = without(rank_triangles(x, batches), batches, out)
    b, _ = without(rank_triangles(y, batches), batches, out)
    rest = np.flatnonzero(~out)
    assert kept[0].tolist() == rest.tolist()
    assert float(a.astype(np.float64) @ b) == pytest.approx(slow(x[rest], y[rest]), abs=1e-6)


def test_equal_dissimilarities_have_no_ranks_and_few_images_nothing():
    assert not scaled_ranks(np.ones(5)).any()
    assert len(rank_triangles(noise(2), [np.arange(2)])) == 0
    all_out = np.ones(6, dtype=bool)
    entries, _ = without(rank_triangles(noise(6), [np.arange(6)]), [np.arange(6)], all_out)
    assert len(entries) == 0
