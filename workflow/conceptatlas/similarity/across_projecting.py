"""Concepts found in one data set, looked for in the images of another: their maps, masks and reconstruction error.

Maps, normalisers and masks are those of the job of concept discovery. The normaliser of ``normalise: dataset`` is the
concept's own, from the data set it was found in: where the concept does not occur masks are empty.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from conceptatlas.activations.store import Shard, open_shards
from conceptatlas.activations.summary import layer_grid
from conceptatlas.datasets.labelled_images import read_images
from conceptatlas.datasets.padding import counted_cells, read_ignore
from conceptatlas.files import read_json
from conceptatlas.similarity.concept_masks import write_masks
from conceptatlas.similarity.discovered_file import (
    create_discovered,
    digest_of_images,
    finish_discovered,
    read_discovered,
)
from conceptatlas.similarity.projecting import Basis, Projected, project_images
from conceptatlas.tables import read_table

Array = np.ndarray[Any, Any]

NOISE = 1e-6
"""As in `discovery`: map values up to this share of a concept's maximum on its fit images are rounding."""


class LayerOn(NamedTuple):
    """A layer on one data set and its files. about : dataset.json. listing : index.parquet. report : the model's check
    report. table, discovered : discovered.parquet and discovered.h5."""

    dataset: str
    layer: str
    shards: list[str]
    manifests: list[str]
    annotations: list[str]
    about: str
    listing: str
    report: str
    table: str
    discovered: str


class Crossed(NamedTuple):
    """Concepts of one data set in the test images of another. discovered : their masks, in the form of discovered.h5.
    projected : what was measured on the way."""

    discovered: Path
    projected: Projected


def project_across(
    concepts: LayerOn, images: LayerOn, folder: Path, *, geometry: dict[str, Any], threads: int = 1, mem_mb: int = 2000
) -> Crossed:
    """Project the concepts of one data set on the test images of another (or its own).

    folder : for files; it stays as long as the masks are read. geometry : config section.
    """
    found, at_home = read_discovered(concepts.discovered), read_discovered(images.discovered)
    basis, test = Basis.of(found), at_home.test_images
    opened = open_shards(images.shards, images.manifests, images.layer)
    if digest_of_images(read_images(images.listing).ids, test) != at_home.images_digest:
        raise ValueError(f"{images.discovered} is of other images than {images.listing}; delete it and run again")
    size = int(read_json(images.about)["mask_size"])
    grid = layer_grid(read_json(images.report)["layers"][images.layer], size, geometry)
    stem = f"{concepts.dataset}~{images.dataset}~{images.layer}"
    _write_counted(folder / f"{stem}-counted.npy", images, opened, test, grid.shape[0])
    highest = read_table(concepts.table).sort_values("concept")["fit_maximum"].to_numpy(dtype=np.float64)
    projected = project_images(
        folder / f"{stem}-maps.npy", opened, test, folder / f"{stem}-counted.npy", basis,
        noise=NOISE * np.nan_to_num(highest), threads=threads, mem_mb=mem_mb,
    )  # fmt: skip
    out = folder / f"{stem}.h5"
    create_discovered(
        out, components=found.components, offset=found.offset, test_images=test, thresholds=list(found.thresholds),
        size=size, images_digest=at_home.images_digest, method=found.method, projection=found.projection,
        normalise=found.normalise, rectify=found.rectify,
    )  # fmt: skip
    divisors = projected.maxima
    if found.normalise == "dataset":
        divisors = np.broadcast_to(np.nan_to_num(found.peaks), projected.maxima.shape)
    areas = write_masks(
        out, folder / f"{stem}-maps.npy", test, divisors, list(found.thresholds), grid, images.annotations,
        threads=threads, mem_mb=mem_mb,
    )  # fmt: skip
    finish_discovered(out, areas=areas, peaks=found.peaks, maxima=projected.maxima)
    (folder / f"{stem}-maps.npy").unlink()
    return Crossed(out, projected)


def check_two(a: LayerOn, b: LayerOn) -> None:
    """Raise ValueError, naming both files, unless the concepts of two data sets were found in the same way."""
    found = read_discovered(a.discovered), read_discovered(b.discovered)
    for name in ("method", "projection", "normalise", "rectify", "thresholds"):
        own, other = getattr(found[0], name), getattr(found[1], name)
        if own != other:
            raise ValueError(
                f"{a.discovered} has {name} {own}, {b.discovered} {other}: concepts of two data sets are compared if "
                "they were found in the same way; delete one of the two and run again"
            )
    units = [each.components.shape[1] for each in found]
    if units[0] != units[1]:
        raise ValueError(f"{a.discovered} is of a layer of {units[0]} units, {b.discovered} of {units[1]}; "
                         "delete one of the two and run again")  # fmt: skip


def _write_counted(path: Path, images: LayerOn, opened: list[Shard], test: Array, size: int) -> None:
    ignore = read_ignore(images.annotations, test)
    np.save(path, counted_cells(ignore, n_images=len(test), shape=opened[0].shape[1:], size=size))
