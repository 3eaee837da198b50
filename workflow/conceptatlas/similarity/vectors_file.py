"""The concept activation vectors of a layer as profiles.h5 holds them, and what an image's gradient is to them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from conceptatlas.activations.store import map_dataset
from conceptatlas.similarity.activation_vectors import unit_length
from conceptatlas.similarity.profile_files import read_profiles
from conceptatlas.similarity.tcav import derivatives

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Vectors:
    """Arrays as in profiles.h5 (see `profile_files`), vectors memory-mapped; random_cav has 0 random CAVs where none
    are kept (flattened features)."""

    path: str
    features: str
    images_digest: str
    concept_index: Array
    concepts: list[str]
    categories: list[str]
    test_images: Array
    cav: Array
    random_cav: Array

    @property
    def pooled(self) -> bool:
        """Whether CAVs are directions of spatial means, else of all values of all maps."""
        return self.features == "pooled"

    @property
    def n_seen(self) -> int:
        """Numbers of `seen`."""
        return int(self.cav.shape[1]) if self.pooled else len(self.cav)

    def seen(self, gradient: Array) -> Array:
        """What derivatives need of an image's gradient (unit, height, width): its mean over positions, (unit,), or for
        flattened features, which are many, the derivatives themselves, (concept,).

        The derivative along a CAV that acts on every position equally, sum over positions of gradient . CAV / (h w), is
        the mean gradient . CAV.

        Raises
        ------
        ValueError
            if the layer has another number of features.
        """
        n_features = len(gradient) if self.pooled else gradient.size
        if n_features != self.cav.shape[1]:
            raise ValueError(
                f"{self.path}: concept vectors of {self.cav.shape[1]} {self.features} features, the layer has "
                f"{n_features}; they are those of another layer or model"
            )
        if self.pooled:
            mean: Array = gradient.mean(axis=(1, 2), dtype=np.float64)
            return mean
        flat = gradient.reshape(-1).astype(np.float64)
        return np.array([float(unit_length(one[None])[0] @ flat) for one in self.cav])

    def slopes(self, kept: Array, concept: int) -> Array:
        """Derivatives along the CAV and the random CAVs of a learned concept: float64 (1 + random, image).

        kept : (image, ...), `seen` of every image. concept : its row.
        """
        if not self.pooled:
            own: Array = np.asarray(kept[:, concept])[None]
            return own
        return derivatives(kept, np.concatenate([self.cav[concept][None], self.random_cav[concept]]))


def read_vectors(path: str | Path) -> Vectors:
    """Read the vectors of a layer; ValueError for a file that does not open."""
    profiles = read_profiles(path)
    with h5py.File(path, "r") as file:
        features, kept = str(file.attrs["features"]), "random_cav" in file
    cav = map_dataset(path, "cav")
    none = np.zeros((len(cav), 0, cav.shape[1]), dtype=np.float32)
    return Vectors(
        str(path), features, profiles.images_digest, profiles.concept_index, profiles.concepts, profiles.categories,
        profiles.test_images, cav, map_dataset(path, "random_cav") if kept else none,
    )  # fmt: skip
