"""Representational similarity: Spearman correlation of the dissimilarities 1 - Pearson between images (RSA).

Source: Kriegeskorte et al. 2008. Per layer the dissimilarities of all pairs of images are ranked once; a pair of layers
is then one dot product. In several batches of images the correlation is the mean over batches. An image whose pooled
features are all equal has no Pearson correlation: its pairs are left out of both layers, and those left are ranked
again. It does not change with a permutation of units and one common scale.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.stats import rankdata

from conceptatlas.similarity.triangles import n_entries, upper

Array = np.ndarray[Any, Any]

MINIMUM_IMAGES = 3
"""Two images have one dissimilarity: nothing to rank."""
_FLAT = 1e-7
"""Spread over units, relative to their size, that counts as none: features are float32."""


def constant_images(features: Array) -> Array:
    """Images whose pooled features are equal in all units: bool (image,). features : (image, unit), not centred."""
    size = np.abs(features).max(axis=1, initial=0.0)
    spread = np.ptp(features, axis=1) if features.shape[1] else np.zeros(len(features))
    return np.asarray(spread <= _FLAT * size)


def rank_triangles(features: Array, batches: list[Array]) -> Array:
    """What RSA needs of a layer: scaled ranks of the dissimilarities of all batches, float32 (entry,), of length 1.

    4 bytes a pair of images, as for CKA.

    features : (image, unit), pooled, as stored. batches : positions of the images of each. Pairs with a constant image
    are ranked with the others as dissimilarity 1 and must be left out with `without`. Empty below 3 images a batch.
    """
    if min((len(images) for images in batches), default=0) < MINIMUM_IMAGES:
        return np.zeros(0, dtype=np.float32)
    parts = [scaled_ranks(upper(1 - _pearson(np.asarray(features[images], dtype=np.float64)))) for images in batches]
    return (np.concatenate(parts) / np.sqrt(len(parts))).astype(np.float32)


def scaled_ranks(values: Array) -> Array:
    """Ranks, centred and of length 1, float64; zeros where all values are equal."""
    if not len(values):
        return np.zeros(0)
    ranks = rankdata(values)
    centred = ranks - ranks.mean()
    length = np.sqrt(centred @ centred)
    return centred / length if length > 0 else np.zeros(len(values))


def without(entries: Array, batches: list[Array], left_out: Array) -> tuple[Array, list[Array]]:
    """Triangles and batches without some images, ranked anew. left_out : bool (image,)."""
    parts, kept_batches, at = [], [], 0
    for images in batches:
        n = len(images)
        there = ~left_out[images]
        both = upper(there[:, None] & there[None, :])
        parts.append(scaled_ranks(np.asarray(entries[at : at + n_entries(n)], dtype=np.float64)[both]))
        kept_batches.append(images[there])
        at += n_entries(n)
    if min((len(images) for images in kept_batches), default=0) < MINIMUM_IMAGES:
        return np.zeros(0, dtype=np.float32), kept_batches
    return (np.concatenate(parts) / np.sqrt(len(parts))).astype(np.float32), kept_batches


def _pearson(rows: Array) -> Array:
    """Pearson correlations between rows, rounded so that equal ones are tied whatever the order of units."""
    scale = np.abs(rows).max(initial=0.0)
    rows = rows / scale if scale > 0 else rows
    centred = rows - rows.mean(axis=1, keepdims=True)
    length = np.sqrt((centred**2).sum(axis=1, keepdims=True))
    unit = np.divide(centred, length, out=np.zeros_like(centred), where=length > 0)
    return np.round(unit @ unit.T, 12)
