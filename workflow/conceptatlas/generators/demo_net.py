"""The network of the demo generator: an object drawn on a canvas of its own, moved into place, over a background.

Where an object stands, how large and how tilted it is are coordinates of w, so the net need not learn to move things:
it draws the object in the object's own coordinates (with opacity), a spatial transformer (Jaderberg et al. 2015) places
the canvas, and three convolutions blend it with the background. All of it is differentiable in w.
"""

from __future__ import annotations

import itertools
import math

import torch
from torch import nn
from torch.nn import functional

from conceptatlas.generators.demo_family import FACTORS, N_NOISE, REACH, SHARES, SLICES

IMAGE_SIZE = 64
HALF = 0.62
"""Half a side of the object's canvas, in lengths of the object; its middle is half a length above the foot."""
NOISE_AMPLITUDE = 0.02
"""Standard deviation of each pattern of uneven light."""

_N_WORDS = sum(len(words) for words in SHARES.values())
_INPUTS = _N_WORDS + len(FACTORS)
_KINDS = len(SHARES["kind"]) * len(SHARES["style"])


class Block(nn.Module):
    """A convolution to twice the resolution (Shi et al. 2016), scaled and shifted per channel by the style."""

    def __init__(self, inputs: int, outputs: int, styles: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, 4 * outputs, 3, padding=1)
        self.style = nn.Linear(styles, 2 * outputs)

    def forward(self, x: torch.Tensor, style: torch.Tensor) -> torch.Tensor:
        """(n, inputs, side, side), (n, styles) -> (n, outputs, 2 side, 2 side)."""
        scale, shift = self.style(style)[:, :, None, None].chunk(2, dim=1)
        fine = functional.pixel_shuffle(self.conv(x), 2)
        return functional.leaky_relu(fine * (1 + scale) + shift, 0.2)


class Painter(nn.Module):
    """A vector to maps whose side doubles with every number of channels after the first."""

    def __init__(self, inputs: int, side: int, channels: tuple[int, ...]) -> None:
        super().__init__()
        width = 128
        self.side, self.channels = side, channels
        self.embed = nn.Sequential(
            nn.Linear(inputs, width), nn.LeakyReLU(0.2), nn.Linear(width, width), nn.LeakyReLU(0.2)
        )
        self.start = nn.Linear(width, channels[0] * side * side)
        self.blocks = nn.ModuleList(Block(before, after, width) for before, after in itertools.pairwise(channels))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(n, inputs) -> (n, channels, side, side)."""
        style = self.embed(x)
        maps: torch.Tensor = self.start(style).reshape(len(x), self.channels[0], self.side, self.side)
        maps = maps.contiguous(memory_format=torch.channels_last)  # twice as fast on a CPU
        for block in self.blocks:
            maps = block(maps, style)
        return maps


class DemoNet(nn.Module):
    """Style vectors (n, W_DIM) to pictures (n, 3, 64, 64)."""

    def __init__(self) -> None:
        super().__init__()
        self.object = Painter(_INPUTS + _KINDS, 3, (96, 64, 32, 20, 12))
        self.canvas = nn.Conv2d(12, 4, 3, padding=1)
        self.place = Painter(_INPUTS, 4, (48, 32, 20, 12))
        self.background = nn.Conv2d(12, 3, 3, padding=1)
        self.blend = nn.Sequential(nn.Conv2d(12 + 4 + 3, 12, 3, padding=1), nn.LeakyReLU(0.2))
        self.out = nn.Conv2d(12, 3, 3, padding=1)

    def forward(self, w: torch.Tensor) -> tuple[torch.Tensor, list[torch.Tensor]]:
        """Style vectors to pictures in 0..1 and the maps they are made of (for a segmentation head)."""
        shares = {name: _shares(w[:, SLICES[name]]) for name in SHARES}
        factors = w[:, SLICES["factors"]].clamp(-REACH, REACH)
        given = torch.cat([*shares.values(), factors], dim=1)
        kinds = (shares["kind"][:, :, None] * shares["style"][:, None, :]).flatten(1)
        object_maps = self.object(torch.cat([given, kinds], dim=1))
        painted = torch.cat([_painted(self.canvas(object_maps)), object_maps], dim=1)
        placed = functional.grid_sample(painted, placement(factors), align_corners=False)
        place_maps = functional.interpolate(self.place(given), scale_factor=2, mode="bilinear", align_corners=False)
        over = torch.sigmoid(self.background(place_maps)) * (1 - placed[:, 3:4]) + placed[:, :3]
        blended = self.blend(torch.cat([placed, over], dim=1))
        picture = over + 0.5 * torch.tanh(self.out(blended))
        light = 1 + NOISE_AMPLITUDE * uneven_light(w[:, SLICES["noise"]])
        return (picture * light).clamp(0, 1), [place_maps, placed, blended]


def _shares(values: torch.Tensor) -> torch.Tensor:
    """Non-negative shares that add up to 1."""
    values = values.clamp(min=0)
    return values / values.sum(dim=1, keepdim=True).clamp(min=1e-6)


def _painted(canvas: torch.Tensor) -> torch.Tensor:
    """Colour times opacity, and opacity, of a canvas' four channels."""
    opacity = torch.sigmoid(canvas[:, 3:4])
    return torch.cat([torch.sigmoid(canvas[:, :3]) * opacity, opacity], dim=1)


def placement(factors: torch.Tensor) -> torch.Tensor:
    """Where in the object's canvas each pixel of the picture looks: (n, factor) -> (n, 64, 64, 2) in -1..1.

    The inverse of the renderer's pose: x, y are the foot's middle, lengths are `scale` (across: times `stretch`).
    """
    value = {
        name: (low + high) / 2 + (high - low) / 2 * factors[:, i, None, None]
        for i, (name, (low, high)) in enumerate(FACTORS.items())
    }
    at = (torch.arange(IMAGE_SIZE, device=factors.device, dtype=factors.dtype) + 0.5) / IMAGE_SIZE
    dx, dy = at[None, None, :] - value["x"], at[None, :, None] - value["y"]
    angle = value["tilt"] * (math.pi / 180)
    cos, sin = torch.cos(angle), torch.sin(angle)
    u = (cos * dx + sin * dy) / (value["scale"] * value["stretch"])
    v = (sin * dx - cos * dy) / value["scale"]
    return torch.stack([u / HALF, (0.5 - v) / HALF], dim=-1)


def uneven_light(noise: torch.Tensor) -> torch.Tensor:
    """Smooth patterns of light weighted by the style noise: (n, noise) -> (n, 1, 64, 64)."""
    at = (torch.arange(IMAGE_SIZE, device=noise.device, dtype=noise.dtype) + 0.5) / IMAGE_SIZE * math.pi
    waves = [torch.cos(at * (i % 2 + 1)) for i in range(N_NOISE)]
    flat = torch.ones_like(at)
    patterns = [
        torch.outer(flat, wave) if i < N_NOISE // 2 else torch.outer(wave, flat) for i, wave in enumerate(waves)
    ]
    return torch.einsum("ni,ihw->nhw", noise, torch.stack(patterns))[:, None]
