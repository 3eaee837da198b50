"""Tuning and quantification against the bare generator and classifier: pictures a second, and memory by their number.

    OMP_NUM_THREADS=1 python benchmarks/tuning.py [--units 32] [--points 4]

The demo's decoder and `residual` (a random link between them: what pictures show costs the same). Compared in one run,
in turn, the least of three, processor time:

bare       r through the link, the generator and the classifier, the same batches
metrics    with labels that cost nothing and all metrics of labels
head       with labels of a segmentation head
twin       with labels of rendered twins
motion     with every picture matched with the unperturbed one

A run in a process of its own tells the peak of memory at one and at four times the starting points.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
import numpy as np
import torch

from conceptatlas.generators.loaded import load_generator
from conceptatlas.linking.classifier import Classifier, load_classifier
from conceptatlas.linking.head_training import fit, labelled_samples
from conceptatlas.linking.labelling import HEAD, TWIN, Labeller, head_labels, make_labellers
from conceptatlas.linking.link import Link
from conceptatlas.linking.tuning import STEPS, Measuring, tune
from conceptatlas.quantification.matching import SiftMatcher

ROOT = Path(__file__).resolve().parents[1]
BATCH, REPEATS = 48, 3
GENERATOR = {
    "generator": "decoder", "source": "demo", "architecture": "", "options": "",
    "weights": str(ROOT / "resources" / "demo_generator" / "decoder.safetensors"),
}  # fmt: skip
MODEL = {
    "model": "residual", "source": "demo", "architecture": "residual", "seed": "", "options": "", "input_size": None,
    "preprocessing": "", "weights": str(ROOT / "resources" / "demo_models" / "residual.safetensors"),
}  # fmt: skip


def random_link(generator: Any, classifier: Classifier, n_points: int) -> tuple[Link, Any]:
    """A least-squares link of a few pairs, and r to start from."""
    n = max(64, n_points)
    w = generator.sample(np.arange(n, dtype=np.int64), np.arange(n) % generator.n_classes)
    with torch.inference_mode():
        r = torch.cat([classifier.represent(generator.generate(part))[0] for part in w.split(BATCH)]).numpy()
    weights = np.linalg.lstsq(np.c_[r, np.ones(n)], w.numpy(), rcond=1e-3)[0].astype(np.float32)
    mean, std = r.mean(axis=0), r.std(axis=0)
    link = Link(
        weights=weights[:-1], intercept=weights[-1], r_mean=mean, r_std=std, r_min=r.min(axis=0), r_max=r.max(axis=0),
        w_mean=w.numpy().mean(axis=0), w_std=w.numpy().std(axis=0),
    )  # fmt: skip
    return link, r[:n_points]


def bare(generator: Any, classifier: Classifier, link: Link, r: Any, n_units: int) -> None:
    """The same passes without anything else."""
    rows = torch.from_numpy(np.repeat(r, n_units * STEPS, axis=0))
    for part in rows.split(BATCH):
        with torch.inference_mode():
            classifier.represent(generator.generate(link.apply(part)))


def labellers(generator: Any) -> dict[str, Labeller]:
    """Labels that cost nothing (one square), of a head, of twins."""
    square = np.zeros((128, 128), dtype=np.uint8)
    square[30:100, 30:100] = 1 + (np.arange(70)[None, :] // 14).astype(np.uint8)
    options = {"labels": TWIN, "n_train": 10, "n_test": 0, "pixels_per_label": 20, "penalty": 1e-3}
    samples = labelled_samples(generator, options, seed=0)
    head = fit(generator, samples, 10, options=options, seed=0)[0]
    return {
        "metrics": Labeller("metrics", list("0123456"), lambda w, pictures: np.tile(square, (len(pictures), 1, 1))),
        HEAD: Labeller(HEAD, head.label_names, lambda w, _pictures: head_labels(generator, head, w, size=128)),
        TWIN: make_labellers([TWIN], generator, head=None, size=128)[TWIN],
    }


def least(work: dict[str, Callable[[], Any]]) -> dict[str, float]:
    """Processor seconds of each piece of work: in turn, the least."""
    best = dict.fromkeys(work, np.inf)
    for _ in range(REPEATS):
        for name, function in work.items():
            begin = time.process_time()
            function()
            best[name] = min(best[name], time.process_time() - begin)
    return best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--units", type=int, default=32)
    parser.add_argument("--points", type=int, default=2)
    parser.add_argument("--peak", action="store_true", help="only tune once and print the peak of memory")
    options = parser.parse_args()
    torch.set_num_threads(1)
    generator, classifier = load_generator(GENERATOR), load_classifier(MODEL)
    link, r = random_link(generator, classifier, options.points)
    units, sources = np.arange(options.units), labellers(generator)

    def tuned(*names: str, motion: bool = False) -> None:
        how = Measuring({name: sources[name] for name in names}, matcher=SiftMatcher() if motion else None)
        tune(
            generator, classifier, link, r, units, measuring=how, with_motion=[motion] * len(r), batch=BATCH
        )  # fmt: skip

    if options.peak:
        tuned(HEAD)
        print(json.dumps({"peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))
        return
    n = STEPS * len(units) * len(r)
    seconds = least(
        {
            "bare": lambda: bare(generator, classifier, link, r, len(units)),
            "metrics": lambda: tuned("metrics"),
            "head": lambda: tuned(HEAD),
            "twin": lambda: tuned(TWIN),
            "head and motion": lambda: tuned(HEAD, motion=True),
        }
    )
    print(f"{n} pictures of {generator.image_size} pixels, {classifier.n_units} units, batch {BATCH}")
    for name, each in seconds.items():
        print(
            f"{name:16} {1000 * each / n:7.2f} ms a picture, {n / each:7.1f} a second, "
            f"{seconds['bare'] / each:5.2f} of bare"
        )
    with tempfile.TemporaryDirectory() as folder:
        for points in (options.points, 4 * options.points):
            command = [sys.executable, __file__, "--peak", "--units", str(options.units), "--points", str(points)]
            done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=folder)
            peak = json.loads(done.stdout.splitlines()[-1])["peak_mb"]
            print(f"peak of memory with {STEPS * options.units * points} pictures: {peak:.0f} MB")


if __name__ == "__main__":
    main()
