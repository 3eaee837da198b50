"""Exact thresholds: ns a value of the histogram, against sorting out the same order statistic with numpy.

    python benchmarks/thresholds.py [--units 256] [--images 400] [--side 13]

The histogram needs a block of images at a time and merges over shards; `np.partition` and `np.quantile` need all values
of a unit in memory at once and do not merge. Times are of the processor, one thread.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from conceptatlas.streaming.histogram import PatternHistogram, RankFinder, rank_from_top

Array = np.ndarray[Any, Any]
BATCH = 32


def histogram_of(maps: Array) -> PatternHistogram:
    """Counts of a layer, a batch of images at a time."""
    histogram = PatternHistogram(maps.shape[1], dtype=str(maps.dtype))
    for start in range(0, len(maps), BATCH):
        histogram.add(maps[start : start + BATCH])
    return histogram


def thresholds_of(histogram: PatternHistogram, maps: Array, rank: int) -> Array:
    """The thresholds from the counts; float32 passes over the values once more."""
    finder = RankFinder(histogram, ranks=(rank,))
    if finder.needs_refinement:
        for start in range(0, len(maps), BATCH):
            finder.refine(maps[start : start + BATCH])
    return finder.result().values[:, 0]


def by_partition(maps: Array, rank: int) -> Array:
    """The same with all values of a unit at once."""
    out = np.empty(maps.shape[1], dtype=np.float32)
    for k in range(maps.shape[1]):
        values = maps[:, k].astype(np.float32).ravel()
        place = len(values) - 1 - rank
        out[k] = np.partition(values, place)[place]
    return out


def by_quantile(maps: Array, rank: int) -> Array:
    """NetDissect-Lite's way: a percentile of all values (interpolated, so not the same number)."""
    out = np.empty(maps.shape[1], dtype=np.float32)
    for k in range(maps.shape[1]):
        values = maps[:, k].astype(np.float64).ravel()
        out[k] = np.quantile(values, 1 - rank / len(values))
    return out


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--units", type=int, default=256)
    parser.add_argument("--images", type=int, default=400)
    parser.add_argument("--side", type=int, default=13)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    shape = (options.images, options.units, options.side, options.side)
    for kind, values in (
        ("rectified", np.maximum(rng.normal(size=shape) - 1, 0)),
        ("normal", rng.normal(size=shape)),
    ):
        for dtype in ("float16", "float32"):
            maps = values.astype(dtype)
            rank = rank_from_top("0.005", maps[:, 0].size)
            histogram = histogram_of(maps)
            contestants: dict[str, Callable[[], Any]] = {
                "histogram": partial(histogram_of, maps),
                "ranks (and refining pass)": partial(thresholds_of, histogram, maps, rank),
                "np.partition": partial(by_partition, maps, rank),
                "np.quantile": partial(by_quantile, maps, rank),
            }
            measured = {name: measure(run, rounds=options.rounds) for name, run in contestants.items()}
            exact, partition = (measured[name][0] for name in ("ranks (and refining pass)", "np.partition"))
            if not np.array_equal(exact, partition):
                raise SystemExit(f"{kind} {dtype}: thresholds differ from np.partition")
            sys.stdout.write(
                f"{kind} {dtype}, {options.units} units x {maps[:, 0].size} values, all thresholds equal\n"
            )
            for name, (_, seconds) in measured.items():
                sys.stdout.write(f"  {name:28s} {1e9 * seconds / maps.size:6.2f} ns a value\n")


def measure(run: Callable[[], Any], *, rounds: int) -> tuple[Any, float]:
    """The result and the shortest time of some rounds."""
    best = np.inf
    for _ in range(rounds):
        begin = time.process_time()
        result = run()
        best = min(best, time.process_time() - begin)
    return result, best


if __name__ == "__main__":
    main()
