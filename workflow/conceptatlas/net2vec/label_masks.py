"""Masks of concepts on disk, in the order in which they are learned: all images of a concept lie side by side.

Annotations are stored by image; a concept is learned from its own images only. Their masks are written once a layer to
a scratch folder, which all workers map: memory does not grow with the data set.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from conceptatlas.datasets.holdings import Holdings
from conceptatlas.datasets.labelled_images import read_labels
from conceptatlas.masks.bitmask import n_words
from conceptatlas.masks.label_bits import LabelBits

Array = np.ndarray[Any, Any]

IMAGES_AT_ONCE = 256


@dataclass(frozen=True)
class LabelMasks:
    """Masks of the entries of `Holdings` that are learned from.

    rows : int64 (entry,), row of `masks` of every entry, -1 for entries that are left out. masks : uint64 (row, word),
    ignored pixels removed. ignore : uint64 (image, word), or (1, word) of zeros where no frame has padding. size : S.
    """

    rows: Array
    masks: Array
    ignore: Array
    size: int

    @property
    def has_ignore(self) -> bool:
        """Whether frames have padding."""
        return len(self.ignore) > 1

    def ignored(self, images: Array) -> Array | None:
        """Ignored pixels of some images, or None."""
        return np.ascontiguousarray(self.ignore[images]) if self.has_ignore else None

    @classmethod
    def load(cls, folder: Path) -> LabelMasks:
        """Map what `write_label_masks` wrote."""
        arrays = {n: np.asarray(np.load(folder / f"{n}.npy", mmap_mode="c")) for n in ("rows", "masks", "ignore")}
        return cls(**arrays, size=int(np.load(folder / "size.npy")))


def write_label_masks(
    folder: Path, annotations: list[str], holdings: Holdings, *, wanted: Array, n_images: int, size: int
) -> LabelMasks:
    """Write the masks of the wanted entries and return them mapped.

    wanted : bool (entry,); an entry without a mask (a label of the whole image) covers all pixels that count.
    n_images : images of the data set. size : S, side of a mask.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rows = np.where(wanted, np.cumsum(wanted) - 1, -1).astype(np.int64)
    n_rows, words = int(wanted.sum()), n_words(size * size)
    masks = np.lib.format.open_memmap(folder / "masks.npy", mode="w+", dtype=np.uint64, shape=(max(n_rows, 1), words))
    by_image = np.argsort(holdings.image, kind="stable")
    images_sorted = holdings.image[by_image]
    ignore: Array | None = None
    for start in range(0, n_images, IMAGES_AT_ONCE):
        stop = min(start + IMAGES_AT_ONCE, n_images)
        labels = read_labels(annotations, start=start, stop=stop)
        if labels.ignore is not None:
            if ignore is None:
                shape = (n_images, words)
                ignore = np.lib.format.open_memmap(folder / "ignore.npy", mode="w+", dtype=np.uint64, shape=shape)
            ignore[start:stop] = labels.ignore
        here = by_image[np.searchsorted(images_sorted, start) : np.searchsorted(images_sorted, stop)]
        here = here[rows[here] >= 0]
        if len(here):
            masks[rows[here]] = _masks_of(labels, holdings.image[here] - start, holdings.concept[here], size)
    masks.flush()
    if ignore is None:
        np.save(folder / "ignore.npy", np.zeros((1, words), dtype=np.uint64))
    else:
        ignore.flush()  # type: ignore[attr-defined]
    np.save(folder / "rows.npy", rows)
    np.save(folder / "size.npy", np.int64(size))
    return LabelMasks.load(folder)


def _masks_of(labels: LabelBits, images: Array, concepts: Array, size: int) -> Array:
    """Masks (entry, word) of given (image, concept) pairs, all of which `labels` holds."""
    image = np.repeat(np.arange(labels.n_images), np.diff(labels.offsets))
    width = int(max(labels.concepts.max(initial=0), concepts.max(initial=0))) + 1
    entry = np.searchsorted(image * width + labels.concepts, images * width + concepts)
    rows = labels.rows[entry]
    out = np.empty((len(rows), n_words(size * size)), dtype=np.uint64)
    out[rows >= 0] = labels.words[rows[rows >= 0]]
    whole = rows < 0
    if whole.any():
        out[whole] = whole_mask(size)
        if labels.ignore is not None:
            out[whole] &= ~labels.ignore[images[whole]]
    return out


def whole_mask(size: int) -> Array:
    """The packed mask of all pixels, uint64 (word,): bits beyond the last pixel stay 0."""
    bits = np.zeros(64 * n_words(size * size), dtype=np.uint8)
    bits[: size * size] = 1
    return np.packbits(bits, bitorder="little").view("<u8")
