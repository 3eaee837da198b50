"""A data set and layers of it on disk for concept profiles: features, images that hold concepts; no masks, no model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np

from conceptatlas.datasets.labelled_images import read_images
from conceptatlas.similarity.profile_files import ConceptProfiles, read_profiles
from conceptatlas.similarity.profiles import profile_concepts
from conceptatlas.similarity.setting import Comparing, Measured
from conceptatlas.similarity.sfss_pairs import PairSfss, compare_profiles
from tiny_classification import write_study
from tiny_stores import write_store

Array = np.ndarray[Any, Any]

OPTIONS: dict[str, Any] = {
    "classifier": "mean_difference", "alpha": 0.01, "features": "pooled", "n_repeats": 3, "n_random": 20,
    "min_images": 10, "min_images_sfss": 15, "correlation": "pearson",
}  # fmt: skip


def by_measure(pair: PairSfss) -> dict[str, Measured]:
    """Measure -> its row."""
    return {row.measure: row for row in pair.rows}


class Study:
    """Images with concepts, and layers added one at a time."""

    def __init__(self, folder: Path, holding: dict[str, Array], *, n_images: int, **columns: Any) -> None:
        self.folder = folder
        files = write_study(folder, np.zeros((n_images, 1)), holding, **columns)
        self.files = {name: files[name] for name in ("index", "concepts", "annotations")}

    def add(
        self, layer: str, values: Array, /, *, n_shards: int = 1, threads: int = 1, seed: int = 0, **options: Any
    ) -> dict[str, Path]:
        """Profile a layer: its features (image, unit), or maps (image, unit, height, width). Returns its files."""
        place = self.folder / layer
        place.mkdir(parents=True, exist_ok=True)
        shards: list[str] = []
        manifests: list[str] = []
        if values.ndim == 4:
            shards, manifests = write_store(place, values, n_shards=n_shards, layer=layer)
            values = values.astype(np.float64).mean(axis=(2, 3))
        with h5py.File(place / "statistics.h5", "w") as file:
            file["mean_pooled"] = np.asarray(values, dtype=np.float32)
        out = {"table": place / "profiles.parquet", "profiles": place / "profiles.h5"}
        profile_concepts(
            dataset="d", model="m", layer=layer, shards=shards, manifests=manifests,
            statistics=place / "statistics.h5", **self.files, **out, options=OPTIONS | options, train_share=0.7,
            n_bootstrap=200, confidence=0.95, seed=seed, threads=threads,
        )  # fmt: skip
        return out

    def layer(self, layer: str) -> ConceptProfiles:
        """The profiles of a layer."""
        return read_profiles(self.folder / layer / "profiles.h5")

    def sfss(self, a: str, b: str, *, correlation: str = "pearson") -> PairSfss:
        """SFSS of two layers."""
        images = read_images(self.files["index"])
        comparing = Comparing(
            images.blocks, images.sources, n_permutations=99, n_bootstrap=200, confidence=0.95, seed=0
        )
        layers = [self.layer(a), self.layer(b)]
        return compare_profiles(layers, [(0, 1)], comparing, correlation=correlation, min_images=15)[0]

    def score(self, a: str, b: str, measure: str = "sfss") -> Measured:
        """A measure of two layers."""
        return by_measure(self.sfss(a, b))[measure]


def any_images(n_images: int, n_concepts: int, *, seed: int = 0) -> dict[str, Array]:
    """Concepts that each a third of the images hold, without regard to anything."""
    rng = np.random.default_rng(seed)
    return {f"concept {c}": np.sort(rng.permutation(n_images)[: n_images // 3]) for c in range(n_concepts)}


def noise(n_images: int, n_units: int, *, seed: int) -> Array:
    """Rectified noise, float32 (image, unit): what a layer after a ReLU gives that knows nothing."""
    return np.maximum(np.random.default_rng(seed).normal(size=(n_images, n_units)), 0).astype(np.float32)
