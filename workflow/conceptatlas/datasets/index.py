"""The formats a data set may have, by name, and the way from a row of datasets.tsv to its reader.

Names only: the module of a format is imported when a row asks for it. A new format is one file with a class that
fulfils `reader.Reader`, one line here, and one fixture in the contract tests.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from conceptatlas.naming import unknown
from conceptatlas.sheets import parse_options

if TYPE_CHECKING:
    from conceptatlas.datasets.reader import Reader

FORMATS: dict[str, str] = {
    "broden": "conceptatlas.datasets.broden:BrodenReader",
    "coco_panoptic": "conceptatlas.datasets.coco_panoptic:CocoPanopticReader",
    "demo": "conceptatlas.datasets.demo:DemoReader",
    "image_folder": "conceptatlas.datasets.image_folder:ImageFolderReader",
}
"""Format -> module:class."""

ROW_FIELDS = ("path", "annotations", "n_images", "frame_size", "seed")
"""Cells of the row that a reader receives under these names if its constructor asks for them."""


def format_module(name: str) -> str:
    """The dotted module of a format, for code digests.

    Raises
    ------
    ValueError
        for an unknown format, with the nearest known ones.
    """
    if name not in FORMATS:
        raise unknown("format", name, FORMATS, where="datasets.tsv")
    return FORMATS[name].partition(":")[0]


def open_dataset(row: Mapping[str, Any], *, study_seed: int = 0) -> Reader:
    """The reader of one row of datasets.tsv.

    The constructor receives, as keyword arguments, those of `ROW_FIELDS` that its signature names, and every
    ``key=value`` of the `options` cell. Constructing is cheap: nothing is read until `listing`, `picture` or `labels`.

    Parameters
    ----------
    row : mapping
        `format` is required; `dataset` (for messages), `path`, `annotations`, `options` ("key=value;key=value" or a
        mapping) are text, `n_images`, `frame_size`, `seed` whole numbers; an empty cell is "".
    study_seed : int
        Stands for `seed` where the row has none.

    Raises
    ------
    ValueError
        for an unknown format or option, with the nearest known ones.
    """
    name = str(row.get("format", ""))
    format_module(name)
    module, _, attribute = FORMATS[name].partition(":")
    reader: Any = getattr(importlib.import_module(module), attribute)
    accepted = inspect.signature(reader).parameters
    given = {field: value for field, value in _fields(row, study_seed).items() if field in accepted}
    given.update(_options(row, known=[key for key in accepted if key not in ROW_FIELDS]))
    opened: Reader = reader(**given)
    return opened


def _fields(row: Mapping[str, Any], study_seed: int) -> dict[str, Any]:
    seed = whole_number(row, "seed")
    return {
        "path": str(row.get("path", "")),
        "annotations": str(row.get("annotations", "")),
        "n_images": whole_number(row, "n_images"),
        "frame_size": whole_number(row, "frame_size"),
        "seed": study_seed if seed is None else seed,
    }


def whole_number(row: Mapping[str, Any], field: str) -> int | None:
    """A cell as a whole number, None where it is empty; ValueError naming the field otherwise."""
    value = row.get(field, "")
    if value is None or value == "":
        return None
    try:
        number = int(str(value))
    except ValueError:
        dataset = row.get("dataset", "?")
        raise ValueError(f"data set {dataset}: {field} must be a whole number, not {value!r}") from None
    return number


def _options(row: Mapping[str, Any], *, known: list[str]) -> dict[str, Any]:
    options = row.get("options") or {}
    if isinstance(options, str):
        options = parse_options(options)
    for key in options:
        if key not in known:
            where = f"the options of data set {row.get('dataset', '?')} (format {row['format']})"
            raise unknown("option", str(key), known, where=where)
    return dict(options)
