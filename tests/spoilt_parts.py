"""What ADE20K and PASCAL-Part make of their files when they are spoilt."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from scipy.io import savemat

from spoilt import Action, Spoiler, as_palette, deleted, edited, empty, json_edited, noise, on, repainted, truncated

_STREET = "ADE20K_2021_17_01/images/ADE/training/urban/street/ADE_train_00000000"
ADE_JSON, ADE_OBJECTS, ADE_PARTS = (f"{_STREET}{ending}" for ending in (".json", "_seg.png", "_parts_1.png"))
# in the order of paths: training/cultural (2), training/urban (0), validation (1)
STREET = (1,)


def _without(field: str) -> Action:
    return json_edited(ADE_JSON, lambda content: content["annotation"].pop(field))


def _quarantined(what: str, action: Action, reason: str) -> Spoiler:
    return Spoiler(what, action, quarantines=reason, images=STREET)


ADE20K = [
    _quarantined("no JSON", on(ADE_JSON, deleted), r"ADE_train_00000000\.json: not a readable annotation"),
    _quarantined("JSON cut", on(ADE_JSON, truncated), r"00000000\.json: not a readable annotation"),
    _quarantined("JSON empty", on(ADE_JSON, empty), r"00000000\.json: not a readable annotation"),
    _quarantined("bytes of something else", on(ADE_JSON, noise), r"00000000\.json: not a readable annotation"),
    _quarantined("JSON without objects", _without("object"), r"00000000\.json: .*\(no field 'object'\)"),
    Spoiler("JSON without scene", _without("scene")),
    _quarantined("no objects", on(ADE_OBJECTS, deleted), r"00000000_seg\.png: no such file"),
    _quarantined("objects cut", on(ADE_OBJECTS, truncated), r"00000000_seg\.png: cannot be decoded"),
    _quarantined("a level missing", on(ADE_PARTS, deleted), r"\.json: names parts of level 1, but there is no"),
    _quarantined(
        "unknown class",
        repainted(ADE_OBJECTS, lambda mask: mask.point(lambda value: 90 if value == 100 else value)),
        r"_seg\.png: class numbers \[2304, 2305\] are not in the annotation of the image",
    ),
    _quarantined("grey objects", repainted(ADE_OBJECTS, lambda mask: mask.convert("L")), "expected an RGB mask"),
    Spoiler("the same colours through a palette", repainted(ADE_PARTS, as_palette)),
    _quarantined(
        "objects of another aspect",
        repainted(ADE_OBJECTS, lambda mask: mask.crop((0, 0, 24, 20))),
        r"ADE_train_00000000.*: a label map of 20 x 24 pixels \(height x width\) does not fit",
    ),
]

MAT = "Annotations_Part/2008_000001.mat"


def _with(content: dict[str, Any]) -> Action:
    """Another MATLAB file in the place of the first."""

    def write(folder: Path) -> None:
        savemat(folder / MAT, content)

    return write


def _object(mask: Any) -> dict[str, Any]:
    objects = np.empty((1, 1), dtype=[("class", object), ("class_ind", object), ("mask", object), ("parts", object)])
    objects[0, 0] = ("dog", 1, mask, np.zeros((0, 0)))
    return {"anno": {"imname": "2008_000001", "objects": objects}}


NOT_ONE = r"2008_000001\.mat: not an annotation of PASCAL-Part"
PASCAL_PART = [
    Spoiler(".mat cut", on(MAT, truncated), quarantines=NOT_ONE),
    Spoiler(".mat empty", on(MAT, empty), quarantines=NOT_ONE),
    Spoiler("bytes of something else", on(MAT, noise), quarantines=NOT_ONE),
    Spoiler("another .mat", _with({"x": 1}), quarantines=rf"{NOT_ONE} \(no 'anno'\)"),
    Spoiler("no objects in it", _with({"anno": {"imname": "a"}}), quarantines=NOT_ONE),
    Spoiler("a mask of text", _with(_object("mask")), quarantines=rf"{NOT_ONE} \(a mask is <U"),
    Spoiler(
        "masks of another size",
        _with(_object(np.ones((9, 12), dtype=np.uint8))),
        quarantines=r"2008_000001\.jpg: 18 x 24 pixels \(height x width\), the masks of 2008_000001\.mat have 9 x 12",
    ),
    Spoiler("no picture", on("JPEGImages/2008_000001.jpg", deleted), quarantines=r"2008_000001\.jpg: no such file"),
    Spoiler(
        "two pictures of one name",
        lambda folder: (folder / "JPEGImages" / "2008_000001.png").write_bytes(b"") or None,
        stops=r"'2008_000001\.jpg' and '2008_000001\.png' would share 2008_000001\.mat",
    ),
    Spoiler(
        "in both lists", edited("val.txt", "2009_000003", "2008_000001"), stops=r"val\.txt: 1 images are in the list"
    ),
    Spoiler("lists of others", on("train.txt", empty), stops=r"train\.txt: none of its 0 names"),
    Spoiler("no list", on("val.txt", deleted), stops=r"val\.txt: no such file"),
]
