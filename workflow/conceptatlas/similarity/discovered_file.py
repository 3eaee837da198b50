"""discovered.h5: the concepts of a layer and their masks in the test images.

    components   (concept, unit) float32, unit length; zeros where there is no concept (the table says why)
    offset       (unit,) float32, subtracted before components are applied (0 but for pca)
    peaks        (concept,) float64, normaliser of ``normalise: dataset``; NaN where there is none
    masks        (threshold, image, concept, word) uint64, contiguous: bits of the S x S masks (masks.bitmask), pixels
                 of the padding removed
    areas        (threshold, image, concept) int32: set pixels
    maxima       (image, concept) float32: largest value of the concept map in cells that count, before normalising
    test_images  (image,) int64, image_index in the order of the masks

Attributes: thresholds, size (S), images_digest (of the test images' ids, in order), method, projection, normalise,
rectify (negative values are set to 0 first), model, layer, dataset.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from conceptatlas.activations.store import create_contiguous, map_dataset
from conceptatlas.files import text_digest
from conceptatlas.masks.bitmask import n_words

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Discovered:
    """What discovered.h5 holds (see this module); `masks` are memory-mapped read-only."""

    components: Array
    offset: Array
    peaks: Array
    masks: Array
    areas: Array
    maxima: Array
    test_images: Array
    thresholds: tuple[float, ...]
    size: int
    images_digest: str
    method: str
    projection: str
    normalise: str
    rectify: bool

    @property
    def n_concepts(self) -> int:
        """Number of concepts, those without masks included."""
        return len(self.components)


def digest_of_images(ids: list[str], images: Array) -> str:
    """Digest of a list of images: their ids, in order. Files of two layers are compared only where theirs agree."""
    return text_digest(*(ids[i] for i in images))


def create_discovered(
    path: str | Path, *, components: Array, offset: Array, test_images: Array, thresholds: list[float], size: int,
    images_digest: str, **described: str | bool,
) -> None:  # fmt: skip
    """Write discovered.h5 with room for the masks (`open_masks` fills it) and no areas yet (`finish_discovered`).

    described : attributes method, projection, normalise, rectify, dataset, model, layer.
    """
    with h5py.File(path, "w", libver="latest") as file:
        file["components"] = components.astype(np.float32)
        file["offset"] = offset.astype(np.float32)
        file["test_images"] = np.asarray(test_images, dtype=np.int64)
        shape = (len(thresholds), len(test_images), len(components), n_words(size * size))
        create_contiguous(file, "masks", shape, "uint64")
        file.attrs.update({"thresholds": np.array(thresholds, dtype=np.float64), "size": size})
        file.attrs.update({"images_digest": images_digest, **described})


def open_masks(path: str | Path) -> Array:
    """The masks of a file that is being written, mapped for writing; what they hold before that is undefined."""
    return map_dataset(path, "masks", mode="r+")


def finish_discovered(path: str | Path, *, areas: Array, peaks: Array, maxima: Array) -> None:
    """Add what is known once all masks are written."""
    with h5py.File(path, "r+", libver="latest") as file:
        file["areas"] = areas.astype(np.int32)
        file["peaks"] = peaks.astype(np.float64)
        file["maxima"] = maxima.astype(np.float32)


def read_discovered(path: str | Path) -> Discovered:
    """Read discovered.h5; masks stay on disk. OSError or KeyError where it is not one."""
    names = ("components", "offset", "peaks", "areas", "maxima", "test_images")
    with h5py.File(path, "r") as file:
        arrays = {name: np.asarray(file[name][()]) for name in names}
        attributes = dict(file.attrs)
    return Discovered(
        **arrays,
        masks=map_dataset(path, "masks"),
        thresholds=tuple(float(t) for t in attributes["thresholds"]),
        size=int(attributes["size"]),
        images_digest=str(attributes["images_digest"]),
        method=str(attributes["method"]),
        projection=str(attributes["projection"]),
        normalise=str(attributes["normalise"]),
        rectify=bool(attributes["rectify"]),
    )
