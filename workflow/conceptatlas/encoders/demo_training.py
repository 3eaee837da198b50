"""The recipe of the shipped demo encoder: contrastive learning (CLIP, Radford et al. 2021) on scenes and captions.

The loss is CLIP's cross-entropy in both directions, with one change: a short text holds for several pictures of a
batch, and all pictures whose captions hold its words count as right answers, with equal weight. Two thirds of the texts
are one to three single words of a picture's captions, rare ones more often, so that single words mean something to the
encoder.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional
from tqdm import tqdm

from conceptatlas.datasets.scenes.vocabulary import CONCEPTS
from conceptatlas.encoders.demo import read_towers
from conceptatlas.encoders.demo_scores import score_encoder
from conceptatlas.encoders.demo_towers import Towers, words_of
from conceptatlas.files import atomic_path, file_sha256
from conceptatlas.models.demo_training import as_input
from conceptatlas.models.randomise import seeded_build
from conceptatlas.seeds import generator

logger = logging.getLogger(__name__)

Array = np.ndarray[Any, Any]

BATCH, WEIGHT_DECAY = 64, 0.05
SENTENCES, FRAGMENTS = 2, 4
"""Texts of a picture in a batch: whole captions, and few words of them."""
MAX_SHIFT = 6  # pixels, augmentation
SEED = 0
FAVOURED = {"texture": 8.0, "color": 2.0}
"""How many times likelier words of a category are in the texts of the second round."""
SMALL_WORDS = frozenset(
    ["a", "an", "and", "at", "by", "between", "for", "in", "is", "of", "off", "on", "some", "the", "while", "with"]
)
"""Words that say nothing alone: no part of fragments."""


@dataclass(frozen=True)
class Round:
    """A round of training: on which scenes, how long, how fast, whether words are favoured."""

    split: str
    epochs: int
    learning_rate: float
    favoured: bool


ROUNDS = (Round("train", 12, 3e-3, favoured=False), Round("patterned", 8, 2e-3, favoured=True))
"""First scenes as they are drawn, then scenes whose main objects wear patterns."""


@dataclass(frozen=True)
class Texts:
    """Texts of a batch. bags float32 (text, word); right float32 (image, text): the text holds for the image."""

    bags: torch.Tensor
    right: torch.Tensor


def train_demo_encoder(*, scenes: str | Path, weights: str | Path, accuracy: str | Path, threads: int = 1) -> None:
    """Train both towers, write their float16 weights, and the scores of the written weights on held-out scenes.

    scenes : file of `demo_captions.draw_captioned_scenes`. weights : safetensors to write, the words in its metadata.
    accuracy : tab-separated table to write (see `demo_scores`).
    """
    torch.set_num_threads(threads)
    with h5py.File(scenes, "r") as store:
        captions = [text for step in ROUNDS for text in store[f"{step.split}/captions"].asstr()]
    words = sorted({word for text in captions for word in words_of(text)})
    towers: Any = seeded_build(lambda: Towers(words), seed=SEED)
    started = time.monotonic()
    for step in ROUNDS:
        train_round(towers, step, scenes)
    write_towers(towers, weights)
    write_scores(weights, scenes, accuracy, seconds=time.monotonic() - started, threads=threads)


def write_towers(towers: Any, weights: str | Path) -> None:
    """Write float16 weights with the words in their metadata."""
    state = {key: tensor.half() for key, tensor in towers.state_dict().items() if tensor.is_floating_point()}
    with atomic_path(weights) as part:
        save_file(
            {key: tensor.contiguous() for key, tensor in state.items()},
            part,
            metadata={"words": " ".join(towers.words)},
        )


def write_scores(
    weights: str | Path, scenes: str | Path, accuracy: str | Path, *, seconds: float, threads: int
) -> None:
    """Score written weights on the held-out scenes and write the table."""
    with h5py.File(scenes, "r") as store:
        pictures, captions = store["val/pictures"][:], [text.split("\n") for text in store["val/captions"].asstr()]
        patterns = [text.split() for text in store["val/patterns"].asstr()]
    table = score_encoder(read_towers(weights), pictures, captions, patterns)
    rounds = ", then ".join(f"{step.epochs} epochs on scenes `{step.split}`" for step in ROUNDS)
    with atomic_path(accuracy) as part, part.open("w", encoding="utf-8", newline="") as handle:
        handle.write(
            "# The demo encoder on held-out scenes: shares with their 95 % Wilson intervals (auc: mean over words, no\n"
            f"# interval). {rounds}: {seconds:.0f} s, threads: {threads},\n"
            f"# torch {torch.__version__}, weights sha256 {file_sha256(weights)}; `snakemake train_demo_encoder`\n"
        )
        table.to_csv(handle, sep="\t", index=False, lineterminator="\n")


def train_round(towers: Towers, step: Round, scenes: str | Path) -> None:
    """One round, in place: AdamW with a one-cycle learning rate."""
    with h5py.File(scenes, "r") as store:
        pictures = store[f"{step.split}/pictures"][:]
        captions = [text.split("\n") for text in store[f"{step.split}/captions"].asstr()]
    towers.to(memory_format=torch.channels_last)
    towers.requires_grad_(True)
    parameters = list(towers.parameters())
    optimiser = torch.optim.AdamW(
        [
            {"params": [p for p in parameters if p.ndim > 1], "weight_decay": WEIGHT_DECAY},
            {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
        ],
        lr=step.learning_rate,
    )
    an_epoch = len(pictures) // BATCH
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, step.learning_rate, total_steps=step.epochs * an_epoch, pct_start=0.2
    )
    towers.train()
    losses: list[float] = []
    with tqdm(total=step.epochs * an_epoch, desc=step.split, unit="step", mininterval=5) as progress:
        for moved, texts in _batches(towers, step, pictures, captions):
            x = as_input(moved).contiguous(memory_format=torch.channels_last)
            image = functional.normalize(towers.pictures(x), dim=1)
            text = functional.normalize(towers.sentences(texts.bags), dim=1)
            logits = towers.log_scale.clamp(max=3.7).exp() * image @ text.T
            loss = 0.5 * (_cross_entropy(logits, texts.right) + _cross_entropy(logits.T, texts.right.T))
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(parameters, 1.0)
            optimiser.step()
            schedule.step()
            losses.append(float(loss.detach()))
            progress.update()
            if len(losses) % an_epoch == 0:
                logger.info("%s, epoch %d: loss %.4f", step.split, len(losses) // an_epoch, np.mean(losses[-an_epoch:]))
    towers.eval()


def _cross_entropy(logits: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """Cross-entropy of rows against their right answers, which share the weight of a row."""
    return functional.cross_entropy(logits, right / right.sum(dim=1, keepdim=True))


def _batches(
    towers: Towers, step: Round, pictures: Array, captions: Sequence[Sequence[str]]
) -> Iterator[tuple[Array, Texts]]:
    """Every picture once an epoch; order, flips, shifts and texts follow from (seed, epoch)."""
    said = [sorted({word for text in texts for word in words_of(text)} - SMALL_WORDS) for texts in captions]
    counts = Counter(word for own in said for word in own)
    favour = {word: FAVOURED[kind] for word, kind in CONCEPTS if step.favoured and kind in FAVOURED}
    odds = [np.array([favour.get(word, 1.0) * counts[word] ** -0.5 for word in own]) for own in said]
    known = torch.stack([(towers.bags([" ".join(texts)])[0] > 0).float() for texts in captions])
    n = len(pictures)
    for epoch in range(step.epochs):
        rng = generator(SEED, "demo encoder", step.split, epoch)
        order, flips = rng.permutation(n), rng.random(n) < 0.5
        shifts = rng.integers(0, 2 * MAX_SHIFT + 1, (n, 2))
        for at in range(0, n - n % BATCH, BATCH):
            chosen = np.sort(order[at : at + BATCH])
            texts = [text for i in chosen for text in _texts(captions[i], said[i], odds[i], rng)]
            bags = towers.bags(texts)
            lacking = (bags > 0).float() @ (1 - known[chosen]).T
            right = (lacking == 0).float().T
            yield _moved(pictures[chosen], flips[chosen], shifts[chosen]), Texts(bags, right)


def _texts(captions: Sequence[str], words: Sequence[str], odds: Array, rng: np.random.Generator) -> list[str]:
    """Some captions, and some drawings of one to three words."""
    whole = [captions[int(i)] for i in rng.integers(0, len(captions), SENTENCES)]
    sizes, p = rng.choice([1, 1, 2, 3], size=FRAGMENTS), odds / odds.sum()
    return whole + [" ".join(rng.choice(words, size=int(size), replace=False, p=p)) for size in sizes]


def _moved(chosen: Array, flips: Array, shifts: Array) -> Array:
    """Pictures mirrored and shifted by up to 6 pixels (edges reflected)."""
    size = chosen.shape[1]
    padded = np.pad(chosen, ((0, 0), (MAX_SHIFT, MAX_SHIFT), (MAX_SHIFT, MAX_SHIFT), (0, 0)), mode="reflect")
    moved = np.empty_like(chosen)
    for position, (down, right) in enumerate(shifts.tolist()):
        window = padded[position, down : down + size, right : right + size]
        moved[position] = window[:, ::-1] if flips[position] else window
    return moved
