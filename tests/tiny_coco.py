"""Tiny COCO data sets whose annotations outline objects: instances and keypoints."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from pycocotools import mask as cocomask

from tiny_files import FRAME, Row, picture, save_picture

HEIGHT, WIDTH = 20, 30
KEYPOINTS = ["nose", "left_eye", "right_eye", "left_knee"]
INSTANCE_CATEGORIES = [
    {"id": 1, "name": "person", "supercategory": "person"},
    {"id": 3, "name": "car", "supercategory": "vehicle"},
    {"id": 18, "name": "dog", "supercategory": "animal"},
]


def rectangle(left: float, top: float, right: float, bottom: float) -> list[float]:
    """A polygon."""
    return [left, top, right, top, right, bottom, left, bottom]


def drawn(top: int, bottom: int, left: int, right: int) -> np.ndarray[Any, Any]:
    """A mask of a rectangle."""
    mask = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
    mask[top:bottom, left:right] = 1
    return mask


def compressed(mask: np.ndarray[Any, Any]) -> dict[str, Any]:
    """Run lengths as COCO's compressed text."""
    encoded = cocomask.encode(np.asfortranarray(mask))
    return {"size": list(mask.shape), "counts": encoded["counts"].decode()}


def uncompressed(mask: np.ndarray[Any, Any]) -> dict[str, Any]:
    """Run lengths as numbers, beginning with the zeros."""
    flat = mask.T.reshape(-1)
    starts = np.flatnonzero(np.diff(flat, prepend=0))
    return {"size": list(mask.shape), "counts": np.diff(np.concatenate([[0], starts, [flat.size]])).tolist()}


def edit(table: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    """Change a JSON in place."""
    content = json.loads(table.read_text())
    change(content)
    table.write_text(json.dumps(content))


def write_split(folder: Path, table: str, split: str, *, numbers: list[int], **content: Any) -> None:
    """A JSON with these image numbers, and their pictures; the keys in the order of COCO's own files."""
    images = []
    for number in numbers:
        save_picture(folder / "images" / split / f"{number:012d}.jpg", picture(HEIGHT, WIDTH, seed=number))
        address = f"http://flickr.example/{number}"
        images.append(
            {
                "license": 4,
                "file_name": f"{number:012d}.jpg",
                "coco_url": f"http://images.example/{split}/{number:012d}.jpg",
                "height": HEIGHT,
                "width": WIDTH,
                "flickr_url": address,
                "id": number,
            }
        )
    licences = [{"url": "http://licence.example", "id": 4, "name": "Attribution License"}]
    whole = {"info": {"year": 2017}, "licenses": licences, "images": images, **content}
    (folder / table).write_text(json.dumps(whole))


def row_of(folder: Path, dataset_format: str, prefix: str) -> Row:
    tables = [folder / f"{prefix}{split}.json" for split in ("train2017", "val2017")]
    return {
        "dataset": "tiny",
        "format": dataset_format,
        "path": str(folder / "images"),
        "annotations": ";".join(map(str, tables)),
        **FRAME,
    }


def instance(number: int, image: int, category: int, box: list[float], segmentation: Any, **more: Any) -> Row:
    entry = {"segmentation": segmentation, "area": 1.0, "iscrowd": 0, "image_id": image, "bbox": box}
    return {**entry, "category_id": category, "id": number, **more}


def coco_instances(folder: Path) -> Row:
    """Two splits of two images, 20 x 30 pixels.

    Image 1: a person (polygon), a dog over it (compressed run lengths), a crowd of persons (run lengths). Image 2: a
    car of two polygons, another person. Image 3: a dog. Image 4: nothing.
    """
    train = [
        instance(11, 1, 1, [2.0, 3.0, 10.0, 12.0], [rectangle(2, 3, 12, 15)]),
        instance(21, 2, 3, [1.5, 2.25, 20.5, 9.75], [rectangle(1.5, 2.25, 8, 12), rectangle(12, 4, 22, 12)]),
        instance(12, 1, 18, [8, 10, 12, 6], compressed(drawn(10, 16, 8, 20))),
        instance(13, 1, 1, [20, 0, 10, 20], uncompressed(drawn(0, 20, 20, 30)), iscrowd=1),
        instance(22, 2, 1, [25, 0, 5, 8], [rectangle(25, 0, 30, 8)]),
    ]
    val = [instance(31, 3, 18, [4, 4, 9, 9], [rectangle(4, 4, 13, 13)])]
    for split, numbers, entries in (("train2017", [1, 2], train), ("val2017", [3, 4], val)):
        content = {"annotations": entries, "categories": INSTANCE_CATEGORIES}
        write_split(folder, f"instances_{split}.json", split, numbers=numbers, **content)
    return row_of(folder, "coco_instances", "instances_")


def coco_keypoints(folder: Path) -> Row:
    """Two splits of two images, 20 x 30 pixels, four keypoints.

    Image 1: a person with a hidden right eye and without knee; a smaller one. Image 2: a person without keypoints.
    Image 3: a crowd. Image 4: nothing.
    """
    category = {**INSTANCE_CATEGORIES[0], "keypoints": KEYPOINTS, "skeleton": [[1, 2], [1, 3]]}
    unlabelled = [0, 0, 0]
    train = [
        instance(
            11,
            1,
            1,
            [2, 2, 12, 16],
            [rectangle(2, 2, 14, 18)],
            keypoints=[8, 5, 2, 10, 4, 2, 6, 4, 1, *unlabelled],
            num_keypoints=3,
        ),
        instance(
            12,
            1,
            1,
            [20, 4, 8, 8],
            [rectangle(20, 4, 28, 12)],
            keypoints=[*unlabelled, 24, 6, 2, *unlabelled, 23, 11, 2],
            num_keypoints=2,
        ),
        instance(21, 2, 1, [1, 1, 4, 4], [rectangle(1, 1, 5, 5)], keypoints=4 * unlabelled, num_keypoints=0),
    ]
    crowd = uncompressed(drawn(0, 20, 20, 30))
    val = [instance(31, 3, 1, [20, 0, 10, 20], crowd, iscrowd=1, keypoints=4 * unlabelled, num_keypoints=0)]
    for split, numbers, entries in (("train2017", [1, 2], train), ("val2017", [3, 4], val)):
        content = {"annotations": entries, "categories": [category]}
        write_split(folder, f"person_keypoints_{split}.json", split, numbers=numbers, **content)
    return row_of(folder, "coco_keypoints", "person_keypoints_")
