"""The list of a data set: which images and concepts it holds, in which order, block and split.

The order, the limit on the number of images, the split and the blocks follow from the data set and from hashes of image
ids, never from the order of files or calls.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from conceptatlas.datasets.index import open_dataset, whole_number
from conceptatlas.datasets.reader import PICTURE, Listing, Map
from conceptatlas.naming import CATEGORIES, unknown
from conceptatlas.seeds import image_block, unit_interval
from conceptatlas.tables import Column, read_rows, read_table, write_table

logger = logging.getLogger(__name__)

IMAGE_FIELDS = ("image_id", "path", "source", "split", "licence", "attribution")
SPLITS = ("train", "val", "")
ROWS_PER_GROUP = 512  # what a job that frames one shard reads at a time

IMAGE_COLUMNS = [
    Column("image_index", "position in the data set's list, from 0"),
    Column("image_id", "unique name of the image in its data set"),
    Column("path", "file relative to the root of the data set; empty where pictures are generated"),
    Column("source", "collection the image comes from; permutations of images stay within it"),
    Column("split", "train, val, or empty where the data set has no split"),
    Column("block", "bootstrap block, 0 to 31: a hash of image_id, or of the picture that several images are cut from"),
    Column("licence", "licence of the image, as the data set states it"),
    Column("attribution", "where the image comes from, to be printed beside it"),
]
CONCEPT_COLUMNS = [
    Column("concept_index", "position in the vocabulary, from 0"),
    Column("name", "unique name of the concept"),
    Column("categories", "categories in which the data set labels the concept"),
]


def list_dataset(row: Mapping[str, Any], study_seed: int, *, map: Map = map) -> Listing:
    """List a data set: its reader's listing, checked, limited, split and numbered.

    Parameters
    ----------
    row : mapping
        A row of datasets.tsv. `n_images` keeps that many images, those with the smallest hash of (study seed, image
        id): a smaller limit keeps a subset of a larger one. `split` is the share of training images of a seeded split,
        for data sets that have none of their own.
    study_seed : int
    map : for readers that open a file an image.

    Returns
    -------
    Listing
        `images` with the further columns `image_index` and `block`, `concepts` with `concept_index`.

    Raises
    ------
    ValueError
        no images, duplicate ids, concept names that clash, unknown split or category, a split asked of a data set
        that has its own, a limit below 1.
    """
    name = str(row.get("dataset", "?"))
    listing = open_dataset(row, study_seed=study_seed).listing(map=map)
    images = listing.images.reset_index(drop=True).copy()
    concepts = listing.concepts.reset_index(drop=True).copy()
    _check_images(images, name)
    _check_concepts(concepts, name)
    images = _limited(images, whole_number(row, "n_images"), name=name, study_seed=study_seed)
    images["split"] = _split(images, row.get("split", ""), name=name, study_seed=study_seed)
    blocks = [image_block(picture) for picture in _pictures(images)]
    images.insert(0, "image_index", np.arange(len(images), dtype=np.int64))
    images.insert(5, "block", np.array(blocks, dtype=np.int64))
    concepts.insert(0, "concept_index", np.arange(len(concepts), dtype=np.int64))
    concepts["categories"] = [list(categories) for categories in concepts["categories"]]
    own = [column for column in images.columns if str(column).startswith("_")]
    images = images[[column.name for column in IMAGE_COLUMNS] + own]
    return Listing(images=images, concepts=concepts[[column.name for column in CONCEPT_COLUMNS]])


def write_listing(listing: Listing, *, images: str | Path, concepts: str | Path) -> None:
    """Write ``listing.parquet`` and ``vocabulary.parquet``."""
    own = [
        Column(str(name), "kept by the reader of this format, for itself")
        for name in listing.images.columns
        if str(name).startswith("_")
    ]
    write_table(images, listing.images, columns=[*IMAGE_COLUMNS, *own], rows_per_group=ROWS_PER_GROUP)
    write_table(concepts, listing.concepts, columns=CONCEPT_COLUMNS)


def read_listing(
    *, images: str | Path, concepts: str | Path, start: int = 0, stop: int | None = None, own: bool = True
) -> Listing:
    """Read what `write_listing` wrote, or its images start .. stop-1 only.

    own : whether the columns that the reader keeps for itself come along; they can be most of the table (polygons).
    """
    vocabulary = read_table(concepts)
    vocabulary["categories"] = [list(categories) for categories in vocabulary["categories"]]
    columns = None if own else [column.name for column in IMAGE_COLUMNS]
    return Listing(images=read_rows(images, start=start, stop=stop, columns=columns), concepts=vocabulary)


def _check_images(images: pd.DataFrame, name: str) -> None:
    missing = [field for field in IMAGE_FIELDS if field not in images.columns]
    if missing:
        raise ValueError(f"data set {name}: the reader's listing lacks the columns {', '.join(missing)}")
    if images.empty:
        raise ValueError(f"data set {name} holds no images; check path and annotations in datasets.tsv")
    ids = Counter(str(image_id) for image_id in images["image_id"])
    twice = [image_id for image_id, count in ids.items() if count > 1]
    if twice:
        raise ValueError(f"data set {name}: {len(twice)} image ids stand more than once, among them {_few(twice)}")
    if "" in ids:
        raise ValueError(f"data set {name}: an image has an empty id")
    strange = sorted(set(images["split"]) - set(SPLITS))
    if strange:
        raise ValueError(f"data set {name}: unknown split {_few(strange)}; expected train, val or empty")


def _check_concepts(concepts: pd.DataFrame, name: str) -> None:
    missing = [field for field in ("name", "categories") if field not in concepts.columns]
    if missing:
        raise ValueError(f"data set {name}: the reader's vocabulary lacks the columns {', '.join(missing)}")
    names = Counter(str(concept) for concept in concepts["name"])
    twice = [concept for concept, count in names.items() if count > 1]
    if twice:
        raise ValueError(f"data set {name}: {len(twice)} concept names stand more than once, among them {_few(twice)}")
    if "" in names:
        raise ValueError(f"data set {name}: a concept has an empty name")
    for concept, categories in zip(concepts["name"], concepts["categories"], strict=True):
        if not len(categories):
            raise ValueError(f"data set {name}: concept {concept!r} has no category")
        for category in categories:
            if category not in CATEGORIES:
                raise unknown("category", str(category), CATEGORIES, where=f"data set {name}, concept {concept!r}")
    folded = Counter(concept.casefold() for concept in names)
    alike = [concept for concept in names if folded[concept.casefold()] > 1]
    if alike:
        logger.warning("data set %s: concept names that differ only in case: %s", name, _few(alike))


def _limited(images: pd.DataFrame, limit: int | None, *, name: str, study_seed: int) -> pd.DataFrame:
    if limit is None:
        return images
    if limit < 1:
        raise ValueError(f"data set {name}: n_images must be at least 1, not {limit}; leave it empty for all images")
    if limit >= len(images):
        if limit > len(images):
            logger.warning("data set %s: n_images is %d, there are %d", name, limit, len(images))
        return images
    rank = np.argsort(
        np.array([unit_interval(study_seed, "limit", str(image_id)) for image_id in images["image_id"]]), kind="stable"
    )
    return images.iloc[np.sort(rank[:limit])].reset_index(drop=True)


def _split(images: pd.DataFrame, share: Any, *, name: str, study_seed: int) -> list[str]:
    own = [str(split) for split in images["split"]]
    if share is None or share == "":
        return own
    if any(own):
        raise ValueError(f"data set {name} has its own split; leave the column split of its row empty")
    try:
        train = float(share)
    except ValueError:
        train = -1.0
    if not 0.0 < train < 1.0:
        raise ValueError(f"data set {name}: split is the share of training images, between 0 and 1, not {share!r}")
    return ["train" if unit_interval(study_seed, "split", picture) < train else "val" for picture in _pictures(images)]


def _pictures(images: pd.DataFrame) -> list[str]:
    """What decides about block and split: the image's id, or the picture it is cut from."""
    return [str(name) for name in images[PICTURE if PICTURE in images else "image_id"]]


def _few(items: list[str], *, n: int = 5) -> str:
    shown = ", ".join(repr(item) for item in items[:n])
    return shown + (f" and {len(items) - n} more" if len(items) > n else "")
