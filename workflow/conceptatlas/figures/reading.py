"""What figures read besides tables: picture strips (``gallery.h5``) and distributions (``statistics``)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from conceptatlas.masks.bitmask import unpack

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Gallery:
    """Picture strips of some units of a layer.

    units : int64 (unit,). images : int64 (unit, rank), -1 where a unit has fewer. values : float32 (unit, rank), each
    image's maximum activation. pictures : uint8 (unit, rank, P, P, 3). masks : bool (unit, rank, P, P).
    """

    units: Array
    images: Array
    values: Array
    pictures: Array
    masks: Array


@dataclass(frozen=True)
class Distribution:
    """Distribution of a unit's activations: edges (bin + 1,), counts (bin,)."""

    edges: Array
    counts: Array


def read_gallery(path: str | Path) -> Gallery:
    """Read the picture strips that a dissection left."""
    with h5py.File(path, "r") as file:
        size = int(file.attrs["picture_size"])
        return Gallery(
            units=file["units"][()],
            images=file["images"][()],
            values=file["values"][()],
            pictures=file["pictures"][()],
            masks=unpack(file["masks"][()], height=size, width=size),
        )


def read_distributions(path: str | Path, units: list[int]) -> dict[int, Distribution]:
    """Read the distributions of the named units of a layer's statistics."""
    with h5py.File(path, "r") as file:
        edges, counts = file["distribution/edges"], file["distribution/counts"]
        return {unit: Distribution(edges[unit], counts[unit]) for unit in units}


@dataclass(frozen=True)
class Examples:
    """Example pictures of some concepts of a data set.

    concepts : int64 (row,), concept_index. images : int64 (row, rank), -1 where there are fewer.
    pictures : uint8 (row, rank, P, P, 3). masks : bool (row, rank, P, P).
    """

    concepts: Array
    images: Array
    pictures: Array
    masks: Array


def read_examples(path: str | Path) -> Examples:
    """Read the examples that indexing a data set left."""
    with h5py.File(path, "r") as file:
        size = int(file.attrs["picture_size"])
        return Examples(
            concepts=file["concepts"][()],
            images=file["images"][()],
            pictures=file["pictures"][()],
            masks=unpack(file["masks"][()], height=size, width=size),
        )


@dataclass(frozen=True)
class Perturbed:
    """Pictures of some units of a layer at every level of the perturbations.

    levels : names; level 0 is the original picture. units : int64 (unit,). images : int64 (unit, image), -1 where a
    unit has fewer. pictures : uint8 (unit, image, level, P, P, 3). masks : bool (unit, image, level, P, P).
    """

    levels: list[str]
    units: Array
    images: Array
    pictures: Array
    masks: Array


def read_perturbed(path: str | Path) -> Perturbed:
    """Read the examples that the robustness of a layer left."""
    with h5py.File(path, "r") as file:
        size = int(file.attrs["picture_size"])
        return Perturbed(
            levels=[name.decode() if isinstance(name, bytes) else str(name) for name in file["levels"][()]],
            units=file["units"][()],
            images=file["images"][()],
            pictures=file["pictures"][()],
            masks=unpack(file["masks"][()], height=size, width=size),
        )
