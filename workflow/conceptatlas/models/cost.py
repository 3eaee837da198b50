"""What a forward pass costs: multiply-adds, counted by torch while one picture runs through the network."""

from __future__ import annotations

import torch
from torch.utils import flop_counter

from conceptatlas.models.loaded import LoadedModel


def multiply_adds(model: LoadedModel) -> float:
    """10^9 multiply-adds of one picture at the model's input size (convolutions and matrix products)."""
    _leave_the_compiler_out()
    picture = torch.zeros(1, 3, model.input_size, model.input_size, device=model.device)
    with torch.no_grad(), flop_counter.FlopCounterMode(display=False) as counter:
        model.module(picture)
    return round(counter.get_total_flops() / 2e9, 4)


def _leave_the_compiler_out() -> None:
    """Keep torch from importing its compiler (4 s) only to switch it off for the counter: nothing is compiled here.

    torch (2.15) looks for the switched-off form of the counter's function in this attribute before it makes one. Where
    another version does not, counting is as right and 4 s slower.
    """
    mode = getattr(flop_counter, "_FlopCounterMode", None)
    dispatch = getattr(getattr(mode, "__torch_dispatch__", None), "__wrapped__", None)
    if dispatch is not None:
        dispatch.__dynamo_disable = dispatch
