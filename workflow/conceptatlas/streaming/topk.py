"""The k images with the largest value per unit, streamed."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


class TopImages:
    """The k largest values per unit and the images they come from; ties go to the lower image index.

    The running maximum starts at -inf, so that units with negative values only have top images too.

    Attributes
    ----------
    values : float32, shape (unit, k), descending; -inf where fewer than k images were added.
    images : int64, shape (unit, k); -1 where fewer than k images were added.
    """

    def __init__(self, n_units: int, *, k: int) -> None:
        if k < 1:
            raise ValueError(f"the number of top images is at least 1, not {k}")
        self.values = np.full((n_units, k), -np.inf, dtype=np.float32)
        self.images = np.full((n_units, k), -1, dtype=np.int64)

    def add(self, values: Array, image_index: Array) -> None:
        """Add images: `values` shape (image, unit), `image_index` shape (image,)."""
        if len(image_index):
            images = np.broadcast_to(np.asarray(image_index, dtype=np.int64), (values.shape[1], len(image_index)))
            self._keep(np.asarray(values, dtype=np.float32).T, images)

    def merge(self, other: TopImages) -> None:
        """Add the top images of another part of the data."""
        self._keep(other.values, other.images)

    def _keep(self, values: Array, images: Array) -> None:
        all_values = np.concatenate([self.values, values], axis=1)
        all_images = np.concatenate([self.images, images], axis=1)
        absent = all_images < 0
        order = np.lexsort((np.where(absent, np.iinfo(np.int64).max, all_images), -all_values), axis=1)
        kept = order[:, : self.values.shape[1]]
        self.values = np.take_along_axis(all_values, kept, axis=1)
        self.images = np.take_along_axis(all_images, kept, axis=1)
