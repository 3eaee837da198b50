"""Several data sets as one: names, materials, minimum counts and colours, against labels read member by member."""

from __future__ import annotations

import logging
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from conceptatlas.datasets.colors import COLOR_NAMES, COLOR_SIDE, color_numbers
from conceptatlas.datasets.index import format_modules, named_files, open_dataset
from conceptatlas.datasets.pictures import shrunk
from conceptatlas.datasets.reader import ConceptKey, ImageLabel, LabelMap
from conceptatlas.tables import records
from tiny_composite import write_members
from tiny_datasets import TINY

Row = dict[str, Any]


@pytest.fixture
def row(tmp_path: Path) -> Row:
    return TINY["composite"](tmp_path)


def changed(row: Row, **options: str) -> Row:
    """The row with some options replaced; None leaves one out."""
    given = dict(part.split("=", 1) for part in row["options"].split(";"))
    return row | {"options": given | options}


def masks(reader: Any, image: Row) -> dict[ConceptKey, np.ndarray[Any, Any]]:
    """Concept -> mask of one image (True for a label of the whole image)."""
    found: dict[ConceptKey, Any] = {}
    for label in reader.labels(image):
        if isinstance(label, ImageLabel):
            found[label.concept] = True
            continue
        for number, concept in label.concepts.items():
            mask = label.numbers == number
            if mask.any():
                found[concept] = found.get(concept, False) | mask
    return found


def test_images_come_member_by_member_with_their_own_ids(row: Row) -> None:
    images = open_dataset(row).listing().images
    assert images["image_id"].tolist()[0] == "streets/train2017/000000000001.jpg"
    assert images["image_id"].tolist()[-1] == "own/val/a/three.jpg"
    assert images["source"].tolist() == ["streets/coco"] * 4 + ["own/a", "own/b", "own/a", "own/a"]
    assert images["split"].tolist() == ["train", "train", "val", "val", "train", "train", "val", "val"]
    assert images["attribution"][0] == "http://flickr.example/1"


def test_names_are_unified_and_rare_concepts_left_out(row: Row) -> None:
    concepts = open_dataset(changed(row, colors="no")).listing().concepts
    found = dict(zip(concepts["name"], concepts["categories"], strict=True))
    # wheel is in three images, the others in four or more
    assert found == {
        "person": ["object"],
        "automobile": ["object"],
        "tree-merged": ["object"],
        "foliage": ["material"],
        "sky": ["object", "part"],
    }
    everything = open_dataset(changed(row, colors="no", min_images="0")).listing().concepts
    assert set(everything["name"]) - set(found) == {"wheel"}


def test_labels_are_the_members_under_their_new_names(row: Row, tmp_path: Path) -> None:
    reader = open_dataset(row)
    images = records(reader.listing().images)
    street = TINY["coco_panoptic"](tmp_path / "again")
    alone = open_dataset(street)
    own = masks(alone, records(alone.listing().images)[0])
    found = masks(reader, images[0])
    np.testing.assert_array_equal(found[ConceptKey("automobile", "object")], own[ConceptKey("car", "object")])
    for concept in (ConceptKey("tree-merged", "object"), ConceptKey("foliage", "material")):
        np.testing.assert_array_equal(found[concept], own[ConceptKey("tree-merged", "object")])
    assert not {concept.name for image in images for concept in masks(reader, image)} & {"wheel", "car"}


def test_every_pixel_has_one_colour(row: Row) -> None:
    reader = open_dataset(row)
    for image in records(reader.listing().images):
        found = masks(reader, image)
        colors = {concept.name: mask for concept, mask in found.items() if concept.category == "color"}
        assert set(colors) <= {f"{name}-c" for name in COLOR_NAMES}
        np.testing.assert_array_equal(sum(mask.astype(int) for mask in colors.values()), 1)
        numbers = color_numbers(reader.picture(image))
        for name, mask in colors.items():
            np.testing.assert_array_equal(mask, numbers == COLOR_NAMES.index(name.removesuffix("-c")))


def test_colours_do_not_hang_on_the_order_of_calls(row: Row) -> None:
    reader = open_dataset(row)
    first, second = records(reader.listing().images)[:2]
    expected = masks(open_dataset(row), second)
    reader.picture(first)
    assert {c: m.tolist() for c, m in masks(reader, second).items()} == {c: m.tolist() for c, m in expected.items()}


def test_large_pictures_are_averaged_before_their_colours_are_named() -> None:
    large = np.zeros((600, 900, 3), dtype=np.uint8)
    large[:, :450] = (230, 20, 20)
    large[::7, ::7] = 255
    small = shrunk(large, side=COLOR_SIDE)
    assert small.shape == (171, 256, 3)
    assert (color_numbers(small)[:, :125] == COLOR_NAMES.index("red")).mean() > 0.9
    assert shrunk(large[:100, :100], side=COLOR_SIDE).shape == (100, 100, 3)


def test_definitions_say_how_labels_came_about(row: Row) -> None:
    definitions = open_dataset(row).definitions()
    assert definitions["min_images"] == "4"
    assert definitions["color_definition"].startswith("nearest_of_37: ")
    assert "color_definition" not in open_dataset(changed(row, colors="no")).definitions()
    plain = open_dataset(changed(row, colors="nearest_of_11")).definitions()["color_definition"]
    assert plain.startswith("nearest_of_11: ")


def test_the_minimum_counts_images_once_whatever_the_members_call_the_concept(row: Row) -> None:
    reader = open_dataset(changed(row, colors="no", min_images="0"))
    images = records(reader.listing().images)
    counts = Counter(name for image in images for name in {concept.name for concept in masks(reader, image)})
    for minimum in (1, 3, 4, 5, 9):
        kept = set(open_dataset(changed(row, colors="no", min_images=str(minimum))).listing().concepts["name"])
        assert kept == {name for name, count in counts.items() if count >= minimum}


def test_a_spread_out_count_gives_the_same_listing(row: Row) -> None:
    def backwards(function: Any, items: Any) -> list[Any]:
        return [function(item) for item in reversed(list(items))][::-1]

    one, other = open_dataset(row).listing(), open_dataset(row).listing(map=backwards)
    assert one.images.to_dict("list") == other.images.to_dict("list")
    assert one.concepts.to_dict("list") == other.concepts.to_dict("list")


def test_an_image_whose_labels_cannot_be_read_does_not_stop_the_count(row: Row, tmp_path: Path) -> None:
    next((tmp_path / "coco").rglob("000000000001.png")).write_bytes(b"no picture")
    kept = open_dataset(changed(row, colors="no", min_images="4")).listing()
    assert "person" not in set(kept.concepts["name"])  # three images are left
    assert len(kept.images) == 8


def test_limits_and_splits_of_members(row: Row, tmp_path: Path) -> None:
    sheet = Path(row["annotations"])
    lines = sheet.read_text().splitlines()
    cells = lines[1].split("\t")
    cells[4] = "3"
    sheet.write_text("\n".join([lines[0], "\t".join(cells), lines[2]]) + "\n")
    images = open_dataset(row, study_seed=1).listing().images
    assert images["_member"].tolist() == ["streets"] * 3 + ["own"] * 4


def test_files_and_modules_behind_a_composite(row: Row, tmp_path: Path) -> None:
    files = set(named_files(row))
    assert {str(tmp_path / name) for name in ("members.tsv", "synonyms.tsv", "materials.tsv")} <= files
    assert str(tmp_path / "coco" / "panoptic_train2017.json") in files
    assert format_modules(row) == [
        f"conceptatlas.datasets.{name}" for name in ("coco_panoptic", "composite", "image_folder")
    ]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"colors": "nearest_of_12"}, r"unknown value of colors 'nearest_of_12'.*'nearest_of_11'"),
        ({"min_images": "ten"}, "min_images is a number of images, not 'ten'"),
        ({"synonyms": "gone.tsv"}, "gone.tsv: no such file"),
    ],
)
def test_unfit_options_are_named(row: Row, options: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        open_dataset(changed(row, **options))


def test_a_path_of_its_own_is_refused(row: Row) -> None:
    with pytest.raises(ValueError, match="leave the column path empty"):
        open_dataset(row | {"path": "somewhere"})


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ({"dataset": "a", "format": "composite"}, "a is a composite itself"),
        ({"dataset": "a b", "format": "broden"}, "data set 'a b': a name may hold"),
        ({"dataset": "a", "format": "brodn"}, r"unknown format 'brodn' in data set a; did you mean 'broden'"),
    ],
)
def test_unfit_members_are_named(tmp_path: Path, cells: Row, message: str) -> None:
    write_members(tmp_path / "members.tsv", [cells])
    with pytest.raises(ValueError, match=message):
        open_dataset({"format": "composite", "annotations": str(tmp_path / "members.tsv")}).listing()


def test_a_sheet_of_members_with_an_unknown_column_is_refused(tmp_path: Path) -> None:
    (tmp_path / "members.tsv").write_text("dataset\tformat\tframe\na\tbroden\tpad\n")
    with pytest.raises(ValueError, match="unknown column 'frame'"):
        open_dataset({"format": "composite", "annotations": str(tmp_path / "members.tsv")})


def test_a_map_of_the_member_is_shared_not_copied(row: Row) -> None:
    """A label with a material comes as two maps over the same numbers."""
    reader = open_dataset(changed(row, colors="no"))
    labels = [label for label in reader.labels(records(reader.listing().images)[0]) if isinstance(label, LabelMap)]
    assert len(labels) == 2
    assert labels[0].numbers is labels[1].numbers


def test_rows_that_no_label_meets_are_mentioned(row: Row, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        open_dataset(row).listing()
    assert "materials.tsv: 1 names that no member has, such as ['nobody has this']" in caplog.text


def test_members_that_are_drawn_are_drawn_apart(tmp_path: Path) -> None:
    rows = [{"dataset": name, "format": "demo", "n_images": 2} for name in ("a", "b")]
    write_members(tmp_path / "members.tsv", rows)
    reader = open_dataset({"format": "composite", "annotations": str(tmp_path / "members.tsv")}, study_seed=3)
    first, _, other, _ = records(reader.listing().images)
    assert (reader.picture(first) != reader.picture(other)).any()
