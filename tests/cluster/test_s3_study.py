"""The tiny study in a bucket, with Snakemake's own local executor: every file travels, and nothing else changes."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from object_storage import SECRET, Storage, serving_storage, why_no_storage
from study_digests import digests

from conceptatlas.bucket import fetch_folder
from workspace import Workspace, new_workspace

pytestmark = [pytest.mark.s3, pytest.mark.skipif(bool(why_no_storage()), reason=why_no_storage())]

BUCKET = "conceptatlas"
PREFIX = f"s3://{BUCKET}/atlas"
AFTER_IT = {"write_run_record", "build_atlas", "build_atlas_figures"}
"""Rules whose first jobs end after the run record was written: on the disk it is the second that was written."""
IN_BUCKET = ("--default-storage-provider", "s3", "--default-storage-prefix", PREFIX)


@dataclass(frozen=True)
class Stored:
    """The tiny study without its random twin, run on a disk and in a bucket."""

    storage: Storage
    on_disk: Workspace
    in_bucket: Workspace
    downloaded: Path
    printed: str


def trained_only(workspace: Workspace) -> Workspace:
    """The random twin doubles the time and brings one kind of file, batch-norm statistics."""
    for name in ("models", "layers"):
        lines = workspace.sheet(name).read_text().splitlines(keepends=True)
        workspace.sheet(name).write_text("".join(line for line in lines if not line.startswith("plain_random")))
    return workspace


def without_twin(workspace: Workspace) -> None:
    """Remove what the finished study holds of the twin."""
    for path in list(workspace.results().rglob("plain_random*")):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


@pytest.fixture(scope="module")
def stored(finished: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stored]:
    folder = tmp_path_factory.mktemp("s3")
    on_disk = trained_only(finished.copied(folder / "on_disk"))  # left to do are the joins
    without_twin(on_disk)
    in_bucket = trained_only(new_workspace(folder / "in_bucket"))
    with serving_storage(folder / "moto.log") as storage:
        done = on_disk.snakemake("--cores", "2")
        assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-6000:]
        arguments = ("--cores", "2", *IN_BUCKET, "--config", "outside_files=here")
        done = in_bucket.snakemake(*arguments, **storage.variables())
        printed = done.stdout + done.stderr
        assert done.returncode == 0, printed[-6000:]
        yield Stored(storage, on_disk, in_bucket, storage.download(BUCKET, folder / "downloaded"), printed)


def results(stored: Stored) -> Path:
    return stored.downloaded / "atlas" / "results" / "tiny"


def test_results_are_those_of_a_disk(stored: Stored) -> None:
    expected = digests(stored.on_disk.results())
    assert len(expected) > 45
    assert digests(results(stored)) == expected


def test_everything_lies_in_the_bucket(stored: Stored) -> None:
    """Logs, benchmark files, folders of figures and the copied weights too; none of it beside the study's sheets."""
    assert not stored.in_bucket.results().exists()
    for kind in ("logs", "benchmarks"):
        on_disk = {
            path.relative_to(stored.on_disk.results()) for path in (stored.on_disk.results() / kind).rglob("*.*")
        }
        in_bucket = {path.relative_to(results(stored)) for path in (results(stored) / kind).rglob("*.*")}
        assert on_disk <= in_bucket
    assert (results(stored) / "outside" / "models" / "plain" / "plain.safetensors").stat().st_size > 100_000
    assert list((results(stored) / "figures" / "dissection" / "scenes" / "plain").glob("*.png"))


def test_the_run_record_knows_the_times_of_all_rules(stored: Stored) -> None:
    record = json.loads((results(stored) / "run_record.json").read_text())
    expected = json.loads((stored.on_disk.results() / "run_record.json").read_text())
    assert set(record["rules"]) == set(expected["rules"]) - AFTER_IT | {"bring_files"}
    assert record["rules"]["extract_activations"]["jobs"] == 2
    assert record["config_sha256"] != expected["config_sha256"]  # `outside_files` is part of the config


def test_a_second_run_does_nothing(stored: Stored) -> None:
    done = stored.in_bucket.snakemake(
        *("-n", "--quiet", "rules", *IN_BUCKET, "--config", "outside_files=here"), **stored.storage.variables()
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Job stats" not in done.stdout + done.stderr


def test_the_secret_key_is_not_printed_or_stored(stored: Stored) -> None:
    assert SECRET not in stored.printed
    for folder in (stored.downloaded, stored.in_bucket.folder):
        for path in folder.rglob("*"):
            assert not path.is_file() or SECRET.encode() not in path.read_bytes(), path


def test_the_preflight_refuses_a_study_in_a_bucket_too(stored: Stored) -> None:
    """By memory; this machine's disk is no limit for a bucket."""
    config = stored.in_bucket.config
    before = config.read_text()
    config.write_text(before + "\npreflight: {mem_gb: 0.1}\n")
    done = stored.in_bucket.snakemake(
        *("preflight", "--cores", "1", *IN_BUCKET, "--config", "outside_files=here"), **stored.storage.variables()
    )
    config.write_text(before)
    assert done.returncode != 0
    assert "memory: a job of" in done.stdout + done.stderr
    assert "disk:" not in done.stdout + done.stderr
    assert (stored.in_bucket.results() / "preflight.refused.txt").is_file()  # on the machine where extraction starts


def test_fetch_folder_keeps_places_and_counts(stored: Stored, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in stored.storage.variables().items():
        monkeypatch.setenv(name, value)
    folder = "results/tiny/benchmarks/extract_activations"
    n_files = fetch_folder(folder, tmp_path, prefix=PREFIX, endpoint=None, region=None)
    assert n_files == 2
    assert {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.tsv")} == {
        f"scenes/plain/main/{shard}.tsv" for shard in ("000", "001")
    }
    assert fetch_folder("results/other", tmp_path, prefix=PREFIX, endpoint=None, region=None) == 0
    with pytest.raises(ValueError, match="expected s3://bucket"):
        fetch_folder(folder, tmp_path, prefix="atlas", endpoint=None, region=None)
