"""Tiny data sets with parts in their objects, and parts in parts: ADE20K and PASCAL-Part."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from scipy.io import savemat

from tiny_files import FRAME, Row, picture, save_picture

Array = np.ndarray[Any, Any]

ADE_NAMES = {  # number -> synonyms; 2560 needs R = 100, 3035 needs R and G, 1 means "no class"
    1: "-",
    5: "café, coffeehouse",
    64: "ashcan, trash can",
    401: "car, auto, automobile",
    774: "door",
    2560: "screen, silver screen",
    2561: "screen",
    3035: "wheel",
    3036: "rim",
}


def class_colours(numbers: Array, instances: Array | None = None) -> Array:
    """Class numbers as ADE20K stores them: R = 10 (number // 256), G = number % 256, B = instance."""
    numbers = np.asarray(numbers, dtype=np.int64)
    blue = np.zeros_like(numbers) if instances is None else np.asarray(instances)
    return np.stack([numbers // 256 * 10, numbers % 256, blue], axis=-1).astype(np.uint8)


def ade_maps(shift: int) -> dict[str, Array]:
    """Class numbers (20 x 30) of an image by the file's ending: a car with a wheel and a door, the wheel with a rim."""
    objects = np.zeros((20, 30), dtype=int)
    objects[0:8] = 2560
    objects[0:8, 20:] = 2561
    objects[8:18, 2 + shift : 22] = 401
    objects[18:, 25:] = 1
    parts = np.zeros_like(objects)
    parts[13:18, 4 + shift : 9 + shift] = 3035
    parts[9:15, 10 + shift : 14 + shift] = 774
    inner = np.zeros_like(objects)
    inner[14:17, 5 + shift : 8 + shift] = 3036
    return {"seg": objects, "parts_1": parts, "parts_2": inner}


def ade_object(number: int, level: int) -> dict[str, Any]:
    """An object of the JSON as MATLAB wrote it; numbers of parts come as text."""
    return {
        "name": ADE_NAMES[number],
        "name_ndx": number,
        "crop": "0",
        "attributes": [],
        "parts": {"hasparts": [], "ispartof": [], "part_level": str(level) if level else 0},
        "polygon": {"x": [1, 2, 2], "y": [1, 1, 2]},
    }


def ade_classes(maps: dict[str, Array]) -> list[tuple[int, int]]:
    """(number, level) of what the maps show, and an ashcan that is wholly hidden."""
    levels = {"seg": 0, "parts_1": 1, "parts_2": 2}
    shown = [(int(n), levels[name]) for name, numbers in maps.items() for n in np.unique(numbers) if n]
    return [*shown, (64, 0)]


def ade20k(folder: Path) -> Row:
    """Three images as in the release of 2021: the first has parts of parts, the second parts, the third only a café.

    The text of the third is Latin-1, its only object stands alone instead of in a list; the first has instances.
    """
    base = folder / "ADE20K_2021_17_01" / "images" / "ADE"
    maps = [ade_maps(0), ade_maps(2), {"seg": np.full((20, 30), 5)}]
    del maps[1]["parts_2"]
    places = ["training/urban/street", "validation/urban/street", "training/cultural/apse__indoor"]
    for i, (place, found) in enumerate(zip(places, maps, strict=True)):
        stem = f"ADE_{'val' if 'validation' in place else 'train'}_{i:08d}"
        save_picture(base / place / f"{stem}.jpg", picture(20, 30, seed=i))
        for name, numbers in found.items():
            instances = np.arange(600).reshape(20, 30) % 7 if name == "seg" else None
            Image.fromarray(class_colours(numbers, instances)).save(base / place / f"{stem}_{name}.png")
        objects: Any = (
            [ade_object(number, level) for number, level in ade_classes(found)] if i < 2 else ade_object(5, 0)
        )
        scene = ["outdoor", "urban", "street"] if i < 2 else ["indoor", "cultural", "apse__indoor"]
        source = {"folder": "sun/s/street", "filename": f"{i}.jpg", "origin": "Downloaded from a search engine."}
        annotation = {"filename": f"{stem}.jpg", "imsize": [20, 30, 3], "scene": scene, "source": source}
        text = json.dumps({"annotation": annotation | {"object": objects}}, ensure_ascii=False)
        (base / place / f"{stem}.json").write_bytes(text.encode("latin-1"))
    instance = base / places[0] / "ADE_train_00000000" / "instance_000_ADE_train_00000000.png"
    save_picture(instance, np.zeros((20, 30), dtype=np.uint8))
    save_picture(instance.with_name("never_listed.jpg"), picture(4, 4))
    return {"dataset": "tiny", "format": "ade20k", "path": str(folder), "annotations": "", **FRAME}


def ade20k_2016(folder: Path) -> Row:
    """Two images as in the release of 2016: ``_atr.txt`` beside the PNGs, numbers only in the index."""
    base = folder / "images"
    names = [""] * 3036
    for number, text in ADE_NAMES.items():
        names[number - 1] = text
    places = ["training/s/street", "validation/b/bow_window/indoor"]
    files = []
    for i, place in enumerate(places):
        stem = f"ADE_{'train' if i == 0 else 'val'}_{i:08d}"
        files.append(f"{stem}.jpg")
        save_picture(base / place / f"{stem}.jpg", picture(20, 30, seed=i))
        maps = ade_maps(i)
        for name, numbers in maps.items():
            Image.fromarray(class_colours(numbers)).save(base / place / f"{stem}_{name}.png")
        lines = [
            f'{j:03d} # {level} # 0 # {ADE_NAMES[n]} # typed # ""' for j, (n, level) in enumerate(ade_classes(maps))
        ]
        (base / place / f"{stem}_atr.txt").write_bytes(("\r\n".join(lines) + "\r\n").encode("latin-1"))
    index = {
        "filename": np.array(files, dtype=object),
        "scene": np.array(["street", "bow_window/indoor"], dtype=object),
        "objectnames": np.array(names, dtype=object),
    }
    savemat(folder / "index_ade20k.mat", {"index": index})
    return {"dataset": "tiny", "format": "ade20k", "path": str(folder), "annotations": "", **FRAME}


def block(rows: slice, columns: slice) -> Array:
    """A mask of 18 x 24 pixels, as MATLAB stores it: zeros and ones."""
    mask = np.zeros((18, 24), dtype=np.uint8)
    mask[rows, columns] = 1
    return mask


def save_annotation(file: Path, things: list[tuple[str, Array, list[tuple[str, Array]]]]) -> None:
    """Write a .mat of PASCAL-Part from (class, mask, parts as (short name, mask)) of every object."""
    objects = np.empty(
        (1, len(things)), dtype=[("class", object), ("class_ind", object), ("mask", object), ("parts", object)]
    )
    for i, (name, mask, parts) in enumerate(things):
        stored: Array = np.empty((1, len(parts)), dtype=[("part_name", object), ("mask", object)])
        for j, part in enumerate(parts):
            stored[0, j] = part
        objects[0, i] = (name, 1, mask, stored if parts else np.zeros((0, 0)))
    file.parent.mkdir(parents=True, exist_ok=True)
    savemat(file, {"anno": {"imname": file.stem, "objects": objects}, "other": 1}, do_compression=True)


def pascal_part(folder: Path) -> Row:
    """Four images of 18 x 24 pixels: two overlapping dogs, a car, a chair without parts, nothing; a picture without."""
    dog = (slice(2, 12), slice(1, 11))
    whole, head = block(*dog), block(slice(2, 7), slice(1, 6))
    parts = [
        ("head", head),
        ("leye", block(slice(3, 4), slice(2, 3))),
        ("reye", block(slice(3, 4), slice(4, 5))),
        ("lfpa", block(slice(11, 12), slice(1, 3))),
        ("rbpa", block(slice(11, 12), slice(8, 10))),
        ("tail", block(slice(0, 0), slice(0, 0))),  # annotated, and not visible
    ]
    second = [("head", np.roll(head, 4, axis=1))]
    car = [
        ("wheel_1", block(slice(10, 13), slice(3, 6))),
        ("wheel_2", block(slice(10, 13), slice(14, 17))),
        ("frontside", block(slice(5, 10), slice(15, 18))),
        ("fliplate", block(slice(8, 9), slice(16, 18))),
    ]
    images = {
        "2008_000001": [("dog", whole, parts), ("dog", np.roll(whole, 4, axis=1), second)],
        "2008_000002": [("car", block(slice(4, 13), slice(2, 18)), car)],
        "2009_000003": [("chair", block(slice(0, 9), slice(0, 9)), [])],
        "2009_000004": [],
    }
    for i, (stem, things) in enumerate(images.items()):
        save_picture(folder / "JPEGImages" / f"{stem}.jpg", picture(18, 24, seed=i))
        save_annotation(folder / "Annotations_Part" / f"{stem}.mat", things)
    save_picture(folder / "JPEGImages" / "2010_000005.jpg", picture(18, 24, seed=9))
    (folder / "train.txt").write_text("2008_000001\n2008_000002 -1\n2011_000001\n\n")
    (folder / "val.txt").write_text("2009_000003  1\n2009_000004\n")
    return {
        "dataset": "tiny",
        "format": "pascal_part",
        "path": str(folder / "JPEGImages"),
        "annotations": str(folder / "Annotations_Part"),
        "options": f"train={folder / 'train.txt'};val={folder / 'val.txt'}",
        **FRAME,
    }
