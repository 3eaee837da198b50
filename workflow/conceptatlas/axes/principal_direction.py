"""The principal direction of a cloud of activations: the first right singular vector of the (uncentred) matrix.

Rows are cells, columns units, each unit standardised. The direction is the leading eigenvector of the
second-moment matrix, found on the smaller side: n cells x K units cost n K min(n, K) multiply-adds for the matrix of
inner products and some thirty products of that matrix with a vector (Lanczos). Moments are kept per block of images, so
that a bootstrap over blocks costs sums of small matrices and never goes back to the cells.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from conceptatlas.naming import unknown
from conceptatlas.seeds import generator

Array = np.ndarray[Any, Any]

CENTRES = ("global", "concept")
_SMALL = 48  # below this size a full eigendecomposition is as cheap
_STEPS = 100


class Direction(NamedTuple):
    """A principal direction.

    loadings : float64 (unit,), of length 1, the loading of largest absolute value positive; NaN where the cloud has no
    extent. eigenvalue : sum of squares along it. total : sum of all squares (the trace).
    """

    loadings: Array
    eigenvalue: float
    total: float

    @property
    def explained(self) -> float:
        """Share of the sum of squares along the direction: largest eigenvalue / trace."""
        return self.eigenvalue / self.total if self.total > 0 else float("nan")

    @property
    def max_u2(self) -> float:
        """Largest squared loading: 1 where the direction is a unit."""
        return float((self.loadings**2).max())

    @property
    def participation(self) -> float:
        """Participation ratio 1 / sum(u^4): 1 for a single unit, K where all units take part alike."""
        return float(1 / (self.loadings**4).sum())


def standardise(values: Array, mean: Array, deviation: Array, *, dtype: Any = np.float64) -> Array:
    """(values - mean) / deviation for (cell, unit); a unit that never varies is 0 everywhere."""
    scale = np.where(deviation > 0, 1 / np.where(deviation > 0, deviation, 1), 0).astype(dtype)
    out = values.astype(dtype)
    out -= mean.astype(dtype)
    out *= scale
    return out


@functools.lru_cache(maxsize=4)
def _start(n: int) -> Array:
    vector = generator(0, "start of Lanczos", n).standard_normal(n)
    return vector / np.linalg.norm(vector)


def leading_eigenpair(matrix: Array) -> tuple[float, Array]:
    """Largest eigenvalue of a symmetric positive semi-definite matrix and its eigenvector (float64, length 1).

    Lanczos with full reorthogonalisation from a fixed start, until the residual is below 1e-12 of the eigenvalue
    (1e-5 for a float32 matrix); a full decomposition where that takes more than a hundred steps.
    """
    n = len(matrix)
    if n > _SMALL:
        tolerance = 1e-5 if matrix.dtype == np.float32 else 1e-12
        basis = np.zeros((min(_STEPS, n), n))
        basis[0] = _start(n)
        small = np.zeros((len(basis) + 1, len(basis) + 1))
        for step in range(len(basis)):
            rest = (matrix @ basis[step].astype(matrix.dtype, copy=False)).astype(np.float64, copy=False)
            so_far = basis[: step + 1]
            small[step, step] = basis[step] @ rest
            rest = rest - (so_far @ rest) @ so_far
            rest -= (so_far @ rest) @ so_far  # twice is enough
            beta = float(np.sqrt(rest @ rest))
            if step % 6 == 5 or beta <= tolerance * small[0, 0]:
                values, vectors = np.linalg.eigh(small[: step + 1, : step + 1])
                largest = max(float(values[-1]), 0.0)
                if abs(beta * vectors[-1, -1]) <= tolerance * largest or largest == 0:
                    vector = vectors[:, -1] @ so_far
                    return largest, vector / np.linalg.norm(vector)
            if step + 1 < len(basis):
                small[step, step + 1] = small[step + 1, step] = beta
                basis[step + 1] = rest / beta
    values, vectors = np.linalg.eigh(matrix.astype(np.float64, copy=False))
    return max(float(values[-1]), 0.0), vectors[:, -1]


@dataclass(frozen=True)
class Moments:
    """Second moments of standardised cells, block by block; on the side of the cells where these are fewer than units.

    rows : (cell, unit). blocks : int (cell,): which block each row belongs to, 0 .. n_blocks-1.
    products : (cell, cell) inner products, or (block, unit, unit) moments. sums : (block, unit), the latter only.
    """

    rows: Array
    blocks: Array
    n_blocks: int
    products: Array
    sums: Array | None

    @classmethod
    def of(cls, rows: Array, blocks: Array | None = None, *, n_blocks: int = 1) -> Moments:
        """Moments of rows (cell, unit), in the type of the rows; without blocks all rows form one."""
        blocks = np.zeros(len(rows), dtype=np.int64) if blocks is None else blocks
        if len(rows) <= rows.shape[1]:
            return cls(rows, blocks, n_blocks, rows @ rows.T, None)
        n_units = rows.shape[1]
        products = np.zeros((n_blocks, n_units, n_units), dtype=rows.dtype)
        sums = np.zeros((n_blocks, n_units), dtype=rows.dtype)
        for block in np.unique(blocks):
            mine = rows[blocks == block] if n_blocks > 1 else rows
            products[block] = mine.T @ mine
            sums[block] = mine.sum(axis=0)
        return cls(rows, blocks, n_blocks, products, sums)

    def direction(self, weights: Array | None = None, *, centre: str = "global") -> Direction:
        """The principal direction with every block counted `weights` (block,) times; default once.

        centre : ``global``: uncentred (units are centred over all positions already); ``concept``: around the mean of
        these cells.
        """
        if centre not in CENTRES:
            raise unknown("centre", centre, CENTRES)
        weights = np.ones(self.n_blocks) if weights is None else np.asarray(weights, dtype=np.float64)
        if self.sums is None:
            return self._of_cells(weights[self.blocks], centre)
        return self._of_units(weights, self.sums, centre)

    def _of_units(self, weights: Array, sums: Array, centre: str) -> Direction:
        n_units = sums.shape[1]
        typed = weights.astype(self.products.dtype)
        moment = (typed @ self.products.reshape(self.n_blocks, -1)).reshape(n_units, n_units)
        if centre == "concept":
            count = weights[self.blocks].sum()
            total = typed @ sums
            moment = moment - np.outer(total, total) / max(count, 1)
        value, vector = leading_eigenpair(moment)
        return _direction(vector, value, float(np.trace(moment)))

    def _of_cells(self, weights: Array, centre: str) -> Direction:
        kept = np.flatnonzero(weights)
        if not len(kept):
            return _direction(np.zeros(self.rows.shape[1]), 0.0, 0.0)
        whole = len(kept) == len(weights)
        products = self.products if whole else self.products[np.ix_(kept, kept)]
        rows = self.rows if whole else self.rows[kept]
        share = weights[kept] / weights.sum()
        root = np.sqrt(weights[kept]).astype(products.dtype)
        if centre == "concept":
            mean = (share.astype(products.dtype) @ products).astype(products.dtype)
            products = products - mean[None, :] - mean[:, None] + products.dtype.type(mean @ share)
        products = products if (root == 1).all() else products * root[:, None] * root[None, :]
        value, vector = leading_eigenpair(products)
        along = vector * root
        if centre == "concept":
            along = along - along.sum() * share
        loadings = along.astype(rows.dtype) @ rows
        return _direction(loadings.astype(np.float64), value, float(np.trace(products)))


def _direction(vector: Array, eigenvalue: float, total: float) -> Direction:
    """Of length 1, with the sign that makes the loading of largest absolute value positive (the first, if several)."""
    length = np.linalg.norm(vector)
    if not (length > 0 and total > 0 and eigenvalue > 0):
        return Direction(np.full(len(vector), np.nan), 0.0, float(max(total, 0.0)))
    unit = vector / length
    return Direction(unit if unit[np.argmax(np.abs(unit))] > 0 else -unit, eigenvalue, total)
