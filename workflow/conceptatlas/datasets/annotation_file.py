"""The annotations file of a shard: written row by row, read by image range, merged to one mask a concept.

Masks are appended in blocks while a shard is framed, so memory does not grow with the shard; readers ask for the images
they work on. Rows are sorted by (image_index, concept_index, category) and masks follow the order of their rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np
import xxhash

from conceptatlas.datasets.annotations import ImageAnnotations, mask_bytes, n_pixels_of
from conceptatlas.files import array_digest
from conceptatlas.naming import CATEGORIES

Array = np.ndarray[Any, Any]

ROW_TYPES: dict[str, np.dtype[Any]] = {
    "image_index": np.dtype("<i8"),
    "concept_index": np.dtype("<i4"),
    "category": np.dtype("u1"),
    "n_pixels": np.dtype("<i8"),
    "mask_row": np.dtype("<i4"),
}
_BUFFER_BYTES = 4 << 20


@dataclass(frozen=True)
class MergedAnnotations:
    """One row per (image, concept): the OR over the rows of its categories.

    image_index, concept_index, n_pixels, mask_row : arrays, shape (row,), sorted by (image_index, concept_index).
        mask_row is -1 for a concept of the whole image.
    masks : uint8 array, shape (mask, bytes), packed as `annotations.pack_masks` does.
    """

    image_index: Array
    concept_index: Array
    n_pixels: Array
    mask_row: Array
    masks: Array
    mask_size: int


@dataclass(frozen=True)
class ShardAnnotations:
    """Annotations of the images start .. stop-1 of a data set.

    image_index, concept_index, category, n_pixels, mask_row : arrays, shape (row,). category indexes CATEGORIES;
        mask_row indexes `masks`, -1 for a label of the whole image (it covers all cells that are not padding).
    masks : uint8 array, shape (mask, bytes).
    ignore : uint8 array, shape (image, bytes), or None where the frame has no padding.
    """

    image_index: Array
    concept_index: Array
    category: Array
    n_pixels: Array
    mask_row: Array
    masks: Array
    ignore: Array | None
    mask_size: int
    start: int
    stop: int

    def merged(self) -> MergedAnnotations:
        """OR the rows of each (image, concept): pixels that several layers or categories label count once."""
        n_rows = self.image_index.size
        first = np.ones(n_rows, dtype=bool)
        first[1:] = (np.diff(self.image_index) != 0) | (np.diff(self.concept_index) != 0)
        group = np.cumsum(first) - 1
        n_groups = int(first.sum())
        whole = np.zeros(n_groups, dtype=bool)
        whole[group[self.mask_row < 0]] = True
        n_pixels = np.zeros(n_groups, dtype=np.int64)
        np.maximum.at(n_pixels, group, self.n_pixels)
        masked = np.flatnonzero(~whole[group]) if n_rows else np.zeros(0, dtype=np.int64)
        mask_row = np.full(n_groups, -1, dtype=np.int32)
        masks = self.masks[:0]
        if masked.size:
            starts = np.flatnonzero(np.diff(group[masked], prepend=-1))
            rows = self.mask_row[masked]
            masks = self.masks[rows[starts]]
            several = np.diff(starts, append=masked.size) > 1
            if several.any():  # few: most concepts have one row an image
                chosen = np.repeat(several, np.diff(starts, append=masked.size))
                begins = np.flatnonzero(np.diff(group[masked[chosen]], prepend=-1))
                words = self.masks[rows[chosen]].view("<u8")
                masks[several] = np.bitwise_or.reduceat(words, begins, axis=0).view(np.uint8)
            groups = group[masked][starts]
            mask_row[groups] = np.arange(groups.size, dtype=np.int32)
            n_pixels[groups] = n_pixels_of(masks)
        return MergedAnnotations(
            image_index=self.image_index[first],
            concept_index=self.concept_index[first],
            n_pixels=n_pixels,
            mask_row=mask_row,
            masks=masks,
            mask_size=self.mask_size,
        )


class AnnotationWriter:
    """Writes the annotations of a shard image by image, in the order of image_index.

    Use as a context manager; `digests` holds the xxh3-128 of every array once it is closed.
    """

    def __init__(self, path: str | Path, *, start: int, stop: int, mask_size: int, padded: bool) -> None:
        self.digests: dict[str, str] = {}
        self._file = h5py.File(path, "w")
        self._bytes = mask_bytes(mask_size)
        self._start = start
        self._rows: dict[str, list[Array]] = {name: [] for name in ROW_TYPES}
        self._buffer: list[Array] = []
        self._buffered = 0
        self._n_masks = 0
        self._hash = xxhash.xxh3_128()
        self._masks = self._file.create_dataset(
            "masks",
            shape=(0, self._bytes),
            maxshape=(None, self._bytes),
            chunks=(max(1, (1 << 18) // self._bytes), self._bytes),
            dtype=np.uint8,
        )
        self._ignore = np.zeros((stop - start, self._bytes), dtype=np.uint8) if padded else None
        attributes = {"mask_size": mask_size, "start": start, "stop": stop, "categories": list(CATEGORIES)}
        attributes["bit_order"] = "bit i of the flat row-major mask is bit i%8 of byte i//8"
        self._file.attrs.update(attributes)

    def __enter__(self) -> AnnotationWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self._finish()
        self._file.close()

    def add(self, image_index: int, annotations: ImageAnnotations) -> None:
        """Append the rows of one image."""
        n_rows = annotations.concept_index.size
        mask_row = np.full(n_rows, -1, dtype=np.int64)
        n_masks = len(annotations.masks)
        mask_row[annotations.has_mask] = self._n_masks + np.arange(n_masks)
        self._rows["image_index"].append(np.full(n_rows, image_index))
        self._rows["concept_index"].append(annotations.concept_index)
        self._rows["category"].append(annotations.category)
        self._rows["n_pixels"].append(annotations.n_pixels)
        self._rows["mask_row"].append(mask_row)
        self._n_masks += n_masks
        if n_masks:
            self._buffer.append(annotations.masks)
        if self._ignore is not None and annotations.ignore is not None:
            self._ignore[image_index - self._start] = annotations.ignore
        self._buffered += annotations.masks.nbytes
        if self._buffered > _BUFFER_BYTES:
            self._flush()

    def _flush(self) -> None:
        if self._buffer:
            block = np.concatenate(self._buffer)
            written = self._masks.shape[0]
            self._masks.resize(written + len(block), axis=0)
            self._masks[written:] = block
            self._hash.update(block.data)
            self._buffer.clear()
            self._buffered = 0

    def _finish(self) -> None:
        self._flush()
        self.digests["masks"] = self._hash.hexdigest()
        for name, kind in ROW_TYPES.items():
            pieces = self._rows[name]
            array = np.concatenate(pieces).astype(kind) if pieces else np.zeros(0, dtype=kind)
            self._file.create_dataset(name, data=array)
            self.digests[name] = array_digest(array)
        if self._ignore is not None:
            self._file.create_dataset("ignore", data=self._ignore)
            self.digests["ignore"] = array_digest(self._ignore)


def read_annotations(path: str | Path, *, start: int | None = None, stop: int | None = None) -> ShardAnnotations:
    """Read the annotations of a shard, or of its images start .. stop-1 only.

    start, stop : range of image_index, cut to the range of the shard; default all of it.
    """
    with h5py.File(path, "r") as file:
        return _read_range(file, file["image_index"][:], start=start, stop=stop)


class AnnotationRange(NamedTuple):
    """Images of a file of annotations (start .. stop-1), its masks, and their side."""

    start: int
    stop: int
    n_masks: int
    mask_size: int


def annotation_range(path: str | Path) -> AnnotationRange:
    """Which images a file of annotations holds."""
    with h5py.File(path, "r") as file:
        start, stop, size = (int(file.attrs[name]) for name in ("start", "stop", "mask_size"))
        return AnnotationRange(start, stop, int(file["masks"].shape[0]), size)


def iterate_annotations(path: str | Path, *, n_images: int) -> Iterator[ShardAnnotations]:
    """The annotations of a shard, `n_images` images at a time: what a whole shard may not be read for."""
    with h5py.File(path, "r") as file:
        stop = int(file.attrs["stop"])
        image_index = file["image_index"][:]
        for start in range(int(file.attrs["start"]), stop, n_images):
            yield _read_range(file, image_index, start=start, stop=min(stop, start + n_images))


def _read_range(file: h5py.File, image_index: Array, *, start: int | None, stop: int | None) -> ShardAnnotations:
    first, last = int(file.attrs["start"]), int(file.attrs["stop"])
    start = first if start is None else min(max(start, first), last)
    stop = last if stop is None else min(max(stop, start), last)
    begin, end = (int(row) for row in np.searchsorted(image_index, [start, stop]))
    mask_row: Array = file["mask_row"][begin:end]
    stored = mask_row[mask_row >= 0]
    low, high = (int(stored[0]), int(stored[-1]) + 1) if stored.size else (0, 0)
    return ShardAnnotations(
        image_index=image_index[begin:end],
        concept_index=file["concept_index"][begin:end],
        category=file["category"][begin:end],
        n_pixels=file["n_pixels"][begin:end],
        mask_row=np.where(mask_row >= 0, mask_row - low, -1).astype(np.int32),
        masks=file["masks"][low:high],
        ignore=file["ignore"][start - first : stop - first] if "ignore" in file else None,
        mask_size=int(file.attrs["mask_size"]),
        start=start,
        stop=stop,
    )
