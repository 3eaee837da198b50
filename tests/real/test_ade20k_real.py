"""Real images of ADE20K and SceneParsing-150, against PIL and json by hand: `pytest -m real --real-data FOLDER`."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from conceptatlas.datasets.annotation_file import read_annotations
from conceptatlas.datasets.index import open_dataset
from conceptatlas.datasets.reader import ImageLabel
from conceptatlas.naming import CATEGORIES
from conceptatlas.tables import read_table, records
from tiny_datasets import frame_dataset, join_dataset

pytestmark = pytest.mark.real

PAGE = Path(__file__).parents[2] / "docs" / "formats" / "ade20k.md"
FRAME = {"frame": "squash", "frame_size": 224, "mask_size": 112, "n_images": "", "split": ""}


@pytest.fixture(scope="module")
def folder(real_data):
    folder = real_data / "ade20k_samples"
    if not folder.is_dir():
        pytest.skip(f"{real_data} has no folder ade20k_samples")
    return folder


@pytest.fixture(scope="module")
def row(folder):
    path = str(folder / "full" / "ADE20K_2021_17_01")
    return {"dataset": "ade20k", "format": "ade20k", "path": path, "annotations": "", **FRAME}


@pytest.fixture(scope="module")
def objects(folder):
    """Objects of every JSON, by file name of the picture."""
    files = sorted((folder / "full").rglob("*.json"))
    return {
        file.with_suffix(".jpg").name: json.loads(file.read_text("latin-1"))["annotation"]["object"] for file in files
    }


@pytest.fixture(scope="module")
def framed(row, tmp_path_factory):
    folder = tmp_path_factory.mktemp("ade20k")
    paths = frame_dataset(row, folder, n_shards=2)
    return folder, paths, join_dataset(row, folder, paths)


def by_hand(png):
    """Class numbers of a PNG: PIL and arithmetic in int64."""
    pixels = np.asarray(Image.open(png)).astype(np.int64)
    return pixels[:, :, 0] // 10 * 256 + pixels[:, :, 1]


def layers_of(picture):
    """(PNG, level) of what lies beside a picture."""
    parts = sorted(picture.parent.glob(f"{picture.stem}_parts_*.png"))
    return [(picture.with_name(f"{picture.stem}_seg.png"), 0), *((png, int(png.stem[-1])) for png in parts)]


def test_listing(row, objects):
    listing = open_dataset(row).listing()
    assert len(listing.images) == len(objects) == 3
    assert set(listing.images["split"]) == {"train"}
    assert listing.images["licence"].str.contains("non-commercial research").all()
    names = {thing["name"].partition(",")[0] for found in objects.values() for thing in found}
    assert set(listing.concepts["name"]) == {*names, "street-s"}
    assert len(listing.concepts) == 41


def test_every_concept_has_the_pixels_of_its_class_in_every_layer(row, objects):
    reader = open_dataset(row)
    n_layers = n_labels = 0
    for image in records(reader.listing().images):
        picture = reader.file(image)
        names = {thing["name_ndx"]: thing["name"].partition(",")[0] for thing in objects[picture.name]}
        scene, *maps = reader.labels(image)
        assert isinstance(scene, ImageLabel)
        assert scene.concept == ("street-s", "scene")
        for label, (png, level) in zip(maps, layers_of(picture), strict=True):
            n_layers += 1
            numbers, counts = np.unique(by_hand(png), return_counts=True)
            expected = {names[int(n)]: int(count) for n, count in zip(numbers, counts, strict=True) if n}
            found = {concept.name: int((label.numbers == n).sum()) for n, concept in label.concepts.items()}
            assert found == expected
            assert {concept.category for concept in label.concepts.values()} == {"part" if level else "object"}
            n_labels += len(found)
    assert (n_layers, n_labels) == (7, 65)  # window is in both levels of the first


def test_layers_hold_the_classes_that_the_json_has_at_their_level(row, objects):
    """None is wholly hidden in these three; the reader does not rely on it."""
    reader = open_dataset(row)
    for image in records(reader.listing().images):
        picture = reader.file(image)
        _, *maps = reader.labels(image)
        for label, (_, level) in zip(maps, layers_of(picture), strict=True):
            named = {thing["name_ndx"] for thing in objects[picture.name] if thing["parts"]["part_level"] == level}
            assert set(label.concepts) == named


def test_present_is_what_labels_show(row):
    reader = open_dataset(row)
    counts = [len(reader.present(image)) for image in records(reader.listing().images)]
    assert counts == [26, 20, 21]


def test_all_images_are_framed_and_parts_lie_in_objects(framed):
    folder, paths, summary = framed
    assert (summary["n_images"], summary["n_valid"], summary["n_concepts"]) == (3, 3, 41)
    concepts = read_table(folder / "concepts.parquet")
    assert concepts.loc[concepts["name"] == "car", "n_images"].item() == 3
    rows = [read_annotations(path) for path in paths["annotations"]]
    assert sum(len(found.concept_index) for found in rows) == 67


def test_coverage_survives_rasterising(framed, row):
    """Shares of area at 112 x 112 are those at full size, to the error of sampling borders."""
    folder, paths, _ = framed
    names = read_table(folder / "concepts.parquet")["name"].tolist()
    reader = open_dataset(row)
    full = [masks_by_hand(reader.file(image)) for image in records(reader.listing().images)]
    errors = []
    for path in paths["annotations"]:
        found = read_annotations(path)
        columns = (found.image_index, found.concept_index, found.category, found.n_pixels)
        for i, concept, category, n in zip(*columns, strict=True):
            if CATEGORIES[category] != "scene":
                mask = full[i][names[concept], CATEGORIES[category]]
                errors.append(abs(n / 112**2 - mask.mean()))
    assert len(errors) == sum(map(len, full)) == 64
    assert max(errors) < 0.01


def masks_by_hand(picture):
    """(first synonym, category) -> mask, with all levels of parts as one."""
    annotation = json.loads(picture.with_suffix(".json").read_text("latin-1"))["annotation"]
    names = {thing["name_ndx"]: thing["name"].partition(",")[0] for thing in annotation["object"]}
    masks = {}
    for png, level in layers_of(picture):
        numbers = by_hand(png)
        for number in set(np.unique(numbers).tolist()) - {0}:
            key = (names[number], "part" if level else "object")
            masks[key] = masks.get(key, False) | (numbers == number)
    return masks


@pytest.fixture(scope="module")
def scene_parsing(folder, tmp_path_factory):
    """SceneParsing-150 through image_folder, with the names file that the documentation tells how to make."""
    if shutil.which("awk") is None:
        pytest.skip("no awk")
    command = next(line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("awk "))
    names = tmp_path_factory.mktemp("names") / "names.tsv"
    source = folder / "sceneparsing"
    assert re.search(r"objectInfo150\.txt > names\.tsv$", command)
    subprocess.run(
        command.replace("objectInfo150.txt", str(source / "objectInfo150.txt")).replace("> names.tsv", f"> {names}"),
        shell=True,
        check=True,
    )
    return {
        "dataset": "sceneparsing",
        "format": "image_folder",
        "path": str(source / "sampleData" / "images"),
        "annotations": str(source / "sampleData" / "annotations"),
        "options": f"names={names}",
        **FRAME,
    }


def test_scene_parsing_is_read_by_image_folder(scene_parsing, folder):
    reader = open_dataset(scene_parsing)
    listing = reader.listing()
    assert len(listing.images) == 3
    assert len(listing.concepts) == 150
    lines = (folder / "sceneparsing" / "objectInfo150.txt").read_text().splitlines()[1:]
    names = {int(line.split("\t")[0]): line.split("\t")[4].split(",")[0] for line in lines}
    total = 0
    for image in records(listing.images):
        (label,) = reader.labels(image)
        png = folder / "sceneparsing" / "sampleData" / "annotations" / Path(image["path"]).with_suffix(".png")
        numbers, counts = np.unique(np.asarray(Image.open(png)), return_counts=True)
        expected = {names[int(n)]: int(count) for n, count in zip(numbers, counts, strict=True) if n}
        shown = {concept.name: int((label.numbers == n).sum()) for n, concept in label.concepts.items()}
        assert {name: n for name, n in shown.items() if n} == expected
        assert {concept.name for concept in reader.present(image)} == set(expected)
        total += len(expected)
    assert total == 25


def test_scene_parsing_is_framed(scene_parsing, tmp_path):
    paths = frame_dataset(scene_parsing, tmp_path, n_shards=1)
    summary = join_dataset(scene_parsing, tmp_path, paths)
    assert (summary["n_valid"], summary["n_concepts"]) == (3, 150)
