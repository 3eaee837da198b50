"""What the COCO formats make of their files when they are spoilt."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image

from spoilt import Spoiler, as_palette, deleted, empty, json_edited, noise, on, repainted, text, truncated

Change = Callable[[Any], Any]


def of_image(**changes: Any) -> Change:
    """Change the first image."""
    return lambda content: content["images"][0].update(changes)


def of_annotation(**changes: Any) -> Change:
    """Change the first annotation."""
    return lambda content: content["annotations"][0].update(changes)


def of_segment(**changes: Any) -> Change:
    """Change the first segment of the first annotation of panoptic."""
    return lambda content: content["annotations"][0]["segments_info"][0].update(changes)


def without(part: str, field: str) -> Change:
    """Drop a field of the first entry."""
    return lambda content: content[part][0].pop(field)


def common(table: str) -> list[Spoiler]:
    """What all COCO formats decide alike."""

    def case(what: str, change: Change, stops: str) -> Spoiler:
        return Spoiler(what, json_edited(table, change), stops=stops)

    name = table.replace(".", r"\.")
    return [
        Spoiler("JSON deleted", on(table, deleted), stops=rf"{name}: no such file"),
        Spoiler("JSON cut", on(table, truncated), stops=rf"{name}: not valid JSON"),
        Spoiler("JSON empty", on(table, empty), stops=rf"{name}: (not valid JSON|no categories)"),
        Spoiler("a failed download", on(table, text), stops=rf"{name}: not valid JSON"),
        Spoiler("bytes of something else", on(table, noise), stops=rf"{name}: not valid JSON"),
        Spoiler("JSON of something else", lambda folder: (folder / table).write_text("[1, 2]") and None, stops=name),
        *(
            case(f"no {part}", lambda c, part=part: c.pop(part), rf"{name}: no {part}")
            for part in ("categories", "images")
        ),
        case("image without height", without("images", "height"), rf"{name}: an entry lacks the field 'height'"),
        case("image without id", without("images", "id"), rf"{name}: an entry lacks the field 'id'"),
        case("height of text", of_image(height="tall"), rf"{name}: height is 'tall', expected a whole number"),
        case("annotation without image", without("annotations", "image_id"), rf"{name}: .* the field 'image_id'"),
        case("category without name", without("categories", "name"), rf"{name}: an entry lacks the field 'name'"),
        case("image id twice", of_image(id=2), rf"{name}: 1 image ids stand more than once"),
        case("image file twice", of_image(file_name="000000000002.jpg"), r"1 image ids stand more than once, among"),
        case("file elsewhere", of_image(file_name="../x.jpg"), rf"{name}: file_name is '\.\./x\.jpg', expected a path"),
        case(
            "annotation of no image", of_annotation(image_id=9), rf"{name}: an annotation names image 9, which is not"
        ),
        case("image of a list", of_annotation(image_id=[1]), rf"{name}: image_id is \[1\], expected a number or text"),
    ]


def twice_and_unknown(table: str) -> list[Spoiler]:
    """Category ids of instances and keypoints that stand twice or are not there."""
    name = table.replace(".", r"\.")
    return [
        Spoiler(
            "unknown category",
            json_edited(table, of_annotation(category_id=77)),
            stops=rf"unknown category id '77' in .*{name}, image 1",
        ),
        Spoiler(
            "category id twice",
            json_edited(table, lambda content: content["categories"].append(content["categories"][0])),
            stops=rf"{name}: category id 1 stands twice",
        ),
    ]


PANOPTIC, PANOPTIC_MASK = "panoptic_train2017.json", "panoptic_train2017/000000000001.png"


def _with_a_pixel(mask: Image.Image) -> Image.Image:
    pixels = np.array(mask)
    pixels[-1, -1] = (1, 2, 3)
    return Image.fromarray(pixels)


COCO_PANOPTIC = [
    *common(PANOPTIC),
    Spoiler("two annotations", json_edited(PANOPTIC, of_annotation(image_id=2)), stops="image 2 has two annotations"),
    Spoiler("unknown category", json_edited(PANOPTIC, of_segment(category_id=77)), stops="unknown category id '77'"),
    Spoiler(
        "category id twice",
        json_edited(PANOPTIC, lambda content: content["categories"][0].update(id=3)),
        stops=r"panoptic_train2017\.json: category id 3 stands twice",
    ),
    Spoiler(
        "instances instead", json_edited(PANOPTIC, without("annotations", "segments_info")), stops="COCO instances"
    ),
    Spoiler(
        "no annotation",
        json_edited(PANOPTIC, lambda content: content["annotations"].pop(0)),
        quarantines=r"000000000001\.jpg: the JSON has no annotation for this image",
    ),
    Spoiler(
        "unknown segment",
        json_edited(PANOPTIC, of_segment(id=123)),
        quarantines=r"000000000001\.png: segment ids \[70001\] are not in the JSON",
    ),
    Spoiler("segment twice", json_edited(PANOPTIC, of_segment(id=5)), quarantines="segment 5 stands twice in the JSON"),
    Spoiler("mask deleted", on(PANOPTIC_MASK, deleted), quarantines=r"000000000001\.png: no such file"),
    Spoiler("mask cut", on(PANOPTIC_MASK, truncated), quarantines=r"000000000001\.png: cannot be decoded"),
    Spoiler("grey mask", repainted(PANOPTIC_MASK, lambda mask: mask.convert("L")), quarantines="expected an RGB mask"),
    Spoiler("the same colours through a palette", repainted(PANOPTIC_MASK, as_palette)),
    Spoiler(
        "mask of another size",
        repainted(PANOPTIC_MASK, lambda mask: mask.crop((0, 0, 30, 19))),
        quarantines=r"000000000001\.png: 19 x 30 pixels",
    ),
    Spoiler(
        "one pixel of another id",
        repainted(PANOPTIC_MASK, _with_a_pixel),
        quarantines=r"000000000001\.png: segment ids \[197121\] are not in the JSON",
    ),
]

INSTANCES = "instances_train2017.json"


def _segmentation(what: str, segmentation: Any, reason: str) -> Spoiler:
    change = json_edited(INSTANCES, of_annotation(segmentation=segmentation))
    return Spoiler(what, change, quarantines=rf"000000000001\.jpg, annotation 11 \(person\): {reason}")


COCO_INSTANCES = [
    *common(INSTANCES),
    *twice_and_unknown(INSTANCES),
    _segmentation("no segmentation", [], "no segmentation"),
    _segmentation("segmentation of null", None, "no segmentation"),
    _segmentation("segmentation of text", "polygon", "the segmentation is a str, expected polygons or run lengths"),
    _segmentation("polygon of an odd length", [[1, 2, 3]], r"a polygon is a list of x, y"),
    _segmentation("polygon of text", [["a", 1, 2, 2, 3, 3]], "a coordinate of a polygon is no number"),
    _segmentation("polygon far outside", [[0, 0, 900, 0, 5, 5]], "a polygon reaches from x = 0 to 900"),
    _segmentation("run lengths of another size", {"size": [3, 4], "counts": [12]}, r"run lengths of size \[3, 4\]"),
    _segmentation("run lengths too short", {"size": [20, 30], "counts": [12, 8]}, "run lengths add up to 20 pixels"),
    _segmentation("damaged run lengths", {"size": [20, 30], "counts": "~~"}, "the compressed run lengths are damaged"),
    Spoiler(
        "no annotations at all", json_edited(INSTANCES, lambda c: c.update(annotations=[])), stops="no annotations"
    ),
]

KEYPOINTS = "person_keypoints_train2017.json"


def _points(what: str, points: Any, reason: str) -> Spoiler:
    change = json_edited(KEYPOINTS, of_annotation(keypoints=points))
    return Spoiler(what, change, quarantines=rf"000000000001\.jpg, annotation 11: {reason}")


COCO_KEYPOINTS = [
    *common(KEYPOINTS),
    *twice_and_unknown(KEYPOINTS),
    _points("a number missing", [8, 5, 2, 10, 4, 2, 6, 4, 1, 0, 0], "11 numbers of keypoints, expected 12"),
    _points("unknown visibility", [8, 5, 3] + 9 * [0], "visibility of 'nose' is 3, expected 0, 1 or 2"),
    _points("a place of text", ["x", 5, 2] + 9 * [0], "place of 'nose' is 'x', 5, expected two numbers"),
    Spoiler("no keypoints", json_edited(KEYPOINTS, without("annotations", "keypoints")), stops="the field 'keypoints'"),
    Spoiler(
        "no category with keypoints",
        lambda folder: (
            [
                json_edited(f"person_keypoints_{split}2017.json", lambda c: c["categories"][0].pop("keypoints"))(folder)
                for split in ("train", "val")
            ]
            and None
        ),
        stops="no category has keypoints; is this a COCO keypoints file",
    ),
]
