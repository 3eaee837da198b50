"""Layers of several models on disk, ready to be compared: masks, geometry and concept profiles made from arrays.

study = ComparedStudy(folder, n_images=200)
study.add("m1", "conv1", masks=..., features=..., depth=0.5)   # either may be left out, for all layers alike
tables = study.compare("m1")                                    # frames of the three tables
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np
import pandas as pd

from conceptatlas.datasets.splits import VAL, read_split
from conceptatlas.similarity.comparison import compare_models
from conceptatlas.similarity.discovered_file import digest_of_images
from conceptatlas.similarity.geometry import measure_geometry
from conceptatlas.tables import read_table
from tiny_profiles import Study
from tiny_similarity import write_discovered

Array = np.ndarray[Any, Any]

REFERENCE: dict[str, Any] = {
    "measures": ["cka", "rsa", "procrustes", "regression"], "batch": 1000, "max_images": 5000, "ridge": 1e-3,
}  # fmt: skip
COMPARE: dict[str, Any] = {
    "n_permutations": 19, "n_bootstrap": 50, "confidence": 0.95, "thresholds": [0.5, 0.75], "correlation": "pearson",
    "min_images_sfss": 15,
}  # fmt: skip


class Compared(NamedTuple):
    """The files of a comparison, and its tables."""

    files: dict[str, Path]
    pairs: pd.DataFrame
    concepts: pd.DataFrame
    sfss: pd.DataFrame

    def value(self, measure: str, a: str, b: str, *, threshold: float | None = None) -> float:
        """A similarity of two layers, "model/layer" each."""
        return float(self.row(measure, a, b, threshold=threshold)["value"])

    def row(self, measure: str, a: str, b: str, *, threshold: float | None = None) -> pd.Series:
        """The row of a measure and two layers."""
        names = self.pairs["model_a"] + "/" + self.pairs["layer_a"], self.pairs["model_b"] + "/" + self.pairs["layer_b"]
        kept = (names[0] == a) & (names[1] == b) & (self.pairs["measure"] == measure)
        if threshold is not None:
            kept &= self.pairs["threshold"] == threshold
        (row,) = (row for _, row in self.pairs[kept].iterrows())
        return row


class ComparedStudy:
    """A data set whose images from `split` on are validation images."""

    def __init__(self, folder: Path, *, n_images: int, holding: dict[str, Array] | None = None, seed: int = 0) -> None:
        self.folder, self.seed = folder, seed
        self.study = Study(folder, holding or {"c": np.arange(n_images // 2)}, n_images=n_images)
        self.index = self.study.files["index"]
        split = read_split(self.index, train_share=0.7, seed=seed)
        self.images = np.flatnonzero(split.of == VAL)
        self.digest = digest_of_images(split.ids, self.images)
        self.places: list[list[Any]] = []
        self.files: dict[str, list[str]] = {"discovered": [], "profiles": [], "geometries": []}

    def add(
        self, model: str, layer: str, *, masks: Array | None = None, features: Array | None = None, depth: float = 0.5,
        profiles: bool = False, digest: str | None = None, reference: dict[str, Any] | None = None,
    ) -> None:  # fmt: skip
        """Add a layer. masks : bool (threshold, validation image, concept, S, S). features : (image, unit)."""
        place = self.folder / model / layer
        place.mkdir(parents=True, exist_ok=True)
        self.places.append([model, layer, depth])
        if masks is not None:
            write_discovered(
                place / "discovered.h5", masks, test_images=self.images, images_digest=digest or self.digest,
                model=model, layer=layer,
            )  # fmt: skip
            self.files["discovered"].append(str(place / "discovered.h5"))
        if features is not None:
            with h5py.File(place / "statistics.h5", "w") as file:
                file["mean_pooled"] = np.asarray(features, dtype=np.float32)
            measure_geometry(
                dataset="d", model=model, layer=layer, statistics=place / "statistics.h5", index=self.index,
                geometry=place / "geometry.h5", options=REFERENCE | (reference or {}), train_share=0.7, seed=self.seed,
            )  # fmt: skip
            if digest:
                with h5py.File(place / "geometry.h5", "r+") as file:
                    file.attrs["images_digest"] = digest
            self.files["geometries"].append(str(place / "geometry.h5"))
        if profiles:
            assert features is not None
            self.files["profiles"].append(str(self.study.add(f"{model}_{layer}", features)["profiles"]))

    def compare(
        self, model: str, *, order: list[int] | None = None, threads: int = 1, name: str = "", **options: Any
    ) -> Compared:
        """Compare a model with itself and the others. order : positions of the layers; default as they were added."""
        order = list(range(len(self.places))) if order is None else order
        files = {
            kind: self.folder / f"{model}{name}{end}"
            for kind, end in (("table", ".parquet"), ("concept_pairs", "_concepts.parquet"),
                              ("matrices", "_matrices.h5"), ("sfss_pairs", "_sfss.parquet"))
        }  # fmt: skip
        lists = {kind: [paths[i] for i in order] if paths else [] for kind, paths in self.files.items()}
        compare_models(
            dataset="d", model=model, places=[self.places[i] for i in order], **lists, index=self.index, **files,
            options=COMPARE | options, seed=self.seed, threads=threads, mem_mb=2000,
        )  # fmt: skip
        tables = [read_table(files[kind]) for kind in ("table", "concept_pairs", "sfss_pairs")]
        return Compared(files, *tables)


def boxes(n_images: int, n_concepts: int, *, size: int = 14, share: float = 1.0, seed: int = 0) -> Array:
    """Masks bool (threshold 0.5 and 0.75, image, concept, S, S): a box in `share` of the images, and its inside."""
    rng = np.random.default_rng(seed)
    masks = np.zeros((2, n_images, n_concepts, size, size), dtype=bool)
    for n in range(n_images):
        for c in range(n_concepts):
            if rng.random() < share:
                y, x = rng.integers(0, size - 6, 2)
                tall, wide = rng.integers(4, 7, 2)
                masks[0, n, c, y : y + tall, x : x + wide] = True
                masks[1, n, c, y + 1 : y + tall - 1, x + 1 : x + wide - 1] = True
    return masks
