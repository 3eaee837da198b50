"""The three tables of CelebA, as published (.txt) or as spread by Kaggle (.csv), one row at a time.

``list_attr_celeba.txt`` and ``list_landmarks_align_celeba.txt`` begin with the number of images and a line of column
names; ``list_eval_partition.txt`` has rows only. Cells are separated by any number of blanks. The .csv variants have
one header line, whose first name is ``image_id``, and commas.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from conceptatlas.datasets.text_tables import text_lines

SUFFIXES = (".txt", ".csv")
SUBFOLDERS = ("", "Anno", "Eval")  # the download keeps its tables in two folders
IMAGE_COLUMN = "image_id"

ATTRIBUTES = "list_attr_celeba"
LANDMARKS = "list_landmarks_align_celeba"
PARTITION = "list_eval_partition"

POINTS = ("lefteye", "righteye", "nose", "leftmouth", "rightmouth")
COORDINATES = tuple(f"{point}_{axis}" for point in POINTS for axis in "xy")


@dataclass(frozen=True)
class CelebaTable:
    """A table opened at its first row: the names of its columns (without the image's), and where it is.

    n_stated : the number of images that the first line states, None where it states none.
    """

    path: Path
    columns: tuple[str, ...]
    n_stated: int | None
    header_lines: int

    def rows(self) -> Iterator[tuple[int, str, list[str]]]:
        """Line number, image and cells of each row.

        Raises
        ------
        ValueError
            for a row of another length, an image that stands twice, and a number of rows that is not the one stated.
        """
        met: set[str] = set()
        for line, cells in _cells(self.path):
            if line <= self.header_lines:
                continue
            if len(cells) != len(self.columns) + 1:
                raise ValueError(
                    f"{self.path}, line {line}: {len(cells)} cells, expected {len(self.columns) + 1}: an image and "
                    f"{_few(self.columns)}"
                )
            if cells[0] in met:
                raise ValueError(f"{self.path}, line {line}: {cells[0]} stands twice")
            met.add(cells[0])
            yield line, cells[0], cells[1:]
        if self.n_stated is not None and len(met) != self.n_stated:
            raise ValueError(
                f"{self.path}: the first line states {self.n_stated} images and {len(met)} rows follow:"
                " an incomplete copy?"
            )


def open_table(places: list[Path], name: str, *, hint: str) -> CelebaTable:
    """Find a table by name and read its header.

    places : folders to look in, or the tables themselves. The published .txt is preferred to a .csv beside it.

    Raises
    ------
    ValueError
        if there is none (`hint` ends the message), or its header is not as expected.
    """
    path = _find(places, name)
    if path is None:
        looked = ", ".join(str(place) for place in places)
        raise ValueError(f"no {name}.txt or {name}.csv in {looked}; {hint}")
    if path.suffix == ".csv":
        header = _line(path, 1)
        if header[0] != IMAGE_COLUMN:
            raise ValueError(f"{path}: the first column is {header[0]!r}, expected {IMAGE_COLUMN!r}")
        return CelebaTable(path, tuple(header[1:]), None, 1)
    if name == PARTITION:
        return CelebaTable(path, ("partition",), None, 0)
    count = _line(path, 1)
    if len(count) != 1 or not count[0].isdecimal():
        raise ValueError(f"{path}: the first line is {' '.join(count)!r}, expected the number of images")
    return CelebaTable(path, tuple(_line(path, 2)), int(count[0]), 2)


def read_partition(table: CelebaTable) -> dict[str, str]:
    """Image -> number of its partition, as text. Raises ValueError for what is not 0, 1 or 2."""
    if table.columns != ("partition",):
        raise ValueError(f"{table.path}: columns {_few(table.columns)}, expected partition")
    partition: dict[str, str] = {}
    for line, image, (number,) in table.rows():
        if number not in ("0", "1", "2"):
            raise ValueError(
                f"{table.path}, line {line}: partition {number!r}, expected 0 (train), 1 (validation) or 2 (test)"
            )
        partition[image] = number
    return partition


def read_landmarks(table: CelebaTable) -> dict[str, str]:
    """Image -> its ten coordinates in the order of `COORDINATES`, separated by blanks.

    Raises
    ------
    ValueError
        for columns that are not those of the five landmarks, and for a coordinate that is no number.
    """
    if sorted(table.columns) != sorted(COORDINATES):
        raise ValueError(f"{table.path}: columns {_few(table.columns)}, expected {_few(COORDINATES)}")
    order = [table.columns.index(name) for name in COORDINATES]
    landmarks: dict[str, str] = {}
    for line, image, cells in table.rows():
        for cell in cells:
            if not _is_number(cell):
                raise ValueError(f"{table.path}, line {line}: coordinate {cell!r} of {image} is not a number")
        landmarks[image] = " ".join(cells[position] for position in order)
    return landmarks


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _find(places: list[Path], name: str) -> Path | None:
    for suffix in SUFFIXES:
        for place in places:
            if place.name == f"{name}{suffix}" and place.is_file():
                return place
            for subfolder in SUBFOLDERS:
                path = place / subfolder / f"{name}{suffix}"
                if path.is_file():
                    return path
    return None


def _cells(path: Path) -> Iterator[tuple[int, list[str]]]:
    """The cells of the lines that are not empty, with line numbers."""
    comma = path.suffix == ".csv"
    for line, text in text_lines(path, role="it belongs to CelebA"):
        cells = [cell.strip() for cell in text.split(",")] if comma else text.split()
        if any(cells):
            yield line, cells


def _line(path: Path, wanted: int) -> list[str]:
    """The cells of one of the first lines."""
    for line, cells in _cells(path):
        if line == wanted:
            return cells
        if line > wanted:
            break
    raise ValueError(f"{path}: line {wanted} is missing or empty")


def _few(names: tuple[str, ...], *, n: int = 4) -> str:
    return ", ".join(names[:n]) + (f", ... ({len(names)} in all)" if len(names) > n else "")
