"""A model ready to run: the network, the picture it expects, and what is recorded about both.

Every model source returns this, so that nothing behind it knows where a network came from.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


@dataclass
class LoadedModel:
    """A network in evaluation mode, its parameters without gradients, and the input it was trained for.

    Attributes
    ----------
    name : name of the model (column `model` of models.tsv).
    module : the network; takes float32 (image, 3, input_size, input_size).
    input_size : side of the square input in pixels.
    mean, std : per channel (r, g, b) of pictures scaled to 0..1; the network sees (picture - mean) / std.
    weights_sha256 : sha256 of the weights file; of the tensors (`weights.state_sha256`) where there is no file.
    classes : names of the network's outputs in their order, where known.
    preprocessing : what is done to a frame, as plain values for the record; completed here.
    channel_last : dotted modules whose output is (image, height, width, unit) instead of (image, unit, height, width).
    prefix_tokens : class, register ... tokens in front of a token grid; None: inferred from the number of tokens.
    outside : dotted module -> why neither it nor anything inside it runs (what a detector does behind its backbone).
    calibration_sha256 : sha256 of the re-estimated batch-norm statistics in use, "" where there are none.
    source : how the model came about (source, architecture, weights, seed, ...) as plain values for the record.
    """

    name: str
    module: nn.Module
    input_size: int
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD
    weights_sha256: str = ""
    classes: list[str] | None = None
    preprocessing: dict[str, Any] = field(default_factory=dict)
    channel_last: frozenset[str] = frozenset()
    prefix_tokens: int | None = None
    outside: Mapping[str, str] = field(default_factory=dict)
    calibration_sha256: str = ""
    source: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.input_size < 1:
            raise ValueError(f"model {self.name!r}: input_size must be at least 1 pixel, got {self.input_size}")
        if min(self.std) <= 0:
            raise ValueError(f"model {self.name!r}: std must be positive in every channel, got {self.std}")
        self.module.eval()
        self.module.requires_grad_(False)
        self.preprocessing = {
            "input_size": self.input_size,
            "resize": "bilinear, antialiased, of the whole frame",
            "scale": "0..255 to 0..1",
            "mean": list(self.mean),
            "std": list(self.std),
            **self.preprocessing,
        }

    def why_outside(self, dotted: str) -> str:
        """Why a module of the network does not run when pictures go through the model; "" where nothing is declared."""
        for prefix, reason in self.outside.items():
            if dotted == prefix or dotted.startswith(f"{prefix}."):
                return reason
        return ""

    @property
    def device(self) -> torch.device:
        """Where the network lives (the CPU for one without parameters and buffers)."""
        for tensor in [*self.module.parameters(), *self.module.buffers()]:
            return tensor.device
        return torch.device("cpu")
