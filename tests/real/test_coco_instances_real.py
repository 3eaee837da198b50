"""200 real COCO images as instances: `pytest --real-data FOLDER`.

The instances are made here, of the panoptic annotations (run lengths of every segment) and of the polygons that the
same pictures have in YOLO's form; read with our reader, with pycocotools, and with Pillow by hand.
"""

from __future__ import annotations

import json
import random
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as cocomask
from pycocotools.coco import COCO

from conceptatlas.datasets.annotation_file import read_annotations
from conceptatlas.datasets.annotations import n_pixels_of
from conceptatlas.datasets.index import open_dataset
from conceptatlas.datasets.reader import Reader
from conceptatlas.tables import read_table, records
from tiny_coco import uncompressed
from tiny_datasets import frame_dataset, join_dataset

pytestmark = [pytest.mark.real, pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")]

SPLITS = ("train2017", "val2017")


@pytest.fixture(scope="module")
def folder(real_data):
    folder = real_data / "coco128_panoptic"
    if not folder.is_dir():
        pytest.skip(f"{real_data} has no folder coco128_panoptic")
    return folder


def panoptic(folder, split):
    return json.loads((folder / "panoptic_segmentation" / "annotations" / f"panoptic_{split}.json").read_text())


def ids_by_hand(folder, split, name):
    """Segment ids of a picture: colours of the PNG, as Pillow gives them."""
    png = folder / "panoptic_segmentation" / "annotations" / f"panoptic_{split}" / name
    colours = np.asarray(Image.open(png).convert("RGB")).astype(int)
    return colours[..., 0] + 256 * colours[..., 1] + 65536 * colours[..., 2]


def write(target, folder, annotations_of):
    """Instances JSONs of both splits; `annotations_of(split, content)` gives entries without their ids."""
    for split in SPLITS:
        content = panoptic(folder, split)
        entries = [{**entry, "id": number} for number, entry in enumerate(annotations_of(split, content), start=1)]
        random.Random(0).shuffle(entries)  # COCO's own are not sorted by image
        content = {key: content[key] for key in ("info", "licenses", "images", "categories")}
        content = {**content, "annotations": entries, "categories": content["categories"]}
        (target / f"instances_{split}.json").write_text(json.dumps(content))
    return {
        "dataset": "coco",
        "format": "coco_instances",
        "path": str(folder / "images"),
        "annotations": ";".join(str(target / f"instances_{split}.json") for split in SPLITS),
        "frame": "squash",
        "frame_size": 224,
        "mask_size": 112,
        "n_images": "",
        "split": "",
    }


@pytest.fixture(scope="module")
def runs(folder, tmp_path_factory):
    """Every segment of the PNGs as run lengths, compressed and plain in turn."""

    def annotations_of(split, content):
        for annotation in content["annotations"]:
            ids = ids_by_hand(folder, split, annotation["file_name"])
            for segment in annotation["segments_info"]:
                mask = (ids == segment["id"]).astype(np.uint8)
                if segment["id"] % 2:
                    counts = cocomask.encode(np.asfortranarray(mask))["counts"].decode()
                    segmentation = {"size": list(mask.shape), "counts": counts}
                else:
                    segmentation = uncompressed(mask)
                fields = {key: segment[key] for key in ("category_id", "iscrowd", "bbox", "area")}
                yield {"image_id": annotation["image_id"], "segmentation": segmentation, **fields}

    return write(tmp_path_factory.mktemp("runs"), folder, annotations_of)


@pytest.fixture(scope="module")
def outlines(folder, tmp_path_factory):
    """The polygons of YOLO's labels in pixels; its class numbers are those of the panoptic JSON."""

    def annotations_of(split, content):
        for image in content["images"]:
            labels = folder / "instance_segmentation" / "labels" / split / Path(image["file_name"]).with_suffix(".txt")
            for line in labels.read_text().splitlines() if labels.exists() else []:
                number, *numbers = line.split()
                points = np.array(numbers, dtype=float).reshape(-1, 2) * [image["width"], image["height"]]
                points = points.round(2)
                (x, y), (right, bottom) = points.min(axis=0), points.max(axis=0)
                yield {
                    "image_id": image["id"],
                    "category_id": int(number),
                    "iscrowd": 0,
                    "bbox": [x, y, round(right - x, 2), round(bottom - y, 2)],
                    "segmentation": [points.reshape(-1).tolist()],
                }

    return write(tmp_path_factory.mktemp("outlines"), folder, annotations_of)


def masks(reader, image):
    found = {}
    for label in reader.labels(image):
        ((number, concept),) = label.concepts.items()
        found[concept.name] = label.numbers == number
    return found


def annotated(row):
    """What pycocotools finds in the same files: image id -> (the picture's entry, its annotations by class)."""
    found = {}
    for table in row["annotations"].split(";"):
        coco = COCO(table)
        for number, entry in coco.imgs.items():
            by_class = defaultdict(list)
            for annotation in coco.loadAnns(coco.getAnnIds(imgIds=[number])):
                by_class[coco.cats[annotation["category_id"]]["name"]].append(annotation)
            split = Path(table).stem.removeprefix("instances_")
            found[f"{split}/{entry['file_name']}"] = (coco, dict(by_class))
    return found


def test_run_lengths_are_exactly_the_segments(folder, runs):
    """Every mask of all 200 images equals the PNG read by hand, and pycocotools' decoding."""
    segments = {}
    for split in SPLITS:
        content = panoptic(folder, split)
        names = {category["id"]: category["name"] for category in content["categories"]}
        for annotation, image in ((a, f"{split}/{Path(a['file_name']).stem}.jpg") for a in content["annotations"]):
            of = defaultdict(list)
            for segment in annotation["segments_info"]:
                of[names[segment["category_id"]]].append(segment["id"])
            segments[image] = (split, annotation["file_name"], of)
    reader, theirs = open_dataset(runs), annotated(runs)
    listing = reader.listing()
    assert (len(listing.images), len(listing.concepts)) == (200, 133)
    assert listing.images["licence"].str.contains("http").all()
    n_masks = 0
    for image in records(listing.images):
        split, png, of = segments[image["image_id"]]
        ids = ids_by_hand(folder, split, png)
        coco, by_class = theirs[image["image_id"]]
        found = masks(reader, image)
        assert set(found) == set(of) == set(by_class)
        for name, mask in found.items():
            np.testing.assert_array_equal(mask, np.isin(ids, of[name]))
            decoded = np.any([coco.annToMask(annotation) for annotation in by_class[name]], axis=0)
            np.testing.assert_array_equal(mask, decoded)
            n_masks += 1
        assert {concept.name for concept in reader.present(image)} == set(of)
    assert n_masks > 1000


def test_polygons_are_drawn_as_pycocotools_draws_them(outlines):
    reader, theirs = open_dataset(outlines), annotated(outlines)
    n_polygons = 0
    for image in records(reader.listing().images):
        coco, by_class = theirs[image["image_id"]]
        found = masks(reader, image)
        assert set(found) == set(by_class)
        for name, mask in found.items():
            decoded = np.any([coco.annToMask(annotation) for annotation in by_class[name]], axis=0)
            np.testing.assert_array_equal(mask, decoded)
            n_polygons += len(by_class[name])
        assert reader.present(image) == Reader.present(reader, image)
    assert n_polygons > 1000


def test_polygons_and_segments_show_the_same_things(runs, outlines):
    """Two annotations of one picture, made apart: what both call a person overlaps."""
    polygons, segments = open_dataset(outlines), open_dataset(runs)
    others = {image["image_id"]: image for image in records(segments.listing().images)}
    shares = []
    for image in records(polygons.listing().images):
        first, second = masks(polygons, image), masks(segments, others[image["image_id"]])
        for name in set(first) & set(second):
            if second[name].sum() >= 1000:
                shares.append((first[name] & second[name]).sum() / (first[name] | second[name]).sum())
    assert len(shares) > 300
    assert np.median(shares) > 0.9
    assert np.mean(np.array(shares) < 0.5) < 0.05


def test_boxes_are_cut_as_by_hand(folder, runs):
    margin = 0.2
    options = {"crop": "box", "margin": str(margin), "classes": "person,dog", "min_side": "20"}
    reader = open_dataset({**runs, "options": options})
    images = {image["image_id"]: image for image in records(reader.listing().images)}
    n_crops = 0
    for name, (coco, by_class) in annotated(runs).items():
        entry = next(entry for entry in coco.imgs.values() if entry["file_name"] == name.split("/")[1])
        pixels = np.asarray(Image.open(folder / "images" / name).convert("RGB"))
        chosen = {concept: by_class[concept] for concept in ("person", "dog") if concept in by_class}
        whole = {concept: np.any([coco.annToMask(a) for a in of], axis=0) for concept, of in chosen.items()}
        for annotation in (a for of in chosen.values() for a in of):
            x, y, width, height = annotation["bbox"]
            image = images.pop(f"{name}#{annotation['id']}", None)
            if annotation["iscrowd"] or min(width, height) < 20:
                assert image is None
                continue
            rows = slice(max(0, int(np.floor(y - margin * height))), int(np.ceil(y + height + margin * height)))
            columns = slice(max(0, int(np.floor(x - margin * width))), int(np.ceil(x + width + margin * width)))
            np.testing.assert_array_equal(reader.picture(image), pixels[rows, columns])
            found = {concept: mask for concept, mask in masks(reader, image).items() if mask.any()}
            expected = {concept: mask[rows, columns] for concept, mask in whole.items()}
            assert set(found) == {concept for concept, mask in expected.items() if mask.any()}
            for concept, mask in found.items():
                np.testing.assert_array_equal(mask, expected[concept])
            assert rows.start < entry["height"]
            n_crops += 1
    assert not images
    assert n_crops > 200


def test_boxes_go_through_framing(runs, tmp_path):
    row = {**runs, "options": {"crop": "box", "min_side": "48", "classes": "person,car"}, "n_images": 60}
    paths = frame_dataset(row, tmp_path, n_shards=2)
    summary = join_dataset(row, tmp_path, paths)
    assert (summary["n_images"], summary["n_valid"], summary["n_concepts"]) == (60, 60, 2)
    assert "below 48 pixels" in summary["definitions"]["crop"]
    index = read_table(tmp_path / "index.parquet")
    assert index[["width", "height"]].min().min() >= 48
    for path in paths["annotations"]:
        rows = read_annotations(path)
        np.testing.assert_array_equal(n_pixels_of(rows.masks), rows.n_pixels)
        assert set(rows.image_index) == set(range(rows.start, rows.stop))  # a box shows at least its own object
