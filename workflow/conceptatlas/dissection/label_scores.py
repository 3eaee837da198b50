"""Scores of a label beside IoU, on the layer's own grid, and what the label is worth inside a co-occurring concept.

For the top labels of every unit: F1, Pearson correlation, cosine and AUPRC between the activations and the label's
cells (mask coverage > 1/2) over all images: with IoU the five scores that pass the missing-label and extra-label tests
of NeuronEval (ICML 2025). They come from integer sums (`activations.label_sums`), the same for any number of shards and
blocks.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import numba
import numpy as np

from conceptatlas.activations.label_sums import FIXED_POINT, LabelSums
from conceptatlas.activations.maps import Maps, image_ranges
from conceptatlas.datasets.labelled_images import save_labels
from conceptatlas.inference.ranking import average_precision
from conceptatlas.masks.active import prepare
from conceptatlas.masks.bitmask import popcount
from conceptatlas.masks.cells import label_cells
from conceptatlas.masks.label_bits import LabelBits
from conceptatlas.masks.pairs import active_pairs, pair_masks
from conceptatlas.masks.tally import N_BLOCKS
from conceptatlas.masks.upsample import Grid
from conceptatlas.parallel import parallel_map

Array = np.ndarray[Any, Any]

IMAGES_AT_ONCE = 128
UNITS_AT_ONCE = 32


class LabelScores(NamedTuple):
    """Scores of every (unit, rank), float64, NaN where undefined; and the integers of the confounding test.

    f1, pearson, cosine, auprc : shape (unit, rank).
    inside : int64, shape (unit, candidate, block): |M AND L_label AND L_candidate| for the unit's best label.
    """

    f1: Array
    pearson: Array
    cosine: Array
    auprc: Array
    inside: Array


class _Task(NamedTuple):
    maps: Maps
    units: slice
    folder: Path
    thresholds: Array
    maximum: Array
    top: Array
    candidates: Array
    blocks: Array
    grid: Grid


def score_labels(
    maps: Maps,
    *,
    annotations: list[str],
    thresholds: Array,
    maximum: Array,
    top: Array,
    candidates: Array,
    blocks: Array,
    grid: Grid,
    scratch: str | Path | None = None,
    threads: int = 1,
    mem_mb: int = 2000,
) -> LabelScores:
    """Score the top labels of every unit.

    Parameters
    ----------
    thresholds : float32 (unit,). maximum : float32 (unit,), largest absolute value of each unit (the fixed point).
    top : int (unit, rank): concept indices, best first. candidates : int (concept, candidate): concepts that hold most
    of a concept's pixels, -1 where there are fewer. blocks : int (image,). scratch : folder for intermediate files that
    all workers see; default the system's own, for one machine.
    """
    with tempfile.TemporaryDirectory(prefix=".label-scores-", dir=scratch) as folder:
        _write_labels(Path(folder), maps, annotations, n_pixels=grid.shape[0] * grid.shape[1])
        tasks = [
            _Task(maps, units, Path(folder), thresholds[units], maximum[units], top[units], candidates, blocks, grid)
            for units in (slice(k, k + UNITS_AT_ONCE) for k in range(0, maps.n_units, UNITS_AT_ONCE))
        ]
        pieces = parallel_map(_score_units, tasks, threads=threads, mem_mb=mem_mb, description="scores of labels")
    return LabelScores(*(np.concatenate(parts) for parts in zip(*pieces, strict=True)))


def _write_labels(folder: Path, maps: Maps, annotations: list[str], *, n_pixels: int) -> None:
    """Labels of all images, once for all units: masks, cells, and the cells that count; workers map them."""
    save_labels(annotations, folder / "labels", stop=maps.shards[-1].stop)
    labels = LabelBits.load(folder / "labels", n_pixels=n_pixels)
    entries, counted = [], []
    for s, first, last in image_ranges(maps.shards, at_once=IMAGES_AT_ONCE):
        shard = maps.shards[s]
        here, valid = label_cells(labels.select(np.arange(shard.start + first, shard.start + last)), maps.map_shape)
        valid &= shard.valid[first:last, None]
        entries.append(np.packbits(here, axis=1))
        counted.append(np.packbits(valid, axis=1))
    np.save(folder / "entries.npy", np.concatenate(entries))
    np.save(folder / "counted.npy", np.concatenate(counted))


@numba.njit(cache=True, nogil=True)
def _inside(
    words: Array,
    images: Array,
    units: Array,
    offsets: Array,
    concepts: Array,
    rows: Array,
    labels: Array,
    best: Array,
    candidates: Array,
    blocks: Array,
    out: Array,
) -> None:
    full = np.uint64(0xFFFFFFFFFFFFFFFF)
    for p in range(words.shape[0]):
        n = images[p]
        k = units[p]
        label = best[k]
        row = -2
        for e in range(offsets[n], offsets[n + 1]):
            if concepts[e] == label:
                row = rows[e]
        if row == -2:
            continue
        for j in range(candidates.shape[1]):
            other = candidates[label, j]
            if other < 0:
                continue
            for e in range(offsets[n], offsets[n + 1]):
                if concepts[e] == other:
                    total = np.uint64(0)
                    for w in range(words.shape[1]):
                        a = labels[row, w] if row >= 0 else full
                        b = labels[rows[e], w] if rows[e] >= 0 else full
                        total += popcount(words[p, w] & a & b)
                    out[k, j, blocks[n]] += np.int64(total)


def _score_units(task: _Task) -> LabelScores:
    n_units, n_ranks = task.top.shape
    shape = task.maps.map_shape
    n_cells = shape[0] * shape[1]
    entries, counted = (np.load(task.folder / name, mmap_mode="r") for name in ("entries.npy", "counted.npy"))
    every = LabelBits.load(task.folder / "labels", n_pixels=task.grid.shape[0] * task.grid.shape[1])
    total = LabelSums.empty(n_units, n_ranks)
    inside = np.zeros((n_units, task.candidates.shape[1], N_BLOCKS), dtype=np.int64)
    cutting = prepare(task.grid)
    for s, first, last in image_ranges(task.maps.shards, at_once=IMAGES_AT_ONCE):
        shard = task.maps.shards[s]
        start, stop = shard.start + first, shard.start + last
        maps, top_value = task.maps.read(shard, first, last, units=task.units)
        values = np.ascontiguousarray(maps).reshape(last - first, n_units, n_cells)
        labels = every.select(np.arange(start, stop))
        here = slice(every.offsets[start], every.offsets[stop])
        total.add(
            values,
            labels,
            np.unpackbits(entries[here], axis=1, count=n_cells).astype(np.bool_),
            np.unpackbits(counted[start:stop], axis=1, count=n_cells).astype(np.bool_),
            thresholds=task.thresholds,
            maximum=task.maximum,
            top=task.top,
        )
        _count_inside(task, labels, maps, top_value, shard.valid[first:last], start, cutting, inside)
    return LabelScores(*scores_of_sums(total), inside)


def scores_of_sums(total: LabelSums) -> tuple[Array, Array, Array, Array]:
    """F1, Pearson, cosine and AUPRC of every (unit, rank), float64, NaN where undefined."""
    f1, pearson, cosine = grid_scores(total.sums[:, None, :], total.pair_sums)
    auprc = np.full(total.pair_sums.shape[:2], np.nan)
    for k in range(len(auprc)):
        for r in range(total.pair_sums.shape[1]):
            auprc[k, r] = average_precision(total.pair_histogram[k, r], total.histogram[k])
    return f1, pearson, cosine, auprc


def _count_inside(
    task: _Task, labels: LabelBits, maps: Array, maximum: Array, valid: Array, start: int, cutting: Any, out: Array
) -> None:
    images, units = active_pairs(np.asarray(maximum), task.thresholds, task.grid)
    keep = valid[images]
    images, units = images[keep], units[keep]
    blocks = task.blocks[start : start + labels.n_images]
    for begin in range(0, len(images), 1024):
        piece = slice(begin, begin + 1024)
        masks = pair_masks(maps, task.thresholds, images[piece], units[piece], task.grid, cutting, ignore=labels.ignore)
        count_inside(masks.words, masks.images, masks.units, labels, task.top[:, 0], task.candidates, blocks, out)


def count_inside(
    words: Array,
    images: Array,
    units: Array,
    labels: LabelBits,
    best: Array,
    candidates: Array,
    blocks: Array,
    out: Array,
) -> None:
    """Add |M AND L_label AND L_candidate| of masks to out, int64 (unit, candidate, block).

    words : uint64 (pair, word), whole masks. images, units : int64 (pair,), positions in `labels` and `best`. best :
    int (unit,), the label. candidates : int64 (concept, candidate), -1 where there are fewer. blocks : int (image,).
    """
    _inside(
        words, images, units, labels.offsets, labels.concepts, labels.rows, labels.words, best, candidates, blocks, out
    )


def grid_scores(sums: Array, pair_sums: Array) -> tuple[Array, Array, Array]:
    """F1 of 1[a > T] with y, Pearson and cosine of a with y, from integer sums.

    sums : (..., 4) of a, a^2, 1[a > T], 1 in fixed point (a in units of max/2^30, a^2 in units of max^2/2^30).
    pair_sums : (..., 3) of a y, 1[a > T] y, y. NaN where a variance, or both masks, are zero.
    """
    a, squares, active, n = (sums[..., i].astype(np.float64) for i in range(4))
    ay, both, y = (pair_sums[..., i].astype(np.float64) for i in range(3))
    a, squares, ay = a / FIXED_POINT, squares / FIXED_POINT, ay / FIXED_POINT
    with np.errstate(invalid="ignore", divide="ignore"):
        f1 = np.where(active + y > 0, 2 * both / (active + y), np.nan)
        covariance = n * ay - a * y
        spread = (n * squares - a * a) * (n * y - y * y)
        pearson = np.where(spread > 0, covariance / np.sqrt(np.where(spread > 0, spread, 1)), np.nan)
        length = squares * y
        cosine = np.where(length > 0, ay / np.sqrt(np.where(length > 0, length, 1)), np.nan)
    return f1, pearson, cosine
