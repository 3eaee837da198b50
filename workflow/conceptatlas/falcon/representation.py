"""The representation of a layer: its pooled activations, an image a row."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np

from conceptatlas.falcon.selection import normalise_rows
from conceptatlas.tables import read_table

Array = np.ndarray[Any, Any]


class Representation(NamedTuple):
    """ids : image_id of every image. valid : bool (image,), not in quarantine. blocks : int64 (image,), 0..31.

    pooled : float32 (image, feature), spatial means. h : the same with rows of length 1; 0 for images in quarantine.
    """

    ids: list[str]
    valid: Array
    blocks: Array
    pooled: Array
    h: Array


def read_representation(statistics: str | Path, index: str | Path) -> Representation:
    """Read the pooled features (`mean_pooled` of the statistics of a layer) and the index of their images.

    Raises
    ------
    ValueError
        if the files are of different images.
    """
    table = read_table(index, columns=["image_id", "valid", "block"])
    valid = table["valid"].to_numpy(dtype=bool)
    with h5py.File(statistics, "r") as file:
        pooled: Array = file["mean_pooled"][()]
    if len(pooled) != len(valid):
        raise ValueError(f"{statistics}: features of {len(pooled)} images, {index} lists {len(valid)}; run both again")
    pooled = np.where(valid[:, None], pooled, 0).astype(np.float32)
    ids = [str(name) for name in table["image_id"]]
    return Representation(ids, valid, table["block"].to_numpy(dtype=np.int64), pooled, normalise_rows(pooled, valid))
