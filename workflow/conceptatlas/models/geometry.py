"""Where in the picture each cell of a map looks: receptive-field centres, found by probing the network.

The centre of a cell is the centre of mass, over the input, of |d sum_k r_k A[k,i,j] / d input| in the structural copy
of the network (`models.structure`). Close to the border the picture cuts fields off and pulls this centre of mass
inwards, and in deep layers every field is cut. So two things are recorded:

centres (`rf_centres_y`, `rf_centres_x`)
    offset + i * step, what Network Dissection composes from a prototxt. Measured on a central cell of an enlarged
    input, where its field is whole; the step follows exactly from how the map grows with the input. Centres may lie
    near the very edge of the frame: a 3 x 3 convolution of stride 2 looks at pixels 0, 2, 4 ...
measured (`measured_y`, `measured_x`)
    the centre of mass within the picture, cell by cell (probed for a few cells, linear in between).

All are fractions of the frame's side, 0 = its upper or left edge, 1 = the opposite one; the centre of pixel p of n is
(p + 1/2) / n. Token grids and channel-last maps have patch centres (i + 1/2) / h: attention sees everywhere.
"""

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
from conceptatlas.models.hooks import ActivationHooks, Layout
from conceptatlas.models.loaded import LoadedModel
from conceptatlas.models.structure import structural_copy
from conceptatlas.seeds import generator

logger = logging.getLogger(__name__)

Array = np.ndarray[Any, Any]
Geometry = dict[str, Any]

MAX_PROBES = 8
"""Cells per axis whose centre of mass is measured."""

_CUT = 1e-3  # share of a field's mass next to the border from which on the field counts as cut off
_WHOLE = 1e-4  # the same for the enlarged input, where the answer should be exact
_SIDES = ("height", "width")
_FLAT = 0.02  # centres that span less of the frame than this do not follow the picture


def map_geometry(
    model: LoadedModel, layers: Mapping[str, str], *, device: torch.device | str = "cpu", seed: int = 0
) -> dict[str, Geometry]:
    """Size and geometry of the maps of some layers.

    Parameters
    ----------
    model : not changed; a copy is probed.
    layers : layer name -> dotted module name.

    Returns
    -------
    layer -> n_units, height, width, kind ("map" | "channel_last" | "token" | "vector"), method ("gradient" enlarged
    input; "fit" straight line through whole fields; "patch"; "whole" for a 1 x 1 map; "" if refused), rf_centres_y,
    rf_centres_x, measured_y, measured_x (lists of fractions, or None), step_y, step_x (fractions), residual (largest
    distance, in cells, of whole fields' measured centres from rf_centres; None where no field is whole) and reason ("",
    or why centres are undefined).
    """
    shapes, layouts = _shapes(model, layers, device)
    found = {layer: _sizes(shapes[layer], layouts[layer]) for layer in layers}
    probed = {}
    for layer, record in found.items():
        if record["height"] == 1 and record["width"] == 1:
            _put(record, "whole", 0.5, 0.5, 1.0, 1.0)
        elif layouts[layer].kind != "map":
            h, w = record["height"], record["width"]
            _put(record, "patch", 0.5 / h, 0.5 / w, 1.0 / h, 1.0 / w)
        else:
            probed[layer] = layers[layer]
    if probed:
        probe = _Probe(model, probed, device=device, seed=seed)
        inside = probe.measure_picture(found)
        whole = probe.measure_enlarged(found)
        for layer in probed:
            _combine(found[layer], inside[layer], whole.get(layer))
    return found


def _sizes(shape: tuple[int, ...], layout: Layout) -> Geometry:
    return {
        "kind": layout.kind,
        "n_units": shape[1],
        "height": shape[2],
        "width": shape[3],
        "method": "",
        "reason": "",
        "residual": None,
        **dict.fromkeys(("rf_centres_y", "rf_centres_x", "measured_y", "measured_x", "step_y", "step_x")),
    }


def _put(record: Geometry, method: str, first_y: float, first_x: float, step_y: float, step_x: float) -> None:
    record.update(method=method, step_y=step_y, step_x=step_x)
    record["rf_centres_y"] = [first_y + i * step_y for i in range(record["height"])]
    record["rf_centres_x"] = [first_x + j * step_x for j in range(record["width"])]


def _shapes(
    model: LoadedModel, layers: Mapping[str, str], device: torch.device | str
) -> tuple[dict[str, tuple[int, ...]], dict[str, Layout]]:
    model.module.to(device)
    hooks = ActivationHooks(
        model.module,
        layers,
        channel_last=model.channel_last,
        prefix_tokens=model.prefix_tokens,
        name=model.name,
    )
    with hooks, torch.inference_mode():
        hooks.run(torch.zeros(2, 3, model.input_size, model.input_size, device=device))
        return {layer: tuple(values.shape) for layer, values in hooks.maps.items()}, dict(hooks.layouts)


class _Probe:
    """Gradients of single cells of the structural copy with respect to its input."""

    def __init__(self, model: LoadedModel, layers: Mapping[str, str], *, device: torch.device | str, seed: int) -> None:
        self.size, self.layers, self.device, self.seed = model.input_size, dict(layers), device, seed
        self.name, self.channel_last, self.prefix_tokens = model.name, model.channel_last, model.prefix_tokens
        self.twin: nn.Module = structural_copy(model.module, seed=seed).to(device)

    def measure_picture(self, found: Mapping[str, Geometry]) -> dict[str, list[Array]]:
        """Per layer and axis (y, x): rows of (cell, centre of mass as a fraction, share of mass at the border)."""
        axes = {layer: (_spread(found[layer]["height"]), _spread(found[layer]["width"])) for layer in self.layers}
        # one probe serves both axes: cells along a diagonal
        cells = {layer: list(itertools.zip_longest(ys, xs, fillvalue=0)) for layer, (ys, xs) in axes.items()}
        rows: dict[str, list[Array]] = {}
        for layer, masses in self._gradients(self.size, cells).items():
            step = self.size / found[layer]["height"], self.size / found[layer]["width"]
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

    def measure_enlarged(self, found: Mapping[str, Geometry]) -> dict[str, list[tuple[float, float]]]:
        """Per layer and axis: (centre of cell 0, step), fractions of the frame; layers without an answer are left out.

        The input grows by a multiple of every stride on each side, so cell i of the picture is cell i + grown / step of
        the enlarged one. Half a picture on each side is enough for most layers; the others get a whole one.
        """
        answers: dict[str, list[tuple[float, float]]] = {}
        for share in (0.5, 1.0):
            missing = [layer for layer in self.layers if layer not in answers]
            grown = self._grow(found, round(share * self.size)) if missing else None
            if grown is None:
                break
            margin, steps = grown
            cells = {
                layer: [(found[layer]["height"] // 2 + margin // y, found[layer]["width"] // 2 + margin // x)]
                for layer, (y, x) in steps.items()
                if layer in missing
            }
            for layer, masses in self._gradients(self.size + 2 * margin, cells).items():
                middles = found[layer]["height"] // 2, found[layer]["width"] // 2
                lines = [
                    self._line(_profile(masses[0], axis), steps[layer][axis], middles[axis], margin) for axis in (0, 1)
                ]
                if lines[0] is not None and lines[1] is not None:
                    answers[layer] = [lines[0], lines[1]]
        return answers

    def _line(self, profile: Array, step: int, middle: int, margin: int) -> tuple[float, float] | None:
        """(centre of cell 0, step) from the enlarged field of the middle cell; None if even there it is cut off."""
        centre, cut = _centre(profile, step)
        if not math.isfinite(centre) or cut > _WHOLE:
            return None
        pixels = _clean(centre * len(profile) - margin)  # from the picture's own edge
        return (pixels - middle * step) / self.size, step / self.size

    def _grow(self, found: Mapping[str, Geometry], at_least: int) -> tuple[int, dict[str, tuple[int, int]]] | None:
        """Pixels to add on each side, and the strides (y, x) of the layers that divide them; None if input is fixed."""
        unit = 32
        steps: dict[str, tuple[int, int]] = {}
        for _ in range(2):
            margin = -(-at_least // unit) * unit
            try:
                sizes = self._map_sizes(self.size + 2 * margin)
            except (RuntimeError, ValueError, AssertionError) as error:
                logger.info("model %s takes its own input size only (%s)", self.name, error)
                return None
            strides = {
                layer: tuple(
                    2 * margin / max(1, after - found[layer][side]) for after, side in zip(hw, _SIDES, strict=True)
                )
                for layer, hw in sizes.items()
            }
            steps = {
                layer: (int(y), int(x)) for layer, (y, x) in strides.items() if margin % y == 0 and margin % x == 0
            }
            if len(steps) == len(sizes):
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


def _combine(record: Geometry, inside: list[Array], whole: list[tuple[float, float]] | None) -> None:
    """Centres of a layer from its measured cells and, where there is one, the enlarged input's answer."""
    for axis, (side, length) in enumerate((("y", record["height"]), ("x", record["width"]))):
        cells, centres, cut = inside[axis].T
        if not np.isfinite(centres).all():
            record["reason"] = "no gradient reaches the input from some cells"
            return
        if length > 1 and np.any(np.diff(centres) <= 0):
            spread = float(centres.max() - centres.min())
            record["reason"] = (
                "every cell sees the picture alike" if spread < _FLAT else "cells are not in the order of the picture"
            )
            return
        record[f"measured_{side}"] = [round(float(v), 6) for v in np.interp(np.arange(length), cells, centres)]
        line = whole[axis] if whole is not None else _fit(cells, centres, cut)
        if line is None:
            record["reason"] = "no cell's field lies within the picture, and the network takes no larger input"
            return
        first, step = line
        uncut = cut <= _CUT
        if uncut.any():
            distance = float(np.max(np.abs(centres - first - step * cells)[uncut])) * length
            record["residual"] = max(round(distance, 6), record["residual"] or 0.0)
        record[f"step_{side}"] = step
        record[f"rf_centres_{side}"] = [first + step * i for i in range(length)]
    record["method"] = "gradient" if whole is not None else "fit"


def _fit(cells: Array, centres: Array, cut: Array) -> tuple[float, float] | None:
    """Straight line through the cells whose fields are whole: (centre of cell 0, step); None with fewer than two."""
    uncut = cut <= _CUT
    if len(cells) == 1:
        return float(centres[0]), 1.0
    if int(uncut.sum()) < 2:
        return None
    step, first = np.polyfit(cells[uncut], centres[uncut], 1)
    return round(float(first), 9), round(float(step), 9)
