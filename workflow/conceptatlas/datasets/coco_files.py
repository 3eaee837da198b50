"""What all COCO formats share: JSON files and the folders of their images, categories, licences, rows of the listing.

The JSON is streamed: one entry at a time is in memory, so that a file of half a gigabyte is listed in the memory of
what is kept of it. Its arrays (``licenses``, ``images``, ``annotations``, ``categories``) come in any order, in COCO's
own files the categories last; so each array is a pass of its own over the file.
"""

from __future__ import annotations

import itertools
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, TypeVar
from urllib.parse import urlparse

import ijson
import numpy as np
import pandas as pd

from conceptatlas.datasets.pictures import read_picture
from conceptatlas.datasets.reader import ConceptKey
from conceptatlas.naming import CATEGORIES
from conceptatlas.sheets import split_cell

Entry = dict[str, Any]
Row = dict[str, Any]
Kept = TypeVar("Kept")

SMALL = ("licenses", "categories")  # arrays of at most some thousand entries
ROWS_AT_A_TIME = 4096
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Category:
    """A category of a JSON: the concept that it is here, and the names of its keypoints where it has any."""

    concept: ConceptKey
    keypoints: tuple[str, ...] = ()

    def __str__(self) -> str:
        points = f", {len(self.keypoints)} keypoints" if self.keypoints else ""
        return f"{self.concept.name!r} ({self.concept.category}{points})"


@dataclass(frozen=True)
class CocoFile:
    """One JSON of a data set.

    table : the file.
    folder : where its images lie.
    name : the file's name without what the format puts before it: ``train2017`` of ``instances_train2017.json``.
    form : the format, as error messages call it.
    """

    table: Path
    folder: Path
    name: str
    form: str

    @property
    def split(self) -> str:
        """``train`` or ``val`` where the name says so."""
        return next((split for split in ("train", "val") if split in self.name), "")

    def entries(self, key: str, *, needed: bool = True) -> Iterator[Entry]:
        """The entries of one array of the JSON, one at a time.

        Raises
        ------
        ValueError
            for a file that is missing or no JSON, entries that are no objects, and, where `needed`, none at all.
        """
        if not self.table.exists():
            raise ValueError(f"{self.table}: no such file; the column annotations of datasets.tsv names it")
        found = False
        try:
            with self.table.open("rb") as file:
                if file.read(len(_BYTE_ORDER_MARK)) != _BYTE_ORDER_MARK:
                    file.seek(0)
                for entry in self._items(file, key):
                    if not isinstance(entry, dict):
                        raise ValueError(f"{self.table}: an entry of {key} is {_short(entry)}, expected an object")
                    found = True
                    yield entry
        except ijson.JSONError as error:
            reason = str(error).splitlines()[0].strip() if str(error) else "it ends too early"
            raise ValueError(f"{self.table}: not valid JSON ({reason})") from None
        if needed and not found:
            raise ValueError(f"{self.table}: no {key}; is this a COCO {self.form} file?")

    def _items(self, file: BinaryIO, key: str) -> Iterator[Any]:
        if key in SMALL:  # as a whole: reading ends where the array does
            whole = next(ijson.items(file, key, use_float=True), None)
            yield from whole if isinstance(whole, list) else ()
        else:
            yield from ijson.items(file, f"{key}.item", use_float=True)

    def field(self, entry: Entry, name: str) -> Any:
        """A field of an entry; ValueError naming file and entry where it is missing."""
        if name not in entry:
            raise ValueError(f"{self.table}: an entry lacks the field {name!r}: {_short(entry)}")
        return entry[name]

    def number(self, entry: Entry, name: str) -> int:
        """A field that holds a whole number."""
        value = self.field(entry, name)
        try:
            number = int(value)
            if number != float(value):
                raise ValueError
        except (TypeError, ValueError, OverflowError):
            raise ValueError(
                f"{self.table}: {name} is {_short(value)}, expected a whole number: {_short(entry)}"
            ) from None
        return number

    def identity(self, entry: Entry, name: str) -> int | str:
        """A field that names an image or an annotation: a number or text."""
        value = self.field(entry, name)
        if isinstance(value, bool) or not isinstance(value, int | str):
            raise ValueError(f"{self.table}: {name} is {_short(value)}, expected a number or text: {_short(entry)}")
        return value


def coco_files(path: str, annotations: str, *, form: str, prefix: str) -> tuple[list[CocoFile], Path]:
    """The JSON files that a row of datasets.tsv names, each with the folder of its images, and the folders' root.

    Parameters
    ----------
    path : str
        One folder a JSON (separated by ``;``, in their order), or one root with a subfolder named like the JSON
        (``train2017`` for ``instances_train2017.json``), or the folder of the images itself.
    annotations : str
        The JSON files, separated by ``;``.
    form : str
        The format, for messages: "panoptic".
    prefix : str
        What the format puts before the name of the split: "panoptic_".

    Raises
    ------
    ValueError
        for no JSON, or numbers of folders and files that do not fit.
    """
    tables = [Path(part) for part in split_cell(annotations)]
    if not tables:
        raise ValueError(f"coco_{form}: the column annotations names the JSON files, separated by ';'")
    names = [table.stem.removeprefix(prefix) for table in tables]
    folders = [Path(part) for part in split_cell(path)]
    if len(folders) == 1:
        inside = [folders[0] / name for name in names]
        folders = [folder if folder.is_dir() else folders[0] for folder in inside]
    if len(folders) != len(tables):
        raise ValueError(
            f"coco_{form}: path names {len(folders)} folders for {len(tables)} JSON files; expected one for each, "
            "or one root"
        )
    files = [CocoFile(*of, form=form) for of in zip(tables, folders, names, strict=True)]
    return files, Path(os.path.commonpath(folders))


def read_categories(
    files: Iterable[CocoFile], concept: Callable[[Entry], ConceptKey]
) -> tuple[list[dict[int, Category]], list[Category]]:
    """The categories of every JSON by number, and those of all of them in the order of their numbers.

    concept : what a category of the JSON is here; its name is made sure of already.

    Raises
    ------
    ValueError
        for a number that stands twice in a file, or means different things in two, and two numbers of one name.
    """
    parts: list[dict[int, Category]] = []
    known: dict[int, tuple[Category, CocoFile]] = {}
    for file in files:
        part: dict[int, Category] = {}
        for entry in file.entries("categories"):
            number = file.number(entry, "id")
            file.field(entry, "name")
            category = Category(concept(entry), tuple(str(name) for name in entry.get("keypoints") or ()))
            if number in part:
                raise ValueError(f"{file.table}: category id {number} stands twice")
            part[number] = category
            first, where = known.setdefault(number, (category, file))
            if first != category:
                raise ValueError(f"{file.table}: category {number} is {category}, in {where.table} it is {first}")
        parts.append(part)
    ordered = [known[number][0] for number in sorted(known)]
    twice = [name for name, count in Counter(category.concept.name for category in ordered).items() if count > 1]
    if twice:
        raise ValueError(f"{next(iter(known.values()))[1].table}: two categories are called {twice[0]!r}")
    return parts, ordered


def vocabulary(concepts: Iterable[ConceptKey]) -> pd.DataFrame:
    """The concepts of a listing in the order in which they first come, each with all its categories."""
    found: dict[str, set[str]] = {}
    for concept in concepts:
        found.setdefault(concept.name, set()).add(concept.category)
    ordered = [[category for category in CATEGORIES if category in of] for of in found.values()]
    return pd.DataFrame({"name": list(found), "categories": ordered})


def read_images(file: CocoFile, root: Path, annotated: dict[int | str, Kept]) -> Iterator[tuple[Row, Kept | None]]:
    """The images of a JSON as rows of the listing, each with what `annotated` holds under its number.

    Rows have the columns of every listing and ``_height``, ``_width`` in pixels. `annotated` is emptied on the way, so
    that nothing is in memory twice.

    Raises
    ------
    ValueError
        for a folder that is missing, image numbers that stand twice, annotations of images that are not listed.
    """
    if not file.folder.is_dir():
        raise ValueError(f"{file.folder}: no such folder; the column path of datasets.tsv names it")
    licences = {str(entry.get("id")): _licence(entry) for entry in file.entries("licenses", needed=False)}
    seen: set[int | str] = set()
    twice = 0
    for image in file.entries("images"):
        number = file.identity(image, "id")
        twice += number in seen
        seen.add(number)
        name = _file_name(file, image)
        row = {
            "image_id": f"{file.name}/{name}",
            "path": (file.folder / name).relative_to(root).as_posix(),
            "source": "coco",
            "split": file.split,
            "licence": licences.get(str(image.get("license")), ""),
            "attribution": str(image.get("flickr_url") or image.get("coco_url") or ""),
            "_height": file.number(image, "height"),
            "_width": file.number(image, "width"),
        }
        yield row, annotated.pop(number, None)
    if twice:
        raise ValueError(f"{file.table}: {twice} image ids stand more than once")
    if annotated:
        raise ValueError(f"{file.table}: an annotation names image {next(iter(annotated))!r}, which is not listed")


def table_of(rows: Iterable[Row]) -> pd.DataFrame:
    """Rows as a table, made piece by piece: texts leave Python's memory as they enter the table's."""
    rows = iter(rows)
    pieces = []
    while piece := list(itertools.islice(rows, ROWS_AT_A_TIME)):
        pieces.append(pd.DataFrame(piece))
    return pd.concat(pieces, ignore_index=True) if pieces else pd.DataFrame()


def read_stated_picture(path: Path, row: Row) -> np.ndarray[Any, Any]:
    """The picture of a row; ValueError if its size is not the one the JSON states."""
    picture = read_picture(path)
    found, stated = picture.shape[:2], (int(row["_height"]), int(row["_width"]))
    if found != stated:
        hint = "; one of them is rotated" if found == stated[::-1] else ""
        raise ValueError(
            f"{row['path']}: {found[0]} x {found[1]} pixels (height x width), the JSON says {stated[0]} x {stated[1]}"
            f"{hint}"
        )
    return picture


def _file_name(file: CocoFile, image: Entry) -> str:
    """The picture's file, relative to the folder of the images.

    LVIS names none: there its folder and name are the end of the address (``.../train2017/000000391895.jpg``), and
    the training images of COCO are in use for validation.
    """
    if "file_name" not in image and image.get("coco_url"):
        return "/".join(urlparse(str(image["coco_url"])).path.split("/")[-2:])
    name = str(file.field(image, "file_name"))
    path = PurePosixPath(name)
    if not name or path.is_absolute() or ".." in path.parts:
        raise ValueError(f"{file.table}: file_name is {name!r}, expected a path below {file.folder}")
    return name


def _licence(entry: Entry) -> str:
    url = str(entry.get("url", ""))
    return str(entry.get("name", "")) + (f" ({url})" if url else "")


def _short(value: Any, *, length: int = 100) -> str:
    text = repr(value)
    return text if len(text) <= length else f"{text[:length]} ..."
