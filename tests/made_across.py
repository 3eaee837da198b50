"""Concepts of layers on two data sets as `compare_datasets` leaves them, with numbers that tests know."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd

from conceptatlas.similarity.across_tables import (
    ACROSS_COLUMNS,
    ACROSS_CONCEPT_COLUMNS,
    ACROSS_CONCEPT_TYPES,
    ACROSS_TYPES,
)
from conceptatlas.tables import Column, write_table
from conceptatlas.typed_tables import frame_of

SETS = ("scenes", "others")
NAN = float("nan")
_UNSET = {"str": "", "int64": 0, "Int64": pd.NA, "bool": False, "boolean": pd.NA}
COSINES = np.array([[0.9, 0.2], [0.3, np.nan]], dtype=np.float32)


def write_across(folder: Path, *, model: str, layers: list[str]) -> None:
    """Write ``similarity/across/{model}``: of each layer two concepts on either data set, the first two matched."""
    rows, concepts = [], []
    for layer in layers:
        at = {"dataset_a": SETS[0], "dataset_b": SETS[1], "model": model, "layer": layer, "depth": 0.5}
        chance = {"null_mean": 0.2, "null_high": 0.4, "p": 0.05, "n_permutations": 19}
        rows.append(at | chance | {"measure": "cosine_raw", "value": 0.6, "ceiling": 0.8})
        rows.append(at | chance | {"measure": "cosine", "value": 0.4})
        rows.append(at | {"measure": "cosine_one_to_one", "value": NAN, "reason": "no <i>permutation</i>"})
        for images, value in zip(SETS, (0.35, 0.25), strict=True):
            on = {"images": images, "low": value - 0.05, "high": value + 0.05, "n_images": 12}
            rows.append(at | chance | on | {"measure": "ucs_raw", "threshold": 0.5, "value": value})
            rows += [at | on | {"measure": "error", "components": components, "value": value} for components in SETS]
        found = {"mutual_best": True, "hungarian": True, "null_high": 0.5, "cosine": 0.9, "stability": 0.7}
        matched = at | found | {"concept_a": 0, "concept_b": 0, "above_null": True}
        concepts.append(matched | {"matched_by": "cosine", "threshold": NAN, "similarity": 0.9})
        concepts.append(
            matched | {"matched_by": "cosine", "concept_a": 1, "concept_b": 1, "similarity": 0.1, "above_null": False}
        )
        concepts.append(
            matched
            | {"matched_by": "ucs", "images": SETS[0], "threshold": 0.5, "similarity": 0.3, "low": 0.2, "high": 0.4}
        )
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / f"{model}.parquet", ACROSS_COLUMNS, ACROSS_TYPES, rows)
    _write(folder / f"{model}_concepts.parquet", ACROSS_CONCEPT_COLUMNS, ACROSS_CONCEPT_TYPES, concepts)
    with h5py.File(folder / f"{model}_matrices.h5", "w") as file:
        file.attrs["model"], file.attrs["thresholds"] = model, np.array([0.5, 0.75])
        for layer in layers:
            group = f"{SETS[0]}~{SETS[1]}~{layer}"
            file[f"{group}/cosine"] = COSINES
            for side in ("on_a", "on_b"):
                file[f"{group}/{side}/ucs"] = np.stack([COSINES / 2, COSINES / 4])


def _write(path: Path, columns: list[Column], types: dict[str, str], rows: list[dict[str, Any]]) -> None:
    blank = {column.name: _UNSET[types[column.name]] if column.name in types else NAN for column in columns}
    write_table(path, frame_of([blank | row for row in rows], columns, types), columns=columns)
