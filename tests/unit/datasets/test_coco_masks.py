"""Segmentations against pycocotools' decoder, and by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools import mask as cocomask

from conceptatlas.datasets.coco_masks import covers_pixels, decode, encode, run_lengths
from tiny_coco import compressed, uncompressed

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def read(segmentation, height, width):
    return decode(encode(segmentation, height=height, width=width), height=height, width=width)


def refused(segmentation, message, *, height=10, width=12):
    with pytest.raises(ValueError, match=message):
        encode(segmentation, height=height, width=width)


def runs_by_hand(mask):
    """Lengths of runs over columns, beginning with the zeros, by walking."""
    runs, value = [0], 0
    for pixel in mask.T.reshape(-1).tolist():
        if pixel != value:
            runs.append(0)
            value = pixel
        runs[-1] += 1
    return runs


@given(st.integers(1, 90), st.integers(1, 70), st.floats(0, 1), st.integers(0, 2**31))
@settings(max_examples=60, deadline=None)
def test_both_kinds_of_run_lengths_give_the_mask_back(height, width, share, seed):
    rng = np.random.default_rng(seed)
    mask = (rng.random((height, width)) < share * rng.random((height, 1))).astype(np.uint8)
    encoded = compressed(mask)
    assert run_lengths(encoded["counts"]).tolist() == runs_by_hand(mask)
    for segmentation in (encoded, uncompressed(mask)):
        found = read(segmentation, height, width)
        assert found.dtype == np.uint8
        assert found.flags.c_contiguous
        np.testing.assert_array_equal(found, mask)


def test_long_runs_and_large_differences():
    mask = np.zeros((2000, 3000), dtype=np.uint8)
    mask[:, 100] = 1
    mask[5, 200] = 1
    mask[:, 900:2800] = 1
    assert run_lengths(compressed(mask)["counts"]).tolist() == runs_by_hand(mask)


def test_a_run_length_may_begin_with_ones():
    mask = np.ones((3, 4), dtype=np.uint8)
    assert uncompressed(mask)["counts"] == [0, 12]
    np.testing.assert_array_equal(read(uncompressed(mask), 3, 4), mask)
    np.testing.assert_array_equal(read(compressed(mask), 3, 4), mask)


def test_polygons_are_drawn_as_pycocotools_draws_them():
    rng = np.random.default_rng(1)
    for _ in range(50):
        height, width = rng.integers(5, 60, size=2).tolist()
        polygons = [
            (rng.uniform(-0.2, 1.2, size=(rng.integers(3, 9), 2)) * [width, height]).round(2).reshape(-1).tolist()
            for _ in range(rng.integers(1, 4))
        ]
        masks = cocomask.decode(cocomask.frPyObjects(polygons, height, width))
        np.testing.assert_array_equal(read(polygons, height, width), masks.max(axis=2))


def test_a_rectangle_covers_the_pixels_between_its_sides():
    found = read([[2, 3, 7, 3, 7, 9, 2, 9]], 10, 12)
    assert (found[3:9, 2:7] == 1).all()
    assert found.sum() == 30


def test_several_polygons_are_one_mask():
    first, second = [2, 3, 7, 3, 7, 9, 2, 9], [5, 0, 12, 0, 12, 5, 5, 5]
    union = read([first], 10, 12) | read([second], 10, 12)
    np.testing.assert_array_equal(read([first, second], 10, 12), union)


def test_fewer_than_three_points_enclose_nothing():
    whole = [2, 3, 7, 3, 7, 9, 2, 9]
    for short in ([], [1, 1], [1, 1, 8, 8]):
        assert encode([short], height=10, width=12) == []
        assert not read([short], 10, 12).any()
        np.testing.assert_array_equal(read([short, whole], 10, 12), read([whole], 10, 12))


def test_whether_pixels_are_covered_is_known_without_decoding():
    sliver = [[3.4, 3.4, 3.6, 3.4, 3.6, 3.6]]
    assert not read(sliver, 10, 12).any()
    assert not covers_pixels(encode(sliver, height=10, width=12))
    assert not covers_pixels([])
    assert covers_pixels(encode([[2, 3, 7, 3, 7, 9, 2, 9]], height=10, width=12))


def test_no_segmentation_is_refused():
    for nothing in (None, [], ""):
        refused(nothing, "no segmentation")
    refused("0:d0", "the segmentation is a str")


def test_broken_polygons_are_refused():
    refused([[1, 1, 5, 1, 5]], "a polygon is a list of x, y, x, y")
    refused([1, 1, 5, 1, 5, 5], "a polygon is a list of x, y, x, y")
    refused([[1, 1, 5, 1, 5, "5"]], "a coordinate of a polygon is no number")
    refused([[1, 1, 5, 1, 5, float("nan")]], "a coordinate of a polygon is no number")
    refused([[1, 1, 5, 1, 1e9, 5]], r"reaches from x = 1 to 1e\+09, the picture from 0 to 12")
    refused([[1, -11, 5, 1, 6, 5]], r"reaches from y = -11 to 5, the picture from 0 to 10")


def test_broken_run_lengths_are_refused():
    mask = np.zeros((10, 12), dtype=np.uint8)
    mask[2:8, 3:9] = 1
    plain, text = uncompressed(mask), compressed(mask)
    refused({**plain, "size": [12, 10]}, r"size \[12, 10\], the picture has \[10, 12\]")
    refused({"counts": plain["counts"]}, "size None")
    refused({**plain, "counts": plain["counts"][:-1]}, r"add up to \d+ pixels, the picture has 10 x 12")
    refused({**plain, "counts": [*plain["counts"], 5]}, "add up to 125 pixels")
    refused({**plain, "counts": [130, -10]}, "add up to 120 pixels")
    refused({**plain, "counts": [1.5, 118.5]}, "neither whole numbers nor text")
    refused({**plain, "counts": None}, "neither whole numbers nor text")
    refused({**text, "counts": text["counts"][:-1]}, "add up to|damaged")
    refused({**text, "counts": text["counts"] + "5"}, "add up to")
    refused({**text, "counts": ""}, "add up to 0 pixels")
    for damaged in ("hello world", "\u00e9", "P", "oooooooo0"):
        refused({**text, "counts": damaged}, "run lengths are damaged")
