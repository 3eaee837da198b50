"""What every model source must provide. A new source: one file, one line in `SOURCES`, one entry in `ROWS`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

import tiny_models
from conceptatlas.models.blocks import iterate_blocks
from conceptatlas.models.calibration import calibrate
from conceptatlas.models.calibration_file import save_calibration
from conceptatlas.models.check import check_model
from conceptatlas.models.index import SOURCES, load_model
from conceptatlas.models.loaded import LoadedModel
from conceptatlas.models.suggest import layer_listing, suggest_layers
from conceptatlas.models.trace import trace_modules

Row = dict[str, Any]

ROWS: dict[str, dict[str, tuple[Row, dict[str, str]]]] = {
    "demo": {"": ({"architecture": "plain", "weights": "random"}, {})},
    "timm": {
        "convolutional": (
            {"architecture": "resnet10t", "weights": "random", "input_size": 64},
            {"a": "conv1", "b": "layer4"},
        ),
        "transformer": (
            {"architecture": "vit_tiny_patch16_224", "weights": "random", "input_size": 64},
            {"a": "blocks.2", "b": "blocks.11.attn"},
        ),
    },
    "torchvision": {
        "classifier": (
            {"architecture": "squeezenet1_1", "weights": "random", "input_size": 64},
            {"a": "features.3", "b": "features.12"},
        ),
        "detector": (
            {"architecture": "ssdlite320_mobilenet_v3_large", "weights": "random", "input_size": 64},
            {"a": "backbone.features.0.4", "b": "backbone.extra.0"},
        ),
        "segmenter": (
            {"architecture": "lraspp_mobilenet_v3_large", "weights": "random", "input_size": 64},
            {"a": "backbone.4", "b": "classifier.cbr"},
        ),
    },
    "user": {
        "": ({"architecture": "tiny_models:user_net", "weights": "", "input_size": 32}, {"a": "conv1", "b": "bn2"}),
    },
}
"""source -> kind of network -> (cells of models.tsv, layers to hook; none: the first and last that can be)."""

CASES = [f"{source} {kind}".strip() for source, kinds in ROWS.items() for kind in kinds]


def entry(case: str) -> tuple[Row, dict[str, str]]:
    source, _, kind = case.partition(" ")
    return ROWS[source][kind]


def row_of(case: str) -> Row:
    return {"model": "m", "source": case.partition(" ")[0], "seed": 3} | entry(case)[0]


@pytest.fixture(params=CASES)
def source(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_every_source_has_a_row() -> None:
    assert set(ROWS) == set(SOURCES), f"add a small model of every source to ROWS of {__name__}"


def layers_of(source: str, model: LoadedModel) -> dict[str, str]:
    given = entry(source)[1]
    return given or {call.name: call.name for call in suggest_layers(trace_modules(model), n=2)}


def layer_rows(layers: dict[str, str]) -> list[Row]:
    return [{"model": "m", "layer": layer, "module": module, "dtype": "float32"} for layer, module in layers.items()]


def activations(source: str) -> dict[str, np.ndarray[Any, Any]]:
    model = load_model(row_of(source))
    frames = tiny_models.frames(5, size=48)
    layers = layers_of(source, model)
    blocks = list(iterate_blocks(model, layers, frames, batch=2))
    return {layer: np.concatenate([block.array(layer) for block in blocks]) for layer in layers}


def test_a_source_loads_a_model_ready_to_run(source: str) -> None:
    model = load_model(row_of(source))
    assert model.name == "m"
    assert not any(child.training for child in model.module.modules())
    assert not any(parameter.requires_grad for parameter in model.module.parameters())
    assert len(model.weights_sha256) == 64
    assert {tensor.dtype for tensor in model.module.parameters()} == {torch.float32}
    assert model.source["source"] == source.partition(" ")[0]
    json.dumps([model.source, model.preprocessing], allow_nan=False)
    assert model.preprocessing["mean"] == list(model.mean)
    assert "normalisation" in model.preprocessing
    with torch.inference_mode():
        output = model.module(torch.zeros(2, 3, model.input_size, model.input_size))
    outputs = list(output.values()) if isinstance(output, dict) else [output]
    assert outputs
    assert all(len(values) == 2 and bool(torch.isfinite(values).all()) for values in outputs)
    assert model.classes is None or len(model.classes) == outputs[0].shape[1]


def test_the_same_row_gives_the_same_model_and_numbers(source: str) -> None:
    assert load_model(row_of(source)).weights_sha256 == load_model(row_of(source)).weights_sha256
    first, second = activations(source), activations(source)
    assert first
    for layer in first:
        assert first[layer].ndim == 4
        np.testing.assert_array_equal(first[layer], second[layer])


def test_reading_activations_leaves_the_model_as_it_was(source: str) -> None:
    model = load_model(row_of(source))
    before = {name: tensor.clone() for name, tensor in model.module.state_dict().items()}
    hooks = [dict(child._forward_hooks) for child in model.module.modules()]
    list(iterate_blocks(model, layers_of(source, model), tiny_models.frames(3, size=48), batch=2))
    assert [dict(child._forward_hooks) for child in model.module.modules()] == hooks
    assert not any(child.training for child in model.module.modules())
    for name, tensor in model.module.state_dict().items():
        assert torch.equal(tensor, before[name])


def test_the_check_of_a_model_reports_its_layers_and_costs(source: str) -> None:
    layers = layers_of(source, load_model(row_of(source)))
    report = check_model(row_of(source), layer_rows(layers))
    json.dumps(report, allow_nan=False)
    assert report["gmac"] > 0
    assert {layer["module"] for layer in report["layers"].values()} <= {module["name"] for module in report["modules"]}
    for layer in report["layers"].values():
        assert min(layer["n_units"], layer["height"], layer["width"]) >= 1
        assert layer["geometry"]["reason"] or len(layer["geometry"]["rf_centres_y"]) == layer["height"]


def test_layers_are_listed_and_suggested(source: str) -> None:
    model = load_model(row_of(source))
    *_, last = layer_listing(model, n=3).rstrip("\n").split("\n")
    module = last.split("\t")[2]
    assert model.module.get_submodule(module) is not None
    assert not model.why_outside(module)


def test_statistics_can_be_estimated_on_pictures(source: str, tmp_path: Path) -> None:
    """Random twins of every family are calibrated, and alive afterwards."""
    row = row_of(source) | {"weights": "random"}
    state = calibrate(load_model(row), tiny_models.frames(8, size=48), batch=4)
    save_calibration(tmp_path / "c.safetensors", state)
    model = load_model(row, calibration=tmp_path / "c.safetensors")
    layers = layers_of(source, model)
    for block in iterate_blocks(model, layers, tiny_models.frames(4, size=48, seed=1), batch=4):
        for layer in layers:
            assert float(block.array(layer).astype(np.float32).std()) > 1e-4


def test_a_source_names_what_it_does_not_know(source: str) -> None:
    with pytest.raises(ValueError, match="'m'"):
        load_model(row_of(source) | {"architecture": "no_such_network"})


def test_options_that_nobody_knows_are_refused(source: str) -> None:
    with pytest.raises(ValueError, match=r"unknown option 'num_clases' in the options of model 'm'"):
        load_model(row_of(source) | {"options": "num_clases=3"})
    with pytest.raises(ValueError, match=r"model 'm'.*'num_classes' is not of the form key=value"):
        load_model(row_of(source) | {"options": "num_classes"})


def test_a_key_map_renames_what_a_weights_file_holds(source: str, tmp_path: Path) -> None:
    row = row_of(source) | {"weights": "random"}
    state = load_model(row).module.state_dict()
    module = next(name.rpartition(".")[0] for name in state if "." in name)
    save_file(
        {
            name.replace(f"{module}.", "stem.", 1) if name.rpartition(".")[0] == module else name: tensor.contiguous()
            for name, tensor in state.items()
        },
        tmp_path / "w.safetensors",
    )
    (tmp_path / "map.json").write_text(json.dumps({"stem": module}))
    from_file = row_of(source) | {"weights": str(tmp_path / "w.safetensors")}
    if source == "user":  # a function that leaves the file to the project
        from_file |= {"architecture": "tiny_models:plain_net"}
    with pytest.raises(ValueError, match="missing"):
        load_model(from_file)
    loaded = load_model(from_file | {"options": f"key_map={tmp_path / 'map.json'}"}).module.state_dict()
    for name, tensor in state.items():
        assert torch.equal(loaded[name], tensor), name
    for wrong, said in [({"stem": "no_such"}, "unknown module 'no_such'"), ({"stem": 3}, "expected the name")]:
        (tmp_path / "map.json").write_text(json.dumps(wrong))
        with pytest.raises(ValueError, match=said):
            load_model(from_file | {"options": f"key_map={tmp_path / 'map.json'}"})
    with pytest.raises(ValueError, match="'m': key_map"):
        load_model(row | {"options": f"key_map={tmp_path / 'map.json'}"})


def test_the_sheets_preprocessing_wins(source: str) -> None:
    model = load_model(row_of(source) | {"mean": "0.1,0.2,0.3", "std": "1,2,3"})
    assert (model.mean, model.std) == ((0.1, 0.2, 0.3), (1.0, 2.0, 3.0))
    assert model.preprocessing["normalisation"] == "sheet"
