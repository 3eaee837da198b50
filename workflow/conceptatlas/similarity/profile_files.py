"""profiles.h5: the concept vectors of a layer and the cosines of all test images with them.

    concept_index  int64 (learned,)            rows of concepts.parquet, ascending
    concept, category  text (learned,)         their names and primary categories
    recognised     bool (learned,)             see profiles.parquet
    cav            float32 (learned, feature)  mean of the unit-length CAVs of the repeats
    random_cav     float32 (learned, random, feature)   CAVs of random labels; pooled features only
    cosines        float64 (learned, test image)   cos(CAV, x); NaN for an image without features
    balanced       bool (learned, test image)  the images its SFSS runs over; none where there are too few
    present        bool (learned, test image)  the image holds the concept
    test_images    int64 (test image,)         image_index, ascending

with attributes dataset, model, layer, images_digest (of the ids of the test images), n_features, classifier, features,
seed. The large ones are contiguous, so that readers map them into memory.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from conceptatlas.activations.store import create_contiguous, map_dataset
from conceptatlas.files import atomic_path
from conceptatlas.similarity.profile_learning import Profile

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class ConceptProfiles:
    """The concept profiles of one layer; arrays as in profiles.h5, cosines, balanced and present memory-mapped."""

    path: str
    dataset: str
    model: str
    layer: str
    images_digest: str
    concept_index: Array
    concepts: list[str]
    categories: list[str]
    recognised: Array
    test_images: Array
    cosines: Array
    balanced: Array
    present: Array

    @property
    def place(self) -> str:
        """Model and layer, for messages."""
        return f"{self.model} {self.layer}"


def write_profiles(
    path: str | Path,
    found: Iterable[tuple[int, list[Profile]]],
    *,
    learned: list[tuple[int, str, str]],
    test_images: Array,
    n_features: int,
    n_random: int,
    attributes: dict[str, Any],
) -> list[dict[str, Any]]:
    """Write profiles as they come and return the numbers of every learned concept, in order.

    found : (row of the first, profiles) in any order. learned : concept_index, name and category of every concept that
    is learned. n_random : CAVs of random labels to keep, 0 for none.
    """
    n, n_test = len(learned), len(test_images)
    numbers: list[dict[str, Any]] = [{} for _ in range(n)]
    shapes: dict[str, tuple[tuple[int, ...], str]] = {
        "cav": ((n, n_features), "float32"),
        "cosines": ((n, n_test), "float64"),
        "balanced": ((n, n_test), "bool"),
        "present": ((n, n_test), "bool"),
    }
    if n_random:
        shapes["random_cav"] = ((n, n_random, n_features), "float32")
    with atomic_path(path) as part, h5py.File(part, "w", libver="latest") as file:
        file["concept_index"] = np.array([c for c, _, _ in learned], dtype=np.int64)
        for at, name in enumerate(("concept", "category"), start=1):
            file.create_dataset(name, data=[one[at] for one in learned], dtype=h5py.string_dtype(), shape=(n,))
        file["test_images"] = test_images.astype(np.int64)
        out = {name: create_contiguous(file, name, shape, dtype) for name, (shape, dtype) in shapes.items()}
        for first, profiles in found:
            for i, one in enumerate(profiles, start=first):
                out["cav"][i], out["cosines"][i] = one.cav, one.cosines
                out["balanced"][i], out["present"][i] = one.balanced, one.present
                if n_random:
                    out["random_cav"][i] = one.random_cavs
                numbers[i] = one.numbers
        file["recognised"] = np.array([one["recognised"] for one in numbers], dtype=bool)
        file.attrs.update(attributes | {"n_features": n_features})
    return numbers


def read_profiles(path: str | Path) -> ConceptProfiles:
    """Read the profiles of a layer.

    Raises
    ------
    ValueError
        for a file that does not open.
    """
    about: dict[str, Any]
    arrays: dict[str, Any]
    try:
        with h5py.File(path, "r") as file:
            about = {name: str(file.attrs[name]) for name in ("dataset", "model", "layer", "images_digest")}
            arrays = {name: file[name][()] for name in ("concept_index", "recognised", "test_images")}
            concepts, categories = ([str(one) for one in file[name].asstr()[()]] for name in ("concept", "category"))
    except (OSError, KeyError) as error:
        if not Path(path).exists():
            raise
        raise ValueError(f"{path}: no readable file of concept profiles ({error}); delete it and run again") from None
    mapped: dict[str, Any] = {name: map_dataset(path, name) for name in ("cosines", "balanced", "present")}
    return ConceptProfiles(str(path), **about, concepts=concepts, categories=categories, **arrays, **mapped)
