"""Unsupervised concept similarity (UCS): IoU of the packed masks of two layers, all concepts with all, image by image.

UCS_ij = mean over images of |M_i and M_j| / |M_i or M_j|. An image in which both masks are empty says nothing about a
pair and is not counted (Mikriukov et al. 2023 divide by all images: where every map is divided by its own maximum no
mask is empty and the two agree). IoUs are summed as whole multiples of 2^-32, so that a sum does not depend on the
order of the images.

Cells in both masks: AND and population count over the words that both can have set (between the later of the two first
set words and the earlier of the two last). Slower are a matrix product of unpacked bits and, where vectors count by
look-up, one mask at a time, scalar counts and adders of carries (benchmarks/RESULTS.md).
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

from conceptatlas.masks.bitmask import popcount, word_spans

Array = np.ndarray[Any, Any]

ONE = 1 << 32
"""An IoU of 1 in fixed point."""

IMAGES_AT_ONCE = 4
"""Images whose masks stay in the second-level cache while pairs of layers take turns: 16 kB a layer and image at
S = 112 with 10 concepts."""


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _add_ious(
    a: Array,
    b: Array,
    area_a: Array,
    area_b: Array,
    span_a: Array,
    span_b: Array,
    first: int,
    last: int,
    partner: Array,
    slot: Array,
    sums: Array,
    defined: Array,
) -> None:
    """Add the images first .. last-1 of a, each with its partners in b.

    a, b : uint64 (image, concept, word). area_* : int32 (image, concept). span_* : int64 (image, concept, 2). partner,
    slot : int64 (draw, image): in draw r image n of a meets image partner[r, n] of b and counts for slot[r, n]. sums,
    defined : int64 (slot, concept of a, concept of b).
    """
    common = np.zeros(b.shape[1], dtype=np.int64)
    there = np.zeros(b.shape[1], dtype=np.int64)
    for n in range(first, last):
        for r in range(partner.shape[0]):
            m, s = partner[r, n], slot[r, n]
            n_there = 0
            for j in range(b.shape[1]):
                if area_b[m, j] > 0:
                    there[n_there] = j
                    n_there += 1
            for i in range(a.shape[1]):
                common[:] = 0
                if area_a[n, i] > 0:
                    _count_common(a[n, i], b[m], span_a[n, i], span_b[m], there[:n_there], common)
                _add_row(np.int64(area_a[n, i]), area_b[m], common, sums[s, i], defined[s, i])


@numba.njit(inline="always", error_model="numpy")
def _count_common(own: Array, others: Array, span: Array, spans: Array, there: Array, common: Array) -> None:
    """Cells that a mask shares with each of those masks of another layer that are not empty.

    Two at a time: the counts of both run side by side, and a word of `own` is read once for both.

    own : uint64 (word,). others : uint64 (concept, word). span, spans : first and one-past-last word. there : concepts.
    common : int64 (concept,), written.
    """
    n_pairs = there.shape[0] // 2
    for pair in range(n_pairs):
        j, k = there[2 * pair], there[2 * pair + 1]
        begin = max(span[0], min(spans[j, 0], spans[k, 0]))
        end = min(span[1], max(spans[j, 1], spans[k, 1]))
        if end > begin:
            mine = own[begin:end]  # indices whose sign needs no look
            left, right = others[j, begin:end], others[k, begin:end]
            in_left, in_right = np.uint64(0), np.uint64(0)
            for w in range(mine.shape[0]):
                in_left += popcount(mine[w] & left[w])
                in_right += popcount(mine[w] & right[w])
            common[j], common[k] = np.int64(in_left), np.int64(in_right)
    for at in range(2 * n_pairs, there.shape[0]):
        j = there[at]
        begin, end = max(span[0], spans[j, 0]), min(span[1], spans[j, 1])
        if end > begin:
            mine, left = own[begin:end], others[j, begin:end]
            in_left = np.uint64(0)
            for w in range(mine.shape[0]):
                in_left += popcount(mine[w] & left[w])
            common[j] = np.int64(in_left)


@numba.njit(inline="always", error_model="numpy")
def _add_row(area: Any, areas: Array, common: Array, sums: Array, defined: Array) -> None:
    """Add the IoU of a mask with each of another layer's, all (concept,); without a branch, so that it vectorises."""
    for j in range(areas.shape[0]):
        union = area + np.int64(areas[j]) - common[j]
        defined[j] += np.int64(union > 0)
        # exact: products and unions below 2^52, quotients differ from whole numbers by 1 / union
        sums[j] += np.int64(np.float64(common[j]) * 4294967296.0 / np.float64(max(union, 1)))


class LayerMasks:
    """The concept masks of a layer at one threshold, with what lets words be skipped.

    words : uint64 (image, concept, word). areas : int32 (image, concept). spans : int64 (image, concept, 2), first and
    one-past-last word with a set bit.
    """

    def __init__(self, words: Array, areas: Array) -> None:
        self.words = np.asarray(words)  # a memory map's own class would take numba's slow way in
        self.areas = np.ascontiguousarray(areas, dtype=np.int32)
        n_images, n_concepts, n_words = self.words.shape
        self.spans = np.empty((n_images, n_concepts, 2), dtype=np.int64)
        for n in range(0, n_images, 256):
            piece = self.words[n : n + 256]
            self.spans[n : n + 256] = word_spans(piece.reshape(-1, n_words)).reshape(-1, n_concepts, 2)

    @property
    def n_images(self) -> int:
        """Number of images."""
        return len(self.words)

    @property
    def n_concepts(self) -> int:
        """Number of concepts."""
        return int(self.words.shape[1])


def iou_sums_of_pairs(
    layers: list[LayerMasks], pairs: list[tuple[int, int]], blocks: Array, *, n_blocks: int
) -> list[tuple[Array, Array]]:
    """Sums of IoU and images counted of several pairs of layers, by block of images.

    pairs : (position of the first layer, of the second). blocks : int64 (image,).

    Returns
    -------
    of each pair int64 (block, concept of a, concept of b) twice: sums in multiples of 2^-32, and images with a cell in
    either mask.
    """
    shapes = [(n_blocks, layers[i].n_concepts, layers[j].n_concepts) for i, j in pairs]
    out = [(np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.int64)) for shape in shapes]
    n_images = len(blocks)
    partner, slot = np.arange(n_images, dtype=np.int64)[None], np.ascontiguousarray(blocks, dtype=np.int64)[None]
    for first in range(0, n_images, IMAGES_AT_ONCE):
        last = min(first + IMAGES_AT_ONCE, n_images)
        for (i, j), (sums, defined) in zip(pairs, out, strict=True):
            _add(layers[i], layers[j], first, last, partner, slot, sums, defined)
    return out


def shuffled_iou_sums(a: LayerMasks, b: LayerMasks, shuffles: Array) -> tuple[Array, Array]:
    """Sums of IoU where image n of a meets image shuffles[r, n] of b: int64 (shuffle, concept of a, of b) twice."""
    shape = (len(shuffles), a.n_concepts, b.n_concepts)
    sums, defined = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.int64)
    slot = np.broadcast_to(np.arange(len(shuffles), dtype=np.int64)[:, None], shuffles.shape).copy()
    _add(a, b, 0, a.n_images, shuffles, slot, sums, defined)
    return sums, defined


def ucs_of(sums: Array, defined: Array) -> Array:
    """UCS from sums and counts (..., concept, concept), float64; NaN where no image is defined."""
    mean: Array = np.where(defined > 0, sums / ONE / np.maximum(defined, 1), np.nan)
    return mean


def _add(
    a: LayerMasks, b: LayerMasks, first: int, last: int, partner: Array, slot: Array, sums: Array, defined: Array
) -> None:
    _add_ious(a.words, b.words, a.areas, b.areas, a.spans, b.spans, first, last, partner, slot, sums, defined)
