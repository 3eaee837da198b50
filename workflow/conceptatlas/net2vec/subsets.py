"""What both tasks of Net2Vec share about subsets of filters: which, how many, how they start, how many are enough.

Source: section 3.2.2 of the paper (the F filters with the largest |w| of the solution with all filters, weights learned
anew) and the published notebook (smallest F that reaches a share of the gain). Sizes are F, numbers of filters.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from conceptatlas.net2vec.columns import CRITICAL_SHARES
from conceptatlas.seeds import generator

Array = np.ndarray[Any, Any]

ROUNDING = 1e-12
"""A mean that misses its share of the gain by this much has missed it by the rounding of its sum."""


def clip_sizes(sizes: Iterable[int], n_units: int) -> list[int]:
    """The sizes of subsets to run in a layer of `n_units`: ascending, each once, at most n_units, and always 1.

    Raises
    ------
    ValueError
        for a size below 1, or a layer without units.

    >>> clip_sizes([4, 2, 8, 2], 5)
    [1, 2, 4]
    """
    sizes = [int(size) for size in sizes]
    if n_units < 1:
        raise ValueError(f"a layer of {n_units} units has no subsets of filters; expected at least 1 unit")
    small = [size for size in sizes if size < 1]
    if small:
        raise ValueError(
            f"net2vec.subsets: a subset of {small[0]} filters; expected numbers of 1 and more, got {sizes}"
        )
    return sorted({1, *(size for size in sizes if size <= n_units)})


def strongest(weights: Array, n: int) -> Array:
    """The n units with the largest |w|, largest first, int64 (n,); of equal ones the lower unit number comes first.

    weights : float (unit,). Raises ValueError if n is not in 1 .. number of units.
    """
    if not 1 <= n <= len(weights):
        raise ValueError(f"{n} strongest of {len(weights)} units; expected a number from 1 to {len(weights)}")
    return np.argsort(-np.abs(weights), kind="stable")[:n].astype(np.int64)


def critical_sizes(performance_by_size: Mapping[int, float], all_filters: float, base: float) -> dict[int, float]:
    """The smallest F that reaches 50, 60, ... 90 % of what all filters gain over `base`.

    performance_by_size : F -> mean performance over repeats. all_filters : performance of all filters. base : that of
    knowing nothing: 0.5 for classification, 0 for segmentation.

    Returns
    -------
    share in per cent (`CRITICAL_SHARES`) -> the smallest F with performance >= base + share * (all_filters - base).
    NaN where no F reaches it, where all filters gain nothing, and where there is only one size: no subsets were run.

    >>> critical_sizes({1: 0.7, 2: 0.8, 4: 0.85}, 0.9, 0.5)
    {50: 1.0, 60: 2.0, 70: 2.0, 80: 4.0, 90: nan}
    """
    gain = all_filters - base
    if len(performance_by_size) < 2 or not gain > 0:
        return dict.fromkeys(CRITICAL_SHARES, float("nan"))
    sizes = sorted(performance_by_size)
    found = {}
    for share in CRITICAL_SHARES:
        wanted = base + share / 100 * gain - ROUNDING
        reached = [size for size in sizes if performance_by_size[size] >= wanted]
        found[share] = float(reached[0]) if reached else float("nan")
    return found


def initial_weights(
    n_units: int, *, seed: int, task: str, concept: str, repeat: int, subset: bool = False
) -> tuple[Array, float]:
    """Weights before the first step: float64 (unit,) and a bias, all uniform in (-1/sqrt K, 1/sqrt K) (paper 3.1).

    The draw depends on the study's seed, the task, the concept's name and the number of the repeat; not on the
    concept's row, the model or the layer. With `subset` it is another draw: that of subsets, of which each takes the
    entries of its units. All sizes share it, so a size does not depend on which others are run, and the weights that
    chose the units do not come back as their start.
    """
    bound = 1 / np.sqrt(n_units)
    names = ("net2vec", "initial weights", task, concept, repeat, *(("subset",) if subset else ()))
    drawn = generator(seed, *names).uniform(-bound, bound, size=n_units + 1)
    return drawn[:n_units], float(drawn[n_units])
