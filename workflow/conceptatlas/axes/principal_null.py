"""Is a concept's direction more concentrated on one unit than that of any cells of its shape?

The null lays the concept's own masks on other images of the same source, so that the number of cells, their places and
their neighbourhood stay what they are (scattered pixels would ignore that neighbours are alike). Intervals resample 32
blocks of images.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from conceptatlas.axes.principal_cells import ConceptCells, gather
from conceptatlas.axes.principal_direction import Direction, Moments
from conceptatlas.inference.bootstrap import MINIMUM_BLOCKS
from conceptatlas.masks.shuffled import permutation
from conceptatlas.masks.tally import N_BLOCKS

Array = np.ndarray[Any, Any]


class Task(NamedTuple):
    """One concept of a layer. The arrays that all concepts share lie in `folder` and are mapped."""

    folder: Path
    cells: ConceptCells
    centre: str
    n_permutations: int
    n_bootstrap: int
    confidence: float
    seed: int


class Found(NamedTuple):
    """What one concept gives.

    null, null_explained : float64 (permutation,), max u^2 and explained share of the masks on other images.
    max_u2, participation : (low, high).
    stability : share of resamples in which the same unit has the largest loading. n_blocks : blocks with a cell.
    """

    direction: Direction
    null: Array
    null_explained: Array
    max_u2: tuple[float, float]
    participation: tuple[float, float]
    stability: float
    n_blocks: int


def write_shared(folder: Path, *, mean: Array, deviation: Array, counted: Array, blocks: Array, weights: Array,
                 targets: Array) -> None:  # fmt: skip
    """Write what every concept needs beside the cells of the layer."""
    arrays = {"mean": mean, "deviation": deviation, "counted": counted, "blocks": blocks, "weights": weights,
              "targets": targets}  # fmt: skip
    for name, values in arrays.items():
        np.save(folder / f"{name}.npy", values)


def permutations(sources: Array, valid: Array, *, n_permutations: int, seed: int) -> Array:
    """Image on which each image's masks are laid, int64 (permutation, image); within the source, valid images only."""
    rows = [permutation(sources, valid, seed=seed, replicate=r) for r in range(n_permutations)]
    return np.array(rows, dtype=np.int64).reshape(n_permutations, len(sources))


def find_direction(task: Task) -> Found:
    """Direction, null and intervals of one concept; a pure function of its cells, so workers do not matter."""
    shared: dict[str, Array] = {
        name: np.load(task.folder / f"{name}.npy", mmap_mode="r")
        for name in ("cells", "mean", "deviation", "counted", "blocks", "weights", "targets")
    }
    images, positions = task.cells.images, task.cells.positions
    moments = {"mean": np.asarray(shared["mean"]), "deviation": np.asarray(shared["deviation"])}
    n_cells = shared["counted"].shape[1]

    def rows(of_images: Array, at: Array, dtype: Any) -> Array:
        return gather(shared["cells"], of_images, at, n_cells=n_cells, dtype=dtype, **moments)

    direction = Moments.of(rows(images, positions, np.float64)).direction(centre=task.centre)
    null, explained = np.full((2, task.n_permutations), np.nan)
    for r in range(task.n_permutations):
        target = shared["targets"][r][images]
        seen = shared["counted"][target, positions]  # padding of the other image hides cells
        if seen.any():
            cloud = Moments.of(rows(target[seen], positions[seen], np.float32))
            drawn = cloud.direction(centre=task.centre)
            null[r], explained[r] = drawn.max_u2, drawn.explained
    blocks = shared["blocks"][images]
    n_blocks = len(np.unique(blocks))
    none = (float("nan"), float("nan"))
    if n_blocks < MINIMUM_BLOCKS or not task.n_bootstrap or np.isnan(direction.max_u2):
        return Found(direction, null, explained, none, none, float("nan"), n_blocks)
    cloud = Moments.of(rows(images, positions, np.float32), blocks, n_blocks=N_BLOCKS)
    resampled = [cloud.direction(weight, centre=task.centre) for weight in shared["weights"][: task.n_bootstrap]]
    unit = int(direction.loadings.argmax())
    return Found(
        direction,
        null,
        explained,
        _interval([d.max_u2 for d in resampled], task.confidence),
        _interval([d.participation for d in resampled], task.confidence),
        float(np.mean([not np.isnan(d.loadings[0]) and int(d.loadings.argmax()) == unit for d in resampled])),
        n_blocks,
    )


def _interval(values: list[float], confidence: float) -> tuple[float, float]:
    if np.isfinite(values).mean() <= 0.5:
        return float("nan"), float("nan")
    tail = 100 * (1 - confidence) / 2
    low, high = np.nanpercentile(values, [tail, 100 - tail])
    return float(low), float(high)
