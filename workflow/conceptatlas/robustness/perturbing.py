"""The job of one level, shard and group of layers: one forward pass over perturbed frames, nothing stored but counts.

The network, its batch-norm statistics and the thresholds are those of the clean run. ``{shard}.h5`` holds, for every
layer: ``tally/`` the arrays of `masks.tally.Tally` against the moved labels; ``agreement``, ``defined`` (unit, block):
see `robustness.agreement`; ``strips/`` the arrays of `robustness.strips.Strips`. All counts are integers by block of
images, so shards add up.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np

from conceptatlas.activations.extraction import in_background
from conceptatlas.activations.sinks import Sink, TallySink
from conceptatlas.activations.store import open_shard
from conceptatlas.activations.summary import layer_grid
from conceptatlas.activations.tallying import read_stored_tally
from conceptatlas.datasets.frame_file import map_frames
from conceptatlas.datasets.labelled_images import read_images, read_labels, read_vocabulary
from conceptatlas.files import array_digest, atomic_path, read_json, write_json
from conceptatlas.levels import NEEDS_SCORES
from conceptatlas.masks.iou import tally_iou
from conceptatlas.memory import keep_freed_memory
from conceptatlas.naming import CATEGORIES
from conceptatlas.progress import progress
from conceptatlas.provenance import versions
from conceptatlas.robustness.agreement import AgreementSink
from conceptatlas.robustness.moving import move_labels
from conceptatlas.robustness.perturbations import Move, PerturbedFrames, perturbation_of
from conceptatlas.robustness.strips import StripSink, choose_strips
from conceptatlas.sheets import Row
from conceptatlas.tables import read_table

logger = logging.getLogger(__name__)

Array = np.ndarray[Any, Any]


class LayerSinks(NamedTuple):
    """What counts the blocks of one layer."""

    tally: TallySink
    agreement: AgreementSink
    strips: StripSink


def perturb_shard(
    *,
    model: Row,
    layers: list[Row],
    level: Row,
    report: str | Path,
    frames: str | Path,
    frames_manifest: str | Path,
    calibration: str | Path | None,
    store: str | Path,
    manifest: str | Path,
    statistics: list[str],
    tallies: list[str],
    dataset: str | Path,
    index: str | Path,
    concepts: str | Path,
    annotations: str | Path,
    perturbed: str | Path,
    perturbed_manifest: str | Path,
    geometry: dict[str, Any],
    options: dict[str, Any],
    seed: int,
    batch: int,
    threads: int,
    device: str = "auto",
    tf32: bool = False,
) -> None:
    """Run a model over the perturbed frames of a shard and write the counts of its layers.

    Parameters
    ----------
    model, layers, level : rows of models.tsv, layers.tsv (one group), perturbations.tsv.
    store, manifest : the clean activations of the shard. statistics, tallies : of every layer, in the order of
        `layers`: statistics/{layer}.h5 and the clean counts of the dissection, which say what pictures show.
    options : config section `robustness` (units, images). seed : of the study.
    batch, threads, device, tf32 : config values of the extraction, so that the level `none` repeats it.

    Raises
    ------
    ValueError
        if perturbed images overflow a layer's dtype, files do not belong to the same images, or the level follows the
        model's loss and the model gives no class scores.
    """
    import torch

    from conceptatlas.devices import lease_device
    from conceptatlas.models.blocks import iterate_blocks
    from conceptatlas.models.gradients import gradient_signs
    from conceptatlas.models.index import load_model

    torch.set_num_threads(threads)
    keep_freed_memory()
    source = read_json(frames_manifest)
    pictures, valid = map_frames(frames, manifest=frames_manifest)
    start, stop = int(source["start"]), int(source["stop"])
    ids = read_images(index).ids[start:stop]
    loaded = load_model(model, calibration=Path(calibration) if calibration else None)
    with lease_device(device) as leased:
        signs = None
        if level["kind"] in NEEDS_SCORES:
            found = gradient_signs(loaded, pictures, valid, batch=batch, device=leased, tf32=tf32)
            signs = dict(zip(ids, found, strict=True))
        view = PerturbedFrames(pictures, ids, perturbation_of(level, study_seed=seed, signs=signs))
        sinks = layer_sinks(
            layers,
            view,
            start=start,
            report=report,
            store=store,
            manifest=manifest,
            statistics=statistics,
            tallies=tallies,
            dataset=dataset,
            index=index,
            concepts=concepts,
            annotations=annotations,
            geometry=geometry,
            options=options,
        )
        blocks = iterate_blocks(
            loaded,
            {row["layer"]: row["module"] for row in layers},
            view,
            valid,
            batch=batch,
            device=leased,
            dtypes={row["layer"]: row["dtype"] for row in layers},
            tf32=tf32,
        )
        count_blocks(blocks if leased == "cpu" else in_background(blocks), sinks, total=-(-len(view) // batch))
    arrays = layer_arrays(sinks)
    with atomic_path(perturbed) as part:
        write_arrays(part, arrays)
    write_json(
        perturbed_manifest,
        {
            "layers": [row["layer"] for row in layers],
            "level": {name: str(value) for name, value in level.items()},
            "arrays": {name: array_digest(values) for name, values in arrays.items()},
            "start": start,
            "stop": stop,
            "frames_digest": source["arrays"]["frames"],
            "weights_sha256": loaded.weights_sha256,
            "device": leased,
            "batch": batch,
            "threads": threads,
            "tf32": tf32,
            "versions": versions(),
        },
    )
    logger.info("level %s: %d images on %s", level["level"], len(view), leased)


def layer_sinks(
    layers: list[Row],
    view: PerturbedFrames,
    *,
    start: int,
    report: str | Path,
    store: str | Path,
    manifest: str | Path,
    statistics: list[str],
    tallies: list[str],
    dataset: str | Path,
    index: str | Path,
    concepts: str | Path,
    annotations: str | Path,
    geometry: dict[str, Any],
    options: dict[str, Any],
) -> dict[str, LayerSinks]:
    """The sinks of every layer for the images of a shard, positions counted from the shard's first image."""
    shapes, mask_size = read_json(report)["layers"], int(read_json(dataset)["mask_size"])
    vocabulary = read_vocabulary(concepts)
    shown = read_table(index, columns=["valid"])["valid"].to_numpy(dtype=bool)
    blocks = read_images(index).blocks[start : start + len(view)]
    labels = read_labels([str(annotations)], start=start, stop=start + len(view))
    move_of = moves(view, mask_size)
    moved = move_labels(labels, move_of)
    sinks: dict[str, LayerSinks] = {}
    for row, summarised, counted in zip(layers, statistics, tallies, strict=True):
        layer = row["layer"]
        shard = open_shard(store, manifest, layer)
        if (shard.start, shard.n_images) != (start, len(view)):
            raise ValueError(f"{store} holds images {shard.start}..{shard.stop - 1}, the frames begin at {start}")
        shard.verify()
        with h5py.File(summarised, "r") as file:
            thresholds: Array = file["thresholds"][0]
            maximum: Array = file["max"][()]
        tau = read_json(Path(summarised).with_suffix(".json"))["taus"][0]
        iou = tally_iou(read_stored_tally(counted, f"tau/{tau}"), vocabulary.primary_category)
        wanted = choose_strips(
            np.fmax.reduce(iou, axis=1),
            maximum,
            shown,
            n_units=options["units"],
            n_images=options["images"],
        )
        grid = layer_grid(shapes[layer], mask_size, geometry)
        clean = shard.activations()
        sinks[layer] = LayerSinks(
            TallySink(
                layer,
                thresholds=thresholds,
                labels=moved,
                blocks=blocks,
                primary_category=vocabulary.primary_category,
                n_categories=len(CATEGORIES),
                grid=grid,
            ),
            AgreementSink(
                layer,
                clean=clean,
                thresholds=thresholds,
                blocks=blocks,
                ignore=labels.ignore,
                move_of=move_of,
                grid=grid,
            ),
            StripSink(layer, wanted, frames=view, clean=clean, thresholds=thresholds, grid=grid, start=start),
        )
    return sinks


def moves(view: PerturbedFrames, mask_size: int) -> Any:
    """A function from the position of an image to the move of its masks; the last few hundred are remembered."""

    @functools.lru_cache(maxsize=1 if view.perturbation.moves_alike else 256)
    def made(image_id: str) -> Move:
        return view.perturbation.move(image_id, size=mask_size, frame_size=int(view.frames.shape[1]))

    def move_of(position: int) -> Move:
        return made("" if view.perturbation.moves_alike else view.ids[position])

    return move_of


def count_blocks(blocks: Iterable[Any], sinks: dict[str, LayerSinks], *, total: int) -> None:
    """Give every block to the sinks of all layers."""
    for block in progress(blocks, description="perturbed images", total=total):
        for of_layer in sinks.values():
            each: Sink
            for each in of_layer:
                each.consume(block)


def layer_arrays(sinks: dict[str, LayerSinks]) -> dict[str, Array]:
    """The arrays to write, by name."""
    arrays: dict[str, Array] = {}
    for layer, of_layer in sinks.items():
        arrays |= {f"{layer}/tally/{name}": values for name, values in of_layer.tally.tally.state().items()}
        arrays |= {f"{layer}/agreement": of_layer.agreement.sums, f"{layer}/defined": of_layer.agreement.defined}
        arrays |= {f"{layer}/strips/{name}": v for name, v in of_layer.strips.result()._asdict().items()}
    return arrays


def write_arrays(path: str | Path, arrays: dict[str, Array]) -> None:
    """Write arrays to an HDF5 file, compressed."""
    with h5py.File(path, "w", libver="latest") as file:
        for name, values in arrays.items():
            packing: dict[str, Any] = {"compression": "gzip", "compression_opts": 1, "shuffle": True}
            file.create_dataset(name, data=values, **(packing if values.size else {}))
