"""Where in a map a bright patch on a grey picture is answered: the test of everything that lays maps on pictures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from conceptatlas.models.hooks import ActivationHooks
from conceptatlas.models.loaded import LoadedModel

Array = np.ndarray[Any, Any]
Patch = tuple[float, float, float]
"""Centre (y, x) and side of a patch, as fractions of the frame."""

PATCHES: tuple[Patch, ...] = tuple(
    (y, x, side) for y, x in ((0.2, 0.8), (0.75, 0.3), (0.5, 0.5), (0.3, 0.25), (0.8, 0.85)) for side in (0.06, 0.15)
)
CENTRAL: tuple[Patch, ...] = ((0.45, 0.55, 0.06), (0.56, 0.44, 0.1), (0.5, 0.5, 0.15))

GREY, BRIGHT = (-0.5, -0.4, -0.3), (1.5, 1.6, 1.7)  # after normalisation; not 0, where layer norms answer to noise


def liven(model: LoadedModel) -> LoadedModel:
    """Gains that initialisation leaves at (nearly) 0 become 1: last norms of residual blocks, layer scales."""
    with torch.no_grad():
        for name, parameter in model.module.named_parameters():
            gain = name.endswith(("weight", "gamma", "layer_scale")) and parameter.squeeze().ndim <= 1
            if gain and float(parameter.abs().max()) < 1e-3:
                parameter.fill_(1.0)
    return model


def answers(model: LoadedModel, layers: dict[str, str], patches: Sequence[Patch]) -> dict[str, Array]:
    """Layer -> |A(patch) - A(grey)| summed over units, float64 (patch, height, width)."""
    size = model.input_size
    pictures = torch.tensor(GREY).view(1, 3, 1, 1).repeat(1 + len(patches), 1, size, size)
    for picture, (y, x, side) in zip(pictures[1:], patches, strict=True):
        top, left = round((y - side / 2) * size), round((x - side / 2) * size)
        n = max(1, round(side * size))
        picture[:, top : top + n, left : left + n] = torch.tensor(BRIGHT).view(3, 1, 1)
    hooks = ActivationHooks(
        model.module, layers, channel_last=model.channel_last, prefix_tokens=model.prefix_tokens, name=model.name
    )
    with hooks, torch.inference_mode():
        hooks.run(pictures)
    return {layer: (maps[1:] - maps[:1]).abs().sum(1).double().numpy() for layer, maps in hooks.maps.items()}


def hot_spot(answer: Array, *, whole: bool = False) -> tuple[float, float]:
    """(row, column) of the centre of the answer: of what lies above the middle between median and maximum, or all."""
    above = np.clip(answer - (0 if whole else (answer.max() + np.median(answer)) / 2), 0, None)
    total = above.sum()
    return float(above.sum(1) @ np.arange(len(answer)) / total), float(above.sum(0) @ np.arange(len(answer)) / total)


def distance(answer: Array, patch: Patch, geometry: dict[str, Any], *, whole: bool = False) -> float:
    """Cells from the hot spot, placed by the receptive-field centres, to the nearest point of the patch."""
    found = []
    for cell, side, centre in zip(hot_spot(answer, whole=whole), "yx", patch[:2], strict=True):
        place = geometry[f"rf_centres_{side}"][0] + cell * geometry[f"step_{side}"]
        found.append(max(0.0, abs(place - centre) - patch[2] / 2) / geometry[f"step_{side}"])
    return max(found)
