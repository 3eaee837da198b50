"""The scenes that the demo generator draws: a family of the demo's renderer in which every factor is a coordinate of w.

A style vector holds, one after the other, shares of the main object's kind (the class), the place, the object's
colour, texture and variant (one-hot where drawn), the continuous factors of `FACTORS` in -1..1, and style noise. So
w carries the scene's parameters linearly, and every w has a twin: the scene of its largest shares, drawn by the
renderer with true masks. Between two one-hot points the generator has learnt to dissolve one picture into the other.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from conceptatlas.datasets.scenes.parameters import Background, Light, Scene, Thing
from conceptatlas.datasets.scenes.renderer import Rendered
from conceptatlas.datasets.scenes.vocabulary import (
    CLASSES,
    CONCEPT_NUMBERS,
    KIND_COLORS,
    KIND_TEXTURES,
    concept_category,
)
from conceptatlas.seeds import generator

Array = np.ndarray[Any, Any]

SHARES: dict[str, tuple[str, ...]] = {
    "kind": CLASSES,
    "place": ("beach", "desert", "meadow", "snowfield", "street"),
    "color": ("black", "blue", "brown", "green", "grey", "orange", "red", "white", "yellow"),
    "texture": ("plain", "striped", "dotted"),
    "style": ("0", "2"),
}
"""Word factors -> their values, each a coordinate of w."""

FACTORS: dict[str, tuple[float, float]] = {
    "x": (0.36, 0.64),
    "y": (0.79, 0.95),
    "scale": (0.52, 0.76),
    "stretch": (0.88, 1.12),
    "tilt": (-10.0, 10.0),
    "pose": (0.1, 0.9),
    "tone": (-0.8, 0.8),
    "horizon": (0.41, 0.53),
    "tint": (-0.8, 0.8),
    "brightness": (0.9, 1.1),
    "warmth": (-0.8, 0.8),
    "side": (-0.9, 0.9),
}
"""Continuous factors -> the value at -1 and at 1; names and units are those of `scenes.parameters`."""

N_NOISE = 4
"""Coordinates of style noise: how light falls unevenly over the whole picture; the twin has none."""

REACH = 1.2
"""Continuous coordinates count up to here; beyond, the picture stays as it is."""

SLICES: dict[str, slice] = {}
_at = 0
for _name, _words in SHARES.items():
    SLICES[_name] = slice(_at, _at + len(_words))
    _at += len(_words)
SLICES["factors"] = slice(_at, _at + len(FACTORS))
SLICES["noise"] = slice(_at + len(FACTORS), _at + len(FACTORS) + N_NOISE)
W_DIM = SLICES["noise"].stop

W_NAMES = [
    *(f"{name} {word}" for name, words in SHARES.items() for word in words),
    *FACTORS,
    *(f"noise {i}" for i in range(N_NOISE)),
]
"""Names of the coordinates of w."""

LABELS = ("background", "body", *(name for name in CONCEPT_NUMBERS if concept_category(name) == "part"))
"""Labels of a twin: everything but the main object, the object where it has no part, and its parts."""

_RELIEF = {place: 11 + i for i, place in enumerate(SHARES["place"])}
_PARTS = np.zeros(max(CONCEPT_NUMBERS.values()) + 1, dtype=np.uint8)
for _label, _name in enumerate(LABELS[2:], start=2):
    _PARTS[CONCEPT_NUMBERS[_name]] = _label


def draw_w(seed: int, class_index: int, *, truncation: float = 1.0) -> Array:
    """The style vector of a seed and a class, float32 (W_DIM,).

    Words suit the kind as in the demo's scenes (no purple trees, no striped flowers); continuous factors are uniform in
    -truncation..truncation, noise is normal with that standard deviation.
    """
    rng = generator(int(seed), "demo generator", int(class_index))
    kind = CLASSES[class_index]
    words = {
        "kind": kind,
        "place": _one_of(rng, SHARES["place"]),
        "color": _one_of(rng, [color for color in SHARES["color"] if color in KIND_COLORS[kind]]),
        "texture": "plain",
        "style": _one_of(rng, SHARES["style"]),
    }
    patterns = [texture for texture in SHARES["texture"] if texture in KIND_TEXTURES.get(kind, ())]
    if rng.random() < 0.3 and patterns:
        words["texture"] = _one_of(rng, patterns)
    factors = truncation * rng.uniform(-1, 1, len(FACTORS))
    return compose(words, factors, truncation * rng.normal(size=N_NOISE))


def compose(words: dict[str, str], factors: Array, noise: Array) -> Array:
    """The style vector of words, continuous coordinates (in -1..1) and noise, float32 (W_DIM,)."""
    w = np.zeros(W_DIM, dtype=np.float32)
    for name, options in SHARES.items():
        w[SLICES[name]][options.index(words[name])] = 1.0
    w[SLICES["factors"]], w[SLICES["noise"]] = factors, noise
    return w


def scene_of(w: Array) -> Scene:
    """The scene of a style vector (W_DIM,): its largest share of every word, its continuous factors up to `REACH`."""
    words = {name: options[int(np.argmax(w[SLICES[name]]))] for name, options in SHARES.items()}
    at = np.clip(w[SLICES["factors"]].astype(np.float64), -REACH, REACH)
    value = {
        name: float((low + high) / 2 + (high - low) / 2 * coordinate)
        for (name, (low, high)), coordinate in zip(FACTORS.items(), at, strict=True)
    }
    light = Light(time="day", brightness=value["brightness"], warmth=value["warmth"], side=value["side"])
    background = Background(
        place=words["place"],
        weather="clear",
        horizon=value["horizon"],
        tint=value["tint"],
        clouds=0,
        texture="plain",
        color="grey",
        relief=_RELIEF[words["place"]],
    )
    thing = Thing(
        kind=words["kind"],
        x=value["x"],
        y=value["y"],
        scale=value["scale"],
        stretch=value["stretch"],
        flip=False,
        tilt=value["tilt"],
        style=int(words["style"]),
        pose=value["pose"],
        color=words["color"],
        accent="grey" if words["color"] == "white" else "white",
        tone=value["tone"],
        texture=words["texture"],
        texture_scale=6.0,
        texture_angle=0.0,
        detail=0,
    )
    return Scene(light=light, background=background, things=(thing,))


def label_map(rendered: Rendered) -> Array:
    """uint8 (size, size), index into `LABELS`, of a rendered scene of the family."""
    own = rendered.instance == 1
    return np.where(own, np.maximum(_PARTS[rendered.part], 1), 0).astype(np.uint8)


def _one_of(rng: np.random.Generator, options: Any) -> str:
    return str(options[int(rng.integers(len(options)))])
