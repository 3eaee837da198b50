"""Outputs with as many units as rows and columns: which way round they lie is found out."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import nn

import tiny_models
from conceptatlas.models.blocks import iterate_blocks
from conceptatlas.models.cubes import channel_last_cubes, is_cube
from conceptatlas.models.geometry import map_geometry
from conceptatlas.models.hooks import ActivationHooks
from conceptatlas.models.trace import trace_modules


class Cubes(nn.Module):
    """A convolution to 8 x 8 x 8, the same channel-last, and a dead one."""

    def __init__(self) -> None:
        super().__init__()
        self.upright = nn.Conv2d(3, 8, 4, stride=4)
        self.turned = nn.Identity()
        self.dead = nn.Identity()
        self.head = nn.Linear(8, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        maps = self.turned(self.upright(x).permute(0, 2, 3, 1))
        self.dead(maps * 0)
        return self.head(maps.mean((1, 2)))


@pytest.fixture
def net() -> Iterator[Cubes]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield Cubes().eval()


INPUTS = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))


def test_cubes_are_told_apart(net: Cubes) -> None:
    assert is_cube(torch.zeros(1, 5, 5, 5))
    assert not is_cube(torch.zeros(1, 1, 1, 1))
    assert not is_cube(torch.zeros(1, 4, 5, 5))
    assert channel_last_cubes(net, ["upright", "turned", "dead"], INPUTS) == {"turned"}
    assert not any(child._forward_hooks for child in net.modules())


@pytest.mark.parametrize("check_calls", [False, True])
def test_hooks_trace_geometry_and_blocks_agree(net: Cubes, check_calls: bool) -> None:
    layers = {"a": "upright", "b": "turned"}
    with torch.no_grad(), ActivationHooks(net, layers, check_calls=check_calls) as hooks:
        for _ in range(2):
            hooks.run(INPUTS)
            assert torch.equal(hooks.maps["a"], net.upright(INPUTS))
            assert torch.equal(hooks.maps["b"], hooks.maps["a"])
            assert [hooks.layouts[layer].kind for layer in "ab"] == ["map", "channel_last"]
    model = tiny_models.model(net)
    assert trace_modules(model)["turned"].kind == "channel_last"
    assert trace_modules(model)["upright"].kind == "map"
    assert {layer: record["kind"] for layer, record in map_geometry(model, layers).items()} == {
        "a": "map",
        "b": "channel_last",
    }
    (block,) = iterate_blocks(model, layers, tiny_models.frames(2), batch=2)
    assert torch.equal(block.tensors["a"], block.tensors["b"])


def test_a_declaration_needs_no_finding_out(net: Cubes) -> None:
    passes: list[int] = []
    net.upright.register_forward_hook(lambda *_: passes.append(1))
    with torch.no_grad(), ActivationHooks(net, {"b": "turned"}, channel_last=["turned"]) as hooks:
        hooks.run(INPUTS)
    assert len(passes) == 1
    assert hooks.layouts["b"].kind == "channel_last"
