"""What torchvision's classifiers, segmenters and detectors have in common for this project."""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType
from typing import Any, ClassVar, NamedTuple

import torchvision
from torch import nn

from conceptatlas.models.rows import RANDOM, SHUFFLED, text_cell
from conceptatlas.models.weights import State


class Picture(NamedTuple):
    """What a network expects: side in pixels, mean and standard deviation per channel on the scale 0..1, says who."""

    input_size: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    origin: str


class Family:
    """One kind of network of torchvision, for one row of models.tsv.

    Attributes
    ----------
    home : the module of torchvision whose architectures these are.
    row, architecture : of the sheet.
    entry : the registry entry of the weights, or None.
    trained : whether the weights run as they were trained, neither random nor shuffled.
    """

    home: ClassVar[ModuleType]

    def __init__(self, row: dict[str, Any], architecture: str, entry: Any) -> None:
        self.row, self.architecture, self.entry = row, architecture, entry
        weights = text_cell(row, "weights")
        self.trained = weights != RANDOM and not weights.startswith(SHUFFLED)

    @classmethod
    def architectures(cls) -> list[str]:
        """Names of all networks of this kind."""
        return list(torchvision.models.list_models(module=cls.home))

    def build(self) -> nn.Module:
        """The network with PyTorch's own initialisation."""
        raise NotImplementedError

    def fit(self, state: State) -> nn.Module:
        """The network that a state dict belongs to."""
        raise NotImplementedError

    def convert(self, _module: nn.Module, state: State) -> State:
        """The state dict under the names of the network."""
        return state

    def picture(self, module: nn.Module) -> Picture:
        """What the network expects."""
        raise NotImplementedError

    def classes(self) -> list[str] | None:
        """Names of the network's outputs, where known."""
        return (
            list(self.entry.meta["categories"]) if self.entry is not None and "categories" in self.entry.meta else None
        )

    def outside(self, module: nn.Module) -> Mapping[str, str]:
        """Modules that do not run -> why."""
        del module
        return {}
