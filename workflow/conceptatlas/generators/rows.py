"""Cells of a row of generators.tsv as values, with errors that name the generator. Nothing here imports torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from conceptatlas.models.rows import options_cell
from conceptatlas.naming import unknown
from conceptatlas.outside import relocated


def row_options(row: Mapping[str, Any], *, known: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The cell `options` as typed values over their defaults.

    known : option -> default; None: any option (a function of the user's own decides).

    Raises
    ------
    ValueError
        naming the generator, for a part that is not key=value, an unknown key (with the nearest), a value of another
        kind than the default's.
    """
    place = f"generator {row.get('generator', '?')!r}"
    try:
        given: dict[str, Any] = options_cell({"options": row.get("options", ""), "model": row.get("generator", "?")})
    except ValueError as error:
        raise ValueError(str(error).replace("model ", "generator ", 1)) from None
    if known is None:
        return given
    for key, value in given.items():
        if key not in known:
            raise unknown("option", key, known, where=f"the options of {place}")
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if isinstance(known[key], float) and not number:
            raise ValueError(f"{place}: option {key} is {value!r}, expected a number")
        if isinstance(known[key], str) and number:
            given[key] = str(value)
    return {**known, **given}


def weights_files(row: Mapping[str, Any]) -> list[str]:
    """The files whose content decides about a generator: the parts of its `weights` cell, separated by ``;``."""
    return [part.strip() for part in str(row.get("weights", "")).split(";") if part.strip()]


def with_weights_in(row: dict[str, Any], folders: Sequence[str]) -> dict[str, Any]:
    """The (expanded) row with its files in the folder they were brought to; as it is if `folders` is empty."""
    return relocated(row, weights_files(row), folders)
