"""Which module's pooled maps the last linear layer reads: measured, and nothing where it reads something else."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from conceptatlas.linking.classifier import find_head
from conceptatlas.linking.pooled_modules import pooled_modules
from conceptatlas.models.loaded import LoadedModel


class Pooled(nn.Module):
    """A network in whose end only `ending` differs: (n, 5, 7, 7) -> (n, 5)."""

    def __init__(self, ending: nn.Module, *, twice: bool = False) -> None:
        super().__init__()
        self.conv, self.relu = nn.Conv2d(3, 5, 3, stride=2), nn.ReLU()
        self.ending, self.twice = ending, twice
        self.head = nn.Linear(5, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.conv(x)
        x = self.relu(self.relu(x) - 0.1) if self.twice else self.relu(x)
        return self.head(self.ending(x))


class Mean(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.mean(dim=(2, 3))


class Corner(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x[:, :, 0, 0]


def found(module: nn.Module) -> list[str]:
    torch.manual_seed(0)
    for layer in module.modules():
        if hasattr(layer, "reset_parameters"):
            layer.reset_parameters()
    model = LoadedModel("mine", module.eval(), input_size=16)
    return pooled_modules(model, find_head(model)[0])


def test_the_layer_before_the_pooling_and_the_pooling_itself() -> None:
    assert found(Pooled(Mean())) == ["relu"]
    pooling = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
    assert found(Pooled(pooling)) == ["relu", "ending.0"]


@pytest.mark.parametrize(
    "ending",
    [
        Corner(),
        nn.Sequential(Mean(), nn.Linear(5, 5)),
        nn.Sequential(Mean(), nn.LayerNorm(5)),
        nn.Sequential(nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.ReLU()),
    ],
)
def test_no_layer_where_the_head_reads_something_else(ending: nn.Module) -> None:
    assert "relu" not in found(Pooled(ending))


def test_a_module_that_runs_twice_is_none() -> None:
    assert found(Pooled(Mean(), twice=True)) == []


def test_a_representation_of_zeros_tells_nothing() -> None:
    class Zero(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return 0 * x.mean(dim=(2, 3))

    assert found(Pooled(Zero())) == []
