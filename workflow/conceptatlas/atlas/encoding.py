"""How results reach the browser: scripts that hand over one value, tables by column, masks as run lengths.

A page opened by double click may load scripts but not read files, so every piece of data is a script
``Atlas.put("its/key", value)`` whose place is its key. Numbers keep 5 significant digits (the Parquet table named in
`source` keeps all); values that are not finite become null.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from conceptatlas.files import atomic_path
from conceptatlas.tables import read_definitions, read_table, records

Array = np.ndarray[Any, Any]

DIGITS = 5
_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def write_script(root: str | Path, key: str, value: Any) -> None:
    """Write ``root/key.js``: a script that puts `value` under `key`."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    with atomic_path(Path(root) / f"{key}.js") as part:
        part.write_text(f"Atlas.put({json.dumps(key)},{text});\n", encoding="utf-8")


def number(value: Any) -> float | int | None:
    """A number for JSON: 5 significant digits, whole ones as integers, None for what is not finite.

    >>> number(0.123456789), number(3.0), number(float("nan"))
    (0.12346, 3, None)
    """
    value = float(value)
    if not math.isfinite(value):
        return None
    rounded = float(f"{value:.{DIGITS}g}") if abs(value) < 10**DIGITS or value % 1 else value
    return int(rounded) if rounded == int(rounded) else rounded


def numbers(values: Array) -> list[float | int | None]:
    """The same for an array, flattened."""
    array = np.asarray(values).reshape(-1)
    if array.dtype.kind in "iu":
        return [int(value) for value in array]
    return [number(value) for value in array]


def script_table(path: str | Path, *, source: str, drop: tuple[str, ...] = (), rows: Any = None) -> dict[str, Any]:
    """A Parquet table by column, with the definition and unit of each.

    source : its path in the study, shown to the reader. drop : columns left out. rows : a boolean mask or indices of
    the rows kept; row numbers shown are those of the file.

    Returns
    -------
    dict with `source`, `n`, `columns`, and of a part of the rows `rows` (their numbers) and `of` (how many there are).
    A column has `name`, `definition`, `unit` and one of `constant`, `values`
    (numbers, booleans as 0 and 1, lists as text) or `words` and `codes`.
    """
    frame = read_table(path)
    n_rows = len(frame)
    if rows is not None:
        frame = frame.loc[rows]
    columns = [
        {"name": column.name, "definition": column.definition, "unit": column.unit} | _column(frame[column.name])
        for column in read_definitions(path)
        if column.name not in drop
    ]
    table: dict[str, Any] = {"source": source, "n": len(frame), "columns": columns}
    if rows is not None:
        table |= {"rows": [int(row) for row in frame.index], "of": n_rows}
    return table


def _column(values: pd.Series[Any]) -> dict[str, Any]:
    array = values.to_numpy()
    if array.dtype.kind == "b":
        plain: list[Any] = [int(value) for value in array]
        kind = "boolean"
    elif array.dtype.kind in "iuf":
        plain, kind = numbers(array), "number"
    else:
        plain = [_text(value) for value in array]
        words = list(dict.fromkeys(plain))
        if len(words) > 1:
            code = {word: i for i, word in enumerate(words)}
            return {"kind": "text", "words": words, "codes": [code[word] for word in plain]}
        kind = "text"
    if len(plain) and all(value == plain[0] for value in plain):
        return {"kind": kind, "constant": plain[0]}
    return {"kind": kind, "values": plain}


def _text(value: Any) -> str | None:
    if isinstance(value, np.ndarray | list | tuple):
        return "; ".join(str(part) for part in value)
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    return str(value)


def rows_of(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of a frame as dictionaries, with `row`, where each stands in its table."""
    return records(frame.assign(row=frame.index))


def run_lengths(mask: Array) -> str:
    """A boolean mask (height, width) as text: lengths of runs in row-major order, the first of zeros.

    A length is written in digits of 5 bits, lowest first, as letters of `_ALPHABET`; 32 is added to all but the last.

    >>> run_lengths(np.array([[0, 1], [1, 0]], dtype=bool))
    'BCB'
    """
    flat = np.asarray(mask, dtype=np.int8).reshape(-1)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flat]))) if len(flat) else np.zeros(0, dtype=np.int64)
    if not len(edges):
        return ""
    lengths = np.diff(np.concatenate([[0], edges, [len(flat)]]))
    return "".join(_digits(int(length)) for length in lengths)


def _digits(length: int) -> str:
    text = ""
    while length >= 32:
        text += _ALPHABET[32 + (length & 31)]
        length >>= 5
    return text + _ALPHABET[length]
