"""What every model source must provide. A new source: one file, one line in `SOURCES`, one entry in `ROWS`."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import torch

import tiny_models
from conceptatlas.models.blocks import iterate_blocks
from conceptatlas.models.index import SOURCES, load_model
from conceptatlas.models.loaded import LoadedModel

Row = dict[str, Any]

ROWS: dict[str, tuple[Row, dict[str, str]]] = {
    "demo": ({"architecture": "plain", "weights": "random"}, {}),
    "torchvision": (
        {"architecture": "squeezenet1_1", "weights": "random", "input_size": 64},
        {"a": "features.3", "b": "features.12"},
    ),
    "user": (
        {"architecture": "tiny_models:user_net", "weights": "", "input_size": 32},
        {"a": "conv1", "b": "bn2"},
    ),
}
"""source -> (cells of models.tsv, layers to hook; none: the first and last that can be)."""


def row_of(source: str) -> Row:
    if source not in ROWS:
        pytest.fail(f"source {source!r} has no entry in ROWS of {__name__}: add a small model of it")
    return {"model": "m", "source": source, "seed": 3} | ROWS[source][0]


@pytest.fixture(params=SOURCES)
def source(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def layers_of(source: str, model: LoadedModel) -> dict[str, str]:
    from conceptatlas.models.suggest import suggest_layers
    from conceptatlas.models.trace import trace_modules

    given = ROWS[source][1]
    return given or {call.name: call.name for call in suggest_layers(trace_modules(model), n=2)}


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
    assert model.source["source"] == source
    json.dumps([model.source, model.preprocessing], allow_nan=False)
    assert model.preprocessing["mean"] == list(model.mean)
    assert "normalisation" in model.preprocessing
    with torch.inference_mode():
        output = model.module(torch.zeros(2, 3, model.input_size, model.input_size))
    assert len(output) == 2
    assert model.classes is None or len(model.classes) == output.shape[1]


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


def test_a_source_names_what_it_does_not_know(source: str) -> None:
    with pytest.raises(ValueError, match="'m'"):
        load_model(row_of(source) | {"architecture": "no_such_network"})


def test_the_sheets_preprocessing_wins(source: str) -> None:
    model = load_model(row_of(source) | {"mean": "0.1,0.2,0.3", "std": "1,2,3"})
    assert (model.mean, model.std) == ((0.1, 0.2, 0.3), (1.0, 2.0, 3.0))
    assert model.preprocessing["normalisation"] == "sheet"
