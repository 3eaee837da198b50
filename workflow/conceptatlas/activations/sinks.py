"""What can be done with blocks of activations as they leave the model: store, histogram, pooled, bits, tally.

A forward pass yields blocks (``start``, ``valid``, ``array(layer)``); every sink consumes each block once and in
order. Extraction feeds a store and a histogram; perturbed pictures feed a tally and are never stored.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from conceptatlas.activations.store import ShardWriter
from conceptatlas.masks.label_bits import LabelBits
from conceptatlas.masks.tally import Tally, tally_images
from conceptatlas.masks.upsample import Grid
from conceptatlas.streaming.runs import PatternRuns

Array = np.ndarray[Any, Any]


class Block(Protocol):
    """Consecutive images of a forward pass; maps are rounded to the storage type already."""

    start: int
    stop: int
    valid: Array

    def array(self, layer: str) -> Array:
        """Maps of a layer on the host: (image, unit, height, width), C-contiguous, writable."""
        ...


class Sink(Protocol):
    """Consumes blocks in the order of the images."""

    def consume(self, block: Block) -> None:
        """Take one block."""
        ...


class HistogramSink:
    """Counts of bit patterns per unit, and each image's maximum and mean; writes -0.0 as 0.0 in place.

    Stands before every other sink, so that all of them see the same numbers.

    Attributes
    ----------
    histogram : the counts. maximum, mean : float32 (image, unit), zeros for quarantined images.
    """

    def __init__(
        self, layer: str, *, n_images: int, n_units: int, dtype: str, start: int = 0, threads: int = 1
    ) -> None:
        self.layer = layer
        self.start = start
        self.histogram = PatternRuns(n_units, dtype=dtype, threads=threads)
        self.maximum = np.zeros((n_images, n_units), dtype=np.float32)
        self.mean = np.zeros((n_images, n_units), dtype=np.float32)

    def consume(self, block: Block) -> None:
        """Count a block."""
        rows = slice(block.start - self.start, block.stop - self.start)
        maps = block.array(self.layer)
        maps[~block.valid] = 0
        self.maximum[rows], self.mean[rows] = self.histogram.add(maps, skip=~block.valid)


class StoreSink:
    """Writes the maps of a layer to the shard file."""

    def __init__(self, layer: str, writer: ShardWriter, *, start: int = 0) -> None:
        self.layer = layer
        self.writer = writer
        self.start = start

    def consume(self, block: Block) -> None:
        """Write a block."""
        self.writer.write_maps(self.layer, block.start - self.start, block.array(self.layer))


class PooledSink:
    """Each image's spatial maximum and mean per unit, where no histogram is wanted.

    Attributes
    ----------
    maximum, mean : float32, shape (image, unit).
    """

    def __init__(self, layer: str, *, n_images: int, n_units: int, start: int = 0) -> None:
        self.layer = layer
        self.start = start
        self.maximum = np.zeros((n_images, n_units), dtype=np.float32)
        self.mean = np.zeros((n_images, n_units), dtype=np.float32)

    def consume(self, block: Block) -> None:
        """Pool a block."""
        rows = slice(block.start - self.start, block.stop - self.start)
        maps = block.array(self.layer).astype(np.float32)
        maps[~block.valid] = 0
        self.maximum[rows] = maps.max(axis=(2, 3))
        self.mean[rows] = maps.mean(axis=(2, 3), dtype=np.float64)


class BitsSink:
    """Packed bits 1[A > T] on the layer's own grid.

    Attributes
    ----------
    bits : uint8, shape (image, unit, ceil(height * width / 8)), little bit order.
    """

    def __init__(
        self, layer: str, *, thresholds: Array, n_images: int, map_shape: tuple[int, int], start: int = 0
    ) -> None:
        self.layer = layer
        self.start = start
        self.thresholds = np.asarray(thresholds, dtype=np.float32)
        width = -(-map_shape[0] * map_shape[1] // 8)
        self.bits = np.zeros((n_images, len(self.thresholds), width), dtype=np.uint8)

    def consume(self, block: Block) -> None:
        """Threshold and pack a block."""
        rows = slice(block.start - self.start, block.stop - self.start)
        self.bits[rows] = threshold_bits(block.array(self.layer), self.thresholds, block.valid)


class TallySink:
    """Intersections with label masks, without storing activations.

    Attributes
    ----------
    tally : the counts of the blocks consumed so far.
    """

    def __init__(
        self,
        layer: str,
        *,
        thresholds: Array,
        labels: LabelBits,
        blocks: Array,
        primary_category: Array,
        n_categories: int,
        grid: Grid,
        start: int = 0,
    ) -> None:
        self.layer = layer
        self.start = start
        self.thresholds = np.asarray(thresholds, dtype=np.float32)
        self.labels = labels
        self.blocks = blocks
        self.primary_category = primary_category
        self.grid = grid
        self.tally = Tally.empty(len(self.thresholds), len(primary_category), n_categories)

    def consume(self, block: Block) -> None:
        """Count a block."""
        images = np.arange(block.start - self.start, block.stop - self.start)
        maps = block.array(self.layer)
        maximum = maps.reshape(*maps.shape[:2], -1).max(axis=2).astype(np.float32)
        self.tally.merge(
            tally_images(
                maps,
                maximum,
                self.thresholds,
                self.labels.select(images),
                self.blocks[images],
                self.primary_category,
                self.grid,
                n_categories=self.tally.category_areas.shape[1],
                valid=block.valid,
            )
        )


def threshold_bits(maps: Array, thresholds: Array, valid: Array) -> Array:
    """Packed bits of maps > T: (image, unit, height, width) -> uint8 (image, unit, ceil(height * width / 8))."""
    above = maps.reshape(*maps.shape[:2], -1) > thresholds.astype(np.float32)[None, :, None]
    above[~valid] = False
    return np.packbits(above, axis=-1, bitorder="little")
