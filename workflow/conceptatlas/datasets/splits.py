"""Which images teach and which judge: the data set's own split, or a seeded one by hash of the image id."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from conceptatlas.seeds import image_block, unit_interval
from conceptatlas.tables import read_table

Array = np.ndarray[Any, Any]

TRAIN, VAL, NEITHER = 0, 1, -1
NAMES = ("train", "val")


@dataclass(frozen=True)
class Split:
    """The images of a data set for a method that learns.

    ids : image_id of every image. of : int8 (image,): TRAIN, VAL, or NEITHER (quarantined, or without a split in a data
    set that has one). blocks : int64 (image,), bootstrap block 0..31. source : where the split comes from, for tables.
    """

    ids: list[str]
    of: Array
    blocks: Array
    source: str

    @property
    def n_images(self) -> int:
        """Number of images."""
        return len(self.ids)


def read_split(index: str | Path, *, train_share: float, seed: int) -> Split:
    """Read the split of a data set from index.parquet.

    train_share : share of training images where the data set has no split of its own.

    Raises
    ------
    ValueError
        if a split must be drawn but several images are cut from one picture: pieces of a picture would teach and judge.
    """
    table = read_table(index, columns=["image_id", "block", "valid", "split"])
    ids = [str(name) for name in table["image_id"]]
    blocks = table["block"].to_numpy(dtype=np.int64)
    own = table["split"].fillna("").astype(str).to_numpy(dtype=object)
    if (own != "").any():
        of = np.select([own == "train", own == "val"], [TRAIN, VAL], NEITHER).astype(np.int8)
        source = "data set"
    else:
        if any(image_block(name) != block for name, block in zip(ids, blocks, strict=True)):
            raise ValueError(
                f"{index}: several images are cut from one picture, so a split by image would leak; give the data set "
                "a split of its own: column `split` of datasets.tsv, the share of training pictures (0.7)"
            )
        of = np.array([TRAIN if unit_interval(seed, "split", i) < train_share else VAL for i in ids], dtype=np.int8)
        source = f"hash {train_share:g}"
    of[~table["valid"].to_numpy(dtype=bool)] = NEITHER
    return Split(ids, of, blocks, source)
