"""Tables whose columns have the same types with and without rows: a layer in which nothing was learned has none."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pyarrow as pa

from conceptatlas.tables import Column
from conceptatlas.typed_tables import frame_of

TYPES: dict[str, Any] = {
    "text": "str",
    "whole": "int64",
    "count": "Int64",  # whole numbers that may be missing
    "truth": "bool",
    "number": "float64",
    "texts": pd.ArrowDtype(pa.list_(pa.string())),
}


def typed_frame(columns: list[Column], rows: list[dict[str, Any]], types: dict[str, str]) -> pd.DataFrame:
    """A frame with exactly these columns, in that order.

    types : column -> text, whole, count (may be missing), truth or texts; a column that is not named is a number.
    """
    return frame_of(rows, columns, {name: TYPES[kind] for name, kind in types.items()})
