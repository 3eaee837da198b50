"""What every data format must provide: a list of images, a vocabulary of concepts, pictures, and labels.

A format is one file in this folder with a class that fulfils `Reader` and one line in `index.py`; the contract tests
pick it up. Readers know nothing of frames, shards or S x S masks: they hand over pictures and label maps as they are
stored, and `frames.py` and `annotations.py` do the geometry once, the same for all formats.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
import pandas as pd


class ConceptKey(NamedTuple):
    """A concept by name, and the category this label belongs to (a concept may have several)."""

    name: str
    category: str


@dataclass(frozen=True)
class LabelMap:
    """Pixel labels of one picture, disjoint within the map; overlapping labels come as several maps.

    numbers : int array, shape (height, width), any size with the picture's shape of view (a map may be stored
        smaller than the picture); numbers without an entry in `concepts` are unlabelled.
    concepts : number -> concept. A binary mask is a map with one entry.
    """

    numbers: np.ndarray[Any, Any]
    concepts: dict[int, ConceptKey]


@dataclass(frozen=True)
class ImageLabel:
    """A label of the whole picture (a scene, a texture): no mask, it counts as covering all pixels."""

    concept: ConceptKey


Label = LabelMap | ImageLabel


@dataclass(frozen=True)
class Listing:
    """What a data set holds, known without decoding a picture.

    images : one row an image in the data set's order; columns image_id (unique str), path (str, relative to the root;
        "" where pictures are generated), source (str: permutations stay within it), split ("train" | "val" | ""),
        licence (str), attribution (str). Columns with a leading underscore are the reader's own and come back in `row`.
    concepts : one row a concept, the order fixes concept_index; columns name (unique str), categories (list of str, in
        order of CATEGORIES where known).
    """

    images: pd.DataFrame
    concepts: pd.DataFrame


class Reader(Protocol):
    """One data set on disk (or generated). Constructed by `datasets.index.open_dataset(row)`.

    Constructing is cheap, and `picture` and `labels` need nothing but the row: parallel jobs open the reader anew and
    never call `listing`. `root` is the folder that `path` in the listing is relative to; readers whose `path` is always
    empty (generated pictures) need none.
    """

    root: Path

    def listing(self) -> Listing:
        """List images and concepts. Raises ValueError naming a missing file, a duplicate id, an unknown label."""
        ...

    def picture(self, row: dict[str, Any]) -> np.ndarray[Any, Any]:
        """The picture of a row of `listing().images`: uint8, shape (height, width, 3), RGB, EXIF-corrected.

        Raises ValueError (or OSError) for a picture that cannot be decoded: the caller quarantines the image.
        """
        ...

    def labels(self, row: dict[str, Any]) -> Iterator[Label]:
        """The labels of a row, in any order. Raises ValueError for labels that do not fit the picture."""
        ...
