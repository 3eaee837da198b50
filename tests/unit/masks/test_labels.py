"""From scores to labels and counts: the authors' two rules, on tables of their layout."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conceptatlas.masks.labels import (
    best_in_category,
    count_detectors,
    count_netdissect_csv,
    read_netdissect_csv,
    top_concepts,
)

CATEGORIES = ["object", "part", "scene"]
# unit: (object, part, scene) labels and IoUs
TABLE = [
    (("car", "wheel", "street"), (0.10, 0.20, 0.01)),  # best wheel
    (("car", "wheel", "street"), (0.30, 0.05, 0.05)),  # best car; passes in three categories
    (("dog", "head", "street"), (0.039, 0.04, 0.02)),  # exactly at the cut: no detector
    (("dog", "head", "beach"), (0.06, 0.041, 0.05)),  # best dog
    (("cat", "wheel", "beach"), (0.02, 0.041, 0.01)),  # best wheel
    (("cat", "head", "beach"), (0.0, np.nan, 0.0)),  # nothing
]


def write_table(path, *, order=None, prefix=CATEGORIES):
    rows = []
    for unit, (labels, ious) in enumerate(TABLE):
        best = int(np.nanargmax(ious))
        row = {"unit": unit + 1, "category": prefix[best], "label": labels[best], "score": ious[best]}
        for name, label, value in zip(prefix, labels, ious, strict=True):
            row |= {f"{name}-label": label, f"{name}-truth": 9, f"{name}-activation": 9, f"{name}-intersect": 1,
                    f"{name}-iou": value}  # fmt: skip
        rows.append(row)
    table = pd.DataFrame(rows)
    if order is not None:
        table = table[list(np.random.default_rng(order).permutation(table.columns))]
        table = table.sample(frac=1, random_state=order)
    table.to_csv(path, index=False)
    return path


@pytest.mark.parametrize("order", [None, 0, 1, 2])
def test_both_rules_on_a_table_of_the_authors_layout(tmp_path, order):
    counts = count_netdissect_csv(write_table(tmp_path / "table.csv", order=order))
    assert counts.detectors == 4
    assert counts.unique_best_label == 3  # wheel, car, dog
    # object: car, dog; part: wheel, head; scene: street, beach
    assert counts.unique_by_category == 6
    assert counts.unique_in_category == {"object": 2, "part": 2, "scene": 2}
    assert counts.detectors_in_category == {"object": 2, "part": 2, "scene": 0}


def test_another_cut(tmp_path):
    counts = count_netdissect_csv(write_table(tmp_path / "table.csv"), cut=0.15)
    assert (counts.detectors, counts.unique_by_category, counts.unique_best_label) == (2, 2, 2)


def test_units_count_from_one_and_unknown_categories_are_kept(tmp_path):
    path = write_table(tmp_path / "table.csv", prefix=["object", "part", "weather"])
    assert read_netdissect_csv(path)["unit"].min() == 1
    assert count_netdissect_csv(path).unique_in_category["weather"] == 2


def test_tables_of_another_kind_are_refused(tmp_path):
    path = tmp_path / "other.csv"
    path.write_text("unit,label\n1,car\n")
    with pytest.raises(ValueError, match="lacks score"):
        count_netdissect_csv(path)
    path.write_text("unit,label,score\n1,car,0.1\n")
    with pytest.raises(ValueError, match="no columns '<category>-iou'"):
        count_netdissect_csv(path)


@pytest.mark.real
def test_the_released_table_of_resnet18(real_data):
    path = real_data / "vocabularies" / "NetDissect_results" / "resnet18_places365_layer4.csv"
    table = pd.read_csv(path)
    counts = count_netdissect_csv(path)
    passing = table[table["score"] > 0.04]
    assert len(table) == 512
    assert counts.detectors == len(passing)
    assert counts.unique_best_label == passing["label"].nunique()
    per_category = {
        name: table.loc[table[f"{name}-iou"] > 0.04, f"{name}-label"].nunique() for name in counts.unique_in_category
    }
    assert counts.unique_in_category == per_category
    assert counts.unique_by_category == sum(per_category.values())
    union = table["object-truth"] + table["object-activation"] - table["object-intersect"]
    np.testing.assert_allclose(table["object-intersect"] / union, table["object-iou"], rtol=1e-6)


def test_concepts_that_share_a_name_across_categories_count_once_for_best_label():
    labels = np.array([["sky", "sky"], ["sky", "sky"]], dtype=object)
    counts = count_detectors(labels, np.array([[0.5, 0.1], [0.1, 0.5]]), categories=["object", "part"])
    assert (counts.detectors, counts.unique_best_label, counts.unique_by_category) == (2, 1, 2)


def test_nothing_to_count():
    empty = count_detectors(np.zeros((0, 2), dtype=object), np.zeros((0, 2)), categories=["object", "part"])
    assert (empty.detectors, empty.unique_by_category, empty.unique_best_label) == (0, 0, 0)
    undefined = count_detectors(np.full((3, 2), -1), np.full((3, 2), np.nan), categories=["object", "part"])
    assert undefined.detectors == 0


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 40), st.integers(1, 6), st.integers(0, 2**31))
def test_top_concepts_equal_a_stable_sort(n_concepts, n, seed):
    rng = np.random.default_rng(seed)
    scores = rng.integers(0, 5, size=(3, n_concepts)).astype(float)
    scores[rng.random(scores.shape) < 0.2] = np.nan
    found = top_concepts(scores, n=n)
    assert found.shape == (3, min(n, n_concepts))
    for row, best in zip(scores, found, strict=True):
        defined = sorted((i for i in range(n_concepts) if not np.isnan(row[i])), key=lambda i: (-row[i], i))
        k = min(len(defined), len(best))
        assert best[:k].tolist() == defined[:k]
        assert np.isnan(row[best[k:]]).all()


def test_best_in_category():
    scores = np.array([[0.1, 0.5, 0.5, np.nan], [0.2, 0.0, 0.1, np.nan]])
    best, value = best_in_category(scores, np.array([0, 2, 2, 3]), 4)
    assert best.tolist() == [[0, -1, 1, 3], [0, -1, 2, 3]]
    np.testing.assert_array_equal(value, [[0.1, np.nan, 0.5, np.nan], [0.2, np.nan, 0.1, np.nan]])
