"""The text files of ADE20K: what an image holds (``.json`` of 2021, ``_atr.txt`` of 2016), and the index of 2016.

Read once, while the data set is listed; pixels are in the PNGs. The files were written by MATLAB over many years: bytes
may be Latin-1, a list of one object is the object itself, and empty fields are empty lists or null.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy.io import loadmat

INDEX_FILE = "index_ade20k.mat"
JSON_SUFFIX = ".json"
ATR_SUFFIX = "_atr.txt"


class Class(NamedTuple):
    """A class that an image holds at a level: 0 is an object, 1 a part, 2 a part of a part.

    `number` is 0 where the file gives names only; `names` are the comma lists it may be called by, the likeliest first.
    """

    level: int
    number: int
    names: tuple[str, ...]


@dataclass(frozen=True)
class Described:
    """What the text file of one image says; `problem` is why it cannot be used, empty where it can.

    classes : sorted, without repetitions; names are interned, because thousands of images share them.
    scene : name of the scene as the file has it, "" where it has none.
    licence, origin : what the file says of the picture.
    """

    classes: tuple[Class, ...] = ()
    scene: str = ""
    licence: str = ""
    origin: str = ""
    problem: str = ""


def describe_images(files: Iterable[str]) -> list[Described]:
    """Read the text files of some images; one that cannot be read is described by its problem."""
    return [describe_image(file) for file in files]


def describe_image(file: str) -> Described:
    """Read the ``.json`` or ``_atr.txt`` of an image."""
    try:
        data = Path(file).read_bytes()
        return _of_json(data) if file.endswith(JSON_SUFFIX) else _of_atr(data)
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        detail = f"no field {error}" if isinstance(error, KeyError) else str(error)
        return Described(problem=f"{file}: not a readable annotation of ADE20K ({detail})")


def _of_json(data: bytes) -> Described:
    annotation = json.loads(_text(data), strict=False)["annotation"]
    objects = _listed(annotation["object"])
    classes = {
        Class(_level(thing.get("parts")), _whole(thing.get("name_ndx")), (sys.intern(str(thing.get("name") or "")),))
        for thing in objects
    }
    source = annotation.get("source") or {}
    folder, filename = str(source.get("folder") or ""), str(source.get("filename") or "")
    return Described(
        classes=tuple(sorted(known for known in classes if known.number > 0)),
        scene=_scene(annotation.get("scene")),
        licence=str(source.get("origin") or ""),
        origin="/".join(part for part in (folder, filename) if part),
    )


def _of_atr(data: bytes) -> Described:
    """Lines ``instance # level # occluded # class # name as typed # "attributes"``.

    Descriptions of the format disagree about which of the two names is the class: both are kept, this one first.
    """
    classes = set()
    for line, text in enumerate(_text(data).splitlines(), start=1):
        if not text.strip():
            continue
        cells = [cell.strip() for cell in text.split("#")]
        if len(cells) < 4 or not cells[1].isdecimal():
            raise ValueError(f"line {line}: expected cells separated by '#', found {text!r}")
        classes.add(Class(int(cells[1]), 0, tuple(dict.fromkeys(cells[3:5]))))
    return Described(classes=tuple(sorted(classes)))


def _text(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _listed(value: Any) -> list[Any]:
    """MATLAB writes a list of one as the one, and nothing as an empty list or null."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _level(parts: Any) -> int:
    return _whole(parts.get("part_level")) if isinstance(parts, dict) else 0


def _whole(value: Any) -> int:
    """A whole number, which may be written as text; 0 for the empty list that stands for nothing."""
    return int(value) if isinstance(value, int | str) and str(value).isdecimal() else 0


def _scene(value: Any) -> str:
    """The scene of ``["outdoor", "urban", "street"]``, which begins with where it is and what kind of place."""
    words = value.split("/") if isinstance(value, str) else [str(word) for word in _listed(value)]
    words = [word.strip() for word in words if word.strip()]
    return "/".join(words[2:] or words[-1:])


def scene_name(scene: str) -> str:
    """A scene as Broden writes it, "" for what is none.

    >>> scene_name("apse__indoor"), scene_name("art_gallery"), scene_name("~not labeled")
    ('apse-indoor-s', 'art_gallery-s', '')
    """
    name = re.sub(r" - |/|__+", "-", scene.strip().strip("/"))
    return "" if not name or name.startswith("~") or name == "misc" else f"{name}-s"


@dataclass(frozen=True)
class Index:
    """What is used of ``index_ade20k.mat``.

    names : class number -> comma list of synonyms.
    scenes : file name of an image -> scene; empty where the index has none.
    """

    names: dict[int, str]
    scenes: dict[str, str]

    def numbers(self) -> dict[str, list[int]]:
        """The numbers of a comma list of synonyms, spaces and case aside."""
        found: dict[str, list[int]] = {}
        for number, text in self.names.items():
            found.setdefault(folded(text), []).append(number)
        return found


def folded(text: str) -> str:
    """A comma list of synonyms for comparing: one space, no capitals."""
    return ", ".join(" ".join(part.split()) for part in text.casefold().split(","))


def numbered(known: Class, numbers: dict[str, list[int]]) -> list[Class]:
    """A class with its number, or those of the first of its names that is in `Index.numbers`; none if none is."""
    if known.number:
        return [known]
    found = next((numbers[folded(name)] for name in known.names if folded(name) in numbers), [])
    return [known._replace(number=number) for number in found]


def read_index(path: Path) -> Index:
    """Read ``index_ade20k.mat``: class n is the n-th of `objectnames`, from 1.

    Raises
    ------
    ValueError
        for a file that is no such index.
    """
    try:
        index = loadmat(path, variable_names=["index"], squeeze_me=True)["index"]
        fields = {name: np.atleast_1d(index[name][()]) for name in index.dtype.names}
        names = {number: _cell(value) for number, value in enumerate(fields["objectnames"], start=1)}
    except Exception as error:  # damaged files raise whatever scipy's parser meets
        raise ValueError(f"{path}: not an index of ADE20K with index.objectnames ({error})") from error
    files, scenes = fields.get("filename", np.array([])), fields.get("scene", np.array([]))
    if len(files) != len(scenes):
        return Index(names=names, scenes={})
    return Index(names=names, scenes={_cell(f): _cell(s) for f, s in zip(files, scenes, strict=True)})


def _cell(value: Any) -> str:
    """An empty MATLAB cell comes as an empty array."""
    return str(value) if isinstance(value, str) else ""
