"""Small text files beside pictures: lists, names, tables separated by tabs. Read line by line, errors name the line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path


def text_lines(path: Path, *, role: str) -> Iterator[tuple[int, str]]:
    """The lines of a text file with their numbers from 1, without line ends, one at a time.

    role : what the file is for, in the words that end an error about its absence.

    Raises
    ------
    ValueError
        naming the file: there is none, or it is not UTF-8 text.
    """
    if not path.is_file():
        raise ValueError(f"{path}: no such file; {role}")
    with path.open("rb") as file:
        for number, raw in enumerate(file, start=1):
            try:
                line = raw.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError:
                raise ValueError(f"{path}, line {number}: not UTF-8 text") from None
            if "\0" in line:
                raise ValueError(f"{path}, line {number}: not a text file")
            yield number, line.rstrip("\r\n")


def table_rows(path: Path, *, columns: tuple[str, ...], role: str) -> Iterator[tuple[int, list[str]]]:
    """The rows of a table separated by tabs, with line numbers; a header of the columns' names may be there.

    Empty lines and lines that start with ``#`` are left out. The number of cells is the caller's to check.

    Raises
    ------
    ValueError
        as `text_lines` does.
    """
    for number, text in text_lines(path, role=role):
        cells = [cell.strip() for cell in text.split("\t")]
        if text.strip() and not text.lstrip().startswith("#") and cells != list(columns):
            yield number, cells
