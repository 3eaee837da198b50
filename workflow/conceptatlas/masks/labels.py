"""From IoUs to labels and counts: the best concepts of a unit, and the two ways to count unique detectors.

Network Dissection's paper and its HTML report count differently: `unique_by_category` sums, over
categories, the distinct labels whose category's best IoU passes (the CVPR numbers: AlexNet-ImageNet conv5 61);
`unique_best_label` counts distinct labels among each unit's single best label (the HTML's numbers: 50).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from conceptatlas.naming import CATEGORIES

Array = np.ndarray[Any, Any]


def top_concepts(scores: Array, *, n: int) -> Array:
    """Indices of the n concepts with the highest score of every unit, shape (unit, n), best first.

    Ties go to the lower index; undefined scores (NaN) come last.
    """
    filled = np.where(np.isnan(scores), -np.inf, scores)
    n = min(n, scores.shape[1])
    if scores.shape[1] > 4 * n:  # a partial sort first: 1,200 concepts, 5 wanted
        level = -np.partition(-filled, n - 1, axis=1)[:, n - 1 : n]
        filled = np.where(filled >= level, filled, -np.inf)
    return np.argsort(-filled, axis=1, kind="stable")[:, :n]


def best_in_category(scores: Array, primary_category: Array, n_categories: int) -> tuple[Array, Array]:
    """Best concept and its score within each category: (concept index or -1, score or NaN), shape (unit, category)."""
    n_units = scores.shape[0]
    best = np.full((n_units, n_categories), -1, dtype=np.int64)
    value = np.full((n_units, n_categories), np.nan)
    for category in range(n_categories):
        members = np.flatnonzero(primary_category == category)
        if len(members):
            choice = top_concepts(scores[:, members], n=1)[:, 0]
            best[:, category] = members[choice]
            value[:, category] = scores[np.arange(n_units), members[choice]]
    return best, value


@dataclass(frozen=True)
class Counts:
    """Detectors of a layer under Network Dissection's rules.

    detectors : units whose best IoU exceeds the cut.
    unique_by_category : sum over categories of distinct labels whose category IoU exceeds the cut.
    unique_best_label : distinct labels among the single best labels of the detectors.
    detectors_in_category : detectors by the category of their best label.
    unique_in_category : distinct labels per category behind `unique_by_category`.
    """

    detectors: int
    unique_by_category: int
    unique_best_label: int
    detectors_in_category: dict[str, int]
    unique_in_category: dict[str, int]


def count_detectors(labels: Array, scores: Array, *, categories: list[str], cut: float = 0.04) -> Counts:
    """Count detectors from the best label and IoU of every unit in every category.

    labels : object or int array, shape (unit, category): a concept's name or index; scores : float, same shape, NaN
    where a category has no concept. A detector needs IoU > cut, strictly.
    """
    value = np.where(np.isnan(scores), -np.inf, scores.astype(np.float64))
    passing = value > cut
    unique = {
        name: len(set(labels[passing[:, j], j].tolist())) if passing[:, j].any() else 0
        for j, name in enumerate(categories)
    }
    best = value.argmax(axis=1) if value.size else np.zeros(len(value), dtype=np.int64)
    rows = np.arange(len(value))
    is_detector = passing[rows, best] if value.size else np.zeros(0, dtype=bool)
    names = {str(label) for label in labels[rows[is_detector], best[is_detector]]}
    return Counts(
        detectors=int(is_detector.sum()),
        unique_by_category=sum(unique.values()),
        unique_best_label=len(names),
        detectors_in_category={name: int((is_detector & (best == j)).sum()) for j, name in enumerate(categories)},
        unique_in_category=unique,
    )


def read_netdissect_csv(path: str | Path) -> pd.DataFrame:
    """A result table in the authors' layout: unit (1-based), category, label, score, then per category
    ``<category>-label, -truth, -activation, -intersect, -iou``. Columns are found by name; their order varies.

    Raises
    ------
    ValueError
        naming the columns that are missing.
    """
    table = pd.read_csv(path)
    missing = [column for column in ("unit", "label", "score") if column not in table.columns]
    if missing:
        raise ValueError(f"{path}: not a Network Dissection result table; it lacks {', '.join(missing)}")
    return table


def count_netdissect_csv(path: str | Path, *, cut: float = 0.04) -> Counts:
    """Counts of detectors from a table in the authors' layout, by both rules."""
    table = read_netdissect_csv(path)
    present = [column[: -len("-iou")] for column in table.columns if column.endswith("-iou")]
    categories = [name for name in CATEGORIES if name in present] + [n for n in present if n not in CATEGORIES]
    if not categories:
        raise ValueError(f"{path}: has no columns '<category>-iou'; found {', '.join(map(str, table.columns[:8]))}")
    labels = np.stack([table[f"{name}-label"].astype(str).to_numpy() for name in categories], axis=1)
    scores = np.stack([table[f"{name}-iou"].to_numpy(dtype=np.float64) for name in categories], axis=1)
    return count_detectors(labels, scores, categories=categories, cut=cut)
