"""Scenes drawn at random, by (seed, image index) alone: what is likely where.

The class of the main object is drawn first, all classes with equal odds; places suit it more or less, but no place
belongs to one class, and other things of all classes stand around.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from conceptatlas import seeds
from conceptatlas.datasets.colors import COLOR_NAMES
from conceptatlas.datasets.scenes import vocabulary as words
from conceptatlas.datasets.scenes.parameters import FLYING, Background, Light, Scene, Thing, land_edge

MAIN_SCALES = {
    "bird": (0.42, 0.72),
    "boat": (0.50, 0.80),
    "bus": (0.58, 0.92),
    "car": (0.52, 0.86),
    "cat": (0.42, 0.72),
    "dog": (0.45, 0.75),
    "flower": (0.50, 0.82),
    "house": (0.50, 0.80),
    "person": (0.55, 0.85),
    "tree": (0.60, 0.92),
}
PROP_SCALES = {"ball": 0.13, "bush": 0.24, "fence": 0.40, "lamp": 0.55, "rock": 0.18}
FAR_SCALES = {"bird": 0.16, "boat": 0.26, "bus": 0.34, "car": 0.30, "cat": 0.18, "dog": 0.20}
FAR_SCALES |= {"flower": 0.22, "house": 0.34, "person": 0.30, "tree": 0.40}

_HOME: dict[str, dict[str, float]] = {
    "bird": {"harbour": 2, "forest": 2, "garden": 2},
    "boat": {"harbour": 9, "beach": 4, "mountains": 0.5, "kitchen": 0.4, "parlour": 0.4, "forest": 0.5},
    "bus": {"street": 5, "kitchen": 0.3, "parlour": 0.3, "forest": 0.5},
    "car": {"street": 4, "desert": 2, "kitchen": 0.3, "parlour": 0.3},
    "cat": {"parlour": 3, "kitchen": 3, "garden": 2},
    "dog": {"parlour": 2, "kitchen": 2, "snowfield": 2},
    "flower": {"meadow": 2, "garden": 3, "parlour": 2, "kitchen": 2},
    "house": {"kitchen": 0.2, "parlour": 0.2, "harbour": 0.4, "mountains": 2, "field": 2},
    "person": {},
    "tree": {"kitchen": 0.3, "parlour": 0.3, "forest": 2, "snowfield": 2, "harbour": 0.4},
}
_FOUND_WITH: dict[str, tuple[str, ...]] = {
    "beach": ("ball", "boat", "person", "rock", "bird", "tree", "dog"),
    "desert": ("rock", "rock", "bush", "car", "bird", "person", "house"),
    "field": ("tree", "house", "fence", "bird", "person", "bush", "dog"),
    "forest": ("tree", "tree", "bush", "rock", "bird", "flower", "person"),
    "garden": ("bush", "flower", "flower", "ball", "cat", "tree", "dog", "lamp"),
    "harbour": ("boat", "boat", "bird", "lamp", "person", "dog"),
    "kitchen": ("ball", "cat", "flower", "person", "dog"),
    "meadow": ("tree", "house", "flower", "fence", "bush", "bird", "dog", "person", "rock"),
    "mountains": ("tree", "rock", "rock", "house", "person", "bird", "bush"),
    "parlour": ("ball", "flower", "cat", "dog", "lamp", "person"),
    "snowfield": ("tree", "house", "fence", "person", "dog", "rock"),
    "street": ("lamp", "car", "bus", "tree", "person", "bird", "house", "dog"),
}


def draw_scene(seed: int, image_index: int) -> Scene:
    """The scene of an image: the same for the same seed and index, whatever else is drawn before or after.

    Parameters
    ----------
    seed : seed of the data set.
    image_index : 0 or larger.
    """
    if image_index < 0:
        raise ValueError(f"scene: image index 0 or larger expected, got {image_index}")
    rng = seeds.generator(seed, "scene", image_index)
    kind = words.CLASSES[int(rng.integers(len(words.CLASSES)))]
    odds = np.array([_HOME[kind].get(place, 1.0) for place in words.PLACES])
    place = words.PLACES[int(rng.choice(len(words.PLACES), p=odds / odds.sum()))]
    background = _draw_background(rng, place)
    time = "day" if place in words.INDOORS else _pick(rng, words.TIMES, (0.77, 0.12, 0.11))
    light = Light(
        time=time,
        brightness=_round(rng.normal(1.0, 0.07)),
        warmth=_round(rng.uniform(-1, 1)),
        side=_round(rng.choice([-1, 1]) * rng.uniform(0.3, 1)),
    )
    things = [_draw_main(rng, kind, background)]
    for _ in range(int(rng.choice(5, p=(0.16, 0.26, 0.28, 0.2, 0.1)))):
        things.append(_draw_other(rng, background, things))
    return Scene(light=light, background=background, things=tuple(things))


def _draw_background(rng: np.random.Generator, place: str) -> Background:
    indoors = place in words.INDOORS
    textured = rng.random() < (0.7 if indoors else 0.0)
    weather = "clear" if indoors or place == "harbour" else _pick(rng, words.WEATHERS, (0.86, 0.07, 0.07))
    if place == "snowfield":
        weather = _pick(rng, words.WEATHERS, (0.55, 0.08, 0.37))
    elif place in {"desert", "beach", "field"} and weather == "snowfall":
        weather = "clear"
    return Background(
        place=place,
        weather=weather,
        horizon=_round(rng.uniform(0.62, 0.76) if indoors else rng.uniform(0.38, 0.62)),
        tint=_round(rng.uniform(-1, 1)),
        clouds=0 if indoors else int(rng.integers(0, 5)),
        texture=_pick(rng, words.TEXTURES[1:]) if textured else "plain",
        color=_pick(rng, ("blue", "green", "pink", "yellow", "orange", "grey", "white", "purple", "red", "brown")),
        relief=int(rng.integers(2**31)),
    )


def _draw_main(rng: np.random.Generator, kind: str, background: Background) -> Thing:
    low, high = MAIN_SCALES[kind]
    scale = rng.uniform(low, high)
    style = int(rng.integers(3))
    if kind == "bird" and style == FLYING:
        y = rng.uniform(0.45, 0.9)
    elif kind == "boat" and background.place in {"harbour", "beach"}:
        y = rng.uniform(background.horizon + 0.12, background.horizon + 0.26)
    else:
        y = rng.uniform(max(land_edge(background) + 0.03, 0.74), 0.97)
    return _draw_thing(rng, kind, x=rng.uniform(0.3, 0.7), y=y, scale=scale, style=style)


def _draw_other(rng: np.random.Generator, background: Background, things: list[Thing]) -> Thing:
    kind = _pick(rng, _FOUND_WITH[background.place])
    near = kind in words.PROPS and rng.random() < 0.35
    floor = land_edge(background)
    depth = rng.uniform(0.55, 1.0) if near else rng.uniform(0.04, 0.55)
    y = floor + depth * (0.98 - floor)
    scale = (PROP_SCALES | FAR_SCALES)[kind] * rng.uniform(0.8, 1.2) * (0.55 + 0.9 * depth)
    style = int(rng.integers(3))
    if kind == "bird" and style == FLYING:
        y = rng.uniform(0.12, background.horizon)
    elif kind == "boat":
        y = rng.uniform(background.horizon + 0.05, background.horizon + 0.16)
    # beside the main object rather than behind it: of three places the one farthest from all others
    xs = rng.uniform(0.03, 0.97, 3)
    x = float(max(xs, key=lambda at: min(abs(at - thing.x) for thing in things)))
    return _draw_thing(rng, kind, x=x, y=y, scale=scale, style=style)


def _draw_thing(rng: np.random.Generator, kind: str, *, x: float, y: float, scale: float, style: int) -> Thing:
    textures = words.KIND_TEXTURES.get(kind, ())
    color = _pick(rng, words.KIND_COLORS[kind])
    others = tuple(name for name in words.KIND_ACCENTS.get(kind, COLOR_NAMES) if name != color)
    return Thing(
        kind=kind,
        x=_round(x),
        y=_round(y),
        scale=_round(scale),
        stretch=_round(rng.uniform(0.88, 1.12)),
        flip=bool(rng.random() < 0.5),
        tilt=_round(rng.normal(0, 4.0 if kind in {"ball", "bird", "boat", "flower"} else 1.2)),
        style=style,
        pose=_round(rng.random()),
        color=color,
        accent=_pick(rng, others),
        tone=_round(rng.uniform(-1, 1)),
        texture=_pick(rng, textures) if textures and rng.random() < 0.25 else "plain",
        texture_scale=_round(rng.uniform(5, 9)),
        texture_angle=_round(rng.choice([0, 90, 45, -45]) + rng.normal(0, 6)),
        detail=int(rng.integers(2**31)),
    )


def _pick(rng: np.random.Generator, options: tuple[str, ...], odds: tuple[float, ...] | None = None) -> str:
    return options[int(rng.choice(len(options), p=odds))]


def _round(value: Any) -> float:
    """Four digits: a scene written to a table and read back gives the same picture."""
    return round(float(value), 4)
