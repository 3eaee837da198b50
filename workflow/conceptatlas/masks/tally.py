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

from conceptatlas.masks.active import prepare
from conceptatlas.masks.bitmask import popcount
from conceptatlas.masks.label_bits import LabelBits
from conceptatlas.masks.pairs import active_pairs, pair_masks
from conceptatlas.masks.upsample import Grid

Array = np.ndarray[Any, Any]

N_BLOCKS = 32
_DENSE = ("areas", "category_areas", "label_pixels", "label_images", "pixels", "images")
_PAIRS_AT_ONCE = 512  # 0.8 MB of scratch bits at S = 112: stays in the second-level cache


@numba.njit(cache=True, nogil=True)
def _count(
    words: Array,
    span: Array,
    areas: Array,
    images: Array,
    units: Array,
    offsets: Array,
    concepts: Array,
    rows: Array,
    labels: Array,
    holds: Array,
    block: int,
    out: Array,
    unit_areas: Array,
    category_areas: Array,
) -> None:
    """Add the pairs of one block: intersections to out (unit, concept), areas to the column of their block."""
    for p in range(words.shape[0]):
        area = areas[p]
        if area == 0:
            continue
        n = images[p]
        k = units[p]
        mine = words[p, span[p, 0] : span[p, 1]]  # slices: indices from 0 need no check of their sign
        unit_areas[k, block] += area
        for category in range(holds.shape[1]):
            if holds[n, category]:
                category_areas[k, category, block] += area
        for e in range(offsets[n], offsets[n + 1]):
            r = rows[e]
            if r < 0:
                out[k, concepts[e]] += area
                continue
            theirs = labels[r, span[p, 0] : span[p, 1]]
            total = np.uint64(0)
            for w in range(mine.shape[0]):
                total += popcount(mine[w] & theirs[w])
            out[k, concepts[e]] += np.int64(total)


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
        for name in _DENSE:
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


class TallySum:
    """Adds up tallies of many runs of images: intersections in a dense table, so that each costs its own entries only.

    The table takes 256 bytes a (unit, concept): 0.6 GB for 2048 units and Broden's 1197 concepts.
    """

    def __init__(self, n_units: int, n_concepts: int, n_categories: int) -> None:
        self._total = Tally.empty(n_units, n_concepts, n_categories)
        self._dense = np.zeros((n_units, n_concepts, N_BLOCKS), dtype=np.int64)

    def add(self, tally: Tally) -> None:
        """Add the counts of other images."""
        np.add.at(self._dense, (tally.unit, tally.concept, tally.block), tally.intersections)
        for name in _DENSE:
            getattr(self._total, name).__iadd__(getattr(tally, name))

    def result(self) -> Tally:
        """The sum."""
        flat = self._dense.reshape(-1)
        touched = np.flatnonzero(flat != 0)
        pair, block = np.divmod(touched, N_BLOCKS)
        unit, concept = np.divmod(pair, max(self._dense.shape[1], 1))
        total = self._total
        total.unit, total.concept = unit.astype(np.int32), concept.astype(np.int32)
        total.block, total.intersections = block.astype(np.int32), flat[touched]
        return total


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
            _count(
                masks.words,
                masks.span,
                masks.areas,
                masks.images,
                masks.units,
                labels.offsets,
                labels.concepts,
                labels.rows,
                labels.words,
                holds,
                int(block),
                intersections,
                tally.areas,
                tally.category_areas,
            )
        touched = np.flatnonzero(intersections.ravel() != 0)  # of booleans: ten times faster than of integers
        unit, concept = np.divmod(touched, n_concepts)
        pieces.append((unit, concept, int(block), intersections.ravel()[touched]))
        intersections[:] = 0
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
