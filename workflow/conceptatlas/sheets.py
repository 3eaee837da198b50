"""The sheets of a study: what can be added one row at a time.

A sheet is a tab-separated text file with a header; lines that start with ``#`` are comments. Every cell is text until
the row is handed to the library; `plain_row` makes numbers of what is written as numbers.
"""

from __future__ import annotations

import csv
import os
import re
from pathlib import Path
from typing import Any

Row = dict[str, Any]

HOME = "CONCEPTATLAS_HOME"
_VARIABLE = re.compile(r"\$\{?(\w+)\}?")


def read_sheet(path: str | Path, *, key: tuple[str, ...]) -> list[Row]:
    """Rows of a sheet in their order; `key` columns together must be unique.

    Raises
    ------
    ValueError
        naming the file and line: missing file, no header, too many cells, a duplicate key, an empty key cell.
    """
    path = Path(path)
    if not path.exists():
        raise ValueError(f"sheet {path} does not exist; the config names it under `sheets`")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError(f"sheet {path} is not UTF-8 text; save it as tab-separated text") from None
    lines = [
        (number, line)
        for number, line in enumerate(text.splitlines(), 1)
        if line.strip() and not line.lstrip().startswith("#")
    ]
    if not lines:
        raise ValueError(f"sheet {path} is empty; its first line names the columns")
    header = [cell.strip() for cell in lines[0][1].split("\t")]
    for column in key:
        if column not in header:
            hint = "; the columns must be separated by tabs" if len(header) == 1 else f"; found: {', '.join(header)}"
            raise ValueError(f"sheet {path} has no column {column!r}{hint}")
    rows: list[Row] = []
    seen: dict[tuple[str, ...], int] = {}
    for number, line in lines[1:]:
        cells = [cell.strip() for cell in next(csv.reader([line], delimiter="\t"))]
        if len(cells) > len(header):
            raise ValueError(f"sheet {path}, line {number}: {len(cells)} cells, the header has {len(header)} columns")
        row = dict(zip(header, cells + [""] * (len(header) - len(cells)), strict=True))
        name = tuple(row[column] for column in key)
        if not all(name):
            raise ValueError(f"sheet {path}, line {number}: {' and '.join(key)} must not be empty")
        if name in seen:
            raise ValueError(f"sheet {path}, line {number}: {' '.join(name)!r} stands in line {seen[name]} already")
        seen[name] = number
        rows.append(row)
    return rows


def plain_row(row: Row) -> Row:
    """The row with integers and decimal numbers as numbers: what schemas check and params record."""

    def plain(cell: Any) -> Any:
        if not isinstance(cell, str):
            return cell
        for kind in (int, float):
            try:
                return kind(cell)
            except ValueError:
                continue
        return cell

    return {column: plain(cell) for column, cell in row.items()}


def expand_row(row: Row) -> Row:
    """The row with ``$VARIABLES`` of the environment filled in, as a job needs it; ``$CONCEPTATLAS_HOME`` is the
    folder of the project unless the environment says otherwise.

    Params record the row as written, so that moving the data reruns nothing. `study.load_study` has made sure that
    the variables exist.
    """
    return {column: expand_cell(cell) if isinstance(cell, str) else cell for column, cell in row.items()}


def variables(cell: str) -> list[str]:
    """Names of the environment variables in a cell that must be set (the project's own folder is known)."""
    return [name for name in _VARIABLE.findall(cell) if name != HOME]


def expand_cell(cell: str) -> str:
    """One cell of a row as `expand_row` fills it in."""
    known = {HOME: str(Path(__file__).parents[2]), **os.environ}
    return _VARIABLE.sub(lambda match: known.get(match.group(1), match.group(0)), cell)


def split_cell(text: str) -> list[str]:
    """The parts of a cell that lists several files, separated by ``;``.

    >>> split_cell("a.json; b.json;")
    ['a.json', 'b.json']
    """
    return [part.strip() for part in text.split(";") if part.strip()]


def parse_options(text: str) -> dict[str, str]:
    """``"key=value;key=value"`` of an options cell as a dictionary.

    >>> parse_options("stuff_as=material; crowd=no")
    {'stuff_as': 'material', 'crowd': 'no'}
    """
    options: dict[str, str] = {}
    for part in text.split(";"):
        if not part.strip():
            continue
        name, equals, value = part.partition("=")
        if not equals:
            raise ValueError(f"options {text!r}: {part.strip()!r} is not of the form key=value")
        options[name.strip()] = value.strip()
    return options
