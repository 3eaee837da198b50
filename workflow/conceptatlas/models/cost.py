"""What a forward pass costs: multiply-adds, counted by torch while one picture runs through the network."""

from __future__ import annotations

import torch
from torch.utils.flop_counter import FlopCounterMode

from conceptatlas.models.loaded import LoadedModel


def multiply_adds(model: LoadedModel) -> float:
    """10^9 multiply-adds of one picture at the model's input size (convolutions and matrix products)."""
    picture = torch.zeros(1, 3, model.input_size, model.input_size, device=model.device)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model.module(picture)
    return round(counter.get_total_flops() / 2e9, 4)
