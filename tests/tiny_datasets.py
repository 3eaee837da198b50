"""Tiny data sets on disk, one builder a format: what unit and contract tests read.

A builder writes a data set below a folder and returns its row of datasets.tsv. `TINY` must have an entry for every
format of `conceptatlas.datasets.index.FORMATS`; the contract tests fail for a format without one.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tiny_files import FRAME, Row, picture, save_coded, save_indices, save_picture

BRODEN_LABELS = [  # number, name, category cell, in label.csv's form
    (1, "black-c", "color(4)"),
    (2, "car", "object(3)"),
    (3, "wheel", "part(2);object(1)"),
    (4, "street-s", "scene(2)"),
    (5, "striped", "texture(1)"),
    (300, "door", "part(1)"),  # above 255: needs the green channel
    (6, "metal", "material(1)"),
]


def broden_masks() -> dict[str, np.ndarray[Any, Any]]:
    """Label maps (12 x 12) of the first image, by file: two part layers overlap."""
    colour = np.ones((12, 12), dtype=int)
    colour[:, 6:] = 0
    car = np.zeros((12, 12), dtype=int)
    car[4:10, 1:11] = 2
    wheel = np.zeros((12, 12), dtype=int)
    wheel[8:10, 2:5] = 3
    door = np.zeros((12, 12), dtype=int)
    door[5:9, 4:7] = 300
    return {"color": colour, "object": car, "part_1": wheel, "part_2": door}


def broden(folder: Path) -> Row:
    """Four images of two sources in Broden's layout, pictures 24 x 24, label maps 12 x 12."""
    images = folder / "images"
    rows = []
    for i, (source, split) in enumerate([("ade20k", "train"), ("ade20k", "val"), ("dtd", "train"), ("pascal", "val")]):
        name = f"{source}/image_{i}"
        save_picture(images / f"{name}.jpg", picture(24, 24, seed=i))
        cells = dict.fromkeys(("color", "object", "part", "material", "scene", "texture"), "")
        for layer, numbers in broden_masks().items():
            file = f"{name}_{layer}.png"
            save_coded(images / file, np.roll(numbers, i, axis=1))
            category = layer.partition("_")[0]
            cells[category] = ";".join(filter(None, [cells[category], file]))
        cells["scene"] = "4" if i < 2 else ""
        cells["texture"] = "5" if source == "dtd" else ""
        if i == 3:  # the same label in another category: a wheel as an object
            wheel = np.zeros((12, 12), dtype=int)
            wheel[0:3, 0:3] = 3
            save_coded(images / f"{name}_object2.png", wheel)
            cells["object"] += f";{name}_object2.png"
        rows.append([f"{name}.jpg", split, "24", "24", "12", "12", *cells.values()])
    header = "image,split,ih,iw,sh,sw,color,object,part,material,scene,texture"
    (folder / "index.csv").write_text("\n".join([header, *(",".join(row) for row in rows)]) + "\n")
    labels = [f"{number},{name},{cell},10,1.0," for number, name, cell in BRODEN_LABELS]
    (folder / "label.csv").write_text("\n".join(["number,name,category,frequency,coverage,syns", *labels]) + "\n")
    (folder / "category.csv").write_text("name,first,last,count,frequency\ncolor,1,1,1,4\n")
    (folder / "c_part.csv").write_text("code,number,name,frequency,coverage\n1,3,wheel,2,1.0\n2,300,door,1,1.0\n")
    return {"dataset": "tiny", "format": "broden", "path": str(folder), "annotations": "", **FRAME}


COCO_CATEGORIES = [
    {"id": 1, "name": "person", "isthing": 1, "supercategory": "person"},
    {"id": 3, "name": "car", "isthing": 1, "supercategory": "vehicle"},
    {"id": 184, "name": "tree-merged", "isthing": 0, "supercategory": "plant"},
]


def coco_panoptic(folder: Path) -> Row:
    """Two splits of two images, 20 x 30 pixels; two persons (one a crowd), a car, trees, and an unlabelled rest."""
    for split, first in (("train2017", 1), ("val2017", 3)):
        images, annotations = [], []
        for number in (first, first + 1):
            save_picture(folder / "images" / split / f"{number:012d}.jpg", picture(20, 30, seed=number))
            ids = np.zeros((20, 30), dtype=int)
            ids[0:10, 0:15] = 70000 + number  # needs the blue channel
            ids[10:20, 0:10] = 259
            ids[12:18, 20 : 22 + number] = 5
            ids[0:5, 20:30] = 40
            save_coded(folder / f"panoptic_{split}" / f"{number:012d}.png", ids)
            segments = [
                {"id": 70000 + number, "category_id": 1, "iscrowd": 0, "area": 150},
                {"id": 259, "category_id": 1, "iscrowd": 1, "area": 100},
                {"id": 5, "category_id": 3, "iscrowd": 0, "area": 6 * (2 + number)},
                {"id": 40, "category_id": 184, "iscrowd": 0, "area": 50},
            ]
            images.append(
                {
                    "id": number,
                    "file_name": f"{number:012d}.jpg",
                    "height": 20,
                    "width": 30,
                    "license": 4,
                    "flickr_url": f"http://flickr.example/{number}",
                }
            )
            annotations.append({"image_id": number, "file_name": f"{number:012d}.png", "segments_info": segments})
        content = {
            "licenses": [{"id": 4, "name": "Attribution License", "url": "http://licence.example"}],
            "images": images,
            "annotations": annotations,
            "categories": COCO_CATEGORIES,
        }
        (folder / f"panoptic_{split}.json").write_text(json.dumps(content))
    return {
        "dataset": "tiny",
        "format": "coco_panoptic",
        "path": str(folder / "images"),
        "annotations": f"{folder / 'panoptic_train2017.json'};{folder / 'panoptic_val2017.json'}",
        **FRAME,
    }


def image_folder(folder: Path) -> Row:
    """Four images with palette masks in two layers, objects and parts, one image without parts."""
    for i, name in enumerate(["train/a/one.jpg", "train/b/two.png", "val/a/three.jpg", "val/a/four.jpg"]):
        save_picture(folder / "images" / name, picture(16, 24, seed=i))
        objects = np.full((16, 24), 255)
        objects[:8] = 1
        objects[8:, 4 + i : 16] = 2
        save_indices((folder / "objects" / name).with_suffix(".png"), objects)
        if i < 3:
            parts = np.zeros((16, 24))
            parts[10:14, 6:9] = 1
            parts[12:15, 12:14] = 7
            save_indices((folder / "parts" / name).with_suffix(".png"), parts)
    (folder / "objects" / "names.tsv").write_text("number\tname\tcategory\n1\tsky\tobject\n2\tcar\tobject\n")
    (folder / "parts" / "names.tsv").write_text("# parts of cars\n1\twheel\tpart\n7\tsky\tpart\n")
    return {
        "dataset": "tiny",
        "format": "image_folder",
        "path": str(folder / "images"),
        "annotations": f"{folder / 'objects'};{folder / 'parts'}",
        **FRAME,
    }


def demo(folder: Path) -> Row:
    """Six generated scenes; nothing is written."""
    return {"dataset": "tiny", "format": "demo", "path": "", "annotations": "", **FRAME, "n_images": 6}


def built_in(module: str, name: str) -> Callable[[Path], Row]:
    """The builder `name` of a module of this folder."""
    return lambda folder: getattr(importlib.import_module(module), name)(folder)


TINY: dict[str, Callable[[Path], Row]] = {
    "ade20k": built_in("tiny_parts", "ade20k"),
    "broden": broden,
    "celeba": built_in("tiny_faces", "celeba"),
    "class_folder": built_in("tiny_faces", "class_folder"),
    "coco_instances": built_in("tiny_coco", "coco_instances"),
    "coco_keypoints": built_in("tiny_coco", "coco_keypoints"),
    "coco_panoptic": coco_panoptic,
    "composite": built_in("tiny_composite", "composite"),
    "demo": demo,
    "image_folder": image_folder,
    "pascal_part": built_in("tiny_parts", "pascal_part"),
    "synthetic": built_in("tiny_composite", "synthetic"),
    "user": built_in("tiny_composite", "user"),
}


def frame_dataset(row: Row, folder: Path, *, n_shards: int, map: Any = map, study_seed: int = 0) -> dict[str, Any]:
    """List and frame a data set into `folder`; the paths of its files by role."""
    from conceptatlas.datasets.framing import frame_shard
    from conceptatlas.datasets.listing import list_dataset, write_listing
    from conceptatlas.naming import shard_names

    paths: dict[str, Any] = {"listing": folder / "listing.parquet", "vocabulary": folder / "vocabulary.parquet"}
    write_listing(list_dataset(row, study_seed), images=paths["listing"], concepts=paths["vocabulary"])
    names = shard_names(n_shards)
    paths["frames"] = [folder / "frames" / f"{name}.h5" for name in names]
    paths["annotations"] = [folder / "annotations" / f"{name}.h5" for name in names]
    paths["manifests"] = [folder / "frames" / f"{name}.json" for name in names]
    for shard in range(n_shards):
        frame_shard(
            row,
            listing=paths["listing"],
            vocabulary=paths["vocabulary"],
            shard=shard,
            n_shards=n_shards,
            frames=paths["frames"][shard],
            annotations=paths["annotations"][shard],
            manifest=paths["manifests"][shard],
            study_seed=study_seed,
            map=map,
            progress=False,
        )
    return paths


def join_dataset(row: Row, folder: Path, paths: dict[str, Any], *, max_quarantine: float = 0.0) -> dict[str, Any]:
    """Join a framed data set in its folder; the content of dataset.json."""
    from conceptatlas.datasets.joining import join_shards

    return join_shards(
        row,
        **paths,
        max_quarantine=max_quarantine,
        index=folder / "index.parquet",
        concepts=folder / "concepts.parquet",
        overlaps=folder / "overlaps.h5",
        examples=folder / "examples.h5",
        summary=folder / "dataset.json",
        progress=False,
    )
