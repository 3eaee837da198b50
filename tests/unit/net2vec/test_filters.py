"""For how many concepts a filter is the best, counted by hand."""

from __future__ import annotations

import numpy as np
import pytest

from conceptatlas.net2vec.filters import filter_table
from tiny_net2vec import classification_table, segmentation_table

PLACE = {"dataset": "toy", "model": "net", "layer": "conv1"}
FIVE = {"dog": "object", "cat": "object", "red": "color", "ear": "part", "rare": "object"}


def table(**changes: object):
    return segmentation_table(FIVE, single_unit=[2, 2, 2, 0, 1], single_val=[0.1, 0.3, 0.2, 0.5, 0.9], one_unit=3,
                              n_train=[50, 50, 50, 50, 3], **changes)  # fmt: skip


def test_by_hand() -> None:
    found = filter_table(table(), place=PLACE | {"task": "segmentation"}, n_units=4, include_small=False)
    assert found["unit"].tolist() == [0, 1, 2, 3]
    assert found["n_best"].tolist() == [1, 0, 3, 0]
    assert [list(names) for names in found["concepts"]] == [["ear"], [], ["cat", "red", "dog"], []]
    assert found["categories"].tolist() == [1, 0, 2, 0]
    assert found["n_concepts"].tolist() == [4] * 4


def test_small_concepts_count_where_asked() -> None:
    found = filter_table(table(), place=PLACE | {"task": "segmentation"}, n_units=4, include_small=True)
    assert found["n_best"].tolist() == [1, 1, 3, 0]
    assert found["n_concepts"].tolist() == [5] * 4


def test_concepts_that_were_not_learned_are_not_asked() -> None:
    reason = ["", "", "no mask", "", ""]
    found = filter_table(table(reason=reason), place=PLACE | {"task": "segmentation"}, n_units=4, include_small=False)
    assert found["n_best"].tolist() == [1, 0, 2, 0]
    assert found["n_concepts"].tolist() == [3] * 4


def test_in_classification_the_best_filter_is_that_of_the_largest_weight() -> None:
    rows = classification_table(FIVE, one_unit=[0, 1, 1, 0, 0], one_accuracy=[0.6, 0.7, 0.8, 0.9, 0.5])
    found = filter_table(rows, place=PLACE | {"task": "classification"}, n_units=2, include_small=False)
    assert [list(names) for names in found["concepts"]] == [["ear", "dog", "rare"], ["red", "cat"]]


def test_every_concept_has_one_filter() -> None:
    rng = np.random.default_rng(0)
    names = [f"c{i}" for i in range(50)]
    rows = segmentation_table(names, single_unit=rng.integers(0, 8, 50), single_val=rng.random(50))
    found = filter_table(rows, place=PLACE | {"task": "segmentation"}, n_units=8, include_small=False)
    assert found["n_best"].sum() == 50
    assert sorted(name for names in found["concepts"] for name in names) == sorted(names)


def test_a_filter_outside_the_layer_is_refused() -> None:
    with pytest.raises(ValueError, match="names unit 2, but the layer has units 0 to 1"):
        filter_table(table(), place=PLACE | {"task": "segmentation"}, n_units=2, include_small=False)
