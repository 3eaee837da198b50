"""A unit's part in the concept vectors of Net2Vec: what it is the best single filter for, and where it weighs most."""

from __future__ import annotations

from typing import Any

import numpy as np

from conceptatlas.atlas.encoding import number
from conceptatlas.atlas.layer_context import LayerContext, Section

LARGEST = 5
TASKS = ("segmentation", "classification")


def _per_unit(context: LayerContext) -> list[Any]:
    """Task -> `best`: concepts whose best single filter it is; `weights`: [concept, weight / length, rank of the unit
    among all by size] of the concepts in whose vector (first initialisation) it weighs most."""
    values: list[dict[str, Any]] = [{} for _ in range(context.n_units)]
    for task in TASKS:
        if not context.has(task):
            continue
        table = context.frame(task)
        names = dict(zip(table["concept_index"], table["concept"], strict=True))
        index = context.array(f"{task}_weights", "concept_index")
        weights = context.array(f"{task}_weights", "weights")[:, 0]
        if not len(weights):
            continue
        unit_length = weights / np.maximum(np.linalg.norm(weights, axis=1, keepdims=True), 1e-30)
        places = np.argsort(np.argsort(-np.abs(weights), axis=1, kind="stable"), axis=1, kind="stable")
        column = "single_unit" if task == "segmentation" else "one_unit"
        best: dict[int, list[str]] = {}
        for unit, concept in zip(table[column], table["concept"], strict=True):
            if unit == unit:
                best.setdefault(int(unit), []).append(concept)
        for unit in range(context.n_units):
            order = np.argsort(-np.abs(unit_length[:, unit]), kind="stable")[:LARGEST]
            values[unit][task] = {
                "best": best.get(unit, []),
                "weights": [
                    [names[int(index[i])], number(unit_length[i, unit]), int(places[i, unit]) + 1] for i in order
                ],
            }
    return [value or None for value in values]


SECTION = Section("learned", {}, lambda context: _per_unit(context) if any(map(context.has, TASKS)) else None)
