"""Intervals of shares."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np


def wilson_interval(n: int, total: int, *, confidence: float = 0.95) -> tuple[float, float]:
    """Wilson's interval of a share n / total (Wilson 1927), within 0..1; NaN without draws.

    >>> tuple(round(x, 4) for x in wilson_interval(5, 10))
    (0.2366, 0.7634)
    """
    if not total:
        return float("nan"), float("nan")
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    share = n / total
    centre = share + z * z / (2 * total)
    half = z * np.sqrt(share * (1 - share) / total + z * z / (4 * total * total))
    scale = 1 + z * z / total
    low = 0.0 if n == 0 else (centre - half) / scale  # exactly: rounding would leave -1e-17
    high = 1.0 if n == total else (centre + half) / scale
    return float(low), float(high)
