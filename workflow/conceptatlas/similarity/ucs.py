"""UCS of pairs of layers: matrices of concepts with concepts, who matches whom, and what chance would give.

At every threshold: UCS of all concept pairs, the matching, and R shuffles of the images of one layer in which the
matching is done again (two unrelated sets of 10 concepts give a matched UCS of 0.32 where the mean of all pairs is
0.17). Concept pairs matched at the first threshold keep their partner at the others.

A matched pair counts as above chance where its UCS exceeds the 95 % point of the best match that either concept finds
under shuffled images: the search is part of the null.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from conceptatlas.inference.bootstrap import ratio_interval
from conceptatlas.similarity.matching import best_of, hungarian, mean_of, mutual_best
from conceptatlas.similarity.nulls import judge, null_points, shuffles
from conceptatlas.similarity.setting import N_BLOCKS, Comparing, Measured, measured
from conceptatlas.similarity.ucs_kernel import ONE, LayerMasks, iou_sums_of_pairs, shuffled_iou_sums, ucs_of

Array = np.ndarray[Any, Any]

NO_PAIR = "no concept has a mask in any test image of either layer"
NO_SHUFFLES = "chance is unknown: n_permutations is 0"
ALL_THE_SAME = "shuffled images give the same masks: nothing is left above chance"
NO_BEST = "no two concepts are each other's best match"


class ConceptLayer(NamedTuple):
    """A layer's concept masks at every threshold. name : of the model and layer, for seeds. test_images : int64
    (image,), image_index."""

    name: str
    test_images: Array
    masks: list[LayerMasks]


class PairUcs(NamedTuple):
    """What a pair of layers gives.

    rows : measures of the table of pairs. concepts : rows of the table of concept pairs, without the two layers.
    ucs, null_mean : float64 (threshold, concept of a, concept of b). n_defined : int64, the same shape.
    """

    rows: list[Measured]
    concepts: list[dict[str, Any]]
    ucs: Array
    n_defined: Array
    null_mean: Array


class AtThreshold(NamedTuple):
    """A pair of layers at one threshold.

    sums, defined : int64 (block, concept, concept). ucs : (concept, concept). null : (shuffle, concept, concept).
    point_a, point_b : 95 % point of the best match of every concept under shuffled images.
    """

    sums: Array
    defined: Array
    ucs: Array
    null: Array
    point_a: Array
    point_b: Array


def compare_concepts(
    layers: list[ConceptLayer], pairs: list[tuple[int, int]], thresholds: tuple[float, ...], comparing: Comparing
) -> list[PairUcs]:
    """UCS of pairs of layers (positions in `layers`) that saw the same test images.

    The result of a pair does not depend on the other pairs.
    """
    if not pairs:
        return []
    images = layers[pairs[0][0]].test_images
    blocks = comparing.blocks[images]
    found: list[list[AtThreshold]] = [[] for _ in pairs]
    for t in range(len(thresholds)):
        sums = iou_sums_of_pairs([layer.masks[t] for layer in layers], pairs, blocks, n_blocks=N_BLOCKS)
        for (i, j), (of_pair, defined), out in zip(pairs, sums, found, strict=True):
            out.append(_at_threshold(layers[i], layers[j], t, of_pair, defined, comparing))
    weights = comparing.weights()
    return [_pair(one, thresholds, blocks, weights, comparing) for one in found]


def _at_threshold(
    a: ConceptLayer, b: ConceptLayer, t: int, sums: Array, defined: Array, comparing: Comparing
) -> AtThreshold:
    order, b_moves = shuffles(
        "ucs", a.name, b.name, comparing.sources[a.test_images],
        n_permutations=comparing.n_permutations, seed=comparing.seed,
    )  # fmt: skip
    if b_moves:
        null = ucs_of(*shuffled_iou_sums(a.masks[t], b.masks[t], order))
    else:
        null = ucs_of(*shuffled_iou_sums(b.masks[t], a.masks[t], order)).transpose(0, 2, 1)
    best_a, best_b = best_of(null)
    ucs = ucs_of(sums.sum(axis=0), defined.sum(axis=0))
    return AtThreshold(sums, defined, ucs, null, null_points(best_a), null_points(best_b))


def _pair(
    found: list[AtThreshold], thresholds: tuple[float, ...], blocks: Array, weights: Array, comparing: Comparing
) -> PairUcs:
    rows = [
        row
        for one, threshold in zip(found, thresholds, strict=True)
        for row in _measures(one, threshold, blocks, weights, comparing)
    ]
    null_mean = np.stack([_mean_over_shuffles(one.null) for one in found])
    return PairUcs(
        rows, _concept_rows(found, thresholds, len(blocks), weights, comparing),
        np.stack([one.ucs for one in found]), np.stack([one.defined.sum(axis=0) for one in found]), null_mean,
    )  # fmt: skip


def _mean_over_shuffles(null: Array) -> Array:
    there = ~np.isnan(null)
    n = there.sum(axis=0)
    return np.where(n > 0, np.where(there, null, 0).sum(axis=0) / np.maximum(n, 1), np.nan)


def _measures(
    one: AtThreshold, threshold: float, blocks: Array, weights: Array, comparing: Comparing
) -> list[Measured]:
    """The measures of a pair at a threshold."""
    matched, best = hungarian(one.ucs), mutual_best(one.ucs)
    everything = np.argwhere(~np.isnan(one.ucs))
    shared = {"n_images": len(blocks), "threshold": threshold, "n_permutations": len(one.null)}
    n_undefined = one.ucs.size - len(everything)
    raw = mean_of(one.ucs, matched)
    null = np.array([mean_of(each, hungarian(each)) for each in one.null])
    mean = judge(raw, null).null_mean
    low, high = comparing.limits(_resampled_means(one, matched, weights), blocks)
    counts: dict[str, Any] = shared | {"n_concepts": len(matched), "n_undefined": n_undefined}
    rows = []
    for name, scale in (("ucs", 1.0), ("ucs_scaled", 1 - mean)):
        there = not np.isnan(mean) and scale > 0
        shift, scale = (mean, scale) if there else (0.0, 1.0)
        value = (raw - shift) / scale if there else np.nan
        why = NO_PAIR if not len(matched) else NO_SHUFFLES if not len(null) else ALL_THE_SAME
        limits = (low - shift) / scale, (high - shift) / scale
        rows.append(measured(name, value, limits, judge(value, (null - shift) / scale), reason=why, **counts))
    rows.append(measured("ucs_raw", raw, (low, high), judge(raw, null), reason=NO_PAIR, **counts))
    all_null = np.array([mean_of(each, np.argwhere(~np.isnan(each))) for each in one.null])
    over_all = mean_of(one.ucs, everything)
    limits = comparing.limits(_resampled_means(one, everything, weights), blocks)
    counts["n_concepts"] = len(everything)
    rows.append(measured("ucs_all", over_all, limits, judge(over_all, all_null), reason=NO_PAIR, **counts))
    return rows + _one_to_one(one, best, shared, n_undefined)


def _one_to_one(one: AtThreshold, best: Array, shared: dict[str, Any], n_undefined: int) -> list[Measured]:
    """Mutual best matches above chance: as a share of them, and of the concepts of the layer that has fewer."""
    fewer = min(one.ucs.shape) if not np.isnan(one.ucs).all() else 0
    here = _n_above(one, one.ucs, best)
    null_best = [mutual_best(each) for each in one.null]
    null_above = np.array([_n_above(one, each, pairs) for each, pairs in zip(one.null, null_best, strict=True)])
    n_best = np.array([len(pairs) for pairs in null_best], dtype=np.float64)
    rows = []
    for name, total, totals, why in (
        ("correspondence", len(best), n_best, NO_BEST),
        ("one_to_one", fewer, np.full(len(n_best), float(fewer)), NO_PAIR),
    ):
        null = np.divide(null_above, totals, out=np.full(len(totals), np.nan), where=totals > 0)
        there = total > 0 and len(one.null) > 0
        value = here / total if there else np.nan
        rows.append(
            measured(
                name,
                value,
                (np.nan, np.nan),
                judge(value, null),
                n_concepts=total,
                n_undefined=n_undefined,
                reason=why if len(one.null) else NO_SHUFFLES,
                **shared,
            )
        )
    return rows


def _n_above(one: AtThreshold, ucs: Array, pairs: Array) -> int:
    return int((ucs[pairs[:, 0], pairs[:, 1]] > _points(one, pairs)).sum())


def _points(one: AtThreshold, pairs: Array) -> Array:
    """The point a concept pair must pass, (pair,): the larger of its two concepts'."""
    return np.fmax(one.point_a[pairs[:, 0]], one.point_b[pairs[:, 1]])


def _resampled_means(one: AtThreshold, pairs: Array, weights: Array) -> Array:
    """Mean UCS of some pairs in every replicate of blocks, the pairs kept: (replicate,)."""
    if not len(pairs):
        return np.full(len(weights), np.nan)
    sums, defined = (part[:, pairs[:, 0], pairs[:, 1]].astype(np.float64) for part in (one.sums, one.defined))
    top, bottom = weights @ sums / ONE, weights @ defined
    ucs = np.divide(top, bottom, out=np.full(top.shape, np.nan), where=bottom > 0)
    return _mean_over_shuffles(ucs.T)


def _concept_rows(
    found: list[AtThreshold], thresholds: tuple[float, ...], n_images: int, weights: Array, comparing: Comparing
) -> list[dict[str, Any]]:
    """A row for every pair matched at the first threshold, at every threshold."""
    first = found[0].ucs
    in_best, in_matching = ({tuple(int(c) for c in pair) for pair in of(first)} for of in (mutual_best, hungarian))
    chosen = sorted(in_best | in_matching)
    pairs = np.array(chosen, dtype=np.int64).reshape(-1, 2)
    rows: list[dict[str, Any]] = []
    for one, threshold in zip(found, thresholds, strict=True):
        sums, defined = (part[:, pairs[:, 0], pairs[:, 1]].T for part in (one.sums, one.defined))
        low, high = ratio_interval(
            sums / ONE, defined, weights, confidence=comparing.confidence,
            n_blocks_with_data=(defined > 0).sum(axis=1),
        )  # fmt: skip
        points = _points(one, pairs)
        for at, (a, b) in enumerate(chosen):
            ucs, start = float(one.ucs[a, b]), float(first[a, b])
            rows.append(
                {"threshold": threshold, "concept_a": a, "concept_b": b, "ucs": ucs, "low": float(low[at]),
                 "high": float(high[at]), "n_defined": int(defined[at].sum()), "n_images": n_images,
                 "mutual_best": (a, b) in in_best, "hungarian": (a, b) in in_matching,
                 "null_high": float(points[at]), "above_null": bool(ucs > points[at]) if len(one.null) else None,
                 "robustness": ucs / start if start > 0 else np.nan}
            )  # fmt: skip
    return rows
