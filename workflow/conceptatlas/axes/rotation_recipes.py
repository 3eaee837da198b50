"""Recipes of turned bases: small enough to be sent to a worker, which makes the matrix.

A rotation's planes lie in a file; its power, a permutation, a scaling, a sign flip and 90-degree turns are a few
numbers each.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from conceptatlas.axes.rotation_powers import Planes, power, turn
from conceptatlas.axes.turned import Directions
from conceptatlas.naming import unknown
from conceptatlas.seeds import generator

Array = np.ndarray[Any, Any]

KINDS = ("identity", "rotation", "permutation", "positive_scaling", "sign_flip", "turns_90")
_LARGEST_POWER = 3  # of two: scaled float16 values keep all their bits unless they are nearly subnormal


class Recipe(NamedTuple):
    """How to make the directions of a basis.

    kind : one of KINDS. planes : file of the rotation's planes (`rotation`). alpha : its power. seed : of a permutation
    or scaling. pairs : units to turn, two by two (`turns_90`). mean, scale : float64 (unit,) where units are
    standardised first.
    """

    kind: str
    planes: Path | None = None
    alpha: float = 0.0
    seed: int = 0
    pairs: tuple[tuple[int, int], ...] = ()
    mean: Array | None = None
    scale: Array | None = None


def directions(recipe: Recipe, n_units: int) -> Directions:
    """The matrix and offset of a recipe."""
    matrix = _matrix(recipe, n_units)
    offset = np.zeros(n_units) if recipe.mean is None else recipe.mean
    if recipe.scale is not None:
        matrix = matrix / np.where(recipe.scale > 0, recipe.scale, 1.0)  # a dead unit is 0 everywhere once centred
    return Directions(matrix, offset)


def _matrix(recipe: Recipe, n: int) -> Array:
    if recipe.kind == "identity":
        return np.eye(n)
    if recipe.kind == "rotation" and recipe.planes is not None:
        return power(Planes.load(recipe.planes), recipe.alpha)
    if recipe.kind == "permutation":
        return np.eye(n)[generator(recipe.seed, "permutation").permutation(n)]
    if recipe.kind == "positive_scaling":
        powers = generator(recipe.seed, "scaling").integers(-_LARGEST_POWER, _LARGEST_POWER + 1, size=n)
        return np.diag(2.0**powers)
    if recipe.kind == "sign_flip":
        return -np.eye(n)
    if recipe.kind == "turns_90":
        matrix = np.eye(n)
        for i, j in recipe.pairs:
            matrix[[i, j]] = turn(n, i, j, 90)[[i, j]]
        return matrix
    raise unknown("kind of turned basis", recipe.kind, KINDS)


def pairs_of(units: Array) -> tuple[tuple[int, int], ...]:
    """Units two by two in the order given; an odd last one is left out."""
    return tuple((int(a), int(b)) for a, b in zip(units[::2], units[1::2], strict=False))
