"""Which images are high, which groups qualify, which images are their counterfactuals."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from conceptatlas.falcon.grouping import choose_groups, common_groups, feature_bits, identical_groups
from conceptatlas.falcon.low_images import low_images
from conceptatlas.falcon.selection import high_images, normalise_rows


def sparse_sets(n_images: int, n_features: int, share: float, seed: int = 0):
    return np.random.default_rng(seed).random((n_images, n_features)) < share


def test_rows_have_length_one_and_quarantined_images_are_zero():
    h = normalise_rows(np.array([[3.0, 4.0], [0.0, 0.0], [1.0, 1.0]]), np.array([True, True, False]))
    np.testing.assert_allclose(h, [[0.6, 0.8], [0, 0], [0, 0]], rtol=1e-6)
    with pytest.raises(ValueError, match="no numbers"):
        normalise_rows(np.array([[np.nan, 1.0]]))


def test_mean_sd_is_one_number_for_the_whole_matrix():
    h = np.zeros((10, 3))
    h[4, 1] = 3.0  # mean 0.1, sd sqrt(0.3 - 0.01)
    found = high_images(h, rule="mean_sd", sds=5.0)
    assert np.argwhere(found.sets).tolist() == [[4, 1]]
    np.testing.assert_allclose(found.alpha[1], 0.1 + 5 * np.sqrt(0.29))
    assert np.isnan(found.alpha[[0, 2]]).all()
    assert not high_images(h, rule="mean_sd", sds=6.0).sets.any()


def test_quantile_is_of_each_feature_and_strict():
    h = np.stack([np.arange(10.0), np.full(10, 2.0), -np.arange(10.0)], axis=1)
    found = high_images(h, rule="quantile", quantile=0.8)
    assert np.flatnonzero(found.sets[:, 0]).tolist() == [8, 9]
    assert not found.sets[:, 1].any(), "a constant feature has no high images"
    assert np.flatnonzero(found.sets[:, 2]).tolist() == [0, 1]


def test_top_n_takes_the_highest_and_breaks_ties_by_order():
    h = np.array([[1.0], [3.0], [2.0], [2.0], [5.0]])
    valid = np.array([True, True, True, True, False])
    found = high_images(h, rule="top_n", top_n=2, valid=valid)
    assert np.flatnonzero(found.sets[:, 0]).tolist() == [1, 2]
    assert found.alpha[0] == 2.0


def test_unknown_rules_are_named():
    with pytest.raises(ValueError, match="did you mean 'quantile'"):
        high_images(np.ones((2, 2)), rule="quantiles")
    with pytest.raises(ValueError, match="no valid image"):
        high_images(np.ones((2, 2)), rule="top_n", valid=np.zeros(2, dtype=bool))


def slow_common(sets, min_images, max_size):
    found = []
    for size in range(1, max_size + 1):
        for features in itertools.combinations(range(sets.shape[1]), size):
            images = [i for i in range(len(sets)) if all(sets[i, k] for k in features)]
            if len(images) > min_images:
                found.append((features, images))
    return found


@pytest.mark.parametrize(("share", "min_images"), [(0.3, 5), (0.1, 0), (0.6, 20), (0.02, 10)])
@pytest.mark.parametrize("max_size", [1, 2, 3])
def test_common_groups_are_those_of_the_slow_twin(share, min_images, max_size):
    sets = sparse_sets(131, 14, share)
    found = common_groups(sets, min_images=min_images, max_size=max_size)
    assert [(group.features, group.images.tolist()) for group in found] == slow_common(sets, min_images, max_size)


def test_groups_do_not_depend_on_the_order_of_images():
    sets = sparse_sets(200, 12, 0.3)
    order = np.random.default_rng(1).permutation(200)
    one = {group.name: set(group.images.tolist()) for group in common_groups(sets, min_images=8)}
    other = {group.name: set(order[group.images].tolist()) for group in common_groups(sets[order], min_images=8)}
    assert one == other


def test_many_triples_fit():
    sets = np.ones((3, 24), dtype=bool)  # 2,024 triples, more than the first room
    found = common_groups(sets, min_images=2)
    assert [sum(len(group.features) == size for group in found) for size in (1, 2, 3)] == [24, 276, 2024]


def test_identical_groups_are_those_of_the_slow_twin():
    sets = sparse_sets(300, 5, 0.4)
    by_set: dict[tuple[int, ...], list[int]] = {}
    for i, row in enumerate(sets):
        by_set.setdefault(tuple(np.flatnonzero(row).tolist()), []).append(i)
    expected = {key: images for key, images in by_set.items() if key and len(images) > 10}
    found = identical_groups(sets, min_images=10)
    assert {group.features: group.images.tolist() for group in found} == expected
    assert identical_groups(np.zeros((4, 3), dtype=bool), min_images=0) == []


def test_group_sizes_are_limited():
    with pytest.raises(ValueError, match="expected 1, 2 or 3"):
        common_groups(np.ones((2, 2), dtype=bool), min_images=0, max_size=4)


def test_chosen_groups_keep_their_members():
    groups = common_groups(sparse_sets(150, 12, 0.5), min_images=10)
    kept = choose_groups(groups, max_groups=6, max_singles=1)
    several = [group for group in kept if len(group.features) > 1]
    singles = {group.features[0] for group in kept if len(group.features) == 1}
    assert len(several) == 6
    assert {feature for group in several for feature in group.features} <= singles
    assert choose_groups(groups) == groups
    every = [group for group in choose_groups(groups, max_groups=6) if len(group.features) == 1]
    assert len(every) == sum(len(group.features) == 1 for group in groups)
    least = min(len(group.images) for group in several)
    left_out = [group for group in groups if len(group.features) > 1 and group not in several]
    assert all(len(group.images) <= least for group in left_out)


def test_bits_hold_every_image_once():
    sets = sparse_sets(77, 3, 0.5)
    bits = feature_bits(sets)
    counts = [sum(int(word).bit_count() for word in row) for row in bits]
    assert counts == sets.sum(axis=0).tolist()


def test_low_images_by_hand():
    s = np.sqrt(0.5)
    h = np.array([[s, s, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [0.0, s, s], [s, 0.0, s]])
    found = low_images(h, [0], np.array([0]), epsilon=0.1, beta=0.3)
    # the mean of the high images over the other features is (s, 0): products 1 * s, 0, s * s for images 1, 2, 3
    assert found.images.tolist() == [1, 3]
    np.testing.assert_allclose(found.likeness, [s, 0.5])
    assert low_images(h, [0], np.array([0]), epsilon=0.1, beta=0.6).images.tolist() == [1]
    assert low_images(h, [0], np.array([0]), epsilon=0.1, n_low=1).n_found == 2
    assert low_images(h, [0], np.array([0])).epsilon == pytest.approx(h.mean())


def test_low_images_need_all_features_of_the_group_low():
    rng = np.random.default_rng(3)
    h = normalise_rows(rng.random((60, 8)))
    found = low_images(h, [1, 4], np.arange(5), beta=0.0, n_low=60)
    slow = [
        j for j in range(60)
        if all(h[j, k] < found.epsilon for k in (1, 4))
        and sum(h[j, v] * h[:5, v].astype(float).mean() for v in range(8) if v not in (1, 4)) >= 0
    ]  # fmt: skip
    assert sorted(found.images.tolist()) == slow
