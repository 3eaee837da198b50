"""Three small classifiers of different families for the demo scenes, in plain torch.

They take (image, 3, 96, 96) and give one logit a class. `features` is the pooled representation before the last
linear layer `head`; training hangs its auxiliary head there.

Layers worth dissecting (units, map at 96 pixels): plain `conv1` (32, 48) ... `conv5` (128, 12); residual `stem`
(32, 48), `stage1` (64, 24), `stage2` (96, 12), `stage3` (128, 12), `stage4` (160, 6); transformer `stem` (128, 12),
`blocks.0` ... `blocks.3` (128, 12; a class token before the grid) and `blocks.N.expand` (256, 12).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional

from conceptatlas.naming import unknown

INPUT_SIZE = 96
MEAN = (0.5, 0.5, 0.5)
STD = (0.25, 0.25, 0.25)


def _conv(inputs: int, outputs: int, kernel: int = 3, *, stride: int = 1, relu: bool = True) -> nn.Sequential:
    """Convolution, batch norm and, by default, ReLU."""
    parts: list[nn.Module] = [
        nn.Conv2d(inputs, outputs, kernel, stride=stride, padding=kernel // 2, bias=False),
        nn.BatchNorm2d(outputs),
    ]
    return nn.Sequential(*parts, nn.ReLU()) if relu else nn.Sequential(*parts)


class PlainNet(nn.Module):
    """Five convolutions with batch norm and ReLU, then the mean over positions."""

    def __init__(self, n_classes: int) -> None:
        super().__init__()
        self.conv1 = _conv(3, 32, 5, stride=2)
        self.conv2 = _conv(32, 64, stride=2)
        self.conv3 = _conv(64, 96, stride=2)
        self.conv4 = _conv(96, 128)
        self.conv5 = _conv(128, 128)
        self.head = nn.Linear(128, n_classes)

    def features(self, x: torch.Tensor) -> torch.Tensor:
        """(image, 3, height, width) -> (image, 128)."""
        x = self.conv5(self.conv4(self.conv3(self.conv2(self.conv1(x)))))
        return x.mean(dim=(2, 3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(image, 3, height, width) -> logits (image, class)."""
        return self.head(self.features(x))


class ResidualBlock(nn.Module):
    """Two convolutions and a shortcut, ReLU after the sum (He et al. 2016)."""

    def __init__(self, inputs: int, outputs: int, *, stride: int) -> None:
        super().__init__()
        self.conv1 = _conv(inputs, outputs, stride=stride)
        self.conv2 = _conv(outputs, outputs, relu=False)
        self.shortcut = _conv(inputs, outputs, 1, stride=stride, relu=False)
        self.relu = nn.ReLU()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(image, inputs, height, width) -> (image, outputs, height / stride, width / stride)."""
        return self.relu(self.conv2(self.conv1(x)) + self.shortcut(x))


class ResidualNet(nn.Module):
    """A stem and four residual blocks."""

    def __init__(self, n_classes: int) -> None:
        super().__init__()
        self.stem = _conv(3, 32, 5, stride=2)
        self.stage1 = ResidualBlock(32, 64, stride=2)
        self.stage2 = ResidualBlock(64, 96, stride=2)
        self.stage3 = ResidualBlock(96, 128, stride=1)
        self.stage4 = ResidualBlock(128, 160, stride=2)
        self.head = nn.Linear(160, n_classes)

    def features(self, x: torch.Tensor) -> torch.Tensor:
        """(image, 3, height, width) -> (image, 160)."""
        x = self.stage4(self.stage3(self.stage2(self.stage1(self.stem(x)))))
        return x.mean(dim=(2, 3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(image, 3, height, width) -> logits (image, class)."""
        return self.head(self.features(x))


class Attention(nn.Module):
    """Multi-head self-attention."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.queries_keys_values = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(image, token, width) -> (image, token, width)."""
        n, tokens, width = x.shape
        split = (
            self.queries_keys_values(x).reshape(n, tokens, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        )
        mixed = functional.scaled_dot_product_attention(split[0], split[1], split[2])
        return self.out(mixed.transpose(1, 2).reshape(n, tokens, width))


class TransformerBlock(nn.Module):
    """Attention and a two-layer perceptron, each on the normalised stream and added to it."""

    def __init__(self, width: int, heads: int, hidden: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.attention = Attention(width, heads)
        self.norm2 = nn.LayerNorm(width)
        self.expand = nn.Sequential(nn.Linear(width, hidden), nn.GELU())
        self.contract = nn.Linear(hidden, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(image, token, width) -> (image, token, width)."""
        x = x + self.attention(self.norm1(x))
        return x + self.contract(self.expand(self.norm2(x)))


class TransformerNet(nn.Module):
    """A vision transformer on a 12 x 12 grid of patch tokens and a class token.

    Three strided convolutions make the patch tokens (Xiao et al. 2021): a few thousand pictures are too few to learn
    that neighbouring pixels belong together.
    """

    def __init__(self, n_classes: int) -> None:
        super().__init__()
        width, grid = 128, INPUT_SIZE // 8
        self.stem = nn.Sequential(
            _conv(3, 32, stride=2), _conv(32, 64, stride=2), _conv(64, width, stride=2, relu=False)
        )
        self.class_token = nn.Parameter(torch.zeros(1, 1, width))
        self.position = nn.Parameter(0.02 * torch.randn(1, grid * grid + 1, width))
        self.blocks = nn.ModuleList([TransformerBlock(width, 4, 2 * width) for _ in range(4)])
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, n_classes)

    def features(self, x: torch.Tensor) -> torch.Tensor:
        """(image, 3, 96, 96) -> the class token, (image, 128)."""
        patches = self.stem(x).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.class_token.expand(len(x), -1, -1), patches], dim=1) + self.position
        for block in self.blocks:
            tokens = block(tokens)
        return self.norm(tokens)[:, 0]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(image, 3, 96, 96) -> logits (image, class)."""
        return self.head(self.features(x))


ARCHITECTURES: dict[str, Callable[[int], nn.Module]] = {
    "plain": PlainNet,
    "residual": ResidualNet,
    "transformer": TransformerNet,
}
"""Architecture -> function of the number of classes."""


def build(architecture: str, n_classes: int) -> nn.Module:
    """A demo network with torch's initialisation; an unknown architecture raises ValueError with the nearest names."""
    if architecture not in ARCHITECTURES:
        raise unknown("architecture", architecture, ARCHITECTURES, where="source demo")
    return ARCHITECTURES[architecture](n_classes)
