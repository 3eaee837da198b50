"""Padding of frames, read without labels: pixels of any images, and the cells that are left."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from conceptatlas.datasets.labelled_images import read_labels
from conceptatlas.datasets.padding import counted_cells, read_ignore
from conceptatlas.masks.bitmask import unpack
from conceptatlas.masks.cells import label_cells
from planted import SIZE, scenes, write_dataset


@pytest.mark.parametrize("n_shards", [1, 3])
def test_ignored_pixels_of_any_images(tmp_path: Path, n_shards: int) -> None:
    labels = scenes(15, padded=True)
    paths = write_dataset(tmp_path, labels, n_shards=n_shards)["annotations"]
    images = np.array([0, 1, 6, 7, 12, 14])
    words = read_ignore(paths[::-1], images)
    np.testing.assert_array_equal(unpack(words, height=SIZE, width=SIZE), labels.ignore[images])


@pytest.mark.parametrize("shape", [(14, 14), (7, 7), (5, 9)])
def test_cells_are_those_of_the_labels(tmp_path: Path, shape: tuple[int, int]) -> None:
    labels = scenes(15, padded=True)
    paths = write_dataset(tmp_path, labels)["annotations"]
    _, wanted = label_cells(read_labels(paths, start=0, stop=15), shape)
    words = read_ignore(paths, np.arange(15))
    np.testing.assert_array_equal(counted_cells(words, n_images=15, shape=shape, size=SIZE), wanted)
    assert not wanted.all()


def test_frames_without_padding(tmp_path: Path) -> None:
    paths = write_dataset(tmp_path, scenes(5))["annotations"]
    assert read_ignore(paths, np.arange(5)) is None
    assert counted_cells(None, n_images=5, shape=(3, 4), size=SIZE).all()


def test_images_that_are_not_annotated_are_told(tmp_path: Path) -> None:
    paths = write_dataset(tmp_path, scenes(5))["annotations"]
    with pytest.raises(ValueError, match="cover 2 of 3 images"):
        read_ignore(paths, np.array([3, 4, 5]))
