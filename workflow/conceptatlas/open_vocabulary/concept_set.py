"""The concepts that units are labelled with: names and their text vectors, and how names of two sources are matched."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd

from conceptatlas.vocabularies.caption_file import mean_vector, read_captions
from conceptatlas.vocabularies.retrieval import centred

Array = np.ndarray[Any, Any]

LARGEST = 200_000
"""Most concepts of a set: every image's cosine with each of them is held in memory."""


@dataclass(frozen=True)
class Concepts:
    """names, categories ("" where the data set has none of this name) and vectors float32 (concept, dim)."""

    names: list[str]
    categories: list[str]
    vectors: Array


def vocabulary_concepts(parts: Sequence[str | Path], own: pd.DataFrame, *, centre: bool) -> Concepts:
    """The captions of a vocabulary as concepts; own : concepts.parquet of the data set, for their categories."""
    names, vectors = read_concepts(parts, centre=centre)
    places = positions(names, own["name"].astype(str).tolist())
    known = own["primary_category"].astype(str).tolist()
    return Concepts(names, [known[place] if place >= 0 else "" for place in places], vectors)


def own_concepts(parts: Sequence[str | Path], own: pd.DataFrame, options: Mapping[str, Any]) -> Concepts:
    """The data set's own concepts with the vectors of their names; what was encoded may carry a template."""
    texts, vectors = read_concepts(parts, centre=options["centre"])
    names = own["name"].astype(str).tolist()
    places = positions([options["template"].format(name) for name in names], texts)
    return Concepts(names, own["primary_category"].astype(str).tolist(), vectors[places])


def read_concepts(parts: Sequence[str | Path], *, centre: bool) -> tuple[list[str], Array]:
    """Names and vectors, float32 (concept, dim), of all parts of a vocabulary.

    centre : less the mean of the vocabulary's vectors, brought back to length 1.

    Raises
    ------
    ValueError
        for a vocabulary too large to be a set of concepts.
    """
    names: list[str] = []
    vectors = []
    for part in parts:
        with h5py.File(part, "r") as file:
            n = len(file["offsets"]) - 1
            if len(names) + n > LARGEST:
                raise ValueError(
                    f"{part}: labels are chosen among at most {LARGEST:,} concepts, the vocabulary holds more; name "
                    "one of words"
                )
            names += read_captions(file, 0, n)
            vectors.append(file["embeddings"][:].astype(np.float32))
    together = np.concatenate(vectors)
    return names, centred(together, mean_vector(parts)) if centre else together


def folded(name: str) -> str:
    """A name without what sources write differently: case, and signs between words.

    >>> folded("Sofa_bed"), folded("sofa-bed")
    ('sofa bed', 'sofa bed')
    """
    return " ".join(re.findall(r"[^\W_]+", name.casefold()))


def positions(names: Sequence[str], known: Sequence[str]) -> Array:
    """Where each name stands among the known ones, folded; -1 where it does not: int64 (name,)."""
    places: dict[str, int] = {}
    for place, name in enumerate(known):
        places.setdefault(folded(name), place)
    return np.array([places.get(folded(name), -1) for name in names], dtype=np.int64)
