"""Joining shards: any number of shards gives the same tables, and they equal slow counts."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from conceptatlas.datasets import joining, overlaps
from conceptatlas.datasets.annotation_file import read_annotations
from conceptatlas.datasets.annotations import unpack_masks
from conceptatlas.datasets.overlaps import read_overlaps
from conceptatlas.files import DamagedFileError, read_json
from conceptatlas.naming import CATEGORIES
from conceptatlas.seeds import image_block
from conceptatlas.tables import read_definitions, read_table
from tiny_datasets import TINY, broden, frame_dataset, image_folder, join_dataset

OVERLAP_FIELDS = (
    "concept_a",
    "concept_b",
    "block",
    "pixels",
    "images",
    "label_pixels",
    "label_images",
    "block_images",
)


def build(row, folder, n_shards, **options):
    paths = frame_dataset(row, folder, n_shards=n_shards)
    return paths, join_dataset(row, folder, paths, **options)


def spoil(folder):
    path = folder / "images" / "ade20k" / "image_1.jpg"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.mark.parametrize("name", ["broden", "coco_panoptic", "image_folder"])
def test_one_shard_equals_four(name, tmp_path, monkeypatch):
    row = TINY[name](tmp_path / "data")
    if name == "broden":
        spoil(tmp_path / "data")
    monkeypatch.setattr(joining, "IMAGES_PER_WINDOW", 3)
    one, summary_one = build(row, tmp_path / "one", 1, max_quarantine=0.5)
    monkeypatch.setattr(joining, "IMAGES_PER_WINDOW", 1)
    monkeypatch.setattr(overlaps, "_COMPACT_ABOVE", 3)
    four, summary_four = build(row, tmp_path / "four", 4, max_quarantine=0.5)
    of_shards = {name: summary_four[name] for name in ("n_shards", "annotations_digest")}  # these count the files
    assert {**summary_one, **of_shards} == summary_four
    for table in ("index.parquet", "concepts.parquet"):
        assert (tmp_path / "one" / table).read_bytes() == (tmp_path / "four" / table).read_bytes()
    found = [read_overlaps(tmp_path / folder / "overlaps.h5") for folder in ("one", "four")]
    for field in OVERLAP_FIELDS:
        np.testing.assert_array_equal(getattr(found[0], field), getattr(found[1], field))
    whole = read_annotations(one["annotations"][0])
    parts = [read_annotations(path) for path in four["annotations"]]
    for field in ("image_index", "concept_index", "category", "n_pixels", "masks"):
        np.testing.assert_array_equal(np.concatenate([getattr(p, field) for p in parts]), getattr(whole, field))


def slow_counts(paths, n_concepts, ids):
    """Pair and label counts per block, from dense masks, one image at a time."""
    pixels = np.zeros((n_concepts, n_concepts, 32), dtype=int)
    images = np.zeros((n_concepts, n_concepts, 32), dtype=int)
    for path in paths["annotations"]:
        rows = read_annotations(path)
        for image in range(rows.start, rows.stop):
            masks = {}
            for i in np.flatnonzero(rows.image_index == image):
                dense = np.ones((rows.mask_size, rows.mask_size), dtype=bool)
                if rows.ignore is not None:
                    dense = ~unpack_masks(rows.ignore[image - rows.start], rows.mask_size)
                if rows.mask_row[i] >= 0:
                    dense = unpack_masks(rows.masks[rows.mask_row[i]], rows.mask_size)
                concept = int(rows.concept_index[i])
                masks[concept] = masks.get(concept, np.zeros_like(dense)) | dense
            for a in masks:
                for b in masks:
                    pixels[a, b, image_block(ids[image])] += int((masks[a] & masks[b]).sum())
                    images[a, b, image_block(ids[image])] += 1
    return pixels, images


@pytest.mark.parametrize("frame", ["squash", "pad"])
def test_overlaps_equal_slow_counts(frame, tmp_path):
    row = {**broden(tmp_path / "data"), "frame": frame, "mask_size": 13}
    paths, _ = build(row, tmp_path / "out", 2)
    found = read_overlaps(tmp_path / "out" / "overlaps.h5")
    ids = read_table(tmp_path / "out" / "index.parquet")["image_id"].tolist()
    n = len(found.label_pixels)
    pixels, images = slow_counts(paths, n, ids)
    np.testing.assert_array_equal(found.label_pixels, pixels[np.arange(n), np.arange(n)])
    np.testing.assert_array_equal(found.label_images, images[np.arange(n), np.arange(n)])
    dense = np.zeros_like(pixels)
    dense[found.concept_a, found.concept_b, found.block] = found.pixels
    np.testing.assert_array_equal(dense, pixels * np.triu(np.ones((n, n), dtype=int), k=1)[:, :, None])
    dense[found.concept_a, found.concept_b, found.block] = found.images
    np.testing.assert_array_equal(dense, images * np.triu(np.ones((n, n), dtype=int), k=1)[:, :, None])
    np.testing.assert_array_equal(found.matrix(), pixels.sum(axis=2))
    np.testing.assert_array_equal(found.matrix(of="images"), images.sum(axis=2))
    assert found.block_images.sum() == 4
    keys = (found.concept_a.astype(int) * n + found.concept_b) * 32 + found.block
    assert (np.diff(keys) > 0).all()


def test_concepts_table(tmp_path):
    _, summary = build(image_folder(tmp_path / "data"), tmp_path / "out", 2)
    concepts = read_table(tmp_path / "out" / "concepts.parquet").set_index("name")
    assert concepts["categories"].map(list).to_dict() == {
        "sky": ["object", "part"],
        "car": ["object"],
        "wheel": ["part"],
    }
    assert concepts["primary_category"].to_dict() == {"sky": "object", "car": "object", "wheel": "part"}
    assert concepts["n_images"].to_dict() == {"sky": 4, "car": 4, "wheel": 3}
    assert concepts["n_images_train"].to_dict() == {"sky": 2, "car": 2, "wheel": 2}
    assert concepts["n_images_val"].to_dict() == {"sky": 2, "car": 2, "wheel": 1}
    # the upper half of a 16 x 16 mask in four images, and the part called sky below it (3 x 2 map pixels) in three
    sky = read_table(tmp_path / "out" / "concepts.parquet")["n_pixels"].tolist()[0]
    assert 4 * 128 < sky <= 4 * 128 + 3 * 12
    assert summary["n_concepts"] == 3
    for table in ("concepts.parquet", "index.parquet"):
        assert all(column.definition for column in read_definitions(tmp_path / "out" / table))


def test_ties_of_the_primary_category_go_to_the_order_of_categories():
    concepts = pd.DataFrame(
        {"concept_index": [0, 1, 2], "name": ["a", "b", "c"], "categories": [["object", "part"], ["part"], ["color"]]}
    )
    by_category = np.zeros((3, len(CATEGORIES)), dtype=int)
    by_category[0, [CATEGORIES.index("object"), CATEGORIES.index("part")]] = 5
    by_category[1, CATEGORIES.index("material")] = 1  # a layer the vocabulary does not list
    zeros = np.zeros(3, dtype=int)
    totals = joining._Totals(
        overlaps.OverlapCounts(n_concepts=3), by_category, dict.fromkeys(("train", "val", ""), zeros), zeros
    )
    table = joining._concepts(concepts, totals, zeros)
    assert table["primary_category"].tolist() == ["object", "material", "color"]
    assert table["categories"].tolist() == [["object", "part"], ["part", "material"], ["color"]]


def test_index_table_and_summary(tmp_path):
    row = broden(tmp_path / "data")
    spoil(tmp_path / "data")
    _, summary = build(row, tmp_path / "out", 2, max_quarantine=0.25)
    index = read_table(tmp_path / "out" / "index.parquet")
    assert list(index.columns) == [
        "image_index",
        "image_id",
        "path",
        "source",
        "split",
        "block",
        "valid",
        "width",
        "height",
        "sha256",
        "licence",
        "attribution",
    ]
    assert index["valid"].tolist() == [True, False, True, True]
    assert index["width"].tolist() == [24, 0, 24, 24]
    assert (summary["n_images"], summary["n_valid"], summary["n_quarantined"]) == (4, 3, 1)
    assert summary["quarantine"][0]["image_id"] == "ade20k/image_1.jpg"
    assert summary == read_json(tmp_path / "out" / "dataset.json")
    assert read_overlaps(tmp_path / "out" / "overlaps.h5").block_images.sum() == 3


def test_image_list_digest_follows_pictures_and_names(tmp_path):
    row = image_folder(tmp_path / "data")
    first = build(row, tmp_path / "a", 1)[1]["image_list_digest"]
    assert build(row, tmp_path / "b", 2)[1]["image_list_digest"] == first
    assert build({**row, "frame": "pad"}, tmp_path / "c", 1)[1]["image_list_digest"] != first
    images = tmp_path / "data" / "images" / "train" / "b"
    (images / "two.png").rename(images / "deux.png")
    for layer in ("objects", "parts"):
        masks = tmp_path / "data" / layer / "train" / "b"
        (masks / "two.png").rename(masks / "deux.png")
    assert build(row, tmp_path / "d", 1)[1]["image_list_digest"] != first


def test_too_many_bad_images_stop_the_run_and_are_named(tmp_path):
    row = broden(tmp_path / "data")
    spoil(tmp_path / "data")
    with pytest.raises(ValueError, match=r"1 of 4 images cannot be used.*0\.2:\n  ade20k/image_1\.jpg: .*decoded"):
        build(row, tmp_path / "out", 2, max_quarantine=0.2)
    assert not (tmp_path / "out" / "dataset.json").exists()
    with pytest.raises(ValueError, match="lies between 0 and 1, not 20"):
        build(row, tmp_path / "out", 2, max_quarantine=20)


def test_a_data_set_of_bad_images_only_stops_at_any_share(tmp_path):
    row = image_folder(tmp_path / "data")
    for path in (tmp_path / "data" / "images").rglob("*.*"):
        path.write_bytes(b"x")
    with pytest.raises(ValueError, match="4 of 4 images cannot be used"):
        build(row, tmp_path / "out", 1, max_quarantine=1.0)


def test_images_without_any_label(tmp_path):
    row = {**image_folder(tmp_path / "data"), "annotations": ""}
    _, summary = build(row, tmp_path / "out", 2)
    assert (summary["n_images"], summary["n_concepts"]) == (4, 0)
    assert read_overlaps(tmp_path / "out" / "overlaps.h5").concept_a.size == 0


def test_damage_stops_the_join_and_sets_the_manifest_aside(tmp_path):
    row = image_folder(tmp_path / "data")
    for role in ("annotations", "frames"):
        paths = frame_dataset(row, tmp_path / role, n_shards=2)
        path = paths[role][1]
        path.write_bytes(path.read_bytes()[:1000])
        with pytest.raises(DamagedFileError, match=r"001\.h5 does not open"):
            join_dataset(row, tmp_path / role, paths)
        assert not paths["manifests"][1].exists()
        assert paths["manifests"][0].exists()


def test_shards_of_another_run_are_refused(tmp_path):
    row = image_folder(tmp_path / "data")
    two = frame_dataset(row, tmp_path / "two", n_shards=2)
    one = frame_dataset({**row, "mask_size": 8}, tmp_path / "one", n_shards=2)
    mixed = {**two, **{role: [two[role][0], one[role][1]] for role in ("frames", "annotations", "manifests")}}
    with pytest.raises(ValueError, match=r"mask_size is 8, in .* it is 16"):
        join_dataset(row, tmp_path / "two", mixed)
    half = {**two, **{role: two[role][:1] for role in ("frames", "annotations", "manifests")}}
    with pytest.raises(ValueError, match=r"images \(0, 2\), expected \(0, 4\)"):
        join_dataset(row, tmp_path / "two", half)
