"""Are two sets of components of one layer the same directions? Cosines, who matches whom, and what chance gives.

Both sets live in the layer's space of units, so a cosine needs no images. Two sets that have nothing to do with each
other agree all the same where they load on the same strong units: under chance the units of one set change places with
units of like strength (tenths by the root of the sum of squares over its components), all of its components by the same
permutation. That keeps which units are strong and how the components of a set lie to each other; what is lost is which
units belong together. The matching is done again for every permutation.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from conceptatlas.seeds import generator
from conceptatlas.similarity.matching import best_of, hungarian, mean_of, mutual_best
from conceptatlas.similarity.nulls import judge, null_points
from conceptatlas.similarity.setting import Measured, measured

Array = np.ndarray[Any, Any]

N_GROUPS = 10
LEAST_UNITS = 8
"""Units of a group at least: a layer of fewer than 80 units has fewer groups."""

NO_COMPONENTS = "one of the data sets has no components in this layer"
NO_NULL = "chance is unknown: n_permutations is 0"
_NO_INTERVAL = (float("nan"), float("nan"))


class Cosines(NamedTuple):
    """What the components of two sets give.

    rows : measures cosine, cosine_raw, cosine_one_to_one. concepts : a dictionary a matched pair: concept_a, concept_b,
    similarity, mutual_best, hungarian, null_high, above_null. matrix : float64 (component of a, of b), NaN where
    either is not there.
    """

    rows: list[Measured]
    concepts: list[dict[str, Any]]
    matrix: Array


def compare_components(
    a: Array, b: Array, *, names: tuple[str, str], both_signs: bool, n_permutations: int, seed: int
) -> Cosines:
    """Compare components float (component, unit), of length 1 or zeros where there is none.

    names : of the two sets; the one whose name sorts last is permuted, so that the order does not matter. both_signs :
    a component and its negative are the same (pca).

    Raises
    ------
    ValueError
        if the sets have different units.
    """
    if a.shape[1] != b.shape[1]:
        raise ValueError(f"{names[0]} has components of {a.shape[1]} units, {names[1]} of {b.shape[1]}; they are "
                         "compared in one layer")  # fmt: skip
    matrix = cosines_of(a, b, both_signs=both_signs)
    null = np.empty((n_permutations, *matrix.shape))
    moved_is_b = names[1] == max(names)
    moved = b if moved_is_b else a
    for r, order in enumerate(unit_orders(moved, names=names, n_permutations=n_permutations, seed=seed)):
        pair = (a, b[:, order]) if moved_is_b else (a[:, order], b)
        null[r] = cosines_of(*pair, both_signs=both_signs)
    point_a, point_b = (null_points(best) for best in best_of(null))
    best, matched = mutual_best(matrix), hungarian(matrix)
    pairs = sorted({tuple(int(c) for c in pair) for of in (best, matched) for pair in of})
    in_best, in_matching = ({tuple(int(c) for c in pair) for pair in of} for of in (best, matched))
    concepts = []
    for i, j in pairs:
        point = float(np.fmax(point_a[i], point_b[j]))
        value = float(matrix[i, j])
        concepts.append(
            {"concept_a": i, "concept_b": j, "similarity": value, "mutual_best": (i, j) in in_best,
             "hungarian": (i, j) in in_matching, "null_high": point,
             "above_null": bool(value > point) if n_permutations else None}
        )  # fmt: skip
    return Cosines(_measures(matrix, null, point_a, point_b), concepts, matrix)


def cosines_of(a: Array, b: Array, *, both_signs: bool = False) -> Array:
    """Cosines float64 (component of a, of b), NaN where either is zeros.

    >>> cosines_of(np.eye(2), np.array([[0.0, 2.0], [0.0, 0.0]])).tolist()
    [[0.0, nan], [1.0, nan]]
    """
    units = []
    for components in (a, b):
        length = np.linalg.norm(components.astype(np.float64), axis=1, keepdims=True)
        units.append(components / np.where(length > 0, length, np.nan))
    found = np.clip(np.einsum("ik,jk->ij", *units), -1, 1)
    return np.abs(found) if both_signs else found


def unit_orders(components: Array, *, names: tuple[str, str], n_permutations: int, seed: int) -> list[Array]:
    """Seeded orders of the units in which only units of like strength change places: int64 (unit,) each."""
    n_units = components.shape[1]
    strength = np.square(components.astype(np.float64)).sum(axis=0)
    n_groups = max(1, min(N_GROUPS, n_units // LEAST_UNITS))
    groups = np.array_split(np.argsort(strength, kind="stable"), n_groups)
    rng = generator(seed, "components between data sets", *sorted(names))
    orders = []
    for _ in range(n_permutations):
        order = np.empty(n_units, dtype=np.int64)
        for members in groups:
            order[members] = members[rng.permutation(len(members))]
        orders.append(order)
    return orders


def _measures(matrix: Array, null: Array, point_a: Array, point_b: Array) -> list[Measured]:
    matched, best = hungarian(matrix), mutual_best(matrix)
    raw = mean_of(matrix, matched)
    chance = np.array([mean_of(each, hungarian(each)) for each in null])
    mean = judge(raw, chance).null_mean
    shared: dict[str, Any] = {"n_images": 0, "n_permutations": len(null), "n_undefined": int(np.isnan(matrix).sum())}
    why = NO_COMPONENTS if not len(matched) else NO_NULL
    value = raw - mean
    counted = shared | {"n_concepts": len(matched), "reason": why}
    rows = [
        measured("cosine", value, _NO_INTERVAL, judge(value, chance - mean), **counted),
        measured("cosine_raw", raw, _NO_INTERVAL, judge(raw, chance), **counted),
    ]
    fewer = min((~np.isnan(matrix)).any(axis=1).sum(), (~np.isnan(matrix)).any(axis=0).sum())

    def share(of: Array, pairs: Array) -> float:
        if not fewer or not len(null):
            return float("nan")
        points = np.fmax(point_a[pairs[:, 0]], point_b[pairs[:, 1]])
        return float((of[pairs[:, 0], pairs[:, 1]] > points).sum() / fewer)

    shares = np.array([share(each, mutual_best(each)) for each in null])
    here = share(matrix, best)
    counted = shared | {"n_concepts": int(fewer), "reason": why}
    return [*rows, measured("cosine_one_to_one", here, _NO_INTERVAL, judge(here, shares), **counted)]
