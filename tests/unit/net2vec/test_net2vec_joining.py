"""Means, errors, shares and failures over tables small enough to check by eye."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from conceptatlas.inference.shares import wilson_interval
from conceptatlas.net2vec.classification_tables import CLASSIFICATION_COLUMNS
from conceptatlas.net2vec.filters import filter_table
from conceptatlas.net2vec.joining import join_net2vec, mean_and_error, median
from conceptatlas.net2vec.relation_tables import FILTER_COLUMNS
from conceptatlas.net2vec.segmentation_tables import SEGMENTATION_COLUMNS
from conceptatlas.net2vec.summary_tables import SUMMARY_COLUMNS
from conceptatlas.tables import read_table, write_table
from tiny_net2vec import classification_table, segmentation_table, write_task

OPTIONS = {"include_small": False, "confidence": 0.95}
FIVE = {"dog": "object", "cat": "object", "red": "color", "rare": "object", "gone": "part"}


def five() -> pd.DataFrame:
    """dog is better, cat worse (few images), red worse (tiny, its single filter nearly dead); rare is small."""
    return segmentation_table(
        FIVE, single_val=[0.2, 0.3, 0.005, 0.1, 0], one_val=[0.25, 0.35, 0.02, 0.1, 0],
        combination_val=[0.4, 0.15, 0.001, 0.9, 0], n_train=[100, 20, 21, 4, 0], size=[0.2, 0.01, 0.009, 0.5, 0],
        correlation=[0.9, 0.1, np.nan, 0.5, 0], correlation_p=[0.001, 0.01, np.nan, 0.001, 0],
        combination_iou_all=[0.1, 0.2, 0.3, 0.9, 0], combination_auprc=[0.5, 0.6, np.nan, 0.9, 0],
        critical_f_50=[1, 4, np.nan, 64, 0], critical_f_90=np.nan, reason=["", "", "", "", "no training image"],
    )  # fmt: skip


def written(folder: Path, table: pd.DataFrame, task: str, n_units: int = 4) -> tuple[str, str]:
    """The table, and the filters that go with it."""
    folder.mkdir(parents=True, exist_ok=True)
    columns = SEGMENTATION_COLUMNS if task == "segmentation" else CLASSIFICATION_COLUMNS
    write_table(folder / f"{task}.parquet", table, columns=columns)
    place = {"dataset": "toy", "model": "net", "layer": "conv1", "task": task}
    filters = filter_table(table, place=place, n_units=n_units, include_small=False)
    write_table(folder / f"{task}_filters.parquet", filters, columns=FILTER_COLUMNS)
    return str(folder / f"{task}.parquet"), str(folder / f"{task}_filters.parquet")


def join(folder: Path, table: pd.DataFrame, task: str = "segmentation", **options: Any) -> pd.DataFrame:
    path, filters = written(folder, table, task)
    paths = {"segmentation": [], "classification": []} | {task: [path]}
    join_net2vec(dataset="toy", filters=[filters], places=[["net", "conv1"]], supervision={"net": "labels"},
                 out=folder / "summary.parquet", options=OPTIONS | options, **paths)  # fmt: skip
    return read_table(folder / "summary.parquet")


def test_means_and_errors_by_hand(tmp_path: Path) -> None:
    row = join(tmp_path, five()).iloc[0]
    assert (row["category"], row["n_concepts"], row["n_small"], row["n_not_learned"]) == ("", 3, 1, 1)
    single, combination = np.array([0.2, 0.3, 0.005]), np.array([0.4, 0.15, 0.001])
    assert row["single_mean"] == pytest.approx(0.505 / 3)
    assert row["single_sem"] == pytest.approx(np.sqrt(((single - 0.505 / 3) ** 2).sum() / 2 / 3))
    assert row["one_mean"] == pytest.approx(0.62 / 3)
    assert row["combination_mean"] == pytest.approx(0.551 / 3)
    assert row["gain_mean"] == pytest.approx(0.046 / 3)
    assert row["gain_sem"] == pytest.approx(np.std(combination - single, ddof=1) / np.sqrt(3))
    assert row["iou_all_mean"] == pytest.approx(0.2)
    assert row["auprc_mean"] == pytest.approx(0.55)
    assert np.isnan(row["selectivity_mean"])
    assert row["supervision"] == "labels"


def test_shares_ratio_and_failures_by_hand(tmp_path: Path) -> None:
    row = join(tmp_path, five()).iloc[0]
    assert (row["n_equal_or_better"], row["equal_or_better"]) == (1, pytest.approx(1 / 3))
    assert (row["equal_or_better_low"], row["equal_or_better_high"]) == wilson_interval(1, 3)
    assert row["n_ratio"] == 2  # 0.005 is not above 0.005
    assert row["ratio"] == pytest.approx((2 + 0.5) / 2)
    assert row["ratio_sem"] == pytest.approx(0.75)
    assert (row["n_failures"], row["n_failures_few"], row["n_failures_tiny"]) == (2, 1, 1)
    assert (row["n_correlated"], row["correlated"]) == (1, pytest.approx(1 / 3))  # p = 0.01 is not below it
    assert row["correlation_mean"] == pytest.approx(0.5)
    assert row["critical_f_50"] == 2.5
    assert np.isnan(row["critical_f_90"])


def test_equal_counts_as_better(tmp_path: Path) -> None:
    row = join(tmp_path, segmentation_table(["a", "b"], single_val=0.25, combination_val=[0.25, 0.2])).iloc[0]
    assert (row["n_equal_or_better"], row["n_failures"]) == (1, 1)


def test_categories_have_rows_of_their_own(tmp_path: Path) -> None:
    summary = join(tmp_path, five())
    assert summary["category"].tolist() == ["", "object", "part", "color"]
    by = summary.set_index("category")
    assert by["n_concepts"].to_dict() == {"": 3, "object": 2, "part": 0, "color": 1}
    assert by["n_small"].to_dict() == {"": 1, "object": 1, "part": 0, "color": 0}
    assert by["n_not_learned"].to_dict() == {"": 1, "object": 0, "part": 1, "color": 0}
    assert by.loc["color", "single_mean"] == 0.005
    assert np.isnan(by.loc["color", "single_sem"])  # one concept has no spread
    assert np.isnan(by.loc["part", "single_mean"])
    assert np.isnan(by.loc["part", "equal_or_better"])
    assert np.isnan(by.loc["part", "equal_or_better_low"])
    # single_unit counts 0 1 2 3, and "gone" was not learned; rare (small) had unit 3
    assert by["n_units"].tolist() == [4] * 4
    assert by.loc["", "n_never_best"] == 1
    assert by["n_never_best"].isna().tolist() == [False, True, True, True]


def test_small_concepts_are_in_the_means_where_asked(tmp_path: Path) -> None:
    row = join(tmp_path, five(), include_small=True).iloc[0]
    assert (row["n_concepts"], row["n_small"]) == (4, 0)
    assert row["combination_mean"] == pytest.approx(1.451 / 4)
    assert row["include_small"]


def test_every_concept_is_counted_once(tmp_path: Path) -> None:
    table = five()
    table.loc[0, "combination_val"] = np.nan
    summary = join(tmp_path, table)
    counted = summary[["n_concepts", "n_small", "n_not_learned", "n_undefined"]]
    assert counted.iloc[0].tolist() == [2, 1, 1, 1]
    assert counted.sum(axis=1).tolist() == [5, 3, 1, 1]


def test_classification_by_hand(tmp_path: Path) -> None:
    table = classification_table(
        ["a", "b", "c"], accuracy=[0.9, 0.6, 0.7], one_accuracy=[0.8, 0.7, 0.7], control_accuracy=[0.5, 0.5, 0.6],
        n_train=[100, 15, 15], one_unit=[0, 0, 3],
    )  # fmt: skip
    row = join(tmp_path, table, "classification").iloc[0]
    assert row["single_mean"] == row["one_mean"] == pytest.approx(2.2 / 3)
    assert row["gain_mean"] == pytest.approx(0, abs=1e-12)
    assert (row["n_equal_or_better"], row["n_failures"], row["n_failures_few"]) == (2, 1, 1)
    assert row["selectivity_mean"] == pytest.approx(0.6 / 3)
    assert row["n_never_best"] == 2
    missing = ["n_ratio", "ratio", "n_failures_tiny", "n_correlated", "correlated", "iou_all_mean", "auprc_mean"]
    assert row[missing].isna().all()


def test_layers_and_tasks_in_the_order_given(tmp_path: Path) -> None:
    concepts = ["a", "b"]
    places = [["net", "conv2"], ["net", "conv1"], ["other", "conv1"]]
    tables: dict[str, list[str]] = {"segmentation": [], "classification": []}
    filters = []
    for model, layer in places:
        folder = tmp_path / model / layer
        frames = []
        for task in tables:
            table, _ = write_task(folder, task, concepts, np.eye(2))
            tables[task].append(str(table))
            frames.append(read_table(written(folder, read_table(table), task)[1]))
        write_table(folder / "filters.parquet", pd.concat(frames, ignore_index=True), columns=FILTER_COLUMNS)
        filters.append(str(folder / "filters.parquet"))
    join_net2vec(dataset="toy", filters=filters, places=places, supervision={"net": "labels"}, options=OPTIONS,
                 out=tmp_path / "summary.parquet", **tables)  # fmt: skip
    summary = read_table(tmp_path / "summary.parquet")
    every = summary[summary["category"] == ""]
    assert list(zip(every["model"], every["layer"], strict=True))[::2] == [tuple(place) for place in places]
    assert every["task"].tolist() == ["segmentation", "classification"] * 3
    assert every["supervision"].tolist() == ["labels"] * 4 + [""] * 2
    assert every["n_units"].tolist() == [4] * 6
    assert list(summary.columns) == [column.name for column in SUMMARY_COLUMNS]


def test_a_layer_where_nothing_was_learned_has_its_rows(tmp_path: Path) -> None:
    join(tmp_path / "full", five())
    empty = join(tmp_path / "none", segmentation_table(FIVE, reason="no images"))
    assert empty["category"].tolist() == ["", "object", "part", "color"]
    assert empty["n_concepts"].tolist() == [0] * 4
    assert empty["n_not_learned"].tolist() == [5, 3, 1, 1]
    assert empty["n_never_best"].iloc[0] == 4
    assert empty["combination_mean"].isna().all()
    schemas = [pq.read_schema(tmp_path / name / "summary.parquet") for name in ("full", "none")]
    assert schemas[0] == schemas[1]


def test_a_vocabulary_without_concepts(tmp_path: Path) -> None:
    table = segmentation_table(FIVE).iloc[:0]
    assert join(tmp_path, table)["n_concepts"].tolist() == [0]


def test_lists_that_do_not_belong_together_are_refused(tmp_path: Path) -> None:
    path, filters = written(tmp_path, five(), "segmentation")
    common: dict[str, Any] = {"dataset": "toy", "supervision": {}, "out": tmp_path / "s.parquet", "options": OPTIONS,
                              "places": [["net", "conv1"], ["net", "conv2"]]}  # fmt: skip
    with pytest.raises(ValueError, match="segmentation: 1 files for 2 layers"):
        join_net2vec(segmentation=[path], classification=[], filters=[filters] * 2, **common)
    with pytest.raises(ValueError, match="filters: 1 files for 2 layers"):
        join_net2vec(segmentation=[path] * 2, classification=[], filters=[filters], **common)


def test_mean_error_and_median_by_hand() -> None:
    assert mean_and_error([2.0, 4.0, 6.0]) == (4.0, pytest.approx(2 / np.sqrt(3)))
    assert mean_and_error([5.0])[0] == 5
    assert np.isnan(mean_and_error([5.0])[1])
    assert np.isnan(mean_and_error([])).all()
    assert median([4, np.nan, 1, 2]) == 2
    assert np.isnan(median([np.nan]))
