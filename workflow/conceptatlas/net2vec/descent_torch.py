"""The same descent as batched matrix products, for a GPU: a block of concepts, all their solutions, a batch of each.

Every concept walks its own images; at step t the block gathers one batch of each concept that still has one. The bits
of the block's images lie on the device once. Sums are float32 and their order is the library's, so results equal those
of the kernel up to rounding (a test holds them to 1e-4 after all epochs), and are not promised to the last bit.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from conceptatlas.masks.bitmask import unpack
from conceptatlas.masks.upsample import Axis
from conceptatlas.net2vec.firing import dense_firing
from conceptatlas.net2vec.problems import Descent, Problem, Solutions

Array = np.ndarray[Any, Any]


def interpolation(axis: Axis) -> Array:
    """The linear map of an axis as a matrix: float32 (pixel, knot), rows sum to 1."""
    out = np.zeros((axis.n_pixels, axis.n_knots), dtype=np.float32)
    pixel = np.arange(axis.n_pixels)
    np.add.at(out, (pixel, axis.low), 1 - axis.t)
    np.add.at(out, (pixel, axis.high), axis.t)
    return out


def descend_batched(descent: Descent, problems: list[Problem], solutions: list[Solutions], *, device: str) -> None:
    """Gradient descent on the solutions of some concepts, in place; all must have the same number of solutions.

    Memory: K h w floats an image of the block, and K h w + 3 V S^2 floats for every (concept, image of a batch).
    """
    import torch

    if not problems or not len(solutions[0].weights):
        return
    options, size = descent.options, descent.size
    batch, momentum = int(options["batch"]), float(options["momentum"])
    images, place = np.unique(np.concatenate([p.images for p in problems]), return_inverse=True)
    height, width = descent.firing.map_shape
    dense = np.stack([dense_firing(descent.firing, int(n)) for n in images])
    bits = torch.from_numpy(dense.reshape(len(images), descent.firing.n_units, -1)).to(device)
    rows, columns = (
        torch.from_numpy(interpolation(axis)).to(device) for axis in (descent.grid.rows, descent.grid.columns)
    )
    starts = np.cumsum([0, *(len(p.images) for p in problems)])
    label = torch.from_numpy(unpack(np.concatenate([p.labels for p in problems]), height=size, width=size)).to(device)
    hidden = _hidden(descent, images)
    keep = None if hidden is None else torch.from_numpy(~hidden).to(device)
    inside, outside = (
        torch.tensor([p.pixel_weights[i] for p in problems], dtype=torch.float32, device=device) for i in range(2)
    )
    weights = torch.from_numpy(np.stack([s.weights for s in solutions])).to(device)  # (concept, solution, unit) float64
    bias = torch.from_numpy(np.stack([s.bias for s in solutions])).to(device)
    member = torch.from_numpy(np.stack([s.member for s in solutions])).to(device)
    speed, bias_speed = torch.zeros_like(weights), torch.zeros_like(bias)
    in_block = torch.from_numpy(place).to(device)
    for batches in _steps(problems, starts, batch):
        active = torch.tensor([c for c, _ in batches], device=device)
        entries, there = _padded([rows_ for _, rows_ in batches], device)
        of_image = in_block[entries]
        w = (weights[active] * member[active]).float()
        n_active, n_images = entries.shape
        x = bits[of_image].float().transpose(2, 3).reshape(n_active, n_images * height * width, -1)
        z = torch.bmm(x, w.transpose(1, 2)).reshape(n_active, n_images, height, width, -1).permute(0, 4, 1, 2, 3)
        p = torch.sigmoid(rows @ z @ columns.T + bias[active].float()[:, :, None, None, None])
        y = label[entries][:, None]
        m = torch.where(y, inside[active][:, None, None, None, None], -outside[active][:, None, None, None, None])
        m = m * there[:, None, :, None, None]
        if keep is not None:
            m = m * keep[of_image][:, None]
        g = -m * p * (1 - p) if options["loss"] == "net2vec" else -m * torch.where(y, 1 - p, p)
        n_of = there.sum(dim=1).double()
        back = (rows.T @ g @ columns).permute(0, 1, 2, 3, 4).reshape(n_active, -1, n_images * height * width)
        gradient = torch.bmm(back, x).double() / n_of[:, None, None]
        old = weights[active]
        gradient = (gradient + 2 * options["l2"] * old + options["l1"] * torch.sign(old)) * member[active]
        speed[active] = momentum * speed[active] + gradient
        weights[active] = old - descent.learning_rate * speed[active]
        if options["bias"]:
            bias_speed[active] = momentum * bias_speed[active] + g.sum(dim=(2, 3, 4)).double() / n_of[:, None]
            bias[active] = bias[active] - descent.learning_rate * bias_speed[active]
    for c, solution in enumerate(solutions):
        solution.weights[:] = weights[c].cpu().numpy()
        solution.bias[:] = bias[c].cpu().numpy()


def _hidden(descent: Descent, images: Array) -> Array | None:
    if not descent.has_ignore:
        return None
    return unpack(np.ascontiguousarray(descent.ignore[images]), height=descent.size, width=descent.size)


def _steps(problems: list[Problem], starts: Array, batch: int) -> Any:
    """Steps of the block: for every concept that has a batch left, its number and the entries of the batch."""
    each = [
        [
            starts[c] + problem.order[epoch, begin : begin + batch]
            for epoch in range(len(problem.order))
            for begin in range(0, problem.order.shape[1], batch)
        ]
        for c, problem in enumerate(problems)
    ]
    for step in range(max(len(of_concept) for of_concept in each)):
        yield [(c, of_concept[step]) for c, of_concept in enumerate(each) if step < len(of_concept)]


def _padded(batches: list[Array], device: str) -> tuple[Any, Any]:
    """Entries (concept, image) of batches of different lengths, and which of them are there."""
    import torch

    longest = max(len(b) for b in batches)
    entries = np.array([np.pad(b, (0, longest - len(b)), mode="edge") for b in batches], dtype=np.int64)
    there = np.arange(longest)[None, :] < np.array([len(b) for b in batches])[:, None]
    return torch.from_numpy(entries).to(device), torch.from_numpy(there).to(device)
