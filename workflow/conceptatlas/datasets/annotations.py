"""Labels in frame coordinates: from the label maps of one picture to rows with bit-packed S x S masks.

One row per (image, concept, category). Labels that overlap, parts inside objects and concepts with several categories
are just rows; the mask of a concept is the OR over its rows (`annotation_file.ShardAnnotations.merged`). A label that
is there but too small for any cell keeps its row, with zero pixels.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from conceptatlas.datasets.frames import Placement, check_same_view, sample_grid
from conceptatlas.datasets.reader import ConceptKey, ImageLabel, Label, LabelMap, present_numbers
from conceptatlas.naming import CATEGORIES, unknown

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class ImageAnnotations:
    """The rows of one image, sorted by (concept_index, category).

    concept_index, category, n_pixels : int64 arrays, shape (row,).
    has_mask : bool array, shape (row,); False for a label of the whole image.
    masks : uint8 array, shape (mask, bytes): the packed masks of the rows that have one, in their order.
    ignore : uint8 array, shape (bytes,), the packed cells that lie in the padding; None where the frame has none.
    """

    concept_index: Array
    category: Array
    n_pixels: Array
    has_mask: Array
    masks: Array
    ignore: Array | None


def mask_bytes(size: int) -> int:
    """Bytes of a packed size x size mask: whole 64-bit words."""
    return -(-size * size // 64) * 8


def pack_masks(masks: Array) -> Array:
    """Pack bool masks (..., S, S) to bits: uint8 (..., `mask_bytes(S)`).

    Bit i of the flat row-major mask is bit i % 8 of byte i // 8; the rest of the last 64-bit word is zero.
    """
    size = masks.shape[-1]
    flat = masks.reshape(*masks.shape[:-2], size * size)
    packed: Array = np.zeros((*masks.shape[:-2], mask_bytes(size)), dtype=np.uint8)
    bits = np.packbits(flat, axis=-1, bitorder="little")
    packed[..., : bits.shape[-1]] = bits
    return packed


def unpack_masks(packed: Array, size: int) -> Array:
    """The bool masks (..., S, S) of packed ones (..., `mask_bytes(S)`)."""
    if packed.shape[-1] != mask_bytes(size):
        raise ValueError(f"packed masks of {packed.shape[-1]} bytes; size {size} takes {mask_bytes(size)}")
    flat = np.unpackbits(packed, axis=-1, count=size * size, bitorder="little")
    return flat.astype(bool).reshape(*packed.shape[:-1], size, size)


def n_pixels_of(packed: Array) -> Array:
    """Number of set bits of packed masks (..., bytes): int64 (...)."""
    words = np.ascontiguousarray(packed).view("<u8")
    counts: Array = np.bitwise_count(words).sum(axis=-1, dtype=np.int64)
    return counts


def rasterise(
    labels: Iterable[Label], where: Placement, *, size: int, vocabulary: Mapping[str, int]
) -> ImageAnnotations:
    """Sample the labels of one picture at the centres of the size x size cells of its frame.

    Parameters
    ----------
    labels : iterable of Label
    where : Placement
        How the picture lands in its frame.
    size : int
        S, cells of a mask along each side.
    vocabulary : mapping
        Concept name -> concept_index.

    Raises
    ------
    ValueError
        for a concept or category that is not known, and a map that does not fit the picture.
    """
    masks: dict[tuple[int, int], Array | None] = {}
    rows, columns = sample_grid(where, size)
    inside = (rows >= 0)[:, None] & (columns >= 0)[None, :]
    for label in labels:
        if isinstance(label, ImageLabel):
            masks[_row_key(label.concept, vocabulary)] = None
            continue
        sampled, present = _sampled(label, where, size)
        by_concept: dict[tuple[int, int], list[int]] = {}
        for number in present:
            by_concept.setdefault(_row_key(label.concepts[number], vocabulary), []).append(number)
        for key, numbers in by_concept.items():
            mask = sampled == numbers[0]
            for number in numbers[1:]:
                mask |= sampled == number
            if where.padded:
                mask &= inside
            earlier = masks.get(key, mask)
            masks[key] = None if earlier is None else earlier | mask
    return _as_rows(masks, inside=inside, padded=where.padded, size=size)


def empty_annotations(size: int) -> ImageAnnotations:
    """No rows: an image without labels, or in quarantine."""
    return _as_rows({}, inside=np.ones((size, size), dtype=bool), padded=False, size=size)


def _sampled(label: LabelMap, where: Placement, size: int) -> tuple[Array, list[int]]:
    numbers = label.numbers
    if numbers.ndim != 2 or numbers.dtype.kind not in "biu":
        raise ValueError(
            f"a label map is a (height, width) array of whole numbers, not {numbers.dtype} of shape {numbers.shape}"
        )
    shape = (int(numbers.shape[0]), int(numbers.shape[1]))
    check_same_view(shape, where)
    rows, columns = sample_grid(where, size, shape=shape)
    present = [int(number) for number in present_numbers(numbers) if int(number) in label.concepts]
    return numbers[np.ix_(np.maximum(rows, 0), np.maximum(columns, 0))], present


def _row_key(concept: ConceptKey, vocabulary: Mapping[str, int]) -> tuple[int, int]:
    if concept.name not in vocabulary:
        raise unknown("concept", concept.name, vocabulary)
    if concept.category not in CATEGORIES:
        raise unknown("category", concept.category, CATEGORIES, where=f"concept {concept.name!r}")
    return vocabulary[concept.name], CATEGORIES.index(concept.category)


def _as_rows(masks: dict[tuple[int, int], Array | None], *, inside: Array, padded: bool, size: int) -> ImageAnnotations:
    keys = sorted(masks)
    found = [masks[key] for key in keys]
    stored = [mask for mask in found if mask is not None]
    shown = int(inside.sum())
    packed = pack_masks(np.stack(stored)) if stored else np.zeros((0, mask_bytes(size)), dtype=np.uint8)
    return ImageAnnotations(
        concept_index=np.array([concept for concept, _ in keys], dtype=np.int64),
        category=np.array([category for _, category in keys], dtype=np.int64),
        n_pixels=np.array([shown if mask is None else int(mask.sum()) for mask in found], dtype=np.int64),
        has_mask=np.array([mask is not None for mask in found], dtype=bool),
        masks=packed,
        ignore=pack_masks(~inside) if padded else None,
    )
