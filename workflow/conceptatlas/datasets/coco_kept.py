"""What of a COCO annotation travels in the listing, as one line of JSON.

Numbers are written as Python reads them (the shortest text that gives the same number back), so that nothing of a
polygon is lost.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple


class Kept(NamedTuple):
    """What is kept of an annotation.

    concept : what its segmentation shows; "" where that is no label.
    segmentation : as in the JSON; None where it is no label.
    points : part, x, y of its keypoints, in 0-based pixel indices as in the JSON.
    side : longer side of its box in pixels, where discs depend on it; else 0.
    problem : why its picture cannot be used; mostly "".
    """

    concept: str
    segmentation: Any = None
    points: tuple[tuple[str, float, float], ...] = ()
    side: float = 0.0
    problem: str = ""

    def text(self, number: int | str) -> str:
        """As JSON, with the annotation's id; fields from the end that say nothing are left out."""
        fields = list(self)
        while len(fields) > 1 and fields[-1] == Kept("")[len(fields) - 1]:
            fields.pop()
        return json.dumps([number, *fields], separators=(",", ":"), ensure_ascii=False)


def joined(texts: Iterable[str]) -> str:
    """The annotations of an image as one text."""
    return f"[{','.join(texts)}]"


def read_kept(text: str) -> Iterator[tuple[int | str, Kept]]:
    """The annotations of a text of `joined`, each with its id."""
    for number, *fields in json.loads(text):
        yield number, Kept(*fields)
