"""Result tables: Parquet files whose columns carry their own definition.

Every number in a table is a claim, so a column without a definition is refused. Readers find the definition in the
field metadata of the Parquet schema (`read_definitions`), the atlas and the docs print it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from conceptatlas.files import atomic_path


class Column(NamedTuple):
    """A column of a result table: its name, what the number means, and its unit (empty for names and ratios)."""

    name: str
    definition: str
    unit: str = ""


PLACE = [Column("dataset", "data set"), Column("model", "model"), Column("layer", "layer")]
"""The first columns of every table about a layer."""


def write_table(
    path: str | Path, frame: pd.DataFrame, *, columns: list[Column], rows_per_group: int | None = None
) -> None:
    """Write `frame` atomically with the definitions of its columns.

    rows_per_group : how many rows `read_rows` can read at a time; default Parquet's own.

    Raises
    ------
    ValueError
        if the columns of `frame` are not exactly those defined, in that order.
    """
    names = [column.name for column in columns]
    if list(frame.columns) != names:
        missing = [name for name in names if name not in frame.columns]
        extra = [name for name in frame.columns if name not in names]
        raise ValueError(f"{path}: columns do not match their definitions; missing {missing}, undefined {extra}")
    table = pa.Table.from_pandas(frame, preserve_index=False)
    fields = [
        table.schema.field(i).with_metadata({"definition": column.definition, "unit": column.unit})
        for i, column in enumerate(columns)
    ]
    schema = pa.schema(fields)  # without the pandas metadata: it holds the writer's library versions
    with atomic_path(path) as part:
        pq.write_table(table.cast(schema), part, compression="zstd", row_group_size=rows_per_group)


def read_table(path: str | Path, *, columns: list[str] | None = None) -> pd.DataFrame:
    """Read a Parquet table; a file that does not open raises ValueError with its name."""
    try:
        frame: pd.DataFrame = pq.read_table(path, columns=columns).to_pandas()
    except (pa.ArrowInvalid, OSError) as error:
        if not Path(path).exists():
            raise
        raise ValueError(f"{path}: not a readable Parquet table ({error}); delete it and run again") from None
    return frame


def n_rows(path: str | Path) -> int:
    """Number of rows of a Parquet table, without reading them."""
    return int(pq.read_metadata(path).num_rows)


def read_rows(
    path: str | Path, *, start: int = 0, stop: int | None = None, columns: list[str] | None = None
) -> pd.DataFrame:
    """The rows start .. stop-1 of a Parquet table; only the row groups that hold them are read."""
    try:
        with pq.ParquetFile(path) as file:
            counts = [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)]
            bounds = np.cumsum([0, *counts])
            stop = int(bounds[-1]) if stop is None else min(stop, int(bounds[-1]))
            groups = [i for i in range(len(counts)) if bounds[i] < stop and bounds[i + 1] > start]
            first = int(bounds[groups[0]]) if groups else 0
            table = file.read_row_groups(groups, columns=columns)
    except (pa.ArrowInvalid, OSError) as error:
        if not Path(path).exists():
            raise
        raise ValueError(f"{path}: not a readable Parquet table ({error}); delete it and run again") from None
    frame: pd.DataFrame = table.slice(start - first, max(0, stop - start)).to_pandas() if groups else table.to_pandas()
    return frame


def read_definitions(path: str | Path) -> list[Column]:
    """The columns of a table with their definitions."""
    columns = []
    for field in pq.read_schema(path):
        metadata: dict[bytes, bytes] = field.metadata or {}
        columns.append(
            Column(field.name, metadata.get(b"definition", b"").decode(), metadata.get(b"unit", b"").decode())
        )
    return columns


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of a frame as dictionaries with plain string keys."""
    return [{str(key): value for key, value in row.items()} for row in frame.to_dict(orient="records")]
