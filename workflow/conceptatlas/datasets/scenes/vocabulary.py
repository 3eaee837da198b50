"""The words of the demo scenes: what may be drawn, in which category each word is a concept, and which colours fit.

The lists are the single source for the renderer, the captions, the classes of the demo classifiers and the reader's
vocabulary. A word stands once in all categories together: "wood" is a material only, "wheel" a part of cars and buses.
"""

from __future__ import annotations

from conceptatlas.datasets.colors import COLOR_NAMES
from conceptatlas.naming import CATEGORIES

Rgb = tuple[float, float, float]

CLASSES = ("bird", "boat", "bus", "car", "cat", "dog", "flower", "house", "person", "tree")
"""Kinds of the main object: what the demo classifiers tell apart."""

PROPS = ("ball", "bush", "fence", "lamp", "rock")
"""Kinds that stand around but are never the main object."""

KINDS = CLASSES + PROPS

PLACES = (
    "beach",
    "desert",
    "field",
    "forest",
    "garden",
    "harbour",
    "kitchen",
    "meadow",
    "mountains",
    "parlour",
    "snowfield",
    "street",
)
INDOORS = frozenset({"kitchen", "parlour"})
TIMES = ("day", "sunset", "night")
WEATHERS = ("clear", "fog", "snowfall")

TEXTURES = ("plain", "striped", "dotted", "chequered", "zigzagged", "gridded", "marbled")
"""Patterns of a surface; "plain" is no concept."""

_CONCEPTS: dict[str, tuple[str, ...]] = {
    "object": (*KINDS, "building", "cloud", "moon", "mountain", "pier", "sun"),
    "scene": (*PLACES, "fog", "night", "snowfall", "sunset"),
    "part": (
        "arm",
        "beak",
        "bumper",
        "chimney",
        "crown",
        "cabin",
        "door",
        "ear",
        "eye",
        "hair",
        "head",
        "headlight",
        "hull",
        "leaf",
        "leg",
        "mast",
        "petal",
        "roof",
        "sail",
        "shoe",
        "snout",
        "stem",
        "tail",
        "torso",
        "trunk",
        "wall",
        "wheel",
        "window",
        "wing",
    ),
    "material": (
        "asphalt",
        "brick",
        "concrete",
        "fabric",
        "feathers",
        "foliage",
        "fur",
        "glass",
        "grass",
        "metal",
        "plaster",
        "rubber",
        "sand",
        "skin",
        "sky",
        "snow",
        "soil",
        "stone",
        "straw",
        "tiles",
        "water",
        "wood",
    ),
    "texture": TEXTURES[1:],
    "color": COLOR_NAMES,
}

CONCEPTS: tuple[tuple[str, str], ...] = tuple(
    (name, category) for category in CATEGORIES for name in _CONCEPTS.get(category, ())
)
"""(name, category) of every concept; the order fixes concept_index."""

CONCEPT_NUMBERS: dict[str, int] = {name: number for number, (name, _) in enumerate(CONCEPTS, start=1)}
"""Number of a concept in the label maps: its position in `CONCEPTS` from 1; 0 is unlabelled."""

PALETTE: dict[str, tuple[Rgb, ...]] = {
    "black": ((0.09, 0.09, 0.11), (0.15, 0.14, 0.15)),
    "blue": ((0.13, 0.33, 0.75), (0.25, 0.52, 0.88), (0.10, 0.22, 0.55)),
    "brown": ((0.44, 0.27, 0.13), (0.55, 0.36, 0.20), (0.33, 0.20, 0.11)),
    "green": ((0.20, 0.55, 0.22), (0.38, 0.66, 0.28), (0.13, 0.42, 0.24)),
    "grey": ((0.52, 0.53, 0.55), (0.40, 0.41, 0.43), (0.65, 0.66, 0.67)),
    "orange": ((0.95, 0.50, 0.10), (0.93, 0.58, 0.22)),
    "pink": ((0.95, 0.55, 0.72), (0.90, 0.40, 0.60)),
    "purple": ((0.50, 0.22, 0.62), (0.63, 0.40, 0.78)),
    "red": ((0.82, 0.12, 0.13), (0.70, 0.10, 0.16)),
    "white": ((0.95, 0.95, 0.94), (0.92, 0.94, 0.97)),
    "yellow": ((0.97, 0.84, 0.16), (0.95, 0.78, 0.30)),
}
"""sRGB in 0..1 of the colours that objects are painted in; which one, and how light, are parameters of the object."""

KIND_COLORS: dict[str, tuple[str, ...]] = {
    "bird": ("blue", "red", "yellow", "green", "brown", "white", "orange", "black", "grey", "pink", "purple"),
    "boat": ("red", "blue", "white", "brown", "green", "black", "orange", "purple", "yellow"),
    "bus": ("red", "yellow", "orange", "blue", "green", "white", "purple", "pink"),
    "car": ("red", "blue", "white", "black", "grey", "green", "yellow", "orange", "purple", "pink"),
    "cat": ("orange", "grey", "black", "white", "brown"),
    "dog": ("brown", "black", "white", "orange", "grey", "yellow"),
    "flower": ("red", "yellow", "pink", "purple", "white", "orange", "blue"),
    "house": ("white", "red", "yellow", "blue", "brown", "pink", "grey", "green", "orange"),
    "person": COLOR_NAMES,
    "tree": ("green", "green", "green", "orange", "yellow", "pink", "red"),
    "ball": ("red", "blue", "yellow", "white", "orange", "pink", "green", "purple"),
    "bush": ("green", "green", "red", "pink"),
    "fence": ("white", "brown", "grey"),
    "lamp": ("black", "grey", "green"),
    "rock": ("grey", "brown"),
}
"""Natural colours of each kind, drawn with equal odds."""

KIND_ACCENTS: dict[str, tuple[str, ...]] = {
    "cat": ("black", "white", "brown", "grey", "orange"),
    "dog": ("black", "white", "brown", "grey", "orange"),
}
"""Second colours of kinds that do not take any: stripes of fur, a dog's collar."""

KIND_TEXTURES: dict[str, tuple[str, ...]] = {
    "bird": ("striped", "dotted"),
    "boat": TEXTURES[1:],
    "bus": TEXTURES[1:],
    "car": TEXTURES[1:],
    "cat": ("striped", "dotted", "marbled"),
    "dog": ("dotted", "marbled", "striped"),
    "house": TEXTURES[1:],
    "person": TEXTURES[1:],
    "ball": ("striped", "dotted", "chequered", "zigzagged", "marbled"),
}
"""Patterns a kind may wear; kinds without an entry are always plain."""


def concept_category(name: str) -> str:
    """The category of a concept of the demo scenes (KeyError for a word that is none)."""
    return CONCEPTS[CONCEPT_NUMBERS[name] - 1][1]
