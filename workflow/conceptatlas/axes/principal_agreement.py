"""Is the unit that stands out for a concept the unit that detects it, and is the concept a class of the model?"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd

Array = np.ndarray[Any, Any]


def agreement(
    concepts: Array, loadings: Array, iou: Array, units: pd.DataFrame, *, detector_iou: float
) -> dict[str, Any]:
    """What dissection says of the units that stand out: columns, a value a concept.

    concepts : int (row,). loadings : (row, unit). iou : (unit, concept). units : units.parquet of the layer.
    """
    filled = np.where(np.isnan(iou), -np.inf, iou)
    unit = np.abs(loadings).argmax(axis=1)
    mine = filled[unit, concepts]
    best = filled[:, concepts].argmax(axis=0)
    order = np.argsort(np.argsort(-np.abs(loadings), axis=1, kind="stable"), axis=1)
    return {
        "unit_label": units["concept"].to_numpy(dtype=object)[unit],
        "unit_label_iou": units["iou_category"].to_numpy(dtype=np.float64)[unit],
        "unit_is_detector": units["is_detector"].to_numpy(dtype=bool)[unit],
        "concept_iou": iou[unit, concepts],
        "concept_rank": 1 + (filled[unit] > mine[:, None]).sum(axis=1),
        "unit_detects_concept": mine > detector_iou,
        "best_unit": best,
        "best_unit_iou": iou[best, concepts],
        "best_unit_rank": 1 + order[np.arange(len(concepts)), best],
        "same_unit": best == unit,
    }


def also_stands_out(units: Array, max_u2: Array, exceeds: Array, names: list[str]) -> list[list[str]]:
    """For every concept the others whose direction has the same largest unit and exceeds its null, clearest first."""
    order = np.argsort(-np.nan_to_num(max_u2, nan=-1.0), kind="stable")
    return [[names[j] for j in order if j != i and units[j] == units[i] and exceeds[j]] for i in range(len(names))]


def class_of(concept: str, classes: list[str] | None) -> str:
    """Whether a class bears the concept's name: ``yes``, ``no``, or empty where the classes are unknown.

    Names are compared in lower case without punctuation; of a class with several names (ImageNet: "tabby, tabby cat")
    each counts; COCO's endings -merged, -other, -stuff are dropped. No hierarchy: `dog` is not `Chihuahua`.

    >>> class_of("Fire_truck", ["ambulance", "fire engine, fire truck"]), class_of("dog", ["Chihuahua"])
    ('yes', 'no')
    """
    if not classes:
        return ""
    known = {_plain(part) for name in classes for part in str(name).split(",")}
    return "yes" if _plain(re.sub(r"-(merged|other|stuff)\b", "", concept)) in known else "no"


def _plain(name: str) -> str:
    return " ".join(re.findall(r"[a-z0-9]+", name.lower()))
