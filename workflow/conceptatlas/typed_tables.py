"""Rows to a frame whose columns have stated types, also where there is no row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from conceptatlas.tables import Column


def frame_of(rows: list[dict[str, Any]], columns: list[Column], types: Mapping[str, Any]) -> pd.DataFrame:
    """A frame of rows with exactly these columns; types : column -> dtype, those without one are float64."""
    return pd.DataFrame(
        {
            column.name: pd.Series([row[column.name] for row in rows], dtype=types.get(column.name, "float64"))
            for column in columns
        }
    )
