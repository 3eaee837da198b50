"""The CelebA reader on a tiny data set in the published layout, against pandas' and torchvision's reading of it."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from conceptatlas.datasets.celeba import attribute_name
from conceptatlas.datasets.index import open_dataset
from conceptatlas.datasets.reader import ImageLabel, LabelMap
from conceptatlas.tables import records
from tiny_faces import CELEBA_ATTRIBUTES, CELEBA_FACES, CELEBA_LANDMARKS, celeba, celeba_csv
from tiny_files import picture, save_picture

PARTS = ["left eye", "right eye", "nose", "left mouth corner", "right mouth corner"]


@pytest.fixture
def folder(tmp_path):
    celeba(tmp_path / "celeba")
    return tmp_path / "celeba"


def reader_of(folder, annotations="", **options):
    return open_dataset({"format": "celeba", "path": str(folder), "annotations": annotations, "options": options})


def attributes_of(reader, image):
    return {label.concept.name for label in reader.labels(image) if isinstance(label, ImageLabel)}


def masks_of(reader, image):
    maps = [label for label in reader.labels(image) if isinstance(label, LabelMap)]
    return {concept.name: label.numbers == number for label in maps for number, concept in label.concepts.items()}


def test_listing(folder):
    listing = reader_of(folder).listing()
    images = listing.images
    assert images["image_id"].tolist() == [f"{i:06d}.jpg" for i in range(1, 7)]
    assert images["path"].tolist()[0] == "img_align_celeba/000001.jpg"
    assert images["split"].tolist() == ["train", "train", "train", "val", "val", "val"]
    assert set(images["source"]) == {"celeba"}
    assert images["licence"].str.contains("non-commercial").all()
    assert images["attribution"].str.contains("Liu").all()
    names = listing.concepts["name"].tolist()
    assert names == [attribute_name(column) for column in CELEBA_ATTRIBUTES] + PARTS
    assert names[:2] == ["5 o clock shadow", "arched eyebrows"]
    assert listing.concepts["categories"].tolist() == [["attribute"]] * 40 + [["part"]] * 5


def test_attributes_are_those_that_pandas_reads(folder):
    table = pd.read_csv(folder / "list_attr_celeba.txt", sep=r"\s+", skiprows=2, header=None, index_col=0)
    assert table.shape == (6, 40)
    reader = reader_of(folder)
    for image in records(reader.listing().images):
        signs = table.loc[image["image_id"]].tolist()
        expected = {attribute_name(n) for n, sign in zip(CELEBA_ATTRIBUTES, signs, strict=True) if sign == 1}
        assert attributes_of(reader, image) == expected


def test_torchvision_reads_the_same(folder, monkeypatch):
    datasets = pytest.importorskip("torchvision.datasets")
    names = [f"{i:06d}.jpg" for i in range(1, 7)]
    (folder / "identity_CelebA.txt").write_text("".join(f"{name} 7\n" for name in names))
    boxes = "".join(f"{name} 1 2 3 4\n" for name in names)
    (folder / "list_bbox_celeba.txt").write_text(f"6\nimage_id x_1 y_1 width height\n{boxes}")
    monkeypatch.setattr(datasets.CelebA, "_check_integrity", lambda self: True)
    twin = datasets.CelebA(str(folder.parent), split="all", target_type=["attr", "landmarks"])
    train = datasets.CelebA(str(folder.parent), split="train").filename  # it fails on a split of one image
    reader = reader_of(folder)
    images = records(reader.listing().images)
    assert [image["image_id"] for image in images] == twin.filename
    expected = ["train" if name in train else "val" for name in twin.filename]
    assert [image["split"] for image in images] == expected
    for image, (pixels, (signs, points)) in zip(images, twin, strict=True):
        np.testing.assert_array_equal(reader.picture(image), np.asarray(pixels))
        present = {attribute_name(twin.attr_names[i]) for i in np.flatnonzero(signs.numpy() == 1)}
        assert attributes_of(reader, image) == present
        assert [float(text) for text in image["_landmarks"].split()] == points.tolist()


def test_landmarks_are_discs_of_a_quarter_of_the_distance_between_the_eyes(folder):
    reader = reader_of(folder)
    for image, (_, _, points) in zip(records(reader.listing().images), CELEBA_FACES, strict=True):
        radius = 0.25 * math.hypot(points[2] - points[0], points[3] - points[1])
        y, x = np.mgrid[0:218, 0:178]
        masks = masks_of(reader, image)
        assert list(masks) == PARTS
        for part, (px, py) in zip(PARTS, zip(points[::2], points[1::2], strict=True), strict=True):
            np.testing.assert_array_equal(masks[part], (x - px) ** 2 + (y - py) ** 2 <= radius**2)


def test_left_is_the_left_of_the_picture(folder):
    reader = reader_of(folder)
    masks = masks_of(reader, records(reader.listing().images)[0])
    assert np.flatnonzero(masks["left eye"].any(axis=0)).max() < np.flatnonzero(masks["right eye"].any(axis=0)).min()
    assert "not of the person" in reader.definitions()["part"]


def test_sides_may_be_merged(folder):
    apart, merged = reader_of(folder), reader_of(folder, sides="merge")
    assert "one part" in merged.definitions()["part"]
    assert merged.listing().concepts["name"].tolist()[40:] == ["eye", "nose", "mouth corner"]
    image = records(merged.listing().images)[0]
    sides, both = masks_of(apart, image), masks_of(merged, image)
    np.testing.assert_array_equal(both["eye"], sides["left eye"] | sides["right eye"])
    np.testing.assert_array_equal(both["mouth corner"], sides["left mouth corner"] | sides["right mouth corner"])


@pytest.mark.parametrize(
    ("options", "radius", "words"),
    [
        ({"radius": "0.5"}, 0.5 * math.hypot(37, 4), "0.5 of the distance between the eyes"),
        ({"radius": "0.05", "radius_of": "picture"}, 10.9, "0.05 of the longer side of the picture (218"),
        ({"radius": "3", "radius_of": "pixels"}, 3.0, "3 pixels of the aligned picture"),
    ],
)
def test_radius(folder, options, radius, words):
    reader = reader_of(folder, **options)
    assert words in reader.definitions()["disc_radius"]
    y, x = np.mgrid[0:218, 0:178]
    nose = masks_of(reader, records(reader.listing().images)[0])["nose"]
    np.testing.assert_array_equal(nose, (x - 77) ** 2 + (y - 142) ** 2 <= radius**2)


def test_two_eyes_on_one_pixel_leave_one_pixel_each(folder):
    replace(folder / "list_landmarks_align_celeba.txt", "  69  109  106  113", "  69  109   69  109")
    reader = reader_of(folder)
    masks = masks_of(reader, records(reader.listing().images)[0])
    assert [int(mask.sum()) for mask in masks.values()] == [1] * 5


def test_without_landmarks_and_with_chosen_attributes(folder):
    (folder / "list_landmarks_align_celeba.txt").unlink()
    reader = reader_of(folder, landmarks="no", attributes="Smiling, wearing hat", partitions="train,val")
    listing = reader.listing()
    assert listing.concepts["name"].tolist() == ["smiling", "wearing hat"]
    assert listing.images["image_id"].tolist() == [f"{i:06d}.jpg" for i in range(1, 6)]
    assert [sorted(attributes_of(reader, image)) for image in records(listing.images)] == [
        ["smiling"],
        [],
        [],
        ["smiling", "wearing hat"],
        ["smiling"],
    ]
    assert reader.definitions() == {}
    save_picture(folder / "img_align_celeba" / "000001.jpg", picture(60, 50))
    assert reader.picture(records(listing.images)[0]).shape == (60, 50, 3)
    assert reader_of(folder, landmarks="no").definitions().keys() == {"split"}


def test_landmarks_alone_and_no_split(folder):
    (folder / "list_eval_partition.txt").unlink()
    listing = reader_of(folder, attributes="none", partitions="none").listing()
    assert listing.concepts["name"].tolist() == PARTS
    assert listing.images["split"].tolist() == [""] * 6


def layout_of_the_download(folder):
    for name, place in (("Anno", "list_attr*"), ("Anno", "list_land*"), ("Eval", "list_eval*"), ("Img", "img_align*")):
        (folder / name).mkdir(exist_ok=True)
        for file in list(folder.glob(place)):
            file.rename(folder / name / file.name)


def layout_of_kaggle(folder):
    celeba_csv(folder)
    (folder / "img_align_celeba").rename(folder / "inner")
    (folder / "img_align_celeba").mkdir()
    (folder / "inner").rename(folder / "img_align_celeba" / "img_align_celeba")


@pytest.mark.parametrize("layout", [layout_of_the_download, layout_of_kaggle])
def test_other_layouts_say_the_same(folder, layout):
    def said():
        reader = reader_of(folder)
        images = records(reader.listing().images)
        own = ("image_id", "split", "_attributes", "_landmarks")
        return [{key: image[key] for key in own} for image in images], [reader.picture(image).sum() for image in images]

    published = said()
    layout(folder)
    assert said() == published


def test_tables_elsewhere_by_folder_or_by_name(folder, tmp_path):
    (tmp_path / "tables").mkdir()
    tables = [file.rename(tmp_path / "tables" / file.name) for file in sorted(folder.glob("list_*"))]
    pictures = folder / "img_align_celeba"
    by_folder = reader_of(pictures, annotations=str(tmp_path / "tables")).listing()
    by_name = reader_of(pictures, annotations=";".join(map(str, tables))).listing()
    assert by_folder.images["path"].tolist() == by_folder.images["image_id"].tolist()
    assert by_folder.images.to_dict("list") == by_name.images.to_dict("list")


def replace(path, old, new):
    text = path.read_bytes().decode()
    assert old in text
    path.write_bytes(text.replace(old, new, 1).encode())


@pytest.mark.parametrize(
    ("table", "old", "new", "message"),
    [
        ("attr", "6\r\n", "7\r\n", r"attr_celeba\.txt: the first line states 7 images and 6 rows follow"),
        ("attr", "6\r\n", "", r"first line is '5_o_Clock_Shadow .*', expected the number of images"),
        ("attr", "Smiling", "Smiling Smile", r"line 3: 41 cells, expected 42: an image and 5_o_Clock_Shadow, .*41 in"),
        ("attr", "Smiling", "Male", r"two attributes of one name in its header"),
        ("attr", "000002.jpg", "000001.jpg", r"line 4: 000001\.jpg stands twice"),
        ("attr", "000002.jpg  1", "000002.jpg  0", r"line 4 \(000002\.jpg\): value '0' of an attribute, expected 1 or"),
        ("attr", "000002.jpg", "000009.jpg", r"000009\.jpg is not in .*list_eval_partition\.txt: not of one build"),
        ("attr", "000002.jpg", "000002.jpg -1", r"line 4: 42 cells, expected 41"),
        ("partition", "000002.jpg 0", "000002.jpg 3", r"line 2: partition '3', expected 0 \(train\), 1 .* or 2 \(test"),
        (
            "partition",
            "000006.jpg 2\r\n",
            "000006.jpg 2\r\n7.jpg 2\r\n",
            r"has 6 images, .*partition\.txt has 7",
        ),
        ("partition", "000006.jpg 2\r\n", "", r"000006\.jpg is not in .*list_eval_partition\.txt"),
        ("landmarks", "nose_x", "chin_x", r"columns lefteye_x, .* \(10 in all\), expected lefteye_x, lefteye_y"),
        ("landmarks", "  69  109", "  69    x", r"line 3: coordinate 'x' of 000001\.jpg is not a number"),
        ("landmarks", "  69  109", "  69  nan", r"line 3: coordinate 'nan' of 000001\.jpg is not a number"),
    ],
)
def test_errors_of_a_table(folder, table, old, new, message):
    (path,) = folder.glob(f"list_*{table}*.txt")
    replace(path, old, new)
    with pytest.raises(ValueError, match=message):
        reader_of(folder).listing()


def test_errors_of_a_csv(folder):
    celeba_csv(folder)
    replace(folder / "list_eval_partition.csv", "image_id,partition", "image_id,part")
    with pytest.raises(ValueError, match=r"list_eval_partition\.csv: columns part, expected partition"):
        reader_of(folder).listing()
    replace(folder / "list_attr_celeba.csv", "image_id,", "file,")
    with pytest.raises(ValueError, match=r"list_attr_celeba\.csv: the first column is 'file', expected 'image_id'"):
        reader_of(folder).listing()
    (folder / "list_attr_celeba.csv").write_text("")
    with pytest.raises(ValueError, match=r"list_attr_celeba\.csv: line 1 is missing or empty"):
        reader_of(folder).listing()


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("list_attr_celeba", "no list_attr_celeba.txt or list_attr_celeba.csv in .*; the column annotations names"),
        ("list_eval_partition", "no list_eval_partition.*; the option partitions=none does without it"),
        ("list_landmarks_align_celeba", "no list_landmarks_align_celeba.*; the option landmarks=no does without it"),
    ],
)
def test_missing_tables(folder, table, message):
    (folder / f"{table}.txt").unlink()
    with pytest.raises(ValueError, match=message):
        reader_of(folder).listing()


def test_missing_pictures(folder):
    (folder / "img_align_celeba" / "000001.jpg").unlink()
    assert len(reader_of(folder).listing().images) == 6  # one is missing: quarantined when it is framed
    for file in (folder / "img_align_celeba").iterdir():
        file.unlink()
    with pytest.raises(ValueError, match=r"none of the 6 images listed is there, such as 000001\.jpg"):
        reader_of(folder).listing()


def test_landmarks_need_the_aligned_size(folder):
    save_picture(folder / "img_align_celeba" / "000001.jpg", picture(109, 89))
    reader = reader_of(folder)
    with pytest.raises(ValueError, match=r"000001\.jpg: 109 x 89 pixels .*pictures of 218 x 178 .*landmarks=no"):
        reader.picture(records(reader.listing().images)[0])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"landmarks": "maybe"}, "unknown value of landmarks 'maybe' in the options of celeba"),
        ({"sides": "merged"}, "unknown value of sides 'merged'.*did you mean 'merge'"),
        ({"radius_of": "eye", "radius": "1"}, "unknown value of radius_of 'eye'.*did you mean 'eyes'"),
        ({"radius_of": "pixels"}, "radius_of=pixels needs the option radius"),
        ({"radius": "big"}, "radius is a number above 0, not 'big'"),
        ({"radius": "0"}, "radius is a number above 0, not '0'"),
        ({"radius": "inf"}, "radius is a number above 0, not 'inf'"),
        ({"partitions": "train,valid"}, "unknown partition 'valid'.*did you mean 'val'"),
        ({"partitions": ""}, "partitions names some of train, val, test, or is none"),
    ],
)
def test_errors_of_options(folder, options, message):
    with pytest.raises(ValueError, match=message):
        reader_of(folder, **options)


def test_an_unknown_attribute_is_named_with_its_neighbours(folder):
    with pytest.raises(ValueError, match=r"unknown attribute 'Smile' in .*_celeba\.txt; did you mean 'Smiling'"):
        reader_of(folder, attributes="Male,Smile").listing()


def test_columns_of_the_landmarks_may_stand_in_another_order(folder):
    path = folder / "list_landmarks_align_celeba.txt"
    before = reader_of(folder).listing().images["_landmarks"].tolist()
    table = pd.read_csv(path, sep=r"\s+", skiprows=1)[CELEBA_LANDMARKS[::-1]]
    path.write_text("6\n" + table.to_csv(sep=" ").lstrip())
    assert reader_of(folder).listing().images["_landmarks"].tolist() == before


def test_the_published_table_wins_over_a_csv_beside_it(folder):
    (folder / "list_eval_partition.csv").write_text("image_id,partition\n000001.jpg,1\n")
    assert reader_of(folder).listing().images["split"].tolist()[0] == "train"


def test_pictures_that_no_table_lists_are_not_seen(folder):
    save_picture(folder / "img_align_celeba" / "000007.jpg", picture(218, 178))
    assert len(reader_of(folder).listing().images) == 6


def test_what_of_a_disc_lies_outside_is_cut_off(folder):
    replace(folder / "list_landmarks_align_celeba.txt", "   77  142   73  152", "  400  142   -2  152")
    reader = reader_of(folder)
    image = records(reader.listing().images)[0]
    masks = masks_of(reader, image)
    y, x = np.mgrid[0:218, 0:178]
    np.testing.assert_array_equal(masks["left mouth corner"], (x + 2) ** 2 + (y - 152) ** 2 <= (37**2 + 4**2) / 16)
    assert not masks["nose"].any()
    assert ("nose", "part") not in reader.present(image)
    assert ("left mouth corner", "part") in reader.present(image)
