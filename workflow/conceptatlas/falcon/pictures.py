"""Frames of chosen images, whichever shards hold them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from conceptatlas.datasets.frame_file import map_frames
from conceptatlas.files import read_json

Array = np.ndarray[Any, Any]


class Pictures:
    """The frames of a data set by image_index; shards are mapped and checked when first needed.

    frames, manifests : of all shards, in one order.
    """

    def __init__(self, frames: Sequence[str | Path], manifests: Sequence[str | Path]) -> None:
        about = [read_json(manifest) for manifest in manifests]
        self._ranges = [(int(one["start"]), int(one["stop"])) for one in about]
        self._files = list(zip(frames, manifests, strict=True))
        self._mapped: dict[int, Array] = {}

    def of(self, images: Iterable[int]) -> Array:
        """uint8 (image, size, size, 3) of images by image_index, in the order given.

        Raises
        ------
        ValueError
            for an image that no shard holds.
        """
        return np.stack([self._one(int(image)) for image in images])

    def _one(self, image: int) -> Array:
        for n, (start, stop) in enumerate(self._ranges):
            if start <= image < stop:
                if n not in self._mapped:
                    path, manifest = self._files[n]
                    self._mapped[n] = map_frames(path, manifest=manifest)[0]
                return np.asarray(self._mapped[n][image - start])
        raise ValueError(f"no shard of frames holds image {image}; frames are missing: {self._files[-1:]}")
