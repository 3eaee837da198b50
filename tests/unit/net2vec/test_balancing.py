"""Balanced draws: cases small enough to check by eye, names that determine them, no image preferred."""

from __future__ import annotations

import numpy as np
import pytest

from conceptatlas.datasets.splits import NEITHER, TRAIN, VAL
from conceptatlas.net2vec.balancing import (
    Draw,
    Sides,
    balanced,
    epoch_draws,
    shuffled_sides,
    sides,
    validation_draw,
)

OF = np.array([TRAIN, TRAIN, VAL, TRAIN, NEITHER, VAL, TRAIN, VAL, TRAIN, VAL], dtype=np.int8)


def same(a: Draw, b: Draw) -> bool:
    return bool(np.array_equal(a.images, b.images) and np.array_equal(a.labels, b.labels))


def test_sides_by_hand() -> None:
    # images 1, 2, 4 and 8 hold it; 4 is in no split
    train, val = sides(OF, TRAIN, np.array([1, 2, 4, 8])), sides(OF, VAL, np.array([1, 2, 4, 8]))
    assert (train.holding.tolist(), train.without.tolist()) == ([1, 8], [0, 3, 6])
    assert (val.holding.tolist(), val.without.tolist()) == ([2], [5, 7, 9])


@pytest.mark.parametrize(("n_holding", "n_without"), [(2, 3), (3, 2), (4, 4), (1, 50), (50, 1)])
def test_all_of_the_rarer_kind_and_as_many_of_the_other(n_holding: int, n_without: int) -> None:
    of = Sides(np.arange(n_holding), 100 + np.arange(n_without))
    draw = balanced(of, "x", seed=0)
    n = min(n_holding, n_without)
    assert len(draw.images) == len(set(draw.images.tolist())) == 2 * n  # without replacement
    np.testing.assert_array_equal(draw.labels, draw.images < 100)
    assert draw.labels.sum() == n
    assert set((of.holding if n_holding <= n_without else of.without).tolist()) <= set(draw.images.tolist())


def test_one_image_of_each_kind_is_the_whole_draw() -> None:
    draw = balanced(Sides(np.array([7]), np.array([3])), "x", seed=0)
    assert sorted(zip(draw.images.tolist(), draw.labels.tolist(), strict=True)) == [(3, False), (7, True)]


def test_names_determine_the_draw() -> None:
    of = Sides(np.arange(10), 100 + np.arange(200))
    draws = epoch_draws(of, seed=0, concept="dog", n_epochs=3)
    again = epoch_draws(of, seed=0, concept="dog", n_epochs=2)
    assert same(draws[0], again[0])
    assert same(draws[1], again[1])  # whatever the number of epochs
    others = [
        draws[1],
        epoch_draws(of, seed=0, concept="cat", n_epochs=1)[0],
        epoch_draws(of, seed=1, concept="dog", n_epochs=1)[0],
        epoch_draws(of, seed=0, concept="dog", n_epochs=1, control=0)[0],
        epoch_draws(of, seed=0, concept="dog", n_epochs=1, control=1)[0],
        validation_draw(of, seed=0, concept="dog"),
    ]
    for i, one in enumerate(others):
        assert not any(same(one, other) for other in [draws[0], *others[:i]])
    assert same(validation_draw(of, seed=0, concept="dog"), validation_draw(of, seed=0, concept="dog"))


def test_the_order_is_a_permutation_and_no_image_is_preferred() -> None:
    of = Sides(np.arange(20), 100 + np.arange(50))
    n_epochs = 500
    draws = epoch_draws(of, seed=3, concept="dog", n_epochs=n_epochs)
    counts = np.bincount(np.concatenate([draw.images for draw in draws]), minlength=150)
    assert (counts[:20] == n_epochs).all()
    share = counts[100:] / n_epochs  # 0.4 each: five standard errors are 0.11
    assert np.abs(share - 0.4).max() < 0.11
    first = np.mean([draw.labels[0] for draw in draws])
    assert abs(first - 0.5) < 0.11


def test_shuffled_labels_keep_numbers_and_forget_the_concept() -> None:
    real = Sides(np.arange(100), 100 + np.arange(300))
    kept = []
    for control in range(40):
        shuffled = shuffled_sides(real, seed=0, concept="dog", split="train", control=control)
        assert (len(shuffled.holding), len(shuffled.without)) == (100, 300)
        assert sorted(np.concatenate(shuffled).tolist()) == list(range(400))
        assert (np.diff(shuffled.holding) > 0).all()
        kept.append((shuffled.holding < 100).mean())
    assert abs(np.mean(kept) - 0.25) < 0.03
    a, b = (shuffled_sides(real, seed=0, concept="dog", split=name, control=0) for name in ("train", "val"))
    assert not np.array_equal(a.holding, b.holding)


def test_nothing_to_balance_is_named() -> None:
    with pytest.raises(ValueError, match="0 images with the concept and 3 without"):
        balanced(Sides(np.arange(0), np.arange(3)), "net2vec", "epoch", "dog", 0, seed=0)
