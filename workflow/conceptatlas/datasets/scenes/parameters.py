"""A scene as an explicit parameter vector, changed one factor at a time.

Nothing random happens to a scene once it is drawn (`drawing.draw_scene`). Small irregularities (where a crack runs,
how leaves are tousled) come from integers that are parameters too, so two scenes that differ in one field differ in
the picture by that factor only. Lengths and positions are fractions of the picture's side; x runs right, y runs down;
angles are degrees.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

from conceptatlas import naming
from conceptatlas.datasets.colors import COLOR_NAMES
from conceptatlas.datasets.scenes import vocabulary as words


@dataclass(frozen=True)
class Light:
    """time: one of TIMES. brightness: factor around 1. warmth: -1 (cold) to 1. side: -1 (from the left) to 1."""

    time: str
    brightness: float
    warmth: float
    side: float


@dataclass(frozen=True)
class Background:
    """Where the scene plays.

    place, weather: of PLACES, WEATHERS. horizon: y of the horizon (indoors: of the floor's edge). tint: -1..1 shifts
    the ground's colour. clouds: number of clouds. texture: of TEXTURES, worn by wall or floor indoors. color: its
    colour. relief: integer that fixes hills, facades, waves and grain.
    """

    place: str
    weather: str
    horizon: float
    tint: float
    clouds: int
    texture: str
    color: str
    relief: int


@dataclass(frozen=True)
class Thing:
    """One object.

    kind: of KINDS. x, y: its foot's middle. scale: its longest side. stretch: width against height, around 1.
    flip: looks left. tilt: degrees. style: 0..2, variant of the kind. pose: 0..1, limbs, wings, sails.
    color, accent: of COLOR_NAMES. tone: -1 (dark) to 1 (light). texture: of TEXTURES. texture_scale: periods along the
    object. texture_angle: degrees. detail: integer that fixes small irregularities.
    """

    kind: str
    x: float
    y: float
    scale: float
    stretch: float
    flip: bool
    tilt: float
    style: int
    pose: float
    color: str
    accent: str
    tone: float
    texture: str
    texture_scale: float
    texture_angle: float
    detail: int


@dataclass(frozen=True)
class Scene:
    """A picture's parameters. things[0] is the main object; the renderer draws things from far to near (by y)."""

    light: Light
    background: Background
    things: tuple[Thing, ...]

    @property
    def main(self) -> Thing:
        """The object the picture is about: the class of the demo classifiers."""
        return self.things[0]

    @property
    def time(self) -> str:
        """The time that is seen: rooms are lit, it is always day there."""
        return "day" if self.background.place in words.INDOORS else self.light.time

    @property
    def weather(self) -> str:
        """The weather that is seen: none in rooms."""
        return "clear" if self.background.place in words.INDOORS else self.background.weather


FLYING = 1
"""The style of a bird on the wing."""


def land_edge(background: Background) -> float:
    """y where the ground that things stand on begins: below the water at the beach and in the harbour."""
    if background.place == "harbour":
        return 0.79
    return background.horizon + (0.22 if background.place == "beach" else 0.0)


def vary(scene: Scene, factor: str, value: Any) -> Scene:
    """The same scene with one factor changed.

    Parameters
    ----------
    factor : name of a parameter as in `scene_row`: "light.time", "background.place", "main.color", "things.2.x".
    value : the new value, of the parameter's type; words must be known ones.

    Raises
    ------
    ValueError
        for an unknown factor or word (with the nearest), a thing that is not there, a value of another type or out of
        range.

    Examples
    --------
    >>> scene = draw_scene(0, 0)
    >>> vary(scene, "main.color", "blue").main.color
    'blue'
    """
    known = [*scene_row(scene), *(f"main.{field.name}" for field in dataclasses.fields(Thing))]
    if factor not in known:
        raise naming.unknown("factor", factor, known, where=f"a scene of {len(scene.things)} things")
    group, _, field = factor.rpartition(".")
    _check_value(factor, field, value, old=scene_row(scene)[factor.replace("main.", "things.0.")])
    if group in {"light", "background"}:
        return dataclasses.replace(scene, **{group: dataclasses.replace(getattr(scene, group), **{field: value})})
    position = 0 if group == "main" else int(group.removeprefix("things."))
    things = list(scene.things)
    things[position] = dataclasses.replace(things[position], **{field: value})
    return dataclasses.replace(scene, things=tuple(things))


_WORDS: dict[str, tuple[str, ...]] = {
    "kind": words.KINDS,
    "place": words.PLACES,
    "weather": words.WEATHERS,
    "time": words.TIMES,
    "color": COLOR_NAMES,
    "accent": COLOR_NAMES,
    "texture": words.TEXTURES,
}


_RANGES: dict[str, tuple[float, float]] = {
    "brightness": (0.05, 3),
    "clouds": (0, 50),
    "horizon": (0.1, 0.9),
    "pose": (0, 1),
    "scale": (0.01, 5),
    "side": (-1, 1),
    "stretch": (0.1, 10),
    "style": (0, 2),
    "texture_scale": (0.1, 100),
    "tint": (-1, 1),
    "tone": (-1, 1),
    "warmth": (-1, 1),
}


def _check_value(factor: str, field: str, value: Any, *, old: Any) -> None:
    if field in _WORDS and value not in _WORDS[field]:
        raise naming.unknown(field, str(value), _WORDS[field], where=f"factor {factor}")
    wanted: tuple[type, ...] = (int, float) if isinstance(old, float) else (type(old),)
    if not isinstance(value, wanted) or (isinstance(value, bool) and not isinstance(old, bool)):
        raise ValueError(f"factor {factor}: {type(old).__name__} expected, got {type(value).__name__} {value!r}")
    low, high = _RANGES.get(field, (-math.inf, math.inf))
    if isinstance(value, int | float) and not (low <= value <= high and math.isfinite(value)):
        raise ValueError(f"factor {factor}: {low:g} to {high:g} expected, got {value!r}")


def scene_row(scene: Scene) -> dict[str, str | int | float | bool]:
    """All parameters of a scene as one flat row; the keys are the factors that `vary` takes."""
    row: dict[str, str | int | float | bool] = {}
    for group in ("light", "background"):
        row |= {f"{group}.{key}": value for key, value in dataclasses.asdict(getattr(scene, group)).items()}
    for position, thing in enumerate(scene.things):
        row |= {f"things.{position}.{key}": value for key, value in dataclasses.asdict(thing).items()}
    return row
