"""Classifiers of concepts, one thread: concepts a second beside a plain torch loop and beside the bare products.

    OMP_NUM_THREADS=1 python benchmarks/net2vec_classification.py [--units 512 --images 100 --others 400 --epochs 30]

A concept is held by `--images` training images; every epoch draws as many of the others. The torch loop is what one
would write: float32, autograd, torch.optim.SGD, the same draws and batches. The floor is the same number of
multiply-adds (one for the logit, one for the gradient, for every image, unit and epoch) as BLAS does them in float64, a
matrix-vector product and its transpose a batch, on one batch that stays in the cache. All take turns; the fastest of
each counts. Times are of the processor.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
import numpy as np
import torch
from threadpoolctl import threadpool_limits

from conceptatlas.datasets.splits import TRAIN, VAL
from conceptatlas.net2vec.balancing import Draw, epoch_draws, sides
from conceptatlas.net2vec.classification_learning import Setting, _learned, learn_concept
from conceptatlas.net2vec.subsets import clip_sizes, initial_weights

ROUNDS = 7
SIZES = [1, 2, 3, 5, 10, 15, 20, 25, 30, 35, 40, 45, 50, 80, 100, 128]


def least(work: dict[str, Callable[[], Any]]) -> dict[str, float]:
    """Seconds of each, the least of ROUNDS after one run to compile; taken in turn."""
    found = dict.fromkeys(work, np.inf)
    for turn in range(ROUNDS + 1):
        for name, function in work.items():
            start = time.process_time()
            function()
            if turn:
                found[name] = min(found[name], time.process_time() - start)
    return found


def by_torch(features: torch.Tensor, draws: list[Draw], setting: Setting, start: np.ndarray) -> np.ndarray:
    """The plain loop, float32."""
    w = torch.tensor(start[:-1], dtype=torch.float32, requires_grad=True)
    b = torch.tensor(start[-1], dtype=torch.float32, requires_grad=True)
    optimiser = torch.optim.SGD([w, b], lr=setting.learning_rate, momentum=setting.momentum)
    for rate, draw in zip(setting.rates, draws, strict=True):
        optimiser.param_groups[0]["lr"] = float(rate)
        images, labels = torch.from_numpy(draw.images), torch.from_numpy(draw.labels).float()
        for first in range(0, len(images), setting.batch):
            part = slice(first, first + setting.batch)
            logits = features[images[part]] @ w + b
            optimiser.zero_grad()
            torch.nn.functional.binary_cross_entropy_with_logits(logits, labels[part]).backward()
            optimiser.step()
    return w.detach().numpy()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("units", 512), ("images", 100), ("others", 400), ("epochs", 30), ("batch", 64)):
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args()
    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    n, k = 2 * (options.images + options.others), options.units
    features = np.maximum(rng.normal(size=(n, k)), 0).astype(np.float32)
    of = np.repeat([TRAIN, VAL], n // 2).astype(np.int8)
    holding = np.concatenate([np.arange(options.images), n // 2 + np.arange(options.images)])
    features[holding, :3] += 1
    blocks = rng.integers(0, 32, size=n)
    one = Setting(
        0.1, 0.1, 15, 0.9, options.batch, options.epochs, 0.0, 0.0, 0, 1, (1,), False, 0, np.zeros(k), np.ones(k)
    )
    usual = one._replace(repeats=3, n_controls=1)
    whole = usual._replace(sizes=tuple(clip_sizes(SIZES, k)))
    train = sides(of, TRAIN, holding)
    draws = epoch_draws(train, seed=0, concept="c", n_epochs=options.epochs)
    weights, bias = initial_weights(k, seed=0, task="classification", concept="c", repeat=0)
    everything, full = np.arange(k), np.array([k])
    tensor, batch = torch.from_numpy(features), rng.normal(size=(options.batch, k))
    residual, vector = rng.normal(size=options.batch), rng.normal(size=k)
    n_steps = sum(len(draw.images) for draw in draws) / options.batch

    def products() -> None:
        for _ in range(round(n_steps)):
            batch @ vector
            residual @ batch

    def learned() -> np.ndarray:
        return _learned(features, draws, everything, full, (weights[None], np.array([bias])), "c", one)[0][0]

    with threadpool_limits(1):
        seconds = least(
            {
                "floor: the products, BLAS float64": products,
                "plain torch loop, float32": lambda: by_torch(tensor, draws, one, np.append(weights, bias)),
                "kernel, the same": learned,
                "draws of all epochs": lambda: epoch_draws(train, seed=0, concept="c", n_epochs=options.epochs),
                "a concept: 3 repeats, F = 1, control": lambda: learn_concept(
                    features, of, holding, blocks, "c", usual
                ),
                "a concept: 3 repeats, all F, control": lambda: learn_concept(
                    features, of, holding, blocks, "c", whole
                ),
            }
        )
        apart = np.abs(by_torch(tensor, draws, one, np.append(weights, bias)) - learned()).max()
    floor, plain = seconds["floor: the products, BLAS float64"], seconds["plain torch loop, float32"]
    for name, value in seconds.items():
        sys.stdout.write(
            f"{name:40s} {1e3 * value:8.2f} ms  {1 / value:8.1f} concepts/s  {value / floor:6.2f} of the floor  "
            f"{plain / value:6.1f} times the torch loop\n"
        )
    products_made = 2 * n_steps * options.batch * k
    sys.stdout.write(
        f"{k} units, {options.images} + {options.images} images, {options.epochs} epochs: {products_made / 1e6:.1f} "
        f"million multiply-adds; kernel {products_made / seconds['kernel, the same'] / 1e9:.2f} G/s; "
        f"largest difference of a weight from torch {apart:.1e}\n"
    )


if __name__ == "__main__":
    main()
