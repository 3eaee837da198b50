"""Pictures sent through the circle: I = G(w) to the classifier's r, by the link to w~, and back to a picture I~.

Source: Wehrheim et al. (2024), Fig. 3B and C. They compare I and I~ with MoCo v2; here any model of the study can be
the encoder, and the difference of pixels is always given.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from conceptatlas.generators.generator import Generator
from conceptatlas.inference.bootstrap import block_weights
from conceptatlas.inference.shares import wilson_interval
from conceptatlas.linking.classifier import Classifier
from conceptatlas.linking.link import Link
from conceptatlas.linking.pair_file import Pairs
from conceptatlas.linking.prediction import N_BLOCKS, Estimate, estimate, shuffled_within
from conceptatlas.seeds import generator as random_generator

Array = np.ndarray[Any, Any]


@dataclass
class Cycled:
    """Some held-out pairs and their pictures.

    positions : int64 (n,), among the held-out pairs. classes : int64 (n,). pixels : float64 (n,), root mean squared
    difference of I and I~ (0..1); other_pixels : of I and the I~ of another pair of its class. encoded, other_encoded :
    the same as distance of the encoder (1 - cosine of its representations, 0..2), or None. answers : int64 (n,), what
    the classifier says of I~. shown : uint8 (m, 2, 3, size, size), I and I~ of the first few.
    """

    positions: Array
    classes: Array
    pixels: Array
    other_pixels: Array
    encoded: Array | None
    other_encoded: Array | None
    answers: Array
    shown: Array


def cycle(
    generator: Generator,
    classifier: Classifier,
    link: Link,
    pairs: Pairs,
    *,
    n: int,
    n_shown: int,
    encoder: Classifier | None,
    batch: int,
    device: Any,
    seed: int,
) -> Cycled:
    """Send the first `n` held-out pairs through the circle, classes taking turns."""
    positions = taking_turns(pairs.classes, n)
    block = pairs.take(positions)
    order = shuffled_within(block.classes, random_generator(seed, "other pictures"))
    codes: list[list[Array]] = [[], []]
    answers, pixels, shown = [], [], []
    other = []
    for first in range(0, len(positions), batch):
        rows = slice(first, first + batch)
        with torch.inference_mode():
            w = torch.from_numpy(block.w[rows]).to(device)
            r = torch.from_numpy(block.r[rows]).to(device)
            swapped = torch.from_numpy(block.r[order[rows]]).to(device)
            before, after = generator.generate(w), generator.generate(link.apply(r))
            elsewhere = generator.generate(link.apply(swapped))
            answers.append(classifier.represent(after)[1].argmax(1).cpu().numpy())
            if encoder is not None:
                code = encoder.represent(before)[0]
                codes[0].append((1 - torch.cosine_similarity(code, encoder.represent(after)[0])).cpu().numpy())
                codes[1].append((1 - torch.cosine_similarity(code, encoder.represent(elsewhere)[0])).cpu().numpy())
        pixels.append(rmse(before, after))
        other.append(rmse(before, elsewhere))
        if first < n_shown:
            both = torch.stack([before, after], dim=1)[: n_shown - first]
            shown.append((both * 255 + 0.5).clamp(0, 255).byte().cpu().numpy())
    empty = np.zeros((0, 2, 3, generator.image_size, generator.image_size), dtype=np.uint8)
    return Cycled(
        positions,
        block.classes,
        np.concatenate(pixels or [np.zeros(0)]),
        np.concatenate(other or [np.zeros(0)]),
        np.concatenate(codes[0]) if encoder is not None and codes[0] else None,
        np.concatenate(codes[1]) if encoder is not None and codes[1] else None,
        np.concatenate(answers or [np.zeros(0, dtype=np.int64)]),
        np.concatenate([empty, *shown]),
    )


def rmse(one: torch.Tensor, other: torch.Tensor) -> Array:
    """Root mean squared difference of pictures (n, 3, size, size), over pixels and channels: float64 (n,)."""
    found: Array = (one.double() - other.double()).square().mean(dim=(1, 2, 3)).sqrt().cpu().numpy()
    return found


def taking_turns(classes: Array, n: int) -> Array:
    """Positions of the first `n` items when classes take turns: int64 (at most n,)."""
    rank = np.zeros(len(classes), dtype=np.int64)
    for index in np.unique(classes):
        rows = np.flatnonzero(classes == index)
        rank[rows] = np.arange(len(rows))
    return np.lexsort((classes, rank))[:n].astype(np.int64)


def cycle_estimates(
    cycled: Cycled, blocks: Array, *, encoder: str, n_bootstrap: int, confidence: float, seed: int
) -> list[Estimate]:
    """Image distances with the null of another pair of the class, and the share of I~ that stays in its class.

    blocks : int64 (n,) in 0..31, of the bootstrap.
    """
    if not len(cycled.positions):
        return []
    boot = block_weights(N_BLOCKS, n_bootstrap, seed=seed)
    kinds = [("image_rmse", cycled.pixels, cycled.other_pixels)]
    if cycled.encoded is not None and cycled.other_encoded is not None:
        kinds.append((f"image_distance_{encoder}", cycled.encoded, cycled.other_encoded))
    found = []
    count = np.bincount(blocks, minlength=N_BLOCKS)
    for name, values, others in kinds:
        sums = np.bincount(blocks, values, minlength=N_BLOCKS)
        draws = [float(row @ sums / max(row @ count, 1e-12)) for row in boot]
        plain = estimate(name, "total", float(values.mean()), draws, [], n=len(values), confidence=confidence)
        swapped = np.bincount(blocks, others, minlength=N_BLOCKS)
        null = [float(row @ swapped / max(row @ count, 1e-12)) for row in boot]
        low, high = np.percentile(null, [2.5, 97.5]) if len(null) else (np.nan, np.nan)
        found.append(
            Estimate(
                name, "total", plain.value, plain.low, plain.high, float(others.mean()), float(low), float(high),
                n=len(values),
            )
        )  # fmt: skip
    hits = int((cycled.answers == cycled.classes).sum())
    low, high = wilson_interval(hits, len(cycled.classes), confidence=confidence)
    found.append(Estimate("recognised", "total", hits / len(cycled.classes), low, high, n=len(cycled.classes)))
    return found
