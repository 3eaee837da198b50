"""Sentences about a scene, from its parameters: what a person might write below the picture."""

from __future__ import annotations

from conceptatlas.datasets.scenes.parameters import FLYING, Scene, Thing
from conceptatlas.datasets.scenes.vocabulary import INDOORS

_PLACES = {
    "beach": "on a sandy beach by the sea",
    "desert": "in a dry desert with red rocks",
    "field": "in a yellow field of straw",
    "forest": "in a forest between tall trunks",
    "garden": "in a garden with a brick wall",
    "harbour": "in a harbour with a wooden pier",
    "kitchen": "in a kitchen with tiles on the wall",
    "meadow": "on a green meadow",
    "mountains": "in front of snowy mountains",
    "parlour": "in a parlour with a wooden floor",
    "snowfield": "on a field of snow",
    "street": "on an asphalt street with buildings",
}
_TIMES = {"day": "on a bright day", "sunset": "at sunset", "night": "at night"}
_WEATHERS = {"clear": "", "fog": "in the fog", "snowfall": "while snow is falling"}
_PARTS = {
    "bird": "a beak, two wings and a tail",
    "boat": "a hull and a mast",
    "bus": "many windows, a door and two wheels",
    "car": "a door, a roof and two wheels",
    "cat": "pointed ears, whiskers and a long tail",
    "dog": "hanging ears, a snout and a tail",
    "flower": "petals, leaves and a green stem",
    "house": "a roof, a door, windows and a chimney",
    "person": "a head, two arms and two legs",
    "tree": "a trunk and a crown of leaves",
}
_WEARS = {
    "boat": "with {} sails",
    "house": "with {} walls",
    "person": "in {} clothes",
    "cat": "with {} fur",
    "dog": "with {} fur",
}


def captions(scene: Scene) -> list[str]:
    """Four to seven English sentences that hold for the scene.

    They name the main object with colour, pattern and parts, the place, time and weather, and whatever else stands in
    the picture (a thing that is hidden by others is named too).
    """
    main, background = scene.main, scene.background
    place = _PLACES[background.place]
    when = "" if background.place in INDOORS else _TIMES[scene.time]
    noun = _noun(main)
    sentences = [
        _sentence("a", noun, place, when),
        _sentence("a picture of", _with_article(main.kind), place),
        _sentence("a", noun, "with", _PARTS[main.kind]),
    ]
    patterned = main.texture != "plain" and main.kind in _WEARS and not (main.kind == "boat" and main.style == 1)
    if patterned:
        sentences.append(_sentence("a", main.kind, _WEARS[main.kind].format(main.texture)))
    if background.texture != "plain":
        where = "floor" if background.place == "kitchen" else "wallpaper"
        sentences.append(_sentence(f"a {background.place} with", _with_article(background.texture), where))
    weather = _WEATHERS[scene.weather]
    if weather or scene.time != "day":
        sentences.append(_sentence(_with_article(main.kind), "outside", weather if weather else when))
    others = scene.things[1:]
    if others:
        sentences.append(
            _sentence(_with_article(main.kind), "and", _listed([_with_article(_noun(o)) for o in others]), place)
        )
    else:
        sentences.append(_sentence("a single", main.kind, _size(main), place))
    return sentences


def _noun(thing: Thing) -> str:
    flying = "flying " if thing.kind == "bird" and thing.style == FLYING else ""
    pattern = f"{thing.texture} " if thing.texture != "plain" and thing.kind not in _WEARS else ""
    if thing.kind == "person":
        return f"person in {thing.color}"
    return f"{flying}{pattern}{thing.color} {thing.kind}"


def _size(thing: Thing) -> str:
    return "close by" if thing.scale > 0.6 else "some way off"


def _with_article(words: str) -> str:
    return f"{'an' if words[0] in 'aeiou' else 'a'} {words}"


def _listed(words: list[str]) -> str:
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + " and " + words[-1]


def _sentence(*parts: str) -> str:
    words = [part for part in parts if part]
    if words[0] == "a":
        words = [_with_article(words[1]), *words[2:]]
    text = " ".join(words)
    return text[0].upper() + text[1:] + "."
