"""Which way round an output lies whose units, rows and columns are equally many.

Such an output (Swin-T on 384 pixels: 96 x 96 x 96) has the shape of a map and of a channel-last map. A bright patch at
the upper right of a grey picture tells them apart: under the right reading the network answers at the upper right.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import nn


def is_cube(output: torch.Tensor) -> bool:
    """Whether units, rows and columns of an output are equally many, and more than one."""
    return output.ndim == 4 and output.shape[1] == output.shape[2] == output.shape[3] > 1


def channel_last_cubes(module: nn.Module, names: Iterable[str], inputs: torch.Tensor) -> set[str]:
    """Of modules that return cubes, those whose outputs are (image, height, width, unit).

    Parameters
    ----------
    module : the network; left as it was.
    names : dotted names.
    inputs : any batch (image, 3, height, width) of the size in question.
    """
    answers: dict[str, torch.Tensor] = {}

    def keep(name: str) -> Callable[[nn.Module, Any, torch.Tensor], None]:
        def hook(_module: nn.Module, _inputs: Any, output: torch.Tensor) -> None:
            answers[name] = (output[1] - output[0]).abs().double()

        return hook

    height, width = inputs.shape[2:]
    pictures = torch.zeros(2, 3, height, width, device=inputs.device)
    pictures[1, :, height // 8 : 3 * height // 8, 5 * width // 8 : 7 * width // 8] = 2.0
    handles = [module.get_submodule(name).register_forward_hook(keep(name)) for name in names]
    try:
        with torch.no_grad():
            module(pictures)
    finally:
        for handle in handles:
            handle.remove()
    return {name for name, answer in answers.items() if _upper_right(answer.sum(2)) > _upper_right(answer.sum(0))}


def _upper_right(answer: torch.Tensor) -> float:
    """Share of an answer (row, column) in the upper right quarter."""
    side = len(answer) // 2
    total = float(answer.sum())
    return float(answer[:side, -side:].sum()) / total if total > 0 else 0.0
