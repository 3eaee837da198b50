"""The check before any job: does the model load, do its layers exist, and what do their maps look like.

Everything that a wrong row can cause is found here, in seconds, and named; the report is an input of every extraction.
"""

from __future__ import annotations

import logging
from typing import Any

import torch

from conceptatlas.models.cost import multiply_adds
from conceptatlas.models.geometry import map_geometry
from conceptatlas.models.hooks import ActivationHooks, find_module
from conceptatlas.models.index import load_model
from conceptatlas.models.loaded import LoadedModel
from conceptatlas.models.preprocessing import prepare
from conceptatlas.models.rows import needs_calibration
from conceptatlas.models.trace import RECTIFIED, ModuleCall, trace_modules
from conceptatlas.seeds import generator

logger = logging.getLogger(__name__)

Row = dict[str, Any]

_FLOAT16_MAX = 65504.0
_FLOAT16_TINY = 2.0**-14  # smallest normal number


def check_model(row: Row, layer_rows: list[Row], *, device: str = "cpu") -> dict[str, Any]:
    """Load a model and check its layers.

    Parameters
    ----------
    row : the model's row of models.tsv.
    layer_rows : its rows of layers.tsv (all, or those of one group); columns layer, module, dtype are used.

    Returns
    -------
    report : plain values; model, source, input_size, preprocessing, weights_sha256, n_parameters, gmac (10^9
        multiply-adds a picture), n_classes, n_modules, n_hookable, modules (the hookable ones: name, class, shape,
        depth), torch (version), and layers: layer -> module, class, kind, n_units, height, width, dtype, depth,
        clipped, before_clip, rectified, notes, geometry
        (`geometry.map_geometry`).

    Raises
    ------
    ValueError
        for whatever `load_model` refuses; an unknown module (with the nearest names); a module that runs several times
        or never, returns no map, changes its map's size between pictures, is not the same twice, or is not finite.
    """
    model = load_model(row)
    model.module.to(device)
    layers = {str(layer["layer"]): str(layer["module"]) for layer in layer_rows}
    dtypes = {str(layer["layer"]): str(layer.get("dtype") or "float16") for layer in layer_rows}
    for layer, dotted in layers.items():
        find_module(model.module, dotted, where=f"model {model.name!r}")
        if model.why_outside(dotted):
            raise ValueError(
                f"layer {layer!r}: module {dotted!r} of model {model.name!r} does not run: {model.why_outside(dotted)}"
            )
    calls = trace_modules(model)
    extremes = _check_maps(model, layers)
    found = map_geometry(model, layers, device=device)
    report: dict[str, Any] = {
        "model": model.name,
        "source": model.source,
        "input_size": model.input_size,
        "preprocessing": model.preprocessing,
        "weights_sha256": model.weights_sha256,
        "n_parameters": sum(p.numel() for p in model.module.parameters()),
        "gmac": multiply_adds(model),
        "n_classes": len(model.classes) if model.classes is not None else None,
        "classes": list(model.classes) if model.classes is not None else None,
        "n_modules": len(calls),
        "n_hookable": sum(call.hookable for call in calls.values()),
        "modules": [
            {
                "name": call.name,
                "class": call.class_name,
                "shape": list(call.shape or ()),
                "depth": round(call.depth, 4),
            }
            for call in calls.values()
            if call.hookable
        ],
        "torch": torch.__version__,
        "layers": {},
    }
    for layer, dotted in layers.items():
        geometry = found[layer]
        kind, n_units = geometry.pop("kind"), geometry.pop("n_units")
        call = _call(calls, model, dotted)
        notes = _range_notes(call)
        if not needs_calibration(row) and dtypes[layer] == "float16":  # a twin's range is known after calibration
            notes += _float16_notes(*extremes[layer])
        if geometry["reason"]:
            notes.append(f"no receptive-field centres: {geometry['reason']}")
        for note in notes:
            logger.warning("layer %s of model %s: %s", layer, model.name, note)
        report["layers"][layer] = {
            "module": dotted,
            "class": call.class_name,
            "kind": kind,
            "n_units": n_units,
            "height": geometry.pop("height"),
            "width": geometry.pop("width"),
            "dtype": dtypes[layer],
            "depth": round(call.depth, 4),
            "clipped": call.clipped,
            "before_clip": call.leaf_before if call.clipped else "",
            "rectified": call.last_leaf_class in RECTIFIED,
            "notes": notes,
            "geometry": geometry,
        }
    return report


def _call(calls: dict[str, ModuleCall], model: LoadedModel, dotted: str) -> ModuleCall:
    """The call of a module, also under a second name of the same module."""
    if dotted in calls:
        return calls[dotted]
    wanted = model.module.get_submodule(dotted)
    return next(call for name, call in calls.items() if model.module.get_submodule(name) is wanted)


def _check_maps(model: LoadedModel, layers: dict[str, str]) -> dict[str, tuple[float, float]]:
    """Run three unlike pictures in unlike batches; per layer the largest and the median non-zero magnitude."""
    size = model.input_size
    noise = generator(0, "check", size).integers(0, 256, (3, size, size, 3)).astype("uint8")
    noise[1] = 255
    pictures = prepare(noise, model)
    extremes = {}
    hooks = ActivationHooks(
        model.module, layers, channel_last=model.channel_last, prefix_tokens=model.prefix_tokens, name=model.name
    )
    with hooks, torch.inference_mode():
        hooks.run(pictures)
        first = hooks.maps
        hooks.run(pictures)
        second = hooks.maps
        hooks.run(pictures[1:])
        other = hooks.maps
        for layer, values in first.items():
            place = f"layer {layer!r} (module {layers[layer]!r}) of model {model.name!r}"
            if not bool(torch.isfinite(values).all()):
                raise ValueError(f"{place}: infinite or NaN values on random pictures; are the weights the right ones?")
            if values.shape[1:] != other[layer].shape[1:] or values.shape != second[layer].shape:
                raise ValueError(
                    f"{place}: the map's size varies, {tuple(values.shape[1:])} and {tuple(other[layer].shape[1:])} "
                    "(unit, height, width); maps must have one size"
                )
            largest = float(values.abs().max())
            if float((values - second[layer]).abs().max()) > 1e-3 * max(largest, 1e-12):
                raise ValueError(f"{place}: not the same twice for the same pictures; it draws random numbers")
            nonzero = values[values != 0].abs()
            extremes[layer] = (largest, float(nonzero.median()) if nonzero.numel() else 0.0)
    return extremes


def _range_notes(call: ModuleCall) -> list[str]:
    if not call.clipped:
        return []
    advice = f"; consider {call.leaf_before}, the layer before" if call.leaf_before else ""
    return [f"after {call.last_leaf_class}, which clips: units may saturate{advice}"]


def _float16_notes(largest: float, median: float) -> list[str]:
    notes = []
    if largest > _FLOAT16_MAX / 4:
        notes.append(f"values up to {largest:.3g} on noise, float16 ends at {_FLOAT16_MAX:.0f}; consider dtype float32")
    if 0 < median < _FLOAT16_TINY:
        notes.append(
            f"half of the values below {median:.2g} on noise, which float16 cannot hold; consider dtype float32"
        )
    return notes
