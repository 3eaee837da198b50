"""The sheet of a data set that is made of others. Read while Snakemake parses, so nothing heavy is imported."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from conceptatlas.naming import check_name, unknown
from conceptatlas.sheets import expand_row, plain_row, read_sheet

MEMBER_COLUMNS = ("dataset", "format", "path", "annotations", "n_images", "split", "options")
"""Columns of the sheet of members: those of datasets.tsv that say what a data set holds; how pictures become frames is
the composite's."""


def read_members(path: str | Path, *, of: dict[str, Any]) -> list[dict[str, Any]]:
    """The rows of a sheet of members, as written.

    path : the composite's cell `annotations`; may hold ``$VARIABLES``. of : the composite's row, for errors.

    Raises
    ------
    ValueError
        for what `sheets.read_sheet` refuses, an unknown column, a name that may not become part of a path, a member of
        the same format, and a sheet without members.
    """
    where = f"data set {of.get('dataset', '?')}"
    if not str(path):
        kind = of.get("format", "composite")
        raise ValueError(f"{where}: the column annotations of a {kind} names the sheet of its members")
    file = Path(expand_row({"path": str(path)})["path"])
    rows = read_sheet(file, key=("dataset",))
    if not rows:
        raise ValueError(f"{where}: {file} lists no data sets")
    members = []
    for row in rows:
        for column in row:
            if column not in MEMBER_COLUMNS:
                raise unknown("column", column, MEMBER_COLUMNS, where=str(file))
        check_name(row["dataset"], kind=f"{file}: data set")
        if row.get("format") == of.get("format"):
            raise ValueError(f"{file}: {row['dataset']} is a {row['format']} itself; list its members here instead")
        members.append({column: plain_row(row).get(column, "") for column in MEMBER_COLUMNS})
    return members
