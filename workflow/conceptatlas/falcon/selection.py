"""Which images activate a feature highly, by three rules (Kalibhat et al. 2023, section 2, and its published code).

A representation is the matrix h (image, feature) of pooled activations whose rows have length 1.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from conceptatlas.naming import unknown

Array = np.ndarray[Any, Any]

RULES = ("mean_sd", "quantile", "top_n")
"""One number for the whole matrix: its mean plus so many standard deviations; a quantile of each feature; the highest
images of each feature."""


class High(NamedTuple):
    """What counts as high.

    sets : bool (image, feature), whether an image activates a feature highly.
    alpha : float64 (feature,), the value that such an image exceeds; with `top_n` the lowest value of the set, which
        it reaches. NaN for a feature without high images.
    """

    sets: Array
    alpha: Array


def normalise_rows(features: Array, valid: Array | None = None) -> Array:
    """Rows at length 1, float32 (image, feature).

    valid : bool (image,); rows of other images, and rows of zeros, are 0.
    """
    rows = np.array(features, dtype=np.float64)
    if valid is not None:
        rows[~np.asarray(valid, dtype=bool)] = 0
    if not np.isfinite(rows).all():
        raise ValueError("a representation holds values that are no numbers; run the extraction of the layer again")
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.divide(rows, length, out=np.zeros_like(rows), where=length > 0).astype(np.float32)


def high_images(
    h: Array,
    *,
    rule: str,
    sds: float = 5.0,
    quantile: float = 0.995,
    top_n: int = 20,
    valid: Array | None = None,
) -> High:
    """The images that activate each feature highly.

    Parameters
    ----------
    h : (image, feature). valid : bool (image,); others count nowhere.
    rule : `mean_sd`: more than the mean of the whole matrix plus `sds` (population) standard deviations of it, the
        published code's; `quantile`: more than that quantile of the feature over the images; `top_n`: the `top_n`
        highest images of the feature, ties to the earlier image.

    A feature that is the same in all images has no high images under any rule.

    Raises
    ------
    ValueError
        for an unknown rule, or no valid image.
    """
    keep = np.ones(len(h), dtype=bool) if valid is None else np.asarray(valid, dtype=bool)
    rows = np.asarray(h, dtype=np.float64)[keep]
    if not len(rows):
        raise ValueError("no valid image: nothing can activate a feature")
    n_features = rows.shape[1]
    if rule == "mean_sd":
        alpha = np.full(n_features, rows.mean() + sds * rows.std())
        inside = rows > alpha
    elif rule == "quantile":
        alpha = np.quantile(rows, quantile, axis=0)
        inside = rows > alpha
    elif rule == "top_n":
        order = np.argsort(-rows, axis=0, kind="stable")[:top_n]
        inside = np.zeros(rows.shape, dtype=bool)
        np.put_along_axis(inside, order, values=True, axis=0)
        alpha = np.take_along_axis(rows, order[-1:], axis=0)[0]
    else:
        raise unknown("rule of selection", rule, RULES, where="falcon.selection.rule")
    inside[:, rows.max(axis=0) == rows.min(axis=0)] = False
    sets = np.zeros(np.shape(h), dtype=bool)
    sets[keep] = inside
    return High(sets, np.where(inside.any(axis=0), alpha, np.nan))
