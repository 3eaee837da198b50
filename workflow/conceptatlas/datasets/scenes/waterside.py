"""Places by the water: beach and harbour."""

from __future__ import annotations

import numpy as np

from conceptatlas.datasets.scenes.parameters import Background, Light, land_edge
from conceptatlas.datasets.scenes.shapes import Paint, Shape, box, ellipse, mixed, tinted
from conceptatlas.datasets.scenes.terrain import ridge, sky_colors
from conceptatlas.datasets.scenes.vocabulary import Rgb


def _water(background: Background, light: Light, low: float) -> list[Shape]:
    blue = mixed((0.12, 0.42, 0.62), (0.14, 0.52, 0.58), 0.5 + 0.5 * background.tint)
    far = mixed(blue, sky_colors(background, light)[1], 0.45)
    shore = Shape(
        box(-0.1, background.horizon, 1.1, low), Paint(far, fade=blue, grain="water"), material="water", ground=True
    )
    shapes = [shore]
    if background.weather == "clear":
        x = 0.5 + 0.36 * light.side
        gleam: Rgb = {"day": (0.85, 0.93, 0.97), "sunset": (1.0, 0.75, 0.45), "night": (0.75, 0.78, 0.85)}[light.time]
        for i in range(5):
            y, half = background.horizon + 0.015 + 0.03 * i, 0.03 + 0.012 * ((i * 7) % 4)
            shapes.append(Shape(ellipse(x, y, half, 0.0055), Paint(gleam, shade=0, glow=0.5), material="water"))
    return shapes


def beach(background: Background, light: Light, rng: np.random.Generator) -> list[Shape]:
    """Sea, surf and sand, back to front."""
    shore = land_edge(background)
    sand = mixed((0.90, 0.80, 0.58), (0.84, 0.72, 0.52), 0.5 + 0.5 * background.tint)
    x = np.linspace(-0.1, 1.1, 25)
    line = (
        shore
        - 0.015
        + 0.025 * np.sin(2 * np.pi * (0.8 * x + rng.random()))
        + 0.008 * np.sin(2 * np.pi * (3 * x + rng.random()))
    )
    shapes = _water(background, light, shore + 0.06)
    for lift, paint, material in (
        (0.022, Paint((0.95, 0.97, 0.98), shade=0), "water"),
        (0.006, Paint(tinted(sand, 0.78), grain="sand"), "sand"),
        (-0.02, Paint(tinted(sand, 1.06), fade=tinted(sand, 0.9), grain="sand"), "sand"),
    ):
        edge = np.concatenate([np.stack([x, line - lift], axis=1), [(1.1, 1.1), (-0.1, 1.1)]])
        shapes.append(Shape(edge, paint, material=material, ground=True))
    return shapes


def harbour(background: Background, light: Light, rng: np.random.Generator) -> list[Shape]:
    """Water and a wooden quay, back to front."""
    edge = land_edge(background) - 0.03
    hills = Paint((0.38, 0.50, 0.42), grain="grass")
    shapes = [Shape(ridge(background.horizon + 0.005, 0.08, rng, waves=3), hills, material="foliage", haze=0.5)]
    shapes += _water(background, light, edge + 0.1)
    wood: Rgb = mixed((0.58, 0.44, 0.30), (0.50, 0.44, 0.40), 0.5 + 0.5 * background.tint)
    for i in range(5):
        x = 0.08 + 0.21 * i
        post = Paint(tinted(wood, 0.6), grain="bark", shade=0.4)
        shapes.append(Shape(box(x - 0.018, edge - 0.045, x + 0.018, edge + 0.05), post, "pier", material="wood"))
    deck = Paint(wood, fade=tinted(wood, 0.9), grain="wood", vanish=background.horizon)
    shapes.append(Shape(box(-0.1, edge, 1.1, 1.1), deck, "pier", material="wood", ground=True))
    front = Paint(tinted(wood, 0.7), shade=0)
    shapes.append(Shape(box(-0.1, edge, 1.1, edge + 0.014), front, "pier", material="wood", ground=True))
    return shapes
