"""Balanced accuracy, its interval over repeats and blocks, and the point chance reaches."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from conceptatlas.inference.bootstrap import block_weights
from conceptatlas.seeds import generator
from conceptatlas.similarity.gating import (
    Rights,
    accuracy_interval,
    balanced_accuracies,
    count_right,
)
from conceptatlas.similarity.setting import N_BLOCKS

Array = np.ndarray[Any, Any]


def judged(n: int = 400, *, n_repeats: int = 4, right: float = 0.8, seed: int = 0) -> tuple[Array, Array, Array]:
    """What classifiers say of images, whether each holds the concept, and its block."""
    rng = np.random.default_rng(seed)
    labels = rng.random(n) < 0.3
    yes = labels ^ (rng.random((n_repeats, n)) > right)
    return yes, labels, rng.integers(0, N_BLOCKS, n)


def test_counts_by_hand() -> None:
    labels = np.array([True, True, False, False, False])
    yes = np.array([[True, False, False, True, False], [True, True, True, True, True]])
    rights = count_right(yes, labels, np.array([0, 3, 3, 3, 31]))
    assert rights.with_it[:, [0, 3, 31]].tolist() == [[1, 0, 0], [1, 1, 0]]
    assert rights.without[:, [0, 3, 31]].tolist() == [[0, 1, 1], [0, 0, 0]]
    assert (rights.n_with[[0, 3]].tolist(), rights.n_without[[3, 31]].tolist()) == ([1, 1], [2, 1])
    assert balanced_accuracies(rights).tolist() == [(1 / 2 + 2 / 3) / 2, 0.5]


def test_it_does_not_matter_how_many_images_a_kind_has() -> None:
    labels = np.arange(100) < 3
    always = np.ones((1, 100), dtype=bool)
    assert balanced_accuracies(count_right(always, labels, np.arange(100) % 32)).tolist() == [0.5]
    assert np.isnan(balanced_accuracies(count_right(always, np.ones(100, dtype=bool), np.arange(100) % 32))).all()


def test_the_interval_equals_a_slow_bootstrap() -> None:
    yes, labels, blocks = judged()
    rights = count_right(yes, labels, blocks)
    low, high = accuracy_interval(rights, n_bootstrap=50, confidence=0.9, seed=3)
    weights = block_weights(N_BLOCKS, 50, seed=3)
    repeats = generator(3, "similarity", "repeats", 4).multinomial(4, np.full(4, 0.25), size=50)
    values = []
    for of_repeat, of_block in zip(repeats, weights, strict=True):
        image_weight = of_block[blocks]
        shares = [
            sum(
                w * np.average(yes[r][kind] == labels[kind], weights=image_weight[kind])
                for r, w in enumerate(of_repeat)
            )
            / 4
            for kind in (labels, ~labels)
        ]
        values.append(np.mean(shares))
    assert (low, high) == pytest.approx(tuple(np.percentile(values, [5, 95])), abs=1e-12)
    assert low < balanced_accuracies(rights).mean() < high


def test_an_interval_needs_blocks_and_resamples() -> None:
    yes, labels, blocks = judged()
    everything = count_right(labels[None], labels, blocks)
    assert accuracy_interval(everything, n_bootstrap=200, confidence=0.95, seed=0) == (1, 1)
    few = count_right(yes, labels, blocks % 7)
    assert np.isnan(accuracy_interval(few, n_bootstrap=200, confidence=0.95, seed=0)).all()
    assert np.isnan(accuracy_interval(everything, n_bootstrap=0, confidence=0.95, seed=0)).all()
    empty = Rights(*(np.zeros_like(part) for part in everything))
    assert np.isnan(accuracy_interval(empty, n_bootstrap=200, confidence=0.95, seed=0)).all()


def test_repeats_that_disagree_widen_the_interval() -> None:
    yes, labels, blocks = judged(right=0.9)
    worse = np.concatenate([yes[:2], ~yes[2:]])
    limits = [
        accuracy_interval(count_right(of, labels, blocks), n_bootstrap=200, confidence=0.95, seed=0)
        for of in (yes, worse)
    ]
    assert limits[1][1] - limits[1][0] > 3 * (limits[0][1] - limits[0][0])
