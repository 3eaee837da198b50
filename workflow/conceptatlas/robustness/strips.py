"""Picture strips: a unit's top images as they are and perturbed, with its mask on each: figures need no model."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from conceptatlas.activations.sinks import Block
from conceptatlas.masks.bitmask import pack
from conceptatlas.masks.upsample import Grid, unit_mask
from conceptatlas.robustness.perturbations import PerturbedFrames
from conceptatlas.streaming.topk import TopImages

Array = np.ndarray[Any, Any]

LARGEST_PICTURE = 128


class Wanted(NamedTuple):
    """A unit, one of the images it answers to most, and that image's rank among them, from 0."""

    unit: int
    rank: int
    image: int


class Strips(NamedTuple):
    """Pictures of some (unit, image) pairs, before and after.

    units, ranks, images : int64, shape (pair,); see `Wanted`.
    pictures : uint8, shape (pair, 2, P, P, 3): the frame, the perturbed frame.
    masks : packed bits, shape (pair, 2, bytes), at P x P: the unit's mask on each, S x S cells repeated.
    """

    units: Array
    ranks: Array
    images: Array
    pictures: Array
    masks: Array


def picture_size(frame_size: int, mask_size: int) -> int:
    """Side P of the pictures: that of the frame, at most 128 and at least S."""
    return max(mask_size, min(frame_size, LARGEST_PICTURE))


def choose_strips(iou: Array, maximum: Array, valid: Array, *, n_units: int, n_images: int) -> list[Wanted]:
    """What to show: the units with the highest IoU and the images they answer to most.

    iou : (unit,), on clean images; undefined ones come last. maximum : float32 (image, unit), the largest activation of
    every clean image. valid : bool (image,); images in quarantine are never shown.
    """
    units = np.argsort(-np.nan_to_num(iou, nan=-1.0), kind="stable")[:n_units]
    top = TopImages(len(units), k=max(n_images, 1))
    top.add(maximum[np.ix_(valid, units)], np.flatnonzero(valid))
    return [
        Wanted(int(unit), rank, int(image))
        for unit, images in zip(units, top.images, strict=True)
        for rank, image in enumerate(images[:n_images])
        if image >= 0
    ]


class StripSink:
    """Keeps the strips of the wanted pairs among the images of a shard."""

    def __init__(
        self,
        layer: str,
        wanted: list[Wanted],
        *,
        frames: PerturbedFrames,
        clean: Array,
        thresholds: Array,
        grid: Grid,
        start: int,
    ) -> None:
        self.layer = layer
        self.frames, self.clean, self.thresholds, self.grid = frames, clean, thresholds, grid
        self.start = start
        self.wanted = [each for each in wanted if 0 <= each.image - start < len(frames)]
        self.size = picture_size(frames.frames.shape[1], grid.shape[0])
        self._kept: list[tuple[Wanted, Array, Array]] = []

    def consume(self, block: Block) -> None:
        """Take the pictures and masks of wanted pairs in a block; rows of the block are positions in the shard."""
        for each in self.wanted:
            unit, n = each.unit, each.image - self.start
            if block.start <= n < block.stop:
                maps = np.stack([self.clean[n, unit], block.array(self.layer)[n - block.start, unit]])
                pictures = np.stack([self._picture(self.frames.frames[n]), self._picture(self.frames[n : n + 1][0])])
                masks = unit_mask(maps, np.full(2, self.thresholds[unit]), self.grid)
                self._kept.append((each, pictures, pack(self._enlarged(masks))))

    def result(self) -> Strips:
        """The strips, in the order of unit and rank."""
        kept = sorted(self._kept, key=lambda item: item[0])
        size, n_bytes = self.size, pack(np.zeros((self.size, self.size), dtype=bool)).shape[-1]
        which = np.array([item[0] for item in kept], dtype=np.int64).reshape(len(kept), len(Wanted._fields))
        units, ranks, images = which.T.copy()
        return Strips(
            units,
            ranks,
            images,
            np.array([item[1] for item in kept], dtype=np.uint8).reshape(len(kept), 2, size, size, 3),
            np.array([item[2] for item in kept], dtype=np.uint8).reshape(len(kept), 2, n_bytes),
        )

    def _picture(self, frame: Array) -> Array:
        rounded = np.clip(np.rint(np.asarray(frame, dtype=np.float32)), 0, 255).astype(np.uint8)
        resized = Image.fromarray(rounded).resize((self.size, self.size), Image.Resampling.BILINEAR)
        return np.asarray(resized)

    def _enlarged(self, masks: Array) -> Array:
        nearest = ((np.arange(self.size) + 0.5) * self.grid.shape[0] / self.size).astype(np.int64)
        enlarged: Array = masks[:, nearest[:, None], nearest[None, :]]
        return enlarged
