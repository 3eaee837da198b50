"""The COCO panoptic reader on a tiny data set of two splits."""

from __future__ import annotations

import json

import numpy as np
import pytest

from conceptatlas.datasets.index import open_dataset
from conceptatlas.tables import records
from tiny_datasets import coco_panoptic, save_coded, save_picture


@pytest.fixture
def row(tmp_path):
    return coco_panoptic(tmp_path)


def edit(path, change):
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def first(row):
    reader = open_dataset(row)
    return reader, records(reader.listing().images)[0]


def test_listing_of_two_splits(row):
    listing = open_dataset(row).listing()
    assert listing.images["image_id"].tolist()[1:3] == ["train2017/000000000002.jpg", "val2017/000000000003.jpg"]
    assert listing.images["split"].tolist() == ["train", "train", "val", "val"]
    assert set(listing.images["licence"]) == {"Attribution License (http://licence.example)"}
    assert listing.images["attribution"].tolist()[2] == "http://flickr.example/3"
    assert listing.concepts["name"].tolist() == ["person", "car", "tree-merged"]
    assert listing.concepts["categories"].tolist() == [["object"]] * 3


def test_stuff_may_be_material(row):
    listing = open_dataset({**row, "options": "stuff_as=material"}).listing()
    assert listing.concepts["categories"].tolist() == [["object"], ["object"], ["material"]]


def test_segments_of_one_category_are_one_label_and_crowds_count(row):
    reader, image = first(row)
    (label,) = reader.labels(image)
    areas = {label.concepts[n].name: int((label.numbers == n).sum()) for n in label.concepts}
    # two persons: 10 x 15 and a crowd of 10 x 10; car 6 x 3; trees 5 x 10
    assert areas == {"person": 250, "car": 18, "tree-merged": 50}
    assert (label.numbers == 0).sum() == 600 - 318


def test_the_categories_of_an_image_are_known_without_decoding(row, tmp_path):
    png = tmp_path / "panoptic_train2017" / "000000000001.png"
    reader, image = first(row)
    (label,) = reader.labels(image)
    whole = png.read_bytes()
    png.write_bytes(whole[: len(whole) // 2])
    assert reader.present(image) == set(label.concepts.values())
    with pytest.raises(ValueError, match="segment 5 stands twice in the JSON"):
        reader.present({**image, "_segments": '[["car", "object", [5]], ["person", "object", [5]]]'})
    with pytest.raises(ValueError, match="no annotation for this image"):
        reader.present({**image, "_segments": ""})
    save_coded(png, np.zeros((30, 20)))
    with pytest.raises(ValueError, match="30 x 20 pixels"):
        reader.present(image)
    png.write_bytes(b"no picture")
    with pytest.raises(ValueError, match="cannot be decoded"):
        reader.present(image)
    png.unlink()
    with pytest.raises(ValueError, match="no such file"):
        reader.present(image)


def test_folders_may_be_named_one_by_one_or_hold_the_images(row, tmp_path):
    images = tmp_path / "images"
    both = {**row, "path": f"{images / 'train2017'};{images / 'val2017'}"}
    assert open_dataset(both).listing().images.equals(open_dataset(row).listing().images)
    single = {**row, "path": str(images / "val2017"), "annotations": row["annotations"].split(";")[1]}
    reader = open_dataset(single)
    listing = reader.listing()
    assert listing.images["path"].tolist() == ["000000000003.jpg", "000000000004.jpg"]
    assert reader.picture(records(listing.images)[0]).shape == (20, 30, 3)
    with pytest.raises(ValueError, match="path names 3 folders for 2 JSON files"):
        open_dataset({**row, "path": "a;b;c"})


def test_errors_of_a_json(row, tmp_path):
    table = tmp_path / "panoptic_train2017.json"
    whole = table.read_text()

    def listing(change):
        table.write_text(whole)
        edit(table, change)
        return open_dataset(row).listing()

    with pytest.raises(ValueError, match="no such file"):
        open_dataset({**row, "annotations": str(tmp_path / "none.json")}).listing()
    with pytest.raises(ValueError, match="names the JSON files"):
        open_dataset({**row, "annotations": " "})
    with pytest.raises(ValueError, match=r"train2017\.json: 1 image ids stand more than once"):
        listing(lambda c: c["images"][1].update(id=1))
    with pytest.raises(ValueError, match="image 1 has two annotations"):
        listing(lambda c: c["annotations"][1].update(image_id=1))
    with pytest.raises(ValueError, match="names image 9, which is not listed"):
        listing(lambda c: c["annotations"][1].update(image_id=9))
    with pytest.raises(ValueError, match="unknown category id '4'"):
        listing(lambda c: c["annotations"][0]["segments_info"][0].update(category_id=4))
    with pytest.raises(ValueError, match="category id 1 stands twice"):
        listing(lambda c: c["categories"][1].update(id=1))
    with pytest.raises(ValueError, match="category 3 is 'car'"):
        listing(lambda c: c["categories"][1].update(name="truck"))
    with pytest.raises(ValueError, match="no annotations; is this a COCO panoptic file"):
        listing(lambda c: c.pop("annotations"))
    with pytest.raises(ValueError, match="looks like COCO instances"):
        listing(lambda c: [a.pop("segments_info") for a in c["annotations"]])
    for broken in (None, [5]):
        with pytest.raises(ValueError, match=r"train2017\.json, image 1: segments_info is no list of objects"):
            listing(lambda c, given=broken: c["annotations"][0].update(segments_info=given))
    with pytest.raises(ValueError, match="an entry lacks the field 'height'"):
        listing(lambda c: c["images"][0].pop("height"))
    table.write_text(whole[:100])
    with pytest.raises(ValueError, match="not valid JSON"):
        open_dataset(row).listing()
    table.write_text(whole)
    table.with_suffix("").rename(tmp_path / "elsewhere")
    with pytest.raises(ValueError, match=r"panoptic_train2017: no such folder; the PNGs of panoptic_train2017\.json"):
        open_dataset(row).listing()


def test_two_categories_of_one_name(row, tmp_path):
    for split in ("train2017", "val2017"):
        edit(tmp_path / f"panoptic_{split}.json", lambda c: c["categories"][1].update(name="person"))
    with pytest.raises(ValueError, match="two categories are called 'person'"):
        open_dataset(row).listing()


def test_errors_of_one_image(row, tmp_path):
    png = tmp_path / "panoptic_train2017" / "000000000001.png"
    reader, image = first(row)
    with pytest.raises(ValueError, match="segment 5 stands twice in the JSON"):
        list(reader.labels({**image, "_segments": '[["car", "object", [5]], ["person", "object", [5]]]'}))
    with pytest.raises(ValueError, match="no annotation for this image"):
        list(reader.labels({**image, "_segments": ""}))
    save_coded(png, np.full((20, 30), 6))
    with pytest.raises(ValueError, match=r"segment ids \[6\] are not in the JSON"):
        list(reader.labels(image))
    save_coded(png, np.full((20, 30), 5))
    with pytest.raises(ValueError, match=r"segments \[40, 259, 70001\] of the JSON are not in the PNG"):
        list(reader.labels(image))
    save_coded(png, np.zeros((30, 20)))
    with pytest.raises(ValueError, match="30 x 20 pixels"):
        list(reader.labels(image))
    png.unlink()
    with pytest.raises(ValueError, match="no such file"):
        list(reader.labels(image))
    save_picture(tmp_path / "images" / "train2017" / "000000000001.jpg", np.zeros((30, 20, 3), dtype=np.uint8))
    with pytest.raises(ValueError, match=r"30 x 20 pixels \(height x width\), the JSON says 20 x 30"):
        reader.picture(image)


def test_an_image_without_segments_is_unlabelled_not_bad(row, tmp_path):
    table = tmp_path / "panoptic_train2017.json"
    edit(table, lambda c: c["annotations"][0].update(segments_info=[]))
    save_coded(tmp_path / "panoptic_train2017" / "000000000001.png", np.zeros((20, 30)))
    reader, image = first(row)
    (label,) = reader.labels(image)
    assert label.concepts == {}
