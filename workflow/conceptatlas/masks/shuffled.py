"""The null of a unit's best IoU: the same unit masks against the labels of permuted images.

Unit masks are upsampled and packed once; a permutation then costs ANDs and population counts only. The search for the
best label is repeated inside every permutation. Permutations keep images within their source.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

from conceptatlas.masks.bitmask import popcount, word_spans
from conceptatlas.masks.label_bits import LabelBits
from conceptatlas.masks.pairs import PairMasks
from conceptatlas.masks.tally import categories_held
from conceptatlas.seeds import generator

Array = np.ndarray[Any, Any]


class PackedPairs:
    """Masks of pairs (image, unit) with the empty words at both ends cut off, for a block of units."""

    def __init__(self) -> None:
        self._words: list[Array] = []
        self._meta: list[Array] = []

    def add(self, masks: PairMasks) -> None:
        """Keep the words of every pair that hold its bits."""
        keep = masks.areas > 0
        width = masks.words.shape[1]
        inside = (np.arange(width) >= masks.span[:, :1]) & (np.arange(width) < masks.span[:, 1:]) & keep[:, None]
        self._words.append(masks.words[inside])
        lengths = inside.sum(axis=1)[keep]
        self._meta.append(
            np.stack([masks.images[keep], masks.units[keep], masks.span[keep, 0], lengths, masks.areas[keep]], axis=1)
        )

    def arrays(self) -> tuple[Array, Array]:
        """Words (uint64) and one row a pair: image, unit, first word, number of words, area (int64)."""
        if not self._meta:
            return np.zeros(0, dtype=np.uint64), np.zeros((0, 5), dtype=np.int64)
        return np.concatenate(self._words), np.concatenate(self._meta).astype(np.int64)

    @property
    def n_bytes(self) -> int:
        """Bytes held."""
        return sum(words.nbytes for words in self._words) + sum(meta.nbytes for meta in self._meta)


def permutation(sources: Array, valid: Array, *, seed: int, replicate: int) -> Array:
    """A permutation of images within their source: image n gets the labels of image permutation[n].

    Depends on (seed, replicate) and the images only. Invalid (quarantined) images stay where they are.
    """
    rng = generator(seed, "label permutation", replicate)
    out = np.arange(len(sources))
    for source in np.unique(sources):
        members = np.flatnonzero((sources == source) & valid)
        out[members] = members[rng.permutation(len(members))]
    return out


@numba.njit(cache=True, nogil=True)
def _intersect(
    words: Array,
    meta: Array,
    target: Array,
    offsets: Array,
    concepts: Array,
    rows: Array,
    labels: Array,
    label_span: Array,
    holds: Array,
    intersections: Array,
    category_areas: Array,
) -> None:
    position = 0
    for p in range(meta.shape[0]):
        n = target[meta[p, 0]]
        k = meta[p, 1]
        first = meta[p, 2]
        length = meta[p, 3]
        area = meta[p, 4]
        for c in range(holds.shape[1]):
            if holds[n, c]:
                category_areas[k, c] += area
        for e in range(offsets[n], offsets[n + 1]):
            r = rows[e]
            if r < 0:
                intersections[k, concepts[e]] += area
                continue
            start = max(first, label_span[r, 0])
            stop = min(first + length, label_span[r, 1])
            if start >= stop:
                continue
            mine = words[position + start - first : position + stop - first]  # slices: indices from 0 need no check
            theirs = labels[r, start:stop]
            total = np.uint64(0)
            for w in range(stop - start):
                total += popcount(mine[w] & theirs[w])
            intersections[k, concepts[e]] += np.int64(total)
        position += length


@numba.njit(cache=True, nogil=True)
def _best(
    intersections: Array, category_areas: Array, label_pixels: Array, primary: Array, value: Array, choice: Array
) -> None:
    for k in range(intersections.shape[0]):
        for c in range(intersections.shape[1]):
            i = intersections[k, c]
            if i > 0:
                category = primary[c]
                iou = i / (category_areas[k, category] + label_pixels[c] - i)
                if iou > value[k, category]:
                    value[k, category] = iou
                    choice[k, category] = c


def null_labels(
    words: Array,
    meta: Array,
    labels: LabelBits,
    primary_category: Array,
    sources: Array,
    valid: Array,
    *,
    n_units: int,
    n_categories: int,
    n_permutations: int,
    seed: int,
) -> tuple[Array, Array]:
    """Best iou_category of every unit in every category under permuted labels, and the concept that gives it.

    words, meta : from `PackedPairs.arrays` for a block of units (positions 0 .. n_units-1). labels : of ALL images.
    A label keeps its own pixels (also those that the receiving image's padding would hide: padding cuts the unit's
    mask instead).

    Returns
    -------
    value : float64, shape (permutation, unit, category); 0 where no concept of the category is touched.
    concept : int32, same shape; -1 there.
    """
    n_concepts = len(primary_category)
    image = np.repeat(np.arange(labels.n_images), np.diff(labels.offsets))
    counted = valid[image]
    label_pixels = np.zeros(n_concepts, dtype=np.int64)
    np.add.at(label_pixels, labels.concepts[counted], labels.areas()[counted])
    holds = categories_held(labels, primary_category, n_categories)
    label_span = word_spans(labels.words)
    value = np.zeros((n_permutations, n_units, n_categories), dtype=np.float64)
    concept = np.full((n_permutations, n_units, n_categories), -1, dtype=np.int32)
    primary = primary_category.astype(np.int64)
    for replicate in range(n_permutations):
        target = permutation(sources, valid, seed=seed, replicate=replicate)
        intersections = np.zeros((n_units, n_concepts), dtype=np.int64)
        category_areas = np.zeros((n_units, n_categories), dtype=np.int64)
        _intersect(
            words,
            meta,
            target,
            labels.offsets,
            labels.concepts,
            labels.rows,
            labels.words,
            label_span,
            holds,
            intersections,
            category_areas,
        )
        _best(intersections, category_areas, label_pixels, primary, value[replicate], concept[replicate])
    return value, concept
