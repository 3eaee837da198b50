"""A few pictures of the most frequent concepts with their masks: to look at a data set before anything is computed.

``examples.h5``: `concepts` (row) concept_index, `images` (row, rank) image_index or -1, `pictures` uint8
(row, rank, P, P, 3), `masks` packed bits (row, rank, byte) at P x P: the S x S mask with its pixels repeated. P
(attribute ``picture_size``) is the size of the frame, at most 128 and at least S.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
from PIL import Image

from conceptatlas.datasets.annotation_file import iterate_annotations
from conceptatlas.datasets.annotations import pack_masks, unpack_masks
from conceptatlas.datasets.frame_file import map_frames
from conceptatlas.files import atomic_path
from conceptatlas.naming import CATEGORIES
from conceptatlas.seeds import unit_interval

Array = np.ndarray[Any, Any]

CONCEPTS_A_CATEGORY = 6
EXAMPLES = 6
SMALL = 0.005
"""Share of the mask grid below which a label is shown only if the concept has no larger ones."""
LARGEST_PICTURE = 128
IMAGES_PER_WINDOW = 256


def choose_concepts(concepts: pd.DataFrame, *, n: int = CONCEPTS_A_CATEGORY) -> list[int]:
    """The concept_index of the `n` concepts with most images of every category, categories in order, frequent first.

    concepts : ``concepts.parquet``; a concept counts in its primary category, concepts without images do not.
    """
    chosen: list[int] = []
    for category in CATEGORIES:
        own = concepts[(concepts["primary_category"] == category) & (concepts["n_images"] > 0)]
        own = own.sort_values(["n_images", "concept_index"], ascending=[False, True], kind="stable")
        chosen.extend(int(index) for index in own["concept_index"].head(n))
    return chosen


def write_examples(
    path: str | Path,
    concepts: pd.DataFrame,
    images: pd.DataFrame,
    *,
    frames: Sequence[str | Path],
    annotations: Sequence[str | Path],
    n: int = EXAMPLES,
) -> None:
    """Write the examples of a data set.

    Parameters
    ----------
    concepts, images : ``concepts.parquet`` and ``index.parquet`` as tables.
    frames, annotations : files of the shards, in their order.
    n : images a concept: those with the smallest hash of (concept, image id), so that neither shards nor the order of
        images decide; labels smaller than `SMALL` come last, labels without a pixel never.
    """
    chosen = choose_concepts(concepts)
    names = dict(zip(concepts["concept_index"], concepts["name"], strict=True))
    ids = images["image_id"].tolist()
    best: dict[int, list[tuple[bool, float, int, bytes | None]]] = {concept: [] for concept in chosen}
    size = 0
    for file in annotations:
        for window in iterate_annotations(file, n_images=IMAGES_PER_WINDOW):
            merged = window.merged()
            size = merged.mask_size
            rows = np.flatnonzero(np.isin(merged.concept_index, chosen) & (merged.n_pixels > 0))
            small = merged.n_pixels[rows] < SMALL * size * size
            columns = (merged.concept_index[rows], merged.image_index[rows], small, merged.mask_row[rows])
            for concept, image, is_small, at in zip(*(column.tolist() for column in columns), strict=True):
                chance = unit_interval(0, "example", str(names[concept]), str(ids[image]))
                best[concept].append((is_small, chance, image, merged.masks[at].tobytes() if at >= 0 else None))
            best = {concept: heapq.nsmallest(n, found) for concept, found in best.items()}
    _write(path, best, n=n, mask_size=size, frames=frames)


def _write(
    path: str | Path,
    best: dict[int, list[tuple[bool, float, int, bytes | None]]],
    *,
    n: int,
    mask_size: int,
    frames: Sequence[str | Path],
) -> None:
    side = _picture_size(frames, mask_size=mask_size)
    wanted = np.full((len(best), n), -1, dtype=np.int64)
    masks = np.zeros((len(best), n, side, side), dtype=bool)
    pictures = np.zeros((len(best), n, side, side, 3), dtype=np.uint8)
    nearest = ((np.arange(side) + 0.5) * mask_size / side).astype(np.int64)
    for row, found in enumerate(best.values()):
        for rank, (_, _, image, packed) in enumerate(found):
            wanted[row, rank] = image
            if packed is None:  # the whole image
                masks[row, rank] = True
            else:
                mask = unpack_masks(np.frombuffer(packed, dtype=np.uint8), mask_size)
                masks[row, rank] = mask[np.ix_(nearest, nearest)]
    for frame_path in frames:
        stored, _ = map_frames(frame_path)
        with h5py.File(frame_path, "r") as file:
            start = int(file.attrs["start"])
        for row, rank in zip(*np.nonzero((wanted >= start) & (wanted < start + len(stored))), strict=True):
            picture = Image.fromarray(np.asarray(stored[int(wanted[row, rank]) - start]))
            pictures[row, rank] = np.asarray(picture.resize((side, side), Image.Resampling.BILINEAR))
    with atomic_path(path) as part, h5py.File(part, "w", libver="latest") as file:
        file["concepts"] = np.array(list(best), dtype=np.int64)
        file["images"] = wanted
        options = {"compression": "gzip", "compression_opts": 1} if len(best) else {}
        file.create_dataset("pictures", data=pictures, **options)
        file.create_dataset("masks", data=pack_masks(masks), **options)
        file.attrs["picture_size"] = side


def _picture_size(frames: Sequence[str | Path], *, mask_size: int) -> int:
    with h5py.File(frames[0], "r") as file:
        return max(mask_size, min(int(file.attrs["frame_size"]), LARGEST_PICTURE))
