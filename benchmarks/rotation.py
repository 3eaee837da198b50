"""Rotated bases against their floor, on one core: K = 512 at 13 x 13, every (Q, alpha) the same work.

    OMP_NUM_THREADS=1 PYTHONPATH=tests python benchmarks/rotation.py [--images 200 --units 512 --side 13]

The floor of one basis, with its values held in memory, is one reading of the stored activations (float16 to float32)
and one K x K product over all positions, as one GEMM with nothing else; without memory for them it is two of both. What
comes on top: rounding to the storage type, exact thresholds, masks against labels, counts. The parts are timed one by
one, floor and own path in turn, the least of five. Maps and labels are those of benchmarks/tally.py. Blocks of any size
must count the same.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
import numpy as np
from tally import synthetic

from conceptatlas.activations.linear_bases import random_rotation
from conceptatlas.activations.store import open_shards
from conceptatlas.axes.rotation_counts import Setting, _tally_block, count_directions
from conceptatlas.axes.rotation_powers import planes_of, power
from conceptatlas.axes.turned import Directions, order_statistics, turned_blocks, turned_values
from conceptatlas.masks.label_bits import LabelBits
from conceptatlas.masks.upsample import make_grid
from tiny_stores import write_store

REPEATS = 5


def least(work: dict[str, Callable[[], Any]]) -> dict[str, float]:
    """Seconds of each, the least of REPEATS after one run to compile; taken in turn."""
    found = dict.fromkeys(work, np.inf)
    for repeat in range(REPEATS + 1):
        for name, function in work.items():
            start = time.perf_counter()
            function()
            if repeat:
                found[name] = min(found[name], time.perf_counter() - start)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=200)
    parser.add_argument("--units", type=int, default=512)
    parser.add_argument("--side", type=int, default=13)
    options = parser.parse_args()
    data = synthetic(options.images, n_units=options.units, side=options.side)
    k, n = options.units, options.images
    with tempfile.TemporaryDirectory() as folder:
        store = write_store(Path(folder), data.maps)
        shards = open_shards(store.shards, store.manifests, "layer")
        data.labels.save(Path(folder) / "labels")
        grid = make_grid((options.side, options.side), 112)
        setting = Setting(shards, Path(folder) / "labels", data.primary, grid, "0.005", "order_statistic", 0.04)
        planes = planes_of(random_rotation(k, seed=0))
        directions = Directions(power(planes, 0.5), np.zeros(k))
        [block] = turned_blocks(shards, directions, tau="0.005", definition="order_statistic")
        labels = LabelBits.load(setting.labels, n_pixels=112 * 112)
        valid, ranks = np.ones(n, dtype=bool), (int(0.005 * n * options.side**2),)
        matrix = directions.matrix.astype(np.float32)
        positions = np.empty((k, n, options.side**2), dtype=np.float32)
        product = np.empty((k, n * options.side**2), dtype=np.float32)

        def read() -> None:
            positions[:] = shards[0].activations().reshape(n, k, -1).transpose(1, 0, 2)

        def multiply() -> None:
            np.matmul(matrix, positions.reshape(k, -1), out=product)

        seconds = least(
            {
                "floor: activations read": read,
                "floor: product": multiply,
                "read, multiplied in tiles, rounded": lambda: turned_values(
                    shards, directions, slice(0, k), dtype=np.dtype("float16")
                ),
                "exact thresholds and maxima": lambda: order_statistics(block.values, valid, ranks),
                "masks against labels": lambda: _tally_block(setting, block, labels, valid),
                "all of one basis, one pass": lambda: count_directions(setting, directions),
                "all of one basis, blocks of 64": lambda: count_directions(setting, directions, mem_mb=0.001),
                "power Q^alpha": lambda: power(planes, 0.5),
            }
        )
        same = count_directions(setting, directions).counts == count_directions(setting, directions, mem_mb=1e-3).counts
    floor = seconds["floor: activations read"] + seconds["floor: product"]
    for name, value in seconds.items():
        sys.stdout.write(f"{name:40s} {1e3 * value:8.1f} ms   {value / floor:5.2f} of the floor\n")
    gflop = 2 * k * k * n * options.side**2 / 1e9
    sys.stdout.write(f"floor {1e3 * floor:.1f} ms; {gflop:.1f} GFLOP; same counts: {same}\n")


if __name__ == "__main__":
    main()
