"""Cells of a row of models.tsv as values, with errors that name the model, the column and what was expected.

Nothing here imports torch, so rules can use it while Snakemake parses.
"""

from __future__ import annotations

from typing import Any

RANDOM = "random"
SHUFFLED = "shuffled:"


def text_cell(row: dict[str, Any], column: str, default: str = "") -> str:
    """A cell as text; empty or missing: `default`."""
    value = row.get(column, "")
    return default if value is None or value == "" else str(value)


def integer_cell(row: dict[str, Any], column: str, default: int) -> int:
    """A cell as an integer; empty or missing: `default`."""
    text = text_cell(row, column)
    if not text:
        return default
    try:
        return int(text)
    except ValueError:
        raise _unfit(row, column, text, "a whole number") from None


def triple_cell(row: dict[str, Any], column: str, default: tuple[float, float, float]) -> tuple[float, float, float]:
    """A cell "r,g,b" (or one number for all three channels) as three numbers; empty or missing: `default`."""
    text = text_cell(row, column)
    if not text:
        return default
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) == 1:
        numbers *= 3
    if len(numbers) != 3:
        raise _unfit(row, column, text, "three numbers r,g,b in 0..1 (or one for all channels)")
    return numbers[0], numbers[1], numbers[2]


def needs_calibration(row: dict[str, Any]) -> bool:
    """Whether the row is a random or shuffled twin, whose batch-norm statistics are estimated on the data set first."""
    weights = str(row.get("weights", ""))
    return weights == RANDOM or weights.startswith(SHUFFLED)


def weights_file(row: dict[str, Any]) -> str:
    """The local weights file a row names, "" where it names none: an input of the rules that run the model.

    A registry name holds no separator and no dot; everything else is a path.
    """
    weights = str(row.get("weights", "")).removeprefix(SHUFFLED)
    return weights if weights != RANDOM and looks_like_path(weights) else ""


def looks_like_path(weights: str) -> bool:
    """Whether a `weights` cell names a file rather than an entry of a registry."""
    return any(sign in weights for sign in "/\\.")


def _unfit(row: dict[str, Any], column: str, text: str, expected: str) -> ValueError:
    return ValueError(f"model {row.get('model', '?')!r}: {column} is {text!r}, expected {expected}")
