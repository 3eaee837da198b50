"""Procrustes: by hand, against the best rotation found otherwise, and what must not change it."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import orthogonal_procrustes

from conceptatlas.similarity.procrustes import (
    AFFORDABLE,
    FEWEST,
    ROUNDING,
    affordable,
    centred,
    coordinates,
    image_shares,
    shuffled,
    similarity,
)


def noise(n=30, p=12, seed=0):
    return np.random.default_rng(seed).normal(size=(n, p))


def of(x, y):
    return similarity(coordinates(x).astype(np.float64), coordinates(y).astype(np.float64))


def test_two_images_by_hand():
    # centred and of norm 1: (1, -1) / sqrt 2 and the same in two units of lengths 3 and 4: nuclear norm 1
    assert of(np.array([[0.0], [2]]), np.array([[0.0, 0], [3, 4]])) == pytest.approx(1)
    # axes x and y of a square: sums of three orthogonal contrasts, half of the variance is shared
    x, y = np.array([[1.0], [1], [-1], [-1]]), np.array([[1.0], [-1], [1], [-1]])
    assert of(x, y) == pytest.approx(0, abs=1e-7)
    assert of(x, np.hstack([x, y])) == pytest.approx(np.sqrt(0.5), abs=1e-6)


def test_it_is_the_best_that_turning_can_do():
    x, y = centred(noise(25, 6, 1)), centred(noise(25, 6, 2) + noise(25, 6, 1))
    rotation, total = orthogonal_procrustes(x, y)
    assert similarity(x, y) == pytest.approx(total, rel=1e-9)
    distance = ((x @ rotation - y) ** 2).sum()
    assert distance == pytest.approx(2 - 2 * similarity(x, y), rel=1e-9)


@pytest.mark.parametrize("p", [5, 60])
def test_a_layer_with_itself_and_with_copies(p):
    x = np.maximum(noise(30, p), 0)
    rng = np.random.default_rng(1)
    turn = np.linalg.qr(rng.normal(size=(p, p)))[0]
    for y in (x, x[:, rng.permutation(p)], 12.5 * x, x @ turn + 3):
        assert of(x, y) == pytest.approx(1, abs=1e-6)


def test_coordinates_keep_every_product_between_images():
    x = noise(15, 80)
    z = coordinates(x).astype(np.float64)
    assert z.shape == (15, 15)
    np.testing.assert_allclose(z @ z.T, centred(x) @ centred(x).T, atol=1e-7)
    y = noise(15, 4, 1)
    assert of(x, y) == pytest.approx(similarity(centred(x), centred(y)), abs=1e-6)


def test_shares_of_images_add_up():
    x, y = centred(noise(20, 5, 1)), centred(noise(20, 9, 2))
    cross, left, right = image_shares(x, y)
    assert cross.sum() == pytest.approx(similarity(x, y), rel=1e-9)
    assert left.sum() == pytest.approx(1)
    assert right.sum() == pytest.approx(1)


def test_shuffled_images_lie_below_a_real_match():
    x = noise(40, 5)
    y = x[:, ::-1] + 0.2 * noise(40, 5, 1)
    order = np.array([np.random.default_rng(r).permutation(40) for r in range(19)])
    null = shuffled(centred(x), centred(y), order)
    assert null.max() < similarity(centred(x), centred(y))
    same = shuffled(centred(x), centred(y), np.arange(40)[None])[0]
    assert same == pytest.approx(similarity(centred(x), centred(y)), abs=ROUNDING / 10)


@pytest.mark.parametrize(("p", "q"), [(4, 30), (30, 4), (90, 90), (60, 3)])
def test_the_quick_way_of_the_null_is_the_slow_one(p, q):
    """Also where images are fewer than units and most singular values are 0."""
    x, y = coordinates(noise(40, p)).astype(np.float64), coordinates(noise(40, q, 1)).astype(np.float64)
    x[:, 2:] *= 1e-5  # a spectrum that falls off
    order = np.array([np.random.default_rng(r).permutation(40) for r in range(5)])
    slow = [similarity(x, y[one]) for one in order]
    np.testing.assert_allclose(shuffled(x, y, order), slow, atol=ROUNDING / 10)


def test_constant_units_and_layers():
    constant = np.full((10, 3), 0.1, dtype=np.float32)
    assert np.isnan(of(constant, noise(10, 3)))
    x = noise(10, 3)
    assert of(np.hstack([x, constant]), x) == pytest.approx(1, abs=1e-6)


def test_costly_pairs_get_fewer_shuffles():
    assert affordable(99, (200, 20), (200, 20)) == 99
    assert affordable(99, (1000, 1000), (1000, 1000)) == FEWEST
    assert affordable(9, (1000, 1000), (1000, 1000)) == 9
    assert affordable(10**9, (10, 1), (10, 1)) == int(AFFORDABLE // (10 + 3))
