"""The run record: commit and time per rule."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from conceptatlas.record import git_commit, time_per_rule, write_run_config, write_run_record

HEADER = "s\th:m:s\tmax_rss\tmax_vms\tio_in\n"


def benchmarks(folder: Path) -> Path:
    rows = [("a/0.tsv", "1.5", "100"), ("a/x/1.tsv", "2.5", "300"), ("b.tsv", "1", "1"), ("c/0.tsv", "4", "NA")]
    for name, seconds, rss in rows:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(HEADER + f"{seconds}\t0:00:01\t{rss}\t1\t-\n")
    return folder


def test_time_per_rule(tmp_path: Path) -> None:
    assert time_per_rule(benchmarks(tmp_path)) == {
        "a": {"jobs": 2, "total_s": 4.0, "longest_s": 2.5, "max_rss_mb": 300.0},
        "b": {"jobs": 1, "total_s": 1.0, "longest_s": 1.0, "max_rss_mb": 1.0},
        "c": {"jobs": 1, "total_s": 4.0, "longest_s": 4.0, "max_rss_mb": 0.0},
    }


def test_config_and_record_are_read_back(tmp_path: Path) -> None:
    config = tmp_path / "run_config.yaml"
    write_run_config(config, config={"study": "tiny"}, models=[{"model": "ä"}])
    assert yaml.safe_load(config.read_text()) == {"config": {"study": "tiny"}, "models": [{"model": "ä"}]}
    out = tmp_path / "run_record.json"
    write_run_record(out, run_config=config, benchmarks=benchmarks(tmp_path / "b"), script=__file__)
    record = json.loads(out.read_text())
    assert set(record) == {"versions", "commit", "config_sha256", "rules"}
    assert len(record["config_sha256"]) == 64


def test_a_bucket_that_cannot_be_read_costs_the_times_only(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    config, out = tmp_path / "run_config.yaml", tmp_path / "run_record.json"
    write_run_config(config, config={"study": "tiny"})
    storage = {"prefix": "nowhere", "endpoint": None, "region": None}
    write_run_record(out, run_config=config, benchmarks="results/b", script=__file__, storage=storage)
    assert json.loads(out.read_text())["rules"] == {}
    assert "times per rule are left out: results/b in nowhere: storage prefix 'nowhere', expected s3://" in caplog.text


def test_no_commit_outside_of_git(tmp_path: Path) -> None:
    assert git_commit(tmp_path) == ""
