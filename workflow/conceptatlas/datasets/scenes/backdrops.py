"""From a background's parameters to its shapes: the sky, and the place below it. Points are fractions, y down."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from conceptatlas.datasets.scenes import countryside, interiors, town, waterside
from conceptatlas.datasets.scenes.parameters import Background, Light
from conceptatlas.datasets.scenes.shapes import Paint, Shape, blob, box, ellipse, mixed, tinted
from conceptatlas.datasets.scenes.terrain import sky_colors
from conceptatlas.datasets.scenes.vocabulary import Rgb
from conceptatlas.seeds import generator

_WHITE: Rgb = (0.97, 0.97, 0.98)


def place_shapes(background: Background, light: Light) -> list[Shape]:
    """The shapes of a place, from far to near."""
    rng = generator(background.relief, "relief")
    if background.place in interiors.ROOMS:
        return interiors.ROOMS[background.place](background, rng)
    return [*_sky(background, light), *_PLACES[background.place](background, light, rng)]


def _sky(background: Background, light: Light) -> list[Shape]:
    # stars and clouds draw from streams of their own: night or another cloud leaves hills and houses as they are
    upper, lower = sky_colors(background, light)
    horizon = background.horizon
    sky = Paint(upper, fade=lower, glow=1.0)
    shapes = [Shape(box(-0.1, -0.1, 1.1, horizon + 0.08), sky, material="sky")]
    x = 0.5 + 0.36 * light.side
    y = horizon * (0.72 if light.time == "sunset" else 0.28)
    if background.weather == "clear":
        color: Rgb = {"day": (1.0, 0.94, 0.62), "sunset": (1.0, 0.83, 0.45), "night": (0.95, 0.94, 0.86)}[light.time]
        halo = mixed(mixed(upper, lower, y / horizon), color, 0.28)
        shapes.append(Shape(ellipse(x, y, 0.085, 0.085, n=32), Paint(halo, glow=1.0, shade=0), material="sky"))
        name = "moon" if light.time == "night" else "sun"
        shapes.append(Shape(ellipse(x, y, 0.052, 0.052, n=32), Paint(color, glow=1.0, shade=0), object=name))
        if light.time == "night":
            shadow = Paint(mixed(upper, lower, y / horizon), glow=1.0, shade=0)
            shapes.append(Shape(ellipse(x + 0.026, y - 0.012, 0.043, 0.043), shadow, material="sky"))
    if light.time == "night" and background.weather == "clear":
        rng = generator(background.relief, "stars")
        stars = Paint((0.95, 0.95, 0.9), glow=1.0, shade=0)
        at = zip(rng.uniform(0, 1, 26), rng.uniform(0, horizon, 26), rng.uniform(0.0025, 0.006, 26), strict=True)
        shapes += [Shape(ellipse(sx, sy, r, r, n=12), stars, material="sky") for sx, sy, r in at]
    white = {"day": _WHITE, "sunset": (0.98, 0.74, 0.62), "night": (0.20, 0.22, 0.34)}[light.time]
    for number in range(background.clouds):
        rng = generator(background.relief, "cloud", number)
        cx, cy, w = rng.uniform(0, 1), rng.uniform(0.06, horizon * 0.6), rng.uniform(0.08, 0.15)
        cloud = Paint(white, fade=tinted(white, 0.84), glow=1.0)
        for dx, dy, r in ((-0.75, 0.12, 0.55), (0.0, 0.0, 0.8), (0.8, 0.14, 0.6)):
            puff = blob(cx + dx * w, cy + dy * w, r * w, r * w * 0.6, rng, bumps=7)
            shapes.append(Shape(puff, cloud, object="cloud"))
    return shapes


_PLACES: dict[str, Callable[[Background, Light, np.random.Generator], list[Shape]]] = {
    "beach": waterside.beach,
    "desert": countryside.desert,
    "field": countryside.field,
    "forest": countryside.forest,
    "garden": town.garden,
    "harbour": waterside.harbour,
    "meadow": countryside.meadow,
    "mountains": countryside.mountains,
    "snowfield": countryside.snowfield,
    "street": town.street,
}
