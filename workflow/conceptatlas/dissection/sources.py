"""What the labels of a layer need besides its tally: scores beside IoU, top images, pictures with masks.

Two sources give the same numbers: maps that can be read (stored units, or a basis of them), and what two more forward
passes have left of a layer that is not stored (`activations.counting`, `activations.scoring`).
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np

from conceptatlas.activations.gallery import top_images, top_stored, write_gallery, write_strips
from conceptatlas.activations.maps import Maps
from conceptatlas.activations.mask_file import read_all_masks, read_masks, whole_masks
from conceptatlas.activations.scoring import merged_sums
from conceptatlas.activations.store import Shard
from conceptatlas.datasets.labelled_images import save_labels
from conceptatlas.dissection.label_scores import LabelScores, count_inside, score_labels, scores_of_sums
from conceptatlas.dissection.null import unit_blocks
from conceptatlas.masks.bitmask import unpack
from conceptatlas.masks.label_bits import LabelBits
from conceptatlas.masks.tally import N_BLOCKS
from conceptatlas.masks.upsample import Grid
from conceptatlas.parallel import parallel_map
from conceptatlas.streaming.topk import TopImages

Array = np.ndarray[Any, Any]

_PAIRS_AT_ONCE = 1024


class Source(Protocol):
    """See the module."""

    def scores(
        self,
        *,
        annotations: list[str],
        measured: dict[str, Array],
        top: Array,
        candidates: Array,
        blocks: Array,
        scratch: Path,
        threads: int,
        mem_mb: int,
    ) -> LabelScores:
        """Scores of the labels `top` (unit, rank), as `label_scores.score_labels` takes its arguments; `measured` :
        thresholds (level, unit), minimum, maximum (unit,)."""
        ...

    def top_images(self, k: int) -> TopImages:
        """The k images with the largest maximum of every unit."""
        ...

    def write_gallery(
        self, path: str | Path, top: TopImages, units: Array, thresholds: Array, frames: list[str]
    ) -> None:
        """Picture strips of the chosen units."""
        ...


@dataclass(frozen=True)
class FromMaps:
    """Maps that can be read."""

    maps: Maps
    grid: Grid

    def scores(
        self,
        *,
        annotations: list[str],
        measured: dict[str, Array],
        top: Array,
        candidates: Array,
        blocks: Array,
        scratch: Path,
        threads: int,
        mem_mb: int,
    ) -> LabelScores:
        """See `Source`."""
        return score_labels(
            self.maps,
            annotations=annotations,
            thresholds=measured["thresholds"][0],
            maximum=np.maximum(np.abs(measured["maximum"]), np.abs(measured["minimum"])),
            top=top,
            candidates=candidates,
            blocks=blocks,
            grid=self.grid,
            scratch=scratch,
            threads=threads,
            mem_mb=mem_mb,
        )

    def top_images(self, k: int) -> TopImages:
        """See `Source`."""
        return top_images(self.maps, k=k)

    def write_gallery(
        self, path: str | Path, top: TopImages, units: Array, thresholds: Array, frames: list[str]
    ) -> None:
        """See `Source`."""
        write_gallery(path, self.maps, top, units, thresholds, frames, self.grid)


class _InsideTask(NamedTuple):
    counted: list[Shard]
    units: slice
    folder: Path
    top: Array
    candidates: Array
    blocks: Array
    n_pixels: int


@dataclass(frozen=True)
class FromCounts:
    """What the passes over a layer have left that is not stored.

    stored, counted, scored : shards of the first, second and third pass; none scored: no scores beside IoU.
    mask_size : side S of the masks.
    """

    stored: list[Shard]
    counted: list[Shard]
    scored: list[Shard]
    mask_size: int

    def scores(
        self,
        *,
        annotations: list[str],
        measured: dict[str, Array],
        top: Array,
        candidates: Array,
        blocks: Array,
        scratch: Path,
        threads: int,
        mem_mb: int,
    ) -> LabelScores:
        """See `Source`."""
        n_units, n_pixels = len(top), self.mask_size**2
        fitting = int(mem_mb * 1e6 / max(threads, 1) / 3 / max(1, len(blocks) * n_pixels // 8))
        at_once = max(1, min(fitting, -(-n_units // max(threads, 1))))
        with tempfile.TemporaryDirectory(prefix=".label-scores-", dir=scratch) as folder:
            save_labels(annotations, Path(folder), stop=self.counted[-1].stop)
            tasks = [
                _InsideTask(self.counted, units, Path(folder), top[units], candidates, blocks, n_pixels)
                for units in unit_blocks(n_units, at_once)
            ]
            pieces = parallel_map(_inside, tasks, threads=threads, mem_mb=mem_mb, description="confounded labels")
        undefined = np.full(top.shape, np.nan)
        beside = (undefined,) * 4
        if self.scored:
            beside = scores_of_sums(merged_sums(self.scored, top))
        return LabelScores(*beside, np.concatenate(pieces))

    def top_images(self, k: int) -> TopImages:
        """See `Source`."""
        return top_stored(self.stored, k=k)

    def write_gallery(
        self, path: str | Path, top: TopImages, units: Array, thresholds: Array, frames: list[str]
    ) -> None:
        """See `Source`."""
        empty = np.zeros((self.mask_size, self.mask_size), dtype=bool)

        def mask_of(shard: Shard, image: int, unit: int) -> Array:
            words, meta = read_masks(shard, slice(unit, unit + 1))
            (rows,) = np.nonzero(meta[:, 0] == image)
            if not len(rows):
                return empty
            whole = whole_masks(words, meta, n_pixels=self.mask_size**2)[rows[0]]
            return unpack(whole, height=self.mask_size, width=self.mask_size)

        write_strips(path, self.counted, top, units, frames, mask_of=mask_of, mask_size=self.mask_size)


def _inside(task: _InsideTask) -> Array:
    """|M AND L_label AND L_candidate| of some units, int64 (unit, candidate, block)."""
    labels = LabelBits.load(task.folder, n_pixels=task.n_pixels)
    words, meta = read_all_masks(task.counted, task.units, labels.ignore)
    out = np.zeros((len(task.top), task.candidates.shape[1], N_BLOCKS), dtype=np.int64)
    ends = np.cumsum(meta[:, 3])
    for begin in range(0, len(meta), _PAIRS_AT_ONCE):
        piece = meta[begin : begin + _PAIRS_AT_ONCE]
        first = ends[begin] - meta[begin, 3]
        own = words[first : first + piece[:, 3].sum()]
        whole = whole_masks(own, piece, n_pixels=task.n_pixels)
        count_inside(whole, piece[:, 0], piece[:, 1], labels, task.top[:, 0], task.candidates, task.blocks, out)
    return out
