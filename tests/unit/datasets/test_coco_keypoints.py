"""The COCO keypoints reader on a tiny data set, discs against their definition pixel by pixel."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from pycocotools.coco import COCO

from conceptatlas.datasets.index import open_dataset
from conceptatlas.datasets.pictures import read_picture
from conceptatlas.datasets.reader import ConceptKey, Reader
from conceptatlas.tables import records
from tiny_coco import HEIGHT, KEYPOINTS, WIDTH, coco_keypoints, edit

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@pytest.fixture
def row(tmp_path):
    return coco_keypoints(tmp_path)


@pytest.fixture
def train(row, tmp_path):
    return tmp_path / "person_keypoints_train2017.json"


def opened(row, **options):
    reader = open_dataset({**row, "options": options})
    return reader, records(reader.listing().images)


def masks(reader, image, category="part"):
    found = {}
    for label in reader.labels(image):
        ((number, concept),) = label.concepts.items()
        if concept.category == category:
            assert concept.name not in found
            found[concept.name] = label.numbers == number
    return found


def discs_by_hand(annotations, *, radius, least=1):
    """By keypoint: pixels (i, j) no further than the radius from the pixel (y, x) that the JSON names."""
    found = {}
    for annotation in annotations:
        for name, (x, y, v) in zip(KEYPOINTS, np.reshape(annotation["keypoints"], (-1, 3)).tolist(), strict=True):
            if v >= least:
                mask = found.setdefault(name.replace("_", " "), np.zeros((HEIGHT, WIDTH), dtype=bool))
                for i in range(HEIGHT):
                    for j in range(WIDTH):
                        mask[i, j] |= math.sqrt((i - y) ** 2 + (j - x) ** 2) <= radius(annotation)
    return found


def of_image(table, image):
    return [entry for entry in json.loads(table.read_text())["annotations"] if entry["image_id"] == image]


def same(found, expected):
    assert set(found) == set(expected)
    for name, mask in expected.items():
        np.testing.assert_array_equal(found[name], mask)


def test_listing(row):
    reader, images = opened(row)
    assert [image["image_id"][-5] for image in images] == ["1", "2", "3", "4"]
    concepts = reader.listing().concepts
    assert concepts["name"].tolist() == ["person", "nose", "left eye", "right eye", "left knee"]
    assert concepts["categories"].tolist() == [["object"], *[["part"]] * 4]


@pytest.mark.parametrize(
    ("options", "radius"),
    [
        ({}, lambda annotation: 0.05 * max(annotation["bbox"][2:])),
        ({"radius": "0.2"}, lambda annotation: 0.2 * max(annotation["bbox"][2:])),
        ({"radius": "0.1", "radius_of": "picture"}, lambda annotation: 0.1 * WIDTH),
        ({"radius": "2.5", "radius_of": "pixels"}, lambda annotation: 2.5),
        ({"radius": "0", "radius_of": "pixels"}, lambda annotation: 0.0),
    ],
)
def test_parts_are_discs(row, train, options, radius):
    reader, images = opened(row, **options)
    same(masks(reader, images[0]), discs_by_hand(of_image(train, 1), radius=radius))


def test_hidden_keypoints_may_be_left_out(row, train):
    annotations = of_image(train, 1)
    reader, images = opened(row, visibility="visible", radius="2", radius_of="pixels")
    same(masks(reader, images[0]), discs_by_hand(annotations, radius=lambda _: 2.0, least=2))
    assert "right eye" not in masks(reader, images[0])
    assert "2 or more (visible)" in reader.definitions()["part"]


def test_sides_may_be_merged(row, train):
    reader, images = opened(row, sides="merge", radius="2", radius_of="pixels")
    assert reader.listing().concepts["name"].tolist() == ["person", "nose", "eye", "knee"]
    apart = discs_by_hand(of_image(train, 1), radius=lambda _: 2.0)
    eye = apart["left eye"] | apart["right eye"]
    same(masks(reader, images[0]), {"nose": apart["nose"], "eye": eye, "knee": apart["left knee"]})
    assert "left and right are one part" in reader.definitions()["part"]


def test_a_keypoint_called_left_stays(row, train, tmp_path):
    for table in (train, tmp_path / "person_keypoints_val2017.json"):
        edit(table, lambda c: c["categories"][0].update(keypoints=["left", "left_eye", "Right Eye", "tip"]))
    reader, _ = opened(row, sides="merge")
    assert reader.listing().concepts["name"].tolist() == ["person", "left", "eye", "Eye", "tip"]


def test_persons_are_objects_too(row):
    reader, images = opened(row)
    coco = COCO(row["annotations"].split(";")[0])
    for number, image in zip((1, 2), images, strict=False):
        person = np.zeros((HEIGHT, WIDTH), dtype=bool)
        for annotation in coco.loadAnns(coco.getAnnIds(imgIds=[number])):
            person |= coco.annToMask(annotation).astype(bool)
        same(masks(reader, image, "object"), {"person": person})
    assert masks(reader, images[2], "object")["person"].sum() == 200  # a crowd of persons shows persons
    reader, images = opened(row, objects="no")
    assert reader.listing().concepts["name"].tolist() == ["nose", "left eye", "right eye", "left knee"]
    assert all(label.concepts[1].category == "part" for image in images for label in reader.labels(image))
    assert list(reader.labels(images[1])) == []


def test_a_category_without_keypoints_is_only_an_object(row, train, tmp_path):
    for table in (train, tmp_path / "person_keypoints_val2017.json"):
        edit(table, lambda c: c["categories"].append({"id": 2, "name": "bench"}))
    edit(train, lambda c: c["annotations"][2].update(category_id=2))
    edit(train, lambda c: c["annotations"][2].pop("keypoints"))
    reader, images = opened(row)
    assert set(masks(reader, images[1], "object")) == {"bench"}
    assert masks(reader, images[1]) == {}


def test_images_without_annotations_may_be_left_out(row):
    assert [image["image_id"][-5] for image in opened(row, images="with_class")[1]] == ["1", "2", "3"]


def test_labels_known_without_masks(row, train):
    def outside(content):  # a nose that no pixel shows, an eye whose disc reaches into the picture
        content["annotations"][0]["keypoints"][:6] = [-9, 5, 2, -1, 8, 2]

    edit(train, outside)
    for options in ({"radius": "0.1"}, {"crop": "box"}, {"objects": "no"}):
        reader, images = opened(row, **options)
        for image in images:
            assert reader.present(image) == Reader.present(reader, image)
    reader, images = opened(row, radius="0.1")
    assert ConceptKey("left eye", "part") in reader.present(images[0])
    assert ConceptKey("nose", "part") not in reader.present(images[0])


def test_boxes_as_images(row, train, tmp_path):
    reader, images = opened(row, crop="box", margin="0.25", radius="0.3")
    assert [image["image_id"].partition("#")[2] for image in images] == ["11", "12", "21"]  # no crowd
    whole = discs_by_hand(of_image(train, 1), radius=lambda annotation: 0.3 * max(annotation["bbox"][2:]))
    for image, (top, bottom, left, right) in zip(images, [(0, 20, 0, 17), (2, 14, 18, 30)], strict=False):
        picture = read_picture(tmp_path / "images" / image["path"])
        np.testing.assert_array_equal(reader.picture(image), picture[top:bottom, left:right])
        expected = {name: mask[top:bottom, left:right] for name, mask in whole.items()}
        found = {name: mask for name, mask in masks(reader, image).items() if mask.any()}
        same(found, {name: mask for name, mask in expected.items() if mask.any()})


def test_discs_of_neighbours_reach_into_a_box(row):
    """Person 11 ends before column 14; the knee of person 12, whose box begins at column 20, lies in column 23."""
    for radius, pixels in (("9.5", 0), ("10", 1)):
        reader, images = opened(row, crop="box", radius=radius, radius_of="pixels")
        knee = masks(reader, images[0]).get("left knee", np.zeros(1))
        assert knee.sum() == pixels


def test_definitions(row):
    assert opened(row)[0].definitions() == {
        "part": "keypoints with visibility 1 or more (labelled), each a disc around the centre of its pixel",
        "disc_radius": "0.05 of the longer side of the person's box",
    }
    assert opened(row, radius="4", radius_of="pixels")[0].definitions()["disc_radius"] == "4 pixels of the picture"
    assert "crop" in opened(row, crop="box")[0].definitions()


def test_options_are_refused_by_name(row):
    for options, message in (
        ({"radius": "-1"}, "radius=-1: expected a number, 0 or more"),
        ({"radius": "big"}, "radius=big: expected a number, 0 or more"),
        ({"radius_of": "boxes"}, "unknown value of radius_of 'boxes'; did you mean 'box'"),
        ({"visibility": "visable"}, "unknown value of visibility 'visable'; did you mean 'visible'"),
        ({"sides": "merged"}, "unknown value of sides 'merged'; did you mean 'merge'"),
        ({"objects": "true"}, "unknown value of objects 'true'; known: yes, no"),
        ({"images": "some"}, "unknown value of images 'some'"),
        ({"min_side": "3"}, "min_side=3 cuts nothing without crop=box"),
    ):
        with pytest.raises(ValueError, match=message):
            open_dataset({**row, "options": options})


def test_errors_of_a_json(row, train, tmp_path):
    edit(train, lambda c: c["annotations"][0].pop("keypoints"))
    with pytest.raises(ValueError, match="an entry lacks the field 'keypoints'"):
        opened(row)
    edit(train, lambda c: c["annotations"][0].update(keypoints=[0] * 12))
    edit(train, lambda c: c["annotations"][1].pop("bbox"))
    with pytest.raises(ValueError, match="an entry lacks the field 'bbox'"):
        opened(row)
    opened(row, radius_of="picture")  # needs no boxes
    for table in (train, tmp_path / "person_keypoints_val2017.json"):
        edit(table, lambda c: c["categories"][0].pop("keypoints"))
    with pytest.raises(ValueError, match="no category has keypoints; is this a COCO keypoints file"):
        opened(row)


def test_errors_of_one_image(row, train):
    whole = train.read_text()
    for change, message in (
        ({"keypoints": [1, 2, 2]}, r"train2017/000000000001\.jpg, annotation 11: 3 numbers of keypoints, expected 12"),
        ({"keypoints": None}, "annotation 11: no numbers of keypoints, expected 12"),
        ({"keypoints": [8, 5, 3, *[0] * 9]}, "annotation 11: visibility of 'nose' is 3, expected 0, 1 or 2"),
        ({"keypoints": [8, None, 2, *[0] * 9]}, "annotation 11: place of 'nose' is 8, None, expected two numbers"),
        ({"segmentation": []}, r"annotation 11 \(person\): no segmentation"),
    ):
        train.write_text(whole)
        edit(train, lambda c, given=change: c["annotations"][0].update(given))
        reader, images = opened(row)
        with pytest.raises(ValueError, match=message):
            list(reader.labels(images[0]))
        with pytest.raises(ValueError, match=message):
            reader.present(images[0])
        assert set(masks(reader, images[1], "object")) == {"person"}
    reader, images = opened(row, objects="no")  # the missing segmentation is no label
    assert set(masks(reader, images[0])) == {"nose", "left eye", "right eye", "left knee"}
