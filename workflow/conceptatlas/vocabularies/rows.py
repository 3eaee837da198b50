"""Cells of a row of vocabularies.tsv as values; standard library only, so rules can use it while Snakemake parses."""

from __future__ import annotations

from pathlib import Path

from conceptatlas.naming import unknown
from conceptatlas.outside import relocated
from conceptatlas.sheets import Row, parse_options

OPTIONS = {"underscores": ("keep", "spaces"), "dtype": ("float32", "float16")}
"""Options of a vocabulary -> allowed values, the default first."""


def vocabulary_options(row: Row) -> dict[str, str]:
    """The options of a row with defaults filled in; unknown keys and values raise ValueError with the nearest."""
    place = f"vocabulary {row.get('vocabulary', '?')!r}"
    try:
        given = parse_options(str(row.get("options", "") or ""))
    except ValueError as error:
        raise ValueError(f"{place}: {error}") from None
    for key, value in given.items():
        if key not in OPTIONS:
            raise unknown("option", key, OPTIONS, where=place)
        if value not in OPTIONS[key]:
            raise unknown(f"value of option {key}", value, OPTIONS[key], where=place)
    return {key: given.get(key, values[0]) for key, values in OPTIONS.items()}


def text_files(row: Row) -> list[Path]:
    """The text files of an (expanded) row in their order: one file, all of a folder, or what a pattern matches.

    Raises
    ------
    ValueError
        where there is none.
    """
    named, place = str(row.get("path", "")), f"vocabulary {row.get('vocabulary', '?')!r}"
    path = Path(named)
    if path.is_file():
        return [path]
    if path.is_dir():
        files = sorted(p for p in path.iterdir() if p.is_file() and not p.name.startswith("."))
    else:
        folder = next(p for p in path.parents if not any(sign in str(p) for sign in "*?["))
        pattern = str(path.relative_to(folder))
        files = sorted(p for p in folder.glob(pattern) if p.is_file()) if pattern != "." else []
    if not files:
        raise ValueError(
            f"{place}: {named!r} is no text file, no folder with files, and no pattern that matches any (relative to "
            "where the workflow runs)"
        )
    return files


def vector_files(row: Row) -> list[str]:
    """The file of precomputed vectors that a row names, if any."""
    named = str(row.get("vectors", "") or "")
    return [named] if named else []


def with_vectors_in(row: Row, folders: list[str]) -> Row:
    """The (expanded) row with its vectors in the folder they were brought to; as it is if `folders` is empty."""
    return relocated(row, vector_files(row), folders)
