"""From the shards of a data set to its index, concepts and overlaps; the place where too many bad images stop a run.

Shards are read one window of images at a time and only integers are added, so memory is bounded and any number of
shards gives the same tables.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from tqdm import tqdm

from conceptatlas.datasets.annotation_file import iterate_annotations
from conceptatlas.datasets.examples import write_examples
from conceptatlas.datasets.frame_file import read_records
from conceptatlas.datasets.index import open_dataset
from conceptatlas.datasets.listing import CONCEPT_COLUMNS, IMAGE_COLUMNS, read_listing
from conceptatlas.datasets.overlaps import OverlapCounts, write_overlaps
from conceptatlas.datasets.shards import check_annotations
from conceptatlas.files import file_sha256, read_json, text_digest, write_json
from conceptatlas.naming import CATEGORIES, shard_bounds
from conceptatlas.tables import Column, write_table

logger = logging.getLogger(__name__)

IMAGES_PER_WINDOW = 256

INDEX_COLUMNS = [
    *IMAGE_COLUMNS[:6],
    Column("valid", "whether the image was framed; the others are in quarantine: frame of zeros, no annotations"),
    Column("width", "width of the picture, EXIF-corrected; 0 where it could not be decoded", "px"),
    Column("height", "height of the picture, EXIF-corrected; 0 where it could not be decoded", "px"),
    Column("sha256", "SHA-256 of the source file; empty where pictures are generated"),
    *IMAGE_COLUMNS[6:],
]
JOINED_CONCEPT_COLUMNS = [
    *CONCEPT_COLUMNS,
    Column("primary_category", "category in which the concept covers most pixels; ties go to the order of categories"),
    Column("n_images", "valid images that hold the concept, also where it is too small for the mask grid"),
    Column("n_pixels", "mask cells the concept covers in all images; a cell that several layers label counts once"),
    Column("n_images_train", "of n_images, those in the training split"),
    Column("n_images_val", "of n_images, those in the validation split"),
    Column("n_images_empty", "of n_images, those in which the concept covers no mask cell"),
]


@dataclass
class _Totals:
    """Integer sums over images, by concept."""

    overlaps: OverlapCounts
    by_category: np.ndarray[Any, Any]
    by_split: dict[str, np.ndarray[Any, Any]]
    empty: np.ndarray[Any, Any]


def join_shards(
    row: Mapping[str, Any],
    *,
    listing: str | Path,
    vocabulary: str | Path,
    frames: Sequence[str | Path],
    annotations: Sequence[str | Path],
    manifests: Sequence[str | Path],
    max_quarantine: float,
    index: str | Path,
    concepts: str | Path,
    overlaps: str | Path,
    examples: str | Path,
    summary: str | Path,
    progress: bool = True,
) -> dict[str, Any]:
    """Join the shards of a data set.

    Parameters
    ----------
    row : mapping
        The row of datasets.tsv.
    listing, vocabulary : path
        ``listing.parquet`` and ``vocabulary.parquet``.
    frames, annotations, manifests : sequences of path
        The files of all shards, in their order.
    max_quarantine : float
        Largest share of images, 0 to 1, that may be in quarantine.
    index, concepts, overlaps, examples, summary : path
        Files to write: ``index.parquet``, ``concepts.parquet``, ``overlaps.h5``, ``examples.h5``, and last
        ``dataset.json``.
    progress : bool
        Show a progress bar on standard error.

    Returns
    -------
    dict
        The content of ``dataset.json``.

    Raises
    ------
    ValueError
        if more images are in quarantine than allowed (the first few are named), or the shards do not fit the list.
    DamagedFileError
        if an annotations file is not what its manifest says.
    """
    if not 0.0 <= max_quarantine <= 1.0:
        raise ValueError(f"the largest share of images in quarantine lies between 0 and 1, not {max_quarantine}")
    listed = read_listing(images=listing, concepts=vocabulary, own=False)
    contents = [read_json(manifest) for manifest in manifests]
    _check_shards(contents, n_images=len(listed.images), manifests=manifests)
    quarantine = [bad for content in contents for bad in content["quarantine"]]
    _check_quarantine(quarantine, len(listed.images), max_quarantine=max_quarantine, name=str(row.get("dataset", "?")))
    images, digests = _index(listed.images, frames, manifests)
    hidden = None if progress else True  # None: where no terminal shows it
    with tqdm(total=len(images), desc="joining shards", unit="image", mininterval=2.0, disable=hidden) as bar:
        totals = _count(listed.concepts, images, annotations, manifests, bar=bar)
    counted = totals.overlaps.result()
    write_table(index, images, columns=INDEX_COLUMNS)
    joined = _concepts(listed.concepts, totals, counted.label_pixels.sum(axis=1))
    write_table(concepts, joined, columns=JOINED_CONCEPT_COLUMNS)
    first = contents[0]
    write_overlaps(overlaps, counted, mask_size=first["mask_size"])
    write_examples(examples, joined, images, frames=frames, annotations=annotations)
    pairs = zip(images["image_id"], digests, strict=True)
    content = {
        "name": str(row.get("dataset", "")),
        "format": str(row.get("format", "")),
        "frame": first["frame"],
        "frame_size": first["frame_size"],
        "mask_size": first["mask_size"],
        "n_images": len(images),
        "n_valid": int(images["valid"].sum()),
        "n_quarantined": len(quarantine),
        "n_concepts": len(listed.concepts),
        "n_shards": len(contents),
        "image_list_digest": text_digest(*(text for pair in pairs for text in pair)),
        "quarantine": quarantine,
        "definitions": open_dataset(row).definitions(),
        # consumers take the large files as ancient() and this one as an ordinary input: it must change when they do
        "annotations_digest": text_digest(*(str(sorted(part["annotation_arrays"].items())) for part in contents)),
        "tables": {Path(path).name: file_sha256(path) for path in (index, concepts, overlaps, examples)},
    }
    write_json(summary, content)
    return content


def _check_shards(contents: list[dict[str, Any]], *, n_images: int, manifests: Sequence[str | Path]) -> None:
    if not contents:
        raise ValueError("no shards to join")
    for shard, (content, manifest) in enumerate(zip(contents, manifests, strict=True)):
        found = (content["start"], content["stop"])
        expected = shard_bounds(n_images, len(contents), shard)
        if found != expected:
            raise ValueError(f"{manifest}: images {found}, expected {expected}; frame the data set again")
        for field in ("frame", "frame_size", "mask_size"):
            if content[field] != contents[0][field]:
                raise ValueError(
                    f"{manifest}: {field} is {content[field]}, in {manifests[0]} it is {contents[0][field]}"
                )


def _check_quarantine(bad: list[dict[str, Any]], n_images: int, *, max_quarantine: float, name: str) -> None:
    if bad:
        logger.warning("data set %s: %d of %d images in quarantine", name, len(bad), n_images)
    if len(bad) > max_quarantine * n_images or len(bad) == n_images:
        first = "\n".join(f"  {image['image_id']}: {image['reason']}" for image in bad[:5])
        more = f"\n  and {len(bad) - 5} more" if len(bad) > 5 else ""
        raise ValueError(
            f"data set {name}: {len(bad)} of {n_images} images cannot be used, allowed is a share of "
            f"{max_quarantine:g}:\n{first}{more}"
        )


def _index(
    images: pd.DataFrame, frames: Sequence[str | Path], manifests: Sequence[str | Path]
) -> tuple[pd.DataFrame, list[str]]:
    """The index table, and the digest of every frame."""
    met = [read_records(path, manifest=manifest) for path, manifest in zip(frames, manifests, strict=True)]
    images = images.assign(
        valid=np.concatenate([shard.valid for shard in met]),
        width=np.concatenate([shard.width for shard in met]),
        height=np.concatenate([shard.height for shard in met]),
        sha256=[sha256 for shard in met for sha256 in shard.sha256],
    )
    return images[[column.name for column in INDEX_COLUMNS]], [digest for shard in met for digest in shard.digest]


def _count(
    concepts: pd.DataFrame,
    images: pd.DataFrame,
    annotations: Sequence[str | Path],
    manifests: Sequence[str | Path],
    *,
    bar: tqdm[Any],
) -> _Totals:
    n = len(concepts)
    totals = _Totals(
        overlaps=OverlapCounts(n_concepts=n),
        by_category=np.zeros((n, len(CATEGORIES)), dtype=np.int64),
        by_split={split: np.zeros(n, dtype=np.int64) for split in ("train", "val", "")},
        empty=np.zeros(n, dtype=np.int64),
    )
    blocks, valid, splits = (images[name].to_numpy() for name in ("block", "valid", "split"))
    for path, manifest in zip(annotations, manifests, strict=True):
        check_annotations(path, manifest=manifest)
        for window in iterate_annotations(path, n_images=IMAGES_PER_WINDOW):
            np.add.at(totals.by_category, (window.concept_index, window.category), window.n_pixels)
            merged = window.merged()
            for split, counts in totals.by_split.items():
                np.add.at(counts, merged.concept_index[splits[merged.image_index] == split], 1)
            np.add.at(totals.empty, merged.concept_index[merged.n_pixels == 0], 1)
            shown = slice(window.start, window.stop)
            totals.overlaps.add(merged, start=window.start, blocks=blocks[shown], valid=valid[shown])
            bar.update(window.stop - window.start)
    return totals


def _concepts(concepts: pd.DataFrame, totals: _Totals, n_pixels: np.ndarray[Any, Any]) -> pd.DataFrame:
    found: list[list[str]] = []
    primary: list[str] = []
    for listed, pixels in zip(concepts["categories"], totals.by_category, strict=True):
        # labels may stand in a layer the vocabulary does not list: what was seen counts
        categories = [name for name, n in zip(CATEGORIES, pixels, strict=True) if name in listed or n]
        found.append(categories)
        primary.append(CATEGORIES[int(pixels.argmax())] if pixels.any() else categories[0])
    train, val, none = (totals.by_split[split] for split in ("train", "val", ""))
    return concepts.assign(
        categories=pd.Series(found, index=concepts.index, dtype=object),
        primary_category=primary,
        n_images=train + val + none,
        n_pixels=n_pixels,
        n_images_train=train,
        n_images_val=val,
        n_images_empty=totals.empty,
    )[[column.name for column in JOINED_CONCEPT_COLUMNS]]
