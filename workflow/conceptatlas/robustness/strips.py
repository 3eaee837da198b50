"""Picture strips: a unit's top images as they are and perturbed, with its mask on each: figures need no model."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from conceptatlas.activations.sinks import Block
from conceptatlas.masks.bitmask import pack
from conceptatlas.masks.upsample import Grid, unit_mask
from conceptatlas.robustness.perturbations import PerturbedFrames

Array = np.ndarray[Any, Any]

LARGEST_PICTURE = 128


class Strips(NamedTuple):
    """Pictures of some (unit, image) pairs, before and after.

    units, images : int64, shape (pair,). pictures : uint8, shape (pair, 2, P, P, 3): the frame, the perturbed frame.
    masks : packed bits, shape (pair, 2, bytes), at P x P: the unit's mask on each, S x S cells repeated.
    """

    units: Array
    images: Array
    pictures: Array
    masks: Array


def picture_size(frame_size: int, mask_size: int) -> int:
    """Side P of the pictures: that of the frame, at most 128 and at least S."""
    return max(mask_size, min(frame_size, LARGEST_PICTURE))


def choose_strips(iou: Array, top: list[Array], *, n_units: int, n_images: int) -> list[tuple[int, int]]:
    """(unit, image_index) pairs to show: the units with the highest IoU and the images they answer to most.

    iou : (unit,), on clean images; undefined ones come last. top : image_index of the top images of every unit, best
    first; -1 where there are fewer.
    """
    order = np.argsort(-np.nan_to_num(iou, nan=-1.0), kind="stable")[:n_units]
    return [(int(unit), int(image)) for unit in order for image in top[unit][:n_images] if image >= 0]


class StripSink:
    """Keeps the strips of the wanted pairs among the images of a shard."""

    def __init__(
        self,
        layer: str,
        wanted: list[tuple[int, int]],
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
        self.wanted = [(unit, image - start) for unit, image in wanted if 0 <= image - start < len(frames)]
        self.size = picture_size(frames.frames.shape[1], grid.shape[0])
        self._kept: list[tuple[int, int, Array, Array]] = []

    def consume(self, block: Block) -> None:
        """Take the pictures and masks of wanted pairs in a block; rows of the block are positions in the shard."""
        for unit, n in self.wanted:
            if block.start <= n < block.stop:
                maps = np.stack([self.clean[n, unit], block.array(self.layer)[n - block.start, unit]])
                pictures = np.stack([self._picture(self.frames.frames[n]), self._picture(self.frames[n : n + 1][0])])
                masks = unit_mask(maps, np.full(2, self.thresholds[unit]), self.grid)
                self._kept.append((unit, n + self.start, pictures, pack(self._enlarged(masks))))

    def result(self) -> Strips:
        """The strips, in the order of unit and image."""
        kept = sorted(self._kept, key=lambda item: item[:2])
        size, n_bytes = self.size, pack(np.zeros((self.size, self.size), dtype=bool)).shape[-1]
        return Strips(
            np.array([item[0] for item in kept], dtype=np.int64),
            np.array([item[1] for item in kept], dtype=np.int64),
            np.array([item[2] for item in kept], dtype=np.uint8).reshape(len(kept), 2, size, size, 3),
            np.array([item[3] for item in kept], dtype=np.uint8).reshape(len(kept), 2, n_bytes),
        )

    def _picture(self, frame: Array) -> Array:
        rounded = np.clip(np.rint(np.asarray(frame, dtype=np.float32)), 0, 255).astype(np.uint8)
        resized = Image.fromarray(rounded).resize((self.size, self.size), Image.Resampling.BILINEAR)
        return np.asarray(resized)

    def _enlarged(self, masks: Array) -> Array:
        nearest = ((np.arange(self.size) + 0.5) * self.grid.shape[0] / self.size).astype(np.int64)
        enlarged: Array = masks[:, nearest[:, None], nearest[None, :]]
        return enlarged
