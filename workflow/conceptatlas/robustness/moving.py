"""Label masks that move with their picture.

A cell of a moved mask holds what the clean mask holds in the cell it shows; cells that show nothing of the clean frame
are ignored, as its padding is. Labels of whole images stay, and so does which categories an image holds: a label that
left the frame is a label of no cells.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from conceptatlas.masks.bitmask import as_words, pack, unpack
from conceptatlas.masks.label_bits import LabelBits
from conceptatlas.robustness.perturbations import Move

Array = np.ndarray[Any, Any]


def move_masks(masks: Array, move: Move, *, outside: bool = False) -> Array:
    """Boolean masks (..., S, S) moved; `outside` is the value of cells that show nothing of the clean frame."""
    flat = masks.reshape(*masks.shape[:-2], len(move.source))
    moved = np.where(move.source >= 0, flat[..., np.maximum(move.source, 0)], outside)
    return moved.reshape(masks.shape)


def move_labels(labels: LabelBits, move_of: Callable[[int], Move]) -> LabelBits:
    """The labels of images after each has moved.

    move_of : position of an image -> its move.
    """
    size = round(labels.n_pixels**0.5)
    moves_any = False
    rows = labels.rows.copy()
    words: list[Array] = []
    ignore = np.zeros((labels.n_images, labels.words.shape[1]), dtype=np.uint64)
    n_rows = 0
    for n in range(labels.n_images):
        move = move_of(n)
        is_identity = move.is_identity
        moves_any |= not is_identity
        entries = np.arange(labels.offsets[n], labels.offsets[n + 1])
        entries = entries[labels.rows[entries] >= 0]
        mine = labels.words[labels.rows[entries]]
        hidden = None if labels.ignore is None else labels.ignore[n]
        if not is_identity:
            mine = as_words(pack(move_masks(unpack(mine, height=size, width=size), move)))
            clean = np.zeros((size, size), dtype=bool) if hidden is None else unpack(hidden, height=size, width=size)
            hidden = as_words(pack(move_masks(clean, move, outside=True)))
        if hidden is not None:
            ignore[n] = hidden
        rows[entries] = n_rows + np.arange(len(entries))
        n_rows += len(entries)
        words.append(mine)
    if not moves_any:
        return labels
    none_hidden = labels.ignore is None and not ignore.any()
    return LabelBits(
        labels.offsets,
        labels.concepts,
        rows,
        np.concatenate(words) if words else labels.words,
        None if none_hidden else ignore,
        labels.n_pixels,
    )
