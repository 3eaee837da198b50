"""From label maps to packed rows, through the file, to one mask a concept; against slow twins."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conceptatlas.datasets.annotation_file import AnnotationWriter, iterate_annotations, read_annotations
from conceptatlas.datasets.annotations import (
    mask_bytes,
    n_pixels_of,
    pack_masks,
    rasterise,
    unpack_masks,
)
from conceptatlas.datasets.frames import placement, sample_grid
from conceptatlas.datasets.reader import ConceptKey, ImageLabel, LabelMap, present_numbers
from conceptatlas.naming import CATEGORIES

VOCABULARY = {"sky": 0, "car": 1, "wheel": 2, "street": 3, "dot": 4}
SKY, CAR, WHEEL = ConceptKey("sky", "object"), ConceptKey("car", "object"), ConceptKey("wheel", "part")
DOT = ConceptKey("dot", "object")


def labels_of_a_car(height=40, width=60):
    """Disjoint objects, a part inside one of them in two layers, the wheel once as an object, a scene, a dot."""
    objects = np.zeros((height, width), dtype=np.int32)
    objects[: height // 2] = 1
    objects[height // 2 :, 10:50] = 2
    objects[height - 1, width - 1] = 3
    parts = np.zeros((height, width), dtype=np.int32)
    parts[height - 12 : height - 4, 14:22] = 9
    more_parts = np.zeros((height, width), dtype=np.int32)
    more_parts[height - 10 : height - 2, 18:40] = 9
    return [
        LabelMap(objects, {1: SKY, 2: CAR, 3: DOT}),
        LabelMap(parts, {9: WHEEL}),
        LabelMap(more_parts, {9: WHEEL}),
        LabelMap(parts, {9: ConceptKey("wheel", "object")}),
        ImageLabel(ConceptKey("street", "scene")),
    ]


def slow_rows(labels, where, size):
    """(concept, category) -> mask as nested loops over cells."""
    rows, columns = sample_grid(where, size)
    found = {}
    for label in labels:
        if isinstance(label, ImageLabel):
            mask = np.array([[r >= 0 and c >= 0 for c in columns] for r in rows])
            found[VOCABULARY[label.concept.name], CATEGORIES.index(label.concept.category)] = mask
            continue
        height, width = label.numbers.shape
        map_rows, map_columns = sample_grid(where, size, shape=(height, width))
        for number, concept in label.concepts.items():
            if not (label.numbers == number).any():
                continue
            key = VOCABULARY[concept.name], CATEGORIES.index(concept.category)
            mask = found.setdefault(key, np.zeros((size, size), dtype=bool))
            for y in range(size):
                for x in range(size):
                    r, c = map_rows[y], map_columns[x]
                    if r >= 0 and c >= 0 and label.numbers[r, c] == number:
                        mask[y, x] = True
    return found


@pytest.mark.parametrize("frame", ["squash", "pad", "centre_crop"])
@pytest.mark.parametrize("size", [16, 113])
def test_rows_equal_a_slow_twin(frame, size):
    labels = labels_of_a_car()
    where = placement(frame, height=40, width=60)
    found = rasterise(labels, where, size=size, vocabulary=VOCABULARY)
    expected = slow_rows(labels, where, size)
    keys = list(zip(found.concept_index.tolist(), found.category.tolist(), strict=True))
    assert keys == sorted(expected)
    assert found.n_pixels.tolist() == [int(expected[key].sum()) for key in keys]
    masks = iter(unpack_masks(found.masks, size))
    for key, has_mask in zip(keys, found.has_mask, strict=True):
        assert has_mask == (key[0] != VOCABULARY["street"])
        if has_mask:
            np.testing.assert_array_equal(next(masks), expected[key])
    if frame == "pad":
        rows, _ = sample_grid(where, size)
        np.testing.assert_array_equal(unpack_masks(found.ignore, size), np.repeat((rows < 0)[:, None], size, axis=1))
    else:
        assert found.ignore is None


def test_disjoint_labels_stay_disjoint_and_cover_what_the_map_covers():
    rng = np.random.default_rng(3)
    numbers = rng.integers(1, 6, (57, 91))
    names = {number: ConceptKey(name, "object") for name, number in zip(VOCABULARY, range(1, 6), strict=True)}
    for frame in ("squash", "pad", "centre_crop"):
        where = placement(frame, height=57, width=91)
        found = rasterise([LabelMap(numbers, names)], where, size=113, vocabulary=VOCABULARY)
        cover = unpack_masks(found.masks, 113).sum(axis=0)
        assert cover.max() == 1
        rows, columns = sample_grid(where, 113)
        assert cover.sum() == (rows >= 0).sum() * (columns >= 0).sum()


def test_a_label_too_small_for_the_grid_keeps_its_row_with_zero_pixels():
    found = rasterise(labels_of_a_car(), placement("squash", height=40, width=60), size=8, vocabulary=VOCABULARY)
    dot = found.concept_index.tolist().index(VOCABULARY["dot"])
    assert found.n_pixels[dot] == 0
    assert found.has_mask[dot]


def test_unlisted_numbers_are_unlabelled_and_several_numbers_may_be_one_concept():
    numbers = np.array([[1, 2], [3, 0]])
    found = rasterise(
        [LabelMap(numbers, {1: SKY, 2: SKY})], placement("squash", height=2, width=2), size=2, vocabulary=VOCABULARY
    )
    assert found.n_pixels.tolist() == [2]


def test_label_of_the_whole_image_covers_all_but_the_padding():
    label = [ImageLabel(ConceptKey("street", "scene"))]
    for frame, expected in (("squash", 16 * 16), ("pad", 16 * 8)):
        found = rasterise(label, placement(frame, height=10, width=20), size=16, vocabulary=VOCABULARY)
        assert found.n_pixels.tolist() == [expected]
        assert found.masks.shape == (0, mask_bytes(16))


def test_errors_name_what_is_wrong():
    where = placement("squash", height=4, width=4)
    with pytest.raises(ValueError, match="unknown concept 'whel'; did you mean 'wheel'"):
        rasterise([ImageLabel(ConceptKey("whel", "part"))], where, size=4, vocabulary=VOCABULARY)
    with pytest.raises(ValueError, match="unknown category 'colour'"):
        rasterise([ImageLabel(ConceptKey("sky", "colour"))], where, size=4, vocabulary=VOCABULARY)
    with pytest.raises(ValueError, match="does not fit its picture"):
        rasterise([LabelMap(np.zeros((4, 9), dtype=int), {1: SKY})], where, size=4, vocabulary=VOCABULARY)
    with pytest.raises(ValueError, match="whole numbers, not float64"):
        rasterise([LabelMap(np.zeros((4, 4)), {1: SKY})], where, size=4, vocabulary=VOCABULARY)


@given(size=st.integers(1, 40), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=50, deadline=None)
def test_packing_is_the_stated_bit_order_and_comes_back(size, seed):
    masks = np.random.default_rng(seed).random((3, size, size)) < 0.3
    packed = pack_masks(masks)
    assert packed.shape == (3, mask_bytes(size))
    assert packed.shape[1] % 8 == 0
    np.testing.assert_array_equal(unpack_masks(packed, size), masks)
    assert n_pixels_of(packed).tolist() == masks.sum(axis=(1, 2)).tolist()
    flat = masks[0].reshape(-1)
    for i in range(0, size * size, 7):
        assert bool(packed[0, i // 8] >> (i % 8) & 1) == flat[i]


def test_present_numbers_finds_every_value():
    numbers = np.random.default_rng(0).integers(-3, 9, (20, 30))
    np.testing.assert_array_equal(present_numbers(numbers), np.unique(numbers))
    assert present_numbers(np.zeros((0, 4), dtype=int)).size == 0


def write(path, *, size=16, frame="pad", n=5, start=10):
    where = placement(frame, height=40, width=60)
    with AnnotationWriter(path, start=start, stop=start + n, mask_size=size, padded=frame == "pad") as writer:
        for i in range(n):
            labels = [] if i == 1 else labels_of_a_car()[: i + 1]
            writer.add(start + i, rasterise(labels, where, size=size, vocabulary=VOCABULARY))
    return writer.digests


def test_file_comes_back_whole_and_in_windows(tmp_path):
    digests = write(tmp_path / "a.h5")
    whole = read_annotations(tmp_path / "a.h5")
    assert set(digests) == {"image_index", "concept_index", "category", "n_pixels", "mask_row", "masks", "ignore"}
    order = np.lexsort((whole.category, whole.concept_index, whole.image_index))
    np.testing.assert_array_equal(order, np.arange(order.size))
    assert (whole.start, whole.stop, whole.mask_size) == (10, 15, 16)
    np.testing.assert_array_equal(n_pixels_of(whole.masks), whole.n_pixels[whole.mask_row >= 0])
    for n_images in (1, 2, 100):
        windows = list(iterate_annotations(tmp_path / "a.h5", n_images=n_images))
        for field in ("image_index", "concept_index", "category", "n_pixels", "masks", "ignore"):
            joined = np.concatenate([getattr(window, field) for window in windows])
            np.testing.assert_array_equal(joined, getattr(whole, field))
        for window in windows:
            own = window.masks[window.mask_row[window.mask_row >= 0]]
            np.testing.assert_array_equal(n_pixels_of(own), window.n_pixels[window.mask_row >= 0])
    assert read_annotations(tmp_path / "a.h5", start=11, stop=12).image_index.size == 0
    assert read_annotations(tmp_path / "a.h5", start=0, stop=99).image_index.size == whole.image_index.size


def test_merging_equals_a_slow_or(tmp_path):
    write(tmp_path / "a.h5")
    whole = read_annotations(tmp_path / "a.h5")
    merged = whole.merged()
    expected = {}
    for i in range(whole.image_index.size):
        key = int(whole.image_index[i]), int(whole.concept_index[i])
        row = whole.mask_row[i]
        if row < 0 or expected.get(key, 0) is None:
            expected[key] = None
        else:
            mask = unpack_masks(whole.masks[row], 16)
            expected[key] = mask | expected.get(key, np.zeros_like(mask))
    keys = list(zip(merged.image_index.tolist(), merged.concept_index.tolist(), strict=True))
    assert keys == list(expected)
    for i, key in enumerate(keys):
        if expected[key] is None:
            assert merged.mask_row[i] == -1
            assert merged.n_pixels[i] == 16 * 16 - n_pixels_of(whole.ignore[0])
        else:
            np.testing.assert_array_equal(unpack_masks(merged.masks[merged.mask_row[i]], 16), expected[key])
            assert merged.n_pixels[i] == expected[key].sum()
    # the wheel of the last image: two layers and two categories, pixels count once
    rows = whole.concept_index[whole.image_index == 14]
    assert (rows == VOCABULARY["wheel"]).sum() == 2


def test_a_concept_of_the_whole_image_wins_over_its_mask(tmp_path):
    numbers = np.zeros((8, 8), dtype=int)
    numbers[:2] = 1
    labels = [LabelMap(numbers, {1: SKY}), ImageLabel(ConceptKey("sky", "scene"))]
    with AnnotationWriter(tmp_path / "a.h5", start=0, stop=1, mask_size=8, padded=False) as writer:
        writer.add(0, rasterise(labels, placement("squash", height=8, width=8), size=8, vocabulary=VOCABULARY))
    merged = read_annotations(tmp_path / "a.h5").merged()
    assert merged.mask_row.tolist() == [-1]
    assert merged.n_pixels.tolist() == [64]


def test_shard_without_rows(tmp_path):
    with AnnotationWriter(tmp_path / "a.h5", start=0, stop=0, mask_size=8, padded=True):
        pass
    empty = read_annotations(tmp_path / "a.h5")
    assert empty.image_index.size == 0
    assert empty.merged().image_index.size == 0
    assert list(iterate_annotations(tmp_path / "a.h5", n_images=4)) == []
