"""How well a score ranks what is sought before what is not."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def average_precision(positives: Array, everything: Array) -> float:
    """Area under the precision-recall curve as a step function: sum_t (R_t - R_{t-1}) P_t over distinct values.

    positives, everything : counts by order-keeping key (any length), low to high. NaN without positives. The same
    number as scikit-learn's ``average_precision_score`` for float16; for float32 the keys are the upper half of the
    pattern, so values that agree to about 1 % share a rank.
    """
    present = np.flatnonzero(everything)[::-1]
    hits = positives[present].astype(np.float64)
    total = hits.sum()
    if total == 0:
        return float("nan")
    precision = np.cumsum(hits) / np.cumsum(everything[present].astype(np.float64))
    return float((precision * hits).sum() / total)
