"""How the change vectors of all units lie to each other: map, clusters, labels that change together.

Source: Wehrheim et al. 2024, Fig. 5B, C: t-SNE (van der Maaten & Hinton 2008; here openTSNE, Policar et al. 2019) of
the changes in area, coloured by the label that changes most; hierarchical clusters (Ward 1963) with their mean change.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage

from conceptatlas.seeds import derive_seed, generator

Array = np.ndarray[Any, Any]

MIN_MAPPED = 5
"""Units that a map needs."""


def scaled(vectors: Array) -> Array:
    """Change vectors (unit, label) with undefined entries 0; all by one number, so that their proportions stay."""
    filled = np.nan_to_num(vectors.astype(np.float64))
    size = np.sqrt((filled * filled).sum(axis=1).mean()) if len(filled) else 0.0
    return filled / size if size > 0 else filled


def tsne_map(vectors: Array, *, perplexity: float, seed: int) -> Array:
    """Places of change vectors on a plane, float64 (unit, 2); NaN for fewer than 5 units.

    vectors : (unit, label), from `scaled`. perplexity : at most a third of the units less one.
    """
    n = len(vectors)
    if n < MIN_MAPPED:
        return np.full((n, 2), np.nan)
    from openTSNE import TSNE

    if vectors.shape[1] < 2:  # one label: its principal components need a second column
        vectors = np.column_stack([vectors, np.zeros((n, 2 - vectors.shape[1]))])
    fitted = TSNE(
        perplexity=min(perplexity, (n - 1) / 3),
        initialization="pca" if np.ptp(vectors, axis=0).max() > 0 else "random",
        negative_gradient_method="bh",  # the same for any number of threads
        neighbors="exact",
        n_jobs=1,
        random_state=derive_seed(seed, "map of units") % 2**31,
    ).fit(np.ascontiguousarray(vectors))
    return np.asarray(fitted, dtype=np.float64)


def ward_clusters(vectors: Array, *, cut: float) -> Array:
    """Numbers of Ward's clusters, int64 (unit,), from 1, largest first.

    cut : height at which the tree is cut, as a share of the height of its last merger.
    """
    if len(vectors) < 2:
        return np.ones(len(vectors), dtype=np.int64)
    tree = linkage(vectors, method="ward")
    top = float(tree[-1, 2])
    if not top > 0:
        return np.ones(len(vectors), dtype=np.int64)
    raw = fcluster(tree, cut * top, criterion="distance")
    numbers, first, counts = np.unique(raw, return_index=True, return_counts=True)
    order = np.lexsort((first, -counts))
    renamed = np.empty(numbers.max() + 1, dtype=np.int64)
    renamed[numbers[order]] = np.arange(1, len(numbers) + 1)
    found: Array = renamed[raw]
    return found


def strongest(vectors: Array) -> tuple[Array, Array]:
    """Label that changes most and its change: int64 (unit,), -1 where none is defined or nothing changes; float64."""
    size = np.nan_to_num(np.abs(vectors))
    at = size.argmax(axis=1) if vectors.shape[1] else np.zeros(len(vectors), dtype=np.int64)
    value = vectors[np.arange(len(vectors)), at] if vectors.shape[1] else np.full(len(vectors), np.nan)
    nothing = ~(size.max(axis=1, initial=0) > 0)
    return np.where(nothing, -1, at), np.where(nothing, np.nan, value)


def label_correlations(
    vectors: Array, *, n_permutations: int, n_draws: int, confidence: float, seed: int
) -> dict[str, Array]:
    """Pearson correlation of the changes of two labels over units: labels whose representations depend on each other.

    vectors : (unit, label), NaN where undefined; a pair is compared over units at which both are defined.

    Returns
    -------
    r, low, high, p, null_high : float64 (label, label); n : int64. NaN for fewer than three units and constant labels.
    Interval: units resampled; p: one label's units permuted, two-sided; null_high: 95 % quantile of |r| under it.
    """
    n_units, n_labels = vectors.shape
    found = {name: np.full((n_labels, n_labels), np.nan) for name in ("r", "low", "high", "p", "null_high")}
    counts = np.zeros((n_labels, n_labels), dtype=np.int64)
    there = np.isfinite(vectors)
    tail = 100 * (1 - confidence) / 2
    for a in range(n_labels):
        for b in range(a, n_labels):
            rows = np.flatnonzero(there[:, a] & there[:, b])
            x, y = vectors[rows, a].astype(np.float64), vectors[rows, b].astype(np.float64)
            counts[a, b] = counts[b, a] = len(rows)
            if len(rows) < 3 or not np.ptp(x) > 0 or not np.ptp(y) > 0:
                continue
            rng = generator(seed, "label pairs", a, b, n_units)
            r = _pearson(x[None], y[None])[0]
            values = {"r": r}
            if a != b and n_permutations:
                order = rng.permuted(np.tile(np.arange(len(rows)), (n_permutations, 1)), axis=1)
                null = np.abs(_pearson(x[None], y[order]))
                values["p"] = (1 + (null >= abs(r) - 1e-12).sum()) / (1 + n_permutations)
                values["null_high"] = np.quantile(null, 0.95)
            if a != b and n_draws:
                drawn = rng.integers(0, len(rows), (n_draws, len(rows)))
                limits = np.nanpercentile(_pearson(x[drawn], y[drawn]), [tail, 100 - tail])
                values["low"], values["high"] = limits
            for name, value in values.items():
                found[name][a, b] = found[name][b, a] = value
    return found | {"n": counts}


def _pearson(x: Array, y: Array) -> Array:
    """Correlation along the last axis."""
    x, y = x - x.mean(axis=-1, keepdims=True), y - y.mean(axis=-1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        r: Array = (x * y).sum(axis=-1) / np.sqrt((x * x).sum(axis=-1) * (y * y).sum(axis=-1))
    return r
