"""Small made-up tables and files in the form that Net2Vec is written, plausible enough to look at.

Every column has a value that follows from the concept's place in the list; give `column=value` for one value in all
rows, or a list with one value a concept. What follows from other columns (gain, equal_or_better, small, overlap ...)
is computed from them unless it is given. A row with a `reason` has no numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd

from conceptatlas.masks.bitmask import pack
from conceptatlas.net2vec.classification_tables import CLASSIFICATION_COLUMNS
from conceptatlas.net2vec.columns import CRITICAL_SHARES, SUBSET_COLUMNS
from conceptatlas.net2vec.segmentation_tables import IMAGE_COLUMNS, SEGMENTATION_COLUMNS
from conceptatlas.net2vec.space import Space, read_space
from conceptatlas.tables import Column, write_table

Array = np.ndarray[Any, Any]
Concepts = Sequence[str] | Mapping[str, str]

KEPT_WITHOUT_RESULT = {
    "segmentation": ("n_train", "n_val", "n_blocks", "size", "alpha", "small", "shown"),
    "classification": ("n_train", "n_train_without", "n_val", "n_val_without", "n_validation", "n_blocks", "small",
                       "shown"),
}  # fmt: skip
"""What a row with a reason still says, besides the place, the concept, the reason and the settings."""

SEGMENTATION_SETTINGS = {
    "loss": "net2vec", "upsample": "corners", "bias": False, "order": "shuffled", "image_level": "skip",
    "learning_rate": 1e-4, "momentum": 0.9, "batch": 64, "epochs": 30, "l1": 0.0, "l2": 0.0, "split": "data set",
    "min_train_images": 10, "n_bootstrap": 1000, "confidence": 0.95, "seed": 0,
}  # fmt: skip
CLASSIFICATION_SETTINGS = {
    "features": "raw", "learning_rate": 0.1, "decay": 0.1, "decay_every": 15, "momentum": 0.9, "batch": 64,
    "epochs": 30, "l1": 0.0, "l2": 0.0, "n_controls": 1, "split": "data set", "min_train_images": 10,
    "n_bootstrap": 1000, "confidence": 0.95, "seed": 0,
}  # fmt: skip


def segmentation_table(concepts: Concepts, **columns: Any) -> pd.DataFrame:
    """segmentation.parquet: a row a concept; `concepts` are names (objects), or name -> category."""
    n = len(concepts)
    t = np.arange(n) / max(n, 1)
    own: dict[str, Any] = {
        "n_train": 40 + 10 * np.arange(n), "n_val": 20 + 5 * np.arange(n), "n_blocks": 20, "size": 0.02 + 0.1 * t,
        "alpha": 0.98 - 0.1 * t, "reason": "", "units_seen": 8, "single_unit": np.arange(n) % 4,
        "single_val": 0.08 + 0.1 * t, "one_unit": np.arange(n) % 4, "combination_val": 0.2 + 0.2 * t,
        "combination_iou_all": 0.05 + 0.05 * t, "single_iou_all": 0.02 + 0.03 * t, "combination_auprc": 0.3 + 0.2 * t,
        "cell_share": 0.01, "repeat_sd": 0.01, "repeat_cosine": 0.98, "weight_share": 0.1 + 0.2 * t,
        "correlation": 0.3 + 0.5 * t, "correlation_p": 0.001, "single_zero": 0.4 - 0.2 * t,
        "single_zero_inactive": 0.7, "single_mean": 0.15, "single_sd": 0.1, "combination_zero": 0.1,
        "combination_zero_inactive": 0.2, "combination_mean": 0.3, "combination_sd": 0.15, "shown": "",
        **_critical(n), **SEGMENTATION_SETTINGS,
    }  # fmt: skip
    frame = _frame(concepts, own | columns)
    single, combination = frame["single_val"], frame["combination_val"]
    derived: dict[str, Any] = {
        "single_train": single + 0.01,
        "single_wide_val": single * 1.1,
        "one_val": columns["one_val"] if "one_val" in columns else single * 1.2,
        "combination_train": combination + 0.02,
        "gain": combination - single,
        "equal_or_better": combination >= single,
        "overlap": single / combination,
    }
    derived["gain_cut"] = derived["one_val"] - single
    derived["gain_filters"] = combination - derived["one_val"]
    for name, of in (("single_val", single), ("combination_val", combination), ("gain", derived["gain"])):
        derived |= {f"{name}_low": of - 0.03, f"{name}_high": of + 0.03}
    return _finish(frame, derived, columns, SEGMENTATION_COLUMNS, "segmentation")


def classification_table(concepts: Concepts, **columns: Any) -> pd.DataFrame:
    """classification.parquet: a row a concept."""
    n = len(concepts)
    t = np.arange(n) / max(n, 1)
    own: dict[str, Any] = {
        "n_train": 40 + 10 * np.arange(n), "n_train_without": 500, "n_val": 20 + 5 * np.arange(n),
        "n_val_without": 250, "n_blocks": 20, "reason": "", "accuracy": 0.75 + 0.2 * t, "one_unit": np.arange(n) % 4,
        "one_accuracy": 0.6 + 0.2 * t, "control_accuracy": 0.52, "repeat_sd": 0.01, "repeat_cosine": 0.95,
        "weight_share": 0.05 + 0.1 * t, "shown": "", **_critical(n), **CLASSIFICATION_SETTINGS,
    }  # fmt: skip
    frame = _frame(concepts, own | columns)
    accuracy = frame["accuracy"]
    derived: dict[str, Any] = {
        "n_validation": 2 * np.minimum(frame["n_val"], frame["n_val_without"]),
        "accuracy_train": accuracy + 0.02,
        "gain": accuracy - frame["one_accuracy"],
        "equal_or_better": accuracy >= frame["one_accuracy"],
        "selectivity": accuracy - frame["control_accuracy"],
    }
    for name, of in (("accuracy", accuracy), ("gain", derived["gain"])):
        derived |= {f"{name}_low": of - 0.03, f"{name}_high": of + 0.03}
    return _finish(frame, derived, columns, CLASSIFICATION_COLUMNS, "classification")


def subset_table(
    concepts: Concepts, *, task: str = "segmentation", sizes: Sequence[int] = (1, 2, 4, 8), repeats: int = 3,
    **columns: Any,
) -> pd.DataFrame:  # fmt: skip
    """*_subsets.parquet: a row a (concept, F, repeat); scores rise with F and saturate.

    A list of `columns` has one value a row, in the order concept, F, repeat.
    """
    start, top = (0.1, 0.4) if task == "segmentation" else (0.5, 0.9)
    rows = []
    for index, (concept, category) in enumerate(_pairs(concepts)):
        for size in sizes:
            for repeat in range(repeats):
                val = top - (top - start) * 0.6 ** (np.log2(size) + 1) + 0.01 * index - 0.005 * repeat
                rows.append(
                    {
                        "dataset": "toy", "model": "net", "layer": "conv1", "task": task, "concept_index": index,
                        "concept": concept, "category": category, "small": False, "n_filters": size,
                        "repeat": repeat, "train": val + 0.02, "val": val, "warm_start": False,
                    }
                )  # fmt: skip
    frame = pd.DataFrame(rows, columns=_names(SUBSET_COLUMNS))
    for name, value in columns.items():
        frame[name] = value
    return frame


def image_table(
    concept_index: Sequence[int] = (0, 1), *, n_images: int = 20, split: str = "val", **columns: Any
) -> pd.DataFrame:  # fmt: skip
    """segmentation_images.parquet: `n_images` images a concept; the single filter misses a third, the combination few.

    A list of `columns` has one value a row, in the order concept, image.
    """
    rows = []
    for concept in concept_index:
        for image in range(n_images):
            label = 200 + 10 * image
            single = 0 if image % 3 == 0 else int(label * (0.1 + 0.3 * image / n_images))
            both = 0 if image % 10 == 0 else int(label * (0.3 + 0.5 * image / n_images))
            single_pixels, both_pixels = (0 if image % 6 == 0 else single + 50), both + 80
            rows.append(
                {
                    "concept_index": concept, "image_index": image, "split": split, "label_pixels": label,
                    "single_pixels": single_pixels, "single_intersection": single,
                    "single_iou": single / (label + single_pixels - single), "single_fires": image % 6 != 0,
                    "combination_pixels": both_pixels, "combination_intersection": both,
                    "combination_iou": both / (label + both_pixels - both),
                }
            )  # fmt: skip
    frame = pd.DataFrame(rows, columns=_names(IMAGE_COLUMNS))
    for name, value in columns.items():
        frame[name] = value
    return frame


def write_vectors(
    path: str | Path, task: str, concept_index: Sequence[int], weights: Any, *, bias: Any = None,
    single_train: Any = None, single_val: Any = None, seed: int = 0,
) -> None:  # fmt: skip
    """segmentation.h5 or classification.h5.

    weights : (concept, repeat, unit), or (concept, unit) for one repeat. single_* : (concept, unit), default |w| of
    repeat 0 scaled to at most 0.5.
    """
    w = np.asarray(weights, dtype=np.float32)
    if w.ndim == 2:
        w = w[:, None, :]
    if w.size == 0:
        w = w.reshape(0, max(w.shape[1], 1), w.shape[2])
    with h5py.File(path, "w") as file:
        file["concept_index"] = np.asarray(concept_index, dtype=np.int64)
        file["weights"] = w
        file["bias"] = np.zeros(w.shape[:2], dtype=np.float32) if bias is None else np.asarray(bias, dtype=np.float32)
        if task == "segmentation":
            size = np.abs(w[:, 0])
            guess = 0.5 * size / np.maximum(size.max(axis=1, keepdims=True, initial=0), 1e-9)
            for name, value in (("single_train", single_train), ("single_val", single_val)):
                file[name] = np.asarray(guess if value is None else value, dtype=np.float32)
        file.attrs.update({"task": task, "n_units": w.shape[2], "seed": seed})


def write_examples(
    path: str | Path, rows: Sequence[tuple[str, int, int, int]], *, size: int = 24, iou: Sequence[float] | None = None
) -> None:  # fmt: skip
    """segmentation_examples.h5: `rows` are (kind, concept_index, unit, rank); a bright square, a mask beside it."""
    n = len(rows)
    pictures = np.full((n, size, size, 3), 90, dtype=np.uint8)
    labels = np.zeros((n, size, size), dtype=bool)
    masks = np.zeros((n, size, size), dtype=bool)
    quarter = size // 4
    for i, (kind, _, _, rank) in enumerate(rows):
        pictures[i, quarter : 3 * quarter, quarter : 3 * quarter] = (240, 80 + 10 * (rank % 10), 60)
        labels[i, quarter : 3 * quarter, quarter : 3 * quarter] = kind != "top"
        masks[i, quarter + 1 : 3 * quarter + 1, quarter : 2 * quarter + rank % 4] = True
    with h5py.File(path, "w") as file:
        file["kind"] = np.array([row[0].encode() for row in rows], dtype="S20")
        for at, name in enumerate(("concept_index", "unit", "rank"), start=1):
            file[name] = np.array([row[at] for row in rows], dtype=np.int64)
        file["image_index"] = np.arange(n, dtype=np.int64)
        file["iou"] = np.linspace(0.1, 0.8, n, dtype=np.float32) if iou is None else np.asarray(iou, dtype=np.float32)
        file["pictures"] = pictures
        file["masks"], file["labels"] = pack(masks), pack(labels)
        file.attrs["picture_size"] = size


def write_task(folder: Path, task: str, concepts: Concepts, weights: Any, **columns: Any) -> tuple[Path, Path]:
    """Table and vectors of a task in `folder`; `weights` as for `write_vectors`, a row for each learned concept."""
    defined = SEGMENTATION_COLUMNS if task == "segmentation" else CLASSIFICATION_COLUMNS
    frame = (segmentation_table if task == "segmentation" else classification_table)(concepts, **columns)
    folder.mkdir(parents=True, exist_ok=True)
    table, vectors = folder / f"{task}.parquet", folder / f"{task}.h5"
    write_table(table, frame, columns=defined)
    write_vectors(vectors, task, frame["concept_index"][frame["reason"] == ""].tolist(), weights)
    return table, vectors


def space_of(
    folder: Path, concepts: Concepts, weights: Any, *, include_small: bool = False, **columns: Any
) -> Space:  # fmt: skip
    """The embedding space of a segmented layer, written and read back."""
    table, vectors = write_task(folder, "segmentation", concepts, weights, **columns)
    place = {"dataset": "toy", "model": "net", "layer": "conv1", "task": "segmentation"}
    return read_space(table, vectors, place=place, include_small=include_small)


def _critical(n: int) -> dict[str, Any]:
    return {f"critical_f_{share}": np.full(n, 2.0**at) for at, share in enumerate(CRITICAL_SHARES)}


def _pairs(concepts: Concepts) -> list[tuple[str, str]]:
    return list(concepts.items()) if isinstance(concepts, Mapping) else [(name, "object") for name in concepts]


def _names(columns: list[Column]) -> list[str]:
    return [column.name for column in columns]


def _frame(concepts: Concepts, values: dict[str, Any]) -> pd.DataFrame:
    """The given columns and those of the place, a row a concept."""
    pairs = _pairs(concepts)
    place = {"dataset": "toy", "model": "net", "layer": "conv1", "concept_index": np.arange(len(pairs))}
    names = {"concept": [name for name, _ in pairs], "category": [category for _, category in pairs]}
    return pd.DataFrame(place | names | values, index=range(len(pairs)))


def _finish(
    frame: pd.DataFrame, derived: dict[str, Any], given: dict[str, Any], columns: list[Column], task: str
) -> pd.DataFrame:  # fmt: skip
    unknown = set(given) - set(_names(columns))
    if unknown:
        raise ValueError(f"no columns of {task}: {sorted(unknown)}")
    derived["small"] = frame["n_train"] < frame["min_train_images"]
    frame = frame.assign(**{name: value for name, value in derived.items() if name not in given})
    frame = frame[_names(columns)]
    unlearned = frame["reason"] != ""
    if unlearned.any():
        settings = SEGMENTATION_SETTINGS if task == "segmentation" else CLASSIFICATION_SETTINGS
        kept = {"dataset", "model", "layer", "concept_index", "concept", "category", "reason"}
        kept |= {*settings, *KEPT_WITHOUT_RESULT[task]}
        for name in set(frame.columns) - kept:
            column = frame[name].astype(object if name == "equal_or_better" else float)
            column[unlearned] = None if name == "equal_or_better" else np.nan
            frame[name] = column
    return frame
