"""Hooks: what they keep, what they refuse, and that the network is as it was."""

from __future__ import annotations

import pytest
import torch
import torchvision
from torch import nn

import tiny_models
from conceptatlas.models.hooks import ActivationHooks, as_map, layout_of, modules_inside

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


@pytest.mark.parametrize(
    ("n_tokens", "declared", "prefix", "side"),
    [
        (196, None, 0, 14),
        (197, None, 1, 14),
        (198, None, 2, 14),
        (201, None, 5, 14),
        (261, None, 5, 16),
        (260, 4, 4, 16),  # registers and no class token: timm declares them
        (197, 1, 1, 14),
        (196, 1, 0, 14),  # before the class token joins
        (256, 5, 0, 16),
        (50, None, 1, 7),
        (9, None, 0, 3),  # 3 x 3, or 2 x 2 after five: the fewest others win
        (9, 5, 5, 2),
        (6, None, 2, 2),  # 2 x 2 after two, or 1 after five
        (5, None, 1, 2),
        (1, None, 0, 1),
    ],
)
def test_other_tokens_before_the_grid(n_tokens: int, declared: int | None, prefix: int, side: int) -> None:
    tokens = torch.arange(n_tokens).float().expand(2, 3, -1).transpose(1, 2)
    layout = layout_of(tokens, layer="a", n_images=2, prefix_tokens=declared)
    assert (layout.kind, layout.prefix, layout.side) == ("token", prefix, side)
    maps = as_map(tokens, layout)
    assert maps.shape == (2, 3, side, side)
    assert torch.equal(maps[1, 2].flatten(), torch.arange(prefix, n_tokens).float())  # row by row


@pytest.mark.parametrize(("n_tokens", "declared"), [(200, None), (260, None), (199, 1), (261, 1), (3, 4)])
def test_tokens_without_a_grid_are_refused(n_tokens: int, declared: int | None) -> None:
    with pytest.raises(ValueError, match=f"layer 'a': its {n_tokens} tokens are no square grid after "):
        layout_of(torch.zeros(2, n_tokens, 3), layer="a", n_images=2, prefix_tokens=declared)


@pytest.mark.parametrize(
    ("shape", "declared", "kind"),
    [
        ((2, 8, 4, 4), False, "map"),
        ((2, 4, 4, 8), False, "channel_last"),
        ((2, 4, 4, 4), False, "map"),  # `cubes` finds out more
        ((2, 4, 4, 4), True, "channel_last"),
        ((2, 7, 7, 1), False, "channel_last"),  # one unit
        ((2, 1, 7, 7), False, "map"),
        ((2, 49, 1, 1), False, "map"),
        ((2, 5), False, "vector"),
    ],
)
def test_layouts_of_four_dimensions(shape: tuple[int, ...], declared: bool, kind: str) -> None:
    assert layout_of(torch.zeros(shape), layer="a", n_images=2, channel_last=declared).kind == kind


def test_a_dictionary_of_maps_names_what_lies_inside() -> None:
    last = torchvision.ops.feature_pyramid_network.LastLevelMaxPool()
    pyramid = torchvision.ops.FeaturePyramidNetwork([4, 8], 2, extra_blocks=last)

    class Detector(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fpn = pyramid
            self.attention = nn.MultiheadAttention(4, 2, batch_first=True)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            tokens = x.flatten(2).transpose(1, 2)
            self.attention(tokens, tokens, tokens)
            return self.fpn({"0": x, "1": torch.cat([x, x], 1)[:, :, ::2, ::2]})["0"]

    said = (
        r"returns a OrderedDict \('0', '1', 'pool'\), not one tensor; hook a module inside it \('fpn.inner_blocks.0', "
        r"'fpn.inner_blocks.1', 'fpn.layer_blocks.0', 'fpn.layer_blocks.1', 'fpn.extra_blocks'\) or the one"
    )
    maps = torch.zeros(2, 4, 8, 8)
    with pytest.raises(ValueError, match=said), ActivationHooks(Detector(), {"a": "fpn"}) as hooks:
        hooks.run(maps)
    said = "returns a tuple, not one tensor; hook the module that follows it$"  # inside it, weights are used directly
    with pytest.raises(ValueError, match=said), ActivationHooks(Detector(), {"a": "attention"}) as hooks:
        hooks.run(maps)
    many = nn.Sequential(*[nn.Identity() for _ in range(12)])
    assert modules_inside(many, "many") == [f"many.{n}" for n in range(12)]
    with pytest.raises(ValueError, match=r"'many.6', 'many.7', \.\.\.\) or"):
        layout_of((1, 2), layer="a", n_images=2, inside=modules_inside(many, "many"))


def test_declared_prefix_tokens_decide() -> None:
    net = tiny_models.OddNet().eval()
    with torch.no_grad(), ActivationHooks(net, {"a": "ragged"}, prefix_tokens=3) as hooks:
        hooks.run(INPUTS)
    assert hooks.maps["a"].shape == (2, 8, 2, 2)
