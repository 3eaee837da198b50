"""A layer that is not stored, counted from arrays: the passes of `store: counts` without a model."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from conceptatlas.activations.counting import CountingSink, read_levels, write_pass
from conceptatlas.activations.passes import RepeatedMaps
from conceptatlas.activations.scoring import ScoringSink, largest_magnitude
from conceptatlas.activations.store import open_shard
from conceptatlas.activations.summary import layer_grid
from conceptatlas.activations.tallying import read_stored_tally
from conceptatlas.datasets.labelled_images import read_images, read_labels, read_vocabulary
from conceptatlas.files import read_json
from conceptatlas.masks.iou import tally_iou
from conceptatlas.masks.labels import top_concepts
from tiny_stores import Store

Array = np.ndarray[Any, Any]
Row = dict[str, Any]

LAYER: Row = {"model": "m", "layer": "layer", "module": "m", "dtype": "float16", "store": "counts"}


class Block(NamedTuple):
    """Consecutive images of a shard, positions counted from its first."""

    start: int
    stop: int
    valid: Array
    maps: Array

    def array(self, layer: str) -> Array:
        return self.maps


def run_pass(store: Store, maps: Array, sink_of: Any, folder: Path, *, batch: int = 7) -> Store:
    """Give the maps of every shard to a sink of its own and write what it holds."""
    done = Store([], [])
    for path, manifest in zip(store.shards, store.manifests, strict=True):
        shard = open_shard(path, manifest, "layer")
        sink = sink_of(RepeatedMaps(shard, exact=True), shard)
        for first in range(0, shard.n_images, batch):
            last = min(first + batch, shard.n_images)
            own = maps[shard.start + first : shard.start + last].copy()
            sink.consume(Block(first, last, shard.valid[first:last], own))
        out = folder / Path(path).name
        content = read_json(manifest)
        facts = {name: content[name] for name in ("layers", "start", "stop", "quarantined")}
        write_pass(out, out.with_suffix(".json"), [LAYER], [sink], facts)
        done.shards.append(str(out))
        done.manifests.append(str(out.with_suffix(".json")))
    return done


def count(
    folder: Path, store: Store, maps: Array, files: Row, *, statistics: Path, report: Path, geometry: Row
) -> Store:
    """The second pass."""
    grid = layer_grid(read_json(report)["layers"]["layer"], read_json(files["dataset"])["mask_size"], geometry)
    blocks, vocabulary = read_images(files["index"]).blocks, read_vocabulary(files["concepts"])

    def sink_of(repeated: RepeatedMaps, shard: Any) -> CountingSink:
        return CountingSink(
            repeated,
            levels=read_levels(statistics),
            labels=read_labels(files["annotations"], start=shard.start, stop=shard.stop),
            blocks=blocks[shard.start : shard.stop],
            primary_category=vocabulary.primary_category,
            grid=grid,
            start=shard.start,
        )

    return run_pass(store, maps, sink_of, folder)


def score(folder: Path, store: Store, maps: Array, files: Row, *, statistics: Path, tally: Path, ranks: int) -> Store:
    """The third pass."""
    tau, thresholds = next(iter(read_levels(statistics).items()))
    primary = read_vocabulary(files["concepts"]).primary_category
    top = top_concepts(tally_iou(read_stored_tally(tally, f"tau/{tau}"), primary), n=ranks)

    def sink_of(repeated: RepeatedMaps, shard: Any) -> ScoringSink:
        labels = read_labels(files["annotations"], start=shard.start, stop=shard.stop)
        return ScoringSink(
            repeated, thresholds=thresholds, maximum=largest_magnitude(statistics), top=top, labels=labels
        )

    return run_pass(store, maps, sink_of, folder)
