"""Whether two spaces arrange the same pictures alike: clusters against classes, similarities against similarities.

Per repeat some held-out pairs of every class are drawn. k-means in W and in R, against the classes, gives the adjusted
Rand index (Hubert and Arabie 1985). The similarity (Pearson correlation of two pictures' vectors) and dissimilarity
(Euclidean distance) matrices of the two spaces are correlated over all pairs of pictures, and over those of one class
after the mean of each class has been taken away: classes that lie apart in both spaces make the first large whatever
happens inside them. Source: Wehrheim et al. (2024), Fig. 3A.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from conceptatlas.linking.pair_file import Pairs
from conceptatlas.linking.prediction import Estimate, estimate, shuffled_within
from conceptatlas.progress import progress
from conceptatlas.seeds import derive_seed, generator

Array = np.ndarray[Any, Any]

KINDS = ("similarity", "dissimilarity")


def congruence_estimates(
    pairs: Pairs, *, n_repeats: int, n_examples: int, n_inits: int, confidence: float, seed: int
) -> list[Estimate]:
    """Adjusted Rand index in W and R, and correlations of the spaces' matrices, each the mean over repeats.

    Intervals are percentiles over the repeats (they overlap in examples, so these show the spread of the draw, not of
    the population). The null shuffles which r goes with which w, once a repeat: over all examples for `total`, within
    classes for `within class`; for the Rand index it shuffles the classes.
    """
    present, counts = np.unique(pairs.classes, return_counts=True)
    if len(present) < 2 or counts.min() < 3:
        return []
    found: dict[tuple[str, str], list[float]] = {}
    null: dict[tuple[str, str], list[float]] = {}
    n = 0
    for repeat in progress(range(n_repeats), description="congruence of the spaces", unit="repeat"):
        rng = generator(seed, "congruence", repeat)
        rows = np.concatenate(
            [rng.permutation(np.flatnonzero(pairs.classes == index))[:n_examples] for index in present]
        )
        block = pairs.take(rows)
        n = len(rows)
        for name, values in (("w", block.w), ("r", block.r)):
            clusters = cluster(values, len(present), n_inits=n_inits, seed=derive_seed(seed, "k-means", name, repeat))
            found.setdefault((f"ari_{name}", "total"), []).append(rand_index(clusters, block.classes))
            null.setdefault((f"ari_{name}", "total"), []).append(rand_index(clusters, rng.permutation(block.classes)))
        orders = {"total": rng.permutation(n), "within class": shuffled_within(block.classes, rng)}
        for kind in KINDS:
            one, other = matrix(block.w, kind), matrix(block.r, kind)
            for scope, order in orders.items():
                within = block.classes if scope == "within class" else None
                found.setdefault((f"{kind}_correlation", scope), []).append(correlate(one, other, within))
                shuffled = other[np.ix_(order, order)]
                null.setdefault((f"{kind}_correlation", scope), []).append(correlate(one, shuffled, within))
    return [
        estimate(measure, scope, float(np.nanmean(values)), values, null[measure, scope], n=n, confidence=confidence)
        for (measure, scope), values in found.items()
    ]


def cluster(values: Array, k: int, *, n_inits: int, seed: int) -> Array:
    """k-means clusters of rows, the best of `n_inits` k-means++ initialisations: int (n,)."""
    from sklearn.cluster import KMeans

    found: Array = KMeans(k, n_init=n_inits, random_state=seed % 2**32).fit_predict(values.astype(np.float64))
    return found


def rand_index(clusters: Array, classes: Array) -> float:
    """Adjusted Rand index of two partitions: 1 for the same one, 0 on average for random ones."""
    from sklearn.metrics import adjusted_rand_score

    return float(adjusted_rand_score(classes, clusters))


def matrix(values: Array, kind: str) -> Array:
    """Pearson correlations (`similarity`) or Euclidean distances (`dissimilarity`) between rows: float64 (n, n).

    A row that does not vary has correlation 0 with every other.
    """
    values = np.asarray(values, dtype=np.float64)
    if kind == "similarity":
        centred = values - values.mean(1, keepdims=True)
        length = np.sqrt((centred**2).sum(1, keepdims=True))
        unit = np.divide(centred, length, out=np.zeros_like(centred), where=length > 0)
        return np.asarray(unit @ unit.T)
    squares = (values**2).sum(1)
    distance = squares[:, None] + squares[None, :] - 2 * values @ values.T
    return np.asarray(np.sqrt(np.maximum(distance, 0)))


def correlate(one: Array, other: Array, classes: Array | None = None) -> float:
    """Pearson correlation of two matrices over pairs i < j; with classes, over pairs of one class, relative to the mean
    over the pairs of that class in each matrix. NaN where nothing varies."""
    i, j = np.triu_indices(len(one), 1)
    if classes is not None:
        same = classes[i] == classes[j]
        i, j = i[same], j[same]
    a, b = one[i, j], other[i, j]
    groups = np.zeros(len(a), dtype=np.int64) if classes is None else np.unique(classes[i], return_inverse=True)[1]
    counts = np.maximum(np.bincount(groups), 1)
    a = a - (np.bincount(groups, a) / counts)[groups]
    b = b - (np.bincount(groups, b) / counts)[groups]
    length = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / length if length > 1e-12 * max(1.0, float(a @ a)) else float("nan")
