"""Network Dissection in another basis of a layer: random rotations, PCA, NMF, k-means, a user's matrix.

Any linear basis runs through the same thresholds, tally, null and labels as the units, so that bases of equal size
can be compared. Directions are computed block by block from the stored activations and never written.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from conceptatlas.activations.linear_bases import fit_basis
from conceptatlas.activations.maps import Maps, ProjectedMaps
from conceptatlas.activations.store import open_shards, stored_dtype
from conceptatlas.activations.summary import layer_grid
from conceptatlas.activations.thresholds import measure_units, tau_levels
from conceptatlas.dissection.labels import write_labels
from conceptatlas.dissection.sources import FromMaps
from conceptatlas.dissection.tally import write_tally
from conceptatlas.files import read_json, scratch_beside
from conceptatlas.sheets import Row
from conceptatlas.streaming.histogram import PatternHistogram

Array = np.ndarray[Any, Any]

_IMAGES_AT_ONCE = 64


def dissect_basis(
    *,
    dataset: str,
    model: str,
    layer: str,
    basis: Row,
    shards: list[str],
    manifests: list[str],
    about: str | Path,
    index: str | Path,
    concepts: str | Path,
    overlaps: str | Path,
    annotations: list[str],
    report: str | Path,
    labels: str | Path,
    units: str | Path,
    summary: str | Path,
    thresholds: dict[str, Any],
    geometry: dict[str, Any],
    options: dict[str, Any],
    seed: int,
    threads: int = 1,
    mem_mb: int = 2000,
) -> None:
    """Dissect the directions of a basis and write the same tables as for units (unit = direction).

    basis : row of bases.tsv; `grid` pools every map to that many cells a side first, so that layers of different
    resolution can be compared. The other arguments are those of `labels.dissect_layer`. Thresholds are taken on the
    layer's grid, whatever `threshold_on` says for the units, and `threshold_on` in the table says so.
    """
    opened = open_shards(shards, manifests, layer)
    for shard in opened:
        shard.verify()
    fitted = fit_basis(basis, opened, seed=seed)
    pooled_to = int(basis["grid"] or 0)
    maps = ProjectedMaps(opened, fitted.matrix, fitted.offset, pooled_to=pooled_to)
    facts = read_json(about)
    grid = layer_grid(_pooled(read_json(report)["layers"][layer], pooled_to), facts["mask_size"], geometry)
    taus = tau_levels(thresholds)
    measured = measure_units(
        projected_histogram(maps), lambda: _blocks(maps), taus=taus, definition=thresholds["definition"]
    )
    with scratch_beside(summary) as scratch:
        tally = scratch / "tally.h5"
        write_tally(
            maps,
            dict(zip(taus, measured["thresholds"], strict=True)),
            index=index,
            concepts=concepts,
            annotations=annotations,
            grid=grid,
            out=tally,
            n_permutations=options["n_permutations"],
            seed=seed,
            threads=threads,
            mem_mb=mem_mb,
        )
        write_labels(
            {"dataset": dataset, "model": model, "layer": layer},
            FromMaps(maps, grid),
            measured,
            {"taus": taus, "n_valid": facts["n_valid"]},
            tally=tally,
            index=index,
            concepts=concepts,
            overlaps=overlaps,
            annotations=annotations,
            labels=labels,
            units=units,
            summary=summary,
            netdissect=None,
            gallery=None,
            frames=[],
            definitions={
                "tau": taus[0],
                "threshold_definition": str(thresholds["definition"]),
                "threshold_on": "stored",
                "upsample": grid.upsample,
                "order": grid.order,
                "padding": grid.padding,
                "mask_size": int(facts["mask_size"]),
            },
            options=options,
            seed=seed,
            threads=threads,
            mem_mb=mem_mb,
        )


def projected_histogram(maps: Maps) -> PatternHistogram:
    """Counts of bit patterns of every direction over all valid images."""
    histogram = PatternHistogram(maps.n_units, dtype=stored_dtype(maps.shards[0]))
    for values, valid in _blocks(maps):
        histogram.add(values, skip=~valid)
    return histogram


def _blocks(maps: Maps) -> Any:
    for shard in maps.shards:
        for first in range(0, shard.n_images, _IMAGES_AT_ONCE):
            last = min(first + _IMAGES_AT_ONCE, shard.n_images)
            values, _ = maps.read(shard, first, last)
            yield np.ascontiguousarray(values), shard.valid[first:last]


def _pooled(shape: dict[str, Any], pooled_to: int) -> dict[str, Any]:
    """The entry of a layer in the check report after pooling to a grid of `pooled_to` cells a side (0: unchanged)."""
    if not pooled_to:
        return shape
    centres = [(cell + 0.5) / pooled_to for cell in range(pooled_to)]
    geometry = {"rf_centres_y": centres, "rf_centres_x": centres}
    return {**shape, "height": pooled_to, "width": pooled_to, "geometry": geometry}
