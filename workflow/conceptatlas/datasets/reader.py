"""What every data format must provide: a list of images, a vocabulary of concepts, pictures, and labels.

A format is one file in this folder with a subclass of `Reader` and one line in `index.py`; the contract tests
pick it up. Readers know nothing of frames, shards or S x S masks: they hand over pictures and label maps as they are
stored, and `frames.py` and `annotations.py` do the geometry once, the same for all formats.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

PICTURE = "_picture"
"""Column of a listing: the picture an image is cut from, where it is not one by itself."""


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
        licence (str), attribution (str). Columns with a leading underscore are the reader's own and come back in `row`;
        one of them has a meaning: PICTURE names the picture that several images are cut from, which then stay in one
        bootstrap block and one split.
    concepts : one row a concept, the order fixes concept_index; columns name (unique str), categories (list of str, in
        order of CATEGORIES where known).
    """

    images: pd.DataFrame
    concepts: pd.DataFrame


Map = Callable[[Callable[[Any], Any], Sequence[Any]], Iterable[Any]]
"""``map(function, items)`` with results in the order of items: the built-in one, or one that spreads the work over
processes (functions are importable, items small)."""


class Reader(ABC):
    """One data set on disk (or generated). Constructed by `datasets.index.open_dataset(row)`.

    Constructing is cheap, and all methods but `listing` need nothing but the row: parallel jobs open the reader anew
    and never call `listing`. Readers pickle: tasks take them along to other processes.
    """

    @abstractmethod
    def listing(self, *, map: Map = map) -> Listing:
        """List images and concepts. Raises ValueError naming a missing file, a duplicate id, an unknown label.

        map : for readers that open a file an image.
        """

    @abstractmethod
    def file(self, row: dict[str, Any]) -> Path | None:
        """The file that holds the picture of a row of `listing().images`; None where pictures are generated."""

    @abstractmethod
    def picture(self, row: dict[str, Any]) -> np.ndarray[Any, Any]:
        """The picture of a row: uint8, shape (height, width, 3), RGB, EXIF-corrected.

        Raises ValueError (or OSError) for a picture that cannot be decoded: the caller quarantines the image.
        """

    @abstractmethod
    def labels(self, row: dict[str, Any]) -> Iterator[Label]:
        """The labels of a row, in any order. Raises ValueError for labels that do not fit the picture."""

    def present(self, row: dict[str, Any]) -> set[ConceptKey]:
        """The labels of a row without their masks; the same concepts that `labels` shows, found as cheaply as can be.

        Raises ValueError for labels that cannot be read.
        """
        found: set[ConceptKey] = set()
        for label in self.labels(row):
            if isinstance(label, ImageLabel):
                found.add(label.concept)
            else:
                shown = present_numbers(label.numbers).tolist()
                found.update(label.concepts[number] for number in shown if number in label.concepts)
        return found

    def definitions(self) -> dict[str, str]:
        """What in the labels is computed or chosen here rather than read: name -> how, for dataset.json."""
        return {}


def present_numbers(numbers: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The distinct values of a label map, sorted. Only the starts of runs are sorted: maps are mostly runs."""
    flat = numbers.reshape(-1)
    if not flat.size:
        return flat
    starts = np.concatenate([flat[:1], flat[1:][flat[1:] != flat[:-1]]])
    return np.unique(starts)
