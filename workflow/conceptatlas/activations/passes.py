"""A further forward pass over a shard for layers whose maps are not stored: the same numbers again, to other sinks.

On a CPU the values are those of the first pass to the last bit (full batches, the same threads). They are checked: the
first pass left the maximum of every map, and a pass that finds another one stops, since counts of different values
would be mixed. On other devices a few may differ by rounding; they are counted, and more than one in a thousand stop.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from conceptatlas.activations.extraction import in_background
from conceptatlas.activations.sinks import Block, Sink
from conceptatlas.activations.store import Shard, open_shard
from conceptatlas.datasets.frame_file import map_frames
from conceptatlas.files import file_sha256, read_json
from conceptatlas.memory import keep_freed_memory
from conceptatlas.progress import progress
from conceptatlas.provenance import versions
from conceptatlas.sheets import Row

logger = logging.getLogger(__name__)

Array = np.ndarray[Any, Any]

DIFFERING_SHARE = 0.001
"""Share of maxima that may differ from those of the first pass on a device other than a CPU."""


class RepeatedMaps:
    """Maps of a layer as the first pass saw them: quarantined images zero, -0.0 as 0.0, each map's maximum.

    Attributes
    ----------
    differing : int, maxima that were not those of the first pass.
    """

    def __init__(self, shard: Shard, *, exact: bool) -> None:
        self.shard = shard
        self.exact = exact
        self.differing = 0
        self._maximum = shard.read("max")

    def take(self, block: Block) -> tuple[Array, Array]:
        """Maps float16 (image, unit, height, width), C-contiguous, and their maximum float32 (image, unit).

        Raises
        ------
        ValueError
            where a maximum is not that of the first pass.
        """
        maps = block.array(self.shard.layer)
        maps[~block.valid] = 0
        bits = maps.view(np.uint16)
        bits[bits == 0x8000] = 0
        maximum = largest(maps)
        expected = self._maximum[block.start : block.stop]
        differing = maximum != expected
        if differing.any():
            self.differing += int(differing.sum())
            if self.exact or self.differing > DIFFERING_SHARE * self._maximum.size:
                image, unit = (int(i[0]) for i in np.nonzero(differing))
                raise ValueError(
                    f"layer {self.shard.layer}: unit {unit} of image_index {self.shard.start + block.start + image} "
                    f"reaches {maximum[image, unit]:g} now and {expected[image, unit]:g} in the first pass; both must "
                    "run with the same device, threads and batch (extract_activations --forcerun makes the first anew)"
                )
        return maps, maximum


def largest(maps: Array) -> Array:
    """Maximum of every float16 map (image, unit, height, width), float32 (image, unit); compared as bit patterns, many
    times faster than NumPy's float16."""
    flat = maps.reshape(*maps.shape[:2], -1)
    top = flat.view(np.int16).max(axis=2)  # the order of values that are not negative; those come before the others
    negative = top < 0
    if negative.any():  # all values of a map are below 0: the least magnitude is the largest
        least = flat.view(np.uint16).min(axis=2).view(np.int16)
        top = np.where(negative, least, top)
    return np.ascontiguousarray(top).view(np.float16).astype(np.float32)


def forward_again(
    *,
    model: Row,
    layers: list[Row],
    frames: str | Path,
    frames_manifest: str | Path,
    calibration: str | Path | None,
    store: str | Path,
    manifest: str | Path,
    batch: int,
    threads: int,
    device: str,
    tf32: bool,
    sinks_of: Callable[[Row, RepeatedMaps], Sink],
) -> tuple[list[Sink], dict[str, Any]]:
    """Run a model over the frames of a shard and give every block to the sinks.

    model, layers : rows of models.tsv and layers.tsv (those of a group that are not stored, float16). store, manifest :
    what the first pass left of the shard. sinks_of : makes the sink of a layer; it takes its maps from a
    `RepeatedMaps`, positions count from the shard's first image. Other arguments : as `extraction.extract_shard`.

    Returns
    -------
    sinks, one a layer; facts for the manifest.

    Raises
    ------
    ValueError
        if weights, pictures or values are not those of the first pass.
    """
    import torch

    from conceptatlas.devices import lease_device
    from conceptatlas.models.blocks import iterate_blocks
    from conceptatlas.models.index import load_model

    torch.set_num_threads(threads)
    keep_freed_memory()
    started = time.monotonic()
    source, before = read_json(frames_manifest), read_json(manifest)
    pictures, valid = map_frames(frames, manifest=frames_manifest)
    loaded = load_model(model, calibration=Path(calibration) if calibration else None)
    same = {
        "weights": (before["weights_sha256"], loaded.weights_sha256),
        "pictures": (before["frames_digest"], source["arrays"]["frames"]),
    }
    for what, (first, now) in same.items():
        if first != now:
            raise ValueError(f"{manifest}: the first pass was made with other {what}; run it again")
    with lease_device(device) as leased:
        repeated = [RepeatedMaps(open_shard(store, manifest, row["layer"]), exact=leased == "cpu") for row in layers]
        sinks = [sinks_of(row, maps) for row, maps in zip(layers, repeated, strict=True)]
        blocks = iterate_blocks(
            loaded,
            {row["layer"]: row["module"] for row in layers},
            pictures,
            valid,
            batch=batch,
            device=leased,
            dtypes={row["layer"]: row["dtype"] for row in layers},
            tf32=tf32,
        )
        ready = blocks if leased == "cpu" else in_background(blocks)
        for block in progress(ready, description=f"{model['model']} again", total=-(-len(pictures) // batch)):
            for sink in sinks:
                sink.consume(block)
    differing = {maps.shard.layer: maps.differing for maps in repeated}
    for layer, n in differing.items():
        if n:
            logger.warning("layer %s: %d maxima differ from those of the first pass on %s", layer, n, leased)
    logger.info("%d images in %.1f s, %s, batch %d", len(pictures), time.monotonic() - started, leased, batch)
    return sinks, {
        "layers": {row["layer"]: {name: row[name] for name in ("module", "dtype", "store")} for row in layers},
        "start": source["start"],
        "stop": source["stop"],
        "quarantined": [source["start"] + int(i) for i in np.flatnonzero(~valid)],
        "frames_digest": source["arrays"]["frames"],
        "weights_sha256": loaded.weights_sha256,
        "calibration_sha256": file_sha256(calibration) if calibration else "",
        "differing_maxima": differing,
        "device": leased,
        "batch": batch,
        "threads": threads,
        "tf32": tf32,
        "versions": versions(),
    }


def by_layer(layers: Sequence[Row], files: Sequence[str]) -> dict[str, str]:
    """Layer -> its file, for files listed in the order of the layers."""
    return {row["layer"]: file for row, file in zip(layers, files, strict=True)}
