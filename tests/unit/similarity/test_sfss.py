"""Correlations of cosine profiles: by hand, against slow twins, and what must not change them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.stats import spearmanr

from conceptatlas.files import text_digest
from conceptatlas.similarity.pair_tables import PAIR_COLUMNS
from conceptatlas.similarity.profile_files import ConceptProfiles
from conceptatlas.similarity.setting import Comparing, Measured
from conceptatlas.similarity.sfss import (
    correlate,
    correlation,
    make_draws,
    make_part,
    make_side,
    percentiles,
)
from conceptatlas.similarity.sfss_pairs import PairSfss, compare_profiles
from conceptatlas.similarity.sfss_rows import concept_rows
from conceptatlas.similarity.sfss_tables import SFSS_COLUMNS
from tiny_profiles import by_measure

Array = np.ndarray[Any, Any]

N = 200
BLOCKS = np.random.default_rng(5).integers(0, 32, N)
SOURCES = np.arange(N) % 3
COMPARING = Comparing(BLOCKS, SOURCES, n_permutations=99, n_bootstrap=200, confidence=0.95, seed=0)


def layer(cosines: Array, name: str = "l", *, recognised: Any = True, present: Array | None = None) -> ConceptProfiles:
    """A layer with a row of cosines a concept; every image is in every concept's balanced set."""
    n = len(cosines)
    holds = np.arange(N) % 2 == 0 if present is None else present
    return ConceptProfiles(
        f"{name}.h5", "d", "m", name, text_digest(*map(str, range(N))), np.arange(n), [f"c{i}" for i in range(n)],
        ["object"] * n, np.broadcast_to(np.asarray(recognised, dtype=bool), n).copy(), np.arange(N), cosines,
        np.ones((n, N), dtype=bool), np.broadcast_to(holds, (n, N)).copy(),
    )  # fmt: skip


def sfss(
    *layers: ConceptProfiles, comparing: Comparing = COMPARING, correlation: str = "pearson", min_images: int = 15
) -> PairSfss:
    return compare_profiles(list(layers), [(0, 1)], comparing, correlation=correlation, min_images=min_images)[0]


def scores(*layers: ConceptProfiles, **options: Any) -> dict[str, Measured]:
    return by_measure(sfss(*layers, **options))


def profiles(n_concepts: int = 4, *, seed: int = 0) -> Array:
    return np.random.default_rng(seed).uniform(-0.2, 0.9, size=(n_concepts, N))


# One concept ------------------------------------------------------------------------------------------------------


def test_correlations_are_those_of_the_libraries() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=50), rng.integers(0, 6, 50) / 6  # ties
    assert correlation(a, b) == pytest.approx(np.corrcoef(a, b)[0, 1], abs=1e-12)
    assert correlation(a, b, "spearman") == pytest.approx(spearmanr(a, b).statistic, abs=1e-12)


def test_a_profile_against_itself_and_its_opposite() -> None:
    a = profiles(1)[0]
    for kind in ("pearson", "spearman"):
        assert correlation(a, a, kind) == pytest.approx(1, abs=1e-12)
        assert correlation(a, -3 * a + 7, kind) == pytest.approx(-1, abs=1e-12)
    assert correlation(a, np.exp(a), "spearman") == pytest.approx(1, abs=1e-12)
    assert correlation(a, np.exp(a)) < 0.999


def test_a_constant_profile_has_no_correlation() -> None:
    a = profiles(1)[0]
    assert np.isnan(correlation(a, np.full(N, 0.7)))
    assert np.isnan(correlation(a, 1 - 1e-16 * np.arange(N) * (np.arange(N) % 2)))  # what rounding leaves of cos = 1
    assert np.isnan(correlation(a[:1], a[:1]))


@pytest.mark.parametrize("kind", ["pearson", "spearman"])
def test_resampled_blocks_equal_repeated_images(kind: str) -> None:
    a, b = profiles(2)
    b = b + a
    draws = make_draws(np.arange(N), replace(COMPARING, n_bootstrap=20))
    images = np.flatnonzero(np.arange(N) % 5 < 3)
    part = make_part(images, draws)
    found = correlate(make_side(a, part, kind), make_side(b, part, kind), part)
    values = (a[images], b[images])
    if kind == "spearman":  # ranks of all images are kept
        values = tuple(np.argsort(np.argsort(of)).astype(float) for of in values)
    for weights, r in zip(draws.weights, found.resampled, strict=True):
        times = weights[BLOCKS[images]].astype(int)
        slow = np.corrcoef(np.repeat(values[0], times), np.repeat(values[1], times))[0, 1]
        assert r == pytest.approx(slow, abs=1e-12)


def test_shuffles_stay_within_sources_and_give_the_null() -> None:
    a, b = profiles(2)
    draws = make_draws(np.arange(N), COMPARING)
    images = np.flatnonzero(np.arange(N) % 4 != 1)
    part = make_part(images, draws)
    assert np.array_equal(np.sort(part.images), images)
    found = correlate(make_side(a, part, "pearson"), make_side(b, part, "pearson"), part)
    for order, r in zip(part.shuffles, found.null, strict=True):
        assert np.array_equal(np.sort(order), np.arange(len(images)))
        assert np.array_equal(SOURCES[part.images[order]], SOURCES[part.images])
        assert r == pytest.approx(np.corrcoef(a[part.images], b[part.images[order]])[0, 1], abs=1e-12)
    assert len(np.unique(part.shuffles, axis=0)) == 99


def test_concepts_that_share_images_share_their_shuffles() -> None:
    """Else the mean over concepts would vary less under chance than it does."""
    cosines = np.tile(profiles(1), (10, 1))
    other = np.tile(profiles(1, seed=1), (10, 1))
    one, ten = sfss(layer(cosines[:1]), layer(other[:1])), sfss(layer(cosines), layer(other))
    assert by_measure(ten)["sfss"].null_high == pytest.approx(by_measure(one)["sfss"].null_high, abs=1e-12)


@pytest.mark.parametrize("n_undefined", [0, 3, 19, 20, 39, 40])
def test_percentiles_are_those_of_numpy(n_undefined: int) -> None:
    values = np.random.default_rng(0).normal(size=40)
    values[:n_undefined] = np.nan
    found = percentiles(values, 0.9)
    if n_undefined >= 20:
        assert np.isnan(found).all()
    else:
        assert found == pytest.approx(tuple(np.nanpercentile(values, [5, 95])), abs=1e-14)
    assert np.isnan(percentiles(values[:0], 0.9)).all()


# A pair -----------------------------------------------------------------------------------------------------------


def test_a_layer_against_itself_is_1() -> None:
    found = sfss(layer(profiles()), layer(profiles(), "again"))
    for name in ("sfss", "sfss_gated", "sfss_present", "sfss_absent"):
        score = by_measure(found)[name]
        assert (score.value, score.low, score.high) == pytest.approx((1, 1, 1), abs=1e-12)
        assert score.p == 0.01
        assert abs(score.null_mean) < 0.05
        assert score.null_high < 0.5
        assert (score.n_concepts, score.n_undefined) == (4, 0)
    assert by_measure(found)["sfss"].n_images == N
    assert by_measure(found)["sfss_present"].n_images == N / 2


def test_the_mean_over_concepts_and_over_those_recognised() -> None:
    a, b = profiles(4), profiles(4, seed=1)
    b[0], b[1] = a[0], -a[1]
    found = sfss(layer(a, recognised=[True, True, False, True]), layer(b, recognised=[True, False, True, True]))
    r = [np.corrcoef(x, y)[0, 1] for x, y in zip(a, b, strict=True)]
    assert [one.r for one in found.concepts] == pytest.approx(r, abs=1e-12)
    assert by_measure(found)["sfss"].value == pytest.approx(np.mean(r), abs=1e-12)
    assert by_measure(found)["sfss_gated"].value == pytest.approx((r[0] + r[3]) / 2, abs=1e-12)
    assert by_measure(found)["sfss_gated"].n_concepts == 2
    assert [one.recognised for one in found.concepts] == [True, False, False, True]
    low, high = found.concepts[2].r_low, found.concepts[2].r_high
    assert low < r[2] < high


def test_agreement_on_the_label_alone_does_not_reach_into_the_two_kinds() -> None:
    holds = np.arange(N) % 2 == 0
    a, b = (profiles(3, seed=seed) + 3 * holds for seed in (0, 1))
    found = sfss(layer(a), layer(b))
    assert by_measure(found)["sfss"].value > 0.9
    for name, of in (("sfss_present", holds), ("sfss_absent", ~holds)):
        slow = np.mean([np.corrcoef(x[of], y[of])[0, 1] for x, y in zip(a, b, strict=True)])
        assert by_measure(found)[name].value == pytest.approx(slow, abs=1e-12)
        assert abs(by_measure(found)[name].value) < 0.15


def test_unrelated_layers_lie_within_chance() -> None:
    found = scores(layer(profiles(6)), layer(profiles(6, seed=1)))["sfss"]
    assert found.low < 0 < found.high
    assert abs(found.value) < found.null_high * 1.5
    assert found.p > 0.01


def test_p_is_uniform_where_nothing_is_shared() -> None:
    fast = replace(COMPARING, n_permutations=19, n_bootstrap=0)
    p = [
        scores(layer(profiles(2, seed=2 * s)), layer(profiles(2, seed=2 * s + 1)), comparing=fast)["sfss"].p
        for s in range(200)
    ]
    assert 0.4 < np.mean(p) < 0.65
    assert np.mean(np.array(p) <= 0.05) < 0.1


def test_what_does_not_vary_is_undefined_and_counted() -> None:
    a, b = profiles(), profiles()
    b[1] = 0.5
    found = sfss(layer(a), layer(b))
    score = by_measure(found)["sfss"]
    assert np.isnan(found.concepts[1].r)
    assert (score.value, score.n_concepts, score.n_undefined) == (pytest.approx(1), 3, 1)
    nothing = scores(layer(a), layer(np.full_like(b, 0.5)))
    assert np.isnan([nothing["sfss"].value, nothing["sfss"].low, nothing["sfss"].p]).all()
    assert (nothing["sfss"].n_concepts, nothing["sfss"].n_undefined) == (0, 4)


def test_images_without_a_cosine_are_left_out_of_the_pair() -> None:
    a, b = profiles(), profiles(seed=1) + profiles()
    clean = sfss(layer(a), layer(b))
    gone = b.copy()
    gone[2, [3, 10, 77]] = np.nan
    found = sfss(layer(a), layer(gone))
    kept = np.isfinite(gone[2])
    assert found.concepts[2].r == pytest.approx(np.corrcoef(a[2, kept], b[2, kept])[0, 1], abs=1e-12)
    assert found.concepts[2].n_images == N - 3
    assert found.concepts[0] == clean.concepts[0]
    dead = sfss(layer(a), layer(np.full_like(b, np.nan)))
    assert (by_measure(dead)["sfss"].n_concepts, by_measure(dead)["sfss"].n_undefined) == (0, 4)


def test_concepts_with_too_few_images_are_left_out() -> None:
    present = np.arange(N) < 14
    found = sfss(layer(profiles(), present=present), layer(profiles(), present=present))
    assert not found.concepts
    assert (by_measure(found)["sfss"].n_concepts, by_measure(found)["sfss"].n_undefined) == (0, 0)
    enough = sfss(layer(profiles(), present=present), layer(profiles(), present=present), min_images=14)
    assert len(enough.concepts) == 4
    assert by_measure(enough)["sfss_present"].n_images == 14


def test_a_pair_does_not_depend_on_the_others() -> None:
    layers = [layer(profiles(seed=s) + profiles(), f"l{s}") for s in range(4)]
    pairs = [(a, b) for a in range(4) for b in range(a, 4)]
    together = compare_profiles(layers, pairs, COMPARING, correlation="pearson", min_images=15)
    for (a, b), found in zip(pairs, together, strict=True):
        alone = sfss(layers[a], layers[b])
        assert repr(alone) == repr(found)
        turned = sfss(layers[b], layers[a])
        assert repr(turned) == repr(found)


def test_concepts_of_one_layer_only_are_left_out() -> None:
    a, b = layer(profiles(4)), layer(profiles(4)[:2], "short")
    assert [one.concept_index for one in sfss(a, b).concepts] == [0, 1]


def test_layers_of_different_images_are_refused_by_name() -> None:
    other = layer(profiles(), "other")
    object.__setattr__(other, "images_digest", "f00")
    with pytest.raises(ValueError, match=r"l\.h5 \(d: 200 .*other\.h5 .*different images"):
        sfss(layer(profiles()), other)
    with pytest.raises(ValueError, match=r"different test images for concept 'c0'"):
        sfss(layer(profiles()), layer(profiles(), present=np.arange(N) < 100))


def test_an_unknown_correlation_is_refused() -> None:
    with pytest.raises(ValueError, match=r"unknown correlation 'spearmann'.*did you mean 'spearman'"):
        sfss(layer(profiles()), layer(profiles()), correlation="spearmann")


def test_rows_have_the_columns_of_the_tables() -> None:
    a, b = layer(profiles()), layer(profiles(), "dead", recognised=False)
    two = {"dataset": "d", "model_a": "m", "layer_a": "l", "depth_a": 0.2, "model_b": "m", "layer_b": "k", "depth_b": 1}
    found = sfss(a, b)
    rows = concept_rows(two, found, a, correlation="pearson")
    assert all(set(row) == {column.name for column in SFSS_COLUMNS} for row in rows)
    assert [row["concept"] for row in rows] == ["c0", "c1", "c2", "c3"]
    assert all(set(two | row._asdict()) == {column.name for column in PAIR_COLUMNS} for row in found.rows)
    assert by_measure(found)["sfss_gated"].reason == "no concept is recognised in both layers"
    assert by_measure(found)["sfss"].reason == ""
    assert by_measure(found)["sfss"].n_permutations == 99
