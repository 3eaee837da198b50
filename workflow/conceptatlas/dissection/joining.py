"""All layers of all models in one table."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from conceptatlas.dissection.counting import SUMMARY_COLUMNS
from conceptatlas.tables import read_table, write_table


def join_dissection(*, summaries: list[str], out: str | Path) -> None:
    """Concatenate the summaries of layers in the order given (the order of the sheets)."""
    tables = [read_table(path) for path in summaries]
    joined = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()
    write_table(out, joined[[column.name for column in SUMMARY_COLUMNS]], columns=SUMMARY_COLUMNS)
