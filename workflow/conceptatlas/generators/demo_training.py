"""The recipe of the shipped demo generator: render scenes of the family, learn to draw them, round to float16, judge.

No adversary: the net is given a scene's parameters and compared with the renderer's picture, pixel by pixel. A part
of the pictures is shown together with a twin that differs in one word (another colour, place, kind ...), and the net
learns to dissolve one into the other between them. `snakemake train_demo_generator` runs this again.
"""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional

from conceptatlas.datasets.scenes.renderer import render
from conceptatlas.datasets.scenes.vocabulary import CLASSES
from conceptatlas.files import atomic_path, file_sha256
from conceptatlas.generators.demo import DemoGenerator
from conceptatlas.generators.demo_family import SHARES, SLICES, W_DIM, draw_w, scene_of
from conceptatlas.generators.demo_net import IMAGE_SIZE, DemoNet, uneven_light
from conceptatlas.generators.demo_net import NOISE_AMPLITUDE as LIGHT
from conceptatlas.inference.shares import wilson_interval
from conceptatlas.models.index import load_model
from conceptatlas.models.preprocessing import prepare
from conceptatlas.models.randomise import seeded_build
from conceptatlas.models.weights import load_state, read_state
from conceptatlas.progress import progress
from conceptatlas.seeds import derive_seed, generator

logger = logging.getLogger(__name__)

Array = np.ndarray[Any, Any]

N_SCENES, N_TWINS, N_STEPS, BATCH = 4500, 1500, 1800, 32
LEARNING_RATE = 4e-3
OBJECT_WEIGHT = 2.0
"""Pixels of the main object count this much more than those of the background."""
EXTENT = 1.15
"""Continuous factors of the scenes to learn from reach this far, a little beyond those that are drawn later."""
N_JUDGED = 1000


def train_demo_generator(
    *, classifiers: dict[str, str], weights: str | Path, table: str | Path, n_scenes: int = N_SCENES,
    n_twins: int = N_TWINS, n_steps: int = N_STEPS, threads: int = 1,
) -> None:  # fmt: skip
    """Train the demo generator and write its float16 weights and how it was judged.

    Parameters
    ----------
    classifiers : demo model -> its weights file: the judges.
    weights : safetensors file to write. table : tab-separated file to write, one row a judge.
    n_scenes, n_twins, n_steps : scenes rendered, of which this many have a twin that differs in one word; steps.
    """
    torch.set_num_threads(threads)
    started = time.monotonic()
    scenes = draw_scenes(n_scenes, n_twins)
    net = seeded_build(DemoNet, seed=0)
    fit(net, *scenes, n_steps=n_steps)
    with atomic_path(weights) as part:
        save_file(
            {
                key: tensor.half().contiguous(memory_format=torch.contiguous_format)
                for key, tensor in net.state_dict().items()
            },
            part,
        )
    seconds = time.monotonic() - started
    rounded = DemoNet()
    load_state(rounded, read_state(weights), where=str(weights))
    frame = judge(DemoGenerator("demo", rounded, digest=""), classifiers)
    frame["n_scenes"], frame["n_steps"] = n_scenes + n_twins, n_steps
    frame["training_s"], frame["threads"], frame["torch"] = round(seconds, 1), threads, torch.__version__
    frame["weights_sha256"] = file_sha256(weights)
    with atomic_path(table) as part, part.open("w", encoding="utf-8", newline="") as handle:
        handle.write(
            "# Samples of the demo generator that a demo classifier puts in their class, with the 95 % Wilson\n"
        )
        handle.write(
            "# interval; the same share of the renderer's twins; mean absolute difference of the two pictures\n"
        )
        handle.write("# (0..1). `snakemake train_demo_generator` makes such a table\n")
        frame.to_csv(handle, sep="\t", index=False, lineterminator="\n")


def draw_scenes(n_scenes: int, n_twins: int) -> tuple[Array, Array, Array]:
    """Scenes to learn from: w float32 (n, 2, W_DIM), pictures uint8 (n, 2, size, size, 3), object bool (n, 2, size,
    size); the second of each pair is the first again where there is no twin."""
    seed = derive_seed(0, "demo generator", "training")
    ws = np.zeros((n_scenes, 2, W_DIM), dtype=np.float32)
    pictures = np.zeros((n_scenes, 2, IMAGE_SIZE, IMAGE_SIZE, 3), dtype=np.uint8)
    objects = np.zeros((n_scenes, 2, IMAGE_SIZE, IMAGE_SIZE), dtype=bool)
    for i in progress(range(n_scenes), description="scenes of the demo generator"):
        rng = generator(seed, "scene", i)
        w = draw_w(derive_seed(seed, i), int(rng.integers(len(CLASSES))))
        if rng.random() < 0.5:  # words in any combination: tuning meets blue cats, too
            for name in ("color", "texture"):
                _set(w, name, int(rng.integers(len(SHARES[name]))))
        w[SLICES["factors"]] *= EXTENT
        w[SLICES["noise"]] = 0
        ws[i] = w
        if i < n_twins:
            name = list(SHARES)[int(rng.integers(len(SHARES)))]
            _set(ws[i, 1], name, int(rng.integers(len(SHARES[name]))))
        for k in range(1 + (i < n_twins)):
            rendered = render(scene_of(ws[i, k]), IMAGE_SIZE)
            pictures[i, k:], objects[i, k:] = rendered.picture, rendered.instance == 1
    return ws, pictures, objects


def _set(w: Array, name: str, value: int) -> None:
    w[SLICES[name]] = 0
    w[SLICES[name].start + value] = 1


def fit(net: nn.Module, ws: Array, pictures: Array, objects: Array, *, n_steps: int) -> None:
    """Minimise the absolute difference from the renderer's pictures, in place."""
    optimiser = torch.optim.Adam(net.parameters(), lr=LEARNING_RATE, betas=(0.9, 0.98))
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, LEARNING_RATE, total_steps=n_steps, pct_start=0.1)
    losses: list[float] = []
    net.train().to(memory_format=torch.channels_last)
    for step in progress(range(n_steps), description="steps of the demo generator"):
        rng = generator(0, "demo generator", "step", step)
        rows = rng.integers(0, len(ws), BATCH)
        share = torch.from_numpy(
            np.where(rng.random(BATCH) < 0.5, rng.integers(0, 2, BATCH), rng.random(BATCH))
        ).float()
        noise = torch.from_numpy(rng.normal(size=(BATCH, SLICES["noise"].stop - SLICES["noise"].start))).float()
        pair = torch.from_numpy(ws[rows])
        w = torch.lerp(pair[:, 0], pair[:, 1], share[:, None])
        w[:, SLICES["noise"]] = noise
        shown = torch.from_numpy(pictures[rows]).permute(0, 1, 4, 2, 3).float() / 255
        target = torch.lerp(shown[:, 0], shown[:, 1], share[:, None, None, None])
        target = (target * (1 + LIGHT * uneven_light(noise))).clamp(0, 1)
        weight = 1 + OBJECT_WEIGHT * torch.from_numpy(objects[rows].any(1)).float()[:, None]
        loss = (functional.l1_loss(net(w)[0], target, reduction="none") * weight).mean()
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        losses.append(float(loss.detach()))
        if len(losses) % 100 == 0:
            logger.info("step %d of %d: loss %.4f", len(losses), n_steps, np.mean(losses[-100:]))
    net.eval()


def judge(demo: DemoGenerator, classifiers: dict[str, str], *, n: int = N_JUDGED) -> pd.DataFrame:
    """Share of samples, and of their twins, that each classifier puts in their class (`N_JUDGED` fresh seeds)."""
    classes = np.arange(n) % len(CLASSES)
    seeds = np.array([derive_seed(0, "demo generator", "judged", i) for i in range(n)], dtype=np.int64)
    w = demo.sample(seeds, classes)
    with torch.no_grad():
        own = torch.cat([demo.generate(part) for part in w.split(100)])
    flat = w.clone()
    flat[:, SLICES["noise"]] = 0  # the twin has no uneven light
    twins = torch.from_numpy(np.stack([twin.picture for twin in demo.twin(w)])).permute(0, 3, 1, 2).float() / 255
    with torch.no_grad():
        plain = torch.cat([demo.generate(part) for part in flat.split(100)])
    difference = float((plain - twins).abs().mean())
    rows = []
    for name, file in classifiers.items():
        model = load_model({"model": name, "source": "demo", "architecture": name, "weights": file})
        hits = []
        for pictures in (own, twins):
            with torch.no_grad():
                found = [model.module(prepare(part.permute(0, 2, 3, 1) * 255, model)) for part in pictures.split(100)]
            hits.append(int((torch.cat(found).argmax(1).numpy() == classes).sum()))
        low, high = wilson_interval(hits[0], n)
        rows.append(
            {
                "classifier": name,
                "n": n,
                "recognised": round(hits[0] / n, 4),
                "recognised_low": round(low, 4),
                "recognised_high": round(high, 4),
                "twins_recognised": round(hits[1] / n, 4),
                "difference": round(difference, 5),
            }
        )
        logger.info("%s recognises %d of %d samples, %d of the twins", name, hits[0], n, hits[1])
    return pd.DataFrame(rows)
