"""The PASCAL-Part reader on a tiny data set: dogs that overlap, a car, a chair without parts, an empty scene."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from conceptatlas.datasets.framing import FrameOptions, frame_image
from conceptatlas.datasets.index import named_files, open_dataset
from conceptatlas.tables import records
from tiny_files import picture, save_picture
from tiny_parts import block, pascal_part, save_annotation


@pytest.fixture
def row(tmp_path):
    return pascal_part(tmp_path)


def with_options(row, **options):
    return {**row, "options": ";".join([row["options"], *(f"{key}={value}" for key, value in options.items())])}


def masks(row, position=0):
    reader = open_dataset(row)
    image = records(reader.listing().images)[position]
    return {tuple(label.concepts[1]): label.numbers for label in reader.labels(image)}


def reason(row, position=0):
    reader = open_dataset(row)
    listing = reader.listing()
    vocabulary = {name: i for i, name in enumerate(listing.concepts["name"])}
    image = records(listing.images)[position]
    return frame_image(reader, image, options=FrameOptions.of(row), vocabulary=vocabulary).reason


def test_listing(row):
    images = open_dataset(row).listing().images
    assert images["image_id"].tolist() == ["2008_000001.jpg", "2008_000002.jpg", "2009_000003.jpg", "2009_000004.jpg"]
    assert images["split"].tolist() == ["train", "train", "val", "val"]
    assert set(images["source"]) == {"pascal"}
    assert images["attribution"].tolist()[0] == "PASCAL VOC 2010, 2008_000001"
    assert images["_height"].tolist() == [18, 18, 18, 0]


def test_concepts(row):
    concepts = open_dataset(row).listing().concepts
    assert concepts["name"].tolist() == [
        *("car", "chair", "dog"),
        *("eye", "head", "license plate", "paw", "side", "tail", "wheel"),
    ]
    assert concepts["categories"].tolist() == [["object"]] * 3 + [["part"]] * 7


def test_instances_are_one_label_and_parts_lie_in_objects(row):
    found = masks(row)
    whole, head = block(slice(2, 12), slice(1, 11)), block(slice(2, 7), slice(1, 6))
    np.testing.assert_array_equal(found["dog", "object"], (whole | np.roll(whole, 4, axis=1)) > 0)
    np.testing.assert_array_equal(found["head", "part"], (head | np.roll(head, 4, axis=1)) > 0)
    assert {name: int(mask.sum()) for (name, _), mask in found.items()} == {"dog": 140, "head": 45, "eye": 2, "paw": 4}


def test_a_part_without_pixels_is_known_and_not_present(row):
    reader = open_dataset(row)
    listing = reader.listing()
    assert "tail" in listing.concepts["name"].tolist()
    assert ("tail", "part") not in reader.present(records(listing.images)[0])


def test_numbered_parts_are_one(row):
    assert masks(row, 1)["wheel", "part"].sum() == 18


def test_sides_may_be_kept(row):
    names = {name for name, _ in masks(with_options(row, sides="keep"))}
    assert names == {"dog", "head", "left eye", "right eye", "left front paw", "right back paw"}
    names = {name for name, _ in masks(with_options(row, sides="keep"), 1)}
    assert names == {"car", "wheel", "front side", "front license plate"}
    assert open_dataset(with_options(row, sides="keep")).definitions() == {}
    assert "one" in open_dataset(row).definitions()["part_sides"]


def test_parts_may_be_named_with_their_object(row):
    names = {name for name, _ in masks(with_options(row, part_names="object"))}
    assert names == {"dog", "dog head", "dog eye", "dog paw"}


def test_parts_only(row):
    reader = open_dataset(with_options(row, objects="no"))
    listing = reader.listing()
    assert listing.concepts["categories"].tolist() == [["part"]] * 7
    assert len(listing.images) == 4
    assert reader.present(records(listing.images)[2]) == set()


def test_an_object_and_a_part_of_one_name_are_one_concept(row, tmp_path):
    mask = block(slice(0, 4), slice(0, 4))
    save_annotation(tmp_path / "Annotations_Part" / "2009_000004.mat", [("wheel", mask, [("head", mask)])])
    concepts = open_dataset(row).listing().concepts
    categories = dict(zip(concepts["name"], concepts["categories"], strict=True))
    assert categories["wheel"] == ["object", "part"]
    assert {("wheel", "object"), ("head", "part")} == set(masks(row, 3))


def test_unknown_parts_keep_their_short_name(row, tmp_path, caplog):
    mask = block(slice(0, 4), slice(0, 4))
    things = [("dog", mask, [("lfpaw_2", mask), ("gizmo", mask)])]
    save_annotation(tmp_path / "Annotations_Part" / "2009_000004.mat", things)
    with caplog.at_level(logging.WARNING):
        assert {name for name, _ in masks(row, 3)} == {"dog", "lfpaw", "gizmo"}
    assert "2 parts are not in pascal_part_names.tsv and keep their short name: gizmo, lfpaw" in caplog.text


def test_the_listing_does_not_depend_on_who_reads(row):
    alone = open_dataset(row).listing()
    with ThreadPoolExecutor(2) as pool:
        together = open_dataset(row).listing(map=pool.map)
    assert alone.images.equals(together.images)
    assert alone.concepts.equals(together.concepts)


def test_pictures_without_annotation_are_left_out(row, caplog):
    with caplog.at_level(logging.INFO):
        images = open_dataset(row).listing().images
    assert "2010_000005.jpg" not in images["image_id"].tolist()
    assert "1 pictures have no .mat and are left out, such as 2010_000005" in caplog.text


def test_pictures_may_lie_beside_their_annotations_and_be_of_any_kind(row, tmp_path):
    folder = tmp_path / "Annotations_Part"
    for i, stem in enumerate(["2008_000001", "2008_000002", "2009_000003", "2009_000004"]):
        save_picture(folder / f"{stem}.PNG", picture(18, 24, seed=i))
    images = open_dataset({**row, "path": str(folder)}).listing().images
    assert images["path"].tolist()[0] == "2008_000001.PNG"


def test_an_annotation_without_picture_goes_to_quarantine(row, tmp_path):
    (tmp_path / "JPEGImages" / "2008_000001.jpg").unlink()
    assert open_dataset(row).listing().images["image_id"].tolist()[0] == "2008_000001.jpg"
    assert "2008_000001.jpg: no such file" in reason(row)


def test_two_pictures_for_one_annotation_are_refused(row, tmp_path):
    save_picture(tmp_path / "JPEGImages" / "2008_000001.png", picture(18, 24))
    with pytest.raises(ValueError, match=r"'2008_000001.jpg' and '2008_000001.png' would share 2008_000001.mat"):
        open_dataset(row).listing()


def test_masks_of_another_size_than_the_picture_go_to_quarantine(row, tmp_path):
    save_picture(tmp_path / "JPEGImages" / "2008_000001.jpg", picture(36, 48))
    assert "2008_000001.jpg: 36 x 48 pixels (height x width), the masks of 2008_000001.mat have 18 x 24" in reason(row)
    assert not reason(row, 1)


@pytest.mark.parametrize("content", [b"", b"no .mat"])
def test_a_mat_that_cannot_be_read_goes_to_quarantine(row, tmp_path, content):
    (tmp_path / "Annotations_Part" / "2008_000001.mat").write_bytes(content)
    assert "2008_000001.mat: not an annotation of PASCAL-Part" in reason(row)
    assert not reason(row, 1)
    reader = open_dataset(row)
    with pytest.raises(ValueError, match=r"2008_000001.mat"):
        reader.present(records(reader.listing().images)[0])


def test_images_in_no_list_have_no_split(row, tmp_path, caplog):
    (tmp_path / "val.txt").write_text("2009_000003\n")
    with caplog.at_level(logging.WARNING):
        assert open_dataset(row).listing().images["split"].tolist() == ["train", "train", "val", ""]
    assert "1 images are in no list and have no split, such as 2009_000004" in caplog.text


def test_lists_are_part_of_what_results_depend_on(row, tmp_path):
    assert {str(tmp_path / "train.txt"), str(tmp_path / "val.txt")} <= set(named_files(row))


def test_without_lists_there_is_no_split(row):
    assert set(open_dataset({**row, "options": ""}).listing().images["split"]) == {""}


def test_lists_that_do_not_fit_are_refused(row, tmp_path):
    (tmp_path / "val.txt").write_text("2009_000003\n2008_000001\n")
    with pytest.raises(ValueError, match=r"val.txt: 1 images are in the list of train too, such as '2008_000001'"):
        open_dataset(row).listing()
    (tmp_path / "val.txt").write_text("a\nb\n")
    with pytest.raises(ValueError, match=r"val.txt: none of its 2 names has a .mat"):
        open_dataset(row).listing()
    (tmp_path / "val.txt").unlink()
    with pytest.raises(ValueError, match=r"val.txt: no such file; the options train and val"):
        open_dataset(row).listing()


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("objects=maybe", "unknown value of objects 'maybe'"),
        ("sides=merged", "unknown value of sides 'merged'; did you mean 'merge'"),
        ("part_names=simple", "unknown value of part_names 'simple'"),
        ("side=keep", "unknown option 'side'"),
    ],
)
def test_unknown_options_are_refused(row, option, message):
    with pytest.raises(ValueError, match=message):
        open_dataset({**row, "options": option})


def test_folders_are_named(row, tmp_path):
    with pytest.raises(ValueError, match=r"the column annotations names the folder of the .mat files"):
        open_dataset({**row, "annotations": ""})
    with pytest.raises(ValueError, match="gone: no such folder"):
        open_dataset({**row, "annotations": str(tmp_path / "gone")}).listing()
    with pytest.raises(ValueError, match=r"JPEGImages: no .mat file"):
        open_dataset({**row, "annotations": row["path"]}).listing()
