"""Fit the linking network to the training pairs: one reading, folds for the ridge, and the shapes of both spaces.

Source: Wehrheim et al. (2024): linear regression r -> w over all classes together; the ridge is an option.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from conceptatlas.linking.link import Link
from conceptatlas.linking.normal_equations import Sums, solve, spread, squared_error
from conceptatlas.linking.pair_file import Pairs
from conceptatlas.progress import progress

Array = np.ndarray[Any, Any]

SHRINKAGE = 1e-3
"""Share of the mean variance that is added to the diagonal of the covariance before distances are taken."""


@dataclass
class Spaces:
    """Where the classes lie: means of r and w per class, and the covariance of r within classes.

    classes : int64 (C,), indices of the classifier's classes that have training pairs. counts : int64 (C,). r_means :
    float32 (C, K). w_means : float32 (C, D). r_within : float32 (K, K).
    """

    classes: Array
    counts: Array
    r_means: Array
    w_means: Array
    r_within: Array

    def mahalanobis(self, r: Array, classes: Array) -> Array:
        """Distance of representations (n, K) to the mean of a class each (n,), in standard deviations within classes.

        The covariance is that within all classes together, its diagonal raised by `SHRINKAGE` of the mean variance.
        """
        matrix = self.r_within.astype(np.float64)
        matrix = matrix + SHRINKAGE * max(float(np.trace(matrix)) / len(matrix), 1e-12) * np.eye(len(matrix))
        at = {int(index): i for i, index in enumerate(self.classes)}
        means = self.r_means[[at[int(index)] for index in classes]]
        factor = np.linalg.cholesky(matrix)
        turned = np.linalg.solve(factor, (np.asarray(r, dtype=np.float64) - means).T)
        return np.asarray(np.sqrt((turned**2).sum(0)))


@dataclass
class Fitted:
    """What fitting found: the link, the spaces, and the table of the folds.

    ridges : those tried. fold_errors : float64 (ridge,), mean squared error of a coordinate of w on the folds left out;
    NaN without folds. train_mse : on the pairs learned from. train_r2 : variance-weighted, on the same.
    """

    link: Link
    spaces: Spaces
    ridges: list[float]
    fold_errors: Array
    train_mse: float
    train_r2: float


def fit_link(pairs: Pairs, *, ridges: list[float], n_folds: int, description: str = "") -> Fitted:
    """Fit the link to training pairs.

    Parameters
    ----------
    pairs : the training pairs, read once.
    ridges : penalties to choose from (see `normal_equations.solve`).
    n_folds : held-out folds, by the seed of the pair, that choose the ridge; with one ridge none are needed.

    Raises
    ------
    ValueError
        for fewer than two pairs.
    """
    if pairs.n < 2:
        raise ValueError(f"a link needs at least two pairs to learn from, there are {pairs.n}")
    n_folds = n_folds if len(ridges) > 1 else 1
    folds = [Sums.empty(pairs.n_units, pairs.w_dim) for _ in range(n_folds)]
    own = _OfClasses(pairs)
    low = np.full(pairs.n_units, np.inf, dtype=np.float32)
    high = np.full(pairs.n_units, -np.inf, dtype=np.float32)
    for block in progress(pairs.blocks(), description=description, unit="block"):
        for number, fold in enumerate(folds):
            rows = block.seeds % n_folds == number
            if rows.any():
                fold.add(block.r[rows], block.w[rows])
        own.add(block.r, block.w, block.classes)
        low, high = np.minimum(low, block.r.min(0)), np.maximum(high, block.r.max(0))
    total = folds[0]
    for fold in folds[1:]:
        total = total + fold
    errors = fold_errors(folds, total, ridges)
    best = int(np.nanargmin(errors)) if np.isfinite(errors).any() else 0
    weights, intercept = solve(total, [ridges[best]])[0]
    error = squared_error(total, weights, intercept)
    deviation_r = np.sqrt(np.maximum(np.diag(total.covariance()), 0))
    deviation_w = np.sqrt(spread(total) / total.n)
    link = Link(
        weights=weights.astype(np.float32),
        intercept=intercept.astype(np.float32),
        r_mean=(total.r / total.n).astype(np.float32),
        r_std=deviation_r.astype(np.float32),
        r_min=low,
        r_max=high,
        w_mean=np.asarray(total.w / total.n, dtype=np.float32),
        w_std=np.asarray(deviation_w, dtype=np.float32),
        ridge=float(ridges[best]),
    )
    varying = float(spread(total).sum())
    r2 = 1 - float(error.sum()) / varying if varying > 0 else float("nan")
    return Fitted(link, own.spaces(total), ridges, errors, float(error.mean() / total.n), r2)


def fold_errors(folds: list[Sums], total: Sums, ridges: list[float]) -> Array:
    """Mean squared error of a coordinate of w on each fold, learned from the others, over all folds: (ridge,)."""
    if len(folds) < 2:
        return np.full(len(ridges), np.nan)
    errors, n = np.zeros(len(ridges)), 0
    for fold in folds:
        if not fold.n or total.n - fold.n < 2:
            continue
        n += fold.n
        for i, (weights, intercept) in enumerate(solve(total - fold, ridges)):
            errors[i] += squared_error(fold, weights, intercept).mean()
    return errors / n if n else np.full(len(ridges), np.nan)


class _OfClasses:
    """Counts and sums of every class."""

    def __init__(self, pairs: Pairs) -> None:
        self.classes = np.unique(pairs.classes)
        self.counts = np.zeros(len(self.classes), dtype=np.int64)
        self.r = np.zeros((len(self.classes), pairs.n_units))
        self.w = np.zeros((len(self.classes), pairs.w_dim))

    def add(self, r: Array, w: Array, classes: Array) -> None:
        at = np.searchsorted(self.classes, classes)
        for position in np.unique(at):
            rows = at == position
            self.counts[position] += rows.sum()
            self.r[position] += r[rows].sum(0, dtype=np.float64)
            self.w[position] += w[rows].sum(0, dtype=np.float64)

    def spaces(self, total: Sums) -> Spaces:
        means = self.r / self.counts[:, None]
        within = (total.rr - (means * self.counts[:, None]).T @ means) / total.n
        return Spaces(
            self.classes, self.counts, means.astype(np.float32), (self.w / self.counts[:, None]).astype(np.float32),
            within.astype(np.float32),
        )  # fmt: skip


SPACES = ("classes", "counts", "r_means", "w_means", "r_within")


def spaces_arrays(spaces: Spaces) -> dict[str, Array]:
    """The arrays of the spaces by their place in a link's file."""
    return {f"spaces/{name}": getattr(spaces, name) for name in SPACES}


def read_spaces(path: str | Path) -> Spaces:
    """Read the spaces of a link's file."""
    with h5py.File(path, "r") as store:
        return Spaces(**{name: store[f"spaces/{name}"][:] for name in SPACES})
