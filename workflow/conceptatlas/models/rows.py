"""Cells of a row of models.tsv as values, with errors that name the model, the column and what was expected.

Nothing here imports torch, so rules can use it while Snakemake parses.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from conceptatlas.outside import relocated
from conceptatlas.sheets import parse_options

RANDOM = "random"
SHUFFLED = "shuffled:"
KEY_MAP = "key_map"
"""The option that every source with weights files has: a JSON file, module of the weights file -> of the network."""

Option = bool | int | float | str
"""The value of an option."""


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


def options_cell(row: dict[str, Any]) -> dict[str, Option]:
    """The cell `options` ("key=value;key=value") as typed values: true and false, whole numbers, numbers, else text.

    Raises
    ------
    ValueError
        naming the model, for a part of another form, an empty or a repeated key.
    """
    text = text_cell(row, "options")
    place = f"model {row.get('model', '?')!r}"
    try:
        options = parse_options(text)
    except ValueError as error:
        raise ValueError(f"{place}: {error}") from None
    keys = [part.partition("=")[0].strip() for part in text.split(";") if part.strip()]
    for key in keys:
        if not key or keys.count(key) > 1:
            raise ValueError(f"{place}: options {text!r}: " + (f"{key!r} comes twice" if key else "a key is empty"))
    return {key: value if key == KEY_MAP else _typed(value) for key, value in options.items()}


def _typed(value: str) -> Option:
    if value.lower() in ("true", "false"):
        return value.lower() == "true"
    if re.fullmatch(r"[-+]?[0-9]+", value):
        return int(value)
    if re.fullmatch(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?", value):
        return float(value)
    return value


def needs_calibration(row: dict[str, Any]) -> bool:
    """Whether the row is a random or shuffled twin, whose batch-norm statistics are estimated on the data set first."""
    weights = str(row.get("weights", ""))
    return weights == RANDOM or weights.startswith(SHUFFLED)


SCORELESS = {
    "segmenter": ("deeplabv3_", "fcn_", "lraspp_"),
    "detector": ("fasterrcnn_", "fcos_", "keypointrcnn_", "maskrcnn_", "retinanet_", "ssd300_", "ssdlite320_"),
}
"""Kind of torchvision's networks that give pictures no class -> how the names of their architectures begin."""


def why_no_scores(row: dict[str, Any]) -> str:
    """Why a model has no class scores, as far as its row tells: "a detector", or "" where nothing speaks against it."""
    if row.get("source") != "torchvision":
        return ""
    architecture = text_cell(row, "architecture")
    return next((f"a {kind}" for kind, begins in SCORELESS.items() if architecture.startswith(begins)), "")


def weights_file(row: dict[str, Any]) -> str:
    """The local weights file a row names, "" where it names none: an input of the rules that run the model.

    A registry name holds no separator and no dot; everything else is a path.
    """
    weights = str(row.get("weights", "")).removeprefix(SHUFFLED)
    return weights if weights != RANDOM and looks_like_path(weights) else ""


def weights_files(row: dict[str, Any]) -> list[str]:
    """All files whose content decides about the weights of a row: the weights file and the key map, where named."""
    return [file for file in (weights_file(row), str(options_cell(row).get(KEY_MAP, ""))) if file]


def with_weights_in(row: dict[str, Any], folders: Sequence[str]) -> dict[str, Any]:
    """The (expanded) row with its files in the folder they were brought to; as it is if `folders` is empty."""
    return relocated(row, weights_files(row), folders)


def looks_like_path(weights: str) -> bool:
    """Whether a `weights` cell names a file rather than an entry of a registry."""
    return any(sign in weights for sign in "/\\.")


def _unfit(row: dict[str, Any], column: str, text: str, expected: str) -> ValueError:
    return ValueError(f"model {row.get('model', '?')!r}: {column} is {text!r}, expected {expected}")
