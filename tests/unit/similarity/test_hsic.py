"""Unbiased CKA: the formula, the form that makes a pair one dot product, and what it must and must not react to."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from conceptatlas.similarity.hsic import gram_triangles, hsic1, u_centred
from conceptatlas.similarity.procrustes import centred
from conceptatlas.similarity.triangles import block_products, from_upper, shuffled_products, upper


def noise(n=64, p=20, seed=0):
    return np.random.default_rng(seed).normal(size=(n, p))


def one_batch(n):
    return [np.arange(n)]


def cka(x, y, batches=None):
    batches = one_batch(len(x)) if batches is None else batches
    a, b = (gram_triangles(centred(z), batches).astype(np.float64) for z in (x, y))
    return float(a @ b / np.sqrt((a @ a) * (b @ b)))


def biased_cka(x, y):
    K, L = ((z - z.mean(axis=0)) @ (z - z.mean(axis=0)).T for z in (x, y))
    return float((K * L).sum() / np.sqrt((K * K).sum() * (L * L).sum()))


def brute_hsic1(K, L):
    """Song et al. 2012 as a U-statistic: the mean over ordered 4-tuples of different images."""
    total, count = 0.0, 0
    for i, j, q, r in itertools.permutations(range(len(K)), 4):
        total += K[i, j] * (L[i, j] + L[q, r] - 2 * L[i, q])
        count += 1
    return total / count


def test_the_formula_is_the_mean_over_different_images():
    K, L = (z @ z.T for z in (noise(7, 3, 1), noise(7, 5, 2)))
    assert hsic1(K, L) == pytest.approx(brute_hsic1(K, L), rel=1e-10)


def test_the_formula_does_not_read_the_diagonal():
    K, L = (z @ z.T for z in (noise(8, 3, 1), noise(8, 5, 2)))
    expected = hsic1(K, L)
    np.fill_diagonal(K, 99.0)
    assert hsic1(K, L) == pytest.approx(expected, rel=1e-12)


def test_four_images_by_hand():
    # K has one pair (0, 1), L has one pair (2, 3): tr KL = 0, sums 2 and 2, K1 . L1 = 0: 4 / 6 / 4
    K, L = np.zeros((4, 4)), np.zeros((4, 4))
    K[0, 1] = K[1, 0] = L[2, 3] = L[3, 2] = 1
    assert hsic1(K, L) == pytest.approx(1 / 6)
    # the same pair in both: 2 + 4/6 - 2 * 2 / 2, over 4
    assert hsic1(K, K) == pytest.approx((2 + 4 / 6 - 2) / 4)


def test_u_centred_matrices_give_the_formula_as_one_product():
    K, L = (z @ z.T for z in (noise(30, 4, 1), noise(30, 50, 2)))
    n = 30
    product = float((u_centred(K) * u_centred(L)).sum()) / (n * (n - 3))
    assert product == pytest.approx(hsic1(K, L), rel=1e-9)
    np.testing.assert_allclose(u_centred(K).sum(axis=1), 0, atol=1e-10)


def test_batches_give_the_ratio_of_mean_hsic():
    x, y = noise(60, 5, 1), noise(60, 9, 2) + noise(60, 9, 3) * 0
    x[:, 0] = y[:, 0]
    batches = [np.arange(0, 60, 2), np.arange(1, 60, 2)]
    means = []
    for left, right in ((x, y), (x, x), (y, y)):
        found = []
        for images in batches:
            K, L = (z[images] @ z[images].T for z in (left, right))
            found.append(hsic1(K, L))
        means.append(np.mean(found))
    assert cka(x, y, batches) == pytest.approx(means[0] / np.sqrt(means[1] * means[2]), abs=1e-6)


def test_a_layer_with_itself_and_with_copies():
    x = np.maximum(noise(50, 20), 0) * np.linspace(0.1, 3, 20)
    rng = np.random.default_rng(5)
    rotation = np.linalg.qr(rng.normal(size=(20, 20)))[0]
    assert cka(x, x) == pytest.approx(1, abs=1e-12)
    assert cka(x, x[:, rng.permutation(20)]) == pytest.approx(1, abs=1e-6)
    assert cka(x, 37.5 * x) == pytest.approx(1, abs=1e-6)
    assert cka(x, x @ rotation + 4) == pytest.approx(1, abs=1e-6)
    assert cka(x, x * np.linspace(0.05, 5, 20)) < 0.99  # scales of single units do change it


def test_independent_noise_gives_zero_where_the_biased_form_gives_one():
    found, trap = [], []
    for seed in range(12):
        x, y = noise(64, 2048, 2 * seed), noise(64, 2048, 2 * seed + 1)
        found.append(cka(x, y))
        trap.append(biased_cka(x, y))
    error = np.std(found, ddof=1) / np.sqrt(len(found))
    assert abs(np.mean(found)) < 4 * error
    assert np.std(found) < 0.05
    assert min(trap) > 0.9
    assert min(found) < 0 < max(found)  # negative values are kept


def test_what_does_not_vary_is_zero_and_too_few_images_nothing():
    constant = np.full((10, 4), 0.1, dtype=np.float32)
    assert not centred(constant).any()
    assert not gram_triangles(centred(constant), one_batch(10)).any()
    assert len(gram_triangles(centred(noise(3, 4)), one_batch(3))) == 0
    with pytest.raises(ValueError, match="at least 4 images"):
        hsic1(np.eye(3), np.eye(3))


def test_triangles_go_back_and_forth():
    gram = noise(9, 4) @ noise(9, 4).T
    gram = gram + gram.T
    np.fill_diagonal(gram, 0)
    np.testing.assert_array_equal(from_upper(upper(gram), 9), gram)


@pytest.mark.parametrize("n", [2, 5, 8, 13])
def test_shuffled_and_block_products_equal_their_twins(n):
    rng = np.random.default_rng(n)
    first, second = (upper(z @ z.T).astype(np.float32) for z in (noise(n, 3, 1), noise(n, 3, 2)))
    order = np.array([rng.permutation(n) for _ in range(4)])
    whole = from_upper(second, n)
    slow = [float((first.astype(np.float64) * upper(whole[np.ix_(p, p)])).sum()) for p in order]
    np.testing.assert_allclose(shuffled_products(first, second, one_batch(n), order), slow, rtol=1e-12)
    blocks = rng.integers(0, 3, n)
    expected = np.zeros((3, 3))
    for at, (i, j) in enumerate(itertools.combinations(range(n), 2)):
        product = float(first[at]) * float(second[at]) / 2
        expected[blocks[i], blocks[j]] += product
        expected[blocks[j], blocks[i]] += product
    found = block_products(first, second, one_batch(n), blocks, n_blocks=3)
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_a_shuffle_out_of_its_batch_is_refused():
    batches = [np.array([0, 1, 2]), np.array([3, 4, 5])]
    entries = np.ones(6, dtype=np.float32)
    with pytest.raises(ValueError, match="another batch"):
        shuffled_products(entries, entries, batches, np.array([[3, 1, 2, 0, 4, 5]]))
    with pytest.raises(ValueError, match="do not belong"):
        block_products(entries[:5], entries[:5], batches, np.zeros(6, dtype=np.int64))
