"""Label masks on a layer's own grid: a cell holds the concept if the mask covers more than half of it.

Coverage is computed in integers (cells and pixels overlap in units of 1/(h S)), so exactly one half is not more than
half on any machine.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from conceptatlas.masks.bitmask import unpack
from conceptatlas.masks.label_bits import LabelBits

Array = np.ndarray[Any, Any]


def overlap_lengths(n_cells: int, n_pixels: int) -> Array:
    """Overlap of every cell with every pixel along one side, in units of 1/(n_cells n_pixels): float64 integers.

    >>> overlap_lengths(2, 3)
    array([[2., 1., 0.],
           [0., 1., 2.]])
    """
    cell = np.arange(n_cells)[:, None] * n_pixels
    pixel = np.arange(n_pixels)[None, :] * n_cells
    low = np.maximum(cell, pixel)
    high = np.minimum(cell + n_pixels, pixel + n_cells)
    return np.maximum(high - low, 0).astype(np.float64)


def covered_cells(masks: Array, shape: tuple[int, int]) -> Array:
    """Cells of which a mask covers more than half: bool (..., S, S) -> bool (..., height, width)."""
    rows = overlap_lengths(shape[0], masks.shape[-2])
    columns = overlap_lengths(shape[1], masks.shape[-1])
    covered = rows @ masks.astype(np.float64) @ columns.T  # integers below 2^53: exact
    return covered * 2 > masks.shape[-1] * masks.shape[-2]


def label_cells(labels: LabelBits, shape: tuple[int, int]) -> tuple[Array, Array]:
    """Cells of every entry of `labels`, and cells of every image that count.

    Returns
    -------
    entries : bool (entry, height * width): the concept covers more than half of the cell (image-level: every cell).
    counted : bool (image, height * width): more than half of the cell is not ignored (padding of the frame).
    """
    size = round(labels.n_pixels**0.5)
    n_cells = shape[0] * shape[1]
    entries = np.ones((len(labels.concepts), n_cells), dtype=bool)
    with_mask = np.flatnonzero(labels.rows >= 0)
    for start in range(0, len(with_mask), 256):
        part = with_mask[start : start + 256]
        masks = unpack(labels.words[labels.rows[part]], height=size, width=size)
        entries[part] = covered_cells(masks, shape).reshape(len(part), -1)
    counted = np.ones((labels.n_images, n_cells), dtype=bool)
    if labels.ignore is not None:
        ignored = covered_cells(unpack(labels.ignore, height=size, width=size), shape)
        counted = ~ignored.reshape(labels.n_images, -1)
        image = np.repeat(np.arange(labels.n_images), np.diff(labels.offsets))
        entries &= counted[image]
    return entries, counted
