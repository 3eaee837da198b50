"""Places without houses or sea: meadow, field, forest, snowfield, desert, mountains."""

from __future__ import annotations

import numpy as np

from conceptatlas.datasets.scenes.parameters import Background, Light
from conceptatlas.datasets.scenes.shapes import Paint, Shape, blob, ellipse, mixed, tinted
from conceptatlas.datasets.scenes.terrain import grass_green, ground, ridge
from conceptatlas.datasets.scenes.vocabulary import Rgb


def meadow(background: Background, light: Light, rng: np.random.Generator) -> list[Shape]:
    """Two ridges of grass and a meadow with flowers, back to front."""
    green, h = grass_green(background), background.horizon
    far, near = Paint(tinted(green, 0.72), grain="grass"), Paint(tinted(green, 0.9), grain="grass")
    shapes = [
        Shape(ridge(h, 0.14, rng, waves=2), far, material="grass", haze=0.4),
        Shape(ridge(h + 0.02, 0.07, rng, waves=3), near, material="grass", haze=0.2),
        ground(h + 0.01, green, "grass", "grass"),
    ]
    petals: Rgb = ((0.97, 0.95, 0.9), (0.95, 0.8, 0.25), (0.85, 0.45, 0.65))[int(rng.integers(3))]
    for x, depth in zip(rng.uniform(0, 1, 26), rng.uniform(0.1, 1, 26) ** 1.5, strict=True):
        r = 0.004 + 0.007 * depth
        shapes.append(Shape(ellipse(x, h + depth * (1 - h), r, r * 0.8, n=12), Paint(petals, shade=0), ground=True))
    return shapes


def field(background: Background, light: Light, rng: np.random.Generator) -> list[Shape]:
    """A field of straw with furrows before a line of trees, back to front."""
    straw, h = mixed((0.87, 0.70, 0.28), (0.80, 0.62, 0.34), 0.5 + 0.5 * background.tint), background.horizon
    trees = Paint((0.24, 0.40, 0.22), grain="foliage")
    shapes = [Shape(ridge(h + 0.01, 0.06, rng, waves=9), trees, material="foliage", haze=0.35)]
    shapes.append(ground(h, straw, "straw", "straw"))
    vanishing = rng.uniform(0.3, 0.7)
    for i in range(-5, 6):
        near_x, half = vanishing + i * 0.3, 0.035
        furrow = np.array([(vanishing + i * 0.03, h), (near_x + half, 1.1), (near_x - half, 1.1)])
        paint = Paint(tinted(straw, 0.86), fade=tinted(straw, 0.72), grain="straw")
        shapes.append(Shape(furrow, paint, material="straw", ground=True))
    return shapes


def forest(background: Background, light: Light, rng: np.random.Generator) -> list[Shape]:
    """Undergrowth, trunks and a canopy, back to front."""
    h = background.horizon
    leaf = mixed((0.26, 0.48, 0.22), (0.44, 0.50, 0.20), 0.5 + 0.5 * background.tint)
    shapes = [
        Shape(ridge(h + 0.02, 0.30, rng, waves=7), Paint(tinted(leaf, 0.75), grain="foliage"), material="foliage")
    ]
    shapes.append(ground(h, (0.50, 0.40, 0.26), "soil", "soil", far=tinted(leaf, 0.9)))
    xs = np.sort(rng.uniform(0, 1, 9))
    for x, depth in zip(xs, rng.permutation(9) / 9, strict=True):
        w, foot, haze = 0.016 + 0.03 * depth, h + 0.02 + 0.12 * depth, 0.35 * (1 - depth)
        bark = Paint(tinted((0.42, 0.30, 0.21), 0.75 + 0.5 * depth), grain="bark", shade=0.5)
        trunk = np.array([(x - w * 0.7, -0.1), (x + w * 0.7, -0.1), (x + w, foot), (x - w, foot)])
        shapes.append(Shape(trunk, bark, "tree", "trunk", material="wood", haze=haze))
    for i in range(9):
        crown = blob(i / 8 + rng.uniform(-0.04, 0.04), rng.uniform(-0.02, 0.06), 0.13, 0.11, rng, bumps=11)
        paint = Paint(tinted(leaf, rng.uniform(0.85, 1.15)), grain="foliage", shade=0.3)
        shapes.append(Shape(crown, paint, "tree", "crown", material="foliage"))
    return shapes


def snowfield(background: Background, light: Light, rng: np.random.Generator) -> list[Shape]:
    """Snow-covered hills and a snowfield, back to front."""
    h = background.horizon
    snow: Rgb = (0.93, 0.95, 0.99)
    shapes = [
        Shape(ridge(h, 0.16, rng, waves=2), Paint((0.80, 0.86, 0.94), grain="snow"), material="snow"),
        Shape(ridge(h + 0.02, 0.08, rng, waves=3), Paint((0.86, 0.91, 0.97), grain="snow"), material="snow"),
        ground(h + 0.02, snow, "snow", "snow", far=(0.97, 0.98, 1.0)),
    ]
    drift = Paint((0.84, 0.89, 0.96), grain="snow")
    for _ in range(3):
        y = rng.uniform(h + 0.08, 0.98)
        shapes.append(
            Shape(ellipse(rng.uniform(0, 1), y, rng.uniform(0.15, 0.4), 0.012), drift, material="snow", ground=True)
        )
    return shapes


def desert(background: Background, light: Light, rng: np.random.Generator) -> list[Shape]:
    """Dunes of sand with rocks, back to front."""
    h = background.horizon
    sand = mixed((0.90, 0.70, 0.42), (0.88, 0.60, 0.38), 0.5 + 0.5 * background.tint)
    shapes = []
    for _ in range(2):
        x, w, top = rng.uniform(0.05, 0.95), rng.uniform(0.08, 0.2), h - rng.uniform(0.1, 0.24)
        table = np.array([(x - w, h + 0.05), (x - w * 0.72, top), (x + w * 0.66, top), (x + w, h + 0.05)])
        paint = Paint((0.70, 0.38, 0.25), grain="stone", shade=0.35)
        shapes.append(Shape(table, paint, "mountain", material="stone", haze=0.25))
    shapes.append(Shape(ridge(h + 0.02, 0.07, rng, waves=2), Paint(tinted(sand, 0.88), grain="sand"), material="sand"))
    shapes.append(ground(h + 0.01, sand, "sand", "sand"))
    for i in range(3):
        dune = ridge(h + 0.14 + 0.13 * i, 0.07, rng, waves=1)
        paint = Paint(tinted(sand, 1.08), fade=tinted(sand, 0.88), grain="sand")
        shapes.append(Shape(dune, paint, material="sand", ground=True))
    return shapes


def mountains(background: Background, light: Light, rng: np.random.Generator) -> list[Shape]:
    """Snow-capped mountains behind grass, back to front."""
    h = background.horizon
    stone, shapes = mixed((0.45, 0.47, 0.52), (0.50, 0.44, 0.40), 0.5 + 0.5 * background.tint), []
    for i in range(5):
        x, w, top = i / 4 + rng.uniform(-0.1, 0.1), rng.uniform(0.2, 0.3), h - rng.uniform(0.2, 0.38)
        haze = 0.3 if i % 2 else 0.12
        peak = np.array([(x - w, h + 0.05), (x, top), (x + w, h + 0.05)])
        shapes.append(Shape(peak, Paint(stone, grain="stone", shade=0.5), "mountain", material="stone", haze=haze))
        lee = np.array([(x, top), (x + w * np.sign(-light.side), h + 0.05), (x + 0.03, h + 0.05)])
        shapes.append(Shape(lee, Paint(tinted(stone, 0.72), grain="stone"), "mountain", material="stone", haze=haze))
        c, s = (h + 0.05 - top) * 0.32, w * 0.32
        cap = np.array(
            [
                (x, top),
                (x + s, top + c),
                (x + s * 0.5, top + c * 0.75),
                (x + s * 0.1, top + c * 1.15),
                (x - s * 0.4, top + c * 0.7),
                (x - s, top + c),
            ]
        )
        shapes.append(Shape(cap, Paint((0.95, 0.96, 0.99), shade=0.2), "mountain", material="snow", haze=haze))
    shapes.append(ground(h, mixed(grass_green(background), (0.5, 0.5, 0.42), 0.45), "grass", "grass"))
    return shapes
