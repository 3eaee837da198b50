"""What a level does to the detectors of a layer: from counts to numbers with intervals.

Intervals resample the 32 blocks of images; clean and perturbed counts are always drawn together (paired). The shares
of detectors kept, lost and relabelled repeat the search for the best label in every replicate, on clean and on
perturbed images, among the best candidates of both; a unit that is no detector on the replicate's clean images does not
count in it. Resampled images repeat, so a search finds more in a replicate than in the data: these intervals lay the
spread of the replicates around the observed share, as those of the counts of detectors do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from conceptatlas.inference.bootstrap import MINIMUM_BLOCKS
from conceptatlas.masks.iou import tally_iou
from conceptatlas.masks.labels import top_concepts
from conceptatlas.masks.tally import Tally
from conceptatlas.robustness.agreement import ONE

Array = np.ndarray[Any, Any]

CANDIDATES = 5
STATUSES = ("kept", "lost", "relabelled")


@dataclass(frozen=True)
class Clean:
    """A layer on clean images.

    tally : its counts. top : int (unit, rank), the concepts with the highest iou_category, best first. label : int
    (unit,), the first of them. iou : float64 (unit,), its value.
    """

    tally: Tally
    top: Array
    label: Array
    iou: Array


def clean_labels(tally: Tally, primary_category: Array) -> Clean:
    """The labels of a layer on clean images."""
    scores = tally_iou(tally, primary_category)
    top = top_concepts(scores, n=CANDIDATES)
    label = top[:, 0]
    return Clean(tally, top, label, scores[np.arange(len(label)), label])


def counts_by_block(tally: Tally, units: Array, concepts: Array, primary_category: Array) -> tuple[Array, Array]:
    """Intersection and union of (unit, concept) pairs in every block: int64 (pair, block) each."""
    inter = tally.by_block(units, concepts)
    union = tally.category_areas[units, primary_category[concepts]] + tally.label_pixels[concepts] - inter
    return inter, union


def replicated(inter: Array, union: Array, weights: Array) -> Array:
    """IoU of every pair in every replicate: float64 (pair, replicate), NaN where the union is empty."""
    top = inter.astype(np.float64) @ weights.T
    bottom = union.astype(np.float64) @ weights.T
    ratio: Array = np.where(bottom > 0, top / np.where(bottom > 0, bottom, 1), np.nan)
    return ratio


@dataclass(frozen=True)
class LevelResult:
    """A layer under one level; arrays over units, or over (clean detector, replicate) where `draws` is in the name.

    Attributes
    ----------
    iou, low, high : of the clean label. change_low, change_high : interval of iou - clean iou.
    best, best_iou : the best label on perturbed images and its IoU. status : int8 (unit,), index into STATUSES, -1
        where the unit is no clean detector.
    agreement, agreement_low, agreement_high, n_defined.
    detectors : units that are clean detectors. iou_draws, clean_draws, agreement_draws : float64; status_draws : int8.
    """

    iou: Array
    low: Array
    high: Array
    change_low: Array
    change_high: Array
    best: Array
    best_iou: Array
    status: Array
    agreement: Array
    agreement_low: Array
    agreement_high: Array
    n_defined: Array
    detectors: Array
    iou_draws: Array
    clean_draws: Array
    agreement_draws: Array
    status_draws: Array


def measure_level(
    clean: Clean,
    tally: Tally,
    sums: Array,
    defined: Array,
    primary_category: Array,
    weights: Array,
    *,
    cut: float,
    confidence: float,
) -> LevelResult:
    """Everything about one level of a layer.

    tally : counts on perturbed images. sums, defined : int64 (unit, block), from `AgreementSink`. weights : int64
    (replicate, block). cut : IoU that a detector exceeds.
    """
    units = np.arange(len(clean.label))
    scores = tally_iou(tally, primary_category)
    top = top_concepts(scores, n=CANDIDATES)
    best = top[:, 0]
    value, best_iou = scores[units, clean.label], scores[units, best]
    is_detector = clean.iou > cut
    # blocks of images with the concept: clean and perturbed images hold the same
    n_blocks = (clean.tally.label_images[clean.label] > 0).sum(axis=1)
    enough = n_blocks >= MINIMUM_BLOCKS
    draws = replicated(*counts_by_block(tally, units, clean.label, primary_category), weights)
    clean_draws = replicated(*counts_by_block(clean.tally, units, clean.label, primary_category), weights)
    low, high = percentiles(draws, confidence=confidence, enough=enough)
    change_low, change_high = percentiles(draws - clean_draws, confidence=confidence, enough=enough)
    fixed = sums.astype(np.float64) / ONE
    agreement_draws = replicated(fixed, defined, weights)
    agreement_low, agreement_high = percentiles(
        agreement_draws, confidence=confidence, enough=(defined > 0).sum(axis=1) >= MINIMUM_BLOCKS
    )
    n_defined = defined.sum(axis=1)
    detectors = np.flatnonzero(is_detector)
    return LevelResult(
        iou=value,
        low=low,
        high=high,
        change_low=change_low,
        change_high=change_high,
        best=best,
        best_iou=best_iou,
        status=np.where(is_detector, status_of(best == clean.label, best_iou, cut=cut), -1).astype(np.int8),
        agreement=np.where(n_defined > 0, fixed.sum(axis=1) / np.maximum(n_defined, 1), np.nan),
        agreement_low=agreement_low,
        agreement_high=agreement_high,
        n_defined=n_defined,
        detectors=detectors,
        iou_draws=draws[detectors],
        clean_draws=clean_draws[detectors],
        agreement_draws=agreement_draws[detectors],
        status_draws=_status_draws(clean, tally, top, detectors, primary_category, weights, cut=cut),
    )


def status_of(is_same: Array, best_iou: Array, *, cut: float) -> Array:
    """Index into STATUSES: kept where the best label is the clean one and above the cut, relabelled where another is,
    lost where none is."""
    above = np.nan_to_num(best_iou, nan=-1.0) > cut
    return np.where(above, np.where(is_same, 0, 2), 1).astype(np.int8)


def _status_draws(
    clean: Clean,
    tally: Tally,
    top: Array,
    detectors: Array,
    primary_category: Array,
    weights: Array,
    *,
    cut: float,
) -> Array:
    """Status of every clean detector in every replicate, -1 where the replicate's clean IoU is not above the cut."""
    candidates = np.concatenate([clean.top[detectors], top[detectors]], axis=1)
    shape = (len(detectors), len(weights))
    value = {name: np.full(shape, -1.0) for name in ("clean", "perturbed")}
    label = {name: np.full(shape, -1, dtype=np.int64) for name in value}
    for concepts in candidates.T:
        for name, counts in (("clean", clean.tally), ("perturbed", tally)):
            found = replicated(*counts_by_block(counts, detectors, concepts, primary_category), weights)
            better = np.nan_to_num(found, nan=-1.0) > value[name]
            value[name] = np.where(better, found, value[name])
            label[name] = np.where(better, concepts[:, None], label[name])
    status = status_of(label["clean"] == label["perturbed"], value["perturbed"], cut=cut)
    return np.where(value["clean"] > cut, status, -1).astype(np.int8)


def percentiles(draws: Array, *, confidence: float, enough: Array | bool = True) -> tuple[Array, Array]:
    """Percentile interval of each row of replicates; NaN where `enough` is false or most replicates are undefined."""
    low, high = np.full(len(draws), np.nan), np.full(len(draws), np.nan)
    if not draws.shape[1]:
        return low, high
    rows = np.flatnonzero((np.isfinite(draws).mean(axis=1) > 0.5) & enough)
    if len(rows):
        tail = 100 * (1 - confidence) / 2
        low[rows], high[rows] = np.nanpercentile(draws[rows], [tail, 100 - tail], axis=1)
    return low, high


def share_interval(value: float, draws: Array, *, confidence: float) -> tuple[float, float]:
    """The spread of a share's replicates (replicate,) laid around its observed value, within 0..1."""
    if not len(draws):
        return np.nan, np.nan
    tail = 100 * (1 - confidence) / 2
    low, high = np.percentile(draws, [tail, 100 - tail]) - draws.mean()
    return max(value + min(float(low), 0.0), 0.0), min(value + max(float(high), 0.0), 1.0)


def mean_over_rows(draws: Array) -> Array:
    """Mean over the defined entries of each column: (row, replicate) -> (replicate,); NaN where none is."""
    there = np.isfinite(draws)
    n = there.sum(axis=0)
    total = np.where(there, draws, 0.0).sum(axis=0)
    mean: Array = np.where(n > 0, total / np.maximum(n, 1), np.nan)
    return mean
