"""Boxes as images of their own: what of a picture the box of an annotation shows.

Detectors and pose models see one object at a time; with ``crop=box`` every annotation's box becomes an image, cut out
of the picture and of all its masks alike.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from conceptatlas.naming import unknown

CROPS = ("none", "box")


class Box(NamedTuple):
    """A box as COCO states it, in pixels: its upper left corner and its sides; (0, 0) is the picture's corner."""

    x: float
    y: float
    width: float
    height: float

    @property
    def longer_side(self) -> float:
        """In pixels."""
        return max(self.width, self.height)


class Window(NamedTuple):
    """The part of a picture that an image shows: rows top .. bottom-1, columns left .. right-1."""

    top: int
    bottom: int
    left: int
    right: int

    def cut(self, array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """That part of a picture or a mask."""
        return array[self.top : self.bottom, self.left : self.right]

    def meets(self, box: Box, *, reach: float) -> bool:
        """Whether a box, enlarged by `reach` pixels on each side, shares a pixel with the window."""
        return (
            box.x - reach < self.right
            and box.x + box.width + reach > self.left
            and box.y - reach < self.bottom
            and box.y + box.height + reach > self.top
        )


@dataclass(frozen=True)
class Crops:
    """Whether and how boxes are cut out.

    on : bool
    margin : how far the window reaches beyond the box, on each side, as a share of the box's side.
    min_side : boxes with a side shorter than this many pixels are left out.
    """

    on: bool = False
    margin: float = 0.0
    min_side: float = 1.0

    @classmethod
    def parse(cls, *, crop: str, margin: str, min_side: str) -> Crops:
        """From the options `crop`, `margin`, `min_side`; ValueError for values that mean nothing."""
        if crop not in CROPS:
            raise unknown("value of crop", crop, CROPS)
        if crop == "none":
            for name, value in (("margin", margin), ("min_side", min_side)):
                if value:
                    raise ValueError(f"option {name}={value} cuts nothing without crop=box")
            return cls()
        return cls(on=True, margin=amount("margin", margin or "0"), min_side=amount("min_side", min_side or "1"))

    def window(self, box: Box, *, height: int, width: int) -> Window | None:
        """The window of a box in a picture, whole pixels, all that the enlarged box touches; None where left out."""
        if min(box.width, box.height) < self.min_side:
            return None
        grow_x, grow_y = self.margin * box.width, self.margin * box.height
        found = Window(
            top=max(0, math.floor(box.y - grow_y)),
            bottom=min(height, math.ceil(box.y + box.height + grow_y)),
            left=max(0, math.floor(box.x - grow_x)),
            right=min(width, math.ceil(box.x + box.width + grow_x)),
        )
        return found if found.top < found.bottom and found.left < found.right else None

    def definition(self) -> str:
        """In words, for dataset.json."""
        return (
            "every annotation that is no crowd is an image of its own: picture and masks cut to its box, enlarged by "
            f"{self.margin:g} of its side on each side, clipped at the picture; boxes with a side below "
            f"{self.min_side:g} pixels left out"
        )


def amount(name: str, text: str) -> float:
    """An option that is a number from 0 on; ValueError otherwise."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value >= 0):
        raise ValueError(f"option {name}={text}: expected a number, 0 or more")
    return value
