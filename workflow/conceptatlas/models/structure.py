"""A network's wiring without its weights: a copy whose gradients show where a map cell looks, and nothing else.

What a unit responds to is biased by what its filters have learnt; where a cell of a map lies is not. In the copy,
convolutions and linear layers average with random positive weights per pair of channels that are constant over the
kernel. It runs within `wiring.Wiring`, where non-linearities pass everything, max pooling averages, normalisations only
scale, and global pooling and attention pass no gradient. So it is linear, and the gradient of a cell is exactly its
field of view: strides, padding, dilation, branches and ceil modes included, however the forward pass is written.
"""

from __future__ import annotations

import copy

import torch
from torch import nn

from conceptatlas.seeds import generator


def structural_copy(module: nn.Module, *, seed: int = 0) -> nn.Module:
    """A copy of a network with the same wiring and averaging weights (see above), in evaluation mode.

    Run it within `wiring.Wiring`.
    """
    twin = copy.deepcopy(module).eval().requires_grad_(False)
    with torch.no_grad():
        for name, parameter in twin.named_parameters():
            _average(parameter, seed=seed, name=name)
        for layer in twin.modules():
            _set_statistics(layer)
    return twin


def _average(parameter: torch.Tensor, *, seed: int, name: str) -> None:
    """Positive weights U(0.5, 1.5) per (output, input) over the fan-in, constant over the kernel; no bias, gain 1."""
    if parameter.ndim < 2:
        parameter.fill_(0.0 if name.endswith("bias") else 1.0)
        return
    fan_in = parameter[0].numel()
    pairs = generator(seed, "structure", name).uniform(0.5, 1.5, size=tuple(parameter.shape[:2])) / fan_in
    weights = torch.from_numpy(pairs).to(parameter)
    parameter.copy_(weights.reshape(*parameter.shape[:2], *[1] * (parameter.ndim - 2)).expand_as(parameter))


def _set_statistics(layer: nn.Module) -> None:
    """Batch norm that computes by itself, from buffers (frozen batch norm of detectors), becomes the identity."""
    for name, buffer in layer.named_buffers(recurse=False):
        if name in ("running_mean", "running_var", "weight", "bias"):
            buffer.fill_(0.0 if name in ("running_mean", "bias") else 1.0)
