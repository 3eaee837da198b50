"""A third pass of a layer that is too large to keep: the scores of its units' labels beside IoU.

F1, Pearson, cosine and AUPRC need a unit's values and the cells of its label together, and which labels those are is
known only when all shards have been counted. `dissection.streamed_scores: false` saves this pass and leaves the four
columns empty. ``{shard}.h5`` holds, per layer: `top` (unit, rank) int64, the concepts scored; `sums`, `pair_sums`
(`activations.label_sums`); `histogram/index`, `count` and `pair_histogram/index`, `count`: entries that are not 0, by
position in the flat table.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np

from conceptatlas.activations.counting import read_levels, write_pass
from conceptatlas.activations.label_sums import LabelSums
from conceptatlas.activations.passes import RepeatedMaps, by_layer, forward_again
from conceptatlas.activations.sinks import Block, Sink
from conceptatlas.activations.store import Shard
from conceptatlas.activations.tallying import read_stored_tally
from conceptatlas.datasets.labelled_images import read_labels, read_vocabulary
from conceptatlas.files import read_json
from conceptatlas.masks.cells import label_cells
from conceptatlas.masks.iou import tally_iou
from conceptatlas.masks.label_bits import LabelBits
from conceptatlas.masks.labels import top_concepts
from conceptatlas.sheets import Row

Array = np.ndarray[Any, Any]

_VALUES_AT_ONCE = 2**21  # their fixed-point copies take 64 MB
_TABLES = ("histogram", "pair_histogram")


class ScoringSink:
    """Sums of the units of a layer with their top labels."""

    def __init__(self, maps: RepeatedMaps, *, thresholds: Array, maximum: Array, top: Array, labels: LabelBits) -> None:
        self.maps = maps
        self.thresholds = thresholds
        self.maximum = maximum
        self.top = np.asarray(top, dtype=np.int64)
        self.labels = labels
        self.total = LabelSums.empty(*self.top.shape)

    def consume(self, block: Block) -> None:
        """Add a block, a few images and units at a time."""
        maps, _ = self.maps.take(block)
        n_images, n_units, height, width = maps.shape
        n_cells = height * width
        flat = maps.reshape(n_images, n_units, n_cells)
        units_at_once = max(1, min(n_units, _VALUES_AT_ONCE // n_cells))
        images_at_once = max(1, _VALUES_AT_ONCE // (n_cells * n_units))
        for first in range(0, n_images, images_at_once):
            last = min(first + images_at_once, n_images)
            labels = self.labels.select(np.arange(block.start + first, block.start + last))
            entries, counted = label_cells(labels, (height, width))
            counted &= block.valid[first:last, None]
            for begin in range(0, n_units, units_at_once):
                units = slice(begin, begin + units_at_once)
                self.total.part(units).add(
                    np.ascontiguousarray(flat[first:last, units]),
                    labels,
                    entries,
                    counted,
                    thresholds=self.thresholds[units],
                    maximum=self.maximum[units],
                    top=self.top[units],
                )

    def arrays(self) -> dict[str, Array]:
        """Everything to write, by name below the layer."""
        arrays = {"top": self.top, "sums": self.total.sums, "pair_sums": self.total.pair_sums}
        for name in _TABLES:
            flat = getattr(self.total, name).reshape(-1)
            index = np.flatnonzero(flat != 0)
            arrays |= {f"{name}/index": index, f"{name}/count": flat[index].astype(np.int64)}
        return arrays


def score_shard(
    *,
    model: Row,
    layers: list[Row],
    frames: str | Path,
    frames_manifest: str | Path,
    calibration: str | Path | None,
    store: str | Path,
    manifest: str | Path,
    statistics: list[str],
    tallies: list[str],
    concepts: str | Path,
    annotations: str | Path,
    scored: str | Path,
    scored_manifest: str | Path,
    top_labels: int,
    batch: int,
    threads: int,
    device: str = "auto",
    tf32: bool = False,
) -> None:
    """Run a model over a shard a third time and write the sums behind the scores of its units' labels.

    tallies : tally.h5 of every layer, in the order of `layers`; they say which labels. top_labels : labels a unit
    (config). scored, scored_manifest : where to write. Other arguments and errors : as `counting.count_shard`.
    """
    start, stop = (int(read_json(frames_manifest)[name]) for name in ("start", "stop"))
    vocabulary = read_vocabulary(concepts)
    labels = read_labels([str(annotations)], start=start, stop=stop)
    summarised, counted = by_layer(layers, statistics), by_layer(layers, tallies)

    def sink_of(row: Row, maps: RepeatedMaps) -> Sink:
        layer = row["layer"]
        tau, thresholds = next(iter(read_levels(summarised[layer]).items()))
        iou = tally_iou(read_stored_tally(counted[layer], f"tau/{tau}"), vocabulary.primary_category)
        return ScoringSink(
            maps,
            thresholds=thresholds,
            maximum=largest_magnitude(summarised[layer]),
            top=top_concepts(iou, n=top_labels),
            labels=labels,
        )

    sinks, facts = forward_again(
        model=model,
        layers=layers,
        frames=frames,
        frames_manifest=frames_manifest,
        calibration=calibration,
        store=store,
        manifest=manifest,
        batch=batch,
        threads=threads,
        device=device,
        tf32=tf32,
        sinks_of=sink_of,
    )
    write_pass(scored, scored_manifest, layers, sinks, facts)


def largest_magnitude(statistics: str | Path) -> Array:
    """Largest absolute value of every unit, float32 (unit,): what fixed-point sums are counted in."""
    with h5py.File(statistics, "r") as file:
        return np.maximum(np.abs(file["maximum"][()]), np.abs(file["minimum"][()]))


def merged_sums(shards: list[Shard], top: Array) -> LabelSums:
    """Sums of a layer over all shards.

    Raises
    ------
    ValueError
        if a shard was scored for other labels than `top`.
    """
    total = LabelSums.empty(*top.shape)
    total.pair_histogram = total.pair_histogram.astype(np.int64)
    for shard in shards:
        if not np.array_equal(shard.read("top"), top):
            raise ValueError(f"{shard.path} was made for other labels; remove it and {shard.manifest_path.name}")
        total.sums += shard.read("sums")
        total.pair_sums += shard.read("pair_sums")
        for name in _TABLES:
            table = getattr(total, name).reshape(-1)
            table[shard.read(f"{name}/index")] += shard.read(f"{name}/count")
    return total
