"""What is read of a layer: pooled activations of the valid images, and on which of them labels are chosen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd

from conceptatlas.seeds import unit_interval
from conceptatlas.tables import read_table

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Layer:
    """What is known of a layer's images and units, valid images only.

    activations : float32 (image, unit). images : image_index. blocks : block of every image. selecting : bool, images
    on which labels are chosen. live : bool (unit,), not constant over the images where labels are chosen.
    """

    activations: Array
    images: Array
    blocks: Array
    sources: Array
    selecting: Array
    live: Array


def read_layer(statistics: str | Path, index: str | Path, *, options: Mapping[str, Any], seed: int) -> Layer:
    """Pooled activations of the valid images, and which of these choose labels: drawn by hash of the image's name.

    Raises
    ------
    ValueError
        where too few images are left on either side.
    """
    table = read_table(index)
    valid = table["valid"].to_numpy(bool)
    pooled = read_array(statistics, "mean_pooled" if options["pooling"] == "mean" else "max")
    names = table.loc[valid, "image_id"].astype(str)
    share = options["select_share"]
    selecting = np.array([unit_interval(seed, "open vocabulary", name) < share for name in names], dtype=bool)
    n, held_out = int(selecting.sum()), int((~selecting).sum())
    if n < options["top_images"] or held_out < 3:
        raise ValueError(
            f"open_vocabulary: {n} images are there to choose labels on and {held_out} to score them; top_images is "
            f"{options['top_images']}, and 3 must be held out: lower top_images or change select_share"
        )
    activations = pooled[valid]
    live = activations[selecting].max(axis=0) > activations[selecting].min(axis=0)
    blocks = table.loc[valid, "block"].to_numpy(np.int64)
    sources = pd.factorize(table.loc[valid, "source"].astype(str), sort=True)[0]
    return Layer(activations, np.flatnonzero(valid), blocks, sources, selecting, live)


def read_array(path: str | Path, name: str) -> Array:
    """A dataset of an HDF5 file."""
    with h5py.File(path, "r") as file:
        array: Array = file[name][:]
    return array
