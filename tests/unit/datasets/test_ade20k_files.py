"""Where ADE20K's files lie, in both releases."""

from __future__ import annotations

import pytest

from conceptatlas.datasets.ade20k_files import ImageFiles, folder_of_splits, scan_images


def touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


@pytest.mark.parametrize("start", ["", "ADE20K_2021_17_01", "ADE20K_2021_17_01/images", "ADE20K_2021_17_01/images/ADE"])
def test_the_folder_is_found_from_above(tmp_path, start):
    touch(tmp_path, "ADE20K_2021_17_01/images/ADE/training/a/b/c.jpg")
    assert folder_of_splits(tmp_path / start) == tmp_path / "ADE20K_2021_17_01/images/ADE"


def test_of_two_releases_one_must_be_named(tmp_path):
    touch(tmp_path, "ADE20K_2021_17_01/images/ADE/training/c.jpg", "ADE20K_2016_07_26/images/validation/c.jpg")
    with pytest.raises(ValueError, match=r"2 folders that look like ADE20K: .*2016.*2021.*; path names one"):
        folder_of_splits(tmp_path)
    assert folder_of_splits(tmp_path / "ADE20K_2016_07_26") == tmp_path / "ADE20K_2016_07_26/images"


def test_a_folder_that_is_no_ade20k(tmp_path):
    touch(tmp_path, "photos/a.jpg")
    with pytest.raises(ValueError, match="neither images/ADE/training nor images/training"):
        folder_of_splits(tmp_path)
    with pytest.raises(ValueError, match="gone: no such folder"):
        folder_of_splits(tmp_path / "gone")


def test_pictures_and_what_lies_beside_them(tmp_path):
    touch(
        tmp_path,
        *(
            f"training/urban/street/a{ending}"
            for ending in (".jpg", ".json", "_seg.png", "_parts_2.png", "_parts_1.png")
        ),
        "training/urban/street/a/instance_000_a.png",
        "training/urban/street/a/inside.jpg",
        "training/urban/street/b.JPG",
        "training/urban/street/.hidden.jpg",
        "validation/s/street/c.jpg",
        "validation/s/street/c_atr.txt",
        "training/urban/street/a_parts_10.png",
        "training/urban/street/a_parts_0.png",
    )
    assert scan_images(tmp_path) == [
        ImageFiles("training/urban/street/a.jpg", "training/urban/street/a.json", (1, 2, 10)),
        ImageFiles("training/urban/street/b.JPG", "training/urban/street/b.json", ()),
        ImageFiles("validation/s/street/c.jpg", "validation/s/street/c_atr.txt", ()),
    ]


def test_no_pictures(tmp_path):
    touch(tmp_path, "training/urban/a.png")
    with pytest.raises(ValueError, match=r"no .jpg below training"):
        scan_images(tmp_path)


@pytest.mark.parametrize(
    ("path", "scene"),
    [
        ("training/urban/street/a.jpg", "street"),
        ("training/s/street/a.jpg", "street"),
        ("training/a/apse/indoor/a.jpg", "apse/indoor"),
        ("training/outliers/a/abbey/a.jpg", "abbey"),
        ("training/street/a.jpg", "street"),
        ("training/a.jpg", ""),
    ],
)
def test_scenes_by_folder(path, scene):
    assert ImageFiles(path, "", ()).scene_folder == scene
