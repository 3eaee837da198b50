"""Which function draws which kind of thing."""

from __future__ import annotations

from collections.abc import Callable

from conceptatlas.datasets.scenes import animals, fixtures, persons, vehicles
from conceptatlas.datasets.scenes.parameters import Thing
from conceptatlas.datasets.scenes.shapes import Shape, Sketch

_DRAW: dict[str, Callable[[Sketch, Thing, bool], None]] = {
    "ball": fixtures.ball,
    "bird": animals.bird,
    "boat": vehicles.boat,
    "bus": vehicles.bus,
    "bush": fixtures.bush,
    "car": vehicles.car,
    "cat": animals.cat,
    "dog": animals.dog,
    "fence": fixtures.fence,
    "flower": fixtures.flower,
    "house": fixtures.house,
    "lamp": fixtures.lamp,
    "person": persons.person,
    "rock": fixtures.rock,
    "tree": fixtures.tree,
}


def thing_shapes(thing: Thing, *, night: bool) -> list[Shape]:
    """The shapes of a thing in its own coordinates, from back to front; at night its lights are lit."""
    sketch = Sketch(thing.kind)
    _DRAW[thing.kind](sketch, thing, night)
    return sketch.shapes
