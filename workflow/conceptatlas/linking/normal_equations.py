"""Sums over pairs (r, w) from which linear maps follow: added up part by part, in double precision, never all at once.

For K units and style vectors of length D they take 8 K (K + D) bytes whatever the number of pairs. Everything a linear
regression needs follows from them: coefficients with intercept, with or without a ridge, and the error on the pairs of
other sums, so that held-out folds need no second reading.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

CUT = 1e-11
"""Eigenvalues of the covariance of r below this share of the largest count as zero (units that never vary or are copies
of others): the solution is then the shortest one, as scikit-learn's."""


@dataclass
class Sums:
    """n pairs: sum of r (K,), of w (D,), of r r' (K, K), of r w' (K, D), of w * w (D,)."""

    n: int
    r: Array
    w: Array
    rr: Array
    rw: Array
    ww: Array

    @classmethod
    def empty(cls, n_units: int, w_dim: int) -> Sums:
        """Sums over no pairs."""
        return cls(
            0, np.zeros(n_units), np.zeros(w_dim), np.zeros((n_units, n_units)), np.zeros((n_units, w_dim)),
            np.zeros(w_dim),
        )  # fmt: skip

    def add(self, r: Array, w: Array) -> None:
        """Add pairs: r (n, K), w (n, D)."""
        r, w = np.asarray(r, dtype=np.float64), np.asarray(w, dtype=np.float64)
        self.n += len(r)
        self.r += r.sum(0)
        self.w += w.sum(0)
        self.rr += r.T @ r
        self.rw += r.T @ w
        self.ww += (w * w).sum(0)

    def __add__(self, other: Sums) -> Sums:
        """Sums over both sets of pairs."""
        return Sums(
            self.n + other.n, self.r + other.r, self.w + other.w, self.rr + other.rr, self.rw + other.rw,
            self.ww + other.ww,
        )  # fmt: skip

    def __sub__(self, other: Sums) -> Sums:
        """Sums without the pairs of `other`, which are among them."""
        return Sums(
            self.n - other.n, self.r - other.r, self.w - other.w, self.rr - other.rr, self.rw - other.rw,
            self.ww - other.ww,
        )  # fmt: skip

    def covariance(self) -> Array:
        """Of r, (K, K), sums of squares divided by n."""
        mean = self.r / self.n
        return self.rr / self.n - np.outer(mean, mean)


def solve(sums: Sums, ridges: list[float]) -> list[tuple[Array, Array]]:
    """Linear maps r -> w with intercept, one a ridge.

    Minimises sum |w - r B - b|^2 + alpha |B|^2 with alpha = ridge * n * (mean variance of a unit): a ridge is thus free
    of the scale of r. For ridge 0 it is ordinary least squares (the shortest solution where it is not unique).

    Returns
    -------
    (B float64 (K, D), b float64 (D,)) for each ridge.
    """
    mean_r, mean_w = sums.r / sums.n, sums.w / sums.n
    cross = sums.rw / sums.n - np.outer(mean_r, mean_w)
    values, vectors = np.linalg.eigh(sums.covariance())
    values = np.maximum(values, 0.0)
    turned = vectors.T @ cross
    mean_variance = values.mean()
    found = []
    for ridge in ridges:
        penalised = values + ridge * mean_variance
        kept = penalised > CUT * max(values.max(), np.finfo(float).tiny)
        inverse = np.where(kept, 1 / np.where(kept, penalised, 1.0), 0.0)
        weights = vectors @ (inverse[:, None] * turned)
        found.append((weights, mean_w - mean_r @ weights))
    return found


def squared_error(sums: Sums, weights: Array, intercept: Array) -> Array:
    """Sum over the pairs of `sums` of (w - r B - b)^2, per coordinate of w: float64 (D,), at least 0."""
    quadratic = np.einsum("kd,kd->d", weights, sums.rr @ weights)
    linear = np.einsum("kd,kd->d", weights, sums.rw)
    error = sums.ww - 2 * linear - 2 * intercept * sums.w + quadratic
    error += 2 * intercept * (sums.r @ weights) + sums.n * intercept**2
    return np.maximum(error, 0.0)


def spread(sums: Sums) -> Array:
    """Sum over the pairs of (w - mean w)^2, per coordinate: float64 (D,), at least 0."""
    return np.maximum(sums.ww - sums.w**2 / sums.n, 0.0)
