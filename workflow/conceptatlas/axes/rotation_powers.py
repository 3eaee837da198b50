"""Powers of a rotation: the way from the units' own basis (alpha 0) to a random one (alpha 1).

A rotation turns invariant planes by angles theta. Its real Schur form shows them (2 x 2 blocks for pairs of conjugate
eigenvalues, +1 and -1 alone), and Q^alpha turns the same planes by alpha theta. Source: Network Dissection's experiment
on axis-aligned interpretability (Bau et al., CVPR 2017).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy.linalg import schur

Array = np.ndarray[Any, Any]

TOLERANCE = 1e-8
"""How far from orthogonal a matrix may be, in any element of Q Q^T - 1."""


class Planes(NamedTuple):
    """A rotation as planes and angles.

    vectors : float64 (unit, unit): orthonormal columns. first, second : int64 (plane,): the two columns of each plane.
    angles : float64 (plane,): radians in (-pi, pi]; column `first` turns towards column `second`. Columns in no plane
    stay where they are.
    """

    vectors: Array
    first: Array
    second: Array
    angles: Array

    def save(self, path: Path) -> None:
        """Write the arrays as one .npz file."""
        np.savez(path, **self._asdict())

    @classmethod
    def load(cls, path: Path) -> Planes:
        """Read what `save` wrote."""
        with np.load(path) as file:
            return cls(**{name: file[name] for name in cls._fields})


def planes_of(rotation: Array) -> Planes:
    """The planes and angles of a rotation (unit, unit), through its real Schur form.

    Eigenvalues -1 come in pairs: two of them are a plane turned by pi.

    Raises
    ------
    ValueError
        if the matrix is not orthogonal, or its determinant is -1 (it then has no real power).
    """
    matrix = np.asarray(rotation, dtype=np.float64)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        raise ValueError(f"a rotation is a square matrix, not one of shape {matrix.shape}")
    distance = np.abs(matrix @ matrix.T - np.eye(len(matrix))).max()
    if not distance < TOLERANCE:
        raise ValueError(f"the matrix is not orthogonal: Q Q^T differs from the identity by {distance:.2g}")
    form, vectors = schur(matrix, output="real")
    first, second, angles, flipped = [], [], [], []
    i = 0
    while i < len(form):
        if i + 1 < len(form) and form[i + 1, i] != 0:  # LAPACK writes exact zeros between blocks
            first.append(i)
            second.append(i + 1)
            block = form[i : i + 2, i : i + 2]
            angles.append(np.arctan2(block[1, 0] - block[0, 1], block[0, 0] + block[1, 1]))
            i += 2
            continue
        if form[i, i] < 0:
            flipped.append(i)
        i += 1
    if len(flipped) % 2:
        raise ValueError("the matrix has determinant -1: a reflection has no real power; negate one of its columns")
    first += flipped[::2]
    second += flipped[1::2]
    angles += [np.pi] * (len(flipped) // 2)
    index = np.int64
    return Planes(vectors, np.array(first, dtype=index), np.array(second, dtype=index), np.array(angles))


def power(planes: Planes, alpha: float) -> Array:
    """Q^alpha, float64 (unit, unit): every plane turned by alpha times its angle; alpha 0 is the identity exactly."""
    vectors = planes.vectors
    if alpha == 0:
        return np.eye(len(vectors))
    cosine, sine = np.cos(alpha * planes.angles), np.sin(alpha * planes.angles)
    one, other = vectors[:, planes.first], vectors[:, planes.second]
    turned = vectors.copy()
    turned[:, planes.first] = one * cosine + other * sine
    turned[:, planes.second] = other * cosine - one * sine
    product: Array = turned @ vectors.T
    return product


def turn(k: int, i: int, j: int, degrees: float) -> Array:
    """The turn of axes i and j of k in their plane, float64 (k, k): rows are directions.

    Direction i becomes cos a_i - sin a_j, direction j sin a_i + cos a_j; multiples of 90 degrees are exact. At 90
    degrees direction i is unit j with its sign flipped, and direction j is unit i.

    Raises
    ------
    ValueError
        for axes that are equal or outside 0 .. k-1.
    """
    if i == j or not (0 <= i < k and 0 <= j < k):
        raise ValueError(f"a turn needs two different axes of 0..{k - 1}, not {i} and {j}")
    quarter, rest = divmod(degrees, 90)
    if rest == 0:
        cosine, sine = ((1.0, 0.0), (0.0, 1.0), (-1.0, 0.0), (0.0, -1.0))[int(quarter) % 4]
    else:
        cosine, sine = float(np.cos(np.deg2rad(degrees))), float(np.sin(np.deg2rad(degrees)))
    matrix = np.eye(k)
    matrix[i, i] = matrix[j, j] = cosine
    matrix[i, j], matrix[j, i] = -sine, sine
    return matrix
