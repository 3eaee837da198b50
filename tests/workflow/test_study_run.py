"""The tiny study from nothing to figures, and what it leaves behind."""

from __future__ import annotations

import json
import re
from pathlib import Path

import h5py
import pyarrow.parquet as pq
import pytest
import yaml

from workspace import REPOSITORY, Workspace

pytestmark = pytest.mark.workflow


def test_tiny_study_has_at_most_thirty_jobs(fresh: Workspace) -> None:
    assert sum(fresh.planned().values()) <= 30


def test_every_job_leaves_log_and_benchmark(finished: Workspace) -> None:
    results = finished.results()
    made = {path.name.removesuffix(".log") for path in (results / "logs").iterdir()}
    timed = {path.name.removesuffix(".tsv") for path in (results / "benchmarks").iterdir()}
    assert {"extract_activations", "tally_layer", "dissect_layer", "estimate_study"} <= made & timed


def test_results_lie_under_the_study(finished: Workspace) -> None:
    assert {path.name for path in (finished.folder / "results").iterdir()} == {"tiny"}
    for name in ("preflight.json", "run_config.yaml", "run_record.json", "dissection/scenes/summary.parquet"):
        assert (finished.results() / name).is_file()
    assert not list(finished.results().rglob("*.part"))


def test_run_record_tells_versions_and_times(finished: Workspace) -> None:
    record = json.loads((finished.results() / "run_record.json").read_text())
    assert record["versions"]["numpy"]
    assert record["rules"]["extract_activations"]["jobs"] == 4
    assert record["rules"]["dissect_layer"]["total_s"] > 0
    config = yaml.safe_load((finished.results() / "run_config.yaml").read_text())
    assert config["config"]["thresholds"]["tau"] == 0.005
    assert [row["model"] for row in config["models"]] == ["plain", "plain_random"]


def arrays_of(path: Path) -> set[str]:
    """Last parts of the names of all arrays of an HDF5 file."""
    found: set[str] = set()

    def note(name: str, item: object) -> None:
        if isinstance(item, h5py.Dataset):
            found.add(name.split("/")[-1])

    with h5py.File(path, "r") as file:
        file.visititems(note)
    return found


def test_docs_name_every_column_and_array(finished: Workspace) -> None:
    """docs/files.md is complete: whatever the tiny study wrote is named there."""
    words = set(re.findall(r"[A-Za-z_][A-Za-z0-9_]*", (REPOSITORY / "docs" / "files.md").read_text()))
    missing = set()
    for path in finished.results().rglob("*.parquet"):
        names = pq.read_schema(path).names
        missing |= {f"{path.name}: {name}" for name in names if not name.startswith("_") and name not in words}
    for path in finished.results().rglob("*.h5"):
        missing |= {f"{path.parent.name}/{path.name}: {name}" for name in arrays_of(path) - words}
    assert not missing


def test_preflight_prints_and_refuses(tiny: Workspace) -> None:
    done = tiny.snakemake("preflight", "--cores", "1")
    assert done.returncode == 0, done.stderr
    assert "activations" in done.stdout
    tiny.config.write_text(tiny.config.read_text() + "\npreflight: {mem_gb: 0.1}\n")
    done = tiny.snakemake("preflight", "--cores", "1")
    assert done.returncode != 0
    assert "memory: a job of" in done.stdout + done.stderr
    assert (tiny.results() / "preflight.refused.txt").is_file()


def test_library_of_the_checkout_is_used() -> None:
    import conceptatlas

    assert str(REPOSITORY) in str(conceptatlas.__file__)
