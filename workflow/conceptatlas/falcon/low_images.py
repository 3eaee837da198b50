"""Lowly activating counterfactual images: what a feature's images have in common without the feature (equation 2).

L = images in which every feature of the group lies below epsilon and whose other features, h over V = all features but
the group's, have a dot product of at least beta with the mean of the highly activating images over V.
Source: Kalibhat et al. 2023, equation 2; epsilon, the best ten and "not cropped" from the published code.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

Array = np.ndarray[Any, Any]


class Low(NamedTuple):
    """images : int64, most similar first. likeness : float64, their dot products. n_found : before the cut. epsilon :
    the limit used."""

    images: Array
    likeness: Array
    n_found: int
    epsilon: float


def low_images(
    h: Array,
    features: Sequence[int],
    high: Array,
    *,
    epsilon: float | None = None,
    beta: float = 0.3,
    n_low: int = 10,
    valid: Array | None = None,
) -> Low:
    """The lowly activating counterfactual images of a group of features.

    Parameters
    ----------
    h : (image, feature), rows of length 1. high : int (image,), the highly activating images.
    epsilon : a feature below it is low; None: the mean of the whole matrix over valid images.
    beta : least dot product. n_low : at most so many, the most similar; ties to the earlier image.
    """
    keep = np.ones(len(h), dtype=bool) if valid is None else np.asarray(valid, dtype=bool)
    rows = np.asarray(h, dtype=np.float64)
    limit = float(rows[keep].mean()) if epsilon is None else epsilon
    others = np.ones(rows.shape[1], dtype=bool)
    others[list(features)] = False
    likeness = rows[:, others] @ rows[high][:, others].mean(axis=0)
    low = keep & (rows[:, list(features)] < limit).all(axis=1) & (likeness >= beta)
    found = np.flatnonzero(low)
    best = found[np.argsort(-likeness[found], kind="stable")][:n_low].astype(np.int64)
    return Low(best, likeness[best], len(found), limit)
