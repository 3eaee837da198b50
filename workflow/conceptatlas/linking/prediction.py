"""How well the link predicts style vectors of held-out pairs: R^2 in all and within classes, MSE, intervals, nulls.

R^2 is variance-weighted over the coordinates of w: 1 - (sum of squared errors) / (sum of squares around the mean). In
all classes together it is inflated, because the class alone tells much of w; within classes both w and its prediction
are taken relative to their class means, so that only what distinguishes pictures of one class counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix

from conceptatlas.inference.bootstrap import block_weights
from conceptatlas.seeds import generator

Array = np.ndarray[Any, Any]

N_BLOCKS = 32


@dataclass(frozen=True)
class Estimate:
    """A number with its interval, its null, and how many pairs it is of; NaN where there is none.

    null, null_low, null_high : mean and central interval of the null. p : share of the null at least as good.
    """

    measure: str
    scope: str
    value: float
    low: float = float("nan")
    high: float = float("nan")
    null: float = float("nan")
    null_low: float = float("nan")
    null_high: float = float("nan")
    p: float = float("nan")
    n: int = 0


def r_squared(w: Array, predicted: Array, classes: Array, *, within: bool, weights: Array | None = None) -> float:
    """Variance-weighted R^2.

    w, predicted : (n, D). classes : (n,). within : relative to class means on both sides. weights : (n,), how often
    each pair counts (bootstrap); default once. NaN where w does not vary.
    """
    weights = np.ones(len(w)) if weights is None else weights
    around, error = np.asarray(w, dtype=np.float64), np.asarray(w, dtype=np.float64) - predicted
    groups = np.unique(classes, return_inverse=True)[1] if within else np.zeros(len(w), dtype=np.int64)
    spread = _squares(around, groups, weights, centred=True)
    left = _squares(error, groups, weights, centred=within)
    return 1 - left / spread if spread > 0 else float("nan")


def _squares(values: Array, groups: Array, weights: Array, *, centred: bool) -> float:
    """Weighted sum of squares, around the weighted mean of each group if centred."""
    total = float((weights[:, None] * values**2).sum())
    if not centred:
        return total
    n_groups = int(groups.max(initial=0)) + 1
    counts = np.bincount(groups, weights, minlength=n_groups)
    sums = csr_matrix((weights, (groups, np.arange(len(groups)))), shape=(n_groups, len(groups))) @ values
    return total - float((sums**2 / np.maximum(counts, 1e-12)[:, None]).sum())


def prediction_estimates(
    w: Array,
    predicted: Array,
    classes: Array,
    blocks: Array,
    *,
    names: list[str],
    n_bootstrap: int,
    n_permutations: int,
    confidence: float,
    seed: int,
) -> list[Estimate]:
    """R^2 (total, within classes, each class) and MSE of held-out pairs.

    w, predicted : float (n, D). classes : int64 (n,), indices into names. blocks : int64 (n,) in 0..31, of the
    bootstrap. The null shuffles which prediction goes with which pair: over all pairs for `total`, within classes else.
    """
    boot = block_weights(N_BLOCKS, n_bootstrap, seed=seed)
    scopes: list[tuple[str, Array, bool]] = [
        ("total", np.arange(len(w)), False),
        ("within class", np.arange(len(w)), True),
    ]
    present = np.unique(classes)
    scopes += [(names[int(index)], np.flatnonzero(classes == index), True) for index in present]
    found = []
    for scope, rows, within in scopes:
        args = w[rows], predicted[rows], classes[rows]
        value = r_squared(*args, within=within)
        draws = [r_squared(*args, within=within, weights=row[blocks[rows]].astype(float)) for row in boot]
        null = []
        for number in range(n_permutations):
            rng = generator(seed, "permuted pairs", scope, number)
            order = shuffled_within(args[2], rng) if within else rng.permutation(len(rows))
            null.append(r_squared(args[0], args[1][order], args[2], within=within))
        found.append(estimate("r2", scope, value, draws, null, n=len(rows), confidence=confidence))
    squares = ((np.asarray(w, dtype=np.float64) - predicted) ** 2).mean(1)
    by_block = np.bincount(blocks, squares, minlength=N_BLOCKS), np.bincount(blocks, minlength=N_BLOCKS)
    draws = [float(row @ by_block[0] / max(row @ by_block[1], 1e-12)) for row in boot]
    null = []
    for number in range(n_permutations):
        order = shuffled_within(classes, generator(seed, "permuted pairs", "mse", number))
        null.append(float(((w - predicted[order]) ** 2).mean()))
    found.append(
        estimate(
            "mse", "total", float(squares.mean()), draws, null, n=len(w), confidence=confidence, small_is_good=True
        )
    )
    return found


def shuffled_within(classes: Array, rng: np.random.Generator) -> Array:
    """An order that shuffles positions among those of the same class."""
    order = np.arange(len(classes))
    for index in np.unique(classes):
        rows = np.flatnonzero(classes == index)
        order[rows] = rows[rng.permutation(len(rows))]
    return order


def estimate(
    measure: str,
    scope: str,
    value: float,
    draws: Any,
    null: Any,
    *,
    n: int,
    confidence: float,
    small_is_good: bool = False,
) -> Estimate:
    """An estimate with percentile interval of `draws`, and the mean, interval and p of the null draws."""
    tail = 100 * (1 - confidence) / 2
    draws, null = np.asarray(draws, dtype=float), np.asarray(null, dtype=float)
    draws, null = draws[np.isfinite(draws)], null[np.isfinite(null)]
    low, high = np.percentile(draws, [tail, 100 - tail]) if len(draws) else (np.nan, np.nan)
    if not len(null) or not np.isfinite(value):
        return Estimate(measure, scope, float(value), float(low), float(high), n=n)
    below, above = np.percentile(null, [tail, 100 - tail])
    as_good = int((null <= value).sum() if small_is_good else (null >= value).sum())
    p = (1 + as_good) / (1 + len(null))
    return Estimate(
        measure, scope, float(value), float(low), float(high), float(null.mean()), float(below), float(above), p, n
    )
