"""Which images teach a concept activation vector, which judge it, and which compare layers: three disjoint kinds.

CAVs learn on training images; the validation images are halved into gate images, which say whether a layer recognises a
concept, and test images, over which SFSS correlates. Without that, two layers of pure noise look alike: each CAV knows
the images it was learned on (two layers of noise reach 0.89 on the training images).

Everything here follows from the seed, names and images, so it is the same for every layer and model of a data set.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from conceptatlas.datasets.splits import NEITHER, TRAIN, VAL, Split
from conceptatlas.seeds import generator, unit_interval

Array = np.ndarray[Any, Any]

CAV, GATE, TEST = 0, 1, 2
ROLES = ("cav", "gate", "test")


class Sides(NamedTuple):
    """Images of one role that hold a concept and those that do not: image_index, int64, ascending."""

    holding: Array
    without: Array


class Draw(NamedTuple):
    """Images and whether each holds the concept: image_index int64 (image,), bool (image,)."""

    images: Array
    labels: Array


def roles(split: Split, *, seed: int) -> Array:
    """The role of every image, int8: CAV for training images, GATE or TEST for validation images, else NEITHER."""
    out = np.full(split.n_images, NEITHER, dtype=np.int8)
    out[split.of == TRAIN] = CAV
    for i in np.flatnonzero(split.of == VAL):
        out[i] = GATE if unit_interval(seed, "gate or test", split.ids[i]) < 0.5 else TEST
    return out


def sides(role_of: Array, role: int, holding: Array) -> Sides:
    """The two kinds of images of a role.

    role_of : int8 (image,), from `roles`. holding : image_index of all images that hold the concept, each once.
    """
    holds = np.zeros(len(role_of), dtype=bool)
    holds[holding] = True
    mine = role_of == role
    return Sides(np.flatnonzero(mine & holds), np.flatnonzero(mine & ~holds))


def shuffled_sides(real: Sides, sources: Array, *names: str | int, seed: int) -> Sides:
    """The sides with the labels shuffled among the images of each source: as many of each kind in each source.

    sources : int (image,) of all images of the data set. Where a concept is annotated in one source only, telling the
    sources apart is no sign of the concept, so random labels may do it too. names : what it is for.
    """
    images = np.sort(np.concatenate(real))
    holds = np.isin(images, real.holding)
    rng = generator(seed, "similarity", "random labels", *names)
    for source in np.unique(sources[images]):
        mine = np.flatnonzero(sources[images] == source)
        holds[mine] = holds[mine][rng.permutation(len(mine))]
    return Sides(images[holds], images[~holds])


def counter_set(of: Sides, *names: str | int, seed: int) -> Draw:
    """All images of the rarer kind and a seeded random draw of as many of the other; those with the concept first.

    names : concept and number of the repeat; with the seed and the images they determine the draw.

    Raises
    ------
    ValueError
        if a kind has no image.
    """
    chosen = _drawn(of, "counter-set", *names, seed=seed)
    return Draw(np.concatenate(chosen), np.repeat([True, False], len(chosen.holding)))


def balanced_test(of: Sides, concept: str, *, seed: int) -> Draw:
    """The test images of a concept: all of the rarer kind, as many of the other, in the order of the data set."""
    chosen = _drawn(of, "test images", concept, seed=seed)
    images = np.concatenate(chosen)
    order = np.argsort(images)
    return Draw(images[order], np.repeat([True, False], len(chosen.holding))[order])


def _drawn(of: Sides, *names: str | int, seed: int) -> Sides:
    n = min(len(of.holding), len(of.without))
    if not n:
        raise ValueError(
            f"{', '.join(map(str, names))}: {len(of.holding)} images with the concept and {len(of.without)} without; "
            "expected at least one of each"
        )
    rng = generator(seed, "similarity", *names)
    holding, without = (side if len(side) == n else np.sort(rng.choice(side, size=n, replace=False)) for side in of)
    return Sides(holding, without)
