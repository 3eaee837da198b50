"""How close reading activations comes to the bare forward pass: images/s, same weights, threads and batch, one run.

    python benchmarks/extraction.py --weights mobilenet_v2.safetensors [--architecture mobilenet_v2] [--layers a,b,c]

Rounds of the contestants alternate and the fastest of each counts, so that a slow minute of the machine does not
decide. The bare pass gets its input ready-made; the others start from frames.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable

import numpy as np
import torch

from conceptatlas.models.blocks import iterate_blocks
from conceptatlas.models.index import load_model
from conceptatlas.models.preprocessing import prepare

LAYERS = "features.4,features.11,features.14,features.18.1"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", default="random", help="weights file, registry name, or `random`")
    parser.add_argument("--architecture", default="mobilenet_v2")
    parser.add_argument("--layers", default=LAYERS, help="dotted modules, separated by commas")
    parser.add_argument("--images", type=int, default=256)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    row = {"model": "m", "source": "torchvision", "architecture": options.architecture, "weights": options.weights}
    model = load_model(row)
    device = torch.device(options.device)
    model.module.to(device=device, memory_format=torch.channels_last)
    size = model.input_size
    frames = np.random.default_rng(0).integers(0, 256, (options.images, size, size, 3), dtype=np.uint8)
    ready = prepare(frames[: options.batch], model, device=device)
    layers = {name: name for name in options.layers.split(",")}

    def synchronise() -> None:
        if device.type == "cuda":
            torch.cuda.synchronize(device)

    def bare() -> None:
        with torch.inference_mode():
            for _ in range(options.images // options.batch):
                model.module(ready)
        synchronise()

    def blocks() -> None:
        for block in iterate_blocks(model, layers, frames, batch=options.batch, device=device):
            for layer in layers:
                block.array(layer)

    contestants: dict[str, Callable[[], None]] = {"bare forward": bare, "iterate_blocks": blocks}
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(options.rounds + 1):  # the first round warms up
        for name, run in contestants.items():
            begin = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - begin)
    sys.stdout.write(
        f"{options.architecture} {size} px, {len(layers)} layers, batch {options.batch}, {options.threads} threads, "
        f"{options.images} images, {device}\n"
    )
    best = {name: min(values[1:]) for name, values in seconds.items()}
    for name, value in best.items():
        ratio = best["bare forward"] / value
        sys.stdout.write(f"{name:16s} {options.images / value:8.1f} images/s   {ratio:6.3f} of bare\n")


if __name__ == "__main__":
    main()
