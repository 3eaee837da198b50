"""Integer counts equal obvious loops, whatever the geometry, and however the images are cut and ordered."""

from __future__ import annotations

import numpy as np
import pytest

from conceptatlas.masks import tally as tally_module
from conceptatlas.masks.label_bits import LabelBits
from conceptatlas.masks.tally import Tally, TallySum, tally_images
from slow_twins import GEOMETRIES, assert_same_counts, dense_tally, grid_of, random_labels, slow_tally

N_CATEGORIES = 6


def scene(*, seed=0, n_images=12, n_units=4, n_concepts=7, shape=(5, 6), size=16, padded=False):
    """Maps, thresholds, labels, blocks, primary categories, validity: with dead and saturated units among them."""
    rng = np.random.default_rng(seed)
    maps = np.maximum(rng.normal(size=(n_images, n_units, *shape)), 0).astype(np.float16)
    maps[:, 1] = rng.normal(size=maps[:, 1].shape)
    maps[:, -1] = 0
    thresholds = np.array([1.0, -0.8, 1.5, 0.0], dtype=np.float32)[:n_units]
    labels = random_labels(rng, n_images=n_images, n_concepts=n_concepts, size=size, padded=padded)
    blocks = rng.integers(0, 32, size=n_images)
    blocks[:3] = blocks[0]  # several images of one block
    primary = rng.integers(0, N_CATEGORIES, size=n_concepts)
    valid = np.ones(n_images, dtype=bool)
    valid[[2, 7]] = False
    return maps, thresholds, labels, blocks, primary, valid


def tally_of(maps, thresholds, labels, blocks, primary, grid, valid=None):
    maximum = maps.max(axis=(2, 3)).astype(np.float32)
    return tally_images(
        maps, maximum, thresholds, labels, blocks, primary, grid, n_categories=N_CATEGORIES, valid=valid
    )


@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize("geometry", GEOMETRIES, ids=str)
def test_equals_the_slow_twin(geometry, padded):
    maps, thresholds, labels, blocks, primary, valid = scene(padded=padded)
    grid = grid_of(maps.shape[2:], labels.size, geometry)
    found = tally_of(maps, thresholds, labels.bits(), blocks, primary, grid, valid)
    expected = slow_tally(maps, thresholds, labels, blocks, primary, grid, n_categories=N_CATEGORIES, valid=valid)
    assert expected.intersections.sum() > 0
    assert_same_counts(dense_tally(found), expected)


@pytest.mark.parametrize("seed", range(4))
def test_equals_the_slow_twin_for_other_sizes(seed):
    shape, size = [((1, 1), 9), ((7, 7), 33), ((3, 8), 8), ((6, 5), 4)][seed]
    maps, thresholds, labels, blocks, primary, valid = scene(seed=seed, shape=shape, size=size, padded=seed % 2 == 0)
    grid = grid_of(shape, size, GEOMETRIES[seed])
    found = tally_of(maps, thresholds, labels.bits(), blocks, primary, grid, valid)
    expected = slow_tally(maps, thresholds, labels, blocks, primary, grid, n_categories=N_CATEGORIES, valid=valid)
    assert_same_counts(dense_tally(found), expected)


def parts_of(cuts, scene_, grid):
    """Tallies of runs of images, as shards give them."""
    maps, thresholds, labels, blocks, primary, valid = scene_
    bits = labels.bits()
    out = []
    for images in np.split(np.arange(len(maps)), cuts):
        out.append(
            tally_of(maps[images], thresholds, bits.select(images), blocks[images], primary, grid, valid[images])
        )
    return out


def assert_equal_tallies(one, other):
    for name in Tally.__dataclass_fields__:
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)


@pytest.mark.parametrize("cuts", [[4], [1, 2, 3], [0, 5, 5, 12], list(range(1, 12))], ids=str)
@pytest.mark.parametrize("padded", [False, True])
def test_shards_and_their_order_change_nothing(cuts, padded):
    things = scene(padded=padded)
    grid = grid_of((5, 6), 16, GEOMETRIES[0])
    maps, thresholds, labels, blocks, primary, valid = things
    whole = tally_of(maps, thresholds, labels.bits(), blocks, primary, grid, valid)
    parts = parts_of(cuts, things, grid)
    for order in (parts, parts[::-1]):
        merged = Tally.empty(maps.shape[1], len(primary), N_CATEGORIES)
        for part in order:
            merged.merge(part)
        assert_equal_tallies(merged, whole)
        total = TallySum(maps.shape[1], len(primary), N_CATEGORIES)
        for part in order:
            total.add(part)
        assert_equal_tallies(total.result(), whole)


def test_merging_is_associative():
    grid = grid_of((5, 6), 16, GEOMETRIES[0])

    def sum_of(first, second):
        first.merge(second)
        return first

    a, b, c = parts_of([4, 8], scene(), grid)
    left = sum_of(sum_of(a, b), c)
    a, b, c = parts_of([4, 8], scene(), grid)
    assert_equal_tallies(left, sum_of(a, sum_of(b, c)))


def test_pairs_at_once_and_image_order_change_nothing(monkeypatch):
    maps, thresholds, labels, blocks, primary, valid = scene()
    grid = grid_of((5, 6), 16, GEOMETRIES[0])
    whole = tally_of(maps, thresholds, labels.bits(), blocks, primary, grid, valid)
    monkeypatch.setattr(tally_module, "_PAIRS_AT_ONCE", 3)
    order = np.random.default_rng(9).permutation(len(maps))
    again = tally_of(maps[order], thresholds, labels.bits().select(order), blocks[order], primary, grid, valid[order])
    assert_equal_tallies(whole, again)


def test_dense_by_block_and_state():
    maps, thresholds, labels, blocks, primary, valid = scene()
    grid = grid_of((5, 6), 16, GEOMETRIES[0])
    tally = tally_of(maps, thresholds, labels.bits(), blocks, primary, grid, valid)
    full = dense_tally(tally).intersections
    np.testing.assert_array_equal(tally.dense(), full.sum(axis=2))
    half = np.arange(32) % 2 == 0
    np.testing.assert_array_equal(tally.dense(blocks=half), full[:, :, half].sum(axis=2))
    units, concepts = (index.ravel() for index in np.indices(full.shape[:2]))
    np.testing.assert_array_equal(tally.by_block(units, concepts), full[units, concepts])
    assert_equal_tallies(Tally(**tally.state()), tally)
    assert (tally.intersections > 0).all(), "zeros are left out"


def test_no_images_no_labels_nothing_active():
    maps, thresholds, labels, blocks, primary, _ = scene()
    grid = grid_of((5, 6), 16, GEOMETRIES[0])
    nothing = tally_of(maps, np.full(4, 1e4, dtype=np.float32), labels.bits(), blocks, primary, grid)
    assert nothing.dense().sum() == 0
    assert nothing.areas.sum() == 0
    assert nothing.images.sum() == len(maps)
    unlabelled = labels.bits().select(np.zeros(0, dtype=np.int64))
    none = tally_of(maps[:0], thresholds, unlabelled, blocks[:0], primary, grid)
    assert_equal_tallies(none, Tally.empty(4, len(primary), N_CATEGORIES))
    quarantined = tally_of(maps, thresholds, labels.bits(), blocks, primary, grid, np.zeros(len(maps), dtype=bool))
    assert_equal_tallies(quarantined, Tally.empty(4, len(primary), N_CATEGORIES))


def test_mismatched_images_are_refused():
    maps, thresholds, labels, blocks, primary, _ = scene()
    grid = grid_of((5, 6), 16, GEOMETRIES[0])
    with pytest.raises(ValueError, match="11 images of activations, 12 of labels"):
        tally_of(maps[:11], thresholds, labels.bits(), blocks, primary, grid)


def test_a_concept_labelled_twice_counts_a_pixel_once():
    """The OR over categories and mask layers; an image-level label swallows masks of the same concept."""
    maps, thresholds, _, blocks, primary, _ = scene()
    grid = grid_of((5, 6), 16, GEOMETRIES[0])
    rng = np.random.default_rng(5)
    labels = random_labels(rng, n_images=12, n_concepts=7, size=16, twice=False)
    twice = type(labels)(labels.rows + labels.rows[::-1], 12, 16)
    one, two = (tally_of(maps, thresholds, x.bits(), blocks, primary, grid) for x in (labels, twice))
    assert_equal_tallies(one, two)


def test_label_areas_and_selection():
    rng = np.random.default_rng(3)
    labels = random_labels(rng, n_images=6, n_concepts=5, size=9, padded=True)
    bits = labels.bits()
    merged = sorted(labels.merged().items())
    assert bits.areas().tolist() == [int(mask.sum()) for _, mask in merged]
    np.testing.assert_array_equal(bits.valid_pixels(), 81 - labels.ignore.sum(axis=(1, 2)))
    chosen = bits.select(np.array([4, 1, 1]))
    expected = [int(mask.sum()) for n in (4, 1, 1) for (i, _), mask in merged if i == n]
    assert chosen.areas().tolist() == expected


@pytest.mark.parametrize("masks", [True, False])
@pytest.mark.parametrize("padded", [True, False])
def test_saved_labels_map_back(tmp_path, masks, padded):
    """Also where every label is of the whole image, so that there is no mask to map."""
    labels = random_labels(np.random.default_rng(3), n_images=6, n_concepts=5, size=9, padded=padded)
    if not masks:
        labels.rows = [(image, concept, None) for image, concept, _ in labels.rows]
    bits = labels.bits()
    bits.save(tmp_path / "labels")
    again = LabelBits.load(tmp_path / "labels", n_pixels=81)
    for name in ("offsets", "concepts", "rows", "words"):
        np.testing.assert_array_equal(getattr(again, name), getattr(bits, name), err_msg=name)
    assert (again.ignore is None) == (bits.ignore is None)
    np.testing.assert_array_equal(again.areas(), bits.areas())
