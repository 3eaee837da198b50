"""What places share: the colours of the sky, ground, hills. Points are fractions of the picture, y down."""

from __future__ import annotations

import numpy as np

from conceptatlas.datasets.scenes.parameters import Background, Light
from conceptatlas.datasets.scenes.shapes import Paint, Points, Shape, box, mixed, tinted
from conceptatlas.datasets.scenes.vocabulary import Rgb

SKIES: dict[str, tuple[Rgb, Rgb]] = {
    "day": ((0.33, 0.58, 0.90), (0.74, 0.87, 0.97)),
    "sunset": ((0.33, 0.30, 0.56), (0.99, 0.63, 0.36)),
    "night": ((0.02, 0.03, 0.11), (0.10, 0.14, 0.31)),
}
"""Colour of the sky above and at the horizon."""


def sky_colors(background: Background, light: Light) -> tuple[Rgb, Rgb]:
    """Upper and lower colour of the sky; fog and snow clouds take its blue away."""
    upper, lower = SKIES[light.time]
    if background.weather != "clear":
        grey: Rgb = {"day": (0.80, 0.83, 0.86), "sunset": (0.80, 0.62, 0.55), "night": (0.12, 0.14, 0.2)}[light.time]
        upper, lower = mixed(upper, grey, 0.75), mixed(lower, grey, 0.85)
    return upper, lower


def ground(top: float, color: Rgb, grain: str, material: str, *, far: Rgb | None = None) -> Shape:
    """The ground from `top` (0..1, from the top of the picture) to the lower edge, paler towards `far`."""
    far_color = tinted(color, 1.18) if far is None else far
    paint = Paint(far_color, fade=tinted(color, 0.88), grain=grain)
    return Shape(box(-0.1, top, 1.1, 1.1), paint, material=material, ground=True)


def ridge(top: float, height: float, rng: np.random.Generator, *, waves: int, rough: float = 0.0) -> Points:
    """A filled skyline: smooth hills, or with `rough` jagged rock."""
    x = np.linspace(-0.1, 1.1, 49)
    y = np.zeros_like(x)
    for k in range(1, waves + 1):
        y += np.sin(2 * np.pi * (k * 0.8 * x + rng.random())) / k
    y = y / max(float(np.abs(y).max()), 1e-9)
    if rough:
        y = 1 - 2 * np.abs(y) + rough * rng.uniform(-1, 1, x.size)
    line = np.stack([x, top - height * (0.5 + 0.5 * y)], axis=1)
    return np.concatenate([line, [(1.1, top + 0.1), (-0.1, top + 0.1)]])


def grass_green(background: Background) -> Rgb:
    """The green of grass of a background, RGB 0..1."""
    return mixed((0.36, 0.60, 0.24), (0.52, 0.62, 0.26), 0.5 + 0.5 * background.tint)
