"""Pairs of pooled features: intervals that mean what they say, chance, and sides that may be exchanged."""

from __future__ import annotations

import numpy as np
import pytest

from conceptatlas.similarity.geometry_file import Geometry
from conceptatlas.similarity.hsic import gram_triangles
from conceptatlas.similarity.pooled import Layer, compare_pooled
from conceptatlas.similarity.procrustes import centred, coordinates
from conceptatlas.similarity.rsa import constant_images, rank_triangles
from conceptatlas.similarity.setting import Comparing

MEASURES = ("cka", "rsa", "procrustes", "regression")
RNG = np.random.default_rng(0)
FIRST, SECOND = RNG.normal(size=(8, 20)), RNG.normal(size=(8, 30))


def geometry(name, features, *, measures=MEASURES):
    """The geometry of a layer in one batch, without a file."""
    n = len(features)
    features = features.astype(np.float32)
    images = [np.arange(n)]
    return Geometry(
        "", "d", "m", name, "", measures, features.shape[1], 1e-3, np.arange(n), np.zeros(n, dtype=np.int32),
        gram_triangles(centred(features), images), rank_triangles(features, images), constant_images(features),
        coordinates(features), np.arange(n), (np.arange(n) % 5).astype(np.int8),
    )  # fmt: skip


def compare(x, y, *, n_permutations=0, seed=0, names=("m/a", "m/b"), measures=MEASURES):
    n = len(x)
    blocks = np.random.default_rng(seed).integers(0, 32, n)
    comparing = Comparing(blocks, np.zeros(n, dtype=np.int64), n_permutations, 200, 0.95, seed)
    sides = [
        Layer(name, geometry(name, z, measures=measures), comparing) for name, z in zip(names, (x, y), strict=True)
    ]
    return {row.measure: row for row in compare_pooled(*sides, comparing)}


def related(n, seed):
    """Two layers that see the same 8 things, and noise of their own."""
    rng = np.random.default_rng(seed)
    seen = rng.normal(size=(n, 8))
    return seen @ FIRST + 2 * rng.normal(size=(n, 20)), seen @ SECOND + 3 * rng.normal(size=(n, 30))


def test_intervals_of_cka_cover_what_many_images_give():
    truth = compare(*related(1500, 999), measures=("cka",))["cka"].value
    rows = [compare(*related(200, seed), seed=seed, measures=("cka",))["cka"] for seed in range(40)]
    assert np.mean([row.low <= truth <= row.high for row in rows]) >= 0.8
    width, spread = np.mean([row.high - row.low for row in rows]) / 3.92, np.std([row.value for row in rows])
    assert 0.6 < width / spread < 1.6


def test_intervals_are_as_wide_as_the_values_scatter():
    found = {}
    for seed in range(30):
        for name, row in compare(*related(120, seed), seed=seed).items():
            found.setdefault(name, []).append((row.value, row.high - row.low))
    for name, pairs in found.items():
        values, widths = np.array(pairs).T
        assert 0.5 < widths.mean() / 3.92 / values.std() < 1.8, name


def test_intervals_of_independent_layers_hold_zero():
    covered = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        row = compare(rng.normal(size=(100, 30)), rng.normal(size=(100, 30)), seed=seed, measures=("cka",))["cka"]
        covered.append(row.low <= 0 <= row.high)
    assert np.mean(covered) >= 0.8


def test_p_is_level_under_chance_and_small_for_a_match():
    small = dict.fromkeys(("cka", "rsa", "procrustes", "regression_ab", "regression_ba"), 0)
    for seed in range(40):
        rng = np.random.default_rng(seed)
        noise = rng.normal(size=(40, 6)), rng.normal(size=(40, 6))
        for name, row in compare(*noise, n_permutations=19, seed=seed).items():
            small[name] += row.p <= 0.1
    for name, n in small.items():
        assert n <= 11, name  # 4 expected of 40
    for name, row in compare(*related(80, 1), n_permutations=19).items():
        assert row.p == pytest.approx(0.05), name


def test_sides_may_be_exchanged():
    x, y = related(60, 3)
    here, there = compare(x, y, n_permutations=9), compare(y, x, n_permutations=9, names=("m/b", "m/a"))
    for name, row in here.items():
        other = there[{"regression_ab": "regression_ba", "regression_ba": "regression_ab"}.get(name, name)]
        np.testing.assert_allclose(row[2:8], other[2:8], atol=1e-9)


def test_only_measures_that_both_hold():
    x, y = related(30, 0)
    assert set(compare(x, y, measures=("rsa", "regression"))) == {"rsa", "regression_ab", "regression_ba"}
