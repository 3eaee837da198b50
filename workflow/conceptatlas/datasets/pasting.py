"""Cut the pixels of a mask out of one picture and paste them into another."""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image

from conceptatlas.datasets.frames import check_same_view, placement
from conceptatlas.datasets.reader import ImageLabel, Label

Array = np.ndarray[Any, Any]

_OPAQUE = 128


def mask_of(labels: list[Label], name: str, *, height: int, width: int) -> Array:
    """Pixels of a picture that a concept covers, in whatever map and category: bool (height, width).

    A map stored at another size than its picture is sampled at the centres of the pixels.

    Raises
    ------
    ValueError
        for a map that does not show the same view as its picture.
    """
    mask: Array = np.zeros((height, width), dtype=bool)
    for label in labels:
        numbers = [] if isinstance(label, ImageLabel) else [n for n, key in label.concepts.items() if key.name == name]
        if isinstance(label, ImageLabel) or not numbers:
            continue
        shape = (int(label.numbers.shape[0]), int(label.numbers.shape[1]))
        check_same_view(shape, placement("squash", height=height, width=width))
        rows, columns = (
            (2 * np.arange(length) + 1) * stored // (2 * length)
            for length, stored in zip((height, width), shape, strict=True)
        )
        mask |= np.isin(label.numbers[np.ix_(rows, columns)], numbers)
    return mask


def covered(labels: list[Label], name: str) -> float | None:
    """Share of the picture that a concept covers in the map where it covers most; None where no label says it is there.

    0 for a label of the whole picture: it has no pixels that could be cut out.
    """
    shares = []
    for label in labels:
        if isinstance(label, ImageLabel):
            if label.concept.name == name:
                shares.append(0.0)
            continue
        numbers = [number for number, key in label.concepts.items() if key.name == name]
        share = float(np.isin(label.numbers, numbers).mean()) if numbers and label.numbers.size else 0.0
        if share:
            shares.append(share)
    return max(shares) if shares else None


def cut_out(picture: Array, mask: Array) -> Array:
    """The box around a mask, transparent outside the mask: uint8 (height, width, 4).

    Raises
    ------
    ValueError
        for an empty mask.
    """
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        raise ValueError("the mask of what is to be cut out is empty")
    box = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
    return np.concatenate([picture[box], np.where(mask[box], 255, 0).astype(np.uint8)[..., None]], axis=2)


def paste(background: Array, cutout: Array, *, scale: float, place: tuple[float, float]) -> tuple[Array, Array]:
    """Paste a cutout into a picture.

    background : uint8 (height, width, 3). cutout : uint8 (height, width, 4). scale : its longer side as a share of the
    background's shorter side, above 0 and up to 1. place : where it lies between the upper and the lower, the left and
    the right edge, in [0, 1): it is inside as a whole.

    Returns
    -------
    The picture, uint8 (height, width, 3), and the pixels that were pasted, bool (height, width): at least one. Colours
    are averaged over the pixels of the mask only, so nothing of its surroundings comes along.
    """
    height, width = background.shape[:2]
    factor = scale * min(height, width) / max(cutout.shape[:2])
    size = [
        min(max(1, round(side * factor)), limit) for side, limit in zip(cutout.shape[:2], (height, width), strict=True)
    ]
    resized = np.asarray(Image.fromarray(cutout).resize((size[1], size[0]), Image.Resampling.BILINEAR))
    alpha = resized[..., 3]
    pasted = alpha >= min(_OPAQUE, int(alpha.max()))
    top, left = (
        int(share * (limit - side + 1)) for share, limit, side in zip(place, (height, width), size, strict=True)
    )
    picture, mask = background.copy(), np.zeros((height, width), dtype=bool)
    here = (slice(top, top + size[0]), slice(left, left + size[1]))
    mask[here] = pasted
    picture[here][pasted] = resized[..., :3][pasted]
    return picture, mask
