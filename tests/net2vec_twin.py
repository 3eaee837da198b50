"""Net2Vec's segmentation as the paper writes it, in plain torch and float64: the slow twin of the kernel."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from conceptatlas.masks.upsample import Axis, Grid

Array = np.ndarray[Any, Any]


def matrix(axis: Axis) -> torch.Tensor:
    """Interpolation along one dimension, (pixel, knot)."""
    out = torch.zeros(axis.n_pixels, axis.n_knots, dtype=torch.float64)
    for pixel in range(axis.n_pixels):
        out[pixel, axis.low[pixel]] += 1 - float(axis.t[pixel])
        out[pixel, axis.high[pixel]] += float(axis.t[pixel])
    return out


def train(
    bits: Array, masks: Array, grid: Grid, *, weights: Array, bias: float, order: Array, loss: str, alpha: float,
    batch: int, learning_rate: float, momentum: float, has_bias: bool = False, l1: float = 0, l2: float = 0,
    ignore: Array | None = None, member: Array | None = None,
) -> tuple[Array, float]:  # fmt: skip
    """Weights (unit,) and bias after descent; bits bool (image, unit, h, w), masks bool (image, S, S)."""
    x, y = torch.tensor(bits, dtype=torch.float64), torch.tensor(masks, dtype=torch.float64)
    counted = torch.ones_like(y) if ignore is None else torch.tensor(~ignore, dtype=torch.float64)
    rows, columns = matrix(grid.rows), matrix(grid.columns)
    allowed = torch.ones(bits.shape[1]) if member is None else torch.tensor(member, dtype=torch.float64)
    w = torch.tensor(weights, dtype=torch.float64, requires_grad=True)
    b = torch.tensor(float(bias), dtype=torch.float64, requires_grad=True)
    inside, outside = (1.0, 1.0) if alpha == 0 else (alpha, 1 - alpha)
    optimiser = torch.optim.SGD([w, b] if has_bias else [w], lr=learning_rate, momentum=momentum)
    for epoch in order:
        for begin in range(0, len(epoch), batch):
            mine = epoch[begin : begin + batch]
            z = rows @ torch.einsum("nkhw,k->nhw", x[mine], w * allowed) @ columns.T + b
            if loss == "net2vec":
                p = torch.sigmoid(z)
                pixel = inside * y[mine] * p + outside * (1 - y[mine]) * (1 - p)
            else:
                log = torch.nn.functional.logsigmoid
                pixel = inside * y[mine] * log(z) + outside * (1 - y[mine]) * log(-z)
            penalty = l1 * (w * allowed).abs().sum() + l2 * ((w * allowed) ** 2).sum()
            objective = -(pixel * counted[mine]).sum() / len(mine) + penalty
            optimiser.zero_grad()
            objective.backward()
            optimiser.step()
    return w.detach().numpy(), float(b.detach())
