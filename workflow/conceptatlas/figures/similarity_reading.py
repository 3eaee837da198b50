"""What figures of similarity read besides tables: pictures and masks of discovered concepts, concept matrices."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd

from conceptatlas.activations.pictures import nearest_pixels
from conceptatlas.masks.bitmask import unpack

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class ConceptPictures:
    """Pictures of ``discovered_examples.h5``; one row a picture at a threshold.

    rows : DataFrame of concept, rank, image_index, threshold (position in `thresholds`), value, area; its index is the
    row of the arrays. pictures : uint8 (row, P, P, 3). masks : bool (row, P, P).
    """

    rows: pd.DataFrame
    pictures: Array
    masks: Array
    thresholds: tuple[float, ...]

    def of(self, concept: int, *, threshold: int = 0) -> pd.DataFrame:
        """Rows of a concept at a threshold, in order of rank."""
        take = (self.rows["concept"] == concept) & (self.rows["threshold"] == threshold)
        return self.rows[take].sort_values("rank", kind="stable")

    def concepts(self) -> list[int]:
        """Concepts with a picture."""
        return sorted(int(concept) for concept in self.rows["concept"].unique())


def read_concept_pictures(path: str | Path) -> ConceptPictures:
    """Read the pictures that the discovery of a layer's concepts left."""
    with h5py.File(path, "r") as file:
        size = int(file.attrs["picture_size"])
        names = ("concept", "rank", "image_index", "threshold", "value", "area")
        return ConceptPictures(
            rows=pd.DataFrame({name: file[name][()] for name in names}),
            pictures=file["pictures"][()],
            masks=unpack(file["masks"][()], height=size, width=size),
            thresholds=tuple(float(threshold) for threshold in file.attrs["thresholds"]),
        )


def read_concept_masks(
    path: str | Path, concept: int, images: Iterable[int], *, threshold: int = 0, size: int = 0
) -> tuple[Array, Array]:
    """Masks of a concept in some images from discovered.h5.

    images : image_index. threshold : position in the file's thresholds. size : side P of the masks returned, pixels
    repeated; 0 as stored.

    Returns
    -------
    masks : bool (image, P, P), False where the image is no test image of the file. there : bool (image,).
    """
    wanted = np.array(list(images), dtype=np.int64)
    with h5py.File(path, "r") as file:
        side = int(file.attrs["size"])
        row_of = {int(image): row for row, image in enumerate(file["test_images"][()])}
        there = np.array([image in row_of for image in wanted], dtype=bool)
        masks = np.zeros((len(wanted), side, side), dtype=bool)
        for at, image in enumerate(wanted):
            if there[at]:
                masks[at] = unpack(file["masks"][threshold, row_of[int(image)], concept], height=side, width=side)
    if size and size != side:
        nearest = nearest_pixels(size, side)
        masks = masks[:, nearest][:, :, nearest]
    return masks, there


def mask_iou(a: Array, b: Array) -> Array:
    """IoU of masks, image by image: bool (image, S, S) twice -> float64 (image,), NaN where both are empty."""
    both, either = (a & b).sum(axis=(1, 2)), (a | b).sum(axis=(1, 2))
    return np.divide(both, either, out=np.full(len(a), np.nan), where=either > 0)


def read_concept_matrix(path: str | Path, model_a: str, layer_a: str, layer_b: str) -> tuple[Array, tuple[float, ...]]:
    """UCS of the concepts of two layers from {model_b}_matrices.h5, and the thresholds.

    Returns
    -------
    ucs : float64 (threshold, concept of a, concept of b), of no concepts where the file lacks the pair.
    thresholds : share of the normaliser.
    """
    with h5py.File(path, "r") as file:
        thresholds = tuple(float(threshold) for threshold in file.attrs["thresholds"])
        group = f"{model_a}~{layer_a}~{layer_b}"
        if group not in file or "ucs" not in file[group]:
            return np.full((len(thresholds), 0, 0), np.nan), thresholds
        return file[f"{group}/ucs"][()].astype(np.float64), thresholds
