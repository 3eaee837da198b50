"""Small pictures: the frames of the images asked for, in any order, from any shards."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from conceptatlas.activations.pictures import frame_starts, nearest_pixels, picture_size, read_pictures
from tiny_shards import write_frames


def test_pictures_are_the_frames_of_the_images(tmp_path: Path) -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (7, 8, 8, 3), dtype=np.uint8)
    starts = frame_starts(write_frames(tmp_path, pictures, n_shards=3).frames[::-1])
    assert [first for first, _ in starts] == sorted(first for first, _ in starts)
    images = np.array([[6, 0], [3, -1]])
    found = read_pictures(starts, images, size=8)
    np.testing.assert_array_equal(found[0], pictures[[6, 0]])
    np.testing.assert_array_equal(found[1, 0], pictures[3])
    assert not found[1, 1].any()
    assert read_pictures(starts, images, size=16).shape == (2, 2, 16, 16, 3)


def test_size_of_pictures(tmp_path: Path) -> None:
    starts = frame_starts(write_frames(tmp_path, np.zeros((2, 8, 8, 3), dtype=np.uint8)).frames)
    assert picture_size(starts, mask_size=4) == 8
    assert picture_size(starts, mask_size=12) == 12
    assert picture_size([], mask_size=12) == 12
    large = frame_starts(write_frames(tmp_path / "large", np.zeros((1, 300, 300, 3), dtype=np.uint8)).frames)
    assert picture_size(large, mask_size=112) == 128


def test_pixels_are_repeated() -> None:
    assert nearest_pixels(6, 3).tolist() == [0, 0, 1, 1, 2, 2]
    assert nearest_pixels(4, 4).tolist() == [0, 1, 2, 3]
