"""Small made-up tables that relate concepts, layers and models, in the form that Net2Vec writes them."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from conceptatlas.net2vec.joining import summary_rows
from conceptatlas.net2vec.relation_tables import ARITHMETIC_COLUMNS, FILTER_COLUMNS, MAP_COLUMNS, NEIGHBOUR_COLUMNS
from conceptatlas.net2vec.summary_tables import (
    CONCEPT_DISTANCE_COLUMNS,
    DISTANCE_COLUMNS,
    SPACE_COLUMNS,
    SUMMARY_COLUMNS,
)
from conceptatlas.tables import Column

PLACE = {"dataset": "toy", "model": "net", "layer": "conv1"}


def filters_of(n_best: Sequence[int], *, task: str = "segmentation", n_concepts: int = 10) -> pd.DataFrame:
    """filters.parquet of one task: a row a unit."""
    return _table(
        FILTER_COLUMNS,
        [
            PLACE | {"task": task, "unit": unit, "n_best": n, "concepts": [], "categories": n, "n_concepts": n_concepts}
            for unit, n in enumerate(n_best)
        ],
    )


def neighbours_of(
    concepts: Mapping[str, str], *, task: str = "segmentation", n: int = 5, **columns: Any
) -> pd.DataFrame:
    """neighbours.parquet of one task: the next concepts of the list, cosines 0.9, 0.8 ...; sd 0.01, 0.02 ..."""
    names = list(concepts)
    rows = []
    for index, (concept, category) in enumerate(concepts.items()):
        for rank in range(1, min(n, len(names) - 1) + 1):
            rows.append(
                PLACE
                | {"task": task, "concept_index": index, "concept": concept, "category": category, "small": False}
                | {"rank": rank, "neighbour": names[(index + rank) % len(names)], "cosine": 1 - rank / 10}
                | {"cosine_sd": rank / 100, "above": 0.9, "n_concepts": len(names)}
                | columns
            )
    return _table(NEIGHBOUR_COLUMNS, rows)


def arithmetic_of(expressions: Mapping[str, Sequence[str] | str], *, task: str = "segmentation") -> pd.DataFrame:
    """arithmetic.parquet of one task: expression -> concepts found, or the reason why there is none."""
    rows = []
    for expression, found in expressions.items():
        start = PLACE | {"task": task, "expression": expression, "n_concepts": 20}
        if isinstance(found, str):
            nothing = {
                "reason": found,
                "rank": 0,
                "concept": "",
                "cosine": np.nan,
                "cosine_sd": np.nan,
                "above": np.nan,
            }
            rows.append(start | nothing)
            continue
        for rank, concept in enumerate(found, start=1):
            values = {"rank": rank, "cosine": 0.8 - rank / 10, "cosine_sd": np.nan, "above": 0.9}
            rows.append(start | {"reason": "", "concept": concept} | values)
    return _table(ARITHMETIC_COLUMNS, rows)


def map_of(
    concepts: Mapping[str, str], *, task: str = "segmentation", n_clusters: int = 2, **columns: Any
) -> pd.DataFrame:
    """map.parquet of one task: concepts on a circle."""
    rows = []
    for index, (concept, category) in enumerate(concepts.items()):
        turn = 2 * np.pi * index / len(concepts)
        rows.append(
            PLACE
            | {"task": task, "concept_index": index, "concept": concept, "category": category, "small": False}
            | {"x": np.cos(turn), "y": np.sin(turn), "cluster": index % n_clusters, "n_clusters": n_clusters}
            | {"perplexity": 5.0, "seed": 3}
            | columns
        )
    return _table(MAP_COLUMNS, rows)


def summary_of(
    tables: Mapping[tuple[str, str, str], pd.DataFrame], *, supervision: Mapping[str, str] | None = None,
    include_small: bool = False, n_units: int = 8,
) -> pd.DataFrame:  # fmt: skip
    """summary.parquet as the join writes it: (model, layer, task) -> table of the concepts."""
    rows = []
    for (model, layer, task), table in tables.items():
        filters = filters_of([1] * n_units, task=task)
        for row in summary_rows(table, filters, task=task, include_small=include_small, confidence=0.95):
            place = {"dataset": "toy", "model": model, "layer": layer, "task": task}
            rows.append(place | {"supervision": (supervision or {}).get(model, "")} | row)
    return _table(SUMMARY_COLUMNS, rows)


def spaces_of(
    places: Sequence[tuple[str, str, str]], *, words: Sequence[str] = (), n_concepts: int = 12
) -> pd.DataFrame:
    """spaces.parquet: (model, layer, task) of the learned spaces, then word spaces."""
    rows: list[dict[str, Any]] = [
        {"space": f"{model}/{layer}/{task}", "model": model, "layer": layer, "task": task}
        for model, layer, task in places
    ]
    rows += [{"space": name, "model": "", "layer": "", "task": "words"} for name in words]
    counts = {"n_vectors": n_concepts, "n_shared": n_concepts, "n_shared_without": n_concepts, "missing": []}
    return _table(SPACE_COLUMNS, [{"dataset": "toy"} | row | counts for row in rows])


def distances_of(spaces: pd.DataFrame, *, reason: str = "", n_permutations: int = 19) -> pd.DataFrame:
    """distances.parquet: a pair of the spaces i < j has D / C^2 = (i + 1) (j + 1) / 100; p is 0.05 for even i + j."""
    rows = []
    names = spaces[["space", "model", "layer", "task"]].to_dict(orient="records")
    n = int(spaces["n_shared"].max()) if len(spaces) else 0
    for (i, a), (j, b) in itertools.combinations(enumerate(names), 2):
        value = np.nan if reason else (i + 1) * (j + 1) / 100
        rows.append(
            {"dataset": "toy", "n_concepts": n, "distance": value * n**2, "mean_square": value, "reason": reason}
            | {f"{key}_a": text for key, text in a.items()}
            | {f"{key}_b": text for key, text in b.items()}
            | {"standard_error": 0.01, "correlation": 0.3, "null_mean": 0.5, "null_low": 0.4}
            | {"p": 0.05 if (i + j) % 2 == 0 else 0.4, "n_permutations": n_permutations}
        )
    return _table(DISTANCE_COLUMNS, rows)


def concept_distances_of(spaces: pd.DataFrame, concepts: Mapping[str, str]) -> pd.DataFrame:
    """concept_distances.parquet: of the pair i < j the c-th concept has distance i + j + c."""
    rows = []
    for (i, a), (j, b) in itertools.combinations(enumerate(spaces["space"]), 2):
        for c, (concept, category) in enumerate(concepts.items()):
            row = {"dataset": "toy", "space_a": a, "space_b": b, "concept": concept, "category": category}
            rows.append(row | {"distance": float(i + j + c)})
    return _table(CONCEPT_DISTANCE_COLUMNS, rows)


def _table(columns: list[Column], rows: list[dict[str, Any]]) -> pd.DataFrame:
    names = [column.name for column in columns]
    return pd.DataFrame([{name: row[name] for name in names} for row in rows], columns=names)
