"""The labels of a data set as the tally wants them: label masks by image range, blocks, sources, categories."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from conceptatlas.datasets.annotation_file import ShardAnnotations, annotation_range, read_annotations
from conceptatlas.masks.bitmask import n_words
from conceptatlas.masks.label_bits import LabelBits, label_bits
from conceptatlas.naming import CATEGORIES
from conceptatlas.tables import read_table

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Vocabulary:
    """The concepts of a data set.

    names : concept names, the position is concept_index. primary_category : int, shape (concept,), index into
    CATEGORIES: the category in which the concept covers most pixels. n_images : int, shape (concept,).
    """

    names: list[str]
    primary_category: Array
    n_images: Array

    @property
    def n_concepts(self) -> int:
        """Number of concepts."""
        return len(self.names)


@dataclass(frozen=True)
class Images:
    """The images of a data set in their order: ids, bootstrap block (0..31) and source of each."""

    ids: list[str]
    blocks: Array
    sources: Array


def read_vocabulary(path: str | Path) -> Vocabulary:
    """Read concepts.parquet."""
    table = read_table(path)
    category = [CATEGORIES.index(name) for name in table["primary_category"]]
    return Vocabulary(
        [str(name) for name in table["name"]],
        np.array(category, dtype=np.int64),
        table["n_images"].to_numpy(dtype=np.int64),
    )


def read_images(path: str | Path) -> Images:
    """Read index.parquet."""
    table = read_table(path, columns=["image_id", "block", "source"])
    sources = np.unique(table["source"].astype(str).to_numpy(dtype=object), return_inverse=True)[1]
    return Images([str(i) for i in table["image_id"]], table["block"].to_numpy(dtype=np.int64), sources)


def save_labels(paths: list[str], folder: Path, *, stop: int) -> None:
    """What ``read_labels(paths, start=0, stop=stop).save(folder)`` writes, with the masks of one shard in memory at a
    time (16 GB for a million images otherwise).

    Raises
    ------
    ValueError
        if the annotations do not cover images 0 .. stop-1.
    """
    ranges = sorted((annotation_range(path), str(path)) for path in paths)
    ranges = [(about, path) for about, path in ranges if about.start < min(about.stop, stop)]
    ends = [0, *(about.stop for about, _ in ranges)]
    if [*(about.start for about, _ in ranges), stop] != ends:
        raise ValueError(f"the annotations do not cover images 0..{stop - 1}; run the framing again")
    folder.mkdir(parents=True, exist_ok=True)
    n_masks, width = sum(about.n_masks for about, _ in ranges), n_words(ranges[0][0].mask_size ** 2)
    words = np.lib.format.open_memmap(folder / "words.npy", mode="w+", dtype=np.uint64, shape=(n_masks, width))
    offsets, concepts, rows = [np.zeros(1, dtype=np.int64)], [], []
    ignored: list[Array] = []
    n_entries = first = 0
    for about, path in ranges:
        labels = read_labels([path], start=about.start, stop=about.stop)
        words[first : first + len(labels.words)] = labels.words
        offsets.append(labels.offsets[1:] + n_entries)
        concepts.append(labels.concepts)
        rows.append(np.where(labels.rows >= 0, labels.rows + first, -1).astype(np.int32))
        if labels.ignore is not None:
            ignored.append(labels.ignore)
        n_entries, first = n_entries + len(labels.concepts), first + len(labels.words)
    words.flush()
    parts = {"offsets": offsets, "concepts": concepts, "rows": rows}
    parts |= {"ignore": ignored} if len(ignored) == len(ranges) else {}
    for name, pieces in parts.items():
        np.save(folder / f"{name}.npy", np.concatenate(pieces))


def read_labels(paths: list[str], *, start: int, stop: int) -> LabelBits:
    """Label masks of the images start .. stop-1, from whichever shards of annotations hold them."""
    pieces: list[ShardAnnotations] = []
    for path in paths:
        piece = read_annotations(path, start=start, stop=stop)
        if piece.stop > piece.start:
            pieces.append(piece)
    pieces.sort(key=lambda piece: piece.start)
    ends = [start, *(piece.stop for piece in pieces)]
    if (
        not pieces or [*(piece.start for piece in pieces), stop] != ends
    ):  # each piece begins where the one before it ends
        raise ValueError(f"the annotations do not cover images {start}..{stop - 1}; run the framing again")
    rows_before = np.cumsum([0, *(len(piece.masks) for piece in pieces)])
    mask_row = [
        np.where(piece.mask_row >= 0, piece.mask_row + before, -1)
        for piece, before in zip(pieces, rows_before, strict=False)
    ]
    ignore = [piece.ignore for piece in pieces if piece.ignore is not None]
    return label_bits(
        np.concatenate([piece.image_index for piece in pieces]) - start,
        np.concatenate([piece.concept_index for piece in pieces]),
        np.concatenate(mask_row),
        np.concatenate([piece.masks for piece in pieces]),
        n_images=stop - start,
        n_pixels=pieces[0].mask_size ** 2,
        ignore=np.concatenate(ignore) if len(ignore) == len(pieces) else None,
    )
