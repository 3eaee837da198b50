"""A network's wiring without its weights: a copy whose gradients show where a map cell looks, and nothing else.

What a unit responds to is biased by what its filters have learnt; where a cell of a map lies is not. In the copy,
convolutions average with random positive weights per pair of channels that are constant over the kernel; elementwise
non-linearities pass everything; max pooling averages; batch norm is the identity; global pooling (as in
squeeze-and-excitation) passes no gradient. The copy is linear for ordinary convolutional networks, and the gradient of
a cell is exactly its field of view: strides, padding, dilation, branches and ceil modes included, however the forward
pass is written.
"""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from conceptatlas.seeds import generator

_ELEMENTWISE = (
    nn.ReLU,
    nn.ReLU6,
    nn.Hardtanh,
    nn.Hardswish,
    nn.SiLU,
    nn.GELU,
    nn.ELU,
    nn.SELU,
    nn.CELU,
    nn.LeakyReLU,
    nn.PReLU,
    nn.Mish,
    nn.Softplus,
    nn.Tanh,
)


def structural_copy(module: nn.Module, *, seed: int = 0) -> nn.Module:
    """A copy of a network with the same wiring and averaging weights (see above), in evaluation mode."""
    twin = copy.deepcopy(module).eval().requires_grad_(False)
    with torch.no_grad():
        for name, parameter in twin.named_parameters():
            _average(parameter, seed=seed, name=name)
        for layer in twin.modules():
            if isinstance(layer, _BatchNorm) and layer.running_mean is not None and layer.running_var is not None:
                layer.running_mean.zero_()
                layer.running_var.fill_(1.0)
            elif isinstance(layer, nn.AdaptiveAvgPool2d) and layer.output_size in (1, (1, 1)):
                layer.register_forward_hook(_without_gradient)
    _replace(twin)
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


def _without_gradient(_module: nn.Module, _inputs: Any, output: torch.Tensor) -> torch.Tensor:
    return output.detach()


def _replace(module: nn.Module) -> None:
    """Elementwise non-linearities by the identity, max pooling by average pooling, everywhere below."""
    for name, child in module.named_children():
        if isinstance(child, _ELEMENTWISE):
            setattr(module, name, nn.Identity())
        elif isinstance(child, nn.MaxPool2d) and child.dilation in (1, (1, 1)) and not child.return_indices:
            pool = nn.AvgPool2d(child.kernel_size, child.stride, child.padding, child.ceil_mode)
            setattr(module, name, pool.eval())
        else:
            _replace(child)
