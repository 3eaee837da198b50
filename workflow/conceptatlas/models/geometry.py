"""Where in the picture each cell of a map looks: receptive-field centres, found by probing the network.

The centre of a cell is the centre of mass, over the input, of |d sum_k r_k A[k,i,j] / d input| in the structural copy
of the network (`models.structure`). Close to the border the picture cuts fields off and pulls this centre of mass
inwards, and in deep layers every field is cut. So two things are recorded:

centres (`rf_centres_y`, `rf_centres_x`)
    offset + i * step, what Network Dissection composes from a prototxt: a straight line through cells in the middle of
    the map, measured with kernels reduced to their middles. That moves no centre and leaves fields of a few pixels,
    which the border does not reach. Centres may lie near the very edge of the frame: a 3 x 3 convolution of stride 2
    looks at pixels 0, 2, 4 ...
measured (`measured_y`, `measured_x`)
    the centre of mass of the whole kernels' field within the picture, cell by cell (probed for a few cells, linear in
    between); not for token grids and channel-last maps.

All are fractions of the frame's side, 0 = its upper or left edge, 1 = the opposite one; the centre of pixel p of n is
(p + 1/2) / n. Attention sees everywhere and is left out, so the tokens of a transformer lie where their patches do.
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
_FLAT = 0.1  # centres that span less of the frame than this do not follow the picture
_PATCH = 0.01  # cells by which measured centres may differ from patch centres and still be those
_SPREAD = 0.05  # share by which steps of tokens may be off; beyond, fields are spread over the picture (MLP-Mixer)
_ASTRAY = 2.0  # cells from the line beyond which a cell is out of order; upsampled levels stray by less at the border
_ALIKE = "every cell sees the picture alike"
_DISORDERED = "cells are not in the order of the picture"


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
    layer -> n_units, height, width, kind ("map" | "channel_last" | "token" | "vector"), method ("gradient" measured;
    "patch" centres of patches, (i + 1/2) / h; "whole" for a 1 x 1 map; "" if undefined), rf_centres_y, rf_centres_x,
    measured_y, measured_x (lists of fractions, or None), step_y, step_x (fractions), residual (largest distance, in
    cells, of whole fields' measured centres from rf_centres; None where no field is whole) and reason ("", or why
    centres are undefined).

    Raises
    ------
    ValueError
        for tokens in another order than the picture's, and oblong outputs that do not follow the picture.
    """
    shapes, layouts = _shapes(model, layers, device)
    found = {layer: _sizes(shapes[layer], layouts[layer]) for layer in layers}
    for record in found.values():
        if record["height"] == 1 and record["width"] == 1:
            _put(record, "whole", 0.5, 1.0, 0.5, 1.0)
    probed = {layer: layers[layer] for layer, record in found.items() if not record["method"]}
    if not probed:
        return found
    sizes = {layer: (found[layer]["height"], found[layer]["width"]) for layer in probed}
    probe = FieldProbe(model, probed, device=device, seed=seed)
    points = probe.measure_points(sizes)
    fields = probe.measure_fields({layer: hw for layer, hw in sizes.items() if layouts[layer].kind == "map"})
    alike = probe.sees_alike([layer for layer in probed if not _reached(points[layer])])
    for layer in probed:
        record = found[layer]
        if _reached(points[layer]):
            _place(record, points[layer], model.input_size)
        else:
            record["reason"] = _ALIKE if layer in alike else "no gradient of a cell reaches the input"
        if layer in fields and not record["reason"]:
            _compare(record, fields[layer])
        _settle(record, layer=layer, where=f"module {layers[layer]!r} of model {model.name!r}")
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


def _put(record: Geometry, method: str, first_y: float, step_y: float, first_x: float, step_x: float) -> None:
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


def _reached(axes: list[Array]) -> bool:
    """Whether any cell that was probed has a field of its own."""
    return any(bool(np.isfinite(axis[:, 1]).any()) for axis in axes)


def _place(record: Geometry, axes: list[Array], size: int) -> None:
    """Centres of a layer: the straight line through the cells whose fields are whole."""
    lines = []
    for axis, length in zip(axes, (record["height"], record["width"]), strict=True):
        cells, centres, share = axis[np.isfinite(axis[:, 1])].T
        if len(centres) > 1 and np.any(np.diff(centres) <= 0):
            record["reason"] = _ALIKE if float(np.ptp(centres)) < _FLAT else _DISORDERED
            return
        cells, centres = cells[share > 1 - _CUT], centres[share > 1 - _CUT]
        line = _line(cells, centres, length, size)
        if line is None:
            record["reason"] = "fewer than two cells have fields that lie within the picture"
            return
        if np.any(np.abs(centres - line[0] - line[1] * cells) > _ASTRAY * line[1]):
            record["reason"] = _DISORDERED
            return
        lines.append(line)
    _put(record, "gradient", *lines[0], *lines[1])


def _line(cells: Array, centres: Array, length: int, size: int) -> tuple[float, float] | None:
    """(centre of cell 0, step) as fractions; None with fewer than two cells on an axis of several."""
    if length == 1:
        return (_clean(centres[0] * size) / size, 1.0) if len(cells) else None
    inner = (cells >= length / 4) & (cells < 3 * length / 4)  # interpolation repeats the border without losing mass
    if inner.sum() >= 2:
        cells, centres = cells[inner], centres[inner]
    if len(cells) < 2:
        return None
    step, first = np.polyfit(cells, centres * size, 1)
    return _clean(first) / size, _clean(step) / size


def _clean(pixels: float) -> float:
    """A centre in pixels without the noise of float32: kernels and strides put it on a half pixel."""
    half = round(2 * pixels) / 2
    return half if abs(pixels - half) < 0.01 else round(float(pixels), 3)


def _compare(record: Geometry, axes: list[Array]) -> None:
    """Centres of mass within the picture beside the centres, and their distance where a field is whole."""
    for axis, (side, length) in zip(axes, (("y", record["height"]), ("x", record["width"])), strict=True):
        cells, centres, cut = axis.T
        if not np.isfinite(centres).all():
            continue
        record[f"measured_{side}"] = [round(float(v), 6) for v in np.interp(np.arange(length), cells, centres)]
        expected = np.asarray(record[f"rf_centres_{side}"])[cells.astype(int)]
        uncut = cut <= _CUT
        if uncut.any():
            distance = float(np.max(np.abs(centres - expected)[uncut])) * length
            record["residual"] = max(round(distance, 6), record["residual"] or 0.0)


def _settle(record: Geometry, *, layer: str, where: str) -> None:
    """What a layer's kind adds to its measurement.

    Token grids and channel-last maps come from patches: they have patch centres where nothing else was measured, and
    those exactly where the same was measured. Grids in another order than the picture's, and oblong outputs whose cells
    do not follow the picture, are no maps: ValueError.
    """
    h, w, kind = record["height"], record["width"], record["kind"]
    if record["reason"] == _DISORDERED and kind != "map":
        raise ValueError(
            f"layer {layer!r}: the {'tokens' if kind == 'token' else 'cells'} of {where} are not in the order of the "
            "picture, row by row; hook a module whose output is a map"
        )
    if kind == "map":
        if record["reason"] and h != w:
            raise ValueError(
                f"layer {layer!r}: {where} returns {record['n_units']} x {h} x {w} values an image, which follow the "
                f"picture neither row by row nor column by column ({record['reason']}): heads or windows of an "
                "attention layer are no map; hook the module around it"
            )
        return
    if not record["reason"]:
        distances = [
            (abs(record[f"rf_centres_{side}"][0] * n - 0.5), abs(record[f"step_{side}"] * n - 1))
            for side, n in (("y", h), ("x", w))
        ]
        if all(step < _SPREAD for _, step in distances) and any(max(pair) > _PATCH for pair in distances):
            return  # patches that overlap
    record["reason"] = ""
    _put(record, "patch", 0.5 / h, 1.0 / h, 0.5 / w, 1.0 / w)
