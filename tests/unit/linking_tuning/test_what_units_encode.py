"""Map, clusters and label pairs: planted groups are found, degenerate input is told."""

from __future__ import annotations

import numpy as np
import pytest

from conceptatlas.linking.encoding import label_correlations, scaled, strongest, tsne_map, ward_clusters


def planted(n=12, seed=0):
    """Three groups of units that change one of three labels each."""
    rng = np.random.default_rng(seed)
    group = np.arange(n) % 3
    return 0.02 * rng.normal(size=(n, 3)) + np.eye(3)[group], group


def test_planted_groups_are_clusters_and_neighbours():
    vectors, group = planted(30)
    clusters = ward_clusters(scaled(vectors), cut=0.3)
    assert len(set(clusters)) == 3
    assert all(len(set(clusters[group == each])) == 1 for each in range(3))
    places = tsne_map(scaled(vectors), perplexity=30, seed=0)
    apart = np.linalg.norm(places[:, None] - places[None], axis=2)
    np.fill_diagonal(apart, np.inf)
    assert (group[apart.argmin(axis=1)] == group).all()
    np.testing.assert_array_equal(places, tsne_map(scaled(vectors), perplexity=30, seed=0))


def test_cut_and_degenerate_clusters():
    vectors, _ = planted()
    assert set(ward_clusters(vectors, cut=1.0)) == {1}
    assert len(set(ward_clusters(vectors, cut=0.0))) == 12
    assert ward_clusters(np.zeros((4, 2)), cut=0.3).tolist() == [1, 1, 1, 1]
    assert ward_clusters(np.zeros((1, 2)), cut=0.3).tolist() == [1]
    sizes = np.bincount(ward_clusters(planted(13)[0], cut=0.3))[1:]
    assert (np.diff(sizes) <= 0).all()  # largest first
    assert np.isnan(tsne_map(np.zeros((4, 2)), perplexity=3, seed=0)).all()


def test_a_map_of_one_label():
    places = tsne_map(np.linspace(-1, 1, 9)[:, None], perplexity=3, seed=0)
    assert np.isfinite(places).all()
    assert np.isfinite(tsne_map(np.zeros((6, 3)), perplexity=3, seed=0)).all()


def test_strongest_label():
    at, change = strongest(np.array([[0.1, -0.5], [np.nan, 0.2], [0, 0], [np.nan, np.nan]]))
    assert at.tolist() == [1, 1, -1, -1]
    assert change[:2].tolist() == [-0.5, 0.2]
    assert np.isnan(change[2:]).all()


def test_correlations_of_labels():
    rng = np.random.default_rng(0)
    x = rng.normal(size=60)
    vectors = np.column_stack([x, -2 * x, rng.normal(size=60), np.full(60, 3.0)])
    vectors[:5, 2] = np.nan
    found = label_correlations(vectors, n_permutations=99, n_draws=50, confidence=0.95, seed=0)
    assert found["r"][0, 1] == pytest.approx(-1)
    assert found["p"][0, 1] == 0.01
    assert abs(found["r"][0, 2]) < found["null_high"][0, 2] + 0.1
    assert found["n"][0, 2] == 55
    assert found["low"][0, 2] < found["r"][0, 2] < found["high"][0, 2]
    assert np.isnan(found["r"][0, 3])  # a label that never changes its change
    expected = np.corrcoef(vectors[5:, 0], vectors[5:, 2])[0, 1]
    assert found["r"][2, 0] == pytest.approx(expected)
