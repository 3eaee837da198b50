"""Requirements: verdicts by hand, what is read, what changed, mistakes before jobs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from conceptatlas.atlas.requirements import check_requirements, verdict
from conceptatlas.dissection import counting
from conceptatlas.net2vec import classification_tables, segmentation_tables, summary_tables
from conceptatlas.robustness import columns as robust
from conceptatlas.similarity import profile_tables
from conceptatlas.study_requirements import METRICS
from conceptatlas.tables import Column, read_table, write_table

NAN = float("nan")


@pytest.mark.parametrize(
    ("low", "high", "comparison", "threshold", "expected"),
    [
        (0.4, 0.6, "at_least", 0.3, "pass"),
        (0.4, 0.6, "at_least", 0.4, "pass"),  # the end of the interval is inside
        (0.4, 0.6, "at_least", 0.5, "undetermined"),
        (0.4, 0.6, "at_least", 0.6, "undetermined"),
        (0.4, 0.6, "at_least", 0.7, "fail"),
        (0.4, 0.6, "at_most", 0.7, "pass"),
        (0.4, 0.6, "at_most", 0.6, "pass"),
        (0.4, 0.6, "at_most", 0.5, "undetermined"),
        (0.4, 0.6, "at_most", 0.3, "fail"),
        (NAN, 0.6, "at_least", 0.0, "undetermined"),
        (0.4, NAN, "at_most", 9.0, "undetermined"),
    ],
)
def test_verdicts(low: float, high: float, comparison: str, threshold: float, expected: str) -> None:
    assert verdict(low, high, comparison=comparison, threshold=threshold) == expected


def test_the_two_directions_mirror_each_other() -> None:
    for low, high, threshold in np.random.default_rng(0).normal(size=(200, 3)):
        low, high = min(low, high), max(low, high)
        one = verdict(low, high, comparison="at_least", threshold=threshold)
        other = verdict(-high, -low, comparison="at_most", threshold=-threshold)
        assert one == other


def write(path: Path, rows: list[dict[str, Any]]) -> None:
    frame = pd.DataFrame(rows)
    write_table(path, frame, columns=[Column(name, name) for name in frame])


def summary(root: Path, values: dict[str, tuple[float, float, float]]) -> None:
    rows = [
        {"dataset": "d", "model": model, "layer": "l", "quantity": quantity, "category": category, "tau": tau}
        | {"value": value, "ci_low": low, "ci_high": high}
        for model, (value, low, high) in values.items()
        for quantity, category, tau in (
            ("detectors", "", "0.005"),
            ("detectors", "", "0.01"),
            ("detectors", "object", "0.005"),
            ("unique_best_label", "", "0.005"),
        )
    ]
    write(root / "summary.parquet", rows)


FILES = [[{"path": "summary.parquet", "key": "study/d/dissection_summary", "dataset": "d", "model": "", "layer": ""}]]


def run(root: Path, requirement: dict[str, Any], out: str = "out.parquet", before: Path | None = None) -> pd.DataFrame:
    check_requirements(root / out, root=root, requirements=[requirement], files=FILES, tau="0.005", before=before)
    return read_table(root / out)


def test_a_row_a_place_with_its_evidence(tmp_path: Path) -> None:
    summary(tmp_path, {"a": (10.0, 8.0, 12.0), "b": (5.0, 2.0, 9.0), "c": (1.0, 0.0, 2.0), "e": (3.0, NAN, NAN)})
    table = run(tmp_path, {"name": "many", "metric": "detectors", "at_least": 8})
    assert list(table["model"]) == ["a", "b", "c", "e"]  # all categories together, the study's tau
    assert list(table["verdict"]) == ["pass", "undetermined", "fail", "undetermined"]
    assert list(table["reason"])[1:] == ["the interval straddles the threshold", "", "the number has no interval here"]
    source = read_table(tmp_path / "summary.parquet")
    for row in table.to_dict(orient="records"):
        assert source.loc[row["row"], "value"] == row["value"]
        assert row["page"] == f"#/table/study/d/dissection_summary?row={row['row']}"
    one = run(tmp_path, {"name": "one", "metric": "detectors", "model": "b", "category": "object", "at_most": 9})
    assert list(one["verdict"]) == ["pass"]


def test_what_changed_since_another_study(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    for root, values in (
        (old, {"a": (10.0, 8.0, 12.0), "b": (5.0, 2.0, 9.0), "gone": (1.0, 0.0, 2.0)}),
        (new, {"a": (5.0, 2.0, 9.0), "b": (10.0, 8.0, 12.0), "c": (9.0, 8.0, 9.5)}),
    ):
        root.mkdir()
        summary(root, values)
    requirement = {"name": "many", "metric": "detectors", "at_least": 8}
    run(old, requirement)
    table = run(new, requirement, before=old / "out.parquet").set_index("model")
    assert table["change"].to_dict() == {"a": "worse", "b": "better", "c": "new", "gone": "gone"}
    assert table.loc["a", "verdict_before"] == "pass"
    assert table.loc["a", "value_before"] == 10.0
    same = run(new, requirement, "again.parquet", before=new / "out.parquet")
    assert set(same["change"]) == {"same"}  # what was gone before is not required now either


def test_a_concept_nobody_knows_is_told_with_the_nearest(tmp_path: Path) -> None:
    rows = [{"concept": name, "combination_val": 0.5, "combination_val_low": 0.4, "combination_val_high": 0.6}
            for name in ("sky", "grass")]  # fmt: skip
    write(tmp_path / "summary.parquet", rows)
    table = run(tmp_path, {"name": "n", "metric": "combination_iou", "concept": "sky", "at_least": 0.3})
    assert list(table["concept"]) == ["sky"]
    with pytest.raises(ValueError, match="unknown concept 'gras' in requirement 'n'; did you mean 'grass'"):
        run(tmp_path, {"name": "n", "metric": "combination_iou", "concept": "gras", "at_least": 0.3})


def test_every_metric_names_columns_that_exist(finished_columns: dict[str, set[str]]) -> None:
    for name, metric in METRICS.items():
        columns = finished_columns[metric.table]
        assert {metric.value, metric.low, metric.high, *metric.where, *metric.scope} <= columns, name


@pytest.fixture
def finished_columns() -> dict[str, set[str]]:
    """The columns of the tables that metrics stand in, from where they are defined."""
    found = {
        "dissection_summary": counting.SUMMARY_COLUMNS,
        "robustness_summary": robust.SUMMARY_COLUMNS,
        "segmentation": segmentation_tables.SEGMENTATION_COLUMNS,
        "classification": classification_tables.CLASSIFICATION_COLUMNS,
        "net2vec_summary": summary_tables.SUMMARY_COLUMNS,
        "profiles": profile_tables.PROFILE_COLUMNS,
    }
    return {name: {column.name for column in columns} for name, columns in found.items()}
