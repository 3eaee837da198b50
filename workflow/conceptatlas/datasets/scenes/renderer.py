"""From a scene's parameters to its picture and labels.

All shapes are drawn, far to near, into one map of shape numbers at three times the picture's resolution. Whatever is
covered is gone from that map, so labels hold visible pixels only and agree with the picture by construction: the
picture is a coloured version of the map averaged over 3 x 3 samples, the labels are the sample at each pixel's centre.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from conceptatlas.datasets.colors import color_numbers
from conceptatlas.datasets.scenes.backdrops import place_shapes
from conceptatlas.datasets.scenes.lighting import air_share, cast_shadows, surface_light
from conceptatlas.datasets.scenes.objects import thing_shapes
from conceptatlas.datasets.scenes.parameters import Scene, Thing
from conceptatlas.datasets.scenes.shapes import Shape
from conceptatlas.datasets.scenes.terrain import sky_colors
from conceptatlas.datasets.scenes.textures import GRAINS, pattern
from conceptatlas.datasets.scenes.vocabulary import CONCEPT_NUMBERS, TEXTURES
from conceptatlas.seeds import generator

Array = np.ndarray[Any, Any]

SAMPLES = 3
"""Samples per pixel and direction; odd, so that one lies at the pixel's centre."""

MIN_PICTURE_SIZE, MAX_PICTURE_SIZE = 16, 1024
MIN_TEXTURE_SHARE = 0.015
"""A pattern is a label of the picture if it covers at least this share of it."""


@dataclass(frozen=True)
class Rendered:
    """A picture and its labels; arrays have the picture's size and row 0 at the top.

    picture : uint8 (size, size, 3), sRGB.
    object, part, detail, material : uint8 (size, size), values of CONCEPT_NUMBERS, 0 unlabelled. `detail` holds parts
        of parts (the eye of a head), so a pixel may have two part concepts.
    color : uint8 (size, size), index into COLOR_NAMES; every pixel has exactly one.
    instance : uint8 (size, size), 1 + position in scene.things of the thing seen there, 0 for the place.
    scenes, textures : names of the image-level concepts.
    """

    picture: Array
    object: Array
    part: Array
    detail: Array
    material: Array
    color: Array
    instance: Array
    scenes: tuple[str, ...]
    textures: tuple[str, ...]


@dataclass(frozen=True)
class _Pose:
    """Where a thing's own coordinates lie in the picture."""

    x: float
    y: float
    wide: float
    high: float
    cos: float
    sin: float

    @classmethod
    def of(cls, thing: Thing) -> _Pose:
        angle = math.radians(thing.tilt)
        wide = thing.scale * thing.stretch * (-1 if thing.flip else 1)
        return cls(thing.x, thing.y, wide, thing.scale, math.cos(angle), math.sin(angle))

    def place(self, points: Array) -> Array:
        u, v = points[:, 0] * self.wide, points[:, 1] * self.high
        return np.stack([self.x + self.cos * u + self.sin * v, self.y + self.sin * u - self.cos * v], axis=1)

    def own(self, x: Array, y: Array) -> tuple[Array, Array]:
        dx, dy = x - self.x, y - self.y
        return (self.cos * dx + self.sin * dy) / self.wide, (self.sin * dx - self.cos * dy) / self.high


_PICTURE = _Pose(0.0, 0.0, 1.0, -1.0, 1.0, 0.0)


def render(scene: Scene, size: int = 96) -> Rendered:
    """Draw a scene.

    Parameters
    ----------
    scene : its parameters; the result depends on nothing else.
    size : side of the square picture in pixels, 16 to 1024.

    Returns
    -------
    Rendered

    Raises
    ------
    ValueError
        for a size out of range.
    """
    if not MIN_PICTURE_SIZE <= size <= MAX_PICTURE_SIZE:
        raise ValueError(f"picture_size {size}: {MIN_PICTURE_SIZE} to {MAX_PICTURE_SIZE} pixels expected")
    shapes, poses, instances = _collect(scene)
    fine = size * SAMPLES
    outlines = [pose.place(shape.points) for shape, pose in zip(shapes, poses, strict=True)]
    canvas = Image.new("I", (fine, fine), 0)
    draw = ImageDraw.Draw(canvas)
    for number, outline in enumerate(outlines):
        draw.polygon((outline * fine - 0.5).ravel().tolist(), fill=number)
    numbers = np.asarray(canvas)

    colors = _paint(scene, shapes, poses, outlines, numbers)
    cast_shadows(scene, shapes, numbers, colors)
    picture = _finish(scene, colors, size)

    middle = numbers[SAMPLES // 2 :: SAMPLES, SAMPLES // 2 :: SAMPLES]

    def labels(field: str) -> Array:
        table = np.array([CONCEPT_NUMBERS.get(getattr(shape, field), 0) for shape in shapes], dtype=np.uint8)
        return table[middle]

    return Rendered(
        picture=picture,
        object=labels("object"),
        part=labels("part"),
        detail=labels("detail"),
        material=labels("material"),
        color=color_numbers(picture),
        instance=np.array(instances, dtype=np.uint8)[middle],
        scenes=scene_concepts(scene),
        textures=_visible_textures(shapes, numbers),
    )


def scene_concepts(scene: Scene) -> tuple[str, ...]:
    """The scene concepts of a picture: its place and, where they are not the usual, time and weather."""
    extra = (scene.time, scene.weather)
    return (scene.background.place, *(name for name in extra if name in CONCEPT_NUMBERS))


def _collect(scene: Scene) -> tuple[list[Shape], list[_Pose], list[int]]:
    """All shapes from far to near, with where they lie and whose they are."""
    shapes = place_shapes(scene.background, scene.light)
    poses, instances = [_PICTURE] * len(shapes), [0] * len(shapes)
    night = scene.time == "night"
    order = sorted(range(len(scene.things)), key=lambda i: (scene.things[i].y, -i))
    for i in order:
        thing = scene.things[i]
        own = thing_shapes(thing, night=night)
        shapes += own
        poses += [_Pose.of(thing)] * len(own)
        instances += [i + 1] * len(own)
    return shapes, poses, instances


def _paint(scene: Scene, shapes: list[Shape], poses: list[_Pose], outlines: list[Array], numbers: Array) -> Array:
    """Colour of every sample, float32 (fine, fine, 3) in 0..1.

    Light and air are factors and offsets per shape, so they are folded into its two colours before the look-up.
    """
    fine = numbers.shape[0]
    at = ((np.arange(fine) + 0.5) / fine).astype(np.float32)
    base, change, axes = _gradients(scene, shapes, outlines)
    light = surface_light(scene)
    gain = np.array([1 + (light - 1) * (1 - shape.paint.glow) for shape in shapes], dtype=np.float32)
    haze = air_share(scene, shapes)[:, None]
    air = haze * np.array(sky_colors(scene.background, scene.light)[1], dtype=np.float32)
    gain *= 1 - haze

    along = np.take(axes[:, 0], numbers)
    along += np.take(axes[:, 1], numbers) * at[None, :]
    along += np.take(axes[:, 2], numbers) * at[:, None]
    colors = np.take(change * gain, numbers, axis=0)
    colors *= along[..., None]
    colors += np.take(base * gain + air, numbers, axis=0)

    for number, shape in enumerate(shapes):
        paint = shape.paint
        if not paint.grain and paint.texture == "plain":
            continue
        # the surface's coordinates are needed at its visible samples only
        low = np.clip(np.floor(outlines[number].min(axis=0) * fine).astype(int) - 1, 0, fine)
        high = np.clip(np.ceil(outlines[number].max(axis=0) * fine).astype(int) + 2, 0, fine)
        rows, columns = np.nonzero(numbers[low[1] : high[1], low[0] : high[0]] == number)
        if rows.size == 0:
            continue
        rows += low[1]
        columns += low[0]
        x, y = poses[number].own(at[columns], at[rows])
        if paint.vanish is not None:
            depth = 0.25 / np.maximum(at[rows] - paint.vanish, 0.02)
            x, y = (at[columns] - 0.5) * depth * 2, depth * 2
        values = colors[rows, columns] - air[number]
        if paint.texture != "plain":
            c, s = math.cos(math.radians(paint.angle)), math.sin(math.radians(paint.angle))
            second = pattern(paint.texture, paint.periods * (c * x + s * y), paint.periods * (c * y - s * x))
            shading = 1 - 2 * paint.shade * along[rows, columns]
            accent = np.array(paint.accent, dtype=np.float32) * gain[number]
            values = np.where(second[:, None], accent * shading[:, None], values)
        if paint.grain:
            values *= GRAINS[paint.grain](x * paint.grain_scale, y * paint.grain_scale)[:, None]
        colors[rows, columns] = values + air[number]
    return colors


def _gradients(scene: Scene, shapes: list[Shape], outlines: list[Array]) -> tuple[Array, Array, Array]:
    """Per shape: middle colour, its change from the lit to the unlit side, and (constant, x, y) of that axis, +-1/2."""
    base = np.array([shape.paint.color for shape in shapes], dtype=np.float32)
    shade = np.array([shape.paint.shade for shape in shapes], dtype=np.float32)
    change = -2 * shade[:, None] * base
    low = np.array([outline.min(axis=0) for outline in outlines])
    extent = np.maximum(np.array([outline.max(axis=0) for outline in outlines]) - low, 1e-6)
    weight = np.tile([-0.45 * scene.light.side, 0.7], (len(shapes), 1))
    for number, shape in enumerate(shapes):
        if shape.paint.fade is not None:
            fade = np.array(shape.paint.fade, dtype=np.float32)
            change[number] = fade - base[number]
            base[number] = (fade + base[number]) / 2
            weight[number] = (0.0, 1.0)
    slope = weight / extent
    constant = -((low + extent / 2) * slope).sum(axis=1)
    return base, change, np.column_stack([constant, slope]).astype(np.float32)


def _finish(scene: Scene, colors: Array, size: int) -> Array:
    """Average the samples, let snow fall, add the camera's faint noise, and round to 8 bits."""
    rows = colors[0::SAMPLES] + colors[1::SAMPLES] + colors[2::SAMPLES]
    mean = (rows[:, 0::SAMPLES] + rows[:, 1::SAMPLES] + rows[:, 2::SAMPLES]) / SAMPLES**2
    rng = generator(scene.background.relief, "camera", size)
    if scene.weather == "snowfall":
        fine = size * SAMPLES
        canvas = Image.new("L", (fine, fine), 0)
        draw = ImageDraw.Draw(canvas)
        flakes = generator(scene.background.relief, "flakes").uniform(0, 1, (90, 3))
        for x, y, near in flakes.tolist():
            radius = 0.003 + 0.007 * near**3
            box = [(x - radius) * fine, (y - radius) * fine, (x + radius) * fine, (y + radius) * fine]
            draw.ellipse(box, fill=int(150 + 105 * near))
        share = np.asarray(canvas.reduce(SAMPLES), dtype=np.float32)[..., None] / 255
        bright = 0.75 if scene.time == "night" else 0.97
        mean = mean * (1 - share) + bright * share
    mean += rng.normal(0, 0.005, (size, size, 1)).astype(np.float32)
    return (np.clip(mean, 0, 1) * 255 + 0.5).astype(np.uint8)


def _visible_textures(shapes: list[Shape], numbers: Array) -> tuple[str, ...]:
    counts = np.bincount(numbers.ravel(), minlength=len(shapes))
    share = {
        name: sum(int(counts[i]) for i, shape in enumerate(shapes) if shape.paint.texture == name) / numbers.size
        for name in TEXTURES[1:]
    }
    return tuple(name for name in TEXTURES[1:] if share[name] >= MIN_TEXTURE_SHARE)
