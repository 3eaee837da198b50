"""The formats a data set may have, by name, and the way from a row of datasets.tsv to its reader.

Names only: the module of a format is imported when a row asks for it, so that rules can use this file while Snakemake
parses. A new format is one file with a subclass of `reader.Reader`, one line here, and one fixture in the contract
tests.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from conceptatlas.datasets.members import read_members
from conceptatlas.naming import unknown
from conceptatlas.plugins import plugin_file
from conceptatlas.sheets import expand_row, parse_options, split_cell

if TYPE_CHECKING:
    from conceptatlas.datasets.reader import Reader


class Format(NamedTuple):
    """A format.

    entry : where its reader is, ``module:class``.
    files : which of its options name a file.
    tables : files that it looks for in the folders of `annotations` (of `path` where that is empty).
    scans : whether listing it opens a file an image, and is spread over the workers of the job.
    """

    entry: str
    files: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()
    scans: bool = False

    @property
    def module(self) -> str:
        """The dotted module."""
        return self.entry.partition(":")[0]


COMPOSITE, SYNTHETIC = "composite", "synthetic"
USER = "user"
FORMATS: dict[str, Format] = {
    "ade20k": Format("conceptatlas.datasets.ade20k:Ade20kReader", files=("names",), scans=True),
    "broden": Format("conceptatlas.datasets.broden:BrodenReader", tables=("index.csv", "label.csv")),
    "celeba": Format(
        "conceptatlas.datasets.celeba:CelebaReader",
        tables=tuple(
            f"list_{table}.{suffix}"
            for table in ("attr_celeba", "eval_partition", "landmarks_align_celeba")
            for suffix in ("txt", "csv")
        ),
    ),
    "class_folder": Format(
        "conceptatlas.datasets.class_folder:ClassFolderReader", files=("names", "labels", "train", "val")
    ),
    "coco_instances": Format("conceptatlas.datasets.coco_instances:CocoInstancesReader"),
    "coco_keypoints": Format("conceptatlas.datasets.coco_keypoints:CocoKeypointsReader"),
    "coco_panoptic": Format("conceptatlas.datasets.coco_panoptic:CocoPanopticReader"),
    COMPOSITE: Format("conceptatlas.datasets.composite:CompositeReader", files=("synonyms", "materials"), scans=True),
    "demo": Format("conceptatlas.datasets.demo:DemoReader"),
    "image_folder": Format(
        "conceptatlas.datasets.image_folder:ImageFolderReader", files=("names",), tables=("names.tsv",)
    ),
    "pascal_part": Format("conceptatlas.datasets.pascal_part:PascalPartReader", files=("train", "val"), scans=True),
    SYNTHETIC: Format("conceptatlas.datasets.synthetic:SyntheticReader", scans=True),
    USER: Format("conceptatlas.datasets.user:open_reader", scans=True),
}

ROW_FIELDS = ("path", "annotations", "n_images", "frame_size", "seed")
"""Cells of the row that a reader receives under these names if its constructor asks for them."""


def format_of(row: Mapping[str, Any]) -> Format:
    """The format of a row of datasets.tsv.

    Raises
    ------
    ValueError
        for an unknown format, with the nearest known ones.
    """
    name = str(row.get("format", ""))
    if name not in FORMATS:
        raise unknown("format", name, FORMATS, where=f"data set {row.get('dataset', '?')}")
    return FORMATS[name]


def format_modules(row: Mapping[str, Any]) -> list[str]:
    """The dotted modules that read a row: what code digests follow besides this index."""
    modules = {format_of(row).module}
    for member in members_of(row):
        modules.update(format_modules(member))
    return sorted(modules)


def members_of(row: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The rows of the data sets that a composite row joins, or a synthetic one cuts up, as written; else none."""
    if row.get("format") not in (COMPOSITE, SYNTHETIC):
        return []
    return read_members(str(row.get("annotations", "")), of=dict(row))


def named_files(row: Mapping[str, Any]) -> Iterator[str]:
    """Files whose content decides about the labels of a row (its variables filled in): what params track.

    Annotation files, tables in their folders, option files, the file of a reader of the user's own; of a composite also
    those of its members.
    """
    annotations = split_cell(str(row.get("annotations", "")))
    yield from annotations
    folders = annotations or [str(row.get("path", ""))]
    yield from (f"{folder}/{table}" for folder in folders for table in format_of(row).tables)
    options = _options(row)
    yield from (str(options[key]) for key in format_of(row).files if options.get(key))
    if row.get("format") == USER:
        yield plugin_file(str(options.get("reader", "")))
    for member in members_of(row):
        yield from named_files(expand_row(member))


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
    module, _, attribute = format_of(row).entry.partition(":")
    reader: Any = getattr(importlib.import_module(module), attribute)
    parameters = inspect.signature(reader).parameters
    own_options = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values())
    fields = _fields(row, study_seed)
    given = {field: value for field, value in fields.items() if own_options or field in parameters}
    options = _options(row)
    if not own_options:
        _check_options(row, options, known=[key for key in parameters if key not in ROW_FIELDS])
    opened: Reader = reader(**given, **options)
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


def _options(row: Mapping[str, Any]) -> dict[str, Any]:
    options = row.get("options") or {}
    return dict(parse_options(options) if isinstance(options, str) else options)


def _check_options(row: Mapping[str, Any], options: Mapping[str, Any], *, known: list[str]) -> None:
    for key in options:
        if key not in known:
            where = f"the options of data set {row.get('dataset', '?')} (format {row['format']})"
            raise unknown("option", str(key), known, where=where)
