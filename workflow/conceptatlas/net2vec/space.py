"""The embedding space of a layer and a task: unit-length vectors of its concepts, with what the table says of them."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from conceptatlas.net2vec.vectors import read_vectors, unit_length
from conceptatlas.tables import read_table

logger = logging.getLogger(__name__)

Array = np.ndarray[Any, Any]

NO_DIRECTION = "its weights are all zero or not finite: no direction"


@dataclass(frozen=True)
class Space:
    """Concept vectors of one layer and task.

    place : dataset, model, layer and task, as the tables name them.
    concept_index (int64), concept, category (str), small (bool) : (concept,), the concepts that have a direction.
    unit : float64 (concept, repeat, unit), every vector of length 1.
    member : bool (concept,): what others are compared with; small concepts are left out unless they were asked for.
    vocabulary : all concepts of the data set. reasons : concept -> why it has no direction here.
    """

    place: dict[str, str]
    concept_index: Array
    concept: Array
    category: Array
    small: Array
    unit: Array
    member: Array
    vocabulary: list[str]
    reasons: dict[str, str]

    @property
    def n_members(self) -> int:
        """Concepts that others are compared with."""
        return int(self.member.sum())

    @property
    def described(self) -> list[dict[str, Any]]:
        """The columns of place, concept and `small` of every concept, a dictionary a concept."""
        return [
            self.place
            | {"concept_index": int(i), "concept": str(name), "category": str(category), "small": bool(small)}
            for i, name, category, small in zip(
                self.concept_index, self.concept, self.category, self.small, strict=True
            )
        ]


def read_space(
    table: str | Path, vectors: str | Path, *, place: dict[str, str], include_small: bool
) -> Space:  # fmt: skip
    """Join the table of a task with its vectors.

    place : dataset, model, layer, task.

    Raises
    ------
    ValueError
        if the two files are not of the same task and concepts.
    """
    found = read_vectors(vectors)
    if found.task != place["task"]:
        raise ValueError(f"{vectors}: vectors of {found.task}, expected those of {place['task']}")
    rows = read_table(table, columns=["concept_index", "concept", "category", "small", "reason"])
    reason = rows["reason"].fillna("").astype(str)
    learned = rows[reason == ""].sort_values("concept_index")
    order = np.argsort(found.concept_index, kind="stable")
    if learned["concept_index"].tolist() != found.concept_index[order].tolist():
        raise ValueError(
            f"{vectors} holds vectors of {len(order)} concepts, {table} says that {len(learned)} were learned, and "
            "they are not the same; delete both and run again"
        )
    reasons = dict(zip(rows["concept"][reason != ""].astype(str), reason[reason != ""], strict=True))
    unit = unit_length(found.weights[order])
    directed = np.flatnonzero(np.isfinite(unit[:, :1]).all(axis=(1, 2)))
    lost = [str(name) for name in learned["concept"].drop(learned.index[directed])]
    if lost:
        logger.warning("%s: no direction for %s: %s", vectors, ", ".join(lost[:20]), NO_DIRECTION)
    learned = learned.iloc[directed]
    small = learned["small"].to_numpy(dtype=bool)
    return Space(
        place,
        learned["concept_index"].to_numpy(dtype=np.int64),
        learned["concept"].to_numpy(dtype=object),
        learned["category"].to_numpy(dtype=object),
        small,
        unit[directed],
        np.ones(len(small), dtype=bool) if include_small else ~small,
        [str(name) for name in rows["concept"]],
        reasons | dict.fromkeys(lost, NO_DIRECTION),
    )
