"""The geometry of frames: hand-computed cases, a slow twin, and one geometry for pictures and masks."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from PIL import Image

from conceptatlas.datasets.frames import FRAMES, check_same_view, place, placement, sample_grid
from tiny_datasets import picture


def slow_axis(length: int, window: int, size: int, n_pixels: int) -> list[int]:
    """The map pixel under the centre of each cell, in exact fractions."""
    found = []
    for i in range(size):
        centre = Fraction(length - window, 2) + (Fraction(i) + Fraction(1, 2)) * window / size
        inside = 0 <= centre < length
        found.append(int(centre * n_pixels / length // 1) if inside else -1)
    return found


def test_windows_by_hand():
    assert placement("squash", height=480, width=640).window_width == 640
    pad, crop = (placement(frame, height=480, width=640) for frame in ("pad", "centre_crop"))
    assert (pad.window_height, pad.window_width, pad.padded) == (640, 640, True)
    assert (crop.window_height, crop.window_width, crop.padded) == (480, 480, False)
    assert not placement("pad", height=5, width=5).padded


def test_sample_grid_by_hand():
    rows, columns = sample_grid(placement("pad", height=2, width=4), 4)
    assert rows.tolist() == [-1, 0, 1, -1]
    assert columns.tolist() == [0, 1, 2, 3]
    rows, columns = sample_grid(placement("centre_crop", height=2, width=4), 2)
    assert (rows.tolist(), columns.tolist()) == ([0, 1], [1, 2])
    # 4 cells on 8 pixels: centres 1, 3, 5, 7 lie on borders and belong to the later pixel
    rows, _ = sample_grid(placement("squash", height=8, width=8), 4)
    assert rows.tolist() == [1, 3, 5, 7]


@pytest.mark.parametrize("frame", FRAMES)
@pytest.mark.parametrize("size", [1, 7, 112, 113])
@pytest.mark.parametrize("shape", [(224, 224), (480, 640), (333, 500), (3, 17), (640, 427)])
def test_sample_grid_equals_exact_fractions(frame, size, shape):
    where = placement(frame, height=shape[0], width=shape[1])
    rows, columns = sample_grid(where, size)
    assert rows.tolist() == slow_axis(where.height, where.window_height, size, where.height)
    assert columns.tolist() == slow_axis(where.width, where.window_width, size, where.width)


def test_label_map_of_another_size_uses_the_same_geometry():
    where = placement("pad", height=48, width=64)
    rows, columns = sample_grid(where, 31, shape=(24, 32))
    assert rows.tolist() == slow_axis(48, 64, 31, 24)
    assert columns.tolist() == slow_axis(64, 64, 31, 32)


@pytest.mark.parametrize("size", [5, 113])
def test_squash_sampling_is_pillows_nearest(size):
    numbers = np.random.default_rng(0).integers(0, 200, (37, 53), dtype=np.uint8)
    rows, columns = sample_grid(placement("squash", height=37, width=53), size)
    nearest = Image.fromarray(numbers).resize((size, size), Image.Resampling.NEAREST)
    np.testing.assert_array_equal(numbers[np.ix_(rows, columns)], np.asarray(nearest))


@pytest.mark.parametrize("frame", FRAMES)
def test_frame_of_the_pictures_size_is_the_picture(frame):
    pixels = picture(32, 32)
    np.testing.assert_array_equal(place(pixels, frame, 32), pixels)


def test_squash_is_pillows_antialiased_bilinear():
    pixels = picture(40, 70)
    expected = np.asarray(Image.fromarray(pixels).resize((24, 24), Image.Resampling.BILINEAR))
    np.testing.assert_array_equal(place(pixels, "squash", 24), expected)


def test_centre_crop_shows_the_centre():
    pixels = picture(20, 50)
    np.testing.assert_array_equal(place(pixels, "centre_crop", 20), pixels[:, 15:35])


def test_padding_is_black_and_the_rim_is_not_darkened():
    white = np.full((30, 50, 3), 255, dtype=np.uint8)
    for size in (25, 50, 99):
        frame = place(white, "pad", size)
        rows, columns = sample_grid(placement("pad", height=30, width=50), size)
        assert (columns >= 0).all()
        assert (frame[rows >= 0] == 255).all()
        assert (frame[rows < 0] == 0).all()


@pytest.mark.parametrize("frame", FRAMES)
@pytest.mark.parametrize("shape", [(40, 60), (60, 40), (41, 60), (60, 43)])
@pytest.mark.parametrize("axis", [0, 1])
def test_picture_and_mask_share_one_geometry(frame, shape, axis):
    """A picture that shows its own label map, placed, and the label map sampled, agree except at the label's edge."""
    labels = np.zeros(shape, dtype=np.uint8)
    bar = slice(shape[axis] // 3, 2 * shape[axis] // 3)  # a bar: at a corner two crossings would multiply
    labels[(bar, slice(None)) if axis == 0 else (slice(None), bar)] = 255
    size = 120  # larger than the picture: an offset of a third of a pixel would show
    frame_values = place(np.repeat(labels[:, :, None], 3, axis=2), frame, size)[..., 0]
    rows, columns = sample_grid(placement(frame, height=shape[0], width=shape[1]), size)
    sampled = labels[np.ix_(np.maximum(rows, 0), np.maximum(columns, 0))]
    sampled[rows < 0] = 0
    sampled[:, columns < 0] = 0
    # bilinear upsampling crosses one half exactly where nearest sampling switches
    decided = np.abs(frame_values.astype(int) - 127.5) > 4
    np.testing.assert_array_equal((frame_values > 127)[decided], (sampled > 0)[decided])
    assert decided.mean() > 0.95


def test_errors():
    with pytest.raises(ValueError, match="did you mean 'centre_crop'"):
        placement("center_crop", height=4, width=4)
    with pytest.raises(ValueError, match="at least one pixel"):
        placement("squash", height=0, width=4)
    with pytest.raises(ValueError, match="too narrow"):
        place(np.zeros((1, 1000, 3), dtype=np.uint8), "pad", 10)


def test_label_maps_must_show_the_same_view():
    where = placement("squash", height=375, width=500)
    for shape in [(375, 500), (188, 250), (187, 250), (112, 150), (750, 1000)]:
        check_same_view(shape, where)
    with pytest.raises(ValueError, match="one of them is rotated"):
        check_same_view((500, 375), where)
    with pytest.raises(ValueError, match="does not fit its picture of 375 x 500"):
        check_same_view((112, 112), where)
