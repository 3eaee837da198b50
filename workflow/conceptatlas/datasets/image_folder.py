"""A plain folder of images with index masks in a parallel folder: the way to bring one's own data.

The mask of ``images/a/b.jpg`` is ``masks/a/b.png``, one channel, whose values (the indices of a palette PNG, not its
colours) are explained in ``masks/names.tsv``: number, name, category, separated by tabs. Several mask folders are
layers that may overlap, each with its own numbers.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from conceptatlas.datasets.annotations import present_numbers
from conceptatlas.datasets.pictures import PICTURE_SUFFIXES, read_indices, read_picture
from conceptatlas.datasets.reader import ConceptKey, Label, LabelMap, Listing
from conceptatlas.naming import CATEGORIES, unknown

logger = logging.getLogger(__name__)

NAMES_FILE = "names.tsv"
SPLIT_FOLDERS = ("train", "val")


class ImageFolderReader:
    """A folder of images, with or without masks.

    Parameters
    ----------
    path : str
        Folder of the images, searched at any depth. Images below ``train/`` or ``val/`` have that split; the next
        folder, if there is one, is the source.
    annotations : str
        Folders of masks, separated by ``;``; empty for images without labels.
    names : str
        Names file for all mask folders; default ``names.tsv`` in each.
    unlabelled : str
        Comma-separated mask values that mean "no label" where the names file does not list them; default "0,255".
    licence, attribution : str
        Of all images.
    """

    def __init__(
        self,
        *,
        path: str,
        annotations: str = "",
        names: str = "",
        unlabelled: str = "0,255",
        licence: str = "",
        attribution: str = "",
    ) -> None:
        self.root = Path(path)
        self.layers = [Path(part.strip()) for part in annotations.split(";") if part.strip()]
        self._names = Path(names) if names else None
        self._unlabelled = _numbers(unlabelled)
        self._licence = licence
        self._attribution = attribution

    def listing(self) -> Listing:
        """List the images in the order of their paths, and the concepts in the order of the names files."""
        for folder in [self.root, *self.layers]:
            if not folder.is_dir():
                raise ValueError(f"{folder}: no such folder")
        files = sorted(path.relative_to(self.root).as_posix() for path in self._pictures())
        stems: dict[str, str] = {}
        for file in files:
            stem = Path(file).with_suffix("").as_posix()
            if self.layers and stem in stems:
                raise ValueError(f"{self.root}: {stems[stem]!r} and {file!r} would share one mask; rename one of them")
            stems[stem] = file
        images = pd.DataFrame([self._image(file) for file in files])
        categories: dict[str, list[str]] = {}
        for numbers in self._concepts:
            for concept in numbers.values():
                found = categories.setdefault(concept.name, [])
                if concept.category not in found:
                    found.append(concept.category)
        ordered = [[category for category in CATEGORIES if category in found] for found in categories.values()]
        return Listing(images=images, concepts=pd.DataFrame({"name": list(categories), "categories": ordered}))

    def picture(self, row: dict[str, Any]) -> np.ndarray[Any, Any]:
        """The picture of a row."""
        return read_picture(self.root / str(row["path"]))

    def labels(self, row: dict[str, Any]) -> Iterator[Label]:
        """One map a mask folder that has the image; ValueError if none has, or for a value that has no name."""
        relative = Path(str(row["path"])).with_suffix(".png")
        masks = [(folder / relative, numbers) for folder, numbers in zip(self.layers, self._concepts, strict=True)]
        found = [(mask, numbers) for mask, numbers in masks if mask.exists()]
        if masks and not found:
            raise ValueError(f"{row['image_id']}: no mask; expected {' or '.join(str(mask) for mask, _ in masks)}")
        for mask, numbers in found:
            indices = read_indices(mask)
            strange = sorted({int(index) for index in present_numbers(indices)} - set(numbers) - self._unlabelled)
            if strange:
                raise ValueError(
                    f"{mask}: values {strange[:5]} have no name; list them in the names file, or in the option "
                    f"unlabelled (now {','.join(str(number) for number in sorted(self._unlabelled))})"
                )
            yield LabelMap(numbers=indices, concepts=numbers)

    def _pictures(self) -> Iterator[Path]:
        for path in self.root.rglob("*"):
            hidden = any(part.startswith(".") for part in path.relative_to(self.root).parts)
            mask = any(folder in path.parents for folder in self.layers)
            if path.suffix.lower() in PICTURE_SUFFIXES and not hidden and not mask and path.is_file():
                yield path

    def _image(self, file: str) -> dict[str, Any]:
        folders = file.split("/")[:-1]
        split = folders.pop(0) if folders and folders[0] in SPLIT_FOLDERS else ""
        return {
            "image_id": file,
            "path": file,
            "source": folders[0] if folders else "",
            "split": split,
            "licence": self._licence,
            "attribution": self._attribution,
        }

    @cached_property
    def _concepts(self) -> list[dict[int, ConceptKey]]:
        """For each mask folder: number -> concept."""
        return [_read_names(self._names or folder / NAMES_FILE) for folder in self.layers]


def _read_names(path: Path) -> dict[int, ConceptKey]:
    if not path.exists():
        raise ValueError(f"{path}: no such file; it names the values of the masks: number, name, category (by tabs)")
    concepts: dict[int, ConceptKey] = {}
    for line, text in enumerate(path.read_text(encoding="utf-8-sig").splitlines(), start=1):
        cells = [cell.strip() for cell in text.split("\t")]
        if not text.strip() or text.lstrip().startswith("#") or cells == ["number", "name", "category"]:
            continue
        if len(cells) != 3 or not cells[0].isdecimal() or not cells[1]:
            raise ValueError(f"{path}, line {line}: expected number, name, category separated by tabs, found {text!r}")
        number = int(cells[0])
        if cells[2] not in CATEGORIES:
            raise unknown("category", cells[2], CATEGORIES, where=f"{path}, line {line}")
        if number in concepts:
            raise ValueError(f"{path}, line {line}: number {number} is {concepts[number].name!r} already")
        concepts[number] = ConceptKey(cells[1], cells[2])
    return concepts


def _numbers(text: str) -> set[int]:
    parts = [part.strip() for part in text.split(",") if part.strip()]
    for part in parts:
        if not part.isdecimal():
            raise ValueError(f"option unlabelled: {part!r} is not a whole number; expected, say, 0,255")
    return {int(part) for part in parts}
