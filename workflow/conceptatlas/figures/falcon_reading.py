"""Pictures of the groups that galleries show: frames, crops, lowly activating frames."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from conceptatlas.falcon.crops import Box, crop
from conceptatlas.falcon.pictures import Pictures
from conceptatlas.figures.falcon_gallery import PICTURES, GroupPictures
from conceptatlas.tables import records

Array = np.ndarray[Any, Any]

SIDE = 112
"""Pixels of a picture in a figure."""


def small(frame: Array, side: int = SIDE) -> Array:
    """A frame at the size of a figure's picture; smaller ones stay."""
    size = frame.shape[0]
    return frame if size <= side else crop(frame, Box(0, 0, size, size), side)


def group_pictures(pictures: Pictures, members: pd.DataFrame, crops: pd.DataFrame, group: str) -> GroupPictures:
    """The first pictures of a group. members : members.parquet. crops : crops.parquet of one encoder."""
    own = members[members["group"] == group].sort_values("rank")
    high = own.loc[own["kind"] == "high", "image_index"].head(PICTURES).tolist()
    low = own.loc[own["kind"] == "low", "image_index"].head(PICTURES).tolist()
    cut = crops[(crops["group"] == group) & (crops["kind"] == "high")]
    by_image: dict[int, Any] = {int(row["image_index"]): row for row in records(cut)}
    frames = [pictures.of([image])[0] for image in high]
    boxes = [box_in(by_image[image]) for image in high]
    size = frames[0].shape[0] if frames else 1
    return GroupPictures(
        high=[small(frame) for frame in frames],
        crops=[crop(frame, box, min(SIDE, size)) for frame, box in zip(frames, boxes, strict=True)],
        low=[small(pictures.of([image])[0]) for image in low],
        boxes=[(box.top / size, box.left / size, box.bottom / size, box.right / size) for box in boxes],
        whole=[box.whole for box in boxes],
    )


def box_in(row: Any) -> Box:
    """The box of a row of crops.parquet."""
    return Box(int(row["top"]), int(row["left"]), int(row["bottom"]), int(row["right"]), whole=bool(row["whole"]))
