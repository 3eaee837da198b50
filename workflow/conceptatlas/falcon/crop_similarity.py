"""How alike the crops of a group are to the image-text encoder: the interpretability score of Kalibhat et al. 2023."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def mean_similarity(embeddings: Array, *, diagonal: str = "exclude") -> float:
    """Mean cosine of all pairs of rows of unit length (image, dim).

    diagonal : `exclude` each row's cosine of 1 with itself, or `include` it, as the published code does (with n rows it
    adds (1 - s) / n). NaN for fewer than 2 rows.
    """
    n = len(embeddings)
    if n < 2:
        return float("nan")
    total = np.asarray(embeddings, dtype=np.float64).sum(axis=0)
    return float(_mean(float(total @ total), n, diagonal))


def random_similarities(embeddings: Array, draws: Any, size: int, *, diagonal: str = "exclude") -> Array:
    """The same for random sets of rows: float64 (set,). draws : sparse 0/1 (set, row); size : rows of a set."""
    sums = np.asarray(draws @ np.asarray(embeddings, dtype=np.float64))
    if size < 2:
        return np.full(len(sums), np.nan)
    return np.array([_mean(square, size, diagonal) for square in np.einsum("ij,ij->i", sums, sums)])


def percentile(value: float, null: Array) -> float:
    """Percentage of random sets below a value, ties by half; NaN where there is nothing to compare."""
    if not len(null) or np.isnan(value):
        return float("nan")
    return float(100 * ((null < value).mean() + 0.5 * (null == value).mean()))


def similarity_interval(embeddings: Array, draws: Array, *, diagonal: str, confidence: float) -> tuple[float, float]:
    """Percentile interval of `mean_similarity` over resampled images; pairs of an image with itself do not count.

    draws : int (draw, image), how often each image is drawn.
    """
    if len(embeddings) < 2 or not len(draws):
        return float("nan"), float("nan")
    rows = np.asarray(embeddings, dtype=np.float64)
    gram = rows @ rows.T
    own = np.diag(gram).copy()
    weight = draws.astype(np.float64)
    total = np.einsum("ri,ij,rj->r", weight, gram, weight) - (weight**2) @ own  # pairs of different images
    pairs = weight.sum(axis=1) ** 2 - (weight**2).sum(axis=1)
    value = np.divide(total, pairs, out=np.full(len(weight), np.nan), where=pairs > 0)
    if diagonal == "include":
        value += (1 - value) / len(rows)
    tail = 100 * (1 - confidence) / 2
    if np.isfinite(value).mean() <= 0.5:
        return float("nan"), float("nan")
    low, high = np.nanpercentile(value, [tail, 100 - tail])
    return float(low), float(high)


def _mean(square: float, n: int, diagonal: str) -> float:
    return square / n**2 if diagonal == "include" else (square - n) / (n * (n - 1))
