"""Verdicts of all layers and models of a data set in one table."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from conceptatlas.axes.principal_tables import SUMMARY_COLUMNS
from conceptatlas.axes.principal_verdicts import verdict_counts
from conceptatlas.tables import read_table, write_table


def join_principal_directions(*, tables: list[str], out: str | Path) -> None:
    """Count the verdicts of every layer, in the order given (that of the sheets), and write them as one table."""
    counts = [verdict_counts(read_table(path)) for path in tables]
    write_table(out, pd.concat(counts, ignore_index=True), columns=SUMMARY_COLUMNS)
