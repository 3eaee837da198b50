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

from conceptatlas.datasets.folder_tree import pictures_below
from conceptatlas.datasets.pictures import read_indices, read_picture
from conceptatlas.datasets.reader import ConceptKey, Label, LabelMap, Listing, Map, Reader, present_numbers
from conceptatlas.datasets.text_tables import table_rows
from conceptatlas.naming import CATEGORIES, unknown

logger = logging.getLogger(__name__)

NAMES_FILE = "names.tsv"
SPLIT_FOLDERS = ("train", "val")


class ImageFolderReader(Reader):
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
        self._names_files = [Path(names) if names else layer / NAMES_FILE for layer in self.layers]
        self._unlabelled = _numbers(unlabelled)
        self._licence = licence
        self._attribution = attribution

    def listing(self, *, map: Map = map) -> Listing:
        """List the images in the order of their paths, and the concepts in the order of the names files."""
        for folder in [self.root, *self.layers]:
            if not folder.is_dir():
                raise ValueError(f"{folder}: no such folder")
        files = self._pictures()
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

    def file(self, row: dict[str, Any]) -> Path:
        """The picture's file."""
        return self.root / str(row["path"])

    def picture(self, row: dict[str, Any]) -> np.ndarray[Any, Any]:
        """The picture of a row."""
        return read_picture(self.file(row))

    def labels(self, row: dict[str, Any]) -> Iterator[Label]:
        """One map a mask folder that has the image; ValueError if none has, or for a value that has no name."""
        relative = Path(str(row["path"])).with_suffix(".png")
        masks = [folder / relative for folder in self.layers]
        if masks and not any(mask.exists() for mask in masks):
            raise ValueError(f"{row['image_id']}: no mask; expected {' or '.join(str(mask) for mask in masks)}")
        for mask, names, numbers in zip(masks, self._names_files, self._concepts, strict=True):
            if not mask.exists():
                continue
            indices = read_indices(mask)
            strange = sorted({int(index) for index in present_numbers(indices)} - set(numbers) - self._unlabelled)
            if strange:
                raise ValueError(
                    f"{mask}: values {strange[:5]} have no name; list them in {names}, or in the option "
                    f"unlabelled (now {','.join(str(number) for number in sorted(self._unlabelled))})"
                )
            yield LabelMap(numbers=indices, concepts=numbers)

    def _pictures(self) -> list[str]:
        """The pictures below the root, relative to it, but for those in folders of masks."""
        masks = [folder.relative_to(self.root).as_posix() for folder in self.layers if self.root in folder.parents]
        inside = tuple(f"{folder}/" for folder in masks)
        return sorted(file for file in pictures_below(self.root) if not file.startswith(inside))

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
        return [_read_names(file) for file in self._names_files]


def _read_names(path: Path) -> dict[int, ConceptKey]:
    columns = ("number", "name", "category")
    role = "it names the values of the masks: number, name, category (by tabs)"
    concepts: dict[int, ConceptKey] = {}
    for line, cells in table_rows(path, columns=columns, role=role):
        if len(cells) != 3 or not cells[0].isdecimal() or not cells[1]:
            found = "\t".join(cells)
            raise ValueError(f"{path}, line {line}: expected number, name, category separated by tabs, found {found!r}")
        number = int(cells[0])
        if cells[2] not in CATEGORIES:
            raise unknown("category", cells[2], CATEGORIES, where=f"{path}, line {line}")
        if number in concepts:
            raise ValueError(f"{path}, line {line}: number {number} is {concepts[number].name!r} already")
        concepts[number] = ConceptKey(cells[1], cells[2])
    if not concepts:
        raise ValueError(f"{path} names no value; expected lines of number, name, category separated by tabs")
    return concepts


def _numbers(text: str) -> set[int]:
    parts = [part.strip() for part in text.split(",") if part.strip()]
    for part in parts:
        if not part.isdecimal():
            raise ValueError(f"option unlabelled: {part!r} is not a whole number; expected, say, 0,255")
    return {int(part) for part in parts}
