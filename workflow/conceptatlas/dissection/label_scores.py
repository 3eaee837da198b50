"""Scores of a label beside IoU, on the layer's own grid, and what the label is worth inside a co-occurring concept.

For the top labels of every unit: F1, Pearson correlation, cosine and AUPRC between the activations and the label's
cells (mask coverage > 1/2) over all images: with IoU the five scores that pass the missing-label and extra-label tests
of NeuronEval (ICML 2025). Sums are kept as 64-bit integers in units of the unit's maximum / 2^30, so that they add up
to the same number for any number of shards and blocks.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import numba
import numpy as np

from conceptatlas.activations.maps import Maps, image_ranges
from conceptatlas.datasets.labelled_images import read_labels
from conceptatlas.inference.ranking import average_precision
from conceptatlas.masks.active import prepare
from conceptatlas.masks.bitmask import popcount
from conceptatlas.masks.cells import label_cells
from conceptatlas.masks.label_bits import LabelBits
from conceptatlas.masks.pairs import active_pairs, pair_masks
from conceptatlas.masks.tally import N_BLOCKS
from conceptatlas.masks.upsample import Grid
from conceptatlas.parallel import parallel_map
from conceptatlas.streaming.ordered import N_PATTERNS, keys_of

Array = np.ndarray[Any, Any]

IMAGES_AT_ONCE = 128
UNITS_AT_ONCE = 32
_FIXED_POINT = 2.0**30


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
        _write_labels(Path(folder), maps, annotations)
        tasks = [
            _Task(maps, units, Path(folder), thresholds[units], maximum[units], top[units], candidates, blocks, grid)
            for units in (slice(k, k + UNITS_AT_ONCE) for k in range(0, maps.n_units, UNITS_AT_ONCE))
        ]
        pieces = parallel_map(_score_units, tasks, threads=threads, mem_mb=mem_mb, description="scores of labels")
    return LabelScores(*(np.concatenate(parts) for parts in zip(*pieces, strict=True)))


def _write_labels(folder: Path, maps: Maps, annotations: list[str]) -> None:
    """Labels of all images, once for all units: masks, cells, and the cells that count; workers map them."""
    labels = read_labels(annotations, start=0, stop=maps.shards[-1].stop)
    labels.save(folder / "labels")
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
def _accumulate(
    fixed: Array,
    squares: Array,
    above: Array,
    keys: Array,
    offsets: Array,
    concepts: Array,
    entries: Array,
    counted: Array,
    top: Array,
    sums: Array,
    pair_sums: Array,
    histogram: Array,
    pair_histogram: Array,
) -> None:
    """sums (unit, 4): a, a^2, 1[a > T], 1; pair_sums (unit, rank, 3): a y, 1[a > T] y, y."""
    n_images, n_units, n_cells = fixed.shape
    for k in range(n_units):
        for n in range(n_images):
            for p in range(n_cells):
                if counted[n, p]:
                    sums[k, 0] += fixed[n, k, p]
                    sums[k, 1] += squares[n, k, p]
                    sums[k, 2] += above[n, k, p]
                    sums[k, 3] += 1
                    histogram[k, keys[n, k, p]] += 1
            for e in range(offsets[n], offsets[n + 1]):
                for r in range(top.shape[1]):
                    if top[k, r] != concepts[e]:
                        continue
                    for p in range(n_cells):
                        if entries[e, p] and counted[n, p]:
                            pair_sums[k, r, 0] += fixed[n, k, p]
                            pair_sums[k, r, 1] += above[n, k, p]
                            pair_sums[k, r, 2] += 1
                            pair_histogram[k, r, keys[n, k, p]] += 1


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
    sums = np.zeros((n_units, 4), dtype=np.int64)
    pair_sums = np.zeros((n_units, n_ranks, 3), dtype=np.int64)
    histogram = np.zeros((n_units, N_PATTERNS), dtype=np.int64)
    pair_histogram = np.zeros((n_units, n_ranks, N_PATTERNS), dtype=np.int32)
    inside = np.zeros((n_units, task.candidates.shape[1], N_BLOCKS), dtype=np.int64)
    cutting = prepare(task.grid)
    scale = (_FIXED_POINT / np.where(task.maximum > 0, task.maximum, 1)).astype(np.float64)[None, :, None]
    for s, first, last in image_ranges(task.maps.shards, at_once=IMAGES_AT_ONCE):
        shard = task.maps.shards[s]
        start, stop = shard.start + first, shard.start + last
        maps, top_value = task.maps.read(shard, first, last, units=task.units)
        values = np.ascontiguousarray(maps).reshape(last - first, n_units, n_cells)
        exact = values.astype(np.float64)
        labels = every.select(np.arange(start, stop))
        here = slice(every.offsets[start], every.offsets[stop])
        keys = keys_of(values)
        _accumulate(
            np.rint(exact * scale).astype(np.int64),
            np.rint((exact * scale / _FIXED_POINT) ** 2 * _FIXED_POINT).astype(np.int64),
            values.astype(np.float32) > task.thresholds[None, :, None],
            keys if keys.dtype == np.uint16 else (keys >> np.uint32(16)).astype(np.uint16),
            labels.offsets,
            labels.concepts,
            np.unpackbits(entries[here], axis=1, count=n_cells).astype(np.bool_),
            np.unpackbits(counted[start:stop], axis=1, count=n_cells).astype(np.bool_),
            task.top,
            sums,
            pair_sums,
            histogram,
            pair_histogram,
        )
        _count_inside(task, labels, maps, top_value, shard.valid[first:last], start, cutting, inside)
    f1, pearson, cosine = grid_scores(sums[:, None, :], pair_sums)
    auprc = np.full((n_units, n_ranks), np.nan)
    for k in range(n_units):
        for r in range(n_ranks):
            auprc[k, r] = average_precision(pair_histogram[k, r], histogram[k])
    return LabelScores(f1, pearson, cosine, auprc, inside)


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
        _inside(
            masks.words,
            masks.images,
            masks.units,
            labels.offsets,
            labels.concepts,
            labels.rows,
            labels.words,
            task.top[:, 0],
            task.candidates,
            blocks,
            out,
        )


def grid_scores(sums: Array, pair_sums: Array) -> tuple[Array, Array, Array]:
    """F1 of 1[a > T] with y, Pearson and cosine of a with y, from integer sums.

    sums : (..., 4) of a, a^2, 1[a > T], 1 in fixed point (a in units of max/2^30, a^2 in units of max^2/2^30).
    pair_sums : (..., 3) of a y, 1[a > T] y, y. NaN where a variance, or both masks, are zero.
    """
    a, squares, active, n = (sums[..., i].astype(np.float64) for i in range(4))
    ay, both, y = (pair_sums[..., i].astype(np.float64) for i in range(3))
    a, squares, ay = a / _FIXED_POINT, squares / _FIXED_POINT, ay / _FIXED_POINT
    with np.errstate(invalid="ignore", divide="ignore"):
        f1 = np.where(active + y > 0, 2 * both / (active + y), np.nan)
        covariance = n * ay - a * y
        spread = (n * squares - a * a) * (n * y - y * y)
        pearson = np.where(spread > 0, covariance / np.sqrt(np.where(spread > 0, spread, 1)), np.nan)
        length = squares * y
        cosine = np.where(length > 0, ay / np.sqrt(np.where(length > 0, length, 1)), np.nan)
    return f1, pearson, cosine
