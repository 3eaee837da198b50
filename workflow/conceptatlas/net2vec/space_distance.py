"""How far two spaces of the same concepts are from each other: mathematics on matrices of cosines.

With unit vectors as rows of W and G = W W^T, D = ||G_a - G_b||_F^2 (Net2Vec, section 5.3). Spaces of any numbers of
dimensions compare; turning a space or scaling its vectors changes nothing. D grows with the number of concepts C, so
D / C^2 is given beside it, with a jackknife error over concepts, and a null in which the concepts of one space are
permuted: how far would the spaces be if they arranged their concepts alike but independently of what they are?
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numba
import numpy as np
from scipy.stats import rankdata

from conceptatlas.net2vec.vectors import unit_length
from conceptatlas.seeds import generator

Array = np.ndarray[Any, Any]

MINIMUM_CONCEPTS = 3
"""Two concepts have one cosine: nothing to correlate or to permute."""

TIE = 1e-12
"""Sums of products that differ by less, as a share of the sum of squares, are the same number rounded."""

CHUNK_BYTES = 1 << 26
"""Permuted matrices kept at a time."""


class Distance(NamedTuple):
    """distance : D. mean_square : D / C^2. standard_error : of mean_square. by_concept : (concept,), sums to D."""

    distance: float
    mean_square: float
    standard_error: float
    by_concept: Array


class Null(NamedTuple):
    """distances : D under every permutation, (space, permutation). p : (space,)."""

    distances: Array
    p: Array


def cosines(vectors: Array) -> Array:
    """G: cosines between the rows of (concept, dimension), float64 (concept, concept), exactly 1 on the diagonal.

    Raises
    ------
    ValueError
        for a vector of length zero (or with NaN, infinity): it has no direction.
    """
    rows = unit_length(vectors)
    if np.isnan(rows).any():
        raise ValueError("a vector of length zero, or one that is not finite, has no cosines; leave the concept out")
    gram: Array = rows @ rows.T
    np.fill_diagonal(gram, 1.0)
    return gram


def distance(first: Array, second: Array) -> Distance:
    """D between two matrices of cosines of the same concepts in the same order, (concept, concept) each.

    Leaving out concept i takes its row and its column: D_-i = D - 2 d_i + E_ii^2 with E = G_a - G_b and d_i its squared
    row length; the jackknife error of D / C^2 follows in closed form.
    """
    squares = (first - second) ** 2
    by_concept = squares.sum(axis=1)
    total = float(by_concept.sum())
    n = len(by_concept)
    without = (total - 2 * by_concept + np.diagonal(squares)) / max(n - 1, 1) ** 2
    error = float(np.sqrt((n - 1) / n * ((without - without.mean()) ** 2).sum()))
    return Distance(total, total / n**2, error, by_concept)


def pairs_of(gram: Array) -> Array:
    """The entries above the diagonal, row by row, (pair,)."""
    upper: Array = gram[np.triu_indices(len(gram), k=1)]
    return upper


def scaled_ranks(pairs: Array) -> Array:
    """Ranks of the cosines of all pairs of concepts, centred and of length 1, (pair,); zeros if all are equal."""
    ranks = rankdata(pairs)
    centred = ranks - ranks.mean()
    length = np.sqrt((centred**2).sum())
    scaled: Array = centred / length if length > 0 else np.zeros_like(centred)
    return scaled


def rank_correlation(first: Array, second: Array) -> float:
    """Spearman correlation from two `scaled_ranks`; NaN where the cosines of a space are all equal."""
    if not first.any() or not second.any():
        return float("nan")
    return float(np.clip(first @ second, -1, 1))


def permutations(name: str, *, n_concepts: int, n_permutations: int, seed: int) -> Array:
    """Permutations of the concepts of a space, seeded by its name: int64 (permutation, concept)."""
    rng = generator(seed, "distance of embedding spaces", name)
    drawn = [rng.permutation(n_concepts) for _ in range(n_permutations)]
    return np.array(drawn, dtype=np.int64).reshape(n_permutations, n_concepts)


def null_distances(firsts: Array, second: Array, permuted: Array) -> Null:
    """D between several spaces and one whose concepts are permuted.

    D = |G_a|^2 + |G_b|^2 - 2 <G_a, P G_b P^T>: only the product changes, and all spaces share it as one matrix product.

    firsts : (space, pair), `pairs_of` of every G_a. second : G_b, (concept, concept). permuted : int64 (permutation,
    concept). p = (1 + #{null <= observed}) / (1 + R), NaN without permutations; a distance that equals the observed one
    up to rounding counts (concepts with the same vector can be exchanged).
    """
    n_pairs = firsts.shape[1]
    products = np.empty((len(firsts), 1 + len(permuted)))
    orders = np.concatenate([np.arange(len(second), dtype=np.int64)[None], permuted])
    step = max(1, CHUNK_BYTES // (8 * max(n_pairs, 1)))
    for start in range(0, len(orders), step):
        part = orders[start : start + step]
        moved = np.empty((len(part), n_pairs))
        _permuted_pairs(second, part, moved)
        products[:, start : start + step] = firsts @ moved.T
    squares = ((firsts**2).sum(axis=1) + (pairs_of(second) ** 2).sum())[:, None]
    distances = 2 * np.maximum(squares - 2 * products[:, 1:], 0)  # every pair stands twice in G, diagonals cancel
    reached = products[:, 1:] >= products[:, :1] - TIE * squares
    p = (1 + reached.sum(axis=1)) / (1 + len(permuted))
    return Null(distances, np.where(len(permuted) > 0, p, np.nan))


@numba.njit(cache=True, nogil=True)
def _permuted_pairs(gram: Array, orders: Array, out: Array) -> None:
    """out[r] = gram[p(i), p(j)] for i < j, row by row, with p = orders[r]."""
    n = gram.shape[0]
    for r in range(orders.shape[0]):
        p = orders[r]
        at = 0
        for i in range(n):
            row = gram[p[i]]
            for j in range(i + 1, n):
                out[r, at] = row[p[j]]
                at += 1
