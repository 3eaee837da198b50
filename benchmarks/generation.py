"""How close drawing pairs comes to the bare generator and classifier, and what batching counterfactuals gives.

    python benchmarks/generation.py [--pairs 1024] [--batch 32] [--rounds 3] [--device cpu]

The demo generator and the demo classifier `residual`. The bare loop gets style vectors ready-made and keeps nothing;
the pairs are drawn from seeds, refused where the classifier disagrees, tried again, and written. Rounds alternate and
the fastest of each counts, processor time on a CPU. Counterfactuals: the same searches together and one by one, with
the same steps and shifts.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import torch

from conceptatlas.generators.loaded import load_generator
from conceptatlas.linking.classifier import load_classifier
from conceptatlas.linking.counterfactual_search import Descent, search
from conceptatlas.linking.counterfactuals import Machine
from conceptatlas.linking.fitting import fit_link
from conceptatlas.linking.pair_file import Pairs
from conceptatlas.linking.pairs import sample_pairs

RESOURCES = Path(__file__).resolve().parents[1] / "resources"
GENERATOR = {"generator": "decoder", "source": "demo", "options": ""}
GENERATOR |= {"weights": str(RESOURCES / "demo_generator" / "decoder.safetensors")}
MODEL = {"model": "residual", "source": "demo", "architecture": "residual"}
MODEL |= {"weights": str(RESOURCES / "demo_models" / "residual.safetensors")}
OPTIONS = {"classes": None, "class_map": {}, "class_from": "generator", "max_tries": 10}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=1024)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--searches", type=int, default=64)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    with tempfile.TemporaryDirectory() as folder:
        pairs(options, Path(folder))
        counterfactuals(options, Path(folder))


def pairs(options: argparse.Namespace, folder: Path) -> None:
    """Pictures a second, bare and as the job draws them."""
    generator = load_generator(GENERATOR, device=options.device)
    classifier = load_classifier(MODEL, device=options.device)
    n_batches = options.pairs // options.batch
    seeds = np.arange(options.batch)
    w = generator.sample(seeds, seeds % 10)
    tries = [n_batches * options.batch]

    def bare() -> None:
        with torch.inference_mode():
            for _ in range(n_batches):
                classifier.represent(generator.generate(w))[1].argmax(1).cpu()

    def job() -> None:
        sample_pairs(
            generator=GENERATOR, model=MODEL, part=0, n_parts=1, seed=0, batch=options.batch, threads=options.threads,
            options=OPTIONS | {"n_train": options.pairs // 10, "n_test": 1}, device=options.device, tf32=False,
            pairs=folder / "pairs.h5", manifest=folder / "pairs.json",
        )  # fmt: skip
        with h5py.File(folder / "pairs.h5") as store:
            tries.append(int(store["tries"][:].sum()))

    clock = time.process_time if options.device == "cpu" else time.perf_counter
    bare_s, job_s = fastest([bare, job], options.rounds, clock)
    loading_s = fastest([lambda: (load_generator(GENERATOR), load_classifier(MODEL))], options.rounds, clock)[0]
    first, second = tries[0] / bare_s, tries[-1] / (job_s - loading_s)
    show("bare loop", f"{first:.1f} pictures/s")
    show("pairs, drawn, judged, written", f"{second:.1f} pictures/s ({tries[-1]} tries)")
    show("share of the bare loop", f"{second / first:.3f}")
    show("loading both networks, not counted", f"{loading_s:.2f} s")


def counterfactuals(options: argparse.Namespace, folder: Path) -> None:
    """Searches a second together and one by one."""
    generator = load_generator(GENERATOR, device=options.device)
    classifier = load_classifier(MODEL, device=options.device)
    link = fit_link(Pairs([folder / "pairs.h5"], test=False), ridges=[0.01], n_folds=2).link
    machine = Machine(generator, classifier, link, options.batch)
    block = Pairs([folder / "pairs.h5"], test=False).take(np.arange(options.searches))
    r = torch.from_numpy(block.r).to(options.device)
    origins = torch.from_numpy(block.classes).to(options.device)
    targets = (origins + 1) % 10
    descent = Descent(steps=60)
    found: dict[str, list[Any]] = {}

    def run(name: str, size: int) -> Callable[[], None]:
        def once() -> None:
            found[name] = []
            for first in range(0, options.searches, size):
                rows = slice(first, first + size)
                found[name] += search(
                    classifier, link, machine.classify, r[rows], torch.zeros_like(r[rows]), origins[rows],
                    targets[rows], descent,
                )  # fmt: skip

        return once

    clock = time.process_time if options.device == "cpu" else time.perf_counter
    together_s, single_s = fastest([run("together", options.searches), run("single", 1)], 1, clock)
    same = sum(a.steps == b.steps for a, b in zip(found["together"], found["single"], strict=True))
    apart = max(
        float(np.abs(a.shift - b.shift).max()) for a, b in zip(*found.values(), strict=True) if a.steps == b.steps
    )
    show("counterfactuals together", f"{options.searches / together_s:.2f} searches/s")
    show("one by one", f"{options.searches / single_s:.2f} searches/s")
    show("ratio", f"{single_s / together_s:.2f}")
    show("searches that end at the same step", f"{same} of {options.searches}, shifts differ by at most {apart:.1e}")


def fastest(contestants: list[Callable[[], Any]], rounds: int, clock: Callable[[], float]) -> list[float]:
    """Seconds of the fastest round of each, in turns."""
    best = [float("inf")] * len(contestants)
    for _ in range(rounds):
        for i, contestant in enumerate(contestants):
            begin = clock()
            contestant()
            best[i] = min(best[i], clock() - begin)
    return best


def show(what: str, value: str) -> None:
    """One line of the table."""
    sys.stdout.write(f"{what:40} {value}\n")


if __name__ == "__main__":
    main()
