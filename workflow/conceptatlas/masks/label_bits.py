"""The label masks of a run of images, one entry a (image, concept), ready for AND and population count."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from conceptatlas.masks.bitmask import as_words, n_words

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class LabelBits:
    """Label masks L[n, c] of consecutive images.

    offsets : int64, shape (image+1,): entries offsets[n] .. offsets[n+1]-1 belong to image n.
    concepts : int32, shape (entry,), ascending within an image, each concept once.
    rows : int32, shape (entry,): row of `words`, or -1 for an image-level label, which covers every pixel.
    words : uint64, shape (mask, word).
    ignore : uint64, shape (image, word), pixels that do not count (padding of the frame), or None.
    n_pixels : pixels of a mask (S x S).
    """

    offsets: Array
    concepts: Array
    rows: Array
    words: Array
    ignore: Array | None
    n_pixels: int

    @property
    def n_images(self) -> int:
        """Number of images."""
        return len(self.offsets) - 1

    def areas(self) -> Array:
        """Pixels of every entry, int64 (entry,); image-level entries cover all pixels that are not ignored."""
        from conceptatlas.masks.bitmask import count

        counted = count(self.words.view(np.uint8)) if len(self.words) else np.zeros(0, dtype=np.int64)
        full = self.valid_pixels()
        image = np.repeat(np.arange(self.n_images), np.diff(self.offsets))
        with_mask = self.rows >= 0
        areas = full[image] if len(image) else np.zeros(0, dtype=np.int64)
        areas[with_mask] = counted[self.rows[with_mask]]
        return areas

    def valid_pixels(self) -> Array:
        """Pixels of every image that are not ignored, int64 (image,)."""
        from conceptatlas.masks.bitmask import count

        if self.ignore is None:
            return np.full(self.n_images, self.n_pixels, dtype=np.int64)
        ignored: Array = count(np.ascontiguousarray(self.ignore).view(np.uint8))
        return self.n_pixels - ignored

    def save(self, folder: Path) -> None:
        """Write the arrays as .npy files; `LabelBits.load` maps them, so that workers share one copy in memory."""
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("offsets", "concepts", "rows", "words", "ignore"):
            if getattr(self, name) is not None:
                np.save(folder / f"{name}.npy", getattr(self, name))

    @classmethod
    def load(cls, folder: Path, *, n_pixels: int) -> LabelBits:
        """Map what `save` wrote."""
        arrays = {
            # copy-on-write: numba compiles read-only arrays a second time
            name: np.asarray(np.load(folder / f"{name}.npy", mmap_mode="c"))
            if (folder / f"{name}.npy").exists()
            else None
            for name in ("offsets", "concepts", "rows", "words", "ignore")
        }
        return cls(**arrays, n_pixels=n_pixels)  # type: ignore[arg-type]

    def select(self, images: Array) -> LabelBits:
        """The labels of the given images (positions), in that order; masks are shared, not copied."""
        lengths = np.diff(self.offsets)[images]
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        take = np.repeat(self.offsets[images] - offsets[:-1], lengths) + np.arange(offsets[-1])
        ignore = None if self.ignore is None else self.ignore[images]
        return LabelBits(offsets, self.concepts[take], self.rows[take], self.words, ignore, self.n_pixels)


def label_bits(
    image: Array,
    concept: Array,
    mask_row: Array,
    masks: Array,
    *,
    n_images: int,
    n_pixels: int,
    ignore: Array | None = None,
) -> LabelBits:
    """Join annotation rows to one entry per (image, concept): the mask of a concept is the OR over its rows.

    image : position of the image, 0 .. n_images-1, per row. concept : concept index per row. mask_row : row of `masks`
    per row, -1 for an image-level label. masks : packed bytes, shape (mask, 8 * word). ignore : packed bytes
    (image, 8 * word) or None.
    """
    words = as_words(masks) if len(masks) else np.zeros((0, n_words(n_pixels)), dtype=np.uint64)
    order = np.lexsort((concept, image))
    image, concept, mask_row = image[order], concept[order], mask_row[order]
    first = np.ones(len(image), dtype=bool)
    first[1:] = (image[1:] != image[:-1]) | (concept[1:] != concept[:-1])
    entry = np.cumsum(first) - 1
    rows = mask_row[first].astype(np.int32)
    if len(image) != first.sum():
        words = words.copy()
        for r in np.flatnonzero(~first):
            target, source = rows[entry[r]], mask_row[r]
            if target < 0 or source < 0:
                rows[entry[r]] = -1  # a concept that labels the whole image covers its own masks
            else:
                words[target] |= words[source]
    offsets = np.searchsorted(image[first], np.arange(n_images + 1)).astype(np.int64)
    ignored = None if ignore is None else as_words(ignore)
    return LabelBits(offsets, concept[first].astype(np.int32), rows, words, ignored, n_pixels)
