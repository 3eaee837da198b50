"""Real pictures through the readers of folders: textures (DTD), photographs (ImageNet), files of several kinds."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from conceptatlas.datasets.annotation_file import read_annotations
from conceptatlas.datasets.frame_file import map_frames
from conceptatlas.datasets.index import open_dataset
from conceptatlas.files import file_sha256
from conceptatlas.tables import read_table, records
from tiny_datasets import frame_dataset, join_dataset

pytestmark = pytest.mark.real

FRAME = {"frame": "squash", "frame_size": 224, "mask_size": 112, "n_images": "", "split": "", "annotations": ""}


@pytest.fixture(scope="module")
def data(real_data):
    def find(name):
        if not (real_data / name).is_dir():
            pytest.skip(f"{real_data} has no folder {name}")
        return real_data / name

    return find


def by_hand(path: Path) -> np.ndarray:
    """The pixels of a picture that has no EXIF rotation, as Pillow decodes them."""
    with Image.open(path) as image:
        assert image.getexif().get(274, 1) == 1
        return np.asarray(image.convert("RGB"))


def squashed(path: Path) -> np.ndarray:
    return np.asarray(Image.fromarray(by_hand(path)).resize((224, 224), Image.Resampling.BILINEAR))


@pytest.fixture(scope="module")
def textures(data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("dtd")
    images = data("dtd_10_textures_subset") / "images"
    files = sorted(images.rglob("*.jpg"))
    names = [file.relative_to(images).as_posix() for file in files]
    # the published lists name all 5640 images; ours name these, and one that this subset does not hold
    (folder / "train1.txt").write_text("".join(f"{name}\n" for name in [*names[::3], "zigzagged/zigzagged_0011.jpg"]))
    (folder / "val1.txt").write_text("".join(f"{name}\n" for name in names[1::3]))
    joint = [f"{name} {name.partition('/')[0]} {'grooved' if i % 5 == 0 else ''} " for i, name in enumerate(names)]
    (folder / "labels_joint_anno.txt").write_text("\n".join(joint) + "\n")
    options = f"category=texture;train={folder / 'train1.txt'};val={folder / 'val1.txt'}"
    options += f";labels={folder / 'labels_joint_anno.txt'};attribution=DTD (Cimpoi et al. 2014)"
    row = {"dataset": "dtd", "format": "class_folder", "path": str(images), "options": options, **FRAME}
    return row, files, names


def test_textures_are_listed_as_the_folders_are(textures):
    row, _, names = textures
    reader = open_dataset(row)
    listing = reader.listing()
    assert listing.images["image_id"].tolist() == names
    assert listing.images["split"].tolist() == ["train", "val", ""] * 40
    assert set(listing.images["source"]) == {""}
    assert listing.concepts["name"].tolist() == [
        *["banded", "blotchy", "braided", "bubbly", "bumpy", "chequered", "cobwebbed", "cracked"],
        *["crosshatched", "crystalline", "grooved"],
    ]
    counts = Counter(concept for image in records(listing.images) for concept in reader.present(image))
    assert counts.pop(("grooved", "texture")) == 24
    assert set(counts.values()) == {12}


def test_textures_are_framed_as_pillow_has_them(textures, tmp_path):
    row, files, _ = textures
    paths = frame_dataset(row, tmp_path, n_shards=2)
    summary = join_dataset(row, tmp_path, paths)
    assert (summary["n_images"], summary["n_valid"], summary["n_concepts"]) == (120, 120, 11)
    index = read_table(tmp_path / "index.parquet")
    frames = np.concatenate(
        [map_frames(f, manifest=m)[0] for f, m in zip(paths["frames"], paths["manifests"], strict=True)]
    )
    for i in range(0, 120, 7):
        np.testing.assert_array_equal(frames[i], squashed(files[i]))
        assert (index["height"][i], index["width"][i]) == by_hand(files[i]).shape[:2]
        assert index["sha256"][i] == file_sha256(files[i])
    concepts = read_table(tmp_path / "concepts.parquet").set_index("name")
    assert concepts.loc["banded", "n_images"] == 12
    assert concepts.loc["banded", "n_pixels"] == 12 * 112 * 112
    rows = [read_annotations(path) for path in paths["annotations"]]
    assert sum(len(found.image_index) for found in rows) == 144
    assert all((found.mask_row == -1).all() and len(found.masks) == 0 for found in rows), "whole images have no mask"


@pytest.fixture
def photographs(data, tmp_path):
    """A tree of folders named by wnid, made of links: `n01440764_tench.JPEG` -> `train/n01440764/...`."""
    folder = data("imagenet_samples_200")
    table = [line.split("\t") for line in (folder / "classes_1000.tsv").read_text().splitlines()]
    (tmp_path / "names.tsv").write_text("".join(f"{wnid}\t{name.replace('_', ' ')}\n" for _, wnid, name in table))
    files = sorted((folder / "images").glob("*.JPEG"))
    for i, file in enumerate(files):
        place = tmp_path / "tree" / ("val" if i % 4 == 0 else "train") / file.name.partition("_")[0]
        place.mkdir(parents=True)
        (place / file.name).symlink_to(file)
    options = f"names={tmp_path / 'names.tsv'}"
    return {
        "dataset": "imagenet",
        "format": "class_folder",
        "path": str(tmp_path / "tree"),
        "options": options,
        **FRAME,
    }, files


def test_photographs_have_the_names_of_their_files(photographs):
    row, files = photographs
    reader = open_dataset(row)
    listing = reader.listing()
    assert len(listing.images) == len(files) == 200
    assert listing.images["split"].value_counts().to_dict() == {"train": 150, "val": 50}
    assert listing.concepts["name"].tolist() == [file.stem.split("_", 1)[1].replace("_", " ") for file in files]
    for image in records(listing.images):
        (label,) = reader.labels(image)
        assert label.concept == (Path(image["path"]).stem.split("_", 1)[1].replace("_", " "), "object")
        assert reader.file(image).resolve() in files


def test_photographs_are_decoded_as_pillow_does(photographs):
    row, _ = photographs
    reader = open_dataset(row)
    modes = Counter()
    for image in records(reader.listing().images):
        with Image.open(reader.file(image)) as opened:
            modes[opened.mode] += 1
        np.testing.assert_array_equal(reader.picture(image), by_hand(reader.file(image)))
    assert modes == {"RGB": 197, "L": 3}


def test_photographs_of_several_formats(data, tmp_path):
    folder = data("photos_cc")
    row = {"dataset": "photos", "format": "image_folder", "path": str(folder), "options": "licence=CC BY 2.0", **FRAME}
    listing = open_dataset(row).listing()
    names = ["cat.bmp", "grace_hopper.bmp", "hot_dog.jpg", "owl.jpg", "parrot.jpg", "pets.jpg", "sunflower.bmp"]
    assert listing.images["image_id"].tolist() == names  # COPYRIGHT and SOURCE.txt are no pictures
    paths = frame_dataset(row, tmp_path, n_shards=1)
    summary = join_dataset(row, tmp_path, paths)
    assert (summary["n_images"], summary["n_valid"], summary["n_concepts"]) == (7, 7, 0)
    frames, _ = map_frames(paths["frames"][0], manifest=paths["manifests"][0])
    for frame, name in zip(frames, names, strict=True):
        np.testing.assert_array_equal(frame, squashed(folder / name))
