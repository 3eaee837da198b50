"""Places among buildings: street and garden."""

from __future__ import annotations

import numpy as np

from conceptatlas.datasets.scenes.parameters import Background, Light
from conceptatlas.datasets.scenes.shapes import Paint, Shape, blob, box, mixed, tinted
from conceptatlas.datasets.scenes.terrain import grass_green, ground
from conceptatlas.datasets.scenes.vocabulary import Rgb


def street(background: Background, light: Light, rng: np.random.Generator) -> list[Shape]:
    """Facades, pavement and a marked road, back to front."""
    h, shapes, x, night = background.horizon, [], -0.05, light.time == "night"
    facades: tuple[tuple[Rgb, str], ...] = (
        ((0.68, 0.36, 0.28), "brick"),
        ((0.72, 0.70, 0.66), "concrete"),
        ((0.85, 0.76, 0.60), "plaster"),
        ((0.60, 0.66, 0.72), "concrete"),
        ((0.80, 0.60, 0.52), "plaster"),
    )
    while x < 1.0:
        w, top = rng.uniform(0.16, 0.28), h - rng.uniform(0.18, 0.40)
        color, material = facades[int(rng.integers(len(facades)))]
        wall = Paint(color, grain="plaster" if material == "concrete" else material, grain_scale=2.2, shade=0.15)
        shapes.append(Shape(box(x, top, x + w, h + 0.02), wall, "building", "wall", material=material, haze=0.15))
        shapes.append(
            Shape(
                box(x - 0.004, top - 0.012, x + w + 0.004, top + 0.012),
                Paint(tinted(color, 0.7)),
                "building",
                "roof",
                haze=0.15,
            )
        )
        columns, rows = max(2, int(w / 0.075)), int((h - top - 0.05) / 0.075)
        for row in range(rows):
            for column in range(columns):
                wx, wy = x + w * (column + 0.5) / columns, top + 0.05 + 0.075 * row
                lit = rng.random() < 0.5 and night
                glass = Paint((1.0, 0.87, 0.5), glow=0.9, shade=0) if lit else Paint((0.40, 0.52, 0.60), shade=0.3)
                at = box(wx - 0.018, wy - 0.022, wx + 0.018, wy + 0.022)
                shapes.append(Shape(at, glass, "building", "window", material="glass", haze=0.0 if lit else 0.1))
        x += w
    kerb = h + 0.065
    pavement = Paint((0.66, 0.65, 0.63), fade=(0.58, 0.57, 0.56), grain="plaster")
    shapes.append(Shape(box(-0.1, h, 1.1, kerb), pavement, material="concrete", ground=True))
    shapes.append(
        Shape(box(-0.1, kerb - 0.012, 1.1, kerb), Paint((0.78, 0.77, 0.75), shade=0), material="concrete", ground=True)
    )
    shade = 0.30 + 0.06 * background.tint
    shapes.append(ground(kerb, (shade, shade, shade + 0.02), "asphalt", "asphalt"))
    y, start = kerb + 0.45 * (1 - kerb), rng.uniform(-0.2, 0.0)
    for i in range(5):
        left = start + 0.27 * i
        dash = np.array([(left, y), (left + 0.13, y), (left + 0.11, y + 0.024), (left - 0.025, y + 0.024)])
        shapes.append(Shape(dash, Paint((0.90, 0.89, 0.85), shade=0), material="asphalt", ground=True))
    return shapes


def garden(background: Background, light: Light, rng: np.random.Generator) -> list[Shape]:
    """A wall or hedge, a lawn and a path, back to front."""
    h, green = background.horizon, grass_green(background)
    brick = mixed((0.66, 0.34, 0.25), (0.72, 0.52, 0.38), 0.5 + 0.5 * background.tint)
    top = h - rng.uniform(0.20, 0.30)
    shapes = [
        Shape(
            box(-0.1, top, 1.1, h + 0.02),
            Paint(brick, grain="brick", grain_scale=1.5, shade=0.1),
            "building",
            "wall",
            material="brick",
        ),
        Shape(box(-0.1, top - 0.025, 1.1, top + 0.01), Paint((0.72, 0.70, 0.66), grain="stone"), material="stone"),
        ground(h, green, "grass", "grass"),
    ]
    for x in np.arange(0.0, 1.1, 0.13):
        hedge = blob(x + rng.uniform(-0.03, 0.03), h + 0.005, 0.09, rng.uniform(0.04, 0.09), rng, bumps=9)
        shapes.append(Shape(hedge, Paint((0.24, 0.44, 0.20), grain="foliage", shade=0.4), "bush", material="foliage"))
    bend, middle = rng.uniform(-0.25, 0.25), rng.uniform(0.3, 0.7)
    path = [
        (middle - 0.03, h + 0.05),
        (middle + 0.03, h + 0.05),
        (middle + bend + 0.26, 1.1),
        (middle + bend - 0.26, 1.1),
    ]
    shapes.append(Shape(np.array(path), Paint((0.70, 0.67, 0.62), grain="stone"), material="stone", ground=True))
    return shapes
