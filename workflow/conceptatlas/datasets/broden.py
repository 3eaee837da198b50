"""Broden: the densely labelled data set of Network Dissection (Bau et al. 2017), in its own layout.

``index.csv`` has a column a category whose cells hold, separated by ``;``, label numbers of the whole image (decimal)
or PNG files relative to ``images/``, whose pixels code label = R + 256 G. Numbers are global: those of ``label.csv``,
not the dense codes of ``c_<category>.csv``. A label may live in several categories, and several layers of one category
may overlap (parts).
"""

from __future__ import annotations

import csv
import logging
import re
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from conceptatlas.datasets.pictures import read_coded_numbers, read_picture
from conceptatlas.datasets.reader import ConceptKey, ImageLabel, Label, LabelMap, Listing, Map, Reader, present_numbers
from conceptatlas.naming import CATEGORIES, unknown

logger = logging.getLogger(__name__)

INDEX_COLUMNS = ("image", "split", "ih", "iw", "sh", "sw")


class BrodenReader(Reader):
    """A Broden folder (broden1_224, broden1_227, broden1_384, or one built with the same scripts).

    Parameters
    ----------
    path : str
        The folder that holds index.csv, label.csv and images/.
    annotations : str
        Unused: Broden brings its annotations with it.
    categories : str
        Comma-separated categories to keep, default all that index.csv has. Labels of the others are left out; images
        are all kept, so that choosing categories never changes the list (Network Dissection's loader drops images
        without labels, which changes N and every threshold).
    """

    def __init__(self, *, path: str, annotations: str = "", categories: str = "") -> None:
        if annotations:
            raise ValueError("broden: leave the column annotations empty; the annotations are found in path")
        self.root = Path(path)
        self._chosen = [category.strip() for category in categories.split(",") if category.strip()]
        for category in self._chosen:
            if category not in CATEGORIES:
                raise unknown("category", category, CATEGORIES, where="the option categories")

    def listing(self, *, map: Map = map) -> Listing:
        """List index.csv in its order and label.csv in the order of its numbers."""
        index = _read_csv(self.root / "index.csv", needed=INDEX_COLUMNS)
        layers = [category for category in CATEGORIES if category in index.columns]
        for category in self._chosen:
            if category not in layers:
                raise unknown("category", category, layers, where=str(self.root / "index.csv"))
        images = pd.DataFrame(
            {
                "image_id": index["image"],
                "path": "images/" + index["image"],
                "source": [str(image).partition("/")[0] if "/" in str(image) else "" for image in index["image"]],
                "split": index["split"],
                "licence": "",
                "attribution": "",
                "_picture_size": index["ih"] + "x" + index["iw"],
                "_label_size": index["sh"] + "x" + index["sw"],
                **{f"_{category}": index[category] for category in self._chosen or layers},
            }
        )
        kept = self._chosen or list(CATEGORIES)
        categories = {
            number: [category for category in kept if category in found]
            for number, (_, found) in sorted(self._labels.items())
        }
        concepts = [(self._labels[number][0], found) for number, found in categories.items() if found]
        return Listing(images=images, concepts=pd.DataFrame(concepts, columns=["name", "categories"]))

    def file(self, row: dict[str, Any]) -> Path:
        """The picture's file."""
        return self.root / str(row["path"])

    def picture(self, row: dict[str, Any]) -> np.ndarray[Any, Any]:
        """The picture; ValueError if its size is not the one index.csv states (ih, iw)."""
        picture = read_picture(self.file(row))
        _check_size(picture.shape[:2], str(row["_picture_size"]), what=str(row["path"]), columns="ih x iw")
        return picture

    def labels(self, row: dict[str, Any]) -> Iterator[Label]:
        """The labels of every layer of every category; ValueError for a number that label.csv does not have."""
        for category in CATEGORIES:
            for item in str(row.get(f"_{category}", "")).split(";"):
                item = item.strip()
                if not item:
                    continue
                if item.isdecimal():
                    if int(item):
                        yield ImageLabel(self._concept(int(item), category, where=str(row["image_id"])))
                else:
                    yield self._map(item, category, size=str(row["_label_size"]))

    def _map(self, item: str, category: str, *, size: str) -> LabelMap:
        path = self.root / "images" / item
        numbers = read_coded_numbers(path)
        _check_size(numbers.shape, size, what=item, columns="sh x sw")
        present = [int(number) for number in present_numbers(numbers)]
        if present and present[-1] > 0xFFFF:
            raise ValueError(f"{path}: the blue channel is not 0; Broden codes label = R + 256 G")
        concepts = {number: self._concept(number, category, where=str(path)) for number in present if number}
        return LabelMap(numbers=numbers, concepts=concepts)

    def _concept(self, number: int, category: str, *, where: str) -> ConceptKey:
        if number not in self._labels:
            raise ValueError(
                f"{where}: label {number} is not in label.csv (numbers {min(self._labels)} to {max(self._labels)})"
            )
        return ConceptKey(self._labels[number][0], category)

    @cached_property
    def _labels(self) -> dict[int, tuple[str, list[str]]]:
        """number -> (name, categories), from label.csv and, where they are there, the c_<category>.csv."""
        table = _read_csv(self.root / "label.csv", needed=("number", "name", "category"))
        labels: dict[int, tuple[str, list[str]]] = {}
        names: dict[str, int] = {}
        for text, name, cell in zip(table["number"], table["name"], table["category"], strict=True):
            number = _number(text, self.root / "label.csv")
            if number == 0:  # some builds list 0, "unlabelled"
                continue
            if number in labels:
                raise ValueError(f"{self.root / 'label.csv'}: label {number} stands twice")
            if name in names:
                raise ValueError(
                    f"{self.root / 'label.csv'}: labels {names[name]} and {number} are both called {name!r}"
                )
            names[name] = number
            labels[number] = (str(name), _categories(str(cell), where=f"{self.root / 'label.csv'}, label {number}"))
        if not labels:
            raise ValueError(f"{self.root / 'label.csv'} lists no labels")
        for category in CATEGORIES:
            self._add_codes(category, labels)
        return labels

    def _add_codes(self, category: str, labels: dict[int, tuple[str, list[str]]]) -> None:
        """Add the members of c_<category>.csv; a name that differs from label.csv means files of two builds."""
        path = self.root / f"c_{category}.csv"
        if not path.exists():
            return
        table = _read_csv(path, needed=("number", "name"))
        for text, name in zip(table["number"], table["name"], strict=True):
            number = _number(text, path)
            if number == 0:
                continue
            if number not in labels or labels[number][0] != name:
                known = labels[number][0] if number in labels else "nothing"
                raise ValueError(
                    f"{path}: label {number} is {name!r}, in label.csv it is {known!r}: files of two builds"
                )
            if category not in labels[number][1]:
                labels[number][1].append(category)


def _read_csv(path: Path, *, needed: tuple[str, ...]) -> pd.DataFrame:
    """A table of text cells; every row as long as the header, so that a file cut short is noticed."""
    if not path.exists():
        raise ValueError(f"{path}: no such file; a Broden folder holds index.csv, label.csv and images/")
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file)
            rows = [(reader.line_num, row) for row in reader if row]
    except (csv.Error, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: not a readable csv table ({error})") from error
    header = rows[0][1] if rows else []
    missing = [column for column in needed if header.count(column) != 1]
    if missing:
        raise ValueError(f"{path}: no column {', '.join(missing)}, or more than one")
    for line, row in rows[1:]:
        if len(row) != len(header):
            raise ValueError(f"{path}, line {line}: {len(row)} cells, the header has {len(header)}")
    return pd.DataFrame([row for _, row in rows[1:]], columns=header, dtype=str)


def _number(text: str, path: Path) -> int:
    if not str(text).isdecimal():
        raise ValueError(f"{path}: label number {text!r} is not a whole number")
    return int(text)


def _categories(cell: str, *, where: str) -> list[str]:
    """``object(5904);part(5610)`` -> ["object", "part"]."""
    categories = [re.sub(r"\(\d+\)$", "", item.strip()) for item in cell.split(";") if item.strip()]
    for category in categories:
        if category not in CATEGORIES:
            raise unknown("category", category, CATEGORIES, where=where)
    return categories


def _check_size(shape: tuple[int, ...], stated: str, *, what: str, columns: str) -> None:
    if stated != "x" and f"{shape[0]}x{shape[1]}" != stated:
        raise ValueError(f"{what}: {shape[0]} x {shape[1]} pixels, index.csv says {columns} = {stated}")
