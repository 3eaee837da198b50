"""Permutation p-values."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def permutation_p(observed: Array, null: Array) -> Array:
    """p = (1 + #{null >= observed}) / (1 + R), shape (item,); NaN where the observed value is undefined.

    observed : (item,). null : (R, item). The smallest attainable value is `smallest_p(R)`.
    """
    exceed = (null >= observed[None, :]).sum(axis=0)
    p = (1 + exceed) / (1 + null.shape[0])
    return np.where(np.isnan(observed), np.nan, p)


def smallest_p(n_permutations: int) -> float:
    """1 / (1 + R): no permutation test with R permutations can give less."""
    return 1 / (1 + n_permutations)
