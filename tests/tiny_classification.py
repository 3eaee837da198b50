"""Features of a layer and images that hold concepts, on disk, for concept classification: no masks, no model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd

from conceptatlas.seeds import image_block

Array = np.ndarray[Any, Any]

OPTIONS: dict[str, Any] = {
    "features": "raw", "learning_rate": 0.1, "decay": 0.1, "decay_every": 15, "momentum": 0.9, "batch": 64,
    "epochs": 30, "l1": 0.0, "l2": 0.0, "n_controls": 1,
}  # fmt: skip
CHOICES: dict[str, Any] = {
    "train_share": 0.7, "min_train_images": 10, "include_small": False, "repeats": 2, "n_bootstrap": 200,
    "confidence": 0.95, "concepts": [], "warm_start": False, "device": "cpu",
}  # fmt: skip


def write_study(
    folder: Path,
    features: Array,
    holding: dict[str, Array],
    *,
    split: Array | None = None,
    valid: Array | None = None,
    n_shards: int = 2,
) -> dict[str, Any]:
    """Write the files that `learn_classification` reads.

    holding : concept -> image_index of the images that hold it. split : "train", "val" or "" for every image.
    """
    folder.mkdir(parents=True, exist_ok=True)
    n = len(features)
    ids = [f"image_{i}" for i in range(n)]
    pd.DataFrame(
        {"image_id": ids, "block": [image_block(i) for i in ids], "source": "s",
         "valid": np.ones(n, dtype=bool) if valid is None else valid,
         "split": np.full(n, "") if split is None else split}
    ).to_parquet(folder / "index.parquet")  # fmt: skip
    pd.DataFrame(
        {"concept_index": range(len(holding)), "name": list(holding), "primary_category": "object",
         "n_images": [len(images) for images in holding.values()], "n_pixels": 1}
    ).to_parquet(folder / "concepts.parquet")  # fmt: skip
    image = np.concatenate([np.asarray(images, dtype=np.int64) for images in holding.values()])
    concept = np.repeat(np.arange(len(holding)), [len(images) for images in holding.values()])
    paths = []
    for shard in range(n_shards):
        mine = (image * n_shards // n) == shard
        order = np.lexsort((concept[mine], image[mine]))
        paths.append(str(folder / f"{shard}.h5"))
        with h5py.File(paths[-1], "w") as file:
            file["image_index"] = image[mine][order]
            file["concept_index"] = concept[mine][order].astype(np.int32)
            file["mask_row"] = np.where(np.arange(mine.sum()) % 2, -1, 0).astype(np.int32)  # with masks and without
    with h5py.File(folder / "statistics.h5", "w") as file:
        file["mean_pooled"] = np.asarray(features, dtype=np.float32)
    return {"statistics": folder / "statistics.h5", "index": folder / "index.parquet",
            "concepts": folder / "concepts.parquet", "annotations": paths}  # fmt: skip


def planted(n_images: int = 400, n_units: int = 12, *, seed: int = 0) -> tuple[Array, dict[str, Array]]:
    """Features, rectified noise but for two concepts: `dog` is unit 3 above all else, `cat` the sum of units 5 and 6.

    `noise 0` ... `noise 5` are held by images without regard to the features; every concept by a third of the images.
    """
    rng = np.random.default_rng(seed)
    features = np.abs(rng.normal(size=(n_images, n_units))).astype(np.float32)
    third = n_images // 3
    dog = np.sort(rng.permutation(n_images)[:third])
    features[dog, 3] += 6
    cat = np.sort(np.argsort(-features[:, 5] - features[:, 6])[:third])
    holding = {"dog": dog, "cat": cat}
    for i in range(6):
        holding[f"noise {i}"] = np.sort(rng.permutation(n_images)[:third])
    return features, holding
