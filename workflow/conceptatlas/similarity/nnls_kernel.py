"""Non-negative least squares, exactly, row by row: minimise |x - sum_c w_c h_c|^2 with w >= 0 for few components h_c.

With G = H H^T (concept, concept) and b = H x the problem of a row is  minimise w G w / 2 - b w,  w >= 0, whose solution
is known by its KKT conditions: w >= 0, Gw - b >= 0, and one of both 0 for every component. The active-set method of
Lawson and Hanson (1974, chapter 23), on the small G as in Bro and De Jong (1997), finds it: components enter by their
gradient and leave where they would fall below 0. It starts from the unconstrained solution with the negative ones
dropped, which is the answer for most rows. No row knows of another: results do not depend on how rows are cut into
blocks.

A component that depends linearly on those already in use (its pivot is rounding noise) stays out: of two equal ones the
row gets the first. Components of length 0 get 0.

Kernels that call each other stay in one file: numba's cache looks at the file of the caller only.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

Array = np.ndarray[Any, Any]

MOST_COMPONENTS = 32

_RANK = 1e-13  # a pivot below this share of its diagonal is rounding noise
_NOISE = 16 * 2.220446049250313e-16  # of a gradient, times the number and size of its terms


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _append(gram: Array, b: Array, used: Array, n: int, j: int, factor: Array, half: Array) -> bool:
    """Add component j to the Cholesky factor of the n in `used` and to half = L^-1 b; False where it depends on them.

    factor : L below the diagonal, on it the inverse of L's (a division costs as much as all products of a row).
    """
    pivot = gram[j, j]
    value = b[j]
    for r in range(n):
        entry = gram[used[r], j]
        for s in range(r):
            entry -= factor[r, s] * factor[n, s]
        entry *= factor[r, r]
        factor[n, r] = entry
        pivot -= entry * entry
        value -= entry * half[r]
    if not pivot > _RANK * gram[j, j]:
        return False
    factor[n, n] = 1 / np.sqrt(pivot)
    half[n] = value * factor[n, n]
    used[n] = j
    return True


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _back(n: int, factor: Array, half: Array, z: Array) -> None:
    """z = L^-T half: the least squares solution without the sign."""
    for r in range(n - 1, -1, -1):
        value = half[r]
        for s in range(r + 1, n):
            value -= factor[s, r] * z[s]
        z[r] = value * factor[r, r]


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _factorise(gram: Array, b: Array, used: Array, n: int, factor: Array, half: Array, z: Array) -> int:
    """Factor and solution z of the n components in `used`, in their order; how many are left without dependent ones."""
    kept = 0
    for r in range(n):
        if _append(gram, b, used, kept, used[r], factor, half):
            kept += 1
    _back(kept, factor, half, z)
    return kept


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _drop(gram: Array, b: Array, used: Array, n: int, factor: Array, half: Array, z: Array) -> int:
    """Drop components that come out below 0 until none does: a feasible start, often already the solution."""
    while True:
        kept = 0
        for r in range(n):
            if z[r] > 0:
                used[kept] = used[r]
                kept += 1
        if kept == n:
            return n
        n = _factorise(gram, b, used, kept, factor, half, z)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _advance(
    gram: Array, b: Array, left_out: int, w: Array, used: Array, n: int, barred: Array, factor: Array, half: Array,
    z: Array,
) -> bool:  # fmt: skip
    """From the feasible solution z of the n components in `used` to that of the row, into w; False if it never settles.

    left_out : a component that stays 0 (-1: none).
    """
    c = gram.shape[0]
    w[:] = 0
    for r in range(n):
        w[used[r]] = z[r]
    barred[:] = False
    for _ in range(30 * c):
        best = -1
        most = 0.0
        for k in range(c):
            if k == left_out or barred[k] or w[k] > 0:
                continue
            gradient = b[k]
            terms = abs(b[k])
            for r in range(n):
                part = gram[k, used[r]] * w[used[r]]
                gradient -= part
                terms += abs(part)
            if gradient > most and gradient > _NOISE * (n + 1) * terms:
                most = gradient
                best = k
        if best < 0:
            return True
        if not _append(gram, b, used, n, best, factor, half):
            barred[best] = True
            continue
        _back(n + 1, factor, half, z)
        if not z[n] > 0:  # rounding: the gradient says up, the solution down
            barred[best] = True
            continue
        n += 1
        while True:
            step = 1.0
            for r in range(n):
                if z[r] <= 0:
                    step = min(step, w[used[r]] / (w[used[r]] - z[r]))
            if step >= 1.0:
                break
            kept = 0
            for r in range(n):  # walk towards z until the first component reaches 0
                k = used[r]
                leaves = z[r] <= 0 and w[k] / (w[k] - z[r]) <= step
                w[k] = 0.0 if leaves else max(w[k] + step * (z[r] - w[k]), 0.0)
                if w[k] > 0:
                    used[kept] = k
                    kept += 1
            n = _factorise(gram, b, used, kept, factor, half, z)
        w[:] = 0
        for r in range(n):
            w[used[r]] = z[r]
        barred[:] = False
    return False


@numba.njit(cache=True, nogil=True, error_model="numpy")
def solve_rows(gram: Array, b: Array, out: Array) -> int:
    """Solve every row.

    gram : float64 (concept, concept). b : float64 (row, concept), H x. out : float64 (row, concept), the solutions.

    Returns the number of rows that did not settle in 30 steps a component; none is known. Rows that are not finite give
    anything.
    """
    c = gram.shape[0]
    used, all_used = np.empty(c, dtype=np.int64), np.arange(c)
    barred = np.empty(c, dtype=np.bool_)
    factor, whole = np.empty((c, c)), np.empty((c, c))
    half, z = np.empty(c), np.empty(c)
    n_all = _factorise(gram, np.zeros(c), all_used, c, whole, half, z)
    unsettled = 0
    for i in range(b.shape[0]):
        row = b[i]
        for r in range(n_all):  # all components first: their factor is the same for all rows
            value = row[all_used[r]]
            for s in range(r):
                value -= whole[r, s] * half[s]
                factor[r, s] = whole[r, s]
            factor[r, r] = whole[r, r]
            half[r] = value * whole[r, r]
            used[r] = all_used[r]
        _back(n_all, factor, half, z)
        n = _drop(gram, row, used, n_all, factor, half, z)
        if not _advance(gram, row, -1, out[i], used, n, barred, factor, half, z):
            unsettled += 1
    return unsettled


@numba.njit(cache=True, nogil=True, error_model="numpy")
def explained_without(gram: Array, b: Array, solutions: Array, out: Array) -> None:
    """What each row explains when one component is left out and the others are solved again.

    solutions : float64 (row, concept) of `solve_rows`. out : float64 (row, concept), 2 b w - w G w of the solution
    without that component: |x|^2 minus this is its squared error. A component that is 0 in a row is not missed there.
    """
    c = gram.shape[0]
    used = np.empty(c, dtype=np.int64)
    barred = np.empty(c, dtype=np.bool_)
    factor = np.empty((c, c))
    half, z, w = np.empty(c), np.empty(c), np.empty(c)
    for i in range(b.shape[0]):
        whole = _explained(gram, b[i], solutions[i])
        for j in range(c):
            out[i, j] = whole
            if solutions[i, j] > 0:
                n = 0
                for k in range(c):
                    if k != j and solutions[i, k] > 0:
                        used[n] = k
                        n += 1
                n = _factorise(gram, b[i], used, n, factor, half, z)
                n = _drop(gram, b[i], used, n, factor, half, z)
                _advance(gram, b[i], j, w, used, n, barred, factor, half, z)
                out[i, j] = _explained(gram, b[i], w)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def explained(gram: Array, b: Array, weights: Array, out: Array) -> None:
    """2 b w - w G w of every row: |x|^2 minus this is the squared error of the reconstruction. out : float64 (row,)."""
    for i in range(b.shape[0]):
        out[i] = _explained(gram, b[i], weights[i])


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _explained(gram: Array, b: Array, w: Array) -> float:
    total = 0.0
    for j in range(gram.shape[0]):
        if w[j] != 0:
            product = 0.0
            for k in range(gram.shape[0]):
                product += gram[j, k] * w[k]
            total += w[j] * (2 * b[j] - product)
    return total
