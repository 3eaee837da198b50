"""Images that teach, judge and compare are disjoint, and who does what follows from names only."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from conceptatlas.datasets.splits import NEITHER, TRAIN, VAL, Split
from conceptatlas.seeds import unit_interval
from conceptatlas.similarity.counter_sets import (
    CAV,
    GATE,
    TEST,
    Sides,
    balanced_test,
    counter_set,
    roles,
    shuffled_sides,
    sides,
)

Array = np.ndarray[Any, Any]


def split(n: int = 600, *, seed: int = 0) -> Split:
    of = np.random.default_rng(seed).choice([TRAIN, VAL, NEITHER], size=n, p=[0.5, 0.4, 0.1]).astype(np.int8)
    return Split([f"image_{i}" for i in range(n)], of, np.zeros(n, dtype=np.int64), "hash")


def two(n_with: int, n_without: int) -> Sides:
    return Sides(np.arange(n_with), np.arange(n_with, n_with + n_without))


def test_every_image_has_one_role() -> None:
    given = split()
    found = roles(given, seed=0)
    assert np.array_equal(found == CAV, given.of == TRAIN)
    assert np.array_equal(np.isin(found, (GATE, TEST)), given.of == VAL)
    assert np.array_equal(found == NEITHER, given.of == NEITHER)
    for i in np.flatnonzero(given.of == VAL):
        assert found[i] == (GATE if unit_interval(0, "gate or test", given.ids[i]) < 0.5 else TEST)
    share = (found == GATE).sum() / (given.of == VAL).sum()
    assert 0.4 < share < 0.6


def test_a_role_does_not_depend_on_other_images() -> None:
    given = split()
    few = np.arange(0, 600, 3)
    part = Split([given.ids[i] for i in few], given.of[few], given.blocks[few], "hash")
    assert np.array_equal(roles(part, seed=0), roles(given, seed=0)[few])
    assert not np.array_equal(roles(given, seed=1), roles(given, seed=0))


def test_sides_split_a_role_by_the_concept() -> None:
    of = np.array([CAV, TEST, CAV, GATE, NEITHER, CAV], dtype=np.int8)
    found = sides(of, CAV, np.array([0, 1, 4, 5]))
    assert (found.holding.tolist(), found.without.tolist()) == ([0, 5], [2])


def test_a_counter_set_holds_as_many_as_there_are_of_the_concept() -> None:
    of = two(20, 100)
    first = counter_set(of, "dog", 0, seed=0)
    assert np.array_equal(first.images[first.labels], of.holding)
    assert (~first.labels).sum() == 20
    assert np.isin(first.images[~first.labels], of.without).all()
    assert len(np.unique(first.images)) == 40
    other = counter_set(of, "dog", 1, seed=0)
    assert not np.array_equal(other.images, first.images)
    assert np.array_equal(counter_set(of, "dog", 0, seed=0).images, first.images)
    assert not np.array_equal(counter_set(of, "cat", 0, seed=0).images, first.images)


def test_where_most_images_hold_the_concept_it_is_drawn_from_them() -> None:
    drawn = counter_set(two(100, 20), "sky", 0, seed=0)
    assert drawn.labels.sum() == 20
    assert np.array_equal(drawn.images[~drawn.labels], np.arange(100, 120))


def test_counter_sets_reach_every_image_without_the_concept() -> None:
    of = two(10, 40)
    seen = np.concatenate([counter_set(of, "dog", repeat, seed=0).images[10:] for repeat in range(200)])
    counts = np.bincount(seen, minlength=50)[10:]
    assert abs(counts - 50).max() < 5 * np.sqrt(50 * 0.75)  # 200 draws of a quarter


def test_random_labels_stay_within_their_source() -> None:
    sources = np.repeat([0, 1, 2], [30, 50, 20])
    real = Sides(np.arange(0, 40), np.arange(40, 100))  # all of source 0, some of 1, none of 2
    found = shuffled_sides(real, sources, "dog", "cav", 0, seed=0)
    assert np.array_equal(np.sort(np.concatenate(found)), np.arange(100))
    assert np.bincount(sources[found.holding], minlength=3).tolist() == [30, 10, 0]
    assert not np.array_equal(found.holding, real.holding)
    again, other = (shuffled_sides(real, sources, "dog", "cav", number, seed=0) for number in (0, 1))
    assert np.array_equal(again.holding, found.holding)
    assert not np.array_equal(other.holding, found.holding)


def test_test_images_are_balanced_and_in_the_order_of_the_data_set() -> None:
    rng = np.random.default_rng(0)
    holds = rng.random(300) < 0.2
    of = Sides(np.flatnonzero(holds), np.flatnonzero(~holds))
    drawn = balanced_test(of, "dog", seed=0)
    assert (np.diff(drawn.images) > 0).all()
    assert drawn.labels.sum() == (~drawn.labels).sum() == holds.sum()
    assert np.array_equal(drawn.labels, holds[drawn.images])


def test_a_kind_without_images_is_refused() -> None:
    with pytest.raises(ValueError, match=r"counter-set, dog, 0: 5 images with the concept and 0 without"):
        counter_set(two(5, 0), "dog", 0, seed=0)
