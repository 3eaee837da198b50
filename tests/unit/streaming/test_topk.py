"""The top images of a unit do not depend on the order in which images arrive."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conceptatlas.streaming.topk import TopImages


def slow_top(values, k):
    """Indices of the k largest values, ties to the lower index."""
    return sorted(range(len(values)), key=lambda i: (-values[i], i))[:k]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(-4, 4), min_size=1, max_size=25), st.integers(1, 6), st.randoms())
def test_any_order_of_parts_gives_the_same(values, k, random):
    images = list(range(len(values)))
    random.shuffle(images)
    cut = random.randint(0, len(images))
    one, other = TopImages(1, k=k), TopImages(1, k=k)
    for part, top in ((images[:cut], one), (images[cut:], other)):
        for i in part:
            top.add(np.array([[values[i]]], dtype=np.float32), np.array([i]))
    one.merge(other)
    expected = slow_top(values, k)
    found = one.images[0]
    assert found[: len(expected)].tolist() == expected
    assert one.values[0, : len(expected)].tolist() == [values[i] for i in expected]
    assert (found[len(expected) :] == -1).all()
    assert np.isneginf(one.values[0, len(expected) :]).all()


def test_units_with_negative_values_only_have_top_images():
    top = TopImages(2, k=2)
    top.add(np.array([[-5.0, 1.0], [-3.0, 2.0], [-4.0, 0.0]]), np.array([10, 11, 12]))
    assert top.images.tolist() == [[11, 12], [11, 10]]
    assert top.values.tolist() == [[-3.0, -4.0], [2.0, 1.0]]


def test_merging_empty_tops_and_no_images():
    top = TopImages(1, k=3)
    top.add(np.zeros((0, 1)), np.zeros(0, dtype=np.int64))
    top.merge(TopImages(1, k=3))
    assert top.images.tolist() == [[-1, -1, -1]]
    with pytest.raises(ValueError, match="at least 1"):
        TopImages(1, k=0)
