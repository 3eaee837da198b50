"""Examples of a data set: which concepts and images are chosen, and that pictures and masks are the stored ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pytest

from conceptatlas.datasets.annotation_file import read_annotations
from conceptatlas.datasets.annotations import unpack_masks
from conceptatlas.datasets.examples import choose_concepts, write_examples
from conceptatlas.datasets.frame_file import map_frames
from conceptatlas.tables import read_table
from tiny_datasets import TINY, frame_dataset, join_dataset


@pytest.fixture
def built(tmp_path: Path) -> tuple[Path, dict[str, Any]]:
    row = TINY["broden"](tmp_path / "data")
    paths = frame_dataset(row, tmp_path / "out", n_shards=2)
    join_dataset(row, tmp_path / "out", paths)
    return tmp_path / "out", paths


def read(path: Path) -> dict[str, Any]:
    with h5py.File(path, "r") as file:
        found = {name: file[name][()] for name in ("concepts", "images", "pictures", "masks")}
        size = int(file.attrs["picture_size"])
    found["masks"] = unpack_masks(found["masks"], size)
    return found


def test_the_most_frequent_concepts_of_every_category() -> None:
    concepts = pd.DataFrame(
        {
            "concept_index": range(6),
            "primary_category": ["part", "object", "object", "object", "color", "object"],
            "n_images": [3, 5, 9, 5, 0, 1],
        }
    )
    assert choose_concepts(concepts, n=3) == [2, 1, 3, 0]  # colours have no image
    assert choose_concepts(concepts, n=1) == [2, 0]


def test_pictures_and_masks_are_those_of_frames_and_annotations(built: tuple[Path, dict[str, Any]]) -> None:
    folder, paths = built
    found = read(folder / "examples.h5")
    frames = np.concatenate([map_frames(path)[0] for path in paths["frames"]])
    seen = 0
    for row, concept in enumerate(found["concepts"]):
        for rank, image in enumerate(found["images"][row]):
            if image < 0:
                assert not found["masks"][row, rank].any()
                continue
            seen += 1
            np.testing.assert_array_equal(found["pictures"][row, rank], frames[image])
            expected = np.zeros((16, 16), dtype=bool)
            for path in paths["annotations"]:
                merged = read_annotations(path).merged()
                for at in np.flatnonzero((merged.image_index == image) & (merged.concept_index == concept)):
                    mask_row = merged.mask_row[at]
                    expected = np.ones_like(expected) if mask_row < 0 else unpack_masks(merged.masks[mask_row], 16)
            np.testing.assert_array_equal(found["masks"][row, rank], expected.repeat(2, axis=0).repeat(2, axis=1))
    assert seen > 10


def test_every_image_that_holds_a_concept_can_be_an_example(built: tuple[Path, dict[str, Any]]) -> None:
    folder, _ = built
    concepts = read_table(folder / "concepts.parquet").set_index("concept_index")
    found = read(folder / "examples.h5")
    for concept, images in zip(found["concepts"], found["images"], strict=True):
        visible = concepts.loc[concept, "n_images"] - concepts.loc[concept, "n_images_empty"]
        assert (images >= 0).sum() == min(6, visible)
        assert len(set(images[images >= 0])) == (images >= 0).sum()


def test_shards_do_not_decide(built: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    folder, _ = built
    row = TINY["broden"](tmp_path / "again")
    join_dataset(row, tmp_path / "whole", frame_dataset(row, tmp_path / "whole", n_shards=1))
    one, two = read(tmp_path / "whole" / "examples.h5"), read(folder / "examples.h5")
    for name in one:
        np.testing.assert_array_equal(one[name], two[name])


def test_small_labels_come_last(tmp_path: Path) -> None:
    row = TINY["image_folder"](tmp_path / "data") | {"mask_size": 32}
    paths = frame_dataset(row, tmp_path / "out", n_shards=1)
    join_dataset(row, tmp_path / "out", paths)
    images = read_table(tmp_path / "out" / "index.parquet")
    concepts = read_table(tmp_path / "out" / "concepts.parquet")
    for n in (1, 2):
        write_examples(
            tmp_path / "few.h5", concepts, images, frames=paths["frames"], annotations=paths["annotations"], n=n
        )
        assert read(tmp_path / "few.h5")["images"].shape == (len(choose_concepts(concepts)), n)


def test_a_data_set_without_labels_has_no_examples(tmp_path: Path) -> None:
    row = TINY["image_folder"](tmp_path / "data") | {"annotations": ""}
    join_dataset(row, tmp_path / "out", frame_dataset(row, tmp_path / "out", n_shards=2))
    assert read(tmp_path / "out" / "examples.h5")["images"].shape == (0, 6)
