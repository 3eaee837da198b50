"""Layers replaced by given maps: by themselves nothing changes, by zeros it is the network with that layer zeroed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import tiny_models
from conceptatlas.models.hooks import ActivationHooks
from conceptatlas.models.layer_gradients import LayerGradients
from conceptatlas.models.loaded import LoadedModel
from conceptatlas.models.preprocessing import prepare
from conceptatlas.models.replacing import LayerSwap, UnscoredError, run_batches, run_replaced

Array = np.ndarray[Any, Any]

SIZE = 16
FRAMES = np.random.default_rng(0).integers(0, 256, (4, SIZE, SIZE, 3), dtype=np.uint8)


class EveryLayout(nn.Module):
    """A map before an in-place ReLU, the ReLU itself, a channel-last map, tokens behind a class token, a vector."""

    def __init__(self) -> None:
        super().__init__()
        self.maps = nn.Conv2d(3, 6, 4, stride=4)
        self.relu = nn.ReLU(inplace=True)
        self.last = nn.Linear(6, 7)
        self.clip = nn.ReLU6(inplace=True)
        self.class_token = nn.Parameter(torch.randn(1, 1, 7))
        self.tokens = nn.LayerNorm(7)
        self.attention = nn.MultiheadAttention(7, 1, batch_first=True)
        self.vector = nn.Linear(7, 9)
        self.act = nn.ReLU(inplace=True)
        self.unread = nn.Linear(9, 3)
        self.head = nn.Linear(9, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.clip(self.last(self.relu(self.maps(x)).permute(0, 2, 3, 1)))
        x = self.tokens(torch.cat([self.class_token.expand(len(x), -1, -1), x.flatten(1, 2)], dim=1))
        x = x + self.attention(x, x, x, need_weights=False)[0]
        x = self.act(self.vector(x[:, 0] + x.mean(1)))
        self.unread(x)
        return self.head(x)


LAYERS = ("maps", "relu", "last", "clip", "tokens", "vector", "act", "unread", "head")


@pytest.fixture
def model() -> Iterator[LoadedModel]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield LoadedModel("every", EveryLayout(), input_size=SIZE)


def maps_of(model: LoadedModel, layer: str, inputs: torch.Tensor) -> tuple[torch.Tensor, Any, torch.Tensor]:
    with ActivationHooks(model.module, {layer: layer}) as hooks:
        output = hooks.run(inputs, stop_after_last=False)
    return hooks.maps[layer], hooks.layouts[layer], output


# Replacing ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("channels_last", [False, True])
@pytest.mark.parametrize("layer", LAYERS)
def test_a_layer_replaced_by_itself_changes_no_bit(model: LoadedModel, layer: str, channels_last: bool) -> None:
    inputs = prepare(FRAMES, model)
    if channels_last:
        model.module.to(memory_format=torch.channels_last)
    with torch.no_grad():
        maps, layout, output = maps_of(model, layer, inputs)
        assert torch.equal(output, model.module(inputs))
        assert torch.equal(run_replaced(model.module, inputs, maps, dotted=layer, layout=layout), output)


@pytest.mark.parametrize("layer", ["conv1", "relu1", "conv2", "bn2", "relu2", "pool", "drop", "head"])
def test_nor_in_a_convolutional_network(layer: str) -> None:
    model = tiny_models.model()
    frames = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), dtype=np.uint8)
    answers = LayerSwap(model, layer, layer).answer(frames, lambda maps: [maps, maps])
    assert np.array_equal(answers.scores, np.stack([answers.score] * 2))
    assert np.array_equal(answers.top, np.stack([answers.own] * 2))
    with torch.no_grad():
        scores = model.module(prepare(frames, model))
    assert np.array_equal(answers.own, scores.argmax(1).numpy())
    assert np.array_equal(answers.score, scores.max(1).values.numpy())


class Zeroed(nn.Module):
    """A module whose output is 0, but for the tokens in front."""

    def __init__(self, inner: nn.Module, prefix: int) -> None:
        super().__init__()
        self.inner, self.prefix = inner, prefix

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out = self.inner(x).clone()
        (out[:, self.prefix :] if self.prefix else out).zero_()
        return out


@pytest.mark.parametrize("layer", LAYERS)
def test_replaced_by_zeros_it_is_the_network_with_that_layer_zeroed(model: LoadedModel, layer: str) -> None:
    inputs = prepare(FRAMES, model)
    with torch.no_grad():
        maps, layout, output = maps_of(model, layer, inputs)
        found = run_replaced(model.module, inputs, torch.zeros_like(maps), dotted=layer, layout=layout)
        setattr(model.module, layer, Zeroed(getattr(model.module, layer), layout.prefix))
        assert torch.equal(found, model.module(inputs))
    assert torch.equal(found, output) == (layer == "unread")
    assert (layout.kind, layout.prefix) == {
        "maps": ("map", 0), "relu": ("map", 0), "last": ("channel_last", 0), "clip": ("channel_last", 0),
        "tokens": ("token", 1),
    }.get(layer, ("vector", 0))  # fmt: skip


def test_the_network_is_left_as_it_was(model: LoadedModel) -> None:
    inputs = prepare(FRAMES, model)
    state = {name: value.clone() for name, value in model.module.state_dict().items()}
    with torch.no_grad():
        maps, layout, output = maps_of(model, "maps", inputs)
        with pytest.raises(ValueError, match=r"model 'every': maps of shape \(4, 6, 4, 3\) .* 'maps'.*\(4, 6, 4, 4\)"):
            run_replaced(model.module, inputs, maps[..., 1:], dotted="maps", layout=layout, name="every")
        with pytest.raises(ValueError, match=r"'mops'.*maps"):
            run_replaced(model.module, inputs, maps, dotted="mops", layout=layout)
        run_replaced(model.module, inputs, maps + 1, dotted="maps", layout=layout)
        LayerGradients(model, {"a": "maps", "b": "tokens"}).of(FRAMES)
        assert torch.equal(model.module(inputs), output)
    assert not any(child._forward_hooks for child in model.module.modules())
    assert all(torch.equal(state[name], value) for name, value in model.module.state_dict().items())
    assert all(p.grad is None and not p.requires_grad for p in model.module.parameters())


def test_no_number_depends_on_how_images_are_cut(model: LoadedModel) -> None:
    torch.set_num_threads(1)
    frames = np.random.default_rng(1).integers(0, 256, (11, SIZE, SIZE, 3), dtype=np.uint8)
    swap, gradients = LayerSwap(model, "relu", "relu"), LayerGradients(model, {"a": "relu", "b": "tokens"})

    def run(pieces: list[slice]) -> tuple[Array, Array]:
        scores, slopes = [], []
        for piece in pieces:
            answer = lambda rows: swap.answer(rows, lambda maps: [maps * np.float32(0.5)])  # noqa: E731
            for part, found in run_batches(answer, frames[piece], batch=4, name="every"):
                scores.append(found.scores[:, : part.stop - part.start])
            for part, (_, found) in run_batches(gradients.of, frames[piece], batch=4, name="every"):
                slopes.append(found["a"][: part.stop - part.start])
        return np.concatenate(scores, axis=1), np.concatenate(slopes)

    whole, cut = run([slice(0, 11)]), run([slice(0, 3), slice(3, 9), slice(9, 11)])
    assert np.array_equal(whole[0], cut[0])
    assert np.array_equal(whole[1], cut[1])


def test_memory_that_runs_out_halves_the_batch(caplog: pytest.LogCaptureFixture) -> None:
    sizes = []

    def run(frames: Array) -> Array:
        sizes.append(len(frames))
        if len(frames) > 2:
            raise RuntimeError("CUDA out of memory")
        return frames[:, 0, 0, 0]

    found = [(part, one[: part.stop - part.start]) for part, one in run_batches(run, FRAMES[:3], batch=8, name="net")]
    assert sizes == [8, 4, 2, 2]
    assert np.array_equal(np.concatenate([one for _, one in found]), FRAMES[:3, 0, 0, 0])
    assert [(part.start, part.stop) for part, _ in found] == [(0, 2), (2, 3)]
    assert "model net: out of memory; 2 images at a time" in caplog.text
    with pytest.raises(torch.OutOfMemoryError, match="model 'net': one image"):
        list(run_batches(lambda _: (_ for _ in ()).throw(MemoryError()), FRAMES, batch=2, name="net"))


class Named(nn.Module):
    """What a detector or a segmenter returns."""

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"out": x}


@pytest.mark.parametrize(
    ("module", "found"),
    [
        (nn.Identity(), r"\(4, 3, 16, 16\)"),
        (nn.Sequential(nn.Flatten(), nn.Linear(768, 1)), r"\(4, 1\)"),
        (Named(), "a dict"),
    ],
)
def test_a_model_without_class_scores_is_refused_by_name(module: nn.Module, found: str) -> None:
    model = LoadedModel("net", nn.Sequential(nn.Identity(), module), input_size=SIZE)
    for run in (
        lambda: LayerSwap(model, "l", "0").answer(FRAMES, lambda maps: [maps]),
        lambda: LayerGradients(model, {"l": "0"}).of(FRAMES),
    ):
        with pytest.raises(UnscoredError, match=rf"model 'net' returns .*{found}; responses to concepts need class"):
            run()


# Gradients ----------------------------------------------------------------------------------------------------------


def test_the_gradient_of_a_linear_network_is_its_weights() -> None:
    """Score c = W_c . mean of the map, so every position has the gradient W_c / (h w)."""
    net = nn.Sequential(nn.Conv2d(3, 4, 4, stride=4), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3))
    net[3].weight.data = torch.arange(12.0).reshape(3, 4) * torch.tensor([1.0, -1, 1, -1])
    model = LoadedModel("linear", net, input_size=SIZE)
    own, gradients = LayerGradients(model, {"maps": "0", "scores": "3"}).of(FRAMES)
    weights = net[3].weight.numpy()[own]
    np.testing.assert_allclose(gradients["maps"], np.broadcast_to(weights[:, :, None, None] / 16, (4, 4, 4, 4)))
    assert np.array_equal(gradients["scores"][:, :, 0, 0], np.eye(3)[own])
    with torch.no_grad():
        assert np.array_equal(own, net(prepare(FRAMES, model)).argmax(1).numpy())


@pytest.mark.parametrize("layer", ["maps", "relu", "last", "tokens", "vector", "act"])
def test_a_small_step_changes_the_score_as_the_gradient_says(model: LoadedModel, layer: str) -> None:
    own, gradients = LayerGradients(model, {layer: layer}).of(FRAMES)
    model.module.double()  # for the difference
    inputs = prepare(FRAMES, model).double()
    with torch.no_grad():
        maps, layout, _ = maps_of(model, layer, inputs)
        step = 1e-6 * torch.randn(maps.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
        ups, downs = (
            run_replaced(model.module, inputs, maps + way * step, dotted=layer, layout=layout)[range(4), own]
            for way in (1, -1)
        )
    expected = (gradients[layer] * step.numpy()).sum(axis=(1, 2, 3))
    np.testing.assert_allclose((ups - downs).numpy() / 2, expected, rtol=2e-3, atol=1e-11)


def test_all_layers_at_once_are_as_one_by_one(model: LoadedModel) -> None:
    torch.set_num_threads(1)
    own, together = LayerGradients(model, {layer: layer for layer in LAYERS}).of(FRAMES)
    assert list(together) == list(LAYERS)
    for layer in LAYERS:
        alone = LayerGradients(model, {layer: layer}).of(FRAMES)
        assert np.array_equal(alone[0], own)
        np.testing.assert_allclose(alone[1][layer], together[layer], rtol=1e-5, atol=1e-7)
    assert not together["unread"].any()
    assert together["tokens"].shape == (4, 7, 4, 4)
