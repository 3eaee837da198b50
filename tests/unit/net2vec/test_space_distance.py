"""Distances between spaces: by hand, against loops, and what must not change them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import ortho_group, spearmanr

from conceptatlas.net2vec import space_distance
from conceptatlas.net2vec.space_distance import (
    cosines,
    distance,
    null_distances,
    pairs_of,
    permutations,
    rank_correlation,
    scaled_ranks,
)


def space(n=12, d=7, seed=0):
    return np.random.default_rng(seed).normal(size=(n, d))


def null_of(first, second, permuted):
    null = null_distances(pairs_of(first)[None], second, permuted)
    return null.distances[0], null.p[0]


def test_three_concepts_by_hand():
    first = cosines(np.array([[2.0, 0], [0, 3], [1, 1]]))
    half = np.sqrt(0.5)
    np.testing.assert_allclose(first, [[1, 0, half], [0, 1, half], [half, half, 1]], atol=1e-15)
    second = cosines(np.array([[1.0, 0, 0], [0, 1, 0], [0, 0, 1]]))
    found = distance(first, second)
    # two pairs differ by sqrt(1/2), each stands twice: 4 * 1/2
    assert found.distance == pytest.approx(2)
    assert found.mean_square == pytest.approx(2 / 9)
    np.testing.assert_allclose(found.by_concept, [0.5, 0.5, 1])
    # without a concept 1, 1 and 0 remain, over 4; their mean 1/6, the sum of squares 1/24
    assert found.standard_error == pytest.approx(np.sqrt(2 / 3 / 24))


def test_two_concepts_by_hand():
    found = distance(cosines(np.array([[1.0], [1]])), cosines(np.array([[1.0], [-5]])))
    assert (found.distance, found.mean_square, found.standard_error) == (8, 2, 0)


def test_the_jackknife_equals_leaving_out_one_concept_after_another():
    first, second = space(9, 4, 1), space(9, 6, 2)
    without = []
    for i in range(9):
        rest = np.arange(9) != i
        without.append(distance(cosines(first[rest]), cosines(second[rest])).mean_square)
    error = np.sqrt(8 / 9 * ((np.array(without) - np.mean(without)) ** 2).sum())
    assert distance(cosines(first), cosines(second)).standard_error == pytest.approx(error, rel=1e-12)


def test_turning_a_space_or_scaling_its_vectors_changes_nothing():
    vectors = space()
    turned = vectors @ ortho_group.rvs(7, random_state=3) * np.linspace(1e-30, 1e20, 12)[:, None]
    assert distance(cosines(vectors), cosines(turned)).distance < 1e-25
    other = cosines(space(12, 30, 5))
    before, after = distance(cosines(vectors), other), distance(cosines(turned), other)
    assert after.distance == pytest.approx(before.distance, rel=1e-12)
    assert after.standard_error == pytest.approx(before.standard_error, rel=1e-12)


def test_distance_is_symmetric_and_zero_from_itself():
    first, second = cosines(space(seed=1)), cosines(space(seed=2))
    there, back = distance(first, second), distance(second, first)
    assert there[:3] == back[:3]
    np.testing.assert_array_equal(there.by_concept, back.by_concept)
    assert distance(first, first)[:3] == (0, 0, 0)


def test_the_order_of_concepts_does_not_matter():
    first, second = space(seed=1), space(seed=2)
    order = np.random.default_rng(0).permutation(12)
    plain, mixed = (distance(cosines(a), cosines(b)) for a, b in ((first, second), (first[order], second[order])))
    assert mixed[:3] == pytest.approx(plain[:3], rel=1e-12)
    np.testing.assert_allclose(mixed.by_concept, plain.by_concept[order], rtol=1e-12)
    ranks = [scaled_ranks(pairs_of(cosines(v))) for v in (first, second, first[order], second[order])]
    assert rank_correlation(*ranks[:2]) == pytest.approx(rank_correlation(*ranks[2:]), rel=1e-12)


def test_a_vector_without_direction_is_refused():
    for bad in (0.0, np.nan, np.inf):
        vectors = space()
        vectors[3] = bad
        with pytest.raises(ValueError, match="length zero"):
            cosines(vectors)


def test_rank_correlation_is_spearmans():
    first, second = cosines(np.abs(space(seed=1)) > 0.7), cosines(space(seed=2))  # the first has ties
    pairs = [pairs_of(gram) for gram in (first, second)]
    np.testing.assert_array_equal(pairs[0][:3], first[0, 1:4])
    ranks = [scaled_ranks(p) for p in pairs]
    assert rank_correlation(*ranks) == pytest.approx(spearmanr(*pairs).statistic, rel=1e-12)
    assert rank_correlation(ranks[0], scaled_ranks(np.exp(pairs[0]))) == pytest.approx(1)
    assert rank_correlation(ranks[0], scaled_ranks(-pairs[0])) == pytest.approx(-1)
    assert np.isnan(rank_correlation(ranks[0], scaled_ranks(np.ones(66))))


def test_permuted_distances_equal_those_of_permuted_vectors(monkeypatch):
    first, second = [space(10, 4, seed) for seed in (1, 2)], space(10, 6, 3)
    permuted = permutations("b", n_concepts=10, n_permutations=13, seed=0)
    slow = [[distance(cosines(a), cosines(second[p])).distance for p in permuted] for a in first]
    observed = [distance(cosines(a), cosines(second)).distance for a in first]
    p = [(1 + sum(d <= own for d in row)) / 14 for row, own in zip(slow, observed, strict=True)]
    firsts = np.stack([pairs_of(cosines(a)) for a in first])
    for n_bytes in (1, 1 << 26):  # one permutation at a time, and all
        monkeypatch.setattr(space_distance, "CHUNK_BYTES", n_bytes)
        null = null_distances(firsts, cosines(second), permuted)
        np.testing.assert_allclose(null.distances, slow, rtol=1e-12)
        np.testing.assert_array_equal(null.p, p)


def test_permuting_one_space_is_permuting_the_other_back():
    first, second = cosines(space(seed=1)), cosines(space(seed=2))
    permuted = permutations("a", n_concepts=12, n_permutations=20, seed=0)
    inverse = np.argsort(permuted, axis=1)
    there, back = null_of(first, second, permuted), null_of(second, first, inverse)
    np.testing.assert_allclose(there[0], back[0], rtol=1e-12)
    assert there[1] == back[1]


def test_related_spaces_are_nearer_than_their_null():
    vectors, noise = space(40, 16, 1), space(40, 16, 2)
    mixed = np.random.default_rng(0).permutation(40)
    permuted = permutations("b", n_concepts=40, n_permutations=99, seed=0)
    near, far = cosines(vectors + noise), cosines((vectors + noise)[mixed])
    first = cosines(vectors)
    assert distance(first, far).distance > 1.2 * distance(first, near).distance
    null, p = null_of(first, near, permuted)
    assert p == 0.01
    assert null.min() > distance(first, near).distance
    assert null_of(first, far, permuted)[1] > 0.05


def test_independent_spaces_lie_in_their_null():
    p = []
    for seed in range(60):
        permuted = permutations(f"b{seed}", n_concepts=20, n_permutations=39, seed=0)
        p.append(null_of(cosines(space(20, 8, 2 * seed)), cosines(space(20, 8, 2 * seed + 1)), permuted)[1])
    assert 0.4 < np.mean(p) < 0.6
    assert np.mean(np.array(p) <= 0.1) < 0.22  # 0.1 expected; three standard errors are 0.12


def test_equal_distances_count_for_the_null():
    """All concepts alike in the second space: every permutation gives the observed distance, up to rounding."""
    first = cosines(space(15, 5, 1))
    second = cosines(np.ones((15, 1)) * np.sqrt(np.arange(1, 16))[:, None] @ np.array([[0.1, 0.7, 0.3]]))
    permuted = permutations("b", n_concepts=15, n_permutations=9, seed=0)
    assert null_of(first, second, permuted)[1] == 1


def test_without_permutations_there_is_no_p():
    gram = cosines(space())
    distances, p = null_of(gram, gram, permutations("b", n_concepts=12, n_permutations=0, seed=0))
    assert len(distances) == 0
    assert np.isnan(p)


def test_permutations_depend_on_the_name_and_the_seed_only():
    drawn = permutations("b", n_concepts=30, n_permutations=4, seed=0)
    assert (np.sort(drawn, axis=1) == np.arange(30)).all()
    np.testing.assert_array_equal(drawn, permutations("b", n_concepts=30, n_permutations=4, seed=0))
    np.testing.assert_array_equal(drawn, permutations("b", n_concepts=30, n_permutations=9, seed=0)[:4])
    for name, seed in (("c", 0), ("b", 1)):
        assert (drawn != permutations(name, n_concepts=30, n_permutations=4, seed=seed)).any()
