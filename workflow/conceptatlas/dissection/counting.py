"""Detectors of a layer with their uncertainty and their null: the headline numbers.

The interval resamples blocks of images and counts again, the best label of every unit searched anew among its best
candidates in each category; the null counts the same units under permuted labels. Resampled images repeat, so the
search finds more in a replicate than in the data (225 detectors observed, 233 to 293 in the replicates): the spread of
the replicates is laid around the observed count.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from conceptatlas.datasets.labelled_images import Vocabulary
from conceptatlas.inference.null import permutation_p
from conceptatlas.masks.iou import iou, iou_category
from conceptatlas.masks.labels import Counts, best_in_category, count_detectors, top_concepts
from conceptatlas.masks.tally import Tally
from conceptatlas.naming import CATEGORIES
from conceptatlas.tables import PLACE, Column

Array = np.ndarray[Any, Any]

CANDIDATES_A_CATEGORY = 3
QUANTITIES = ("detectors", "unique_by_category", "unique_best_label")

SUMMARY_COLUMNS = [
    *PLACE,
    Column(
        "quantity",
        "detectors: units whose best iou_category exceeds the cut, counted in the category of that label; "
        "unique_by_category: distinct labels whose category's best IoU passes, summed over categories (CVPR 2017 "
        "numbers); unique_best_label: distinct labels among the detectors' single best labels (HTML numbers); "
        "detectors_fdr: detectors whose permutation p survives Benjamini-Hochberg; units in each state",
    ),
    Column("category", "category of concepts; empty for all together"),
    Column("tau", "share of activations above the threshold T_k"),
    Column("value", "the count", "units"),
    Column(
        "ci_low",
        "lower end of the interval over resampled blocks of images: value + percentile of the replicates - their mean "
        "(a search over labels counts more in every replicate than in the data), at least 0",
        "units",
    ),
    Column("ci_high", "upper end of that interval", "units"),
    Column("bootstrap_mean", "mean of the count over the replicates; above value by the bias of the search", "units"),
    Column("null_mean", "mean of the same count under labels permuted across images", "units"),
    Column("null_high", "95 % point of the same count under permuted labels", "units"),
    Column("p", "(1 + permutations that count at least as many) / (1 + permutations)"),
    Column("n_units", "units of the layer", "units"),
    Column("n_images", "valid images of the data set", "images"),
    Column("n_permutations", "permutations behind the null"),
    Column("detector_iou", "IoU that a detector exceeds"),
]


def counts_of(scores: Array, vocabulary: Vocabulary, *, cut: float) -> Counts:
    """Counts from iou_category (unit, concept)."""
    best, value = best_in_category(scores, vocabulary.primary_category, len(CATEGORIES))
    return count_detectors(best, value, categories=list(CATEGORIES), cut=cut)


def bootstrap_counts(
    tally: Tally, scores: Array, vocabulary: Vocabulary, weights: Array, *, cut: float
) -> dict[tuple[str, str], Array]:
    """The counts in every replicate: (quantity, category) -> int64 (replicate,)."""
    n_units = scores.shape[0]
    out: dict[tuple[str, str], list[int]] = {}
    pieces = []
    for category in range(len(CATEGORIES)):
        members = np.flatnonzero(vocabulary.primary_category == category)
        if len(members):
            chosen = members[top_concepts(scores[:, members], n=CANDIDATES_A_CATEGORY)]
            pieces.append((category, chosen))
    blocks = {}
    for category, chosen in pieces:
        units = np.repeat(np.arange(n_units), chosen.shape[1])
        concepts = chosen.ravel()
        inter = tally.by_block(units, concepts)
        areas = tally.category_areas[units, category]
        blocks[category] = (concepts, inter, areas + tally.label_pixels[concepts] - inter)
    for weight in weights:
        labels = np.full((n_units, len(CATEGORIES)), -1, dtype=np.int64)
        values = np.full((n_units, len(CATEGORIES)), np.nan)
        for category, (concepts, inter, union) in blocks.items():
            bottom = (union @ weight).reshape(n_units, -1)
            ratio = np.where(bottom > 0, (inter @ weight).reshape(n_units, -1) / np.maximum(bottom, 1), -np.inf)
            best = ratio.argmax(axis=1)
            rows = np.arange(n_units)
            labels[:, category] = concepts.reshape(n_units, -1)[rows, best]
            values[:, category] = ratio[rows, best]
        _collect(out, count_detectors(labels, values, categories=list(CATEGORIES), cut=cut))
    return {key: np.array(value) for key, value in out.items()}


def null_counts(null_iou: Array, null_concept: Array, *, cut: float) -> dict[tuple[str, str], Array]:
    """The counts in every permutation: (quantity, category) -> int64 (permutation,)."""
    out: dict[tuple[str, str], list[int]] = {}
    for value, concept in zip(null_iou, null_concept, strict=True):
        _collect(out, count_detectors(concept, value, categories=list(CATEGORIES), cut=cut))
    return {key: np.array(value) for key, value in out.items()}


def _collect(out: dict[tuple[str, str], list[int]], counts: Counts) -> None:
    for key, value in flat(counts).items():
        out.setdefault(key, []).append(value)


def flat(counts: Counts) -> dict[tuple[str, str], int]:
    """Counts by (quantity, category); the category is empty for totals."""
    return (
        {(name, ""): getattr(counts, name) for name in QUANTITIES}
        | {("detectors", name): n for name, n in counts.detectors_in_category.items()}
        | {("unique_by_category", name): n for name, n in counts.unique_in_category.items()}
    )


def count_table(
    observed: Counts,
    replicates: dict[tuple[str, str], Array],
    null: dict[tuple[str, str], Array],
    *,
    tau: str,
    confidence: float,
) -> pd.DataFrame:
    """One row a (quantity, category) with interval, null and p; further identifying columns are added by the caller."""
    tail = 100 * (1 - confidence) / 2
    rows = []
    for (quantity, category), value in flat(observed).items():
        low, high, mean = recentred_interval(float(value), replicates.get((quantity, category)), tail=tail)
        shuffled = null.get((quantity, category), np.zeros(0))
        has_null = len(shuffled) > 0
        p = permutation_p(np.array([float(value)]), shuffled[:, None].astype(np.float64))[0] if has_null else np.nan
        rows.append(
            {
                "quantity": quantity,
                "category": category,
                "tau": tau,
                "value": float(value),
                "ci_low": low,
                "ci_high": high,
                "bootstrap_mean": mean,
                "null_mean": shuffled.mean() if has_null else np.nan,
                "null_high": np.percentile(shuffled, 95) if has_null else np.nan,
                "p": p,
            }
        )
    return pd.DataFrame(rows)


def recentred_interval(value: float, drawn: Array | None, *, tail: float) -> tuple[float, float, float]:
    """Percentiles `tail` and 100 - tail of the replicates, moved by value - mean, at least 0; and the mean.

    A few small replicates among equal ones put even the low percentile above the mean: the estimate stays inside.
    """
    if drawn is None or not len(drawn):
        return np.nan, np.nan, np.nan
    mean = float(drawn.mean())
    low, high = np.percentile(drawn, [tail, 100 - tail]) - mean
    return max(value + min(float(low), 0.0), 0.0), value + max(float(high), 0.0), mean


def sensitivity_rows(summed: dict[str, Array], vocabulary: Vocabulary, *, tau: str, cut: float) -> list[dict[str, Any]]:
    """Detectors and unique detectors at another level of tau: no interval, no null."""
    scores = iou_category(
        summed["intersections"], summed["category_areas"], summed["label_pixels"], vocabulary.primary_category
    )
    counts = flat(counts_of(scores, vocabulary, cut=cut))
    return [
        {"quantity": quantity, "category": category, "tau": tau, "value": float(value)}
        for (quantity, category), value in counts.items()
        if not category
    ]


def cross_fitted(tally: Tally, vocabulary: Vocabulary, half: Array) -> tuple[Array, Array]:
    """IoU of a label chosen on one half of the blocks, measured on the other; both ways, then averaged.

    Without the winner's curse: the label's IoU on the images that chose it is an overestimate.

    half : bool (block,). Returns the mean IoU (unit,) and whether both halves chose the same label (unit,).
    """
    primary = vocabulary.primary_category
    parts = []
    for blocks in (half, ~half):
        inter = tally.dense(blocks=blocks)
        parts.append((inter, tally.category_areas[:, :, blocks].sum(axis=2), tally.label_pixels[:, blocks].sum(axis=1)))
    values, choices = [], []
    for choose, measure in ((0, 1), (1, 0)):
        inter, areas, pixels = parts[choose]
        label = top_concepts(iou_category(inter, areas, pixels, primary), n=1)[:, 0]
        inter, areas, pixels = parts[measure]
        rows = np.arange(len(label))
        values.append(iou(inter[rows, label], areas[rows, primary[label]], pixels[label]))
        choices.append(label)
    return np.mean(values, axis=0), choices[0] == choices[1]
