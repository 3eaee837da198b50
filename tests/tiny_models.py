"""Tiny networks for the tests of the models room: fast, and each with one awkward property."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torchvision
from torch import nn

from conceptatlas.models.loaded import LoadedModel

SIZE = 32

torch.set_num_threads(1)  # tiny work; idle threads that spin slow down whatever else runs


class PlainNet(nn.Module):
    """Convolution, in-place ReLU, strided convolution with batch norm and ReLU6, pooling, a linear head."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 6, 3, padding=1)
        self.relu1 = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(6, 10, 3, stride=2, padding=1)
        self.bn2 = nn.BatchNorm2d(10)
        self.relu2 = nn.ReLU6(inplace=True)
        self.pool = nn.MaxPool2d(2)
        self.drop = nn.Dropout(0.5)
        self.head = nn.Linear(10, 4)
        self.unused = nn.Linear(2, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.relu1(self.conv1(x))
        x = self.pool(self.relu2(self.bn2(self.conv2(x))))
        return self.head(self.drop(x.mean((2, 3))))


class OddNet(nn.Module):
    """Tuples, integers, repeated calls, windows in the batch dimension, randomness, tokens, channel-last maps."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 8, 8, stride=8)
        self.shared = nn.Identity()
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.tokens = nn.Identity()
        self.with_class = nn.Identity()
        self.ragged = nn.Identity()
        self.last = nn.Identity()
        self.windows = nn.Identity()
        self.integers = nn.Identity()
        self.random = nn.Identity()
        self.varying = nn.Identity()
        self.head = nn.Linear(8, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        maps = self.shared(self.patches(x))
        tokens = self.tokens(self.shared(maps).flatten(2).transpose(1, 2))
        tokens = tokens + self.attention(tokens, tokens, tokens)[0]
        self.with_class(torch.cat([tokens[:, :1] * 0 + 7, tokens], dim=1))
        self.ragged(tokens[:, :7])
        self.last(maps.permute(0, 2, 3, 1))
        self.windows(tokens.reshape(-1, 4, 8))
        self.integers(maps.argmax(1, keepdim=True))
        self.random(maps + torch.rand_like(maps))
        self.varying(maps[:, :, : 2 + len(x) % 2])
        return self.head(tokens.mean(1))


def model(module: nn.Module | None = None, *, seed: int = 0, **about: Any) -> LoadedModel:
    """A tiny network as a LoadedModel, with seeded weights."""
    if module is None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            module = PlainNet()
    return LoadedModel(name="tiny", module=module, **{"input_size": SIZE, **about})


def frames(n: int, *, size: int = SIZE, seed: int = 0) -> np.ndarray[Any, Any]:
    """Random frames, uint8 (image, size, size, 3)."""
    return np.random.default_rng(seed).integers(0, 256, (n, size, size, 3), dtype=np.uint8)


def user_net(weights: str | None = None, seed: int = 0) -> nn.Module:
    """A function as the source `user` expects one."""
    del weights, seed
    return PlainNet()


def plain_net(seed: int = 0) -> nn.Module:
    """The same, for weights files that the project reads itself."""
    del seed
    return PlainNet()


def small_swin() -> nn.Module:
    """A Swin transformer of torchvision in small: two stages, maps (image, height, width, unit)."""
    return torchvision.models.SwinTransformer([4, 4], 24, depths=[2, 2], num_heads=[2, 4], window_size=[7, 7])
