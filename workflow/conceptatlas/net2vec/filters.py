"""How many concepts a filter is the best for (Net2Vec, section 4.2, figure 5)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from conceptatlas.net2vec.relation_tables import FILTER_COLUMNS
from conceptatlas.net2vec.typed import typed_frame

Array = np.ndarray[Any, Any]

FILTER_TYPES = {
    **dict.fromkeys(("dataset", "model", "layer", "task"), "text"),
    **dict.fromkeys(("unit", "n_best", "categories", "n_concepts"), "whole"),
    "concepts": "texts",
}

BEST = {"segmentation": ("single_unit", "single_val"), "classification": ("one_unit", "one_accuracy")}
"""task -> column of a concept's best filter, and of the validation score that orders the concepts of a filter."""


def filter_table(
    table: pd.DataFrame, *, place: dict[str, str], n_units: int, include_small: bool
) -> pd.DataFrame:  # fmt: skip
    """A row for every unit, those that are the best filter of no concept too.

    table : segmentation.parquet or classification.parquet. place : dataset, model, layer, task.

    Raises
    ------
    ValueError
        if a best filter is none of the layer's units.
    """
    column, score = BEST[place["task"]]
    asked = table[(table["reason"].fillna("") == "") & (include_small | ~table["small"].astype(bool))]
    best = asked[asked[column].notna()].sort_values([score, "concept_index"], ascending=[False, True])
    units = best[column].to_numpy(dtype=np.int64)
    strange = units[(units < 0) | (units >= n_units)]
    if len(strange):
        raise ValueError(f"{column} names unit {int(strange[0])}, but the layer has units 0 to {n_units - 1}")
    names, categories = best["concept"].to_numpy(dtype=object), best["category"].to_numpy(dtype=object)
    rows: list[dict[str, Any]] = []
    for unit in range(n_units):
        mine = np.flatnonzero(units == unit)
        rows.append(
            place
            | {
                "unit": unit,
                "n_best": len(mine),
                "concepts": [str(names[at]) for at in mine],
                "categories": len({categories[at] for at in mine}),
                "n_concepts": len(asked),
            }
        )
    return typed_frame(FILTER_COLUMNS, rows, FILTER_TYPES)
