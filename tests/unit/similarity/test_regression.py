"""Directed regression: against a loop over folds, directions, and what must not change it."""

from __future__ import annotations

import numpy as np
import pytest

from conceptatlas.seeds import image_block
from conceptatlas.similarity.procrustes import centred
from conceptatlas.similarity.regression import explained, folds_of, predictor, share, shuffled

NAMES = [f"image {i}" for i in range(200)]


def noise(n=100, p=6, seed=0):
    return np.random.default_rng(seed).normal(size=(n, p))


def folds(n):
    return folds_of(NAMES[:n], np.array([image_block(name) for name in NAMES[:n]]), seed=0)


def share_of(x, y, ridge=1e-3):
    x, y = centred(x), centred(y)
    return share(*explained(predictor(x, folds(len(x)), ridge=ridge, n_units=x.shape[1]), y))


def slow_share(x, y, *, ridge, n_units):
    """The definition, a fold at a time."""
    x, y = centred(x), centred(y)
    fold = folds(len(x))
    rss = tss = 0.0
    for number in np.unique(fold):
        held, kept = fold == number, fold != number
        mean_x, mean_y = x[kept].mean(axis=0), y[kept].mean(axis=0)
        learn = x[kept] - mean_x
        weight = ridge * (learn**2).sum() / min(kept.sum() - 1, n_units)
        coefficients = np.linalg.solve(learn.T @ learn + weight * np.eye(x.shape[1]), learn.T @ (y[kept] - mean_y))
        rss += ((y[held] - mean_y - (x[held] - mean_x) @ coefficients) ** 2).sum()
        tss += ((y[held] - mean_y) ** 2).sum()
    return 1 - rss / tss


@pytest.mark.parametrize("p", [3, 150])
@pytest.mark.parametrize("ridge", [1e-3, 1.0])
def test_it_is_the_share_on_held_out_folds(p, ridge):
    x = noise(100, p)
    y = np.hstack([x[:, :2], noise(100, 2, 1)])
    assert share_of(x, y, ridge) == pytest.approx(slow_share(x, y, ridge=ridge, n_units=p), abs=1e-9)


def test_it_has_a_direction():
    x = noise(150, 8)
    part = x[:, :3]
    assert share_of(x, part) > 0.999
    assert share_of(part, x) < 0.5


def test_a_layer_from_itself_and_from_copies():
    x = noise(150, 6)
    turn = np.linalg.qr(noise(6, 6, 4))[0]
    for y in (x, x[:, ::-1], 9 * x, x @ turn):
        assert share_of(y, x) == pytest.approx(share_of(x, x), abs=1e-9)
    assert share_of(x, x) == pytest.approx(1, abs=1e-5)


def test_noise_explains_nothing_and_may_be_worse_than_the_mean():
    assert share_of(noise(100, 60, 1), noise(100, 5, 2)) < 0


def test_shuffles_equal_doing_it_again():
    x, y = centred(noise(40, 5)), centred(noise(40, 3) + noise(40, 3, 1))
    made = predictor(x, folds(40), ridge=1e-3, n_units=5)
    order = np.array([np.random.default_rng(r).permutation(40) for r in range(5)])
    again = [share(*explained(made, y[p])) for p in order]
    np.testing.assert_allclose(shuffled(made, y, order), again, atol=1e-12)


def test_folds_follow_names_and_pictures():
    n = 100
    first = folds(n)
    assert np.bincount(first).tolist() == [20] * 5
    turned = folds_of(NAMES[:n][::-1], np.array([image_block(name) for name in NAMES[:n][::-1]]), seed=0)
    np.testing.assert_array_equal(turned, first[::-1])
    blocks = np.arange(n) // 4 % 32  # four images are cut from one picture
    cut = folds_of(NAMES[:n], blocks, seed=0)
    for block in range(25):
        assert len(set(cut[blocks == block])) == 1


def test_constant_layers():
    x = noise(50, 4)
    constant = np.full((50, 2), 0.3, dtype=np.float32)
    assert np.isnan(share_of(x, constant))
    assert share_of(constant, x) == pytest.approx(0, abs=1e-12)
    assert np.isfinite(share_of(np.hstack([x, x]), x, ridge=0.0))
