"""Every data format from pictures to tables: framed and joined in one shard and in two, and counted again by hand.

The recount reads `picture` and `labels` of the reader and nothing else of the room: maps are sampled at the centres of
the mask's cells, masks of a concept are joined, pixels and images are counted one at a time.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from conceptatlas.datasets.annotation_file import ROW_TYPES, read_annotations
from conceptatlas.datasets.frame_file import map_frames, read_records
from conceptatlas.datasets.index import FORMATS, open_dataset
from conceptatlas.datasets.overlaps import N_BLOCKS, Overlaps, read_overlaps
from conceptatlas.datasets.reader import PICTURE, ImageLabel
from conceptatlas.naming import CATEGORIES
from conceptatlas.seeds import image_block
from conceptatlas.tables import read_table, records
from tiny_datasets import TINY, frame_dataset, join_dataset

Array = np.ndarray[Any, Any]
Key = tuple[str, str]


@dataclass
class Built:
    """A tiny data set, framed and joined: in one shard and in two."""

    row: dict[str, Any]
    folders: list[Path]
    paths: list[dict[str, Any]]
    summaries: list[dict[str, Any]]


@pytest.fixture(scope="module", params=sorted(FORMATS))
def built(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Built:
    if request.param not in TINY:
        pytest.fail(f"format {request.param} has no tiny data set")
    folder = tmp_path_factory.mktemp(request.param)
    row = TINY[request.param](folder / "data")
    found = Built(row, [folder / "one", folder / "two"], [], [])
    for n_shards, out in enumerate(found.folders, start=1):
        found.paths.append(frame_dataset(row, out, n_shards=n_shards))
        found.summaries.append(join_dataset(row, out, found.paths[-1]))
    return found


@pytest.fixture(scope="module")
def recounted(built: Built) -> list[dict[Key, Array]]:
    """For every image, the mask of each (concept, category) at mask resolution."""
    reader = open_dataset(built.row)
    images = records(read_table(built.paths[0]["listing"]))
    return [masks_of(reader, image, size=built.row["mask_size"]) for image in images]


def blocks_of(built: Built) -> list[int]:
    """The bootstrap block of every image: by its id, or by the picture it is cut from."""
    listing = read_table(built.paths[0]["listing"])
    return [image_block(name) for name in listing[PICTURE if PICTURE in listing else "image_id"]]


def masks_of(reader: Any, image: dict[str, Any], *, size: int) -> dict[Key, Array]:
    masks: dict[Key, Array] = {}
    for label in reader.labels(image):
        if isinstance(label, ImageLabel):
            masks[label.concept] = np.ones((size, size), dtype=bool)
            continue
        height, width = label.numbers.shape
        for number, concept in label.concepts.items():
            if not (label.numbers == number).any():
                continue  # named, but not there
            mask = masks.setdefault(concept, np.zeros((size, size), dtype=bool))
            for i in range(size):
                for j in range(size):
                    here = label.numbers[(2 * i + 1) * height // (2 * size), (2 * j + 1) * width // (2 * size)]
                    mask[i, j] |= int(here) == number
    return masks


def by_concept(masks: dict[Key, Array]) -> dict[str, Array]:
    joined: dict[str, Array] = {}
    for (name, _), mask in masks.items():
        joined[name] = joined.get(name, np.zeros_like(mask)) | mask
    return joined


def test_shards_do_not_show(built: Built) -> None:
    one, two = built.folders
    for table in ("index.parquet", "concepts.parquet"):
        assert (one / table).read_bytes() == (two / table).read_bytes(), table
    first, second = read_overlaps(one / "overlaps.h5"), read_overlaps(two / "overlaps.h5")
    for field in Overlaps.__dataclass_fields__:
        np.testing.assert_array_equal(getattr(first, field), getattr(second, field), err_msg=field)
    of_shards = ("n_shards", "annotations_digest")  # these count the files
    same = [{key: value for key, value in found.items() if key not in of_shards} for found in built.summaries]
    assert same[0] == same[1]


def test_digests_of_frames_and_masks_do_not_depend_on_shards(built: Built) -> None:
    frames, digests, rows = [], [], []
    for paths in built.paths:
        pairs = list(zip(paths["frames"], paths["manifests"], strict=True))
        frames.append(np.concatenate([map_frames(path, manifest=manifest)[0] for path, manifest in pairs]))
        digests.append([digest for path, manifest in pairs for digest in read_records(path, manifest=manifest).digest])
        shards = [read_annotations(path) for path in paths["annotations"]]
        fields = [name for name in (*ROW_TYPES, "masks") if name != "mask_row"]  # that one counts within a file
        rows.append({name: np.concatenate([getattr(shard, name) for shard in shards]) for name in fields})
    np.testing.assert_array_equal(frames[0], frames[1])
    assert digests[0] == digests[1]
    for name in rows[0]:
        np.testing.assert_array_equal(rows[0][name], rows[1][name], err_msg=name)


def test_sizes_are_those_of_the_pictures(built: Built) -> None:
    reader = open_dataset(built.row)
    index = read_table(built.folders[0] / "index.parquet")
    assert index["valid"].all(), built.summaries[0]["quarantine"]
    assert index["image_index"].tolist() == list(range(len(index)))
    assert index["block"].tolist() == blocks_of(built)
    sizes = [reader.picture(image).shape[:2] for image in records(read_table(built.paths[0]["listing"]))]
    assert [tuple(size) for size in index[["height", "width"]].to_numpy().tolist()] == sizes
    size = built.row["frame_size"]
    assert map_frames(built.paths[0]["frames"][0])[0].shape == (len(index), size, size, 3)
    assert built.summaries[0]["n_images"] == built.summaries[0]["n_valid"] == len(index)


def test_counts_equal_a_slow_recount(built: Built, recounted: list[dict[Key, Array]]) -> None:
    concepts = read_table(built.folders[0] / "concepts.parquet").set_index("name")
    splits = read_table(built.folders[0] / "index.parquet")["split"]
    pixels = {name: dict.fromkeys(CATEGORIES, 0) for name in concepts.index}
    columns = ("n_images", "n_pixels", "n_images_train", "n_images_val", "n_images_empty")
    expected = {name: dict.fromkeys(columns, 0) for name in concepts.index}
    for masks, split in zip(recounted, splits, strict=True):
        for (name, category), mask in masks.items():
            pixels[name][category] += int(mask.sum())
        for name, mask in by_concept(masks).items():
            count = expected[name]
            count["n_images"] += 1
            count["n_pixels"] += int(mask.sum())
            count["n_images_empty"] += not mask.any()
            if split:
                count[f"n_images_{split}"] += 1
    assert concepts[list(columns)].to_dict("index") == expected
    for name, categories in concepts["categories"].items():
        found = pixels[str(name)]
        seen = [category for category in CATEGORIES if found[category]]
        assert set(seen) <= set(categories)
        most = max(seen, key=lambda category: (found[category], -CATEGORIES.index(category)), default=categories[0])
        assert concepts.loc[name, "primary_category"] == most
    assert sum(count["n_images"] for count in expected.values()) > 0


def test_overlaps_equal_a_slow_recount(built: Built, recounted: list[dict[Key, Array]]) -> None:
    names = read_table(built.folders[0] / "concepts.parquet")["name"].tolist()
    blocks = blocks_of(built)
    n = len(names)
    pixels, images = (np.zeros((n, n, N_BLOCKS), dtype=int) for _ in range(2))
    for masks, block in zip(map(by_concept, recounted), blocks, strict=True):
        for a, first in masks.items():
            for b, second in masks.items():
                at = names.index(a), names.index(b), block
                pixels[at] += int((first & second).sum())
                images[at] += 1
    found = read_overlaps(built.folders[0] / "overlaps.h5")
    own = np.arange(n)
    np.testing.assert_array_equal(found.label_pixels, pixels[own, own])
    np.testing.assert_array_equal(found.label_images, images[own, own])
    above = np.triu(np.ones((n, n), dtype=int), k=1)[:, :, None]
    for stored, counted in ((found.pixels, pixels), (found.images, images)):
        dense = np.zeros_like(counted)
        dense[found.concept_a, found.concept_b, found.block] = stored
        np.testing.assert_array_equal(dense, counted * above)
    np.testing.assert_array_equal(found.block_images, np.bincount(blocks, minlength=N_BLOCKS))


def test_another_run_writes_the_same(built: Built, tmp_path: Path) -> None:
    paths = frame_dataset(built.row, tmp_path, n_shards=2)
    assert join_dataset(built.row, tmp_path, paths) == built.summaries[1]
    manifests = [[path.read_bytes() for path in found["manifests"]] for found in (paths, built.paths[1])]
    assert manifests[0] == manifests[1]
