"""How close reading activations comes to the bare forward pass: images/s, same weights, threads and batch, one run.

    python benchmarks/extraction.py --weights mobilenet_v2.safetensors [--architecture mobilenet_v2] [--layers a,b,c]

Rounds of the contestants alternate and the fastest of each counts, so that a slow minute of the machine does not
decide. The bare pass gets its input ready-made; the others start from frames. "stock bare" is the bare pass as a plain
script runs it; all others reuse freed memory (`conceptatlas.memory`), as extraction does.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from conceptatlas.activations.extraction import in_background, shard_sinks, write_summaries
from conceptatlas.activations.store import ShardWriter
from conceptatlas.memory import keep_freed_memory
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

    def extraction() -> None:
        """What an extraction job does between loading the model and its manifest: count, digest and write as well."""
        with tempfile.TemporaryDirectory() as folder:
            writer = ShardWriter(Path(folder) / "shard.h5", n_images=options.images)
            counted, sinks = shard_sinks(layer_rows, shapes, writer, n_images=options.images, threads=options.threads)
            run = iterate_blocks(model, layers, frames, batch=options.batch, device=device)
            for block in run if device.type == "cpu" else in_background(run):
                for sink in sinks:
                    sink.consume(block)
            write_summaries(writer, counted)
            writer.finish()

    first = next(iter(iterate_blocks(model, layers, frames[:2], batch=2, device=device)))
    shapes = {
        name: dict(zip(("n_units", "height", "width"), first.array(name).shape[1:], strict=True)) for name in layers
    }
    layer_rows = [{"layer": name, "dtype": "float16", "store": "full"} for name in layers]
    warm(bare)
    stock = min(timed(bare) for _ in range(options.rounds))  # with the C library's own way of freeing memory
    keep_freed_memory()
    contestants: dict[str, Callable[[], None]] = {
        "bare forward": bare,
        "iterate_blocks": blocks,
        "extraction": extraction,
    }
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
    best = {"stock bare": stock} | {name: min(values[1:]) for name, values in seconds.items()}
    for name, value in best.items():
        of_bare, of_stock = best["bare forward"] / value, stock / value
        rate = options.images / value
        sys.stdout.write(f"{name:16s} {rate:8.1f} images/s   {of_bare:6.3f} of bare   {of_stock:6.3f} of stock bare\n")


def warm(run: Callable[[], None]) -> None:
    """The first run allocates and compiles."""
    run()


def timed(run: Callable[[], None]) -> float:
    """Seconds of one run."""
    begin = time.perf_counter()
    run()
    return time.perf_counter() - begin


if __name__ == "__main__":
    main()
