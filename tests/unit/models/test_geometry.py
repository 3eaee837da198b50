"""Geometry: probed centres against the arithmetic of kernels, strides and padding."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

import tiny_models
from conceptatlas.models.geometry import map_geometry
from conceptatlas.models.index import load_model


def analytic(layers: list[tuple[int, int, int, int]]) -> tuple[float, int]:
    """Centre of cell 0 in pixels, and the step, of (kernel, stride, padding, dilation) layers one after another."""
    centre, step = 0.5, 1
    for kernel, stride, padding, dilation in layers:
        centre += step * (dilation * (kernel - 1) / 2 - padding)
        step *= stride
    return centre, step


def chain(layers: list[tuple[int, int, int, int]], *, pool: str) -> nn.Sequential:
    modules: list[nn.Module] = []
    width = 3
    for n, (kernel, stride, padding, dilation) in enumerate(layers):
        if pool and n % 2:
            modules.append(nn.MaxPool2d(kernel, stride, padding, ceil_mode=pool == "ceil"))
        else:
            modules += [
                nn.Conv2d(width, 8, kernel, stride, padding, dilation),
                nn.BatchNorm2d(8),
                nn.ReLU(inplace=True),
            ]
            width = 8
    return nn.Sequential(*modules)


CHAINS = [
    [(3, 1, 1, 1)],
    [(11, 4, 2, 1), (3, 2, 0, 1), (5, 1, 2, 1)],
    [(7, 2, 0, 1), (3, 2, 0, 1), (3, 1, 1, 1), (3, 2, 0, 1)],
    [(3, 2, 1, 1), (2, 2, 0, 1), (3, 1, 2, 2), (2, 2, 0, 1)],
    [(3, 3, 0, 1), (3, 1, 1, 1), (3, 1, 1, 1)],
]


@pytest.mark.parametrize("pool", ["", "floor", "ceil"])
@pytest.mark.parametrize("layers", CHAINS)
@pytest.mark.parametrize("size", [67, 96])
def test_centres_are_those_of_the_arithmetic(layers: list[tuple[int, int, int, int]], pool: str, size: int) -> None:
    if pool and any(dilation > 1 for _, _, _, dilation in layers[1::2]):
        layers = [(k, s, p, 1) for k, s, p, _ in layers]
    net = chain(layers, pool=pool)
    model = tiny_models.model(net, input_size=size)
    last = str(len(net) - 1)
    found = map_geometry(model, {"a": last})["a"]
    centre, step = analytic(layers)
    assert found["method"] == "gradient"
    pixels = np.array(found["rf_centres_y"]) * size
    np.testing.assert_allclose(pixels, centre + step * np.arange(found["height"]), atol=1e-6)
    np.testing.assert_allclose(found["rf_centres_x"], found["rf_centres_y"], atol=1e-9)
    if found["residual"] is not None:
        assert found["residual"] < 0.01


def test_measured_centres_move_inwards_at_the_border_only() -> None:
    model = tiny_models.model(chain([(3, 1, 1, 1), (3, 1, 1, 1), (3, 1, 1, 1)], pool=""), input_size=40)
    found = map_geometry(model, {"a": "8"})["a"]
    centres, measured = np.array(found["rf_centres_y"]) * 40, np.array(found["measured_y"]) * 40
    assert measured[0] > centres[0] + 0.3
    assert measured[-1] < centres[-1] - 0.3
    assert np.all(np.diff(measured) > 0)
    np.testing.assert_allclose(measured[9:-9], centres[9:-9], atol=0.02)  # nearer to the border: partly interpolated


def test_random_and_trained_weights_give_the_same_geometry() -> None:
    """It is a property of the wiring: other weights, other batch-norm statistics, the same centres."""
    found = [map_geometry(tiny_models.model(seed=seed), {"a": "pool"})["a"] for seed in (0, 1)]
    assert found[0]["rf_centres_y"] == found[1]["rf_centres_y"]


def test_the_model_is_not_touched() -> None:
    model = tiny_models.model()
    before = {name: tensor.clone() for name, tensor in model.module.state_dict().items()}
    map_geometry(model, {"a": "pool", "b": "conv1"})
    assert all(torch.equal(before[name], tensor) for name, tensor in model.module.state_dict().items())
    assert all(not child._forward_hooks for child in model.module.modules())


def test_tokens_vectors_and_channel_last_maps() -> None:
    model = tiny_models.model(tiny_models.OddNet())
    found = map_geometry(model, {"tokens": "with_class", "last": "last", "patches": "patches", "vector": "head"})
    for layer in ("tokens", "last"):
        assert found[layer]["method"] == "patch"
        np.testing.assert_allclose(found[layer]["rf_centres_x"], [0.125, 0.375, 0.625, 0.875])
    np.testing.assert_allclose(found["patches"]["rf_centres_x"], [0.125, 0.375, 0.625, 0.875], atol=1e-6)
    assert found["vector"]["rf_centres_y"] == [0.5]
    assert (found["vector"]["n_units"], found["vector"]["height"]) == (3, 1)


class Spread(nn.Module):
    """Pools everything and lays the result out again as a map: every cell sees the picture alike."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=1)
        self.alike = nn.Identity()
        self.flipped = nn.Identity()
        self.blind = nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.conv(x)
        self.flipped(x.flip(2))
        self.blind(x.detach() * 0 + 1)
        return self.alike(x.mean((2, 3), keepdim=True).expand(-1, -1, 8, 8))


def test_geometry_is_refused_with_the_reason_where_undefined() -> None:
    found = map_geometry(tiny_models.model(Spread()), {name: name for name in ("alike", "flipped", "blind")})
    assert "alike" in found["alike"]["reason"]
    assert "order" in found["flipped"]["reason"]
    assert "no gradient" in found["blind"]["reason"]
    for record in found.values():
        assert record["method"] == ""
        assert record["rf_centres_y"] is None
        assert record["rf_centres_x"] is None


class FixedInput(nn.Module):
    """Takes its own input size only."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 4, 8, stride=8)
        self.head = nn.Linear(4 * 16, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if x.shape[2] != 32:
            raise ValueError("32 pixels only")
        return self.head(self.patches(x).flatten(1))


def test_a_network_of_fixed_input_size_is_fitted_on_whole_fields() -> None:
    found = map_geometry(tiny_models.model(FixedInput()), {"a": "patches"})["a"]
    assert found["method"] == "fit"
    np.testing.assert_allclose(found["rf_centres_y"], [0.125, 0.375, 0.625, 0.875], atol=1e-6)


@pytest.mark.parametrize(
    ("architecture", "module", "size", "centre", "step"),
    [
        ("alexnet", "features.12", 227, 31.5, 32),
        ("resnet18", "layer3", 128, 0.5, 16),
        ("mobilenet_v3_small", "features.12", 96, 0.5, 32),
        ("googlenet", "inception3b", 128, 6.5, 8),
    ],
)
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_published_architectures(architecture: str, module: str, size: int, centre: float, step: int) -> None:
    """Branches, residuals, squeeze-and-excitation, ceil mode; AlexNet's (32, 31) is the fieldmap of its prototxt."""
    row = {"model": "m", "source": "torchvision", "architecture": architecture, "weights": "random", "input_size": size}
    found = map_geometry(load_model(row), {"a": module})["a"]
    assert found["rf_centres_y"][0] * size == pytest.approx(centre, abs=0.05)
    assert found["step_y"] * size == pytest.approx(step, abs=1e-9)
