"""What a classifier of Net2Vec sees of an image: the spatial mean of every unit, as it is or standardised."""

from __future__ import annotations

from typing import Any

import numpy as np

from conceptatlas.datasets.splits import NEITHER, TRAIN, Split
from conceptatlas.naming import unknown

Array = np.ndarray[Any, Any]

FEATURES = ("raw", "standardised")
_ROWS = 4096


def feature_scale(features: Array, of: Array, kind: str) -> tuple[Array, Array]:
    """What to subtract from a feature and what to multiply it with: float64 (unit,), twice.

    raw : 0 and 1. standardised : the mean of the unit over training images, and 1 / its standard deviation (1 for a
    unit that does not vary). Raises ValueError for another kind.
    """
    n_units = features.shape[1]
    if kind not in FEATURES:
        raise unknown("features", kind, FEATURES, where="net2vec.classification")
    train = np.flatnonzero(of == TRAIN)
    if kind == "raw" or not len(train):
        return np.zeros(n_units), np.ones(n_units)
    total, squares = np.zeros(n_units), np.zeros(n_units)
    for rows in _pieces(train):
        total += features[rows].astype(np.float64).sum(axis=0)
    mean = total / len(train)
    for rows in _pieces(train):
        squares += ((features[rows].astype(np.float64) - mean) ** 2).sum(axis=0)
    deviation = np.sqrt(squares / len(train))
    varies = deviation > 1e-12 * np.abs(mean)  # what is left of a constant is the rounding of its mean
    return mean, np.where(varies, 1 / np.where(varies, deviation, 1.0), 1.0)


def check_features(features: Array, split: Split, where: str) -> None:
    """Raise ValueError if features (image, unit) are of other images, or not finite in one that counts.

    where : the layer and its file, for the message.
    """
    if features.ndim != 2 or len(features) != split.n_images:
        raise ValueError(
            f"{where}: mean_pooled has shape {features.shape}, the data set has {split.n_images} images; the "
            "statistics are those of another data set or an older one: run them again"
        )
    for rows in _pieces(np.flatnonzero(split.of != NEITHER)):
        bad = ~np.isfinite(features[rows])
        if bad.any():
            image, unit = np.argwhere(bad)[0]
            raise ValueError(
                f"{where}: mean_pooled of unit {unit} in image {split.ids[rows[image]]!r} is "
                f"{features[rows[image], unit]}, expected finite numbers; store the layer as dtype: float32"
            )


def _pieces(rows: Array) -> list[Array]:
    return [rows[first : first + _ROWS] for first in range(0, len(rows), _ROWS)]
