"""Intersections of unit masks with label masks: the integer counts behind every IoU.

For every image, the pairs (image, unit) whose map exceeds its threshold somewhere are upsampled to bits
(`masks.active`), ANDed with the labels of that image only, and counted. All accumulators are integers, so shards,
workers and blocks add up to the same numbers. Counts are kept in 32 blocks by hash of the image id, for bootstraps.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numba
import numpy as np

from conceptatlas.masks.active import Cutting, active_bits, arguments, prepare
from conceptatlas.masks.bitmask import n_words, popcount
from conceptatlas.masks.label_bits import LabelBits
from conceptatlas.masks.upsample import Grid, framed

Array = np.ndarray[Any, Any]

N_BLOCKS = 32
_PAIRS_AT_ONCE = 1024  # 1.6 MB of scratch bits at S = 112: stays in the second-level cache


@numba.njit(cache=True, nogil=True)
def _pair_masks(
    values: Array,
    thresholds: Array,
    words: Array,
    span: Array,
    width: int,
    r_first: Array,
    r_last: Array,
    r_low: Array,
    r_high: Array,
    r_t: Array,
    c_first: Array,
    c_last: Array,
    c_low: Array,
    c_high: Array,
    c_t: Array,
) -> None:
    last_word = words.shape[1]
    for p in range(values.shape[0]):
        row = words[p]
        row[:] = 0
        first, last = active_bits(
            values[p], thresholds[p], row, width, r_first, r_last, r_low, r_high, r_t, c_first, c_last, c_low, c_high,
            c_t,
        )  # fmt: skip
        span[p, 0] = (first * width) >> 6
        span[p, 1] = min(last_word, (last * width + 63) >> 6)


@numba.njit(cache=True, nogil=True)
def _areas(words: Array, span: Array, images: Array, ignore: Array, has_ignore: bool, areas: Array) -> None:
    for p in range(words.shape[0]):
        total = np.uint64(0)
        for w in range(span[p, 0], span[p, 1]):
            if has_ignore:
                words[p, w] &= ~ignore[images[p], w]
            total += popcount(words[p, w])
        areas[p] = np.int64(total)


@numba.njit(cache=True, nogil=True)
def _intersect(
    words: Array,
    span: Array,
    areas: Array,
    images: Array,
    units: Array,
    offsets: Array,
    concepts: Array,
    rows: Array,
    labels: Array,
    out: Array,
) -> None:
    for p in range(words.shape[0]):
        if areas[p] == 0:
            continue
        n = images[p]
        k = units[p]
        for e in range(offsets[n], offsets[n + 1]):
            r = rows[e]
            if r < 0:
                out[k, concepts[e]] += areas[p]
                continue
            total = np.uint64(0)
            for w in range(span[p, 0], span[p, 1]):
                total += popcount(words[p, w] & labels[r, w])
            out[k, concepts[e]] += np.int64(total)


@dataclass(frozen=True)
class PairMasks:
    """Masks of the pairs (image, unit) that are active anywhere.

    images, units : int64, shape (pair,): position of the image and of the unit.
    words : uint64, shape (pair, word): the mask, ignored pixels removed.
    span : int64, shape (pair, 2): words span[p, 0] .. span[p, 1]-1 hold all set bits of pair p.
    areas : int64, shape (pair,): active pixels.
    """

    images: Array
    units: Array
    words: Array
    span: Array
    areas: Array


def active_pairs(maximum: Array, thresholds: Array, grid: Grid) -> tuple[Array, Array]:
    """Positions (image, unit) of the pairs that can have a non-empty mask: max_ij A > T_k.

    maximum : float32 (image, unit); thresholds : float32 (unit,). With ``padding: zero`` the border counts as a knot.
    """
    top = maximum
    if grid.zero_border and grid.order == "upsample_then_threshold":
        top = np.maximum(maximum, 0)
    images, units = np.nonzero(top > thresholds)
    return images, units


def pair_masks(
    maps: Array,
    thresholds: Array,
    images: Array,
    units: Array,
    grid: Grid,
    cutting: Cutting,
    *,
    ignore: Array | None = None,
) -> PairMasks:
    """Upsampled masks of the given pairs.

    maps : float16 or float32, shape (image, unit, height, width). ignore : uint64 (image, word) or None.
    """
    values = maps[images, units].astype(np.float32)
    levels = thresholds[units].astype(np.float32)
    if grid.order == "threshold_then_upsample":
        values = (values > levels[:, None, None]).astype(np.float32)
        levels = np.full(len(levels), 0.5, dtype=np.float32)
    values = np.ascontiguousarray(framed(values, grid))
    words = np.empty((len(images), n_words(cutting.n_pixels)), dtype=np.uint64)
    span = np.empty((len(images), 2), dtype=np.int64)
    areas = np.empty(len(images), dtype=np.int64)
    _pair_masks(values, levels, words, span, cutting.width, *arguments(cutting))
    nothing = np.zeros((1, 1), dtype=np.uint64)
    _areas(words, span, images, nothing if ignore is None else ignore, ignore is not None, areas)
    return PairMasks(images, units, words, span, areas)


@dataclass
class Tally:
    """Integer counts of a layer against a vocabulary.

    intersections : int64, shape (entry,): |M_k AND L_c| summed over the images of a block, with `unit`, `concept`,
        `block` (int32, shape (entry,)) saying whose; entries of zero are left out; sorted by unit, concept, block.
    areas : int64, shape (unit, block): |M_k| over all images.
    category_areas : int64, shape (unit, category, block): |M_k| over images that hold a concept whose primary category
        is this one.
    label_pixels, label_images : int64, shape (concept, block): |L_c| and the number of images that hold c.
    pixels : int64, shape (block,): pixels of all images that are not ignored. images : int64, shape (block,).
    """

    unit: Array
    concept: Array
    block: Array
    intersections: Array
    areas: Array
    category_areas: Array
    label_pixels: Array
    label_images: Array
    pixels: Array
    images: Array

    @classmethod
    def empty(cls, n_units: int, n_concepts: int, n_categories: int) -> Tally:
        """A tally of no images."""

        def zeros(*shape: int) -> Array:
            return np.zeros(shape, dtype=np.int64)

        none = np.zeros(0, dtype=np.int32)
        return cls(
            unit=none,
            concept=none.copy(),
            block=none.copy(),
            intersections=zeros(0),
            areas=zeros(n_units, N_BLOCKS),
            category_areas=zeros(n_units, n_categories, N_BLOCKS),
            label_pixels=zeros(n_concepts, N_BLOCKS),
            label_images=zeros(n_concepts, N_BLOCKS),
            pixels=zeros(N_BLOCKS),
            images=zeros(N_BLOCKS),
        )

    def merge(self, other: Tally) -> None:
        """Add the counts of other images (another shard)."""
        for name in ("areas", "category_areas", "label_pixels", "label_images", "pixels", "images"):
            getattr(self, name).__iadd__(getattr(other, name))
        unit = np.concatenate([self.unit, other.unit])
        concept = np.concatenate([self.concept, other.concept])
        block = np.concatenate([self.block, other.block])
        counts = np.concatenate([self.intersections, other.intersections])
        order = np.lexsort((block, concept, unit))
        unit, concept, block, counts = unit[order], concept[order], block[order], counts[order]
        first = np.ones(len(unit), dtype=bool)
        first[1:] = (np.diff(unit) != 0) | (np.diff(concept) != 0) | (np.diff(block) != 0)
        starts = np.flatnonzero(first)
        self.unit, self.concept, self.block = unit[first], concept[first], block[first]
        self.intersections = np.add.reduceat(counts, starts) if len(starts) else counts

    def dense(self, *, blocks: Array | None = None) -> Array:
        """Intersections summed over blocks (all, or those where the boolean `blocks` is true): (unit, concept)."""
        out = np.zeros((self.areas.shape[0], self.label_pixels.shape[0]), dtype=np.int64)
        take = slice(None) if blocks is None else blocks[self.block]
        np.add.at(out, (self.unit[take], self.concept[take]), self.intersections[take])
        return out

    def by_block(self, units: Array, concepts: Array) -> Array:
        """Intersections of given (unit, concept) pairs in every block: int64, shape (pair, block)."""
        n_concepts = self.label_pixels.shape[0]
        key = self.unit.astype(np.int64) * n_concepts + self.concept
        wanted = units.astype(np.int64) * n_concepts + concepts
        start = np.searchsorted(key, wanted, side="left")
        stop = np.searchsorted(key, wanted, side="right")
        out = np.zeros((len(wanted), N_BLOCKS), dtype=np.int64)
        for i, (a, b) in enumerate(zip(start, stop, strict=True)):
            out[i, self.block[a:b]] = self.intersections[a:b]
        return out

    def state(self) -> dict[str, Array]:
        """All arrays by name, for storage."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


def tally_images(
    maps: Array,
    maximum: Array,
    thresholds: Array,
    labels: LabelBits,
    blocks: Array,
    primary_category: Array,
    grid: Grid,
    *,
    n_categories: int,
    valid: Array | None = None,
) -> Tally:
    """Count intersections of all units with the labels of some images.

    Parameters
    ----------
    maps : float16 or float32, shape (image, unit, height, width): activations (may be memory-mapped).
    maximum : float32, shape (image, unit): maximum of each map.
    thresholds : float32, shape (unit,): T_k; the comparison is strict.
    labels : label masks of the same images.
    blocks : int, shape (image,): bootstrap block of each image, 0..31.
    primary_category : int, shape (concept,): index of each concept's primary category.
    valid : bool, shape (image,): quarantined images are left out.
    """
    n_images, n_units = maps.shape[:2]
    n_concepts = len(primary_category)
    if labels.n_images != n_images or len(blocks) != n_images:
        raise ValueError(f"{n_images} images of activations, {labels.n_images} of labels, {len(blocks)} of blocks")
    tally = Tally.empty(n_units, n_concepts, n_categories)
    cutting = prepare(grid)
    keep = np.ones(n_images, dtype=bool) if valid is None else np.asarray(valid, dtype=bool)
    _count_labels(tally, labels, blocks, keep)
    holds = categories_held(labels, primary_category, n_categories)
    pieces: list[tuple[Array, Array, int, Array]] = []
    intersections = np.zeros((n_units, n_concepts), dtype=np.int64)
    for block in np.unique(blocks[keep]):
        members = np.flatnonzero((blocks == block) & keep)
        images, units = active_pairs(np.asarray(maximum[members]), thresholds, grid)
        images = members[images]
        for start in range(0, len(images), _PAIRS_AT_ONCE):
            piece = slice(start, start + _PAIRS_AT_ONCE)
            masks = pair_masks(maps, thresholds, images[piece], units[piece], grid, cutting, ignore=labels.ignore)
            _intersect(
                masks.words,
                masks.span,
                masks.areas,
                masks.images,
                masks.units,
                labels.offsets,
                labels.concepts,
                labels.rows,
                labels.words,
                intersections,
            )
            np.add.at(tally.areas[:, block], masks.units, masks.areas)
            for category in range(n_categories):
                inside = holds[masks.images, category]
                np.add.at(tally.category_areas[:, category, block], masks.units[inside], masks.areas[inside])
        unit, concept = np.nonzero(intersections)
        pieces.append((unit, concept, int(block), intersections[unit, concept]))
        intersections[unit, concept] = 0
    if pieces:
        tally.unit = np.concatenate([p[0] for p in pieces]).astype(np.int32)
        tally.concept = np.concatenate([p[1] for p in pieces]).astype(np.int32)
        tally.block = np.concatenate([np.full(len(p[0]), p[2]) for p in pieces]).astype(np.int32)
        tally.intersections = np.concatenate([p[3] for p in pieces])
        order = np.lexsort((tally.block, tally.concept, tally.unit))
        for name in ("unit", "concept", "block", "intersections"):
            setattr(tally, name, getattr(tally, name)[order])
    return tally


def categories_held(labels: LabelBits, primary_category: Array, n_categories: int) -> Array:
    """Whether an image holds a concept whose primary category is this one: bool, shape (image, category)."""
    holds = np.zeros((labels.n_images, n_categories), dtype=bool)
    image = np.repeat(np.arange(labels.n_images), np.diff(labels.offsets))
    holds[image, primary_category[labels.concepts]] = True
    return holds


def _count_labels(tally: Tally, labels: LabelBits, blocks: Array, keep: Array) -> None:
    image = np.repeat(np.arange(labels.n_images), np.diff(labels.offsets))
    counted = keep[image]
    concepts = labels.concepts[counted]
    block = blocks[image[counted]]
    np.add.at(tally.label_pixels, (concepts, block), labels.areas()[counted])
    np.add.at(tally.label_images, (concepts, block), 1)
    np.add.at(tally.pixels, blocks[keep], labels.valid_pixels()[keep])
    np.add.at(tally.images, blocks[keep], 1)
