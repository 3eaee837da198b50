"""Do masks stay the same? IoU of a unit's clean mask and its perturbed mask, brought back to where it came from.

Per image and unit: the perturbed mask is moved back (`Move.inverse`), cells that are not seen in the perturbed frame,
or are ignored in the clean one, are left out of both masks, and the IoU of the two is taken. Images where both are
empty say nothing and are not counted. Means over images are kept as sums of fixed-point numbers (multiples of 2^-32)
by block of images: integers add up to the same number however images are cut into shards and batches.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
import numpy as np

from conceptatlas.activations.sinks import Block
from conceptatlas.masks.active import prepare
from conceptatlas.masks.bitmask import popcount
from conceptatlas.masks.pairs import active_pairs, pair_masks
from conceptatlas.masks.tally import N_BLOCKS
from conceptatlas.masks.upsample import Grid
from conceptatlas.robustness.perturbations import Move

Array = np.ndarray[Any, Any]

ONE = 1 << 32
"""An IoU of 1 in fixed point."""

_PAIRS_AT_ONCE = 512


@numba.njit(cache=True, nogil=True)
def _overlap(
    clean: Array, perturbed: Array, images: Array, inverse: Array, seen: Array, moved: Array, inter: Array, union: Array
) -> None:
    """Cells in both masks and in either, of pairs: words (pair, word); inverse (image, cell), seen (image, word),
    moved (image,)."""
    n_words = clean.shape[1]
    back = np.empty(n_words, dtype=np.uint64)
    one = np.uint64(1)
    for p in range(clean.shape[0]):
        n = images[p]
        if moved[n]:
            back[:] = 0
            source = perturbed[p]
            place = inverse[n]
            for cell in range(place.shape[0]):
                q = place[cell]
                if q >= 0:
                    bit = (source[q >> 6] >> np.uint64(q & 63)) & one
                    back[cell >> 6] |= bit << np.uint64(cell & 63)
        else:
            back[:] = perturbed[p]
        both = np.uint64(0)
        either = np.uint64(0)
        for w in range(n_words):
            a = clean[p, w] & seen[n, w]
            b = back[w] & seen[n, w]
            both += popcount(a & b)
            either += popcount(a | b)
        inter[p] = np.int64(both)
        union[p] = np.int64(either)


def seen_cells(move: Move, hidden: Array | None) -> Array:
    """Clean cells that count: seen in the perturbed frame and not ignored; uint64 (word,).

    hidden : uint64 (word,), ignored cells of the clean frame, or None.
    """
    place = np.maximum(move.inverse, 0)
    seen = (move.inverse >= 0) & (move.source[place] >= 0)
    packed = np.zeros(8 * -(-len(seen) // 64), dtype=np.uint8)
    bits = np.packbits(seen, bitorder="little")
    packed[: len(bits)] = bits
    words: Array = packed.view(np.uint64)
    return words if hidden is None else words & ~hidden


class AgreementSink:
    """Sums, over images, of the IoU of clean and perturbed masks of every unit.

    Attributes
    ----------
    sums : int64, shape (unit, block): sums of IoUs in multiples of 2^-32. defined : int64, shape (unit, block): images
        with a cell in either mask.
    """

    def __init__(
        self,
        layer: str,
        *,
        clean: Array,
        thresholds: Array,
        blocks: Array,
        ignore: Array | None,
        move_of: Callable[[int], Move],
        grid: Grid,
        start: int = 0,
    ) -> None:
        """clean : stored activations (image, unit, height, width) of the images from `start` on; ignore : ignored cells
        of the clean frames, uint64 (image, word) or None; move_of : position of an image -> its move."""
        self.layer = layer
        self.start = start
        self.clean = clean
        self.thresholds = np.asarray(thresholds, dtype=np.float32)
        self.blocks = blocks
        self.ignore = ignore
        self.move_of = move_of
        self.grid = grid
        self._cutting = prepare(grid)
        self.sums = np.zeros((len(self.thresholds), N_BLOCKS), dtype=np.int64)
        self.defined = np.zeros((len(self.thresholds), N_BLOCKS), dtype=np.int64)

    def consume(self, block: Block) -> None:
        """Compare a block with the stored activations of its images."""
        positions = np.arange(block.start - self.start, block.stop - self.start)
        perturbed = block.array(self.layer)
        clean = np.ascontiguousarray(self.clean[positions[0] : positions[-1] + 1])
        top = perturbed.max(axis=(2, 3)).astype(np.float32)
        if not np.isfinite(top[block.valid]).all():
            raise ValueError(
                f"layer {self.layer}: perturbed images give infinite or NaN activations; set `dtype` to float32 in "
                "layers.tsv"
            )
        top = np.maximum(top, clean.max(axis=(2, 3)).astype(np.float32))
        top[~block.valid] = -np.inf
        images, units = active_pairs(top, self.thresholds, self.grid)
        kept = block.valid[images]
        images, units = images[kept], units[kept]
        moves = [self.move_of(int(n)) for n in positions]
        inverse = np.stack([move.inverse for move in moves])
        seen = np.stack(
            [
                seen_cells(move, None if self.ignore is None else self.ignore[n])
                for move, n in zip(moves, positions, strict=True)
            ]
        )
        moved = np.array([not move.is_identity for move in moves])
        for first in range(0, len(images), _PAIRS_AT_ONCE):
            piece = slice(first, first + _PAIRS_AT_ONCE)
            self._count(clean, perturbed, images[piece], units[piece], positions, inverse, seen, moved)

    def _count(
        self,
        clean: Array,
        perturbed: Array,
        images: Array,
        units: Array,
        positions: Array,
        inverse: Array,
        seen: Array,
        moved: Array,
    ) -> None:
        before = pair_masks(clean, self.thresholds, images, units, self.grid, self._cutting)
        after = pair_masks(perturbed, self.thresholds, images, units, self.grid, self._cutting)
        inter, union = np.zeros(len(images), dtype=np.int64), np.zeros(len(images), dtype=np.int64)
        _overlap(before.words, after.words, images, inverse, seen, moved, inter, union)
        there = union > 0
        where = units[there], self.blocks[positions[images[there]]]
        np.add.at(self.sums, where, inter[there] * ONE // union[there])
        np.add.at(self.defined, where, 1)
