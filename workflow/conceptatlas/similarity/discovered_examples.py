"""Example pictures of discovered concepts, so that figures need no model.

``discovered_examples.h5``, a row a picture at a threshold: `kind` ("top"), `concept`, `rank` (0..4: the test images
with the largest value of the concept map), `image_index`, `threshold` (index into the attribute ``thresholds``),
`value` (that largest value over the concept's peak; normalise: image: over the largest of all images), `area` (share of
the image's pixels in the mask, at S x S), `pictures` uint8 (row, P, P, 3), `masks` packed bits (row, byte) at P x P.
Attributes: picture_size P, thresholds.
"""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np

from conceptatlas.activations.pictures import frame_starts, nearest_pixels, picture_size, read_pictures
from conceptatlas.files import atomic_path
from conceptatlas.masks.bitmask import pack, unpack
from conceptatlas.similarity.discovered_file import Array, Discovered

N_TOP = 5


def top_rows(maxima: Array, *, n: int = N_TOP) -> list[tuple[int, int, int]]:
    """(concept, rank, row of the image) of the images with the largest maps above 0; of equal ones the first.

    maxima : (image, concept).
    """
    found = []
    for concept in range(maxima.shape[1]):
        order = np.argsort(-maxima[:, concept], kind="stable")[:n]
        found += [(concept, rank, int(row)) for rank, row in enumerate(order) if maxima[row, concept] > 0]
    return found


def write_examples(path: str | Path, found: Discovered, frames: list[str]) -> None:
    """Write the pictures of the top images of every concept with their masks at every threshold."""
    top = top_rows(found.maxima)
    thresholds = range(len(found.thresholds))
    concept, rank, row, threshold = np.array(
        [(c, r, i, t) for c, r, i in top for t in thresholds], dtype=np.int64
    ).reshape(-1, 4).T  # fmt: skip
    starts = frame_starts(frames)
    size = picture_size(starts, mask_size=found.size)
    shown = read_pictures(starts, found.test_images[[i for _, _, i in top]].astype(np.int64), size=size)
    words = np.ascontiguousarray(found.masks[threshold, row, concept])
    masks = unpack(words, height=found.size, width=found.size)
    nearest = nearest_pixels(size, found.size)
    highest = found.maxima.max(axis=0, initial=0)
    peaks = np.where(np.isnan(found.peaks), np.where(highest > 0, highest, 1), found.peaks)
    packing = {"compression": "gzip", "compression_opts": 1, "shuffle": False} if len(row) else {}
    with atomic_path(path) as part, h5py.File(part, "w", libver="latest") as file:
        file["kind"] = np.array([b"top"] * len(row), dtype="S20")
        file["concept"], file["rank"], file["threshold"] = concept, rank, threshold
        file["image_index"] = found.test_images[row].astype(np.int64)
        file["value"] = (found.maxima[row, concept] / peaks[concept]).astype(np.float32)
        file["area"] = (found.areas[threshold, row, concept] / found.size**2).astype(np.float32)
        file.create_dataset("pictures", data=shown.repeat(len(thresholds), axis=0), **packing)
        file.create_dataset("masks", data=pack(masks[:, nearest][:, :, nearest]), **packing)
        file.attrs.update({"picture_size": size, "thresholds": np.array(found.thresholds, dtype=np.float64)})
