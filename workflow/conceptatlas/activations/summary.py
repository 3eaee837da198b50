"""What is computed once per (dataset, model, layer), so that no analysis has to: room 4, ``statistics``.

``{layer}.h5`` holds

    thresholds     (level, unit) float32   T_k for every tau of the config, the study's own tau first
    achieved       (level, unit) float64   share of values strictly above T_k
    state          (unit,) uint8           index into UNIT_STATES, for the study's own tau
    minimum, maximum, mean, standard_deviation   (unit,)
    max, mean_pooled                       (image, unit) float32: each image's spatial maximum and mean
    bits           (image, unit, ceil(h w / 8)) uint8, contiguous: 1[A > T_k] on the layer's own grid (`store: full`)
    distribution/  edges (unit, bin+1), counts (unit, bin): for figures
    histogram/     offsets, patterns, counts: exact counts of bit patterns (its upper half for float32)

and ``{layer}.json`` the digests of the arrays, the definitions used and the shards it was made from.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np
import xxhash

from conceptatlas.activations.sinks import threshold_bits
from conceptatlas.activations.store import Shard, create_contiguous, map_dataset, merged_histogram, open_shards
from conceptatlas.activations.thresholds import (
    THRESHOLD_ON,
    UNIT_STATES,
    Blocks,
    distribution,
    measure_units,
    tau_levels,
)
from conceptatlas.files import array_digest, atomic_path, read_json, write_json
from conceptatlas.masks.upsample import Grid, make_grid, upsample_map
from conceptatlas.naming import unknown
from conceptatlas.parallel import parallel_map
from conceptatlas.provenance import versions
from conceptatlas.sheets import Row
from conceptatlas.streaming.histogram import PatternHistogram

logger = logging.getLogger(__name__)

Array = np.ndarray[Any, Any]

N_BINS = 128
POOLED = {"max": "max", "mean_pooled": "mean"}
"""Arrays (image, unit) that are copied together from the shards -> their name there."""

_READ_BYTES = 2**26


class _BitsTask(NamedTuple):
    shard: Shard
    thresholds: Array
    out: str


def summarise_layer(
    *,
    layer: Row,
    shards: list[str],
    manifests: list[str],
    dataset: str | Path,
    report: str | Path,
    out: str | Path,
    manifest: str | Path,
    thresholds: dict[str, Any],
    geometry: dict[str, Any],
    threads: int = 1,
    mem_mb: int = 2000,
) -> None:
    """Summarise a layer over all shards of a data set and write the files described in this module.

    Parameters
    ----------
    layer : row of layers.tsv. shards, manifests : the stored activations, any order. dataset : dataset.json. report :
    the model's check report. thresholds : config section (tau, taus, definition, threshold_on). geometry : config
    section, used where thresholds are taken on upsampled maps.

    Raises
    ------
    DamagedFileError
        if a shard is not what its manifest says.
    ValueError
        for unknown option values, or shards that do not cover the data set.
    """
    opened = open_shards(shards, manifests, layer["layer"])
    about = read_json(dataset)
    n_images = opened[-1].stop
    if opened[0].start != 0 or n_images != about["n_images"]:
        raise ValueError(
            f"shards of {layer['model']} {layer['layer']} cover images {opened[0].start}..{n_images}, "
            f"the data set has {about['n_images']}"
        )
    histogram = merged_histogram(opened)
    taus = tau_levels(thresholds)
    if thresholds["threshold_on"] not in THRESHOLD_ON:
        raise unknown("threshold_on", str(thresholds["threshold_on"]), THRESHOLD_ON)
    shape = read_json(report)["layers"][layer["layer"]]
    grid = layer_grid(shape, about["mask_size"], geometry)
    on_upsampled = thresholds["threshold_on"] == "upsampled"
    is_stored = layer["store"] == "full"
    if on_upsampled and not is_stored:
        raise ValueError(
            f"layer {layer['model']} {layer['layer']}: threshold_on: upsampled reads activations, `store` must be full"
        )
    arrays = measure_units(
        histogram,
        lambda: stored_blocks(opened),
        taus=taus,
        definition=thresholds["definition"],
        upsampled=(lambda: upsampled_field(opened, grid)) if on_upsampled else None,
    )
    edges, counts = distribution(histogram, arrays["minimum"], arrays["maximum"], n_bins=N_BINS)
    arrays |= {"distribution/edges": edges, "distribution/counts": counts}
    compressed = {f"histogram/{name}": values for name, values in histogram.state().items()}
    with atomic_path(out) as part:
        digests = {name: array_digest(values) for name, values in (arrays | compressed).items()}
        n_bytes = -(-shape["height"] * shape["width"] // 8)
        _write(part, arrays, compressed, bits_shape=(n_images, shape["n_units"], n_bytes) if is_stored else None)
        digests |= {name: _write_pooled(part, name, opened) for name in POOLED}
        if is_stored:
            tasks = [_BitsTask(shard, arrays["thresholds"][0], str(part)) for shard in opened]
            parallel_map(_write_bits, tasks, threads=threads, mem_mb=mem_mb, description=f"bits of {layer['layer']}")
            digests["bits"] = array_digest(map_dataset(part, "bits"))
    states = {name: int((arrays["state"] == i).sum()) for i, name in enumerate(UNIT_STATES)}
    write_json(
        manifest,
        {
            "arrays": digests,
            "n_images": n_images,
            "n_valid": int(sum(shard.valid.sum() for shard in opened)),
            "n_values": histogram.n_values,
            "dtype": histogram.dtype,
            "map_shape": [shape["height"], shape["width"]],
            "taus": taus,
            "definition": thresholds["definition"],
            "threshold_on": thresholds["threshold_on"],
            "states": states,
            "shards": [shard.arrays[f"{shard.layer}/histogram/counts"]["digest"] for shard in opened],
            "versions": versions(),
        },
    )
    _say_states(layer, states)


def layer_grid(shape: dict[str, Any], mask_size: int, geometry: dict[str, Any]) -> Grid:
    """The geometry of a layer's masks from its entry in the check report and the config section."""
    return make_grid(
        (shape["height"], shape["width"]),
        mask_size,
        upsample=geometry["upsample"],
        order=geometry["order"],
        padding=geometry["padding"],
        centres=layer_centres(shape, geometry["upsample"]),
    )


def layer_centres(shape: dict[str, Any], upsample: str) -> tuple[list[float] | None, list[float] | None]:
    """Centres of a layer's receptive fields (rows, columns) where a convention of upsampling needs them."""
    if upsample != "receptive_field":
        return None, None
    found = shape["geometry"]
    return found.get("rf_centres_y"), found.get("rf_centres_x")


def stored_blocks(shards: list[Shard]) -> Iterator[tuple[Array, Array]]:
    """All stored maps in the order of the images, some 64 MB at a time, with the images that count."""
    for shard in shards:
        maps = shard.activations()
        for piece in pieces(maps):
            yield np.asarray(maps[piece]), shard.valid[piece]


def pieces(maps: Array) -> Iterator[slice]:
    """Slices of images of some 64 MB each."""
    step = max(1, _READ_BYTES // max(maps[0].nbytes, 1)) if len(maps) else 1
    for first in range(0, len(maps), step):
        yield slice(first, min(first + step, len(maps)))


def upsampled_field(shards: list[Shard], grid: Grid) -> tuple[PatternHistogram, Blocks]:
    """The upsampled field (dissect, PNAS 2020): its histogram and the pass over it, image by image.

    An upsampled image of 2048 units at S = 112 takes 100 MB, so images go one at a time.
    """

    def blocks() -> Iterator[tuple[Array, Array]]:
        for shard in shards:
            maps = shard.activations()
            for i in range(len(maps)):
                yield np.ascontiguousarray(upsample_map(np.asarray(maps[i : i + 1]), grid)), shard.valid[i : i + 1]

    histogram = PatternHistogram(shards[0].shape[0], dtype="float32")
    for values, valid in blocks():
        histogram.add(values, skip=~valid)
    return histogram, blocks


def _write(
    path: Path, arrays: dict[str, Array], compressed: dict[str, Array], *, bits_shape: tuple[int, ...] | None
) -> None:
    with h5py.File(path, "w", libver="latest") as file:
        for name, values in arrays.items():
            file[name] = values
        for name, values in compressed.items():
            packing = {"compression": "gzip", "compression_opts": 1, "shuffle": True} if values.size else {}
            file.create_dataset(name, data=values, **packing)
        if bits_shape is not None:
            create_contiguous(file, "bits", bits_shape, "uint8")


def _write_pooled(path: Path, name: str, shards: list[Shard]) -> str:
    """Write a number a (image, unit), one shard in memory at a time, and return the digest of all."""
    digest = xxhash.xxh3_128()
    with h5py.File(path, "r+") as file:
        for shard in shards:
            values = shard.read(POOLED[name])
            if name not in file:
                create_contiguous(file, name, (shards[-1].stop, values.shape[1]), "float32")
            file[name][shard.start : shard.stop] = values
            digest.update(np.ascontiguousarray(values).reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def _write_bits(task: _BitsTask) -> None:
    """Check a shard's digest and write its packed bits into their rows; rows of different tasks are disjoint."""
    task.shard.verify()
    maps = task.shard.activations()
    bits = map_dataset(task.out, "bits", mode="r+")
    for piece in pieces(maps):
        rows = slice(task.shard.start + piece.start, task.shard.start + piece.stop)
        bits[rows] = threshold_bits(np.asarray(maps[piece]), task.thresholds, task.shard.valid[piece])
    if isinstance(bits, np.memmap):
        bits.flush()


def _say_states(layer: Row, states: dict[str, int]) -> None:
    n_units = sum(states.values())
    for name in ("dead", "sparse", "saturated", "too_few"):
        if states[name]:
            logger.warning("%s %s: %d of %d units are %s", layer["model"], layer["layer"], states[name], n_units, name)
    if states["saturated"] > n_units // 4:
        logger.warning(
            "%s %s: most likely a clipped layer (ReLU6); dissect the module before the clip instead",
            layer["model"],
            layer["layer"],
        )
