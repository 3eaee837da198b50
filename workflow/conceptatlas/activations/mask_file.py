"""Packed masks of a layer whose maps are not stored: what is left of the maps of a shard, one bit a pixel.

The second pass (`activations.counting`) writes them, per layer, sorted by unit and then by image:

    masks/offsets       (unit+1,) int64: pairs offsets[k] .. offsets[k+1]-1 belong to unit k
    masks/word_offsets  (unit+1,) int64: the same for words
    masks/images        (pair,) int32, image_index
    masks/first, length (pair,) uint16: the words of the mask that are kept, empty ones at both ends left out
    masks/words         (word,) uint64, compressed

Masks are kept as they are, padding included (galleries show it); readers that count cut the padding off.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import h5py
import numba
import numpy as np

from conceptatlas.activations.store import Shard
from conceptatlas.files import array_digest, set_aside
from conceptatlas.masks.active import Cutting
from conceptatlas.masks.bitmask import n_words, popcount
from conceptatlas.masks.pairs import active_pairs, pair_masks
from conceptatlas.masks.shuffled import PackedPairs
from conceptatlas.masks.upsample import Grid

Array = np.ndarray[Any, Any]

PAIRS_AT_ONCE = 4096
NAMES = ("offsets", "word_offsets", "images", "first", "length", "words")


@numba.njit(cache=True, nogil=True)
def _cut(words: Array, meta: Array, ignore: Array) -> None:
    """Remove ignored pixels from masks in place and count what is left into the last column of `meta`."""
    position = 0
    for p in range(meta.shape[0]):
        n = meta[p, 0]
        first = meta[p, 2]
        total = np.uint64(0)
        for w in range(meta[p, 3]):
            if ignore.shape[0]:
                words[position + w] &= ~ignore[n, first + w]
            total += popcount(words[position + w])
        meta[p, 4] = np.int64(total)
        position += meta[p, 3]


def collect_masks(
    pairs: PackedPairs, maps: Array, maximum: Array, thresholds: Array, valid: Array, grid: Grid, cutting: Cutting,
    *, start: int,
) -> None:  # fmt: skip
    """Add the masks of some images to `pairs`.

    maps : (image, unit, height, width). maximum : float32 (image, unit). thresholds : float32 (unit,). valid : bool
    (image,). start : image_index of the first image.
    """
    positions, units = active_pairs(maximum, thresholds, grid)
    kept = valid[positions]
    positions, units = positions[kept], units[kept]
    for begin in range(0, len(positions), PAIRS_AT_ONCE):
        piece = slice(begin, begin + PAIRS_AT_ONCE)
        masks = pair_masks(maps, thresholds, positions[piece], units[piece], grid, cutting)
        pairs.add(replace(masks, images=masks.images + start))


def mask_arrays(pairs: PackedPairs, n_units: int) -> dict[str, Array]:
    """The arrays to write (see above), by name."""
    words, meta = pairs.arrays()
    order = np.lexsort((meta[:, 0], meta[:, 1]))
    length = meta[:, 3]
    begin = np.cumsum(length) - length
    moved = length[order]
    ends = np.cumsum(moved)
    take = np.repeat(begin[order] - (ends - moved), moved) + np.arange(len(words))
    unit = meta[order, 1]
    offsets = np.searchsorted(unit, np.arange(n_units + 1)).astype(np.int64)
    return {
        "offsets": offsets,
        "word_offsets": np.concatenate([[0], ends]).astype(np.int64)[offsets],
        "images": meta[order, 0].astype(np.int32),
        "first": meta[order, 2].astype(np.uint16),
        "length": moved.astype(np.uint16),
        "words": words[take],
    }


def read_masks(shard: Shard, units: slice) -> tuple[Array, Array]:
    """Masks of units.start .. units.stop-1 in a shard: words uint64 (word,), and int64 (pair, 5): image_index, unit
    (counted from units.start), first word, number of words, 0.

    Raises
    ------
    DamagedFileError
        if the file cannot be read; its manifest is set aside. Digests are compared by `verify_counts` once.
    """
    try:
        with h5py.File(shard.path, "r") as file:
            group = file[f"{shard.layer}/masks"]
            offsets = group["offsets"][units.start : units.stop + 1]
            word_offsets = group["word_offsets"][units.start : units.stop + 1]
            pairs = slice(int(offsets[0]), int(offsets[-1]))
            meta = np.zeros((pairs.stop - pairs.start, 5), dtype=np.int64)
            meta[:, 0] = group["images"][pairs]
            meta[:, 1] = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
            meta[:, 2] = group["first"][pairs]
            meta[:, 3] = group["length"][pairs]
            words: Array = group["words"][int(word_offsets[0]) : int(word_offsets[-1])]
    except (OSError, KeyError, RuntimeError) as error:
        raise set_aside(shard.manifest_path, reason=f"{shard.path.name} cannot be read ({error})") from error
    return words, meta


def read_all_masks(shards: list[Shard], units: slice, ignore: Array | None) -> tuple[Array, Array]:
    """The same over all shards, as `masks.shuffled.null_labels` takes them: ignored pixels cut off, areas counted.

    ignore : uint64 (image, word) of the whole data set, or None.
    """
    pieces = [read_masks(shard, units) for shard in shards]
    words, meta = (np.concatenate(parts) for parts in zip(*pieces, strict=True))
    nothing = np.zeros((0, 0), dtype=np.uint64)
    _cut(words, meta, nothing if ignore is None else np.asarray(ignore))
    kept = meta[:, 4] > 0
    if kept.all():
        return words, meta
    return words[np.repeat(kept, meta[:, 3])], meta[kept]


def whole_masks(words: Array, meta: Array, *, n_pixels: int) -> Array:
    """Masks at full width: uint64 (pair, word)."""
    out = np.zeros((len(meta), n_words(n_pixels)), dtype=np.uint64)
    length = meta[:, 3]
    begin = np.cumsum(length) - length
    within = np.arange(len(words)) - np.repeat(begin, length)
    out[np.repeat(np.arange(len(meta)), length), np.repeat(meta[:, 2], length) + within] = words
    return out


def verify_counts(shard: Shard) -> None:
    """Read everything the second pass left of a layer once and compare the digests.

    Raises
    ------
    DamagedFileError
        for a damaged file; its manifest is set aside.
    """
    for name in shard.arrays:
        if name.startswith(f"{shard.layer}/"):
            shard.read(name.removeprefix(f"{shard.layer}/"))


def write_arrays(file: h5py.File, arrays: dict[str, Array]) -> dict[str, dict[str, Any]]:
    """Write arrays, compressed, and return their part of the manifest: digest, shape and dtype of each."""
    for name, values in arrays.items():
        packing: dict[str, Any] = {"compression": "gzip", "compression_opts": 1, "shuffle": True}
        file.create_dataset(name, data=values, **(packing if values.size else {}))
    return {
        name: {"digest": array_digest(values), "shape": list(values.shape), "dtype": str(values.dtype)}
        for name, values in arrays.items()
    }
