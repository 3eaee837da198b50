"""What all COCO formats share: reading the JSON piece by piece, folders, rows."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path

import pytest

from conceptatlas.datasets.coco_files import (
    CocoFile,
    coco_files,
    read_categories,
    read_images,
    read_stated_picture,
    table_of,
    vocabulary,
)
from conceptatlas.datasets.reader import ConceptKey
from tiny_coco import coco_instances, edit
from tiny_files import picture, save_picture


@pytest.fixture
def file(tmp_path):
    coco_instances(tmp_path)
    return CocoFile(tmp_path / "instances_train2017.json", tmp_path / "images" / "train2017", "train2017", "instances")


def as_object(entry):
    return ConceptKey(entry["name"], "object")


def images_of(file, annotated=None):
    return [row for row, _ in read_images(file, file.folder.parent, annotated or {})]


def refused(file, change, message, read):
    whole = file.table.read_text()
    edit(file.table, change)
    with pytest.raises(ValueError, match=message):
        list(read(file))
    file.table.write_text(whole)


def test_entries_are_those_of_the_whole_file_read_at_once(file):
    whole = json.loads(file.table.read_text())
    for key in ("licenses", "images", "annotations", "categories"):
        assert list(file.entries(key)) == whole[key]


def test_the_order_of_the_keys_does_not_matter(file):
    rows = images_of(file)
    whole = json.loads(file.table.read_text())
    for keys in (reversed(whole), sorted(whole)):
        file.table.write_text(json.dumps({key: whole[key] for key in keys}, indent=2))
        assert images_of(file) == rows


def test_a_byte_order_mark_is_skipped(file):
    rows = images_of(file)
    file.table.write_bytes(b"\xef\xbb\xbf" + file.table.read_bytes())
    assert images_of(file) == rows


def test_one_entry_at_a_time_is_in_memory(tmp_path):
    """A file of 6 MB is walked in the memory of a few of its entries."""
    entry = {"id": 1, "segmentation": [[0.25 * i for i in range(5000)]]}
    table = tmp_path / "big.json"
    table.write_text(json.dumps({"annotations": [entry] * 200}))
    assert table.stat().st_size > 6_000_000
    tracemalloc.start()
    assert sum(1 for _ in CocoFile(table, tmp_path, "big", "instances").entries("annotations")) == 200
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1_000_000


def test_folders(tmp_path):
    coco_instances(tmp_path)
    images, tables = tmp_path / "images", [tmp_path / f"instances_{s}2017.json" for s in ("train", "val")]
    both = f"{tables[0]}; {tables[1]};"

    def folders(path, annotations=both):
        files, root = coco_files(path, annotations, form="instances", prefix="instances_")
        return [file.folder for file in files], root

    assert folders(str(images)) == ([images / "train2017", images / "val2017"], images)
    assert folders(f"{images / 'train2017'};{images / 'val2017'}")[1] == images
    assert folders(str(images / "val2017"), str(tables[1])) == ([images / "val2017"], images / "val2017")
    with pytest.raises(ValueError, match="coco_instances: path names 3 folders for 2 JSON files"):
        folders("a;b;c")
    with pytest.raises(ValueError, match="coco_instances: path names 0 folders"):
        folders("")
    with pytest.raises(ValueError, match="coco_instances: the column annotations names the JSON files"):
        folders(str(images), " ; ")


def test_split_follows_from_the_name():
    def split(stem):
        (file,), _ = coco_files("images", f"{stem}.json", form="instances", prefix="instances_")
        return file.name, file.split

    assert split("instances_train2017") == ("train2017", "train")
    assert split("instances_val2017") == ("val2017", "val")
    assert split("lvis_v1_val") == ("lvis_v1_val", "val")
    assert split("streets") == ("streets", "")


def test_rows_of_images(file):
    first, second = images_of(file)
    assert first == {
        "image_id": "train2017/000000000001.jpg",
        "path": "train2017/000000000001.jpg",
        "source": "coco",
        "split": "train",
        "licence": "Attribution License (http://licence.example)",
        "attribution": "http://flickr.example/1",
        "_height": 20,
        "_width": 30,
    }
    assert second["path"] == "train2017/000000000002.jpg"


def test_what_may_be_missing(file):
    def thin(content):
        content.pop("licenses")
        content.pop("info")
        for image in content["images"]:
            image.pop("flickr_url")
        content["images"][1].pop("coco_url")

    edit(file.table, thin)
    first, second = images_of(file)
    assert (first["licence"], first["attribution"]) == ("", "http://images.example/train2017/000000000001.jpg")
    assert second["attribution"] == ""


def test_lvis_names_its_files_by_their_addresses(file):
    """The JSON of LVIS has no file_name, and its validation images lie among COCO's training images."""
    edit(file.table, lambda content: [image.pop("file_name") for image in content["images"]])
    file = CocoFile(file.table, file.folder.parent, "lvis_v1_val", "instances")
    (first, _) = [row for row, _ in read_images(file, file.folder, {})]
    assert first["path"] == "train2017/000000000001.jpg"
    assert first["image_id"] == "lvis_v1_val/train2017/000000000001.jpg"
    assert first["split"] == "val"


def test_annotations_come_with_their_images_and_are_let_go(file):
    annotated = {2: "second"}
    found = {row["path"]: kept for row, kept in read_images(file, file.folder.parent, annotated)}
    assert list(found.values()) == [None, "second"]
    assert annotated == {}


def test_errors_of_a_file(file, tmp_path):
    gone = CocoFile(tmp_path / "none.json", file.folder, "none", "instances")
    with pytest.raises(ValueError, match=r"none\.json: no such file"):
        list(gone.entries("images"))
    no_folder = CocoFile(file.table, tmp_path / "gone", "train2017", "instances")
    with pytest.raises(ValueError, match="gone: no such folder"):
        list(read_images(no_folder, tmp_path, {}))
    refused(file, lambda c: c.pop("images"), r"train2017\.json: no images; is this a COCO instances file", images_of)
    refused(file, lambda c: c.update(images=5), "no images; is this", images_of)
    refused(file, lambda c: c.update(categories=5), "no categories; is this", lambda f: f.entries("categories"))
    refused(file, lambda c: c.update(images=[5]), "an entry of images is 5, expected an object", images_of)
    whole = file.table.read_bytes()
    for broken in (whole[:500], b"", b"no json", whole.replace(b'"height": 20', b'"height": NaN')):
        file.table.write_bytes(broken)
        with pytest.raises(ValueError, match=r"train2017\.json: not valid JSON \(.+\)$"):
            images_of(file)


def test_errors_of_images(file):
    def change(**fields):
        return lambda content: content["images"][1].update(fields)

    refused(file, change(id=1), "1 image ids stand more than once", images_of)
    refused(file, change(id=None), "id is None, expected a number or text", images_of)
    refused(file, change(height="tall"), "height is 'tall', expected a whole number: {", images_of)
    refused(file, change(width=20.5), r"width is 20\.5, expected a whole number", images_of)
    for name in ("/etc/passwd", "../other/1.jpg", ""):
        refused(file, change(file_name=name), f"file_name is '{name}', expected a path below", images_of)
    refused(file, lambda c: c["images"][1].pop("height"), "an entry lacks the field 'height'", images_of)
    with pytest.raises(ValueError, match="an annotation names image '1', which is not listed"):
        images_of(file, {"1": "text, where the images have numbers"})


def test_categories_of_several_files(file, tmp_path):
    other = CocoFile(tmp_path / "instances_val2017.json", tmp_path, "val2017", "instances")

    def names(*files):
        return [category.concept.name for category in read_categories(files, as_object)[1]]

    assert names(file, other) == ["person", "car", "dog"]
    edit(other.table, lambda c: c.update(categories=[{"id": 2, "name": "tram"}]))
    assert names(file, other) == ["person", "tram", "car", "dog"]  # in the order of their numbers
    edit(other.table, lambda c: c.update(categories=[{"id": 3, "name": "truck"}]))
    with pytest.raises(ValueError, match=r"val2017\.json: category 3 is 'truck' \(object\), in .*it is 'car' \(object"):
        names(file, other)
    edit(other.table, lambda c: c.update(categories=[{"id": 3, "name": "car", "keypoints": ["a", "b"]}]))
    with pytest.raises(ValueError, match=r"category 3 is 'car' \(object, 2 keypoints\)"):
        names(file, other)
    edit(other.table, lambda c: c.update(categories=[{"id": 4, "name": "car"}]))
    with pytest.raises(ValueError, match="two categories are called 'car'"):
        names(file, other)
    edit(other.table, lambda c: c.update(categories=[{"id": 4, "name": "car"}, {"id": 4, "name": "bus"}]))
    with pytest.raises(ValueError, match="category id 4 stands twice"):
        names(other)
    edit(other.table, lambda c: c.update(categories=[{"id": 4}]))
    with pytest.raises(ValueError, match="lacks the field 'name'"):
        names(other)


def test_vocabulary_orders_categories():
    found = vocabulary([ConceptKey("nose", "part"), ConceptKey("person", "object"), ConceptKey("nose", "object")])
    assert found.to_dict("list") == {"name": ["nose", "person"], "categories": [["object", "part"], ["object"]]}


def test_tables_are_made_in_pieces(monkeypatch):
    rows = [{"image_id": f"{i}", "_height": i} for i in range(10)]
    whole = table_of(rows)
    monkeypatch.setattr("conceptatlas.datasets.coco_files.ROWS_AT_A_TIME", 3)
    assert table_of(iter(rows)).equals(whole)
    assert whole["_height"].tolist() == list(range(10))
    assert table_of([]).empty


def test_a_picture_of_another_size_than_stated(tmp_path):
    path = tmp_path / "a.png"
    save_picture(path, picture(20, 30))
    assert read_stated_picture(path, {"path": "a.png", "_height": 20, "_width": 30}).shape == (20, 30, 3)
    with pytest.raises(ValueError, match=r"a\.png: 20 x 30 pixels \(height x width\), the JSON says 20 x 31$"):
        read_stated_picture(path, {"path": "a.png", "_height": 20, "_width": 31})
    with pytest.raises(ValueError, match="the JSON says 30 x 20; one of them is rotated"):
        read_stated_picture(path, {"path": "a.png", "_height": 30, "_width": 20})
    with pytest.raises(ValueError, match="no such file"):
        read_stated_picture(Path("gone.png"), {"path": "gone.png", "_height": 20, "_width": 30})
