"""The job that compares spaces of concepts: layers, models, tasks and word spaces (Net2Vec, section 5.3, figure 10).

Spaces are compared on the concepts that all of them hold, so that every distance is over the same concepts. Memory:
12 S C^2 bytes for S spaces that share C concepts (48 spaces, 501 concepts: 145 MB), 64 MB, and the tables.
"""

from __future__ import annotations

import itertools
import logging
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from conceptatlas.net2vec.space import read_space
from conceptatlas.net2vec.space_distance import (
    MINIMUM_CONCEPTS,
    cosines,
    distance,
    null_distances,
    pairs_of,
    permutations,
    rank_correlation,
    scaled_ranks,
)
from conceptatlas.net2vec.summary_tables import CONCEPT_DISTANCE_COLUMNS, DISTANCE_COLUMNS, SPACE_COLUMNS
from conceptatlas.net2vec.typed import TYPES, typed_frame
from conceptatlas.net2vec.vectors import unit_length
from conceptatlas.tables import read_table, write_table

logger = logging.getLogger(__name__)

Array = np.ndarray[Any, Any]

WORDS = "words"
N_NAMED = 20
NULL_LOW = 5
"""Per cent of the null's distances below its `null_low`."""

SIDES = ("space", "model", "layer", "task")
DISTANCE_TYPES = {
    **{f"{column}_{side}": "text" for side in "ab" for column in SIDES},
    "dataset": "text",
    "n_concepts": "whole",
    "n_permutations": "whole",
    "reason": "text",
}
NUMBERS = ("distance", "mean_square", "standard_error", "correlation", "null_mean", "null_low", "p")
SPACE_TYPES = {
    **dict.fromkeys(("dataset", *SIDES), "text"),
    **dict.fromkeys(("n_vectors", "n_shared", "n_shared_without"), "whole"),
    "missing": "texts",
}


class Embedding(NamedTuple):
    """A space: its name, where it is from, and a unit-length vector a concept.

    concept_index : int64 (concept,), increasing. unit : float64 (concept, dimension).
    """

    space: str
    model: str
    layer: str
    task: str
    concept_index: Array
    unit: Array


def compare_embeddings(
    *,
    dataset: str,
    concepts: str | Path,
    tables: list[str],
    vectors: list[str],
    words: str | Path,
    places: list[list[str]],
    spaces: str | Path,
    distances: str | Path,
    concept_distances: str | Path,
    options: dict[str, Any],
    seed: int,
) -> None:
    """Distances between all pairs of spaces of a data set, over all concepts and by concept.

    concepts : concepts.parquet. tables, vectors : parquet and h5 of every (model, layer, task) in `places`, in its
    order. words : words.h5. spaces, distances, concept_distances : the tables to write. options : include_small,
    n_permutations.

    Fewer than three shared concepts give rows with a reason; `spaces` says which space lacks which concepts.

    Raises
    ------
    ValueError
        if the lists do not belong together or two spaces have one name.
    """
    if not len(tables) == len(vectors) == len(places):
        raise ValueError(f"{len(tables)} tables and {len(vectors)} files of vectors for {len(places)} places")
    rows = read_table(concepts, columns=["concept_index", "name", "primary_category"]).sort_values("concept_index")
    rows = rows.set_index("concept_index")
    learned = [
        read_learned(dataset, place, table, path, include_small=bool(options["include_small"]))
        for place, table, path in zip(places, tables, vectors, strict=True)
    ]
    embeddings = [*learned, *read_words(words)]
    names = [embedding.space for embedding in embeddings]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"several embedding spaces are called {twice[0]!r}; names must differ")
    holds = np.array([np.isin(rows.index, e.concept_index) for e in embeddings], dtype=bool).reshape(-1, len(rows))
    write_table(spaces, _spaces(dataset, embeddings, holds, rows), columns=SPACE_COLUMNS)
    in_all = holds.all(axis=0) if embeddings else np.zeros(len(rows), dtype=bool)
    shared = rows.iloc[np.flatnonzero(in_all)]
    with threadpool_limits(1):
        of_pairs, of_concepts = _compare(
            dataset, embeddings, shared, n_permutations=int(options["n_permutations"]), seed=seed
        )
    write_table(distances, of_pairs, columns=DISTANCE_COLUMNS)
    write_table(concept_distances, of_concepts, columns=CONCEPT_DISTANCE_COLUMNS)


def read_learned(
    dataset: str, place: list[str], table: str | Path, vectors: str | Path, *, include_small: bool
) -> Embedding:
    """The space of a (model, layer, task): learned concepts, small ones left out unless asked; first initialisation."""
    model, layer, task = place
    read = read_space(
        table,
        vectors,
        place={"dataset": dataset, "model": model, "layer": layer, "task": task},
        include_small=include_small,
    )
    return Embedding(
        f"{model}/{layer}/{task}", model, layer, task, read.concept_index[read.member], read.unit[read.member, 0]
    )


def read_words(path: str | Path) -> list[Embedding]:
    """The word spaces of words.h5 in the order of the config; concepts whose vector is all zero are left out."""
    found: list[tuple[int, Embedding]] = []
    with h5py.File(path, "r") as file:
        for name, group in file.items():
            unit = unit_length(group["vectors"][()])
            directed = ~np.isnan(unit).any(axis=1)
            embedding = Embedding(name, "", "", WORDS, group["concept_index"][()][directed], unit[directed])
            found.append((int(group.attrs["position"]), embedding))
    return [embedding for _, embedding in sorted(found, key=lambda each: each[0])]


def _spaces(dataset: str, embeddings: list[Embedding], holds: Array, rows: pd.DataFrame) -> pd.DataFrame:
    """A row a space. holds : bool (space, concept). rows : concepts."""
    names = rows["name"].to_numpy(dtype=object)
    lacking = (~holds).sum(axis=0)
    listed: list[dict[str, Any]] = []
    for embedding, held in zip(embeddings, holds, strict=True):
        missing = np.flatnonzero(~held)
        missing = missing[np.argsort(lacking[missing], kind="stable")]
        listed.append(
            {"dataset": dataset, **_place(embedding), "n_vectors": int(held.sum()),
             "n_shared": int((lacking == 0).sum()), "n_shared_without": int((lacking - ~held == 0).sum()),
             "missing": [str(name) for name in names[missing[:N_NAMED]]]}
        )  # fmt: skip
    return typed_frame(SPACE_COLUMNS, listed, SPACE_TYPES)


def _compare(
    dataset: str, embeddings: list[Embedding], shared: pd.DataFrame, *, n_permutations: int, seed: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Distances of all pairs, and by concept. shared : the concepts that all spaces hold, by concept_index."""
    n = len(shared)
    index = shared.index.to_numpy(dtype=np.int64)
    pairs = list(itertools.combinations(range(len(embeddings)), 2))
    by_concept: list[Array] = []
    measured: list[dict[str, Any]] = []
    if n >= MINIMUM_CONCEPTS and pairs:
        grams = [cosines(e.unit[np.searchsorted(e.concept_index, index)]) for e in embeddings]
        nulls = _nulls([e.space for e in embeddings], grams, n_permutations=n_permutations, seed=seed)
        ranks = [scaled_ranks(pairs_of(gram)) for gram in grams]
        for a, b in pairs:
            between = distance(grams[a], grams[b])
            by_concept.append(between.by_concept)
            numbers = between._asdict() | {"correlation": rank_correlation(ranks[a], ranks[b])} | nulls[a, b]
            del numbers["by_concept"]
            measured.append(numbers)
    elif pairs:
        reason = (
            f"{n} concept{'s' * (n != 1)} in all {len(embeddings)} spaces, at least {MINIMUM_CONCEPTS} are needed: "
            "see `missing` in spaces.parquet"
        )
        logger.warning("data set %s: %s", dataset, reason)
        measured = [dict.fromkeys(NUMBERS, np.nan) | {"reason": reason}] * len(pairs)
    settings = {"dataset": dataset, "n_concepts": n, "n_permutations": n_permutations, "reason": ""}
    listed = [
        settings | _place(embeddings[a], "_a") | _place(embeddings[b], "_b") | numbers
        for (a, b), numbers in zip(pairs, measured, strict=True)
    ]
    of_concepts = _of_concepts(dataset, embeddings, pairs if by_concept else [], shared, by_concept)
    return typed_frame(DISTANCE_COLUMNS, listed, DISTANCE_TYPES), of_concepts


def _nulls(
    names: list[str], grams: list[Array], *, n_permutations: int, seed: int
) -> dict[tuple[int, int], dict[str, float]]:
    """p and the null of mean_square of every pair of spaces a < b.

    Of two spaces the one whose name sorts last is permuted, by permutations seeded by its name: neither the order nor
    the number of the spaces matters.
    """
    n = len(grams[0])
    order = sorted(range(len(names)), key=lambda at: names[at])
    firsts = np.stack([pairs_of(grams[at]) for at in order])
    found: dict[tuple[int, int], dict[str, float]] = {}
    for k, last in enumerate(order[1:], start=1):
        drawn = permutations(names[last], n_concepts=n, n_permutations=n_permutations, seed=seed)
        null = null_distances(firsts[:k], grams[last], drawn)
        for first, distances, p in zip(order[:k], null.distances / n**2, null.p, strict=True):
            there = len(distances) > 0
            found[min(first, last), max(first, last)] = {
                "null_mean": float(distances.mean()) if there else np.nan,
                "null_low": float(np.percentile(distances, NULL_LOW)) if there else np.nan,
                "p": float(p),
            }
    return found


def _of_concepts(
    dataset: str,
    embeddings: list[Embedding],
    pairs: list[tuple[int, int]],
    shared: pd.DataFrame,
    by_concept: list[Array],
) -> pd.DataFrame:
    """A row a pair and concept."""
    n, first, second = len(shared), [embeddings[a].space for a, _ in pairs], [embeddings[b].space for _, b in pairs]
    text: dict[str, Any] = {
        "dataset": np.repeat(np.array([dataset], dtype=object), len(pairs) * n),
        "space_a": np.repeat(np.array(first, dtype=object), n),
        "space_b": np.repeat(np.array(second, dtype=object), n),
        "concept": np.tile(shared["name"].to_numpy(dtype=object), len(pairs)),
        "category": np.tile(shared["primary_category"].to_numpy(dtype=object), len(pairs)),
    }
    columns: dict[str, Any] = {name: pd.Series(values, dtype=TYPES["text"]) for name, values in text.items()}
    return pd.DataFrame(columns | {"distance": np.concatenate([np.zeros(0), *by_concept])})


def _place(embedding: Embedding, suffix: str = "") -> dict[str, str]:
    return {f"{column}{suffix}": getattr(embedding, column) for column in SIDES}
