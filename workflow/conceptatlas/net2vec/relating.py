"""The job that relates the concepts of a layer to its filters and to each other (Net2Vec, sections 4.2 and 5.3).

Nothing is learned here: weights and scores are those of the two tasks. A layer in which nothing was learned gives
tables without rows (filters.parquet: with a row a unit) rather than an error.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
from threadpoolctl import threadpool_limits

from conceptatlas.net2vec.arithmetic import arithmetic_table, read_expressions
from conceptatlas.net2vec.concept_map import map_table
from conceptatlas.net2vec.filters import BEST, filter_table
from conceptatlas.net2vec.neighbours import neighbour_table
from conceptatlas.net2vec.relation_tables import (
    ARITHMETIC_COLUMNS,
    FILTER_COLUMNS,
    MAP_COLUMNS,
    NEIGHBOUR_COLUMNS,
)
from conceptatlas.net2vec.space import read_space
from conceptatlas.tables import read_table, write_table


def relate_concepts(
    *,
    dataset: str,
    model: str,
    layer: str,
    tables: list[str],
    vectors: list[str],
    tasks: list[str],
    expressions: str | Path,
    filters: str | Path,
    neighbours: str | Path,
    arithmetic: str | Path,
    map: str | Path,
    options: dict[str, Any],
    seed: int,
) -> None:
    """Write how filters are shared, nearest concepts, arithmetic and the map of a layer, the tasks below each other.

    tables, vectors : parquet and h5 of the tasks, in the order of `tasks`. expressions : expressions.json of the data
    set. filters, neighbours, arithmetic, map : the tables to write. options : neighbours (how many), n_clusters,
    perplexity, include_small.

    Raises
    ------
    ValueError
        if the lists do not belong together or an expression names an unknown concept.
    """
    if not tasks or not len(tables) == len(vectors) == len(tasks):
        raise ValueError(
            f"{len(tables)} tables and {len(vectors)} files of vectors for {len(tasks)} tasks; expected one a task"
        )
    texts = read_expressions(expressions)
    include_small, n = bool(options["include_small"]), int(options["neighbours"])
    made: dict[str, list[pd.DataFrame]] = {"filters": [], "neighbours": [], "arithmetic": [], "map": []}
    with threadpool_limits(1):
        for task, table, path in zip(tasks, tables, vectors, strict=True):
            place = {"dataset": dataset, "model": model, "layer": layer, "task": task}
            space = read_space(table, path, place=place, include_small=include_small)
            columns = ["concept_index", "concept", "category", "small", "reason", *BEST[task]]
            made["filters"].append(
                filter_table(
                    read_table(table, columns=columns),
                    place=place,
                    n_units=space.unit.shape[2],
                    include_small=include_small,
                )
            )
            made["neighbours"].append(neighbour_table(space, n=n))
            made["arithmetic"].append(arithmetic_table(space, texts, n=n))
            made["map"].append(
                map_table(space, n_clusters=options["n_clusters"], perplexity=options["perplexity"], seed=seed)
            )
    for name, out, defined in (
        ("filters", filters, FILTER_COLUMNS),
        ("neighbours", neighbours, NEIGHBOUR_COLUMNS),
        ("arithmetic", arithmetic, ARITHMETIC_COLUMNS),
        ("map", map, MAP_COLUMNS),
    ):
        write_table(out, pd.concat(made[name], ignore_index=True), columns=defined)
