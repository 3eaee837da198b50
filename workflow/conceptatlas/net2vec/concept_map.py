"""A map of the concepts of a layer: t-SNE and k-means of their unit-length weight vectors (Net2Vec, section 5.3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from conceptatlas.net2vec.relation_tables import MAP_COLUMNS
from conceptatlas.net2vec.space import Space
from conceptatlas.net2vec.typed import typed_frame
from conceptatlas.seeds import derive_seed

Array = np.ndarray[Any, Any]

MAP_TYPES = {
    **dict.fromkeys(("dataset", "model", "layer", "task", "concept", "category"), "text"),
    **dict.fromkeys(("concept_index", "cluster", "n_clusters", "seed"), "whole"),
    "small": "truth",
}

FEWEST = 5
"""Concepts below which there is no map: their table of cosines says all."""

STARTS = 10
"""Starts of k-means; the one with the smallest sum of squares is kept."""


@dataclass(frozen=True)
class ConceptMap:
    """xy : float64 (concept, 2). cluster : int64 (concept,), 0 the largest. perplexity, n_clusters : as used."""

    xy: Array
    cluster: Array
    perplexity: float
    n_clusters: int


def concept_map(
    vectors: Array, *, n_clusters: int, perplexity: float, seed: int, names: tuple[str, ...] = ()
) -> ConceptMap | None:  # fmt: skip
    """Draw concepts in the plane and put them into clusters; the same on every run and for any number of threads.

    vectors : (concept, unit), of length 1. n_clusters : asked for; at most half the concepts and as many as there are
    different vectors. perplexity : of t-SNE; at most (n - 1) / 3 for n concepts. names : of the space, for its seeds.

    Returns
    -------
    None for fewer than five concepts, one unit, or vectors that are all alike.
    """
    from sklearn.cluster import KMeans
    from sklearn.manifold import TSNE

    n = len(vectors)
    if n < FEWEST or vectors.shape[1] < 2:
        return None
    n_different = len(np.unique(vectors.round(9), axis=0))
    if n_different < 2:
        return None
    perplexity = min(float(perplexity), (n - 1) / 3)
    n_clusters = max(1, min(n_clusters, n // 2, n_different))
    with threadpool_limits(1):  # sums over threads depend on their number
        xy = TSNE(
            n_components=2,
            perplexity=perplexity,
            init="pca",
            learning_rate="auto",
            max_iter=1000,
            random_state=derive_seed(seed, "t-sne", *names) % 2**32,
        ).fit_transform(vectors)
        found = KMeans(
            n_clusters, init="k-means++", n_init=STARTS, random_state=derive_seed(seed, "k-means", *names) % 2**32
        ).fit(vectors)
    return ConceptMap(xy.astype(np.float64), largest_first(found.labels_), perplexity, n_clusters)


def largest_first(labels: Array) -> Array:
    """Number clusters by size, the largest 0; of equal ones the one that comes first in the list.

    >>> largest_first(np.array([7, 2, 2, 5, 5, 2])).tolist()
    [2, 0, 0, 1, 1, 0]
    """
    names, first, inverse, counts = np.unique(labels, return_index=True, return_inverse=True, return_counts=True)
    rank = np.empty(len(names), dtype=np.int64)
    rank[np.lexsort((first, -counts))] = np.arange(len(names))
    return rank[inverse]


def map_table(space: Space, *, n_clusters: int, perplexity: float, seed: int) -> pd.DataFrame:
    """The map of the members of a space; no rows where there is none."""
    members = np.flatnonzero(space.member)
    names = tuple(space.place[key] for key in ("dataset", "model", "layer", "task"))
    found = concept_map(space.unit[members, 0] if len(members) else np.zeros((0, 0)), n_clusters=n_clusters,
                        perplexity=perplexity, seed=seed, names=names)  # fmt: skip
    rows: list[dict[str, Any]] = []
    if found is not None:
        described = space.described
        rows = [
            described[member]
            | {
                "x": found.xy[at, 0],
                "y": found.xy[at, 1],
                "cluster": found.cluster[at],
                "n_clusters": found.n_clusters,
                "perplexity": found.perplexity,
                "seed": seed,
            }
            for at, member in enumerate(members)
        ]
    return typed_frame(MAP_COLUMNS, rows, MAP_TYPES)
