"""ADE20K, the full release: objects, parts, parts of parts, scenes (Zhou et al. 2017, 2019).

Beside ``X.jpg`` lie ``X_seg.png`` with the objects, ``X_parts_1.png``, ``X_parts_2.png`` ... with the parts of each
level, and a text file with their names. The class of a pixel is (R // 10) * 256 + G; B tells instances apart and is
not used. The levels overlap and become a label map each. What the names are is settled while the data set is listed,
because no two classes may share one by accident, and travels in the listing.
"""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from conceptatlas.datasets.ade20k_annotations import (
    ATR_SUFFIX,
    INDEX_FILE,
    JSON_SUFFIX,
    Class,
    Described,
    Index,
    describe_images,
    numbered,
    read_index,
    scene_name,
)
from conceptatlas.datasets.ade20k_files import SPLITS, ImageFiles, folder_of_splits, scan_images
from conceptatlas.datasets.ade20k_names import UNLABELLED, read_names, unique_names
from conceptatlas.datasets.pictures import read_coded_numbers, read_picture
from conceptatlas.datasets.reader import ConceptKey, ImageLabel, Label, LabelMap, Listing, Map, Reader, present_numbers
from conceptatlas.naming import CATEGORIES

logger = logging.getLogger(__name__)

IMAGES_PER_TASK = 64
TERMS = "ADE20K terms of use: non-commercial research and education"

_CODES = np.arange(1 << 16)
_CLASSES = ((_CODES & 0xFF) // 10 * 256 + (_CODES >> 8)).astype(np.uint16)
"""Class number of a pixel by R + 256 G."""


class Ade20kReader(Reader):
    """ADE20K_2021_17_01, or the release of 2016.

    Parameters
    ----------
    path : str
        The folder of the release, which holds ``images/ADE/training`` (2021) or ``images/training`` (2016), or a folder
        that holds one such folder.
    annotations : str
        Unused: they lie beside the pictures.
    names : str
        File of names that win over those found: number and name by a tab, one class a line; an empty name leaves the
        class unlabelled.
    """

    def __init__(self, *, path: str, annotations: str = "", names: str = "") -> None:
        if annotations:
            raise ValueError("ade20k: leave the column annotations empty; the annotations lie beside the pictures")
        self.root = Path(path)
        self._names = Path(names) if names else None

    def listing(self, *, map: Map = map) -> Listing:
        """List the pictures in the order of their paths; classes in the order of their numbers, then the scenes."""
        base = folder_of_splits(self.root)
        images = scan_images(base)
        index = _index(base, images)
        described = _described(base, images, index, map=map)
        names = unique_names(_texts(described) | (index.names if index else {}), self._chosen)
        rows = [self._row(base, image, said, names) for image, said in zip(images, described, strict=True)]
        categories = _categories(described, names, self._chosen)
        for scene in sorted({row["_scene"] for row in rows if row["_scene"]}):
            categories.setdefault(scene, set()).add("scene")
        ordered = [[category for category in CATEGORIES if category in found] for found in categories.values()]
        return Listing(
            images=pd.DataFrame(rows), concepts=pd.DataFrame({"name": list(categories), "categories": ordered})
        )

    def file(self, row: dict[str, Any]) -> Path:
        """The picture's file."""
        return self.root / str(row["path"])

    def picture(self, row: dict[str, Any]) -> np.ndarray[Any, Any]:
        """The picture of a row."""
        return read_picture(self.file(row))

    def labels(self, row: dict[str, Any]) -> Iterator[Label]:
        """The scene, a map of objects, and a map of each level of parts; ValueError for a number without a name.

        What `present` shows is read from the same PNGs: an object may be wholly hidden behind others, and is then in
        the text file but in no pixel.
        """
        if row["_problem"]:
            raise ValueError(str(row["_problem"]))
        if row["_scene"]:
            yield ImageLabel(ConceptKey(str(row["_scene"]), "scene"))
        names = self._chosen | {int(number): name for number, name in json.loads(str(row["_names"])).items()}
        picture = self.file(row)
        yield self._map(picture.with_name(f"{picture.stem}_seg.png"), names, "object")
        for level in filter(None, str(row["_levels"]).split(",")):
            yield self._map(picture.with_name(f"{picture.stem}_parts_{level}.png"), names, "part")

    def _map(self, png: Path, names: dict[int, str], category: str) -> LabelMap:
        coded = read_coded_numbers(png).astype(np.uint16)  # without B, the instances
        numbers = np.take(_CLASSES, coded)
        present = [number for number in present_numbers(numbers).tolist() if number]
        strange = [number for number in present if number not in names]
        if strange:
            raise ValueError(
                f"{png}: class numbers {strange[:5]} are not in the annotation of the image; name them in the option "
                "names to use it nevertheless"
            )
        concepts = {number: ConceptKey(names[number], category) for number in present if names[number]}
        return LabelMap(numbers=numbers, concepts=concepts)

    def _row(self, base: Path, image: ImageFiles, said: Described, names: dict[int, str]) -> dict[str, Any]:
        picture = base / image.path
        numbers = sorted({known.number for known in said.classes})
        return {
            "image_id": image.path,
            "path": picture.relative_to(self.root).as_posix(),
            "source": "ade20k",
            "split": SPLITS[image.path.partition("/")[0]],
            "licence": said.licence or TERMS,
            "attribution": f"ADE20K, {said.origin or picture.name}",
            "_names": json.dumps({number: names[number] for number in numbers}),
            "_levels": ",".join(str(level) for level in image.levels),
            "_scene": scene_name(said.scene or image.scene_folder),
            "_problem": said.problem or _missing_level(image, said),
        }

    @cached_property
    def _chosen(self) -> dict[int, str]:
        """The user's names; "-" and nothing leave a class unlabelled."""
        found = read_names(self._names) if self._names else {}
        return {number: "" if name in UNLABELLED else name for number, name in found.items()}


def _index(base: Path, images: list[ImageFiles]) -> Index | None:
    """The index of the release of 2016, whose text files do not know the numbers of the PNGs."""
    without = [image.path for image in images if image.text.endswith(ATR_SUFFIX)]
    if not without:
        return None
    for folder in (base, *base.parents[:2]):
        if (folder / INDEX_FILE).is_file():
            return read_index(folder / INDEX_FILE)
    raise ValueError(
        f"{base}: {without[0]} has an {ATR_SUFFIX} and no {JSON_SUFFIX}, as in the release of 2016, whose class "
        f"numbers are named by {INDEX_FILE}; that file is not there, expected beside the folder images"
    )


def _described(base: Path, images: list[ImageFiles], index: Index | None, *, map: Map) -> list[Described]:
    """What the text files say, with all classes numbered."""
    files = [str(base / image.text) for image in images]
    tasks = [files[begin : begin + IMAGES_PER_TASK] for begin in range(0, len(files), IMAGES_PER_TASK)]
    numbers = index.numbers() if index else {}
    nameless: set[str] = set()
    same: dict[Class, Class] = {}  # images share their classes: one object each keeps 27,000 images small
    described: list[Described] = []
    for said, image in zip((said for done in map(describe_images, tasks) for said in done), images, strict=True):
        classes: list[Class] = []
        for known in said.classes:
            own = numbered(known, numbers)
            nameless.update([] if own else known.names[:1])
            classes.extend(same.setdefault(one, one) for one in own)
        scene = said.scene or (index.scenes.get(Path(image.path).name, "") if index else "")
        described.append(replace(said, classes=tuple(classes), scene=scene))
    if nameless:
        few = ", ".join(repr(name) for name in sorted(nameless)[:5])
        logger.warning("%d names of %s files are not in %s, such as %s", len(nameless), ATR_SUFFIX, INDEX_FILE, few)
    return described


def _texts(described: list[Described]) -> dict[int, str]:
    """The synonyms of every class number that the images name: what most images say, then the first in the alphabet."""
    votes: dict[int, Counter[str]] = {}
    for image in described:
        for known in image.classes:
            votes.setdefault(known.number, Counter()).update([known.names[0]])
    several = {number: sorted(said) for number, said in votes.items() if len(said) > 1}
    if several:
        number, said = min(several.items())
        logger.warning("%d class numbers have several names, such as %d: %s", len(several), number, " | ".join(said))
    return {number: min(said, key=lambda text: (-said[text], text)) for number, said in votes.items()}


def _categories(described: list[Described], names: dict[int, str], chosen: dict[int, str]) -> dict[str, set[str]]:
    """Name -> categories, in the order of the numbers; the user's names may be met in PNGs only, as object or part."""
    by_number: dict[int, set[str]] = {number: set() for number in chosen}
    for image in described:
        for known in image.classes:
            by_number.setdefault(known.number, set()).add("part" if known.level else "object")
    found: dict[str, set[str]] = {}
    for number in sorted(by_number):
        if names[number]:
            found.setdefault(names[number], set()).update(by_number[number] or {"object", "part"})
    return found


def _missing_level(image: ImageFiles, said: Described) -> str:
    """Why an image cannot be used that names parts of a level without a PNG of it: they would look absent."""
    missing = sorted({known.level for known in said.classes} - {0, *image.levels})
    if not missing:
        return ""
    return f"{image.text}: names parts of level {missing[0]}, but there is no {image.stem}_parts_{missing[0]}.png"
