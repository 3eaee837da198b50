"""What a concept is learned from, and what is learned: images, masks, orders; weights of several solutions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from conceptatlas.masks.upsample import Grid
from conceptatlas.net2vec.firing import Firing
from conceptatlas.seeds import generator

Array = np.ndarray[Any, Any]

PAPER_SIZE = 112
"""Side of the masks for which the paper's learning rate holds: its loss is a sum over pixels."""


class Problem(NamedTuple):
    """The training images of a concept.

    images : int64 (n,), image_index. labels : uint64 (n, word), packed masks, ignored pixels removed.
    alpha : 1 - mean share of pixels that the concept covers. order : int32 (epoch, n), positions into `images`.
    """

    images: Array
    labels: Array
    alpha: float
    order: Array

    @property
    def pixel_weights(self) -> tuple[float, float]:
        """Weights of pixels inside and outside the mask; both 1 where masks cover everything (the published code)."""
        return (1.0, 1.0) if self.alpha == 0 else (self.alpha, 1.0 - self.alpha)


@dataclass
class Solutions:
    """Weights of a concept that are learned side by side; descent changes them in place.

    weights : float64 (solution, unit), 0 for filters that do not belong. bias : float64 (solution,).
    member : bool (solution, unit).
    """

    weights: Array
    bias: Array
    member: Array


class Descent(NamedTuple):
    """What the problems of a layer share.

    options : config section `segmentation`. grid : from the layer's maps to S x S. ignore : uint64 (image_index, word)
    of ignored pixels, or a single row where there are none.
    """

    firing: Firing
    grid: Grid
    ignore: Array
    options: dict[str, Any]

    @property
    def size(self) -> int:
        """S, side of a mask."""
        return self.grid.shape[0]

    @property
    def has_ignore(self) -> bool:
        """Whether frames have padding."""
        return len(self.ignore) > 1

    @property
    def learning_rate(self) -> float:
        """The configured rate, for masks of 112 x 112 pixels, at this size."""
        return float(self.options["learning_rate"]) * PAPER_SIZE**2 / self.size**2


def image_orders(n: int, *, concept: str, options: dict[str, Any], seed: int) -> Array:
    """The order of a concept's training images in every epoch, int32 (epoch, n): its own, or that of the data set."""
    fixed = options["order"] == "fixed"
    return np.array(
        [
            np.arange(n) if fixed else generator(seed, "net2vec", "order of images", concept, epoch).permutation(n)
            for epoch in range(options["epochs"])
        ],
        dtype=np.int32,
    ).reshape(options["epochs"], n)
