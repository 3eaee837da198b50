"""Cells of a row of encoders.tsv as values, with errors that name the encoder and what was expected.

Nothing here imports torch, so rules can use it while Snakemake parses.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from conceptatlas.naming import unknown
from conceptatlas.outside import relocated
from conceptatlas.sheets import Row, parse_options


def name_of(row: Row) -> str:
    """The name of the encoder, for errors."""
    return str(row.get("encoder", "?"))


def options_of(row: Row, *, known: Iterable[str] | None = None) -> dict[str, str]:
    """The cell `options` as texts.

    known : the keys there are; None: the source decides.

    Raises
    ------
    ValueError
        naming the encoder, for a part that is not ``key=value`` and for an unknown key, with the nearest.
    """
    try:
        options = parse_options(str(row.get("options", "") or ""))
    except ValueError as error:
        raise ValueError(f"encoder {name_of(row)!r}: {error}") from None
    for key in options:
        if known is not None and key not in known:
            raise unknown("option", key, known, where=f"encoder {name_of(row)!r} (source {row.get('source', '?')})")
    return options


def whole_option(row: Row, options: dict[str, str], key: str) -> int:
    """An option as a whole number of at least 1."""
    try:
        value = int(options[key])
    except ValueError:
        value = 0
    if value < 1:
        raise ValueError(f"encoder {name_of(row)!r}: {key} is {options[key]!r}, expected a whole number from 1 on")
    return value


def triple_option(row: Row, options: dict[str, str], key: str) -> tuple[float, float, float]:
    """An option ``r,g,b`` as three numbers on the scale 0..1."""
    try:
        numbers = [float(part) for part in options[key].split(",")]
    except ValueError:
        numbers = []
    if len(numbers) != 3:
        raise ValueError(f"encoder {name_of(row)!r}: {key} is {options[key]!r}, expected r,g,b on the scale 0..1")
    return numbers[0], numbers[1], numbers[2]


def encoder_files(row: Row) -> list[str]:
    """Files whose content decides about the vectors of a row: its weights, and what options of a user's encoder name
    as a path (with a separator)."""
    weights = str(row.get("weights", "") or "")
    named = options_of(row).values() if row.get("source") == "user" else ()
    return [file for file in (weights, *(value for value in named if "/" in value)) if file]


def with_encoder_files_in(row: Row, folders: list[str]) -> dict[str, Any]:
    """The (expanded) row with its files in the folder they were brought to; as it is if `folders` is empty."""
    return relocated(row, encoder_files(row), folders)
