"""The reader of one's own images with index masks."""

from __future__ import annotations

import numpy as np
import pytest

from conceptatlas.datasets.index import open_dataset
from conceptatlas.tables import records
from tiny_datasets import image_folder, picture, save_indices, save_picture


@pytest.fixture
def row(tmp_path):
    return image_folder(tmp_path)


def test_listing(row):
    listing = open_dataset({**row, "options": "licence=CC0;attribution=me"}).listing()
    images = listing.images
    assert images["image_id"].tolist() == ["train/a/one.jpg", "train/b/two.png", "val/a/four.jpg", "val/a/three.jpg"]
    assert images["split"].tolist() == ["train", "train", "val", "val"]
    assert images["source"].tolist() == ["a", "b", "a", "a"]
    assert set(images["licence"]) == {"CC0"}
    assert set(images["attribution"]) == {"me"}
    concepts = dict(zip(listing.concepts["name"], listing.concepts["categories"], strict=True))
    assert concepts == {"sky": ["object", "part"], "car": ["object"], "wheel": ["part"]}


def test_layers_have_their_own_numbers_and_may_be_missing(row):
    reader = open_dataset(row)
    images = {image["image_id"]: image for image in records(reader.listing().images)}
    objects, parts = reader.labels(images["train/a/one.jpg"])
    assert objects.concepts[1] == ("sky", "object")
    assert parts.concepts[1] == ("wheel", "part")
    assert (objects.numbers == 1).sum() == 8 * 24
    assert len(list(reader.labels(images["val/a/four.jpg"]))) == 1


def test_what_is_no_image_of_the_data_set(row, tmp_path):
    (tmp_path / "images" / "notes.txt").write_text("x")
    save_picture(tmp_path / "images" / ".hidden" / "a.png", picture(4, 4))
    inside = {**row, "path": str(tmp_path), "annotations": f"{tmp_path / 'objects'};{tmp_path / 'parts'}"}
    assert len(open_dataset(row).listing().images) == 4
    found = open_dataset(inside).listing().images["image_id"].tolist()
    assert found[0] == "images/train/a/one.jpg"
    assert len(found) == 4


def test_links_are_followed(tmp_path):
    save_picture(tmp_path / "store" / "a.png", picture(4, 4))
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "linked").symlink_to(tmp_path / "store", target_is_directory=True)
    (tmp_path / "images" / "b.png").symlink_to(tmp_path / "store" / "a.png")
    row = {"format": "image_folder", "path": str(tmp_path / "images"), "annotations": ""}
    assert open_dataset(row).listing().images["image_id"].tolist() == ["b.png", "linked/a.png"]


def test_images_without_masks(row):
    reader = open_dataset({**row, "annotations": ""})
    listing = reader.listing()
    assert listing.concepts.empty
    assert list(reader.labels(records(listing.images)[0])) == []


def test_one_names_file_for_all_layers(row, tmp_path):
    names = tmp_path / "all.tsv"
    names.write_text("1\tsky\tobject\n\n2\tcar\tobject\n7\twheel\tpart\n")
    reader = open_dataset({**row, "options": f"names={names}"})
    assert reader.listing().concepts["name"].tolist() == ["sky", "car", "wheel"]


def test_errors(row, tmp_path):
    reader = open_dataset(row)
    image = records(reader.listing().images)[0]
    save_indices(tmp_path / "objects" / "train" / "a" / "one.png", np.full((16, 24), 9))
    with pytest.raises(ValueError, match=r"one\.png: values \[9\] have no name; .*names\.tsv, or .*\(now 0,255\)"):
        list(reader.labels(image))
    assert len(list(open_dataset({**row, "options": "unlabelled=0, 9"}).labels(image))) == 2
    for layer in ("objects", "parts"):
        (tmp_path / layer / "train" / "a" / "one.png").unlink()
    with pytest.raises(ValueError, match=r"no mask; expected .*objects.* or .*parts"):
        list(reader.labels(image))
    save_picture(tmp_path / "images" / "train" / "a" / "one.png", picture(4, 4))
    with pytest.raises(ValueError, match=r"'train/a/one.jpg' and 'train/a/one.png' would share one mask"):
        reader.listing()
    with pytest.raises(ValueError, match="nowhere: no such folder"):
        open_dataset({**row, "path": "nowhere"}).listing()
    with pytest.raises(ValueError, match="unlabelled: 'x' is not a whole number"):
        open_dataset({**row, "options": "unlabelled=0,x"})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1 sky object\n", "line 1: expected number, name, category separated by tabs"),
        ("1\tsky\tobject\n1\tsea\tobject\n", "line 2: number 1 is 'sky' already"),
        ("1\tsky\tobjekt\n", "unknown category 'objekt'.*did you mean 'object'"),
        ("x\tsky\tobject\n", "line 1: expected number"),
        ("number\tname\tcategory\n# nothing yet\n", r"objects/names\.tsv names no value"),
    ],
)
def test_errors_of_a_names_file(row, tmp_path, text, message):
    (tmp_path / "objects" / "names.tsv").write_text(text)
    with pytest.raises(ValueError, match=message):
        open_dataset(row).listing()


def test_a_names_file_that_is_no_text(row, tmp_path):
    (tmp_path / "objects" / "names.tsv").write_bytes("1\tStraße\tobject\n".encode("latin-1"))
    with pytest.raises(ValueError, match=r"names\.tsv, line 1: not UTF-8 text"):
        open_dataset(row).listing()


def test_missing_names_file(row, tmp_path):
    (tmp_path / "objects" / "names.tsv").unlink()
    with pytest.raises(ValueError, match=r"names\.tsv: no such file; it names the values"):
        open_dataset(row).listing()
