"""Hand-made tables and files in the form the similarity jobs write them, for their figures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd

from conceptatlas.masks.bitmask import as_words, n_words, pack
from conceptatlas.net2vec.summary_tables import DISTANCE_COLUMNS
from conceptatlas.similarity.discovered_tables import discovered_columns, discovered_frame
from conceptatlas.similarity.pair_tables import (
    CONCEPT_PAIR_COLUMNS,
    CONCEPT_PAIR_TYPES,
    PAIR_COLUMNS,
    PAIR_TYPES,
    SUMMARY_COLUMNS,
    SUMMARY_TYPES,
)
from conceptatlas.similarity.profile_tables import PROFILE_COLUMNS, PROFILE_TYPES
from conceptatlas.similarity.response_tables import RESPONSE_COLUMNS, RESPONSE_TYPES
from conceptatlas.similarity.sfss_tables import SFSS_COLUMNS, SFSS_TYPES
from conceptatlas.tables import write_table
from conceptatlas.typed_tables import frame_of

Array = np.ndarray[Any, Any]
THRESHOLDS = (0.5, 0.75)
NAN = float("nan")
_UNSET = {"str": "", "int64": 0, "Int64": pd.NA, "bool": False, "boolean": pd.NA}


def _row(columns: list[Any], types: dict[str, str], changes: dict[str, Any]) -> dict[str, Any]:
    names = {column.name for column in columns}
    if unknown := set(changes) - names:
        raise ValueError(f"no such column: {sorted(unknown)}")
    return {name: _UNSET[types[name]] if name in types else NAN for name in names} | changes


def pair_row(a: tuple[str, str, float], b: tuple[str, str, float], measure: str, value: float, **changes: Any) -> Any:
    """A row of {m}.parquet; a, b : model, layer, depth."""
    own = {
        "dataset": "toy", "model_a": a[0], "layer_a": a[1], "depth_a": a[2], "model_b": b[0], "layer_b": b[1],
        "depth_b": b[2], "measure": measure, "value": value, "low": value - 0.05, "high": value + 0.05,
        "null_mean": 0.0, "null_high": 0.1, "p": 0.01, "n_images": 200, "n_concepts": 10, "n_undefined": 0,
        "n_permutations": 99, "reason": "" if np.isfinite(value) else "no concept is defined in both layers",
    }  # fmt: skip
    return _row(PAIR_COLUMNS, PAIR_TYPES, own | changes)


def pairs_table(rows: list[Any]) -> pd.DataFrame:
    return frame_of(rows, PAIR_COLUMNS, PAIR_TYPES)


def concept_pair_row(
    a: tuple[str, str, float], b: tuple[str, str, float], concept_a: int, concept_b: int, ucs: float, **changes: Any
) -> Any:
    """A row of {m}_concepts.parquet."""
    own = {
        "dataset": "toy", "model_a": a[0], "layer_a": a[1], "depth_a": a[2], "model_b": b[0], "layer_b": b[1],
        "depth_b": b[2], "threshold": 0.5, "concept_a": concept_a, "concept_b": concept_b, "ucs": ucs,
        "low": ucs - 0.05, "high": ucs + 0.05, "n_defined": 150, "n_images": 200, "mutual_best": True,
        "hungarian": True, "null_high": 0.2, "above_null": ucs > 0.2, "robustness": 1.0,
    }  # fmt: skip
    return _row(CONCEPT_PAIR_COLUMNS, CONCEPT_PAIR_TYPES, own | changes)


def concept_pairs_table(rows: list[Any]) -> pd.DataFrame:
    return frame_of(rows, CONCEPT_PAIR_COLUMNS, CONCEPT_PAIR_TYPES)


def sfss_table(rows: list[dict[str, Any]]) -> pd.DataFrame:
    return frame_of([_row(SFSS_COLUMNS, SFSS_TYPES, row) for row in rows], SFSS_COLUMNS, SFSS_TYPES)


def fact_row(fact: str, value: float, **changes: Any) -> Any:
    """A row of summary.parquet."""
    own = {"dataset": "toy", "fact": fact, "value": value, "n": 10, "n_total": 10}
    return _row(SUMMARY_COLUMNS, SUMMARY_TYPES, own | changes)


def summary_table(rows: list[Any]) -> pd.DataFrame:
    return frame_of(rows, SUMMARY_COLUMNS, SUMMARY_TYPES)


def discovered_table(n: int, *, model: str = "net", layer: str = "conv1", **changes: Any) -> pd.DataFrame:
    """discovered.parquet of a layer with `n` concepts."""
    rows = []
    for concept in range(n):
        own = {
            "dataset": "toy", "model": model, "layer": layer, "concept": concept, "n_fit": 400, "n_positions": 20000,
            "n_test": 200, "share_active": 0.3, "peak": 2.0, "share_of_activation": 0.5 / (concept + 1),
            "reconstruction_error": 0.21, "error_without": 0.3 - 0.005 * concept, "stability_images": 0.95,
            "stability_images_low": 0.9, "stability_images_high": 0.99, "stability_seeds": 0.85,
            "stability_seeds_low": 0.7, "stability_seeds_high": 0.9, "n_empty_0.5": 20, "n_empty_0.75": 31,
            "method": "nmf", "projection": "nnls", "normalise": "dataset", "quantile": 0.999, "n_stability": 5,
            "n_concepts": n, "mask_size": 16, "split": "data set",
        }  # fmt: skip
        types = {column.name: "str" for column in discovered_columns(THRESHOLDS)}
        rows.append({name: own.get(name, NAN) for name in types} | own | changes)
    for row in rows:
        for name in ("reason", "upsample", "order", "padding"):
            row[name] = row[name] if isinstance(row[name], str) else ""
        for name in ("n_refit", "max_positions", "seed"):
            row[name] = 0
        row.update(rectified=False, one_sided=False, converged=True, iterations=pd.NA)
    return discovered_frame(rows, THRESHOLDS)


def profile_row(concept: str, accuracy: float, **changes: Any) -> dict[str, Any]:
    """A row of profiles.parquet."""
    own = {
        "dataset": "toy", "model": "net", "layer": "conv1", "concept": concept, "category": "object",
        "n_cav_with": 40, "n_cav_without": 200, "n_gate_with": 20, "n_gate_without": 80, "n_test_with": 20,
        "n_test_without": 80, "balanced_accuracy": accuracy, "balanced_accuracy_low": accuracy - 0.08,
        "balanced_accuracy_high": min(1.0, accuracy + 0.08), "null_mean": 0.5, "null_high": 0.58,
        "recognised": accuracy - 0.08 > 0.58, "cav_cosine": 0.9, "classifier": "sgd_hinge", "features": "pooled",
        "n_repeats": 10, "n_random": 20, "split": "data set", "min_images": 10, "min_images_sfss": 15,
        "n_bootstrap": 200, "confidence": 0.95,
    }  # fmt: skip
    return _row(PROFILE_COLUMNS, PROFILE_TYPES, own | changes)


def profiles_table(rows: list[dict[str, Any]]) -> pd.DataFrame:
    return frame_of(rows, PROFILE_COLUMNS, PROFILE_TYPES)


def write_masks_file(path: Path, masks: Array, *, images: Array) -> Path:
    """discovered.h5 with the masks bool (threshold, image, concept, S, S) of test images."""
    size = masks.shape[-1]
    words = as_words(pack(masks))
    with h5py.File(path, "w", libver="latest") as file:
        data = file.create_dataset("masks", shape=(*masks.shape[:3], n_words(size * size)), dtype="uint64")
        data[...] = words
        file["areas"] = masks.sum(axis=(3, 4)).astype(np.int32)
        file["test_images"] = images.astype(np.int64)
        file.attrs.update({"thresholds": np.array(THRESHOLDS), "size": size, "images_digest": "x"})
    return path


def write_examples_file(path: Path, pictures: Array, masks: Array, *, images: Array, n_top: int = 5) -> Path:
    """discovered_examples.h5 with pictures of the images whose masks at the first threshold are largest.

    pictures : uint8 (image, P, P, 3). masks : as for `write_masks_file`. images : image_index.
    """
    n_thresholds, _, n_concepts = masks.shape[:3]
    top = [
        (c, rank, int(row), t)
        for c in range(n_concepts)
        for rank, row in enumerate(np.argsort(-masks[0, :, c].sum(axis=(1, 2)), kind="stable")[:n_top])
        for t in range(n_thresholds)
    ]
    concept, rank, row, threshold = np.array(top, dtype=np.int64).reshape(-1, 4).T
    size, side = pictures.shape[1], masks.shape[-1]
    nearest = ((np.arange(size) + 0.5) * side / size).astype(np.int64)
    shown = masks[threshold, row, concept][:, nearest][:, :, nearest]
    with h5py.File(path, "w", libver="latest") as file:
        file["kind"] = np.array([b"top"] * len(row), dtype="S20")
        file["concept"], file["rank"], file["threshold"] = concept, rank, threshold
        file["image_index"] = images[row].astype(np.int64)
        file["value"] = np.ones(len(row), dtype=np.float32)
        file["area"] = shown.mean(axis=(1, 2)).astype(np.float32)
        file["pictures"] = pictures[row]
        file["masks"] = pack(shown)
        file.attrs.update({"picture_size": size, "thresholds": np.array(THRESHOLDS)})
    return path


def write_matrices_file(path: Path, matrices: dict[tuple[str, str, str], Array]) -> Path:
    """{m}_matrices.h5: (model_a, layer_a, layer_b) -> ucs (threshold, concept of a, concept of b)."""
    with h5py.File(path, "w", libver="latest") as file:
        file.attrs.update({"model": "net", "thresholds": np.array(THRESHOLDS)})
        for names, ucs in matrices.items():
            file["~".join(names) + "/ucs"] = ucs.astype(np.float32)
            file["~".join(names) + "/null_mean"] = np.full(ucs.shape, 0.1, dtype=np.float32)
            file["~".join(names) + "/n_defined"] = np.full(ucs.shape, 150, dtype=np.int32)
    return path


def write_profiles_file(path: Path, model: str, layer: str, *, n_images: int = 12) -> Path:
    """profiles.h5 of concepts c0 and c1; half of the images hold either."""
    with h5py.File(path, "w", libver="latest") as file:
        file["concept_index"] = np.arange(2)
        for name, values in (("concept", ["c0", "c1"]), ("category", ["object", "object"])):
            file.create_dataset(name, data=values, dtype=h5py.string_dtype())
        file["recognised"] = np.ones(2, dtype=bool)
        file["test_images"] = np.arange(n_images)
        file["cosines"] = np.random.default_rng(0).normal(size=(2, n_images))
        file["balanced"] = np.ones((2, n_images), dtype=bool)
        file["present"] = np.tile(np.arange(n_images) % 2 == 0, (2, 1))
        file.attrs.update({"dataset": "toy", "model": model, "layer": layer, "images_digest": "x"})
    return path


def response_row(kind: str, layer: str = "conv1", **changes: Any) -> dict[str, Any]:
    """A row of {m}_responses.parquet."""
    own = {"dataset": "toy", "model": "a_net", "layer": layer, "kind": kind, "n_images": 40}
    return _row(RESPONSE_COLUMNS, RESPONSE_TYPES, own | changes)


def tcav_row(concept: str, class_index: int, score: float, q: float, **changes: Any) -> dict[str, Any]:
    """A row of kind tcav."""
    own = {"concept": concept, "class_index": class_index, "class_name": f"class {class_index}", "tcav": score, "q": q,
           "null_mean": 0.5, "n_random": 19, "n_tests": 4, "smallest_p": 0.05}  # fmt: skip
    return response_row("tcav", **own | changes)


def table_of_responses(*rows: dict[str, Any]) -> pd.DataFrame:
    return frame_of(list(rows), RESPONSE_COLUMNS, RESPONSE_TYPES)


def distance_row(a: str, b: str, mean_square: float, *, task: str = "segmentation", **changes: Any) -> dict[str, Any]:
    """A row of Net2Vec's distances.parquet; a, b : "model/layer", or the name of a word space."""
    row: dict[str, Any] = {
        "dataset": "d", "n_concepts": 20, "distance": 400 * mean_square, "mean_square": mean_square,
        "standard_error": 0.01, "correlation": 0.5, "null_mean": 0.2, "null_low": 0.15, "p": 0.01,
        "n_permutations": 99, "reason": "",
    }  # fmt: skip
    for side, name in (("a", a), ("b", b)):
        model, layer = name.split("/") if "/" in name else ("", "")
        own = {"space": f"{name}/{task}", "model": model, "layer": layer, "task": task if model else "words"}
        row |= {f"{column}_{side}": value for column, value in own.items()}
    return row | changes


def write_distances(folder: Path, *rows: dict[str, Any]) -> Path:
    """distances.parquet."""
    path = folder / "distances.parquet"
    write_table(path, pd.DataFrame(rows)[[c.name for c in DISTANCE_COLUMNS]], columns=DISTANCE_COLUMNS)
    return path
