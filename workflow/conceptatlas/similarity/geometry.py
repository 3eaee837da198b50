"""The job that prepares a layer for CKA, RSA, Procrustes and regression: once a layer, so that pairs are cheap.

Features are the spatial means of the units over the validation images. Up to `max_images` images are one batch; above,
they fall into fixed batches by a seeded hash of their names (the order of a data set often follows its classes), the
same for every layer. Procrustes and regression, whose cost grows with the third power, use at most 1,000 of them,
chosen by the same hash. Bytes: 8 a pair of images of a batch (CKA and RSA), 4 a value of the features.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
from threadpoolctl import threadpool_limits

from conceptatlas.datasets.splits import VAL, read_split
from conceptatlas.naming import unknown
from conceptatlas.seeds import derive_seed
from conceptatlas.similarity.discovered_file import digest_of_images
from conceptatlas.similarity.geometry_file import FEATURE_MEASURES, MEASURES, batches_of, write_geometry
from conceptatlas.similarity.hsic import gram_triangles
from conceptatlas.similarity.procrustes import centred, coordinates
from conceptatlas.similarity.regression import folds_of
from conceptatlas.similarity.rsa import constant_images, rank_triangles

Array = np.ndarray[Any, Any]

FEATURE_IMAGES = 1000
"""Images that Procrustes and regression run over at most."""


def measure_geometry(
    *,
    dataset: str,
    model: str,
    layer: str,
    statistics: str | Path,
    index: str | Path,
    geometry: str | Path,
    options: dict[str, Any],
    train_share: float,
    seed: int,
) -> None:
    """Write geometry.h5 of a layer (see `geometry_file`).

    statistics : the layer's statistics (`mean_pooled`). options : config section `similarity.reference`: measures,
    batch, max_images, ridge.

    Raises
    ------
    ValueError
        for an unknown measure, statistics of other images than the index lists, or features that are not finite.
    """
    measures = [str(name) for name in options["measures"]]
    for name in measures:
        if name not in MEASURES:
            raise unknown("measure", name, MEASURES, where="similarity.reference")
    split = read_split(index, train_share=train_share, seed=seed)
    images = np.flatnonzero(split.of == VAL)
    ids, blocks = [split.ids[i] for i in images], split.blocks[images]
    features = _pooled(statistics, images, n_images=split.n_images, place=f"{model} {layer}")
    batch = assign_batches(ids, batch=int(options["batch"]), max_images=int(options["max_images"]), seed=seed)
    arrays: dict[str, Array] = {"test_images": images.astype(np.int64), "batch": batch}
    arrays["constant"] = constant_images(features)
    with threadpool_limits(1):  # rounding must not depend on the number of threads
        if "cka" in measures:
            arrays["cka"] = gram_triangles(centred(features), batches_of(batch))
        if "rsa" in measures:
            arrays["rsa"] = rank_triangles(features, batches_of(batch))
        if any(name in measures for name in FEATURE_MEASURES):
            chosen = choose_images(ids, n=FEATURE_IMAGES, seed=seed)
            arrays["features"], arrays["feature_images"] = coordinates(features[chosen]), chosen
            arrays["fold"] = folds_of([ids[i] for i in chosen], blocks[chosen], seed=seed)
    attributes = {
        "dataset": dataset, "model": model, "layer": layer, "images_digest": digest_of_images(split.ids, images),
        "measures": " ".join(measures), "n_units": features.shape[1], "ridge": float(options["ridge"]), "seed": seed,
    }  # fmt: skip
    write_geometry(geometry, arrays, attributes)


def assign_batches(ids: list[str], *, batch: int, max_images: int, seed: int) -> Array:
    """Batch of every image, int32 (image,): one up to `max_images`, above as many as `batch` asks for, of nearly equal
    sizes. Depends on the names, not on their order."""
    out = np.zeros(len(ids), dtype=np.int32)
    if len(ids) > max_images:
        keys = np.array([derive_seed(seed, "similarity batch", name) for name in ids])
        order = np.argsort(keys, kind="stable")
        for number, members in enumerate(np.array_split(order, -(-len(ids) // batch))):
            out[members] = number
    return out


def choose_images(ids: list[str], *, n: int, seed: int) -> Array:
    """At most `n` images by seeded hash of their names: positions, int64, ascending."""
    if len(ids) <= n:
        return np.arange(len(ids), dtype=np.int64)
    keys = np.array([derive_seed(seed, "similarity batch", name) for name in ids])
    return np.sort(np.argsort(keys, kind="stable")[:n]).astype(np.int64)


def _pooled(statistics: str | Path, images: Array, *, n_images: int, place: str) -> Array:
    """Spatial means of the units, float32 (image, unit), of some images."""
    with h5py.File(statistics, "r") as file:
        stored = file["mean_pooled"]
        if len(stored) != n_images:
            raise ValueError(f"{statistics}: pooled features of {len(stored)} images, the data set lists {n_images}")
        features = np.asarray(stored[()])[images]
    if not np.isfinite(features).all():
        raise ValueError(f"{place}: pooled features are not finite; set `dtype` to float32 in layers.tsv")
    return features
