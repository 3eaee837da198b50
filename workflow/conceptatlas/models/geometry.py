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

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from conceptatlas.models.hooks import ActivationHooks, Layout
from conceptatlas.models.loaded import LoadedModel
from conceptatlas.models.probing import FieldProbe

Array = np.ndarray[Any, Any]
Geometry = dict[str, Any]

_CUT = 1e-3  # share of a field's mass next to the border from which on the field counts as cut off
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
        sizes = {layer: (found[layer]["height"], found[layer]["width"]) for layer in probed}
        probe = FieldProbe(model, probed, device=device, seed=seed)
        inside = probe.measure_picture(sizes)
        whole = probe.measure_enlarged(sizes)
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
            record["reason"] = "no cell's field lies within the picture, and no larger input gives a whole one"
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
    return round(float(first), 7), round(float(step), 7)
