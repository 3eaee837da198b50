"""Nearest concepts of a layer by the cosine of their weight vectors (Net2Vec, section 5.3, table 2)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from conceptatlas.net2vec.relation_tables import NEIGHBOUR_COLUMNS
from conceptatlas.net2vec.space import Space
from conceptatlas.net2vec.typed import typed_frame

Array = np.ndarray[Any, Any]

NEIGHBOUR_TYPES = {
    **dict.fromkeys(("dataset", "model", "layer", "task", "concept", "category", "neighbour"), "text"),
    **dict.fromkeys(("concept_index", "rank", "n_concepts"), "whole"),
    "small": "truth",
}


def cosines(unit: Array) -> Array:
    """Cosines of all pairs of concepts within every initialisation: float64 (repeat, concept, concept), symmetric.

    unit : (concept, repeat, unit), vectors of length 1.
    """
    n, repeats, _ = unit.shape
    out = np.empty((repeats, n, n))
    for repeat in range(repeats):
        vectors = np.ascontiguousarray(unit[:, repeat])
        upper = np.triu(vectors @ vectors.T)
        out[repeat] = upper + np.triu(upper, 1).T  # the same number whichever concept asks
    return np.clip(out, -1, 1)


def spread_over_repeats(values: Array) -> Array:
    """Standard deviation (n - 1) over the first axis, the initialisations; NaN where there is only one."""
    if len(values) < 2:
        return np.full(values.shape[1:], np.nan)
    spread: Array = values.std(axis=0, ddof=1)
    return spread


def share_below(values: Array, ascending: Array) -> Array:
    """Share of the sorted numbers `ascending` that are lower than each value; NaN where there are none.

    >>> share_below(np.array([0.5, 2.0]), np.array([0.0, 0.5, 1.0, 1.5])).tolist()
    [0.25, 1.0]
    """
    if not len(ascending):
        return np.full(values.shape, np.nan)
    return np.searchsorted(ascending, values, side="left") / len(ascending)


def neighbour_table(space: Space, *, n: int) -> pd.DataFrame:
    """The `n` nearest concepts of every concept (fewer where the space is smaller), nearest first.

    Every concept with a direction has rows, small ones too; only members of the space are neighbours. Equal cosines
    keep the order of the vocabulary.
    """
    cosine = cosines(space.unit)
    spread = spread_over_repeats(cosine)
    members = np.flatnonzero(space.member)
    first, second = np.triu_indices(len(members), 1)
    pairs = np.sort(cosine[0, members[first], members[second]]) if len(members) else np.zeros(0)
    rows = []
    for at, described in enumerate(space.described):
        others = members[members != at]
        nearest = others[np.argsort(-cosine[0, at, others], kind="stable")[:n]]
        above = share_below(cosine[0, at, nearest], pairs)
        rows += [
            described
            | {
                "rank": rank,
                "neighbour": space.concept[other],
                "cosine": cosine[0, at, other],
                "cosine_sd": spread[at, other],
                "above": share,
                "n_concepts": len(members),
            }
            for rank, (other, share) in enumerate(zip(nearest, above, strict=True), start=1)
        ]
    return typed_frame(NEIGHBOUR_COLUMNS, rows, NEIGHBOUR_TYPES)
