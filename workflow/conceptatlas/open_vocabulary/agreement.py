"""Do the labels of masks and of words agree? Same name, same category, cosine of the names, against chance."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from conceptatlas.inference.shares import wilson_interval
from conceptatlas.open_vocabulary.concept_set import folded
from conceptatlas.seeds import generator

Array = np.ndarray[Any, Any]


def same(a: list[str], b: list[str]) -> Array:
    """Whether names are the same, folded: bool (unit,)."""
    return np.array([folded(x) == folded(y) for x, y in zip(a, b, strict=True)], dtype=bool)


def chance_of_same(a: list[str], b: list[str]) -> float:
    """Expected share of names of a that equal a name drawn from b: sum over names of n_a n_b / (len(a) len(b)).

    >>> chance_of_same(["x", "x", "y", "z"], ["x", "y", "y", "x"])
    0.375
    """
    if not a or not b:
        return float("nan")
    first, second = Counter(map(folded, a)), Counter(map(folded, b))
    return sum(n * second[name] for name, n in first.items()) / (len(a) * len(b))


def chance_of_cosine(a: Array, b: Array) -> float:
    """Expected mean cosine of vectors of a with vectors drawn from b: that of all pairs.

    a, b : (unit, dim), rows of length 1.
    """
    return float(a.mean(axis=0) @ b.mean(axis=0)) if len(a) and len(b) else float("nan")


def share(hits: Array, *, confidence: float) -> tuple[float, float, float]:
    """Share of true ones with Wilson's interval; NaN without any."""
    n = len(hits)
    low, high = wilson_interval(int(hits.sum()), n, confidence=confidence)
    if n:  # rounding leaves a hair beside 0 and 1
        low, high = low if hits.any() else 0.0, high if not hits.all() else 1.0
    return (float(hits.mean()) if n else float("nan")), low, high


def mean_over_units(values: Array, *, confidence: float, seed: int, name: str, n: int) -> tuple[float, float, float]:
    """Mean with its percentile interval over resampled units; no interval below 8 units or without draws."""
    values = values[np.isfinite(values)]
    if not len(values):
        return float("nan"), float("nan"), float("nan")
    if len(values) < 8 or not n:
        return float(values.mean()), float("nan"), float("nan")
    drawn = values[generator(seed, name, "resampled units").integers(0, len(values), (n, len(values)))].mean(axis=1)
    tail = 50 * (1 - confidence)
    low, high = np.percentile(drawn, [tail, 100 - tail])
    return float(values.mean()), float(low), float(high)
