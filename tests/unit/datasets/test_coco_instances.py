"""The COCO instances reader on a tiny data set, against pycocotools reading the same files."""

from __future__ import annotations

import logging

import numpy as np
import pytest
from pycocotools.coco import COCO

from conceptatlas.datasets.index import open_dataset
from conceptatlas.datasets.pictures import read_picture
from conceptatlas.datasets.reader import ConceptKey, Reader
from conceptatlas.tables import records
from tiny_coco import coco_instances, compressed, drawn, edit, rectangle

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@pytest.fixture
def row(tmp_path):
    return coco_instances(tmp_path)


@pytest.fixture
def train(row, tmp_path):
    return tmp_path / "instances_train2017.json"


def opened(row, **options):
    reader = open_dataset({**row, "options": options})
    return reader, records(reader.listing().images)


def masks(reader, image):
    found = {}
    for label in reader.labels(image):
        ((number, concept),) = label.concepts.items()
        assert concept.category == "object"
        assert concept.name not in found
        found[concept.name] = label.numbers == number
    return found


def by_pycocotools(row, image, *, crowd=True):
    """Masks by class, as pycocotools reads the same file."""
    coco = COCO(next(table for table in row["annotations"].split(";") if image["image_id"].split("/")[0] in table))
    (number,) = (n for n, entry in coco.imgs.items() if entry["file_name"] in image["path"])
    found = {}
    for annotation in coco.loadAnns(coco.getAnnIds(imgIds=[number])):
        if crowd or not annotation["iscrowd"]:
            name = coco.cats[annotation["category_id"]]["name"]
            found[name] = found.get(name, 0) | coco.annToMask(annotation).astype(bool)
    return found


def same(found, expected):
    assert set(found) == set(expected)
    for name, mask in expected.items():
        np.testing.assert_array_equal(found[name], mask)


def test_listing(row):
    reader, images = opened(row)
    assert [image["image_id"] for image in images] == [
        f"{split}/{number:012d}.jpg"
        for split, number in (("train2017", 1), ("train2017", 2), ("val2017", 3), ("val2017", 4))
    ]
    assert [image["split"] for image in images] == ["train", "train", "val", "val"]
    concepts = reader.listing().concepts
    assert concepts["name"].tolist() == ["person", "car", "dog"]
    assert concepts["categories"].tolist() == [["object"]] * 3
    assert reader.definitions() == {}


def test_masks_are_those_of_pycocotools(row):
    reader, images = opened(row)
    for image in images:
        same(masks(reader, image), by_pycocotools(row, image))
    first = masks(reader, images[0])
    assert (first["person"] & first["dog"]).sum() == 5 * 4  # classes may overlap: rows 10 to 14, columns 8 to 11
    assert first["person"].sum() == 10 * 12 + 20 * 10  # one of them a crowd: one class is one mask
    assert masks(reader, images[3]) == {}


def test_crowds_may_be_dropped(row):
    reader, images = opened(row, crowd="drop")
    assert masks(reader, images[0])["person"].sum() == 120
    for image in images:
        same(masks(reader, image), by_pycocotools(row, image, crowd=False))


def test_only_chosen_classes_are_labels(row):
    reader, images = opened(row, classes="dog, car")
    assert len(images) == 4
    assert reader.listing().concepts["name"].tolist() == ["car", "dog"]
    assert [set(masks(reader, image)) for image in images] == [{"dog"}, {"car"}, {"dog"}, set()]
    with pytest.raises(ValueError, match=r"unknown class 'persons' in .*train2017\.json; did you mean 'person'"):
        opened(row, classes="dog,persons")


def test_images_without_the_classes_may_be_left_out(row, train):
    _, images = opened(row, classes="dog", images="with_class")
    assert [image["image_id"][-5] for image in images] == ["1", "3"]
    _, images = opened(row, images="with_class")
    assert [image["image_id"][-5] for image in images] == ["1", "2", "3"]
    edit(train, lambda c: c.update(annotations=[a for a in c["annotations"] if a["id"] != 11]))
    _, images = opened(row, classes="person", images="with_class", crowd="drop")
    assert [image["image_id"][-5] for image in images] == ["2"]  # of image 1 only the crowd is left


def test_labels_known_without_masks(row, train):
    sliver = [[3.4, 3.4, 3.6, 3.4, 3.6, 3.6]]  # covers no pixel's centre
    edit(train, lambda c: c["annotations"][1].update(segmentation=sliver))
    for options in ({}, {"crop": "box"}):
        reader, images = opened(row, **options)
        for image in images:
            assert reader.present(image) == Reader.present(reader, image)
    reader, images = opened(row)
    assert reader.present(images[0]) == {ConceptKey("person", "object"), ConceptKey("dog", "object")}
    assert reader.present(images[1]) == {ConceptKey("person", "object")}


def test_boxes_as_images(row, tmp_path):
    reader, images = opened(row, crop="box")
    split = "train2017/00000000000"
    assert [image["image_id"] for image in images] == [
        f"{split}1.jpg#11", f"{split}1.jpg#12", f"{split}2.jpg#21", f"{split}2.jpg#22", "val2017/000000000003.jpg#31"
    ]  # fmt: skip
    boxes = [(3, 15, 2, 12), (10, 16, 8, 20), (2, 12, 1, 22), (0, 8, 25, 30), (4, 13, 4, 13)]
    for image, (top, bottom, left, right) in zip(images, boxes, strict=True):
        whole = read_picture(tmp_path / "images" / image["path"])
        np.testing.assert_array_equal(reader.picture(image), whole[top:bottom, left:right])
        cut = {name: mask[top:bottom, left:right] for name, mask in by_pycocotools(row, image).items()}
        found = masks(reader, image)
        # what does not reach into the box may or may not be there, without a pixel
        same({n: m for n, m in found.items() if m.any()}, {n: m for n, m in cut.items() if m.any()})
        assert reader.file(image).name == image["path"].split("/")[1]
    assert set(masks(reader, images[0])) == {"person", "dog"}  # the dog over the person is in the person's box
    assert "crop" in reader.definitions()


def test_boxes_with_a_margin(row, tmp_path):
    reader, images = opened(row, crop="box", margin="0.5", classes="dog")
    # dog 12: columns 8 to 20, rows 10 to 16, and half of each side more, clipped at the picture's lower edge
    whole = read_picture(tmp_path / "images" / images[0]["path"])
    np.testing.assert_array_equal(reader.picture(images[0]), whole[7:19, 2:26])
    assert {name: int(mask.sum()) for name, mask in masks(reader, images[0]).items()} == {"dog": 72}
    assert "0.5 of its side" in reader.definitions()["crop"]


def test_small_boxes_are_left_out(row, caplog):
    with caplog.at_level(logging.INFO):
        _, images = opened(row, crop="box", min_side="9")
    assert [image["image_id"].partition("#")[2] for image in images] == ["11", "21", "31"]
    assert "train2017.json: 2 boxes left out" in caplog.text
    with pytest.raises(ValueError, match="the options leave no image"):
        opened(row, crop="box", min_side="21")


def test_crowds_are_no_images_but_seen_in_those_of_others(row, train):
    edit(train, lambda c: c["annotations"][2].update(bbox=[8, 10, 14, 6]))  # reaches two columns into the crowd
    for crowd, pixels in (("keep", 5 * 4 + 6 * 2), ("drop", 5 * 4)):
        reader, images = opened(row, crop="box", crowd=crowd)
        assert [image["image_id"].partition("#")[2] for image in images][:2] == ["11", "12"]
        assert masks(reader, images[1])["person"].sum() == pixels


def test_boxes_of_one_picture_decode_it_once(row, monkeypatch):
    from conceptatlas.datasets import coco_objects

    reader, images = opened(row, crop="box")
    calls = []
    whole = coco_objects.read_stated_picture
    monkeypatch.setattr(coco_objects, "read_stated_picture", lambda *given: calls.append(given[0]) or whole(*given))
    first = reader.picture(images[0])
    first[:] = 0  # the caller's own
    assert reader.picture(images[0]).any()
    reader.picture(images[1])
    assert len(calls) == 1
    reader.picture(images[2])
    assert len(calls) == 2


def test_coordinates_travel_as_given(row, train):
    polygon = [239.97000000000003, 3, 12.01, 3, 12, 15.5]
    edit(train, lambda c: c["annotations"][0].update(segmentation=[polygon]))
    _, images = opened(row)
    assert images[0]["_annotations"].startswith('[[11,"person",[[239.97000000000003,3,12.01,3,12,15.5]]],[12,"dog",')


def test_options_are_refused_by_name(row):
    for options, message in (
        ({"crowd": "dropped"}, "unknown value of crowd 'dropped'; did you mean 'drop'"),
        ({"images": "with class"}, "unknown value of images 'with class'; did you mean 'with_class'"),
        ({"crop": "boxes"}, "unknown value of crop 'boxes'"),
        ({"margin": "0.1"}, "margin=0.1 cuts nothing without crop=box"),
        ({"class": "dog"}, "unknown option 'class' in the options of data set tiny .*did you mean 'classes'"),
    ):
        with pytest.raises(ValueError, match=message):
            open_dataset({**row, "options": options})


def test_errors_of_a_json(row, train):
    whole = train.read_text()

    def refused(change, message, **options):
        train.write_text(whole)
        edit(train, change)
        with pytest.raises(ValueError, match=message):
            opened(row, **options)

    def annotation(**fields):
        return lambda content: content["annotations"][1].update(fields)

    refused(lambda c: c.pop("annotations"), r"train2017\.json: no annotations; is this a COCO instances file")
    refused(annotation(category_id=4), "unknown category id '4' in .*train2017.json, image 2")
    refused(annotation(image_id=9), "an annotation names image 9, which is not listed")
    refused(lambda c: c["annotations"][1].pop("image_id"), "an entry lacks the field 'image_id': {")
    refused(lambda c: c["annotations"][1].pop("bbox"), "an entry lacks the field 'bbox'", crop="box")
    refused(lambda c: c["annotations"][1].pop("id"), "an entry lacks the field 'id'", crop="box")
    refused(annotation(id=11), "annotation id 11 stands twice", crop="box")
    for box in ([1, 2, 3], [1, 2, -3, 4], [1, 2, "3", 4], None, 5):
        refused(
            annotation(bbox=box), r"annotation 21: bbox is .*expected \[x, y, width, height\] in pixels", crop="box"
        )
    train.write_text(whole)
    edit(train, lambda c: [c["annotations"][1].pop(field) for field in ("id", "bbox", "iscrowd", "area")])
    reader, images = opened(row)  # what is not needed may be missing
    assert set(masks(reader, images[1])) == {"person", "car"}


def test_errors_of_one_image(row, train):
    whole = train.read_text()
    for segmentation, message in (
        ([], r"train2017/000000000002\.jpg, annotation 21 \(car\): no segmentation"),
        ([[1, 2, 3]], r"annotation 21 \(car\): a polygon is a list of"),
        (compressed(drawn(0, 5, 0, 5).T), r"annotation 21 \(car\): run lengths of size \[30, 20\]"),
    ):
        train.write_text(whole)
        edit(train, lambda c, given=segmentation: c["annotations"][1].update(segmentation=given))
        reader, images = opened(row)
        assert set(masks(reader, images[0])) == {"person", "dog"}
        with pytest.raises(ValueError, match=message):
            list(reader.labels(images[1]))
        with pytest.raises(ValueError, match=message):
            reader.present(images[1])
        reader, images = opened(row, classes="person")  # an annotation that is no label harms nothing
        assert set(masks(reader, images[1])) == {"person"}


def test_a_polygon_beyond_the_picture_is_clipped(row, train):
    edit(train, lambda c: c["annotations"][1].update(segmentation=[rectangle(-5, -5, 10, 5)]))
    reader, images = opened(row)
    car = masks(reader, images[1])["car"]
    assert car[:5, :10].all()
    assert car.sum() == 50
