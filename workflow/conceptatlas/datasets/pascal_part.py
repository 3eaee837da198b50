"""PASCAL-Part: objects of PASCAL VOC 2010 and their parts, a MATLAB file a picture (Chen et al. 2014).

Instances of one kind are one label: the union of their masks. Parts lie in their objects and in each other (an eye in a
head), so every concept comes as a map of its own.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from conceptatlas.datasets.pascal_part_file import Thing, read_things
from conceptatlas.datasets.pascal_part_names import TABLE_FILE, part_name, short_names, without_number
from conceptatlas.datasets.pictures import PICTURE_SUFFIXES, read_picture
from conceptatlas.datasets.reader import ConceptKey, Label, LabelMap, Listing, Map, Reader
from conceptatlas.datasets.text_tables import text_lines
from conceptatlas.naming import CATEGORIES, nearest, unknown

logger = logging.getLogger(__name__)

IMAGES_PER_TASK = 64
LICENCE = "Flickr terms of use (PASCAL VOC 2010)"
CHOICES = {"objects": ("yes", "no"), "sides": ("merge", "keep"), "part_names": ("plain", "object")}

Array = np.ndarray[Any, Any]


class PascalPartReader(Reader):
    """PASCAL-Part in its original form.

    Parameters
    ----------
    path : str
        Folder of the pictures (``VOC2010/JPEGImages``).
    annotations : str
        Folder of the .mat files (``Annotations_Part``): they are the data set; pictures without one are left out.
    objects : "yes" | "no"
        Whether objects are labels too, or parts only.
    sides : "merge" | "keep"
        Whether left and right, front and back, upper and lower parts are one ("paw"), as in Broden, or kept apart
        ("left front paw").
    part_names : "plain" | "object"
        "head", or "dog head".
    train, val : str
        Files that list the images of a split, one name a line (``ImageSets/Main/train.txt``).
    """

    def __init__(
        self,
        *,
        path: str,
        annotations: str,
        objects: str = "yes",
        sides: str = "merge",
        part_names: str = "plain",
        train: str = "",
        val: str = "",
    ) -> None:
        if not annotations:
            raise ValueError("pascal_part: the column annotations names the folder of the .mat files")
        for option, value in (("objects", objects), ("sides", sides), ("part_names", part_names)):
            if value not in CHOICES[option]:
                raise unknown(f"value of {option}", value, CHOICES[option])
        self.root = Path(path)
        self.folder = Path(annotations)
        self._objects = objects == "yes"
        self._merge = sides == "merge"
        self._of_object = part_names == "object"
        self._lists = {split: Path(file) for split, file in (("train", train), ("val", val)) if file}

    def listing(self, *, map: Map = map) -> Listing:
        """List the .mat files by name; objects, then parts, in the order of the alphabet.

        Every .mat is read once, because only they say which parts there are.
        """
        for folder in (self.root, self.folder):
            if not folder.is_dir():
                raise ValueError(f"{folder}: no such folder")
        stems = sorted(file.stem for file in self.folder.glob("*.mat") if not file.name.startswith("."))
        if not stems:
            raise ValueError(f"{self.folder}: no .mat file")
        pictures = _pictures(self.root)
        tasks = [stems[begin : begin + IMAGES_PER_TASK] for begin in range(0, len(stems), IMAGES_PER_TASK)]
        described = [found for done in map(partial(_describe, self), tasks) for found in done]
        splits = self._splits(stems)
        images = [
            {
                "image_id": pictures.get(stem, f"{stem}.jpg"),
                "path": pictures.get(stem, f"{stem}.jpg"),
                "source": "pascal",
                "split": splits.get(stem, ""),
                "licence": LICENCE,
                "attribution": f"PASCAL VOC 2010, {stem}",
                "_stem": stem,
                "_height": found.height,
                "_width": found.width,
                "_present": found.present,
            }
            for stem, found in zip(stems, described, strict=True)
        ]
        _mention(strange={short for found in described for short in found.strange}, without=set(pictures) - set(stems))
        labelled = {concept for found in described for concept in found.concepts}
        names = sorted({(CATEGORIES.index(category), name) for name, category in labelled})
        categories: dict[str, list[str]] = {}
        for category, name in names:
            categories.setdefault(name, []).append(CATEGORIES[category])
        concepts = pd.DataFrame({"name": list(categories), "categories": list(categories.values())})
        return Listing(images=pd.DataFrame(images), concepts=concepts)

    def file(self, row: dict[str, Any]) -> Path:
        """The picture's file."""
        return self.root / str(row["path"])

    def picture(self, row: dict[str, Any]) -> Array:
        """The picture; ValueError if its size is not that of its masks."""
        picture = read_picture(self.file(row))
        height, width = int(row["_height"]), int(row["_width"])
        if height and picture.shape[:2] != (height, width):
            raise ValueError(
                f"{row['path']}: {picture.shape[0]} x {picture.shape[1]} pixels (height x width), the masks of "
                f"{row['_stem']}.mat have {height} x {width}"
            )
        return picture

    def labels(self, row: dict[str, Any]) -> Iterator[Label]:
        """A map a concept: the union of its masks; ValueError for a .mat that cannot be read."""
        for concept, mask in self._masks(read_things(self._file_of_masks(str(row["_stem"])))).items():
            if mask.any():
                yield LabelMap(numbers=mask, concepts={1: concept})

    def present(self, row: dict[str, Any]) -> set[ConceptKey]:
        """The concepts that have pixels, as the listing found them."""
        if not row["_present"]:  # it could not be read: say why
            return super().present(row)
        return {ConceptKey(name, category) for name, category in json.loads(str(row["_present"]))}

    def definitions(self) -> dict[str, str]:
        """What became of left and right."""
        if not self._merge:
            return {}
        return {"part_sides": "left and right, front and back, upper and lower parts are one"}

    def _masks(self, things: list[Thing]) -> dict[ConceptKey, Array]:
        masks: dict[ConceptKey, Array] = {}
        for thing in things:
            if thing.part:
                name = part_name(thing.part, merge=self._merge)
                concept = ConceptKey(f"{thing.name} {name}" if self._of_object else name, "part")
            elif self._objects:
                concept = ConceptKey(thing.name, "object")
            else:
                continue
            masks[concept] = masks[concept] | thing.mask if concept in masks else thing.mask
        return masks

    def _described(self, stem: str) -> _Described:
        things = read_things(self._file_of_masks(stem))
        height, width = things[0].mask.shape if things else (0, 0)
        masks = self._masks(things)
        present = json.dumps([concept for concept, mask in masks.items() if mask.any()])
        strange = {without_number(thing.part) for thing in things if thing.part} - set(short_names())
        return _Described(height, width, present, frozenset(masks), frozenset(strange))

    def _file_of_masks(self, stem: str) -> Path:
        return self.folder / f"{stem}.mat"

    def _splits(self, stems: list[str]) -> dict[str, str]:
        found: dict[str, str] = {}
        for split, file in self._lists.items():
            names = read_image_list(file)
            if not names & set(stems):
                raise ValueError(f"{file}: none of its {len(names)} names has a .mat in {self.folder}")
            twice = sorted(names & set(found))
            if twice:
                raise ValueError(f"{file}: {len(twice)} images are in the list of train too, such as {twice[0]!r}")
            found.update(dict.fromkeys(names, split))
        left = [stem for stem in stems if stem not in found]
        if found and left:
            logger.warning(
                "%s: %d images are in no list and have no split, such as %s", self.folder, len(left), left[0]
            )
        return found


@dataclass(frozen=True)
class _Described:
    """What the listing needs of one .mat; `present` is "" and the rest empty where it cannot be read."""

    height: int = 0
    width: int = 0
    present: str = ""
    concepts: frozenset[ConceptKey] = frozenset()
    strange: frozenset[str] = frozenset()


def _describe(reader: PascalPartReader, stems: list[str]) -> list[_Described]:
    found = []
    for stem in stems:
        try:
            found.append(reader._described(stem))
        except ValueError:  # framing reads it again, and says why it goes to quarantine
            found.append(_Described())
    return found


def _pictures(folder: Path) -> dict[str, str]:
    """Picture files by the name they share with their .mat."""
    found: dict[str, str] = {}
    for name in sorted(file.name for file in folder.iterdir()):
        stem, dot, suffix = name.rpartition(".")
        if stem and f"{dot}{suffix.lower()}" in PICTURE_SUFFIXES and not name.startswith("."):
            if stem in found:
                raise ValueError(f"{folder}: {found[stem]!r} and {name!r} would share {stem}.mat; remove one of them")
            found[stem] = name
    return found


def read_image_list(file: Path) -> set[str]:
    """The names in a list of VOC: one a line, what follows after a space (the flag of a class) does not matter."""
    role = "the options train and val name lists of images, one a line"
    return {line.split()[0] for _, line in text_lines(file, role=role) if line.strip()}


def _mention(*, strange: set[str], without: set[str]) -> None:
    """Say once which parts have no words, and how many pictures no annotation."""
    if strange:
        known = sorted(strange)
        logger.warning(
            "%d parts are not in %s and keep their short name: %s (nearest known: %s)",
            len(known),
            TABLE_FILE,
            ", ".join(known[:5]),
            ", ".join(nearest(known[0], short_names())) or "none",
        )
    if without:
        logger.info("%d pictures have no .mat and are left out, such as %s", len(without), min(without))
