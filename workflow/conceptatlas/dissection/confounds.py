"""Labels that are worth nothing inside a concept they occur with: a "wheel" unit that really detects cars.

For a unit's best label c and a concept d that holds most of c's pixels (an object around its part, a scene, a
background), the lift inside d is

    P(c | active, d) / P(c | d)  =  (|M and L_c and L_d| / |M and L_d|) / (|L_c and L_d| / |L_d|)

A lift of 1: inside d, being active says nothing about c; the IoU with c is owed to d. The label is flagged if the
interval of the lift (blocks of images) reaches down to 1 or below for some d. Candidates with fewer than 8 blocks that
hold both concepts, or in which the unit is active inside d, are left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from conceptatlas.datasets.overlaps import Overlaps, read_overlaps
from conceptatlas.inference.bootstrap import MINIMUM_BLOCKS
from conceptatlas.masks.tally import N_BLOCKS, Tally

Array = np.ndarray[Any, Any]

HOLDS_SHARE = 0.5
"""A candidate d covers at least this share of the pixels of c."""
MAX_CANDIDATES = 6


@dataclass(frozen=True)
class Confounding:
    """The candidate with the lowest lift of every unit.

    concept : int (unit,), -1 where the label has no candidate. lift, low, high : float64 (unit,), NaN where undefined.
    flagged : bool (unit,).
    """

    concept: Array
    lift: Array
    low: Array
    high: Array
    flagged: Array


def candidates(overlaps: Overlaps) -> Array:
    """Concepts that hold most of a concept's pixels, the closest fit first: int64 (concept, MAX_CANDIDATES), -1 padded.

    A candidate must also be larger than the concept: two names of one thing do not confound each other.
    """
    table = overlaps.matrix().astype(np.float64)
    pixels = np.diag(table).copy()
    out = np.full((len(pixels), MAX_CANDIDATES), -1, dtype=np.int64)
    for c in range(len(pixels)):
        if pixels[c] == 0:
            continue
        share = table[c] / pixels[c]
        holds = np.flatnonzero((share >= HOLDS_SHARE) & (pixels > 1.25 * pixels[c]))
        ordered = holds[np.lexsort((holds, pixels[holds]))][:MAX_CANDIDATES]  # the smallest holder fits closest
        out[c, : len(ordered)] = ordered
    return out


def find_candidates(path: str | Path) -> tuple[Overlaps, Array]:
    """Overlaps of a data set and the candidates of every concept."""
    overlaps = read_overlaps(path)
    return overlaps, candidates(overlaps)


def confounding(
    tally: Tally, overlaps: Overlaps, holders: Array, best: Array, inside: Array, weights: Array, *, confidence: float
) -> Confounding:
    """Lift of every unit's best label inside each candidate.

    best : int (unit,), the label. inside : int64 (unit, candidate, block), |M and L_c and L_d|. weights : block
    bootstrap weights (replicate, block).
    """
    n_units = len(best)
    undefined = np.full(n_units, np.nan)
    result = Confounding(
        concept=np.full(n_units, -1),
        lift=undefined,
        low=undefined.copy(),
        high=undefined.copy(),
        flagged=np.zeros(n_units, dtype=bool),
    )
    pair_pixels = _pairs_by_block(overlaps)
    tail = 100 * (1 - confidence) / 2
    for k in range(n_units):
        for j, d in enumerate(holders[best[k]]):
            if d < 0:
                break
            both = pair_pixels.get((min(best[k], d), max(best[k], d)))
            if both is None:
                continue
            active = tally.by_block(np.array([k]), np.array([d]))[0]
            parts = (inside[k, j], active, both, overlaps.label_pixels[d])
            lift = _lift(*(float(part.sum()) for part in parts))
            if np.isnan(lift) or min((active > 0).sum(), (both > 0).sum()) < MINIMUM_BLOCKS:
                continue
            draws = _lift(*(weights @ part for part in parts))
            low, high = np.nanpercentile(draws, [tail, 100 - tail])
            if np.isnan(result.lift[k]) or lift < result.lift[k]:
                result.concept[k], result.lift[k], result.low[k], result.high[k] = d, lift, low, high
                result.flagged[k] = low <= 1
    return result


def _lift(inside: Any, active: Any, both: Any, holder: Any) -> Any:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(inside, dtype=np.float64) / active / (np.asarray(both, dtype=np.float64) / holder)


def _pairs_by_block(overlaps: Overlaps) -> dict[tuple[int, int], Array]:
    out: dict[tuple[int, int], Array] = {}
    for a, b, block, pixels in zip(
        overlaps.concept_a.tolist(), overlaps.concept_b.tolist(), overlaps.block.tolist(), overlaps.pixels.tolist(),
        strict=True,
    ):  # fmt: skip
        out.setdefault((a, b), np.zeros(N_BLOCKS, dtype=np.int64))[block] += pixels
    return out
