"""Thresholds, states and moments of units, from exact counts of bit patterns.

The same code measures stored units and the directions of any other basis: it takes a histogram and a way to pass over
the values once more, which only float32 needs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from conceptatlas.naming import unknown
from conceptatlas.streaming.histogram import OrderStatistics, PatternHistogram, RankFinder, rank_from_top
from conceptatlas.streaming.moments import Moments
from conceptatlas.streaming.ordered import N_PATTERNS, all_values, values_of

Array = np.ndarray[Any, Any]
Blocks = Callable[[], Iterator[tuple[Array, Array]]]
"""Each call passes over all values once: (maps (image, unit, height, width), valid (image,)), in the images' order."""

UNIT_STATES = ("live", "dead", "sparse", "saturated", "too_few")
"""live; dead: max = min; sparse: T = min < max (fires on less than tau of positions); saturated: T = max > min (its
mask is empty: a clipped layer); too_few: fewer than 1/tau values."""

DEFINITIONS = ("order_statistic", "netdissect_1000")
THRESHOLD_ON = ("stored", "upsampled")


def tau_levels(options: dict[str, Any]) -> list[str]:
    """The study's tau first, then the other levels of the sensitivity table, as they are written in the config."""
    own = str(options["tau"])
    return [own, *(str(tau) for tau in options["taus"] if str(tau) != own)]


def measure_units(
    histogram: PatternHistogram,
    blocks: Blocks,
    *,
    taus: list[str],
    definition: str,
    upsampled: Callable[[], tuple[PatternHistogram, Blocks]] | None = None,
) -> dict[str, Array]:
    """Everything about the units that follows from their values alone.

    Parameters
    ----------
    histogram : counts over all valid images. blocks : the same values, for the refining pass of float32.
    taus : levels as decimal numbers in text, the study's own first. definition : one of DEFINITIONS.
    upsampled : where thresholds are taken on upsampled maps: their histogram and the pass over them.

    Returns
    -------
    dict : ``thresholds`` float32 (level, unit), ``achieved`` float64 (level, unit), ``state`` uint8 (unit,),
    ``minimum``, ``maximum`` float32 (unit,), ``mean``, ``standard_deviation`` float64 (unit,).

    Raises
    ------
    ValueError
        for an unknown definition, or if no valid image was counted.
    """
    if definition not in DEFINITIONS:
        raise unknown("definition of thresholds", definition, DEFINITIONS)
    if histogram.n_values == 0:
        raise ValueError("no valid image: every image of the data set is in quarantine")
    counted, passes = (histogram, blocks) if upsampled is None else upsampled()
    found = order_statistics(counted, passes, wanted_ranks(taus, counted.n_values, definition))
    levels, achieved = levels_from_ranks(found, taus, counted.n_values, definition)
    extremes = order_statistics(histogram, blocks, (0, histogram.n_values - 1)).values
    maximum, minimum = extremes[:, 0].copy(), extremes[:, 1].copy()
    moments = moments_of(histogram, blocks)
    too_few = rank_from_top(taus[0], counted.n_values) == 0
    return {
        "thresholds": levels,
        "achieved": achieved,
        "state": unit_states(levels[0], minimum, maximum, too_few=too_few),
        "minimum": minimum,
        "maximum": maximum,
        "mean": moments.mean(),
        "standard_deviation": moments.standard_deviation(),
    }


def order_statistics(histogram: PatternHistogram, blocks: Blocks, ranks: tuple[int, ...]) -> OrderStatistics:
    """Values at ranks from the top (0: largest), exactly; float32 passes over the values once more."""
    finder = RankFinder(histogram, ranks=ranks)
    if finder.needs_refinement:
        for maps, valid in blocks():
            finder.refine(maps, skip=~valid)
    return finder.result()


def moments_of(histogram: PatternHistogram, blocks: Blocks) -> Moments:
    """Sums of values and squares per unit.

    float16: from the integer counts, so the same to the last bit for any number of shards; float32: image by image.
    """
    moments = Moments(histogram.counts.shape[0])
    if histogram.dtype == "float32":
        for maps, valid in blocks():
            moments.add(maps, skip=~valid)
        return moments
    values = np.nan_to_num(all_values(), posinf=0.0, neginf=0.0)
    for k in range(len(moments.total)):
        present = np.flatnonzero(histogram.counts[k])
        counts = histogram.counts[k, present].astype(np.float64)
        moments.total[k] = (counts * values[present]).sum()
        moments.squares[k] = (counts * values[present] ** 2).sum()
    moments.n_values = histogram.n_values
    return moments


def unit_states(threshold: Array, minimum: Array, maximum: Array, *, too_few: bool) -> Array:
    """State of every unit as an index into UNIT_STATES, uint8 (unit,). `too_few`: m = 0."""
    state = np.zeros(len(threshold), dtype=np.uint8)
    state[(threshold == minimum) & (minimum < maximum)] = UNIT_STATES.index("sparse")
    state[(threshold == maximum) & (minimum < maximum)] = UNIT_STATES.index("saturated")
    if too_few:
        state[:] = UNIT_STATES.index("too_few")
    state[minimum == maximum] = UNIT_STATES.index("dead")
    return state


def wanted_ranks(taus: list[str], n_values: int, definition: str) -> tuple[int, ...]:
    """Ranks from the top (0 = largest) that a definition needs: one a level, or two neighbours a level."""
    if definition == "order_statistic":
        return tuple(min(rank_from_top(tau, n_values), n_values - 1) for tau in taus)
    ranks: list[int] = []
    for tau in taus:
        below = (n_values - 1) * _netdissect_column(tau) // 999  # position from the top, counted in 999ths
        ranks += [below, min(below + 1, n_values - 1)]
    return tuple(ranks)


def levels_from_ranks(found: OrderStatistics, taus: list[str], n_values: int, definition: str) -> tuple[Array, Array]:
    """Thresholds float32 (level, unit) and achieved shares float64 (level, unit) from order statistics.

    ``order_statistic``: T is the (m+1)-th largest value, m = floor(tau M). ``netdissect_1000``: column
    round(1000 tau) of 1000 quantile points from the top, level 1 - round(1000 tau)/999, linear between neighbours;
    nothing lies between two neighbouring values, so the share above T follows from the two.
    """
    if definition == "order_statistic":
        return found.values.T.copy(), found.above.T / n_values
    levels = np.zeros((len(taus), found.values.shape[0]), dtype=np.float32)
    above = np.zeros(levels.shape, dtype=np.int64)
    for j, tau in enumerate(taus):
        upper, lower = found.values[:, 2 * j], found.values[:, 2 * j + 1]
        share = ((n_values - 1) * _netdissect_column(tau) % 999) / 999  # how far below the upper neighbour
        exact = upper.astype(np.float64) + (lower.astype(np.float64) - upper) * share
        levels[j] = exact.astype(np.float32)
        between = np.where(levels[j] <= lower, found.above[:, 2 * j + 1], found.ranks[2 * j] + 1)
        above[j] = np.where(levels[j] >= upper, found.above[:, 2 * j], between)
    return levels, above / n_values


def _netdissect_column(tau: str) -> int:
    return round(1000 * float(tau))


def pattern_values(dtype: str) -> Array:
    """float64 value of every key of a histogram; for float32 the lower end of the key's bin."""
    if dtype == "float16":
        return all_values()
    keys = np.arange(N_PATTERNS, dtype=np.uint32) << np.uint32(16)
    with np.errstate(invalid="ignore"):
        return values_of(keys).astype(np.float64)


def distribution(histogram: PatternHistogram, minimum: Array, maximum: Array, *, n_bins: int) -> tuple[Array, Array]:
    """Counts in equal bins between a unit's extremes: edges float32 (unit, bin+1), counts int64 (unit, bin)."""
    edges = np.linspace(minimum, maximum, n_bins + 1, axis=1, dtype=np.float64)
    counts = np.zeros((len(minimum), n_bins), dtype=np.int64)
    values = pattern_values(histogram.dtype)
    for k in range(len(minimum)):
        present = np.flatnonzero(histogram.counts[k])
        width = edges[k, -1] - edges[k, 0]
        position = (values[present] - edges[k, 0]) / width * n_bins if width > 0 else np.zeros(len(present))
        bins = np.clip(position.astype(np.int64), 0, n_bins - 1)
        np.add.at(counts[k], bins, histogram.counts[k, present])
    return edges.astype(np.float32), counts
