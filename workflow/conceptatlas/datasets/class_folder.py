"""A folder a class: ImageNet, DTD, Places and whatever else is sorted into folders. Labels are of whole images.

``<class>/*.jpg``, or ``{train,val}/<class>/*.jpg``. Pictures deeper in a class folder belong to its class, as
torchvision's ImageFolder has it. The class is never the `source` of an image: nulls permute images within a source,
and within a class there would be nothing to permute.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from conceptatlas.datasets.folder_tree import entries, holds_only_folders, pictures_below
from conceptatlas.datasets.pictures import read_picture
from conceptatlas.datasets.reader import ConceptKey, ImageLabel, Label, Listing, Map, Reader
from conceptatlas.datasets.text_tables import table_rows, text_lines
from conceptatlas.naming import CATEGORIES, unknown

logger = logging.getLogger(__name__)

SPLIT_FOLDERS = {"train": "train", "val": "val", "test": "val"}
SAME_NAME = ("refuse", "merge")
_SEPARATOR = "\t"  # of names in the listing; no name holds one


class ClassFolder(NamedTuple):
    """A folder of one class: its name on disk, where it lies relative to the root, and the split of its images."""

    name: str
    place: str
    split: str


class ClassFolderReader(Reader):
    """Images sorted into a folder a class.

    Parameters
    ----------
    path : str
        The folder of the class folders, or of ``train/``, ``val/`` (and ``test/``, which counts as val) that hold them.
    annotations : str
        Unused: the folders are the annotation.
    category : str
        Category of all concepts.
    names : str
        Table (tabs) with the columns folder, name: what folders are called, "n02123045" say. A folder that it does not
        list keeps its own name.
    same_name : "refuse" | "merge"
        What two folders of one name are: a mistake, or one concept.
    labels : str
        File of further labels: on each line a picture relative to `path`, then names of classes (by blanks, or all by
        tabs); DTD's ``labels_joint_anno.txt``.
    train, val : str
        Lists of pictures relative to `path`, one a line: DTD's ``train1.txt``. Pictures in neither have no split.
    licence, attribution : str
        Of all images.
    """

    def __init__(
        self,
        *,
        path: str,
        annotations: str = "",
        category: str = "object",
        names: str = "",
        same_name: str = "refuse",
        labels: str = "",
        train: str = "",
        val: str = "",
        licence: str = "",
        attribution: str = "",
    ) -> None:
        if annotations:
            raise ValueError("class_folder: leave the column annotations empty; the folders in path are the classes")
        if category not in CATEGORIES:
            raise unknown("category", category, CATEGORIES, where="the options of class_folder")
        if same_name not in SAME_NAME:
            raise unknown("value of same_name", same_name, SAME_NAME, where="the options of class_folder")
        self.root = Path(path)
        self._category = category
        self._names_file = Path(names) if names else None
        self._merge = same_name == "merge"
        self._labels_file = Path(labels) if labels else None
        self._lists = {split: Path(file) for split, file in (("train", train), ("val", val)) if file}
        self._licence = licence
        self._attribution = attribution

    def listing(self, *, map: Map = map) -> Listing:
        """List the images in the order of their paths; the concepts in the order of their folders, then further ones.

        map : lists a class folder a task.
        """
        folders = self._class_folders()
        found = map(pictures_below, [str(self.root / folder.place) for folder in folders])
        images = sorted(
            (f"{folder.place}/{file}", folder) for folder, files in zip(folders, found, strict=True) for file in files
        )
        deeper = [path for path, folder in images if "/" in path.removeprefix(f"{folder.place}/")]
        if deeper:
            logger.warning("%s: %d pictures lie deeper than their class, as %s does", self.root, len(deeper), deeper[0])
        paths = [path for path, _ in images]
        known = set(paths)
        further = self._further_labels(known)
        splits = self._splits(known)
        if splits and any(folder.split for folder in folders):
            raise ValueError(f"{self.root} has train and val as folders; leave out the options train and val")
        concepts = self._concepts(folders, further)
        own = {folder.name: (concepts[folder.name],) for folder in folders}
        names = {
            path: _SEPARATOR.join(dict.fromkeys([*own[folder.name], *(concepts[label] for label in further[path])]))
            if path in further
            else own[folder.name][0]
            for path, folder in images
        }
        table = pd.DataFrame(
            {
                "image_id": paths,
                "path": paths,
                "source": "",
                "split": [splits.get(path, folder.split) for path, folder in images],
                "licence": self._licence,
                "attribution": self._attribution,
                "_labels": [names[path] for path in paths],
            }
        )
        vocabulary = list(dict.fromkeys(concepts.values()))
        categories = [[self._category]] * len(vocabulary)
        return Listing(images=table, concepts=pd.DataFrame({"name": vocabulary, "categories": categories}))

    def file(self, row: dict[str, Any]) -> Path:
        """The picture's file."""
        return self.root / str(row["path"])

    def picture(self, row: dict[str, Any]) -> np.ndarray[Any, Any]:
        """The picture of a row."""
        return read_picture(self.file(row))

    def labels(self, row: dict[str, Any]) -> Iterator[Label]:
        """The class of the image, and its further labels."""
        for name in str(row["_labels"]).split(_SEPARATOR):
            yield ImageLabel(ConceptKey(name, self._category))

    def _class_folders(self) -> list[ClassFolder]:
        """The class folders in the order of their paths."""
        folders = self._folders_in(self.root)
        splits = [name for name in folders if name in SPLIT_FOLDERS and holds_only_folders(self.root / name)]
        if not splits:
            return [ClassFolder(name, name, "") for name in folders]
        beside = [name for name in folders if name not in splits]
        if beside:
            raise ValueError(
                f"{self.root}: {' and '.join(splits)} hold class folders, but beside them is {', '.join(beside[:5])}, "
                f"which is no folder of class folders; move it away, or name {self.root / splits[0]} as path"
            )
        return [
            ClassFolder(name, f"{split}/{name}", SPLIT_FOLDERS[split])
            for split in splits
            for name in self._folders_in(self.root / split)
        ]

    def _folders_in(self, parent: Path) -> list[str]:
        """Names of the folders in a folder of classes, sorted; ValueError for pictures that lie beside them."""
        if not parent.is_dir():
            raise ValueError(f"{parent}: no such folder; path names the one that holds a folder a class")
        folders, pictures = entries(parent)
        if pictures:
            raise ValueError(
                f"{parent}: {len(pictures)} pictures lie in no class folder, such as {pictures[0]}; move them into "
                "folders of their class (or away); images without classes are read by the format image_folder"
            )
        if not folders:
            raise ValueError(f"{parent}: no class folders")
        return folders

    def _concepts(self, folders: list[ClassFolder], further: dict[str, list[str]]) -> dict[str, str]:
        """Name on disk -> name of the concept: of all folders in their order, then of all further labels, sorted."""
        on_disk = sorted({folder.name for folder in folders})
        extra = sorted({label for labels in further.values() for label in labels} - set(on_disk))
        if extra:
            logger.info("%s: %d labels have no folder, such as %s", self._labels_file, len(extra), extra[:5])
        if self._names_file is not None:
            unnamed = [name for name in on_disk if name not in self._names]
            if len(unnamed) == len(on_disk):
                raise ValueError(f"{self._names_file} names none of the folders in {self.root}, such as {unnamed[0]}")
            if unnamed:
                logger.warning("%s: no name for %d folders, such as %s", self._names_file, len(unnamed), unnamed[:5])
        concepts: dict[str, str] = {}
        folder_of: dict[str, str] = {}
        for folder in on_disk + extra:
            name = self._names.get(folder) or class_name(folder)
            if not name:
                raise ValueError(f"{self.root / folder}: the name leaves no word; the option names can give it one")
            if folder_of.setdefault(name, folder) != folder and not self._merge:
                raise ValueError(
                    f"{self.root}: the folders {folder_of[name]!r} and {folder!r} are both called {name!r}; give them "
                    "names of their own in the names file, or make them one concept with the option same_name=merge"
                )
            concepts[folder] = name
        return concepts

    @cached_property
    def _names(self) -> dict[str, str]:
        """Folder -> name, of the names file."""
        names: dict[str, str] = {}
        if self._names_file is None:
            return names
        role = "the option names is a table of folder, name (by tabs)"
        for line, cells in table_rows(self._names_file, columns=("folder", "name"), role=role):
            if len(cells) != 2 or not all(cells):
                found = _SEPARATOR.join(cells)
                raise ValueError(
                    f"{self._names_file}, line {line}: expected folder, name separated by a tab, found {found!r}"
                )
            if cells[0] in names:
                raise ValueError(f"{self._names_file}, line {line}: {cells[0]!r} is {names[cells[0]]!r} already")
            names[cells[0]] = cells[1]
        return names

    def _further_labels(self, known: set[str]) -> dict[str, list[str]]:
        """Picture -> its labels in the labels file, of the pictures that are there."""
        if self._labels_file is None:
            return {}
        further: dict[str, list[str]] = {}
        for line, text in text_lines(self._labels_file, role="the option labels names it"):
            cells = [cell.strip() for cell in text.split(_SEPARATOR)] if _SEPARATOR in text.strip() else text.split()
            cells = [cell for cell in cells if cell]
            if not cells:
                continue
            if cells[0] in further:
                raise ValueError(f"{self._labels_file}, line {line}: {cells[0]} stands twice")
            further[cells[0]] = cells[1:]
        self._check_known(self._labels_file, list(further), known)
        return {path: labels for path, labels in further.items() if path in known}

    def _splits(self, known: set[str]) -> dict[str, str]:
        """Picture -> split, of the lists."""
        splits: dict[str, str] = {}
        for split, file in self._lists.items():
            role = f"the option {split} is a list of pictures"
            listed = [text.strip() for _, text in text_lines(file, role=role) if text.strip()]
            self._check_known(file, listed, known)
            for path in listed:
                if splits.setdefault(path, split) != split:
                    raise ValueError(f"{path} is in the lists of train and of val ({file})")
        return splits

    def _check_known(self, file: Path, listed: list[str], known: set[str]) -> None:
        """Pictures that a file names and the folders do not hold: fine for a part of a data set, not for all of it."""
        absent = [path for path in listed if path not in known]
        if len(absent) == len(listed):
            example = f", such as {absent[0]}" if absent else ""
            raise ValueError(f"{file} names no picture of {self.root}{example}; paths there are relative to path")
        if absent:
            logger.warning("%s names %d pictures that are not there, such as %s", file, len(absent), absent[0])


def class_name(folder: str) -> str:
    """The words of a folder's name.

    >>> class_name("great_white_shark")
    'great white shark'
    """
    return " ".join(folder.replace("_", " ").split())
