"""Hooks: what they keep, what they refuse, and that the network is as it was."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import tiny_models
from conceptatlas.models.hooks import ActivationHooks

INPUTS = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))


def hook_tables(module: nn.Module) -> list[dict[int, object]]:
    names = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_forward_hooks_with_kwargs")
    return [dict(getattr(child, name)) for child in module.modules() for name in names]


def test_maps_are_the_modules_outputs_also_before_an_in_place_relu() -> None:
    net = tiny_models.model().module
    with torch.no_grad():
        conv = net.conv1(INPUTS)
        with ActivationHooks(net, {"a": "conv1", "b": "relu1", "c": "head"}) as hooks:
            output = hooks.run(INPUTS, stop_after_last=False)
        assert conv.min() < 0
        assert torch.equal(hooks.maps["a"], conv)
        assert torch.equal(hooks.maps["b"], conv.relu())
        assert torch.equal(hooks.maps["c"], output[:, :, None, None])
        assert torch.equal(net(INPUTS), output)


def test_network_is_left_unchanged_also_after_an_exception() -> None:
    net = tiny_models.model().module
    net.drop.train()
    before, flags = hook_tables(net), [child.training for child in net.modules()]
    state = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    with ActivationHooks(net, {"a": "conv1"}) as hooks, torch.no_grad():
        hooks.run(INPUTS)
        hooks.run(INPUTS)
    with pytest.raises(KeyError), ActivationHooks(net, {"a": "conv1"}):
        raise KeyError
    with pytest.raises(RuntimeError), ActivationHooks(net, {"a": "conv1"}) as hooks:
        hooks.run(INPUTS[:, :2])
    assert hook_tables(net) == before
    assert [child.training for child in net.modules()] == flags
    assert all(torch.equal(state[name], tensor) for name, tensor in net.state_dict().items())


def test_pass_stops_after_the_last_layer_but_never_the_first_time() -> None:
    net = tiny_models.model().module
    ran: list[str] = []
    net.head.register_forward_hook(lambda *_: ran.append("head"))
    with torch.no_grad(), ActivationHooks(net, {"a": "conv1", "b": "bn2"}) as hooks:
        assert hooks.run(INPUTS) is not None
        first = dict(hooks.maps)
        assert hooks.run(INPUTS) is None
        assert ran == ["head"]
        assert all(torch.equal(first[layer], hooks.maps[layer]) for layer in "ab")
        assert net(INPUTS).shape == (2, 4)  # called directly, the network is whole


@pytest.mark.parametrize(
    ("module", "said"),
    [
        ("conv_1", "unknown module 'conv_1' in model 'tiny'; did you mean 'conv1'"),
        ("unused", "never called"),
    ],
)
def test_wrong_modules_are_named(module: str, said: str) -> None:
    net = tiny_models.model().module
    with pytest.raises(ValueError, match=said), ActivationHooks(net, {"a": module}, name="tiny") as hooks:
        hooks.run(INPUTS)
    assert not net.conv1._forward_hooks


@pytest.mark.parametrize(
    ("module", "said"),
    [
        ("shared", "called 2 times in one forward pass"),
        ("attention", "returns a tuple"),
        ("ragged", "7 tokens are no square grid"),
        ("windows", "first dimension must count images"),
        ("integers", "int64"),
    ],
)
def test_outputs_that_are_no_maps_are_refused_by_name(module: str, said: str) -> None:
    net = tiny_models.OddNet().eval()
    with torch.no_grad(), ActivationHooks(net, {"layer": module}) as hooks:
        with pytest.raises(ValueError, match=said) as error:
            hooks.run(INPUTS)
        assert "'layer'" in str(error.value)


def test_token_grids_and_channel_last_maps_become_maps() -> None:
    net = tiny_models.OddNet().eval()
    layers = {name: name for name in ("patches", "tokens", "with_class", "last")}
    with torch.no_grad(), ActivationHooks(net, layers) as hooks:
        hooks.run(INPUTS)
    maps = hooks.maps["patches"]
    assert maps.shape == (2, 8, 4, 4)
    assert torch.equal(hooks.maps["tokens"], maps)
    assert torch.equal(hooks.maps["last"], maps)
    assert hooks.maps["with_class"].shape == maps.shape
    assert not (hooks.maps["with_class"] == 7).any()  # the class token is set aside
    assert {layer: layout.kind for layer, layout in hooks.layouts.items()} == {
        "patches": "map",
        "tokens": "token",
        "with_class": "token",
        "last": "channel_last",
    }


def test_declared_prefix_tokens_decide() -> None:
    net = tiny_models.OddNet().eval()
    with torch.no_grad(), ActivationHooks(net, {"a": "ragged"}, prefix_tokens=3) as hooks:
        hooks.run(INPUTS)
    assert hooks.maps["a"].shape == (2, 8, 2, 2)
