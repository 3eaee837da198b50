"""The authors' table of results (``<blob>-result.csv``), so that their scripts and readers work on ours.

One row a unit, sorted by score: unit (1-based), category, label, score, then per category label, truth (|L_c|),
activation (|M_k| over images of the category), intersect and iou.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from conceptatlas.datasets.labelled_images import Vocabulary
from conceptatlas.files import atomic_path
from conceptatlas.masks.labels import best_in_category
from conceptatlas.masks.tally import Tally
from conceptatlas.naming import CATEGORIES

Array = np.ndarray[Any, Any]


def netdissect_table(tally: Tally, scores: Array, vocabulary: Vocabulary) -> pd.DataFrame:
    """The table of a layer. scores : iou_category (unit, concept)."""
    intersections = tally.dense()
    areas = tally.category_areas.sum(axis=2)
    pixels = tally.label_pixels.sum(axis=1)
    best, value = best_in_category(scores, vocabulary.primary_category, len(CATEGORIES))
    rows = np.arange(len(scores))
    filled = np.where(np.isnan(value), -np.inf, value)
    chosen = filled.argmax(axis=1)
    names = np.array([*vocabulary.names, ""], dtype=object)  # index -1: no concept of this category
    columns: dict[str, Any] = {
        "unit": rows + 1,
        "category": np.array(CATEGORIES, dtype=object)[chosen],
        "label": names[best[rows, chosen]],
        "score": value[rows, chosen],
    }
    for j, category in enumerate(CATEGORIES):
        label = best[:, j]
        if (label < 0).all():
            continue
        columns[f"{category}-label"] = names[label]
        columns[f"{category}-truth"] = pixels[label]
        columns[f"{category}-activation"] = areas[:, j]
        columns[f"{category}-intersect"] = intersections[rows, label]
        columns[f"{category}-iou"] = value[:, j]
    table = pd.DataFrame(columns)
    return table.sort_values(["score", "unit"], ascending=[False, True], kind="stable", ignore_index=True)


def write_netdissect_csv(path: str | Path, tally: Tally, scores: Array, vocabulary: Vocabulary) -> None:
    """Write the table of a layer."""
    with atomic_path(path) as part:
        netdissect_table(tally, scores, vocabulary).to_csv(part, index=False)
