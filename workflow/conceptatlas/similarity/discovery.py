"""The job of concept discovery: the concepts of a layer, their maps and masks in images they were not found on.

Source: ICE (Zhang et al. 2021) as the comparison of layers uses it (Mikriukov et al. 2023): the activations
of a layer at all positions are factorised, each component is a concept, and how much of it is at a position is its map.
Concepts are found on the training images, everything that is compared later lies in the validation images.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np

from conceptatlas.activations.store import Shard, open_shards
from conceptatlas.activations.summary import layer_grid
from conceptatlas.datasets.padding import counted_cells, read_ignore
from conceptatlas.datasets.splits import TRAIN, VAL, Split, read_split
from conceptatlas.files import atomic_path, read_json, scratch_beside
from conceptatlas.masks.upsample import Grid
from conceptatlas.naming import unknown
from conceptatlas.parallel import parallel_map, workers
from conceptatlas.seeds import unit_interval
from conceptatlas.similarity.concept_masks import check_normalise, peaks, write_masks
from conceptatlas.similarity.discovered_examples import write_examples
from conceptatlas.similarity.discovered_file import (
    create_discovered,
    digest_of_images,
    finish_discovered,
    read_discovered,
)
from conceptatlas.similarity.discovered_rows import concept_rows
from conceptatlas.similarity.discovered_tables import discovered_columns, discovered_frame
from conceptatlas.similarity.factorisation import METHODS, Factors, load_rows
from conceptatlas.similarity.nnls_kernel import MOST_COMPONENTS
from conceptatlas.similarity.projecting import PROJECTIONS, Basis, Projected, maps_of_rows, project_images
from conceptatlas.similarity.sampled_positions import sample_positions
from conceptatlas.similarity.stability import (
    REFIT_POSITIONS,
    Fit,
    fits,
    make_fit,
    matched_cosines,
    stability_columns,
)
from conceptatlas.tables import write_table

logger = logging.getLogger(__name__)

Array = np.ndarray[Any, Any]

NOISE = 1e-6
"""Map values up to this share of a concept's maximum on the fit images are rounding: components are float32."""


def discover_concepts(
    *,
    dataset: str,
    model: str,
    layer: str,
    shards: list[str],
    manifests: list[str],
    about: str | Path,
    index: str | Path,
    annotations: list[str],
    frames: list[str],
    report: str | Path,
    table: str | Path,
    discovered: str | Path,
    examples: str | Path,
    options: dict[str, Any],
    train_share: float,
    geometry: dict[str, Any],
    seed: int,
    threads: int = 1,
    mem_mb: int = 2000,
) -> None:
    """Find the concepts of a layer and write discovered.parquet, discovered.h5 and discovered_examples.h5.

    about : dataset.json. annotations : for the padding of frames only, labels are not read. report : the model's check
    report. options : config section `similarity.unsupervised`. geometry : config section, how maps reach masks.

    A layer without anything to find (0 everywhere, no fit or no test image) gives rows with a reason.

    Raises
    ------
    ValueError
        for unknown options, or shards of another data set. DamagedFileError: a shard is not what its manifest says.
    """
    check_options(options)
    opened = open_shards(shards, manifests, layer)
    split = read_split(index, train_share=train_share, seed=seed)
    if opened[0].start != 0 or opened[-1].stop != split.n_images:
        raise ValueError(
            f"{model} {layer}: shards hold images {opened[0].start}..{opened[-1].stop - 1}, {index} lists "
            f"{split.n_images}"
        )
    size = int(read_json(about)["mask_size"])
    grid = layer_grid(read_json(report)["layers"][layer], size, geometry)
    test = choose_test_images(split, at_most=options["max_test_images"], seed=seed)
    described = {"dataset": dataset, "model": model, "layer": layer}
    with scratch_beside(table) as folder, workers(threads=threads, mem_mb=mem_mb):
        image = sample_positions(
            folder / "rows.npy", opened, np.flatnonzero(split.of == TRAIN), split.ids, annotations, size=size,
            at_most=options["max_positions"], seed=seed, threads=threads, mem_mb=mem_mb,
        )  # fmt: skip
        own, stability = _factorise(folder / "rows.npy", options, seed, threads=threads, mem_mb=mem_mb)
        basis = _basis(own, options)
        with atomic_path(discovered) as part:
            create_discovered(
                part, components=basis.components, offset=basis.offset, test_images=test,
                thresholds=options["thresholds"], size=size, images_digest=digest_of_images(split.ids, test),
                method=options["method"], projection=options["projection"], normalise=options["normalise"],
                rectify=basis.rectify, **described,
            )  # fmt: skip
            projected, values = _measure(
                part, opened, test, basis, grid, options, annotations, folder, threads=threads, mem_mb=mem_mb
            )
    found = read_discovered(discovered)
    counted = {"n_fit": len(np.unique(image)), "n_positions": len(image), "split": split.source, "seed": seed}
    counted["n_refit"] = min(len(image), REFIT_POSITIONS)
    rows = concept_rows(described | counted, own, found, projected, stability | values, options, grid)
    _say(rows, f"{model} {layer}")
    thresholds = options["thresholds"]
    write_table(table, discovered_frame(rows, thresholds), columns=discovered_columns(thresholds))
    write_examples(examples, found, frames)


def check_options(options: dict[str, Any]) -> None:
    """Raise ValueError for options nobody knows or numbers out of range, before anything is read."""
    if options["method"] not in METHODS:
        raise unknown("method", str(options["method"]), METHODS, where="similarity.unsupervised")
    if options["projection"] not in PROJECTIONS:
        raise unknown("projection", str(options["projection"]), PROJECTIONS, where="similarity.unsupervised")
    check_normalise(str(options["normalise"]))
    if not 1 <= options["n_concepts"] <= MOST_COMPONENTS:
        raise ValueError(f"similarity.unsupervised.n_concepts: {options['n_concepts']}; expected 1 to "
                         f"{MOST_COMPONENTS}")  # fmt: skip
    if options["max_positions"] < 1:
        raise ValueError(f"similarity.unsupervised.max_positions: {options['max_positions']}; expected 1 or more")
    if not 0 < options["quantile"] <= 1:
        raise ValueError(f"similarity.unsupervised.quantile: {options['quantile']}; expected above 0, at most 1")
    thresholds = options["thresholds"]
    if not thresholds or not all(0 <= t < 1 for t in thresholds) or len(set(thresholds)) < len(thresholds):
        raise ValueError(f"similarity.unsupervised.thresholds: {thresholds}; expected different numbers from 0 to "
                         "below 1")  # fmt: skip


def choose_test_images(split: Split, *, at_most: int, seed: int) -> Array:
    """image_index of the validation images, int64, ascending; above `at_most` (0: no limit) those with the smallest
    hash of their id, so that every layer of a data set gets the same."""
    images = np.flatnonzero(split.of == VAL)
    if not at_most or len(images) <= at_most:
        return images
    order = np.argsort([unit_interval(seed, "test images of concepts", split.ids[i]) for i in images], kind="stable")
    return np.sort(images[order[:at_most]])


def _factorise(
    rows: Path, options: dict[str, Any], seed: int, *, threads: int, mem_mb: int
) -> tuple[Factors, dict[str, Array]]:
    """The study's own components, and the columns of their stability."""
    own = Fit(rows, options["method"], options["n_concepts"], seed)
    tasks = fits(own, n_stability=options["n_stability"])
    made = parallel_map(make_fit, tasks, threads=threads, mem_mb=mem_mb, description="factorisations of a layer")
    columns: dict[str, Array] = {}
    for kind in ("images", "seeds"):
        cosines = [
            matched_cosines(made[0].components, again.components, both_signs=options["method"] == "pca")
            for fit, again in zip(tasks, made, strict=True)
            if fit.kind == kind
        ]
        columns |= stability_columns(kind, cosines, n_concepts=options["n_concepts"])
    return made[0], columns


def _basis(own: Factors, options: dict[str, Any]) -> Basis:
    """The basis as it is stored: float32 components, so that whoever reads the file computes the same maps."""
    components, offset = (values.astype(np.float32).astype(np.float64) for values in (own.components, own.offset))
    return Basis(components, offset, options["method"], options["projection"], rectify=options["method"] == "nmf")


def _measure(
    part: Path, opened: list[Shard], test: Array, basis: Basis, grid: Grid, options: dict[str, Any],
    annotations: list[str], folder: Path, *, threads: int, mem_mb: int,
) -> tuple[Projected, dict[str, Array]]:  # fmt: skip
    """Maps, peaks and masks of the test images, written to discovered.h5; what was measured, and columns of values."""
    shape = opened[0].shape[1:]
    ignore = read_ignore(annotations, test)
    counted = counted_cells(ignore, n_images=len(test), shape=shape, size=grid.shape[0])
    np.save(folder / "counted.npy", counted)
    highest = maps_of_rows(basis, load_rows(folder / "rows.npy")).max(axis=0, initial=0).astype(np.float64)
    projected = project_images(
        folder / "maps.npy", opened, test, folder / "counted.npy", basis, noise=NOISE * highest, threads=threads,
        mem_mb=mem_mb,
    )  # fmt: skip
    peak, divisors = np.full(len(basis.components), np.nan), projected.maxima
    if options["normalise"] == "dataset":
        peak = peaks(np.load(folder / "maps.npy", mmap_mode="r"), counted, quantile=options["quantile"])
        divisors = np.broadcast_to(np.nan_to_num(peak), projected.maxima.shape)
    areas = write_masks(
        part, folder / "maps.npy", test, divisors, options["thresholds"], grid, annotations, threads=threads,
        mem_mb=mem_mb,
    )  # fmt: skip
    finish_discovered(part, areas=areas, peaks=peak, maxima=projected.maxima)
    return projected, {"peak": peak, "fit_maximum": highest}


def _say(rows: list[dict[str, Any]], place: str) -> None:
    without = [f"{row['concept']} ({row['reason']})" for row in rows if row["reason"]]
    if without:
        logger.warning("%s: %d of %d concepts have no mask: %s", place, len(without), len(rows), "; ".join(without))
    if not rows[0]["converged"]:
        logger.warning("%s: the factorisation stopped at its limit of %s iterations", place, rows[0]["iterations"])
