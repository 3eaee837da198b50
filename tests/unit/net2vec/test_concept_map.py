"""Planted clusters are found, the map is the same on every run, and few concepts have none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from conceptatlas.net2vec.concept_map import concept_map, largest_first, map_table
from conceptatlas.net2vec.vectors import unit_length
from tiny_net2vec import space_of

SIZES = (12, 7, 5)


def planted(n_units: int = 20, noise: float = 0.05) -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors around one axis a group, the groups mixed; and the group of each."""
    groups = np.random.default_rng(0).permutation(np.repeat(np.arange(3), SIZES))
    noisy = np.random.default_rng(1).normal(scale=noise, size=(len(groups), n_units))
    return unit_length(np.eye(n_units)[groups] + noisy), groups


def test_planted_clusters_are_recovered_largest_first() -> None:
    vectors, groups = planted()
    found = concept_map(vectors, n_clusters=3, perplexity=30, seed=0)
    assert found is not None
    assert found.cluster.tolist() == groups.tolist()  # group 0 is the largest, 2 the smallest
    assert np.bincount(found.cluster).tolist() == list(SIZES)


def test_neighbours_in_the_plane_are_of_one_group() -> None:
    vectors, groups = planted()
    found = concept_map(vectors, n_clusters=3, perplexity=5, seed=0)
    assert found is not None
    away = np.linalg.norm(found.xy[:, None] - found.xy[None], axis=2) + np.diag(np.full(len(groups), np.inf))
    assert (groups[away.argmin(axis=1)] == groups).all()


def test_the_same_on_every_run_and_for_any_number_of_threads() -> None:
    vectors, _ = planted()
    runs = []
    for limit in (1, 2):
        with threadpool_limits(limit):
            runs.append(concept_map(vectors, n_clusters=4, perplexity=30, seed=3, names=("a", "b")))
    first, second = runs
    assert first is not None
    assert second is not None
    assert (first.xy == second.xy).all()
    assert (first.cluster == second.cluster).all()


@pytest.mark.parametrize(("n", "perplexity"), [(5, 4 / 3), (24, 23 / 3)])
def test_perplexity_and_clusters_are_capped(n: int, perplexity: float) -> None:
    found = concept_map(planted()[0][:n], n_clusters=10, perplexity=30, seed=0)
    assert found is not None
    assert found.perplexity == pytest.approx(perplexity)
    assert found.n_clusters == min(10, n // 2)
    assert set(found.cluster) == set(range(found.n_clusters))


def test_a_small_perplexity_is_kept() -> None:
    found = concept_map(planted()[0], n_clusters=2, perplexity=4, seed=0)
    assert found is not None
    assert found.perplexity == 4


def test_where_there_is_no_map() -> None:
    vectors, _ = planted()
    options = {"n_clusters": 2, "perplexity": 30, "seed": 0}
    assert concept_map(vectors[:4], **options) is None
    assert concept_map(np.ones((9, 1)), **options) is None
    assert concept_map(np.tile(vectors[:1], (9, 1)), **options) is None


def test_fewer_different_vectors_than_clusters() -> None:
    found = concept_map(np.repeat(np.eye(4)[:2], (5, 7), axis=0), n_clusters=6, perplexity=30, seed=0)
    assert found is not None
    assert found.n_clusters == 2
    assert found.cluster.tolist() == [1] * 5 + [0] * 7


def test_numbers_of_clusters_by_hand() -> None:
    assert largest_first(np.array([1, 1, 0, 0, 2])).tolist() == [0, 0, 1, 1, 2]  # equal ones: first in the list
    assert largest_first(np.zeros(0, dtype=np.int64)).tolist() == []


def test_the_table_holds_the_members_of_the_space(tmp_path: Path) -> None:
    vectors, groups = planted()
    names = [f"c{i}" for i in range(len(groups))]
    n_train = np.full(len(groups), 50)
    n_train[:3] = 2
    table = map_table(space_of(tmp_path, names, vectors, n_train=n_train), n_clusters=3, perplexity=30, seed=7)
    assert table["concept"].tolist() == names[3:]
    assert not table["small"].any()
    assert set(table["n_clusters"]) == {3}
    assert set(table["seed"]) == {7}
    every = map_table(
        space_of(tmp_path, names, vectors, n_train=n_train, include_small=True), n_clusters=3, perplexity=30, seed=7
    )
    assert every["small"].tolist() == [True] * 3 + [False] * (len(names) - 3)


def test_too_few_concepts_give_an_empty_table(tmp_path: Path) -> None:
    table = map_table(space_of(tmp_path, list("abcd"), np.eye(4)), n_clusters=3, perplexity=30, seed=0)
    assert len(table) == 0
    assert table["x"].dtype == np.float64
    assert table["cluster"].dtype == np.int64
