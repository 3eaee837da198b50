"""Fields of view of single map cells: gradients of the structural copy of a network with respect to its input."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import torch
from torch import nn

from conceptatlas.models.arithmetic import exact_arithmetic
from conceptatlas.models.hooks import ActivationHooks
from conceptatlas.models.loaded import LoadedModel
from conceptatlas.models.structure import structural_copy
from conceptatlas.models.wiring import Wiring
from conceptatlas.seeds import generator

Array = np.ndarray[Any, Any]
Sizes = Mapping[str, tuple[int, int]]
"""Layer -> (height, width) of its map."""
Cells = Mapping[str, list[tuple[int, int]]]
"""Layer -> cells (row, column) to probe."""

MAX_PROBES = 8
"""Cells per axis whose field is measured."""


class FieldProbe:
    """Gradients of single cells of the structural copy with respect to its input."""

    def __init__(self, model: LoadedModel, layers: Mapping[str, str], *, device: torch.device | str, seed: int) -> None:
        self.size, self.layers, self.device, self.seed = model.input_size, dict(layers), device, seed
        self.name, self.channel_last, self.prefix_tokens = model.name, model.channel_last, model.prefix_tokens
        self.twin: nn.Module = structural_copy(model.module, seed=seed).to(device)

    def measure_points(self, sizes: Sizes) -> dict[str, list[Array]]:
        """Fields of kernels reduced to their middles; they have the same centres and hardly reach the border.

        Returns
        -------
        layer -> axis (y, x) -> rows of (cell, centre of mass as a fraction, or NaN where no gradient arrives, and mass
        as a share of the heaviest cell's: less than 1 where the border cuts the field off).
        """
        rows = {}
        for layer, axes in self._profiles(sizes, Wiring(points=True)).items():
            heaviest = max(float(profile.sum()) for axis in axes for _, profile in axis) or 1.0
            rows[layer] = [np.array([(cell, _centre(p), p.sum() / heaviest) for cell, p in axis]) for axis in axes]
        return rows

    def measure_fields(self, sizes: Sizes) -> dict[str, list[Array]]:
        """Whole fields as the picture cuts them off.

        Returns
        -------
        layer -> axis (y, x) -> rows of (cell, centre of mass as a fraction, share of mass within half a step of the
        border).
        """
        rows = {}
        for layer, axes in self._profiles(sizes, Wiring()).items():
            edges = [max(1, round(self.size / side / 2)) for side in sizes[layer]]
            rows[layer] = [
                np.array([(cell, _centre(p), _border(p, edge)) for cell, p in axis])
                for axis, edge in zip(axes, edges, strict=True)
            ]
        return rows

    def sees_alike(self, layers: Iterable[str]) -> set[str]:
        """Of layers whose cells no local path reaches, those that global pooling or attention leads to."""
        cells = {layer: [(0, 0)] for layer in layers}
        return {layer for layer, mass in self._gradients(cells, Wiring(passes_global=True)).items() if mass.any()}

    def _profiles(self, sizes: Sizes, wiring: Wiring) -> dict[str, list[list[tuple[int, Array]]]]:
        """Layer -> axis -> (cell, mass along that axis) of up to `MAX_PROBES` cells in their order.

        One probe serves both axes: a row and a column that are never alike, or transposed maps would look right.
        """
        axes = {layer: (_spread(height), _turned(_spread(width))) for layer, (height, width) in sizes.items()}
        cells = {layer: list(itertools.zip_longest(ys, xs, fillvalue=0)) for layer, (ys, xs) in axes.items()}
        found = {}
        for layer, masses in self._gradients(cells, wiring).items():
            found[layer] = [
                sorted(
                    ((cell, mass.sum(axis=1 - axis)) for cell, mass in zip(own, masses, strict=False)),
                    key=lambda pair: pair[0],
                )
                for axis, own in enumerate(axes[layer])
            ]
        return found

    def _gradients(self, cells: Cells, wiring: Wiring) -> dict[str, Array]:
        """|gradient| of single cells, float64 (probe, size, size) per layer, summed over the input's channels."""
        if not cells:
            return {}
        size, n_probes = self.size, max(len(pairs) for pairs in cells.values())
        noise = torch.from_numpy(generator(self.seed, "probe", size).uniform(0, 1e-3, size=(1, 3, size, size)))
        inputs = (1 + noise).to(device=self.device, dtype=torch.float32).expand(n_probes, -1, -1, -1)
        inputs = inputs.contiguous(memory_format=torch.channels_last).requires_grad_()
        found = {}
        with self._hooks({layer: self.layers[layer] for layer in cells}) as hooks, torch.enable_grad():
            with exact_arithmetic(), wiring:
                hooks.run(inputs)
            for n, (layer, pairs) in enumerate(cells.items(), 1):
                ys, xs = torch.tensor(pairs).T
                values = hooks.maps[layer][torch.arange(len(pairs)), :, ys, xs]
                mix = generator(self.seed, "mix", layer).uniform(0.5, 1.5, size=values.shape[1])
                target = (values @ torch.from_numpy(mix).to(values)).sum()
                gradient = None
                if target.requires_grad:
                    with exact_arithmetic():
                        (gradient,) = torch.autograd.grad(
                            target, inputs, retain_graph=n < len(cells), allow_unused=True
                        )
                mass = torch.zeros(n_probes, size, size) if gradient is None else gradient.abs().sum(1).cpu()
                found[layer] = mass[: len(pairs)].double().numpy()
        return found

    def _hooks(self, layers: Mapping[str, str]) -> ActivationHooks:
        return ActivationHooks(
            self.twin,
            layers,
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


def _turned(cells: list[int]) -> list[int]:
    """The second half of a list before the first."""
    return cells[len(cells) // 2 :] + cells[: len(cells) // 2]


def _centre(profile: Array) -> float:
    """Centre of mass as a fraction of the profile's length; NaN where there is no mass, or no finite one."""
    total = float(profile.sum())
    if not (math.isfinite(total) and total > 0):
        return math.nan
    return float(profile @ ((np.arange(len(profile)) + 0.5) / len(profile))) / total


def _border(profile: Array, edge: int) -> float:
    """Share of the mass in the first and last `edge` pixels; NaN where there is no mass."""
    total = float(profile.sum())
    return float(profile[:edge].sum() + profile[-edge:].sum()) / total if total > 0 else math.nan
