"""Columns and arrays of what `crop_groups` writes: where every crop lies, and its embedding."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np

from conceptatlas.falcon.heads import Head
from conceptatlas.files import atomic_path
from conceptatlas.tables import PLACE, Column

Array = np.ndarray[Any, Any]

CROP_COLUMNS = [
    *PLACE,
    Column("encoder", "image-text encoder that embeds the crop"),
    Column("kind", "high: an image of the group; random: a random image, cropped for a random group (the null's pool)"),
    Column("group", "group of features whose GradCAM cut the crop"),
    Column("image_index", "position of the image in index.parquet"),
    Column("image_id", "its name"),
    Column("top", "first row of the box in the frame", "pixels"),
    Column("left", "first column", "pixels"),
    Column("bottom", "row behind the last", "pixels"),
    Column("right", "column behind the last", "pixels"),
    Column("whole", "the map had no positive value: the crop is the whole frame"),
    Column("module", "module at which GradCAM was taken"),
    Column("cut", "share of the map's maximum that belongs to the mask"),
]
CROP_TYPES = {
    **dict.fromkeys(("dataset", "model", "layer", "encoder", "kind", "group", "image_id", "module"), "object"),
    **dict.fromkeys(("image_index", "top", "left", "bottom", "right"), "int64"),
    "whole": "bool",
}


class CropFile(NamedTuple):
    """embeddings : float32 (crop, dim), rows of the table. head : the model's own, or None. classes : its names."""

    embeddings: Array
    head: Head | None
    classes: list[str]


def write_crop_file(path: str | Path, embeddings: Array, head: Head | None, classes: list[str]) -> None:
    """Write crops.h5: `embeddings`, and `weight`, `bias` of the head with `classes` where there is one."""
    with atomic_path(path) as part, h5py.File(part, "w", libver="latest") as file:
        file.create_dataset("embeddings", data=embeddings)
        if head is not None:
            file.create_dataset("weight", data=head.weight)
            file.create_dataset("bias", data=head.bias)
            file.create_dataset("classes", data=classes, dtype=h5py.string_dtype())
            file.attrs["error"] = head.error


def read_crop_file(path: str | Path) -> CropFile:
    """Read crops.h5."""
    with h5py.File(path, "r") as file:
        embeddings: Array = file["embeddings"][()]
        if "weight" not in file:
            return CropFile(embeddings, None, [])
        head = Head(file["weight"][()], file["bias"][()], float(file.attrs["error"]))
        return CropFile(embeddings, head, list(file["classes"].asstr()[()]))
