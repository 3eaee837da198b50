"""Learning to segment concepts against plain torch, the published way, and the floor; a layer of 512 units, 13 x 13.

    OMP_NUM_THREADS=1 python benchmarks/net2vec_segmentation.py [--threads 1] [--published]
    ... --results results/coco-panoptic --dataset coco --model squeezenet1_0 --layer features12   # real bits

One step is a batch of 64 images of one concept: forward, loss, gradient, update, S = 112. Compared in one run, in turn,
the least of five:

plain torch        sum_k w_k 1[A_k > T_k] first, then one upsampling (two matrix products), sigmoid, loss, autograd
published          (--published) upsampling of all K maps, then the sum, as the authors' program does; one step
kernel             `segmentation_kernel.descend`
floor              sigmoid of every pixel by the kernel's own arithmetic; besides, the bytes of the lists and masks read

Weights after 30 epochs are compared with those of plain torch in float64.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
import numpy as np
import torch

from conceptatlas.activations.store import map_dataset
from conceptatlas.files import read_json
from conceptatlas.masks.bitmask import as_words, pack
from conceptatlas.masks.upsample import make_grid
from conceptatlas.net2vec.descent import descend_one
from conceptatlas.net2vec.descent_torch import interpolation
from conceptatlas.net2vec.firing import list_firing
from conceptatlas.net2vec.problems import Descent, Problem, Solutions, image_orders
from conceptatlas.net2vec.segmentation_kernel import sigmoids

BATCH, SIZE, REPEATS = 64, 112, 5
SETTING: dict[str, Any] = {"loss": "net2vec", "bias": False, "order": "shuffled", "learning_rate": 1e-4,
                           "momentum": 0.9, "batch": BATCH, "l1": 0.0, "l2": 0.0}  # fmt: skip


def bits_of(options: argparse.Namespace) -> np.ndarray[Any, Any]:
    """bool (64, K, h, w): real bits of the first images, or clustered noise above its 99.5 % point."""
    if options.results:
        folder = options.results / "statistics" / options.dataset / options.model
        height, width = read_json(folder / f"{options.layer}.json")["map_shape"]
        packed = np.asarray(map_dataset(folder / f"{options.layer}.h5", "bits")[:BATCH])
        flat = np.unpackbits(packed, axis=-1, count=height * width, bitorder="little")
        return flat.reshape(*packed.shape[:2], height, width).astype(bool)
    rng = np.random.default_rng(0)
    maps = rng.normal(size=(BATCH, 512, 4, 4)).repeat(4, axis=2).repeat(4, axis=3)[:, :, :13, :13]
    maps = maps + 0.3 * rng.normal(size=maps.shape)
    return maps > np.quantile(maps, 0.995, axis=(0, 2, 3))[None, :, None, None]


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


def arguments() -> argparse.Namespace:
    """The options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=1, help="of torch; the kernel uses one")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--published", action="store_true")
    parser.add_argument("--results", type=Path)
    parser.add_argument("--dataset", default="coco")
    parser.add_argument("--model", default="squeezenet1_0")
    parser.add_argument("--layer", default="features12")
    return parser.parse_args()


def main() -> None:
    options = arguments()
    torch.set_num_threads(options.threads)
    bits = bits_of(options)
    n, k, height, width = bits.shape
    rng = np.random.default_rng(1)
    masks = np.zeros((n, SIZE, SIZE), dtype=bool)
    for mask in masks:
        y, x = rng.integers(0, 70, size=2)
        mask[y : y + 40, x : x + 35] = True
    alpha = float(1 - masks.mean())
    grid = make_grid((height, width), SIZE, upsample="corners")
    firing = list_firing(np.packbits(bits.reshape(n, k, -1), axis=-1, bitorder="little"), map_shape=(height, width))
    start = rng.uniform(-1, 1, size=k) / np.sqrt(k)
    words = as_words(pack(masks))
    rows, columns = (torch.from_numpy(interpolation(axis)) for axis in (grid.rows, grid.columns))
    truth = torch.from_numpy(masks)

    def torch_steps(epochs: int, dtype: torch.dtype, *, all_maps: bool = False) -> Any:
        x, y = torch.from_numpy(bits).to(dtype), truth.to(dtype)
        u, v = rows.to(dtype), columns.to(dtype)
        w = torch.tensor(start, dtype=dtype, requires_grad=True)
        optimiser = torch.optim.SGD([w], lr=SETTING["learning_rate"], momentum=SETTING["momentum"])
        for order in image_orders(n, concept="dog", options=SETTING | {"epochs": epochs}, seed=0):
            if all_maps:
                z = torch.einsum("nkhw,k->nhw", u @ x[order] @ v.T, w)
            else:
                z = u @ torch.einsum("nkhw,k->nhw", x[order], w) @ v.T
            p, target = torch.sigmoid(z), y[order]
            loss = -(alpha * target * p + (1 - alpha) * (1 - target) * (1 - p)).sum() / n
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        return w.detach().numpy()

    def kernel_steps(epochs: int, n_solutions: int = 1) -> Any:
        setting = SETTING | {"epochs": epochs}
        order = image_orders(n, concept="dog", options=setting, seed=0)
        found = Solutions(np.repeat(start[None], n_solutions, axis=0), np.zeros(n_solutions),
                          np.ones((n_solutions, k), dtype=bool))  # fmt: skip
        nothing = np.zeros((1, words.shape[1]), dtype=np.uint64)
        descend_one(Descent(firing, grid, nothing, setting), Problem(np.arange(n), words, alpha, order), found)
        return found.weights[0]

    values = rng.normal(size=n * SIZE * SIZE).astype(np.float32)
    out = np.empty_like(values)
    epochs = options.epochs
    seconds = least(
        {
            "floor: sigmoid of the pixels": lambda: sigmoids(values, out),
            "kernel": lambda: kernel_steps(epochs),
            "kernel, 9 solutions, each": lambda: kernel_steps(max(epochs // 9, 1), 9),
            f"plain torch, {options.threads} threads": lambda: torch_steps(5, torch.float32),
        }
    )
    seconds["kernel"] /= epochs
    seconds["kernel, 9 solutions, each"] /= 9 * max(epochs // 9, 1)
    seconds[f"plain torch, {options.threads} threads"] /= 5
    if options.published:
        begin = time.perf_counter()
        torch_steps(1, torch.float32, all_maps=True)
        seconds["published: all maps upsampled"] = time.perf_counter() - begin
    kernel = seconds["kernel"]
    for name, value in seconds.items():
        per_image = 1e6 * value / n
        sys.stdout.write(
            f"{name:32s} {1e3 * value:9.2f} ms a step {per_image:8.1f} us an image {value / kernel:8.2f}\n"
        )
    apart = np.abs(torch_steps(epochs, torch.float64) - kernel_steps(epochs)).max()
    read = firing.offsets[-1] * 4 + words.nbytes
    sys.stdout.write(
        f"entries an image {firing.offsets[-1] / n:.0f} of {k * height * width}; read a step {read / 1e3:.0f} kB; "
        f"pixels x sigmoid {n * SIZE * SIZE:.3g}; products 2 x {firing.offsets[-1]}; positions that fire "
        f"{bits.any(axis=1).mean():.2f}\nlargest difference of a weight from float64 torch after {epochs} epochs: "
        f"{apart:.1e}\n"
    )


if __name__ == "__main__":
    main()
