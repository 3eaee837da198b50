"""Counts of detectors: their intervals, their null, and labels that were not chosen on the images that measure them."""

from __future__ import annotations

import numpy as np
import pytest

from conceptatlas.datasets.labelled_images import Vocabulary
from conceptatlas.dissection.counting import (
    SUMMARY_COLUMNS,
    bootstrap_counts,
    count_table,
    counts_of,
    cross_fitted,
    flat,
    null_counts,
    recentred_interval,
    sensitivity_rows,
)
from conceptatlas.dissection.joining import join_dissection
from conceptatlas.inference.bootstrap import block_weights, halves
from conceptatlas.masks.iou import iou_category
from conceptatlas.masks.tally import tally_images
from conceptatlas.naming import CATEGORIES
from conceptatlas.seeds import image_block
from conceptatlas.tables import read_table, write_table
from planted import GEOMETRY, NAMES, SIZE, detectors, noise, primary_index, scenes
from slow_twins import dense_tally, grid_of

VOCABULARY = Vocabulary(NAMES, primary_index(), np.ones(len(NAMES), dtype=int))


def tally_and_scores(maps, labels, *, tau=0.05):
    flat_values = np.sort(maps.transpose(1, 0, 2, 3).reshape(maps.shape[1], -1).astype(np.float32), axis=1)
    thresholds = flat_values[:, ::-1][:, int(tau * flat_values.shape[1])]
    blocks = np.array([image_block(f"image_{n}") for n in range(labels.n_images)])
    tally = tally_images(
        maps, maps.max(axis=(2, 3)).astype(np.float32), thresholds, labels.bits(), blocks, primary_index(),
        grid_of((SIZE, SIZE), SIZE, GEOMETRY), n_categories=len(CATEGORIES),
    )  # fmt: skip
    scores = iou_category(
        tally.dense(), tally.category_areas.sum(axis=2), tally.label_pixels.sum(axis=1), primary_index()
    )
    return tally, scores


@pytest.fixture(scope="module")
def noisy():
    return tally_and_scores(noise(120, 60), scenes(120, seed=9))


def test_bootstrap_replicate_of_the_data_itself_is_the_data(noisy):
    """A replicate that draws every block once counts what is counted."""
    tally, scores = noisy
    once = np.ones((1, 32), dtype=np.int64)
    drawn = bootstrap_counts(tally, scores, VOCABULARY, once, cut=0.04)
    for key, value in flat(counts_of(scores, VOCABULARY, cut=0.04)).items():
        assert drawn[key].tolist() == [value], key


def test_bootstrap_replicates_equal_counting_again(noisy):
    tally, scores = noisy
    weights = block_weights(32, 4, seed=1)
    drawn = bootstrap_counts(tally, scores, VOCABULARY, weights, cut=0.04)
    dense = dense_tally(tally)
    for replicate, weight in enumerate(weights):
        again = iou_category(
            dense.intersections @ weight, tally.category_areas @ weight, tally.label_pixels @ weight, primary_index()
        )
        expected = flat(counts_of(again, VOCABULARY, cut=0.04))
        for key in (("detectors", ""), ("unique_best_label", "")):
            assert abs(drawn[key][replicate] - expected[key]) <= 2, "three candidates a category are searched again"


def test_interval_of_a_count_holds_the_count(noisy):
    """Replicates of a search over noise count more than the data: their plain percentiles may leave it out."""
    tally, scores = noisy
    observed = counts_of(scores, VOCABULARY, cut=0.07)
    drawn = bootstrap_counts(tally, scores, VOCABULARY, block_weights(32, 300, seed=0), cut=0.07)
    table = count_table(observed, drawn, {}, tau="0.05", confidence=0.95)
    assert (table["ci_low"] <= table["value"]).all()
    assert (table["value"] <= table["ci_high"]).all()
    assert (table["ci_low"] >= 0).all()
    total = table.iloc[0]
    assert total["bootstrap_mean"] == drawn["detectors", ""].mean()
    assert total["bootstrap_mean"] > total["value"], "the bias the interval is corrected for"
    assert table["p"].isna().all()


def test_recentred_interval_by_hand():
    drawn = np.array([9, 10, 11, 12, 13])
    low, high, mean = recentred_interval(5.0, drawn, tail=25)
    assert (low, high, mean) == (4.0, 6.0, 11.0)
    assert recentred_interval(1.0, drawn * 10, tail=0)[0] == 0
    skewed = np.array([0] + [10] * 99)  # the low percentile lies above the mean
    low, high, _ = recentred_interval(10.0, skewed, tail=5)
    assert low <= 10 <= high
    assert np.isnan(recentred_interval(1.0, None, tail=5)).all()


def test_null_counts_and_their_p_value():
    observed = counts_of(np.array([[0.5] + [0.0] * 11, [0.01] * 12]), VOCABULARY, cut=0.04)
    value = np.zeros((9, 2, len(CATEGORIES)))
    concept = np.full((9, 2, len(CATEGORIES)), -1)
    value[0, :, 0], concept[0, :, 0] = 0.2, 3  # one permutation with two detectors of one label
    null = null_counts(value, concept, cut=0.04)
    assert null["detectors", ""].tolist() == [2] + [0] * 8
    assert null["unique_best_label", ""].tolist() == [1] + [0] * 8
    table = count_table(observed, {}, null, tau="0.05", confidence=0.95).set_index(["quantity", "category"])
    row = table.loc["detectors", ""]
    assert row["value"] == 1
    assert row["p"] == 2 / 10
    assert row["null_mean"] == pytest.approx(2 / 9)
    assert table.loc[("detectors", "part"), "p"] == 1
    assert np.isnan(row["ci_low"])


def test_cross_fitting_removes_the_winners_curse(noisy):
    """Labels of noise: the best of twelve looks better than it is; a planted unit loses nothing."""
    tally, scores = noisy
    half = halves(32, seed=0)
    crossed, _ = cross_fitted(tally, VOCABULARY, half)
    best = scores.max(axis=1)
    assert crossed.mean() < best.mean()
    fixed = scores.argmax(axis=1)
    dense = dense_tally(tally).intersections
    rows = np.arange(len(fixed))
    category = primary_index()[fixed]
    chosen_on = []
    for blocks in (half, ~half):
        inter = dense[:, :, blocks].sum(axis=2)
        areas, pixels = tally.category_areas[:, :, blocks].sum(axis=2), tally.label_pixels[:, blocks].sum(axis=1)
        own = iou_category(inter, areas, pixels, primary_index())
        chosen_on.append(np.nanmax(own, axis=1))
        assert np.isfinite(own[rows, fixed]).all()
        assert category.max() < 6
    assert crossed.mean() < np.mean(chosen_on), "measured where it was chosen, a label looks better"
    labels = scenes(120, seed=9)
    planted, scores = tally_and_scores(detectors(labels, ["dog", "metal"]), labels, tau=0.1)
    crossed, agree = cross_fitted(planted, VOCABULARY, half)
    np.testing.assert_array_equal(crossed, 1.0)
    assert agree.all()


def test_cross_fitting_by_hand(noisy):
    tally, _ = noisy
    half = halves(32, seed=3)
    crossed, agree = cross_fitted(tally, VOCABULARY, half)
    dense = dense_tally(tally).intersections
    for k in (0, 17, 41):
        chosen, measured = [], []
        for choose, measure in ((half, ~half), (~half, half)):
            scores = {}
            for name, blocks in (("choose", choose), ("measure", measure)):
                inter = dense[k][:, blocks].sum(axis=1)
                union = (
                    tally.category_areas[k][:, blocks].sum(axis=1)[primary_index()]
                    + tally.label_pixels[:, blocks].sum(axis=1)
                    - inter
                )
                scores[name] = inter / union
            chosen.append(int(np.argmax(scores["choose"])))
            measured.append(scores["measure"][chosen[-1]])
        assert crossed[k] == pytest.approx(np.mean(measured))
        assert agree[k] == (chosen[0] == chosen[1])


def test_sensitivity_rows_count_totals_only(noisy):
    tally, scores = noisy
    summed = {
        "intersections": tally.dense(),
        "category_areas": tally.category_areas.sum(axis=2),
        "label_pixels": tally.label_pixels.sum(axis=1),
    }
    rows = sensitivity_rows(summed, VOCABULARY, tau="0.01", cut=0.04)
    counts = counts_of(scores, VOCABULARY, cut=0.04)
    assert {row["quantity"]: row["value"] for row in rows} == {
        name: getattr(counts, name) for name in ("detectors", "unique_by_category", "unique_best_label")
    }


def test_join_keeps_the_order_of_the_layers(tmp_path, noisy):
    _, scores = noisy
    table = count_table(counts_of(scores, VOCABULARY, cut=0.04), {}, {}, tau="0.05", confidence=0.95)
    paths = []
    for layer in ("b", "a"):
        for column in SUMMARY_COLUMNS:
            if column.name not in table:
                table[column.name] = 0
        table["layer"] = layer
        paths.append(str(tmp_path / f"{layer}.parquet"))
        write_table(paths[-1], table[[column.name for column in SUMMARY_COLUMNS]], columns=SUMMARY_COLUMNS)
    join_dissection(summaries=paths, out=tmp_path / "all.parquet")
    assert read_table(tmp_path / "all.parquet")["layer"].unique().tolist() == ["b", "a"]
