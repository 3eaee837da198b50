"""The training problem of a concept, and descent on a block of them: on a CPU one by one, on a GPU together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from conceptatlas.masks.upsample import Grid
from conceptatlas.net2vec.firing import Firing
from conceptatlas.net2vec.segmentation_kernel import LOSSES, descend
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


def descend_block(descent: Descent, problems: list[Problem], solutions: list[Solutions], *, device: str) -> None:
    """Gradient descent on the solutions of some concepts, in place.

    device : cpu (the kernel: a concept's numbers do not depend on the others), or a device of torch (batched products:
    equal up to rounding).
    """
    if device != "cpu":
        from conceptatlas.net2vec.descent_torch import descend_batched

        descend_batched(descent, problems, solutions, device=device)
        return
    for problem, solution in zip(problems, solutions, strict=True):
        descend_one(descent, problem, solution)


def descend_one(descent: Descent, problem: Problem, solution: Solutions) -> None:
    """Gradient descent on the solutions of one concept by the compiled kernel."""
    if not len(solution.weights):
        return
    options, firing, grid = descent.options, descent.firing, descent.grid
    inside, outside = problem.pixel_weights
    descend(
        problem.order, problem.images, problem.labels.view(np.uint8), descent.ignore.view(np.uint8), descent.has_ignore,
        firing.offsets, firing.positions, firing.units, firing.map_shape,
        grid.rows.low, grid.rows.high, grid.rows.t, grid.columns.low, grid.columns.high, grid.columns.t,
        solution.weights, solution.bias, solution.member, np.float32(inside), np.float32(-outside),
        LOSSES.index(options["loss"]), bool(options["bias"]), int(options["batch"]), descent.learning_rate,
        float(options["momentum"]), float(options["l1"]), float(options["l2"]),
    )  # fmt: skip
