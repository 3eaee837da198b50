"""Fields of view of single map cells: gradients of the structural copy of a network with respect to its input."""

from __future__ import annotations

import itertools
import logging
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import nn

from conceptatlas.models.arithmetic import exact_arithmetic
from conceptatlas.models.hooks import ActivationHooks
from conceptatlas.models.loaded import LoadedModel
from conceptatlas.models.structure import structural_copy
from conceptatlas.seeds import generator

logger = logging.getLogger(__name__)

Array = np.ndarray[Any, Any]
Sizes = Mapping[str, tuple[int, int]]
"""Layer -> (height, width) of its map."""

MAX_PROBES = 8
"""Cells per axis whose centre of mass is measured."""

_WHOLE = 1e-4  # share of a field's mass next to the border of the enlarged input above which it counts as cut off
_MAX_ENLARGED = 1024  # pixels; where a picture on each side of a large input is not enough, more costs too much


class FieldProbe:
    """Gradients of single cells of the structural copy with respect to its input."""

    def __init__(self, model: LoadedModel, layers: Mapping[str, str], *, device: torch.device | str, seed: int) -> None:
        self.size, self.layers, self.device, self.seed = model.input_size, dict(layers), device, seed
        self.name, self.channel_last, self.prefix_tokens = model.name, model.channel_last, model.prefix_tokens
        self.twin: nn.Module = structural_copy(model.module, seed=seed).to(device)

    def measure_picture(self, sizes: Sizes) -> dict[str, list[Array]]:
        """Per layer and axis (y, x): rows of (cell, centre of mass as a fraction, share of mass at the border)."""
        axes = {layer: (_spread(sizes[layer][0]), _spread(sizes[layer][1])) for layer in self.layers}
        # one probe serves both axes: cells along a diagonal
        cells = {layer: list(itertools.zip_longest(ys, xs, fillvalue=0)) for layer, (ys, xs) in axes.items()}
        rows: dict[str, list[Array]] = {}
        for layer, masses in self._gradients(self.size, cells).items():
            step = self.size / sizes[layer][0], self.size / sizes[layer][1]
            rows[layer] = [
                np.array(
                    [
                        (cell, *_centre(_profile(mass, axis), step[axis]))
                        for cell, mass in zip(own, masses, strict=False)
                    ]
                )
                for axis, own in enumerate(axes[layer])
            ]
        return rows

    def measure_enlarged(self, sizes: Sizes) -> dict[str, list[tuple[float, float]]]:
        """Per layer and axis: (centre of cell 0, step), fractions of the frame; layers without an answer are left out.

        The input grows by a multiple of every stride on each side, so cell i of the picture is cell i + grown / step of
        the enlarged one. Half a picture on each side is enough for most layers; the others get more.
        """
        answers: dict[str, list[tuple[float, float]]] = {}
        missing = list(self.layers)
        for share in (0.5, 1.0, 2.0, 4.0):
            at_least = round(share * self.size)
            affordable = share <= 1 or self.size + 2 * at_least <= _MAX_ENLARGED
            grown = self._grow(sizes, at_least) if missing and affordable else None
            if grown is None:
                break
            margin, steps = grown
            cells = {
                layer: [(sizes[layer][0] // 2 + margin // y, sizes[layer][1] // 2 + margin // x)]
                for layer, (y, x) in steps.items()
                if layer in missing
            }
            for layer, masses in self._gradients(self.size + 2 * margin, cells).items():
                middles = sizes[layer][0] // 2, sizes[layer][1] // 2
                lines = [
                    self._line(_profile(masses[0], axis), steps[layer][axis], middles[axis], margin) for axis in (0, 1)
                ]
                if lines[0] is not None and lines[1] is not None:
                    answers[layer] = [lines[0], lines[1]]
            missing = [layer for layer in cells if layer not in answers]  # cut off even so; maps that do not grow go
        return answers

    def _line(self, profile: Array, step: int, middle: int, margin: int) -> tuple[float, float] | None:
        """(centre of cell 0, step) from the enlarged field of the middle cell; None if even there it is cut off."""
        centre, cut = _centre(profile, step)
        if not math.isfinite(centre) or cut > _WHOLE:
            return None
        pixels = _clean(centre * len(profile) - margin)  # from the picture's own edge
        return (pixels - middle * step) / self.size, step / self.size

    def _grow(self, sizes: Sizes, at_least: int) -> tuple[int, dict[str, tuple[int, int]]] | None:
        """Pixels to add on each side, and the strides (y, x) of the layers that divide them; None if input is fixed."""
        unit = 32
        steps: dict[str, tuple[int, int]] = {}
        for _ in range(2):
            margin = -(-at_least // unit) * unit
            try:
                grown = self._map_sizes(self.size + 2 * margin)
            except (RuntimeError, ValueError, AssertionError) as error:
                logger.info("model %s takes its own input size only (%s)", self.name, error)
                return None
            strides = {
                layer: tuple(
                    2 * margin / max(1, after - before) for after, before in zip(hw, sizes[layer], strict=True)
                )
                for layer, hw in grown.items()
            }
            steps = {
                layer: (int(y), int(x)) for layer, (y, x) in strides.items() if margin % y == 0 and margin % x == 0
            }
            if len(steps) == len(grown):
                break
            unit = math.lcm(*(max(1, round(stride)) for pair in strides.values() for stride in pair))
            if unit > 2 * self.size:
                break
        return margin, steps

    def _map_sizes(self, size: int) -> dict[str, tuple[int, int]]:
        with self._hooks() as hooks, torch.inference_mode():
            hooks.run(torch.ones(1, 3, size, size, device=self.device))
            return {layer: (values.shape[2], values.shape[3]) for layer, values in hooks.maps.items()}

    def _gradients(self, size: int, cells: Mapping[str, list[tuple[int, int]]]) -> dict[str, Array]:
        """|gradient| of single cells, float64 (probe, size, size) per layer, summed over the input's channels."""
        if not cells:
            return {}
        n_probes = max(len(pairs) for pairs in cells.values())
        noise = torch.from_numpy(generator(self.seed, "probe", size).uniform(0, 1e-3, size=(1, 3, size, size)))
        inputs = (1 + noise).to(device=self.device, dtype=torch.float32).expand(n_probes, -1, -1, -1)
        inputs = inputs.contiguous(memory_format=torch.channels_last).requires_grad_()
        found = {}
        with self._hooks() as hooks, torch.enable_grad(), exact_arithmetic():
            hooks.run(inputs)
            for n, (layer, pairs) in enumerate(cells.items(), 1):
                ys, xs = torch.tensor(pairs).T
                values = hooks.maps[layer][torch.arange(len(pairs)), :, ys, xs]
                mix = generator(self.seed, "mix", layer).uniform(0.5, 1.5, size=values.shape[1])
                target = (values @ torch.from_numpy(mix).to(values)).sum()
                gradient = None
                if target.requires_grad:
                    (gradient,) = torch.autograd.grad(target, inputs, retain_graph=n < len(cells), allow_unused=True)
                mass = torch.zeros(n_probes, size, size) if gradient is None else gradient.abs().sum(1).cpu()
                found[layer] = mass[: len(pairs)].double().numpy()
        return found

    def _hooks(self) -> ActivationHooks:
        return ActivationHooks(
            self.twin,
            self.layers,
            convert=lambda _layer, values: values.clone(),  # keeps the graph; in-place operations may follow
            channel_last=self.channel_last,
            prefix_tokens=self.prefix_tokens,
            name=self.name,
            check_calls=False,
        )


def _spread(n_cells: int) -> list[int]:
    """Up to `MAX_PROBES` cells: two at either end, where fields are cut off, the others evenly between."""
    if n_cells <= MAX_PROBES:
        return list(range(n_cells))
    between = np.linspace(1, n_cells - 2, MAX_PROBES - 2)
    return sorted({0, n_cells - 1, *(round(x) for x in between)})


def _profile(mass: Array, axis: int) -> Array:
    """Mass along y (axis 0) or x (axis 1)."""
    return mass.sum(axis=1 - axis)


def _centre(profile: Array, step: float) -> tuple[float, float]:
    """Centre of mass as a fraction of the profile's length, and the share of mass within half a step of its ends."""
    total = float(profile.sum())
    if not (math.isfinite(total) and total > 0):
        return math.nan, math.nan
    edge = max(1, round(step / 2))
    border = float(profile[:edge].sum() + profile[-edge:].sum())
    places = (np.arange(len(profile)) + 0.5) / len(profile)
    return float(profile @ places) / total, border / total


def _clean(pixels: float) -> float:
    """A centre in pixels without the noise of float32: kernels and strides put it on a half pixel."""
    half = round(2 * pixels) / 2
    return half if abs(pixels - half) < 0.01 else round(pixels, 3)
