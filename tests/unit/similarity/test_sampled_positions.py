"""The sample: seeded by image, no padding, at most so many, the same from any shards."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from conceptatlas.activations.store import open_shards
from conceptatlas.similarity.sampled_positions import (
    fewer_rows,
    read_image_of_rows,
    resample_images,
    sample_positions,
)
from planted import SIZE, scenes, write_dataset
from tiny_stores import write_store

Array = np.ndarray[Any, Any]

N_IMAGES = 18


def numbered() -> Array:
    """Maps whose two units hold the image and the cell, float16 (image, 2, SIZE, SIZE)."""
    maps = np.zeros((N_IMAGES, 2, SIZE, SIZE), dtype=np.float16)
    maps[:, 0] = np.arange(N_IMAGES)[:, None, None]
    maps[:, 1] = np.arange(SIZE**2).reshape(SIZE, SIZE)
    return maps


def draw(folder: Path, images: Array, *, at_most: int, padded: bool = False, n_shards: int = 1, seed: int = 0) -> Any:
    labels = scenes(N_IMAGES, padded=padded)
    files = write_dataset(folder / "dataset", labels, n_shards=n_shards)
    store = write_store(folder / "store", numbered(), n_shards=n_shards)
    ids = [f"image_{n}" for n in range(N_IMAGES)]
    image = sample_positions(
        folder / "rows.npy", open_shards(store.shards, store.manifests, "layer"), images, ids, files["annotations"],
        size=SIZE, at_most=at_most, seed=seed,
    )  # fmt: skip
    rows = np.load(folder / "rows.npy")
    np.testing.assert_array_equal(read_image_of_rows(folder / "rows.npy"), image)
    return rows, image, labels


def test_every_image_gives_the_same_number_of_different_cells(tmp_path: Path) -> None:
    images = np.array([1, 2, 5, 11, 17])
    rows, image, _ = draw(tmp_path, images, at_most=104)
    assert rows.dtype == np.float16
    assert image.tolist() == images.repeat(20).tolist()  # 104 // 5
    np.testing.assert_array_equal(rows[:, 0], image)
    assert len(np.unique(rows, axis=0)) == 100
    cells = [set(rows[image == n, 1].tolist()) for n in images]
    assert all(a != b for a, b in itertools.pairwise(cells))


def test_any_shards_give_the_same_rows_and_another_seed_others(tmp_path: Path) -> None:
    images = np.arange(0, N_IMAGES, 2)
    one, _, _ = draw(tmp_path / "1", images, at_most=200)
    four, _, _ = draw(tmp_path / "4", images, at_most=200, n_shards=4)
    np.testing.assert_array_equal(one, four)
    other, _, _ = draw(tmp_path / "s", images, at_most=200, seed=1)
    assert (one != other).any()


def test_an_images_cells_do_not_depend_on_the_other_images(tmp_path: Path) -> None:
    few, of_few, _ = draw(tmp_path / "few", np.array([4, 7]), at_most=20)
    many, of_many, _ = draw(tmp_path / "many", np.array([3, 4, 6, 7]), at_most=40)
    for n in (4, 7):
        np.testing.assert_array_equal(few[of_few == n], many[of_many == n])


def test_padding_is_never_drawn(tmp_path: Path) -> None:
    rows, image, labels = draw(tmp_path, np.arange(N_IMAGES), at_most=10**6, padded=True)
    hidden = labels.ignore.reshape(N_IMAGES, -1)
    assert len(rows) == (~hidden).sum()
    assert not hidden[image, rows[:, 1].astype(int)].any()


def test_more_images_than_positions(tmp_path: Path) -> None:
    rows, image, _ = draw(tmp_path, np.arange(N_IMAGES), at_most=7)
    assert len(rows) == 7
    assert len(set(image.tolist())) == 7


def test_no_images_give_no_rows(tmp_path: Path) -> None:
    rows, image, _ = draw(tmp_path, np.zeros(0, dtype=np.int64), at_most=7)
    assert rows.shape == (0, 2)
    assert image.shape == (0,)


def test_resampled_images_keep_their_number_and_all_their_rows() -> None:
    image = np.repeat(np.array([2, 5, 6, 9, 30]), [4, 1, 3, 3, 2])
    counts = resample_images(image, seed=0, number=1)
    by_image = [set(counts[image == n].tolist()) for n in np.unique(image)]
    assert all(len(values) == 1 for values in by_image)
    assert sum(values.pop() for values in by_image) == 5
    np.testing.assert_array_equal(counts, resample_images(image, seed=0, number=1))
    assert any((counts != resample_images(image, seed=0, number=r)).any() for r in range(2, 6))
    assert len(resample_images(np.zeros(0, dtype=np.int64), seed=0, number=1)) == 0


@pytest.mark.parametrize(("n_rows", "at_most"), [(10, 20), (100, 30)])
def test_fewer_rows(n_rows: int, at_most: int) -> None:
    rows = fewer_rows(n_rows, at_most=at_most, seed=0)
    assert len(rows) == min(n_rows, at_most)
    assert (np.diff(rows) > 0).all()
