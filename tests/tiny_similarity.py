"""Layers with planted concepts on disk, made from arrays: what tests of similarity read without running a model.

    labels, maps = planted_layer(60)                       # or any maps (image, unit, h, w), float16 or float32
    files = prepare(folder, labels, {"layer": maps})       # a data set, its stored activations, report, statistics
    out = discover(folder / "out", files, layer="layer")   # discovered.parquet, discovered.h5, discovered_examples.h5

`write_discovered` makes a discovered.h5 from masks alone, for whoever compares layers and needs no activations.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from conceptatlas.activations.summary import summarise_layer
from conceptatlas.files import write_json
from conceptatlas.masks.bitmask import as_words, count, pack
from conceptatlas.similarity.discovered_file import create_discovered, finish_discovered, open_masks
from planted import GEOMETRY, SIZE, THRESHOLDS, noise, scenes, write_dataset
from slow_twins import Labels
from tiny_stores import write_store

Array = np.ndarray[Any, Any]

UNSUPERVISED: dict[str, Any] = {
    "method": "nmf", "n_concepts": 4, "max_positions": 20000, "projection": "nnls", "thresholds": [0.5, 0.75],
    "normalise": "dataset", "quantile": 0.999, "n_stability": 2, "max_test_images": 0,
}  # fmt: skip
OUT = {"table": "discovered.parquet", "discovered": "discovered.h5", "examples": "discovered_examples.h5"}


def blobs(n_images: int, n_concepts: int, *, size: int = SIZE, share: float = 0.6, seed: int = 0) -> Array:
    """Concept maps float32 (image, concept, size, size): a box of values 1..2 in `share` of the images, else zeros."""
    rng = np.random.default_rng(seed)
    maps = np.zeros((n_images, n_concepts, size, size), dtype=np.float32)
    for n in range(n_images):
        for c in range(n_concepts):
            if rng.random() < share:
                tall, wide = rng.integers(3, size // 2 + 1, size=2)
                y, x = rng.integers(0, size - tall + 1), rng.integers(0, size - wide + 1)
                maps[n, c, y : y + tall, x : x + wide] = rng.uniform(1, 2, size=(tall, wide))
    return maps


def directions(n_concepts: int, n_units: int, *, seed: int = 0) -> Array:
    """Non-negative unit-length components float64 (concept, unit), each with units of its own beside shared ones."""
    rng = np.random.default_rng(seed)
    components = rng.gamma(0.3, size=(n_concepts, n_units))
    own = np.arange(n_units) % (n_concepts + 1)
    for c in range(n_concepts):
        components[c, (own != c) & (own != n_concepts)] = 0
    return components / np.linalg.norm(components, axis=1, keepdims=True)


def planted_layer(
    n_images: int = 60, *, n_concepts: int = 4, n_units: int = 24, seed: int = 0, padded: bool = False,
    noise_level: float = 0.0, dtype: str = "float32",
) -> tuple[Labels, Array]:  # fmt: skip
    """Labels of scenes (unrelated to the layer) and maps (image, unit, SIZE, SIZE) = components^T x blobs."""
    planted, found_in = blobs(n_images, n_concepts, seed=seed), directions(n_concepts, n_units, seed=seed)
    maps = np.einsum("nchw,ck->nkhw", planted, found_in)
    if noise_level:
        maps = maps + noise_level * np.abs(noise(n_images, n_units, seed=seed + 1).astype(np.float32))
    return scenes(n_images, seed=seed, padded=padded), maps.astype(dtype)


def prepare(
    folder: Path, labels: Labels, layers: dict[str, Array], *, n_shards: int = 1, annotation_shards: int = 1,
    valid: Array | None = None,
) -> dict[str, Any]:  # fmt: skip
    """A data set and its layers on disk, activations in shards, with report and statistics.

    Returns the files of `planted.write_dataset` and, by layer, `store` (shards, manifests), `statistics`; `report`.
    """
    files = write_dataset(folder / "dataset", labels, n_shards=annotation_shards, valid=valid)
    report = folder / "report.json"
    shapes = {name: dict(zip(("n_units", "height", "width"), maps.shape[1:], strict=True)) | {"geometry": {}}
              for name, maps in layers.items()}  # fmt: skip
    write_json(report, {"layers": shapes})
    store, statistics = {}, {}
    for name, maps in layers.items():
        store[name] = write_store(folder / name, maps, n_shards=n_shards, layer=name, valid=valid)
        statistics[name] = folder / f"{name}.h5"
        summarise_layer(
            layer={"model": "m", "layer": name, "store": "full"}, shards=store[name].shards,
            manifests=store[name].manifests, dataset=files["dataset"], report=report, out=statistics[name],
            manifest=statistics[name].with_suffix(".json"), thresholds=THRESHOLDS, geometry=GEOMETRY,
        )  # fmt: skip
    return files | {"report": report, "store": store, "statistics": statistics}


def discover(
    folder: Path, files: dict[str, Any], *, layer: str = "layer", model: str = "m", seed: int = 0, threads: int = 1,
    train_share: float = 0.7, geometry: dict[str, str] = GEOMETRY, **options: Any,
) -> dict[str, Path]:  # fmt: skip
    """Run the job of concept discovery on a layer of `prepare`; its three files by role. options : `unsupervised`."""
    from conceptatlas.similarity.discovery import discover_concepts

    out = {name: folder / file for name, file in OUT.items()}
    discover_concepts(
        dataset="d", model=model, layer=layer, shards=files["store"][layer].shards,
        manifests=files["store"][layer].manifests, about=files["dataset"], index=files["index"],
        annotations=files["annotations"], frames=files["frames"], report=files["report"],
        options=UNSUPERVISED | options, train_share=train_share, geometry=geometry, seed=seed, threads=threads,
        mem_mb=2000, **out,
    )  # fmt: skip
    return out


def write_discovered(
    path: Path, masks: Array, *, thresholds: tuple[float, ...] = (0.5, 0.75), test_images: Array | None = None,
    images_digest: str = "images", components: Array | None = None, model: str = "m", layer: str = "layer",
) -> Path:  # fmt: skip
    """discovered.h5 of given masks, bool (threshold, image, concept, S, S)."""
    n_images, n_concepts, size = masks.shape[1:4]
    path.parent.mkdir(parents=True, exist_ok=True)
    components = np.eye(n_concepts) if components is None else components
    create_discovered(
        path, components=components, offset=np.zeros(components.shape[1]), thresholds=list(thresholds), size=size,
        test_images=np.arange(n_images) if test_images is None else test_images, images_digest=images_digest,
        method="nmf", projection="nnls", normalise="dataset", rectify=True, dataset="d", model=model, layer=layer,
    )  # fmt: skip
    words = as_words(pack(masks))
    open_masks(path)[:] = words
    areas = count(words.view(np.uint8).reshape(-1, 8 * words.shape[-1])).reshape(words.shape[:-1])
    maxima = masks.any(axis=(0, 3, 4)).astype(np.float32)
    finish_discovered(path, areas=areas, peaks=np.ones(n_concepts), maxima=maxima)
    return path
