"""The causal check: a unit is changed in r, the picture regenerated and fed back. Does the unit itself follow?

A link that ignores a unit says nothing of it: its pictures show what else is in w. So every unit carries a verdict,
from the direction in which the classifier's own value moves, and from whether it moves more when the unit itself is
changed than when another one is (the null: units permuted).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from scipy.stats import t as student

from conceptatlas.inference.multiple_testing import benjamini_hochberg
from conceptatlas.inference.shares import wilson_interval

Array = np.ndarray[Any, Any]

VERDICTS = {
    "follows": "its own value rises with it at more than half of the starting points (the whole interval), and more "
    "than when other units are changed",
    "follows_unspecifically": "it rises, but it rises as much when other units are changed",
    "opposite": "its own value falls where it should rise (the whole interval below one half)",
    "unclear": "neither direction is certain",
    "ignored": "the pictures do not change with it: the link ignores it",
    "constant": "it has one value over all training pairs: there is nothing to tune",
}
SPECIFIC = 0.05
"""Share of other units whose change moves this unit as much, above which it follows unspecifically; with fewer than 20
tuned units: any."""
UNCHANGED = 1e-6
"""Mean change of a colour value (0..1) below which pictures do not change."""


class OwnResponse(NamedTuple):
    """One unit's answer to its own change, over starting points.

    share_right : at how many of them its value is larger in the last picture than in the first; low, high (Wilson).
    slope : mean change of its value by the change that was set (1: as claimed); low, high (Student).
    share_monotonic : at how many its value rises from each picture to the next.
    """

    n: int
    share_right: float
    share_low: float
    share_high: float
    slope: float
    slope_low: float
    slope_high: float
    share_monotonic: float


def own_response(own: Array, reach: float, *, confidence: float) -> OwnResponse:
    """Statistics of one unit.

    own : (point, step), the unit's value in what the classifier makes of each picture. reach : of the values that were
    set, largest less least.
    """
    n = len(own)
    rise = own[:, -1] - own[:, 0]
    right, steady = int((rise > 0).sum()), int((np.diff(own, axis=1) > 0).all(axis=1).sum())
    low, high = wilson_interval(right, n, confidence=confidence)
    slopes = rise / reach if reach > 0 else np.full(n, np.nan)
    half = np.nan
    if n > 1:
        half = float(student.ppf(0.5 + confidence / 2, n - 1) * slopes.std(ddof=1) / np.sqrt(n))
    slope = float(slopes.mean()) if n else np.nan
    return OwnResponse(
        n, right / n if n else np.nan, low, high, slope, slope - half, slope + half, steady / n if n else np.nan
    )


class Specific(NamedTuple):
    """A unit's own answer against its answers when other tuned units are changed, each (unit,).

    p : (1 + others that move it as much or more) / (1 + others). q : the same by Benjamini and Hochberg.
    null_share, null_response : mean over the others of the share of starting points at which it rose, and of its mean
    change. rank : of the unit among all units of the classifier by how much they move with it, in standard deviations
    (1: it moves most). moved_most : the unit that does.
    """

    p: Array
    q: Array
    null_share: Array
    null_response: Array
    rank: Array
    moved_most: Array


def specific(response: Array, risen: Array, units: Array, spread: Array, *, n: int) -> Specific:
    """Compare every tuned unit with the others.

    Parameters
    ----------
    response, risen : (unit tuned, K), see `tuning.Tuned`, units with nothing to tune left out. units : int64 (unit
        tuned,), their positions among the K. spread : (K,), standard deviation of every unit of the classifier.
    n : starting points.
    """
    k = len(units)
    mean, share = response / n, risen / n
    own = mean[np.arange(k), units]
    among = mean[:, units]  # row: changed, column: read
    as_much = (among >= own[None, :]).sum(axis=0) - 1  # itself
    p = (1 + as_much) / k if k > 1 else np.full(k, np.nan)
    others = max(k - 1, 1)
    null_share = (share[:, units].sum(axis=0) - share[np.arange(k), units]) / others
    null_response = (among.sum(axis=0) - own) / others
    with np.errstate(invalid="ignore", divide="ignore"):
        moved = np.where(spread > 0, np.abs(mean) / spread, 0)
    rank = 1 + (moved > moved[np.arange(k), units][:, None]).sum(axis=1)
    if k < 2:
        null_share, null_response = np.full(k, np.nan), np.full(k, np.nan)
    return Specific(p, benjamini_hochberg(p), null_share, null_response, rank, moved.argmax(axis=1))


def verdict(answer: OwnResponse, *, reach: float, image_change: float, p: float, smallest_p: float) -> str:
    """One of `VERDICTS`.

    image_change : mean over starting points. p, smallest_p : see `Specific`; what no unit can be below is no fault.
    """
    if not reach > 0:
        return "constant"
    if image_change < UNCHANGED:
        return "ignored"
    if answer.share_low > 0.5:
        unspecific = np.isfinite(p) and p > max(SPECIFIC, smallest_p)
        return "follows_unspecifically" if unspecific else "follows"
    return "opposite" if answer.share_high < 0.5 else "unclear"
