"""Gradient descent on a block of concepts: on a CPU one after the other, on a GPU together."""

from __future__ import annotations

import numpy as np

from conceptatlas.net2vec.problems import Descent, Problem, Solutions
from conceptatlas.net2vec.segmentation_kernel import LOSSES, descend


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
