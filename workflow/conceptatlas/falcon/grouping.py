"""Groups of features that many images activate highly together.

Two definitions. The published code: images with the *same* set of features above alpha form a group. Beside it all
single features, pairs and triples with more than so many common images, found as frequent item sets (Apriori, Agrawal
and Srikant 1994): a triple is looked at only if its three pairs qualify, so what cannot qualify is never counted. Image
sets are bits, 64 images a word.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numba
import numpy as np

from conceptatlas.masks.bitmask import popcount

Array = np.ndarray[Any, Any]


class Group(NamedTuple):
    """features : ascending. images : int64, ascending, the images that activate all of them highly."""

    features: tuple[int, ...]
    images: Array

    @property
    def name(self) -> str:
        """Its features joined by ``-``."""
        return "-".join(str(feature) for feature in self.features)


def identical_groups(sets: Array, *, min_images: int) -> list[Group]:
    """Groups of images with exactly the same set of high features, in more than `min_images` images.

    sets : bool (image, feature). Images without a high feature form no group. Ordered by size, then features.
    """
    rows = np.flatnonzero(sets.any(axis=1))
    if not len(rows):
        return []
    packed = np.packbits(sets[rows], axis=1)
    _, first, inverse = np.unique(packed, axis=0, return_index=True, return_inverse=True)
    inverse = inverse.reshape(-1)
    counts = np.bincount(inverse)
    found = [
        Group(tuple(int(k) for k in np.flatnonzero(sets[rows[first[n]]])), rows[inverse == n].astype(np.int64))
        for n in np.flatnonzero(counts > min_images)
    ]
    return sorted(found, key=_order)


def common_groups(sets: Array, *, min_images: int, max_size: int = 3) -> list[Group]:
    """All single features, pairs and triples with more than `min_images` common high images.

    sets : bool (image, feature). max_size : 1, 2 or 3. Ordered by size, then features.

    Raises
    ------
    ValueError
        for another `max_size`.
    """
    if max_size not in (1, 2, 3):
        raise ValueError(f"groups of up to {max_size} features; expected 1, 2 or 3")
    counts = sets.sum(axis=0)
    singles = np.flatnonzero(counts > min_images).astype(np.int64)
    found: list[tuple[int, ...]] = [(int(k),) for k in singles]
    if max_size > 1 and len(singles) > 1:
        bits = feature_bits(sets[:, singles])
        pairs = frequent_pairs(bits, min_images)
        found += [tuple(int(k) for k in singles[pair]) for pair in pairs]
        if max_size > 2 and len(pairs) > 2:  # a triple needs three pairs
            triples = frequent_triples(bits, pairs, min_images)
            found += [tuple(int(k) for k in singles[triple]) for triple in triples]
    groups = [Group(one, np.flatnonzero(sets[:, list(one)].all(axis=1)).astype(np.int64)) for one in found]
    return sorted(groups, key=_order)


def choose_groups(groups: list[Group], *, max_groups: int = 0, max_singles: int = 0) -> list[Group]:
    """At most `max_groups` groups of several features, those of most images first, and at most `max_singles` single
    features: those that these groups hold, all of them, then those of most images. 0: all.

    Ties go to the order of `groups`, which is kept.
    """
    several = [i for i, group in enumerate(groups) if len(group.features) > 1]
    several = sorted(several, key=lambda i: -len(groups[i].images))[: max_groups or None]
    held = {feature for i in several for feature in groups[i].features}
    singles = [i for i, group in enumerate(groups) if len(group.features) == 1]
    singles = sorted(singles, key=lambda i: (groups[i].features[0] not in held, -len(groups[i].images)))
    room = max(max_singles, sum(groups[i].features[0] in held for i in singles)) if max_singles else None
    return [groups[i] for i in sorted({*several, *singles[:room]})]


def feature_bits(sets: Array) -> Array:
    """The images of each feature as bits: uint64 (feature, word), 64 images a word."""
    n_images, n_features = sets.shape
    padded = np.zeros((n_features, -(-n_images // 64) * 64), dtype=bool)
    padded[:, :n_images] = sets.T
    return np.packbits(padded, axis=1, bitorder="little").view(np.uint64)


def frequent_pairs(bits: Array, min_images: int) -> Array:
    """Pairs of rows with more than `min_images` common bits: int64 (pair, 2), ascending."""
    n = _count_pairs(bits, min_images)
    pairs = np.empty((n, 2), dtype=np.int64)
    _list_pairs(bits, min_images, pairs)
    return pairs


def frequent_triples(bits: Array, pairs: Array, min_images: int) -> Array:
    """Triples of rows with more than `min_images` common bits, all of whose pairs are in `pairs`: int64 (triple, 3)."""
    n_features = len(bits)
    first = np.searchsorted(pairs[:, 0], np.arange(n_features + 1))
    room = 1024
    while True:
        triples = np.empty((room, 3), dtype=np.int64)
        n = int(_list_triples(bits, pairs, first, min_images, triples))
        if n <= room:
            return triples[:n]
        room = n


def _order(group: Group) -> tuple[int, tuple[int, ...]]:
    return len(group.features), group.features


@numba.njit(cache=True, error_model="numpy")
def _common(a: Array, b: Array) -> Any:
    total = np.uint64(0)
    for w in range(len(a)):
        total += popcount(a[w] & b[w])
    return total


@numba.njit(cache=True, error_model="numpy")
def _count_pairs(bits: Array, min_images: int) -> int:
    found = 0
    for i in range(len(bits)):
        for j in range(i + 1, len(bits)):
            if _common(bits[i], bits[j]) > min_images:
                found += 1
    return found


@numba.njit(cache=True, error_model="numpy")
def _list_pairs(bits: Array, min_images: int, out: Array) -> None:
    found = 0
    for i in range(len(bits)):
        for j in range(i + 1, len(bits)):
            if _common(bits[i], bits[j]) > min_images:
                out[found, 0] = i
                out[found, 1] = j
                found += 1


@numba.njit(cache=True, error_model="numpy")
def _list_triples(bits: Array, pairs: Array, first: Array, min_images: int, out: Array) -> int:
    """Writes as many triples as fit and returns how many there are."""
    found = 0
    both = np.empty(bits.shape[1], dtype=np.uint64)
    for p in range(len(pairs)):
        i, j = pairs[p, 0], pairs[p, 1]
        for w in range(bits.shape[1]):
            both[w] = bits[i, w] & bits[j, w]
        a, b = p + 1, first[j]  # partners of i after j, partners of j: both lists ascend
        while a < first[i + 1] and b < first[j + 1]:
            k, m = pairs[a, 1], pairs[b, 1]
            if k < m:
                a += 1
            elif k > m:
                b += 1
            else:
                if _common(both, bits[k]) > min_images:
                    if found < len(out):
                        out[found, 0] = i
                        out[found, 1] = j
                        out[found, 2] = k
                    found += 1
                a += 1
                b += 1
    return found
