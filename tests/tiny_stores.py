"""Stored activations made from arrays: what tests of rooms 4 and 5 read without running a model."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from conceptatlas.activations.sinks import HistogramSink, StoreSink
from conceptatlas.activations.store import ShardWriter
from conceptatlas.files import write_json
from conceptatlas.naming import shard_bounds, shard_names

Array = np.ndarray[Any, Any]


class Store(NamedTuple):
    """Files of a stored layer, in the order of the images."""

    shards: list[str]
    manifests: list[str]


class _Block(NamedTuple):
    start: int
    stop: int
    valid: Array
    maps: Array

    def array(self, layer: str) -> Array:
        return self.maps


def write_store(
    folder: Path,
    maps: Array,
    *,
    n_shards: int = 1,
    layer: str = "layer",
    valid: Array | None = None,
    batch: int = 7,
    store: str = "full",
) -> Store:
    """Store maps (image, unit, height, width), float16 or float32, as extraction does, cut into shards."""
    valid = np.ones(len(maps), dtype=bool) if valid is None else valid
    dtype = str(maps.dtype)
    shards, manifests = [], []
    for number, name in enumerate(shard_names(n_shards)):
        start, stop = shard_bounds(len(maps), n_shards, number)
        path = folder / f"{name}.h5"
        path.parent.mkdir(parents=True, exist_ok=True)
        writer = ShardWriter(path, n_images=stop - start)
        writer.add_layer(layer, maps.shape[1:], dtype=dtype, store=store == "full")
        counted = HistogramSink(layer, n_images=stop - start, n_units=maps.shape[1], dtype=dtype)
        stored = StoreSink(layer, writer)
        for first in range(start, stop, batch):
            last = min(first + batch, stop)
            block = _Block(first - start, last - start, valid[first:last], maps[first:last].copy())
            counted.consume(block)
            if store == "full":
                stored.consume(block)
        writer.write_array(f"{layer}/max", counted.maximum)
        writer.write_array(f"{layer}/mean", counted.mean)
        for part, values in counted.histogram.state().items():
            writer.write_array(f"{layer}/histogram/{part}", values, compress=True)
        content = {
            "layers": {layer: {"module": "m", "dtype": dtype, "store": store}},
            "arrays": writer.finish(),
            "start": start,
            "stop": stop,
            "quarantined": (start + np.flatnonzero(~valid[start:stop])).tolist(),
        }
        write_json(path.with_suffix(".json"), content)
        shards.append(str(path))
        manifests.append(str(path.with_suffix(".json")))
    return Store(shards, manifests)
