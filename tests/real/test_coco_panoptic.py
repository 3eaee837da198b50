"""200 real COCO images with panoptic annotations: `pytest -m real --real-data FOLDER`."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from conceptatlas.datasets.annotation_file import read_annotations
from conceptatlas.datasets.annotations import n_pixels_of, rasterise, unpack_masks
from conceptatlas.datasets.frame_file import map_frames
from conceptatlas.datasets.frames import placement
from conceptatlas.datasets.index import open_dataset
from conceptatlas.datasets.pictures import read_coded_numbers
from conceptatlas.tables import read_table, records
from tiny_datasets import frame_dataset, join_dataset

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def folder(real_data):
    folder = real_data / "coco128_panoptic"
    if not folder.is_dir():
        pytest.skip(f"{real_data} has no folder coco128_panoptic")
    return folder


@pytest.fixture(scope="module")
def row(folder):
    tables = [folder / "panoptic_segmentation" / "annotations" / f"panoptic_{s}2017.json" for s in ("train", "val")]
    return {
        "dataset": "coco",
        "format": "coco_panoptic",
        "path": str(folder / "images"),
        "annotations": ";".join(str(table) for table in tables),
        "frame": "squash",
        "frame_size": 224,
        "mask_size": 112,
        "n_images": "",
        "split": "",
    }


@pytest.fixture(scope="module")
def annotations(row):
    tables = [json.loads(Path(path).read_text()) for path in row["annotations"].split(";")]
    names = {category["id"]: category["name"] for category in tables[0]["categories"]}
    found = {}
    for split, table in zip(("train2017", "val2017"), tables, strict=True):
        files = {image["id"]: image["file_name"] for image in table["images"]}
        for annotation in table["annotations"]:
            found[f"{split}/{files[annotation['image_id']]}"] = annotation["segments_info"]
    return names, found


@pytest.fixture(scope="module")
def framed(row, tmp_path_factory):
    folder = tmp_path_factory.mktemp("coco")
    paths = frame_dataset(row, folder, n_shards=3)
    return folder, paths, join_dataset(row, folder, paths)


def test_all_images_are_framed(framed):
    folder, paths, summary = framed
    assert (summary["n_images"], summary["n_valid"], summary["n_concepts"]) == (200, 200, 133)
    index = read_table(folder / "index.parquet")
    assert index["split"].value_counts().to_dict() == {"train": 100, "val": 100}
    assert index["licence"].str.contains("http").all()
    assert index["sha256"].is_unique
    frames = np.concatenate(
        [map_frames(f, manifest=m)[0] for f, m in zip(paths["frames"], paths["manifests"], strict=True)]
    )
    assert frames.shape == (200, 224, 224, 3)
    assert frames.std(axis=(1, 2, 3)).min() > 5


def test_segment_areas_equal_the_json(row, annotations):
    names, segments = annotations
    reader = open_dataset(row)
    n_segments = 0
    for image in records(reader.listing().images):
        (label,) = reader.labels(image)
        expected: dict[str, int] = {}
        for segment in segments[image["image_id"]]:
            name = names[segment["category_id"]]
            expected[name] = expected.get(name, 0) + segment["area"]
            n_segments += 1
        areas = np.bincount(label.numbers.reshape(-1), minlength=len(label.concepts) + 1)
        assert {label.concepts[n].name: int(areas[n]) for n in label.concepts} == expected
    assert n_segments == 2189


def test_ids_of_every_segment_have_their_area(row, annotations):
    _, segments = annotations
    reader = open_dataset(row)
    for image in records(reader.listing().images)[::10]:
        png = reader.tables[image["_part"]].with_suffix("") / image["_png"]
        ids, counts = np.unique(read_coded_numbers(png), return_counts=True)
        areas = dict(zip(ids.tolist(), counts.tolist(), strict=True))
        for segment in segments[image["image_id"]]:
            assert areas[segment["id"]] == segment["area"]


def test_rasterised_at_native_size_masks_are_the_segments(row):
    """A centre crop of the picture's own short side shows map pixels one to one."""
    reader = open_dataset(row)
    listing = reader.listing()
    vocabulary = {name: i for i, name in enumerate(listing.concepts["name"])}
    for image in records(listing.images)[::20]:
        height, width = image["_height"], image["_width"]
        side = min(height, width)
        (label,) = reader.labels(image)
        where = placement("centre_crop", height=height, width=width)
        found = rasterise([label], where, size=side, vocabulary=vocabulary)
        top, left = -(-(height - side) // 2), -(-(width - side) // 2)
        crop = label.numbers[top : top + side, left : left + side]
        for concept, mask in zip(found.concept_index, unpack_masks(found.masks, side), strict=True):
            number = next(n for n, key in label.concepts.items() if vocabulary[key.name] == concept)
            np.testing.assert_array_equal(mask, crop == number)


def test_coverage_survives_rasterising(framed, row, annotations):
    """Shares of area at 112 x 112 are those of the full-size segments, to the error of sampling a border."""
    names, segments = annotations
    folder, paths, _ = framed
    index = read_table(folder / "index.parquet")
    concepts = {name: i for i, name in enumerate(read_table(folder / "concepts.parquet")["name"])}
    errors = []
    for path in paths["annotations"]:
        rows = read_annotations(path)
        np.testing.assert_array_equal(n_pixels_of(rows.masks), rows.n_pixels)
        shares = {
            (int(i), int(c)): n / 112**2
            for i, c, n in zip(rows.image_index, rows.concept_index, rows.n_pixels, strict=True)
        }
        for i in range(rows.start, rows.stop):
            image = index.iloc[i]
            expected: dict[int, float] = {}
            for segment in segments[image["image_id"]]:
                concept = concepts[names[segment["category_id"]]]
                expected[concept] = expected.get(concept, 0.0) + segment["area"] / (image["width"] * image["height"])
            assert {c for (j, c) in shares if j == i} == set(expected)
            errors.extend(abs(shares[i, c] - share) for c, share in expected.items())
    assert np.mean(errors) < 5e-4
    assert np.max(errors) < 1 / 112  # a straight border between two rows of cells: up to one row
