"""Equal numbers of images with and without a concept: the draws of every epoch, and the fixed validation set.

Source: section 3.2.1 of the paper ("images from the two sets are sampled with equal probability") as the published
code does it: every epoch all images of the rarer kind and a fresh, equally large draw of the other kind, permuted. The
published validation draw has no seed, so it differs between runs and between sizes of subsets; here it is fixed.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from conceptatlas.seeds import generator

Array = np.ndarray[Any, Any]


class Sides(NamedTuple):
    """The images of one split that hold a concept and those that do not: image_index, int64, ascending."""

    holding: Array
    without: Array


class Draw(NamedTuple):
    """Images and whether each holds the concept: image_index int64 (image,), bool (image,); half of them do."""

    images: Array
    labels: Array


def sides(of: Array, split: int, holding: Array) -> Sides:
    """The two kinds of images of a split.

    of : int8 (image,), the split of every image (`splits.Split.of`). holding : image_index of the images that hold the
    concept, of whatever split, each once.
    """
    holds = np.zeros(len(of), dtype=bool)
    holds[holding] = True
    mine = of == split
    return Sides(np.flatnonzero(mine & holds), np.flatnonzero(mine & ~holds))


def shuffled_sides(real: Sides, *, seed: int, concept: str, split: str, control: int) -> Sides:
    """The sides with the labels of the images permuted: as many of each kind, chosen without regard to the concept.

    split : its name, "train" or "val". control : number of the shuffle.
    """
    images = np.sort(np.concatenate(real))
    names = ("net2vec", "shuffled labels", concept, split, control)
    order = generator(seed, *names).permutation(len(images))
    return Sides(np.sort(images[order[: len(real.holding)]]), np.sort(images[order[len(real.holding) :]]))


def balanced(of: Sides, *names: str | int, seed: int) -> Draw:
    """All images of the rarer kind and an equal draw of the other, without replacement, in a random order.

    names : what the draw is for; with the seed they determine it.

    Raises
    ------
    ValueError
        if a kind has no image: there is nothing to balance.
    """
    holding, without = of
    n = min(len(holding), len(without))
    if not n:
        raise ValueError(
            f"balanced draw for {names}: {len(holding)} images with the concept and {len(without)} without; "
            "expected at least one of each"
        )
    rng = generator(seed, *names)
    if len(holding) > n:
        holding = rng.choice(holding, size=n, replace=False)
    elif len(without) > n:
        without = rng.choice(without, size=n, replace=False)
    order = rng.permutation(2 * n)
    return Draw(np.concatenate([holding, without])[order], np.repeat([True, False], n)[order])


def epoch_draws(of: Sides, *, seed: int, concept: str, n_epochs: int, control: int | None = None) -> list[Draw]:
    """The draw of every epoch, from the training images; the same for every layer, repeat and size of a subset.

    control : number of the shuffle whose labels these are; None for the concept's own.
    """
    kind = () if control is None else ("control", control)
    return [balanced(of, "net2vec", "epoch", concept, epoch, *kind, seed=seed) for epoch in range(n_epochs)]


def validation_draw(of: Sides, *, seed: int, concept: str, control: int | None = None) -> Draw:
    """The balanced validation set of a concept: the same for every layer, model, repeat and size of a subset."""
    kind = () if control is None else ("control", control)
    return balanced(of, "net2vec", "validation", concept, *kind, seed=seed)
