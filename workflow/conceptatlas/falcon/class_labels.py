"""Which classes the images of a data set are labelled with, for heads whose classes have the same names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from conceptatlas.datasets.annotation_file import iterate_annotations
from conceptatlas.naming import CATEGORIES
from conceptatlas.tables import read_table

Array = np.ndarray[Any, Any]

IMAGES_AT_ONCE = 512


class ClassLabels(NamedTuple):
    """names : concepts. present : bool (image, concept), labelled in the image under the category. largest : int64
    (image,), the concept of the category that covers most pixels, -1 without any."""

    names: list[str]
    present: Array
    largest: Array


def read_class_labels(annotations: Sequence[str], concepts: str, *, category: str, n_images: int) -> ClassLabels:
    """The labels of one category."""
    names = [str(name) for name in read_table(concepts, columns=["name"])["name"]]
    pixels = np.zeros((n_images, len(names)), dtype=np.int64)
    present = np.zeros(pixels.shape, dtype=bool)
    wanted = CATEGORIES.index(category)
    for path in annotations:
        for part in iterate_annotations(path, n_images=IMAGES_AT_ONCE):
            own = (part.category == wanted) & (part.n_pixels > 0)
            at = part.image_index[own], part.concept_index[own]
            present[at] = True
            np.add.at(pixels, at, part.n_pixels[own])
    largest = np.where(present.any(axis=1), pixels.argmax(axis=1), -1).astype(np.int64)
    return ClassLabels(names, present, largest)


def match_names(classes: Sequence[str], names: Sequence[str]) -> Array:
    """Which class of a head is which concept: int64 (class,), -1 for none.

    Names agree if one of their synonyms (parted by commas) does, in lower case, blanks for ``_`` and ``-``.
    """
    at: dict[str, int] = {}
    for i, name in enumerate(names):
        for synonym in _synonyms(name):
            at.setdefault(synonym, i)
    return np.array([next((at[s] for s in _synonyms(name) if s in at), -1) for name in classes], dtype=np.int64)


def _synonyms(name: str) -> list[str]:
    return [" ".join(part.lower().replace("_", " ").replace("-", " ").split()) for part in str(name).split(",")]
