"""Polygons with paint and labels, and a sketch pad that objects are drawn on.

Everything is a polygon in the object's own coordinates: x to the right, y up, the foot's middle at (0, 0), the longest
side about 1. Later shapes cover earlier ones.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from conceptatlas.datasets.scenes.vocabulary import PALETTE, Rgb

Points = np.ndarray[Any, Any]
_TURN = {n: np.linspace(0, 2 * np.pi, n, endpoint=False) for n in (12, 20, 32)}


@dataclass(frozen=True)
class Paint:
    """How a surface looks.

    color : sRGB 0..1.
    accent : second colour of the pattern.
    texture : of TEXTURES; `periods` of it along a length of 1, turned by `angle` degrees.
    grain : name in `textures.GRAINS`, the look of the material, `grain_scale` times finer than usual.
    shade : how much darker the side away from the light is.
    glow : 0..1, share of its own light (lamps, lit windows, skies).
    fade : colour at the lower edge, instead of shading.
    vanish : y of the horizon for floors seen in perspective.
    """

    color: Rgb
    accent: Rgb = (1.0, 1.0, 1.0)
    texture: str = "plain"
    periods: float = 6.0
    angle: float = 0.0
    grain: str = ""
    grain_scale: float = 1.0
    shade: float = 0.16
    glow: float = 0.0
    fade: Rgb | None = None
    vanish: float | None = None


@dataclass(frozen=True)
class Shape:
    """A polygon (n, 2), its paint, and its labels ("" for none).

    detail is a second part word for a part of a part: an eye is an eye and lies in the head. ground: things cast their
    shadow on it. haze: 0..1, how far away it is.
    """

    points: Points
    paint: Paint
    object: str = ""
    part: str = ""
    detail: str = ""
    material: str = ""
    ground: bool = False
    haze: float = 0.0


class Sketch:
    """Collects the shapes of one object."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.shapes: list[Shape] = []

    def add(
        self,
        points: Points | Sequence[tuple[float, float]],
        paint: Paint | Rgb,
        *,
        part: str = "",
        detail: str = "",
        material: str = "",
        **changes: Any,
    ) -> None:
        """Draw a polygon; `changes` replace fields of the paint."""
        paint = paint if isinstance(paint, Paint) else Paint(paint)
        if changes:
            paint = replace(paint, **changes)
        array = np.asarray(points, dtype=np.float64)
        self.shapes.append(Shape(array, paint, self.name, part, detail, material))


def ellipse(x: float, y: float, rx: float, ry: float, angle: float = 0.0, *, n: int = 20) -> Points:
    """An ellipse turned by `angle` degrees."""
    turn = _TURN[n]
    u, v = rx * np.cos(turn), ry * np.sin(turn)
    c, s = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    return np.stack([x + c * u - s * v, y + s * u + c * v], axis=1)


def box(x0: float, y0: float, x1: float, y1: float) -> Points:
    """An upright rectangle."""
    return np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)])


def rounded(x0: float, y0: float, x1: float, y1: float, radius: float) -> Points:
    """An upright rectangle with rounded corners."""
    radius = min(radius, abs(x1 - x0) / 2, abs(y1 - y0) / 2)
    turn = np.linspace(0, np.pi / 2, 5)
    corners = []
    for quarter, (cx, cy) in enumerate(
        [(x1 - radius, y1 - radius), (x0 + radius, y1 - radius), (x0 + radius, y0 + radius), (x1 - radius, y0 + radius)]
    ):
        at = turn + quarter * np.pi / 2
        corners.append(np.stack([cx + radius * np.cos(at), cy + radius * np.sin(at)], axis=1))
    return np.concatenate(corners)


def curve(points: Sequence[tuple[float, float]], *, steps: int = 6, closed: bool = True) -> Points:
    """A smooth (Catmull-Rom) curve through points."""
    p = np.asarray(points, dtype=np.float64)
    if closed:
        before, after, last = np.roll(p, 1, axis=0), np.roll(p, -1, axis=0), np.roll(p, -2, axis=0)
    else:
        p, extended = p[:-1], np.concatenate([p[:1], p, p[-1:]])
        before, after, last = extended[:-3], extended[2:-1], extended[3:]
    t = np.linspace(0, 1, steps, endpoint=False)[None, :, None]
    a, b, c, d = before[:, None], p[:, None], after[:, None], last[:, None]
    smooth = 0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
    flat: Points = smooth.reshape(-1, 2)
    return flat if closed else np.concatenate([flat, after[-1:]])


def limb(points: Sequence[tuple[float, float]], width: float, end_width: float | None = None) -> Points:
    """A tapered band along a smooth curve through points: legs, tails, masts, trunks, branches."""
    line = curve(points, closed=False) if len(points) > 2 else np.asarray(points, dtype=np.float64)
    step = np.gradient(line, axis=0)
    normal = np.stack([-step[:, 1], step[:, 0]], axis=1) / np.maximum(np.hypot(step[:, 0], step[:, 1]), 1e-9)[:, None]
    half = np.linspace(width, width if end_width is None else end_width, len(line))[:, None] / 2
    return np.concatenate([line + normal * half, (line - normal * half)[::-1]])


def blob(x: float, y: float, rx: float, ry: float, rng: np.random.Generator, *, bumps: int = 9) -> Points:
    """A lobed outline (crowns, bushes, clouds): an ellipse whose radius swells `bumps` times, irregularly."""
    turn = np.linspace(0, 2 * np.pi, 72, endpoint=False)
    phase = rng.uniform(0, 2 * np.pi)
    wobble = rng.uniform(-0.06, 0.06, 3) @ np.cos(np.arange(2, 5)[:, None] * turn + rng.uniform(0, 6, 3)[:, None])
    radius = 0.93 + 0.11 * np.abs(np.sin(turn * bumps / 2 + phase)) + wobble
    return np.stack([x + rx * radius * np.cos(turn), y + ry * radius * np.sin(turn)], axis=1)


def tinted(color: Rgb, factor: float) -> Rgb:
    """A colour made darker (factor < 1) or mixed towards white (factor > 1)."""
    if factor <= 1:
        return (color[0] * factor, color[1] * factor, color[2] * factor)
    share = min(factor - 1, 1.0)
    return (
        color[0] + (1 - color[0]) * share,
        color[1] + (1 - color[1]) * share,
        color[2] + (1 - color[2]) * share,
    )


def mixed(first: Rgb, second: Rgb, share: float) -> Rgb:
    """A colour `share` of the way from the first to the second."""
    return (
        first[0] + (second[0] - first[0]) * share,
        first[1] + (second[1] - first[1]) * share,
        first[2] + (second[2] - first[2]) * share,
    )


def named_color(name: str, *, tone: float = 0.0, detail: int = 0) -> Rgb:
    """One of the palette's versions of a colour (chosen by `detail`), lighter or darker by `tone` in -1..1."""
    options = PALETTE[name]
    return tinted(options[detail % len(options)], 1 + 0.13 * tone)
