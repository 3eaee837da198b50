"""Light, air and shadows: factors on the colour of surfaces."""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from conceptatlas.datasets.scenes.parameters import FLYING, Scene
from conceptatlas.datasets.scenes.shapes import Shape

Array = np.ndarray[Any, Any]

_TIME_LIGHT = {"day": (1.0, 1.0, 1.0), "sunset": (1.0, 0.82, 0.70), "night": (0.42, 0.48, 0.70)}
_FOOT_WIDTH = {"ball": 0.4, "boat": 0.5, "bus": 0.54, "bush": 0.5, "car": 0.54, "cat": 0.34, "dog": 0.36}
_FOOT_WIDTH |= {
    "fence": 0.5,
    "flower": 0.16,
    "house": 0.5,
    "lamp": 0.1,
    "person": 0.2,
    "rock": 0.52,
    "tree": 0.28,
    "bird": 0.2,
}


def surface_light(scene: Scene) -> Array:
    """Factor on r, g, b of everything that does not shine itself."""
    warmth = 0.05 * scene.light.warmth
    time = np.array(_TIME_LIGHT[scene.time])
    dull = 1.0 if scene.weather == "clear" else 0.92
    return time * np.array([1 + warmth, 1.0, 1 - warmth]) * scene.light.brightness * dull


def air_share(scene: Scene, shapes: list[Shape]) -> Array:
    """Share of the air's colour, per shape."""
    haze = np.array([shape.haze for shape in shapes], dtype=np.float32) * 0.8
    if scene.weather == "fog":
        ground = np.array([0.42 if shape.material != "sky" else 0.0 for shape in shapes], dtype=np.float32)
        haze = np.maximum(ground, np.minimum(haze * 2.2, 0.85))
    return haze


def cast_shadows(scene: Scene, shapes: list[Shape], numbers: Array, colors: Array) -> None:
    """Darken the ground under and beside things, softly, in place."""
    fine = numbers.shape[0]
    coarse = max(fine // 3, 16)
    canvas = Image.new("L", (coarse, coarse), 0)
    draw = ImageDraw.Draw(canvas)
    for thing in scene.things:
        if thing.kind == "bird" and thing.style == FLYING:
            continue
        half = thing.scale * thing.stretch * _FOOT_WIDTH.get(thing.kind, 0.3)
        x, y = thing.x - 0.25 * half * scene.light.side, thing.y + 0.004
        flat = 0.035 * thing.scale + 0.012
        draw.ellipse([(x - half) * coarse, (y - flat) * coarse, (x + half) * coarse, (y + flat) * coarse], fill=150)
    soft = canvas.filter(ImageFilter.GaussianBlur(coarse / 70)).resize((fine, fine), Image.Resampling.BILINEAR)
    depth = (0.62 if scene.weather == "clear" else 0.42) / 150
    receives = np.array([-depth if shape.ground else 0.0 for shape in shapes], dtype=np.float32)
    factor = np.take(receives, numbers) * np.asarray(soft) + 1
    colors *= factor[..., None]
