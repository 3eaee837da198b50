"""Concepts found without labels: their pictures, and how those of two layers match."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np

from conceptatlas.atlas.encoding import number, numbers, run_lengths
from conceptatlas.masks.bitmask import unpack
from conceptatlas.tables import read_table


def found_examples(path: str | Path) -> dict[str, Any]:
    """Pictures of the concepts found in a layer: for every threshold and concept, images with values and masks."""
    with h5py.File(path, "r") as file:
        size = int(file.attrs["picture_size"])
        thresholds = [number(value) for value in file.attrs["thresholds"]]
        columns = {name: file[name][()] for name in ("concept", "rank", "image_index", "threshold", "value", "masks")}
    rows = [
        {
            "concept": int(columns["concept"][i]),
            "threshold": int(columns["threshold"][i]),
            "rank": int(columns["rank"][i]),
            "image": int(columns["image_index"][i]),
            "value": number(columns["value"][i]),
            "mask": run_lengths(unpack(columns["masks"][i], height=size, width=size)),
        }
        for i in range(len(columns["concept"]))
    ]
    return {"size": size, "thresholds": thresholds, "rows": rows}


MATCHED = ("threshold", "concept_a", "concept_b", "ucs", "low", "high", "n_defined", "mutual_best", "hungarian",
           "null_high", "above_null")  # fmt: skip


def pairs_of_model(root: Path, plan: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Earlier model (or the model itself) -> `layer_a~layer_b` -> matched concepts and the UCS of every pair of them.

    Of `matched` the columns of `MATCHED` and `rows`, where they stand in the table; `matrices` are flat, (threshold,
    concept of a, concept of b), with `shape`.
    """
    source = plan["files"]["matched"]
    table = read_table(root / source)
    own = plan["model"]
    found: dict[str, dict[str, Any]] = {}
    groups = dict(iter(table.groupby(["model_a", "layer_a", "layer_b"], sort=False)))
    with h5py.File(root / plan["files"]["matrices"], "r") as file:
        thresholds = [number(value) for value in file.attrs["thresholds"]]
        for name in file:
            model_a, layer_a, layer_b = name.split("~")
            matrix: np.ndarray[Any, Any] = file[name]["ucs"][()]
            pairs = found.setdefault(model_a, {"model_a": model_a, "model_b": own, "source": source,
                                               "thresholds": thresholds, "pairs": {}})  # fmt: skip
            frame = groups.get((model_a, layer_a, layer_b))
            matched: dict[str, Any] = {"rows": []}
            if frame is not None:
                matched = {column: _plain(frame[column].to_numpy()) for column in MATCHED}
                matched["rows"] = [int(row) for row in frame.index]
            pairs["pairs"][f"{layer_a}~{layer_b}"] = {
                "shape": list(matrix.shape),
                "ucs": [number(f"{value:.3g}") for value in matrix.reshape(-1)],
                "matched": matched,
            }
    return found


def _plain(values: np.ndarray[Any, Any]) -> list[Any]:
    return [int(value) for value in values] if values.dtype.kind == "b" else numbers(values)
