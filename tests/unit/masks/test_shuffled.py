"""The null equals the slow path with permuted labels, and permutations are what they claim to be."""

from __future__ import annotations

import numpy as np
import pytest

from conceptatlas.masks.active import prepare
from conceptatlas.masks.iou import iou_category
from conceptatlas.masks.labels import best_in_category
from conceptatlas.masks.pairs import active_pairs, pair_masks
from conceptatlas.masks.shuffled import PackedPairs, null_labels, permutation
from slow_twins import GEOMETRIES, Labels, grid_of, random_labels, slow_tally

N_CATEGORIES = 6
PRIMARY = np.array([0, 2, 2, 5, 1, 0])


def scene(seed, *, padded=False, n_images=14):
    rng = np.random.default_rng(seed)
    maps = np.maximum(rng.normal(size=(n_images, 5, 4, 4)), 0).astype(np.float16)
    maps[:, 4] = 0
    thresholds = np.array([0.5, 1.0, 0.0, 1.6, 0.0], dtype=np.float32)
    labels = random_labels(rng, n_images=n_images, n_concepts=6, size=12, padded=padded)
    sources = rng.integers(0, 3, size=n_images)
    valid = rng.random(n_images) > 0.15
    return maps, thresholds, labels, sources, valid


def packed(maps, thresholds, grid, valid, ignore=None, at_once=4):
    pairs = PackedPairs()
    images, units = active_pairs(maps.max(axis=(2, 3)).astype(np.float32), thresholds, grid)
    kept = valid[images]
    images, units = images[kept], units[kept]
    for begin in range(0, len(images), at_once):
        piece = slice(begin, begin + at_once)
        pairs.add(pair_masks(maps, thresholds, images[piece], units[piece], grid, prepare(grid), ignore=ignore))
    return pairs.arrays()


@pytest.mark.parametrize("geometry", GEOMETRIES[:4], ids=str)
def test_equals_the_slow_path_with_permuted_labels(geometry):
    maps, thresholds, labels, sources, valid = scene(0)
    grid = grid_of((4, 4), 12, geometry)
    words, meta = packed(maps, thresholds, grid, valid)
    value, concept = null_labels(
        words, meta, labels.bits(), PRIMARY, sources, valid,
        n_units=5, n_categories=N_CATEGORIES, n_permutations=8, seed=3,
    )  # fmt: skip
    assert (value > 0).any()
    for replicate in range(8):
        moved = labels.permuted(permutation(sources, valid, seed=3, replicate=replicate))
        blocks = np.zeros(len(maps), dtype=int)
        slow = slow_tally(maps, thresholds, moved, blocks, PRIMARY, grid, n_categories=N_CATEGORIES, valid=valid)
        scores = iou_category(
            slow.intersections.sum(axis=2), slow.category_areas.sum(axis=2), slow.label_pixels.sum(axis=1), PRIMARY
        )
        best, expected = best_in_category(scores, PRIMARY, N_CATEGORIES)
        expected = np.nan_to_num(expected)
        np.testing.assert_array_equal(value[replicate], expected)
        np.testing.assert_array_equal(concept[replicate], np.where(expected > 0, best, -1))


def test_blocks_of_units_change_nothing():
    maps, thresholds, labels, sources, valid = scene(1, padded=True)
    grid = grid_of((4, 4), 12, GEOMETRIES[0])
    bits = labels.bits()
    options = {"n_categories": N_CATEGORIES, "n_permutations": 5, "seed": 0}
    whole = null_labels(
        *packed(maps, thresholds, grid, valid, bits.ignore), bits, PRIMARY, sources, valid, n_units=5, **options
    )
    for first, last in ((0, 2), (2, 5)):
        part = null_labels(
            *packed(maps[:, first:last], thresholds[first:last], grid, valid, bits.ignore, at_once=100),
            bits, PRIMARY, sources, valid, n_units=last - first, **options,
        )  # fmt: skip
        for found, expected in zip(part, whole, strict=True):
            np.testing.assert_array_equal(found, expected[:, first:last])


def test_more_permutations_begin_with_the_same():
    maps, thresholds, labels, sources, valid = scene(2)
    grid = grid_of((4, 4), 12, GEOMETRIES[0])
    words, meta = packed(maps, thresholds, grid, valid)
    runs = [
        null_labels(
            words, meta, labels.bits(), PRIMARY, sources, valid,
            n_units=5, n_categories=N_CATEGORIES, n_permutations=n, seed=7,
        )
        for n in (3, 9)
    ]  # fmt: skip
    np.testing.assert_array_equal(runs[0][0], runs[1][0][:3])


def test_permutations_stay_within_sources_and_leave_invalid_images():
    rng = np.random.default_rng(0)
    sources, valid = rng.integers(0, 4, size=200), rng.random(200) > 0.1
    moved = 0
    for replicate in range(20):
        order = permutation(sources, valid, seed=1, replicate=replicate)
        np.testing.assert_array_equal(np.sort(order), np.arange(200))
        np.testing.assert_array_equal(sources[order], sources)
        np.testing.assert_array_equal(order[~valid], np.flatnonzero(~valid))
        assert valid[order[valid]].all()
        moved += (order != np.arange(200)).sum()
    assert moved > 20 * 150
    assert not np.array_equal(
        permutation(sources, valid, seed=1, replicate=0), permutation(sources, valid, seed=2, replicate=0)
    )


def test_permutations_are_uniform():
    """Each of four images gets each of their labels a quarter of the time."""
    sources, valid = np.zeros(5, dtype=int), np.array([True, True, False, True, True])
    where = np.array([permutation(sources, valid, seed=0, replicate=r) for r in range(800)])
    for n in np.flatnonzero(valid):
        share = [(where[:, n] == m).mean() for m in np.flatnonzero(valid)]
        np.testing.assert_allclose(share, 0.25, atol=0.06)


def test_one_source_of_one_image_gives_the_observed_value_back():
    maps, thresholds, labels, _, _ = scene(3, n_images=6)
    grid = grid_of((4, 4), 12, GEOMETRIES[0])
    valid = np.ones(6, dtype=bool)
    words, meta = packed(maps, thresholds, grid, valid)
    value, _ = null_labels(
        words, meta, labels.bits(), PRIMARY, np.arange(6), valid,
        n_units=5, n_categories=N_CATEGORIES, n_permutations=2, seed=0,
    )  # fmt: skip
    blocks = np.zeros(6, dtype=int)
    slow = slow_tally(maps, thresholds, labels, blocks, PRIMARY, grid, n_categories=N_CATEGORIES)
    scores = iou_category(
        slow.intersections.sum(axis=2), slow.category_areas.sum(axis=2), slow.label_pixels.sum(axis=1), PRIMARY
    )
    _, expected = best_in_category(scores, PRIMARY, N_CATEGORIES)
    np.testing.assert_array_equal(value, np.broadcast_to(np.nan_to_num(expected), value.shape))


def test_nothing_active_gives_zero():
    labels = Labels([(0, 0, None)], 2, 12)
    words, meta = PackedPairs().arrays()
    value, concept = null_labels(
        words, meta, labels.bits(), PRIMARY, np.zeros(2, dtype=int), np.ones(2, dtype=bool),
        n_units=3, n_categories=N_CATEGORIES, n_permutations=2, seed=0,
    )  # fmt: skip
    assert (value == 0).all()
    assert (concept == -1).all()
