"""Segmentations of COCO: polygons, and run lengths plain or compressed, as masks.

pycocotools draws the polygons and adds masks up, because its border rule is COCO's own. What it would take without a
word is refused before it gets there: run lengths that end early leave the rest of a mask to whatever was in memory, a
coordinate of a billion is walked in a billion steps.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
from pycocotools import mask as cocomask

Array = np.ndarray[Any, Any]
RunLengths = dict[str, Any]
"""A mask as pycocotools keeps it: ``size`` (height, width) and compressed ``counts``."""


def encode(segmentation: Any, *, height: int, width: int) -> list[RunLengths]:
    """The masks whose union is a segmentation, encoded; checked, not decoded.

    Parameters
    ----------
    segmentation : as in the JSON
        A list of polygons ``[x, y, x, y, ...]`` in pixels, (0, 0) the upper left corner of the picture; or
        ``{"size": [height, width], "counts": run lengths}`` over columns, beginning with the zeros: a list of
        numbers, or COCO's compressed text.
    height, width : int
        Of the picture.

    Returns
    -------
    list
        Empty where no polygon has three points: two points enclose nothing.

    Raises
    ------
    ValueError
        for no segmentation, coordinates that are no numbers or far outside, run lengths of another size than the
        picture, that do not add up to it, or that are damaged.
    """
    if isinstance(segmentation, dict):
        return [_checked_runs(segmentation, height=height, width=width)]
    if not segmentation:
        raise ValueError("no segmentation")
    if not isinstance(segmentation, list):
        raise ValueError(f"the segmentation is a {type(segmentation).__name__}, expected polygons or run lengths")
    polygons = [_checked_polygon(polygon, height=height, width=width) for polygon in segmentation]
    drawn = [polygon for polygon in polygons if len(polygon) >= 6]
    return list(cocomask.frPyObjects(drawn, height, width)) if drawn else []


def decode(masks: list[RunLengths], *, height: int, width: int) -> Array:
    """The union of encoded masks: uint8, shape (height, width), 0 or 1."""
    if not masks:
        return np.zeros((height, width), dtype=np.uint8)
    # by hand: pycocotools' own decoder warns with numpy 2, a mask at a time
    runs = run_lengths(cocomask.merge(masks)["counts"].decode())
    columns = np.repeat((np.arange(runs.size) % 2).astype(np.uint8), runs).reshape(width, height)
    return np.ascontiguousarray(columns.T)


def covers_pixels(masks: Iterable[RunLengths]) -> bool:
    """Whether any of the encoded masks has a pixel."""
    return any(int(cocomask.area(mask)) > 0 for mask in masks)


def run_lengths(counts: str) -> Array:
    """The run lengths of COCO's compressed text: int64, alternately of zeros and ones.

    A number is written five bits a character, the lowest first, as the code 48 + bits, plus 32 where more follow; the
    highest bit of the last character is the sign. From the fourth on, numbers are differences to the last but one
    (cocoapi, common/maskApi.c, rleToString).

    Raises
    ------
    ValueError
        for other characters, and a text that ends within a number.
    """
    codes = np.frombuffer(counts.encode("latin-1", "replace"), dtype=np.uint8).astype(np.int64) - 48
    if not codes.size:
        return codes
    last = (codes & 32) == 0
    if codes.min() < 0 or codes.max() > 63 or not last[-1]:
        raise ValueError("the compressed run lengths are damaged")
    ends = np.flatnonzero(last)
    starts = np.concatenate([[0], ends[:-1] + 1])
    place = np.arange(codes.size) - np.repeat(starts, ends - starts + 1)
    if place.max() > 6:  # seven characters hold 35 bits, more than any picture has pixels
        raise ValueError("the compressed run lengths are damaged")
    numbers = np.add.reduceat((codes & 31) << (5 * place), starts)
    numbers -= ((codes[ends] & 16) > 0) * (np.int64(1) << (5 * (place[ends] + 1)))
    numbers[1::2] = np.cumsum(numbers[1::2])
    numbers[2::2] = np.cumsum(numbers[2::2])
    return numbers


def _checked_polygon(polygon: Any, *, height: int, width: int) -> list[float]:
    if not isinstance(polygon, list) or len(polygon) % 2:
        raise ValueError("a polygon is a list of x, y, x, y, ...")
    if not all(isinstance(value, int | float) and math.isfinite(value) for value in polygon):
        raise ValueError("a coordinate of a polygon is no number")
    for axis, values, length in (("x", polygon[0::2], width), ("y", polygon[1::2], height)):
        if values and (min(values) < -length or max(values) > 2 * length):
            raise ValueError(
                f"a polygon reaches from {axis} = {min(values):g} to {max(values):g}, the picture from 0 to {length}"
            )
    return polygon


def _checked_runs(segmentation: dict[str, Any], *, height: int, width: int) -> RunLengths:
    size, counts = segmentation.get("size"), segmentation.get("counts")
    if size != [height, width]:
        raise ValueError(f"run lengths of size {size}, the picture has {[height, width]} (height, width)")
    if isinstance(counts, str):
        runs = run_lengths(counts)
    elif isinstance(counts, list) and all(isinstance(run, int) for run in counts):
        runs = np.array(counts, dtype=np.int64)
    else:
        raise ValueError("the run lengths (counts) are neither whole numbers nor text")
    if (runs < 0).any() or runs.sum() != height * width:
        raise ValueError(f"run lengths add up to {runs.sum()} pixels, the picture has {height} x {width}")
    if isinstance(counts, str):
        return {"size": size, "counts": counts.encode()}
    encoded: RunLengths = cocomask.frPyObjects(segmentation, height, width)
    return encoded
