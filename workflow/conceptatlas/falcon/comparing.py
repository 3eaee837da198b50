"""Single features against the groups that hold them (Kalibhat et al. 2023, figure 4)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from conceptatlas.seeds import generator

Array = np.ndarray[Any, Any]
Rows = list[dict[str, Any]]


def compare_with_members(about: Rows) -> Rows:
    """A row for every group of several features and each of these that is explained alone.

    about : rows of explained.parquet.
    """
    single = {row["group"]: row for row in about if row["n_features"] == 1}
    rows = []
    for group in about:
        members = group["group"].split("-") if group["n_features"] > 1 else []
        for member in members:
            one = single.get(member)
            if one is None:
                continue
            rows.append(
                {
                    "group": group["group"], "feature": int(member),
                    "n_high_group": group["n_high"], "n_high_feature": one["n_high"],
                    "similarity_group": group["similarity"], "similarity_feature": one["similarity"],
                    "similarity_difference": group["similarity"] - one["similarity"],
                    "percentile_group": group["percentile"], "percentile_feature": one["percentile"],
                    "score_group": group["best_score"], "score_feature": one["best_score"],
                    "score_difference": group["best_score"] - one["best_score"],
                    "explained_group": group["explained"], "explained_feature": one["explained"],
                }
            )  # fmt: skip
    return rows


class Paired(NamedTuple):
    """value : mean over groups of the mean difference to their members. low, high : its interval. n : groups."""

    value: float
    low: float
    high: float
    n: int


def paired_difference(
    groups: Sequence[str], differences: Array, *, n_bootstrap: int, confidence: float, seed: int
) -> Paired:
    """Mean paired difference, each group counting once, with a bootstrap interval over groups.

    groups : the group of each row. differences : float64 (row,); rows without a value are left out. No interval with
    fewer than 8 groups.
    """
    value = np.asarray(differences, dtype=np.float64)
    names = np.asarray(groups, dtype=object)[np.isfinite(value)]
    value = value[np.isfinite(value)]
    if not len(value):
        return Paired(float("nan"), float("nan"), float("nan"), 0)
    known, inverse = np.unique(names.astype(str), return_inverse=True)
    means = np.bincount(inverse, weights=value) / np.bincount(inverse)
    low = high = float("nan")
    if len(known) >= 8 and n_bootstrap:
        rng = generator(seed, "paired difference", len(known))
        draws = rng.integers(len(known), size=(n_bootstrap, len(known)))
        tail = 100 * (1 - confidence) / 2
        low, high = (float(v) for v in np.percentile(means[draws].mean(axis=1), [tail, 100 - tail]))
    return Paired(float(means.mean()), low, high, len(known))
