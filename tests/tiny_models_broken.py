"""Networks whose activations cannot be stored: each has one wrong unit."""

from __future__ import annotations

import torch
from torch import nn

from tiny_models import PlainNet


def overflowing() -> nn.Module:
    """Unit 2 of conv1 exceeds float16."""
    net = PlainNet()
    with torch.no_grad():
        net.conv1.weight[2].abs_().mul_(1e6)
        net.conv1.bias[2] = 1e6
    return net


def undefined() -> nn.Module:
    """Unit 4 of bn2 is not a number."""
    net = PlainNet()
    net.bn2.running_mean[4] = float("nan")
    return net


def very_negative() -> nn.Module:
    """Unit 1 of bn2 is below float16's range."""
    net = PlainNet()
    net.bn2.running_mean[1] = 1e6
    return net


def tiny_values() -> nn.Module:
    """All units of conv1 are around 1e-6."""
    net = PlainNet()
    with torch.no_grad():
        net.conv1.weight.mul_(1e-6)
        net.conv1.bias.mul_(1e-6)
    return net
