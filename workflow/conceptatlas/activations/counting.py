"""The second pass of a layer that is too large to keep (``store: counts``): thresholds are known, masks are counted.

The first pass (`extract_activations`) leaves exact histograms and each image's maximum; thresholds follow from them.
This one runs the model again and keeps, of every layer and shard,

    tally/{tau}/   the arrays of `masks.tally.Tally`, the integers that stored maps would give, at every level of tau
    masks/         packed masks at the study's own tau (`activations.mask_file`)

The masks serve what must see all images at once: the null (labels permuted across images), labels inside a concept
they occur with, galleries. The alternative, counting every permutation here, would keep R x units x concepts integers
a shard: 0.6 GB for 64 units, 1,197 concepts and R = 999, against at most 1.6 kB a mask (docs/scaling.md).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np

from conceptatlas.activations.mask_file import collect_masks, mask_arrays, write_arrays
from conceptatlas.activations.passes import RepeatedMaps, by_layer, forward_again
from conceptatlas.activations.sinks import Block, Sink
from conceptatlas.activations.summary import layer_grid
from conceptatlas.datasets.labelled_images import read_images, read_labels, read_vocabulary
from conceptatlas.files import atomic_path, read_json, write_json
from conceptatlas.masks.active import prepare
from conceptatlas.masks.label_bits import LabelBits
from conceptatlas.masks.shuffled import PackedPairs
from conceptatlas.masks.tally import TallySum, tally_images
from conceptatlas.masks.upsample import Grid
from conceptatlas.naming import CATEGORIES
from conceptatlas.sheets import Row

Array = np.ndarray[Any, Any]


class CountingSink:
    """Tallies of a layer at every level of tau, and its packed masks at the first."""

    def __init__(
        self,
        maps: RepeatedMaps,
        *,
        levels: dict[str, Array],
        labels: LabelBits,
        blocks: Array,
        primary_category: Array,
        grid: Grid,
        start: int,
    ) -> None:
        self.maps = maps
        self.levels = levels
        self.labels = labels
        self.blocks = blocks
        self.primary_category = primary_category
        self.grid = grid
        self.start = start
        self.n_units = len(next(iter(levels.values())))
        self._sums = {
            tau: TallySum(self.n_units, len(primary_category), len(CATEGORIES)) for tau in levels
        }  # fmt: skip
        self._pairs = PackedPairs()
        self._cutting = prepare(grid)

    def consume(self, block: Block) -> None:
        """Count a block."""
        maps, maximum = self.maps.take(block)
        images = np.arange(block.start, block.stop)
        labels = self.labels.select(images)
        for tau, thresholds in self.levels.items():
            counted = tally_images(
                maps,
                maximum,
                thresholds,
                labels,
                self.blocks[images],
                self.primary_category,
                self.grid,
                n_categories=len(CATEGORIES),
                valid=block.valid,
            )
            self._sums[tau].add(counted)
        own = next(iter(self.levels.values()))
        first = self.start + block.start
        collect_masks(self._pairs, maps, maximum, own, block.valid, self.grid, self._cutting, start=first)

    def arrays(self) -> dict[str, Array]:
        """Everything to write, by name below the layer."""
        counts = {
            f"tally/{tau}/{name}": values
            for tau, total in self._sums.items()
            for name, values in total.result().state().items()
        }
        return counts | {f"masks/{name}": v for name, v in mask_arrays(self._pairs, self.n_units).items()}


def count_shard(
    *,
    model: Row,
    layers: list[Row],
    report: str | Path,
    frames: str | Path,
    frames_manifest: str | Path,
    calibration: str | Path | None,
    store: str | Path,
    manifest: str | Path,
    statistics: list[str],
    dataset: str | Path,
    index: str | Path,
    concepts: str | Path,
    annotations: str | Path,
    counted: str | Path,
    counted_manifest: str | Path,
    geometry: dict[str, Any],
    batch: int,
    threads: int,
    device: str = "auto",
    tf32: bool = False,
) -> None:
    """Run a model over a shard once more and write the counts and masks of its layers that are not stored.

    Parameters
    ----------
    model, layers : rows of models.tsv and layers.tsv (those of a group with ``store: counts``).
    store, manifest : what the first pass left. statistics : of every layer, in the order of `layers`.
    counted, counted_manifest : where to write. batch, threads, device, tf32 : config values of the extraction, so that
        the second pass sees the values of the first.

    Raises
    ------
    ValueError
        if weights, pictures or values are not those of the first pass (see `activations.passes`).
    """
    start, stop = (int(read_json(frames_manifest)[name]) for name in ("start", "stop"))
    shapes, mask_size = read_json(report)["layers"], int(read_json(dataset)["mask_size"])
    vocabulary = read_vocabulary(concepts)
    blocks = read_images(index).blocks[start:stop]
    labels = read_labels([str(annotations)], start=start, stop=stop)
    summarised = by_layer(layers, statistics)

    def sink_of(row: Row, maps: RepeatedMaps) -> Sink:
        layer = row["layer"]
        return CountingSink(
            maps,
            levels=read_levels(summarised[layer]),
            labels=labels,
            blocks=blocks,
            primary_category=vocabulary.primary_category,
            grid=layer_grid(shapes[layer], mask_size, geometry),
            start=start,
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
    write_pass(counted, counted_manifest, layers, sinks, facts)


def read_levels(statistics: str | Path) -> dict[str, Array]:
    """Thresholds float32 (unit,) by level of tau, the study's own first."""
    with h5py.File(statistics, "r") as file:
        levels: Array = file["thresholds"][()]
    return dict(zip(read_json(Path(statistics).with_suffix(".json"))["taus"], levels, strict=True))


def write_pass(
    path: str | Path, manifest: str | Path, layers: list[Row], sinks: list[Any], facts: dict[str, Any]
) -> None:
    """Write the arrays of the sinks of a pass, one group a layer, and the manifest last."""
    arrays: dict[str, Any] = {}
    with atomic_path(path) as part, h5py.File(part, "w", libver="latest") as file:
        for row, sink in zip(layers, sinks, strict=True):
            arrays |= write_arrays(file, {f"{row['layer']}/{name}": v for name, v in sink.arrays().items()})
    write_json(manifest, {"arrays": arrays, **facts})
