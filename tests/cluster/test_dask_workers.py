"""`conceptatlas cluster`: workers around a run, on this machine and as SLURM jobs; one is lost and replaced."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from slurm_fixtures import Background, Slurm, environment, snakemake_on_slurm
from study_digests import digest_of

from workspace import REPOSITORY, Workspace

pytest.importorskip("cryptography", reason="needs the extra `cluster`: make install-cluster")
pytest.importorskip("bokeh", reason="needs the extra `cluster`: make install-cluster")

SQUARES = str(Path(__file__).parent / "slow_squares.py")
PATHS = {"PYTHONPATH": os.pathsep.join([str(REPOSITORY / "workflow"), str(Path(__file__).parent)])}


def cluster(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "conceptatlas", "cluster", *[str(part) for part in arguments]]


def refused(folder: Path, *arguments: str, **variables: str) -> str:
    """What is printed for a request that cannot be met; one line."""
    done = subprocess.run(
        cluster(*arguments), cwd=folder, env=environment(**variables), capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    return done.stderr


def alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def children(pid: int) -> list[int]:
    """Processes below a process."""
    import psutil

    return [child.pid for child in psutil.Process(pid).children(recursive=True)]


def test_mistakes_are_named_before_anything_starts(tmp_path: Path) -> None:
    assert "no command" in refused(tmp_path, "--local", "2")
    assert "'snakemaek' was not found" in refused(tmp_path, "--local", "2", "--", "snakemaek")
    assert "workers: expected at least 1, got 0" in refused(tmp_path, "--local", "0", "--", "true")
    assert "network interface 'lo9'" in refused(tmp_path, "--interface", "lo9", "--local", "1", "--", "true")
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "true").symlink_to("/bin/true")
    assert "sbatch was not found" in refused(tmp_path, "--", "true", PATH=str(programs))
    assert not (tmp_path / "logs").exists()


def test_workers_of_this_machine_with_page_and_report(tmp_path: Path) -> None:
    command = cluster("--local", 2, "--dashboard", 0, "--report", "dask/report.html", "--", sys.executable, SQUARES, 24)
    run = Background([*command, "out.json"], tmp_path, tmp_path / "printed.txt", PATHS)
    try:
        page = run.wait_for_text(r"dashboard: (http://127\.0\.0\.1:\d+/status)").group(1)
        run.wait_for_text("done 2 ")
        assert urllib.request.urlopen(page, timeout=20).status == 200
        key = next((tmp_path / "logs" / "dask").glob(".key-*"))
        assert key.stat().st_mode & 0o077 == 0
        assert run.finish(timeout_s=60) == 0, run.printed()
    finally:
        run.stop()
    assert json.loads((tmp_path / "out.json").read_text()) == [n * n for n in range(24)]
    assert len(set(re.findall(r"done \d+ (\d+)", run.printed()))) == 2
    assert "square" in (tmp_path / "dask" / "report.html").read_text()
    assert not key.exists()


def test_ctrl_c_ends_command_and_workers(tmp_path: Path) -> None:
    command = cluster("--local", 2, "--", sys.executable, SQUARES, 200, "out.json")
    run = Background(command, tmp_path, tmp_path / "printed.txt", PATHS)
    try:
        run.wait_for_text("done 2 ")
        below = children(run.process.pid)
        assert len(below) >= 3
        run.process.send_signal(signal.SIGINT)
        assert run.finish(timeout_s=60) != 0
    finally:
        run.stop()
    deadline = time.monotonic() + 10
    while any(alive(pid) for pid in below) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not [pid for pid in below if alive(pid)]
    assert not (tmp_path / "out.json").exists()


def test_the_exit_status_is_the_commands(tmp_path: Path) -> None:
    done = subprocess.run(
        cluster("--local", 1, "--", "sh", "-c", "exit 7"), cwd=tmp_path, env=environment(), check=False
    )
    assert done.returncode == 7


def test_workers_with_other_code_are_refused(tmp_path: Path) -> None:
    """A job whose library is not that of the workers stops with a line that says so."""
    shutil.copytree(REPOSITORY / "workflow" / "conceptatlas", tmp_path / "other" / "conceptatlas")
    with (tmp_path / "other" / "conceptatlas" / "naming.py").open("a") as handle:
        handle.write("# edited\n")
    job = f"PYTHONPATH={tmp_path / 'other'}:{Path(SQUARES).parent} {sys.executable} {SQUARES} 2 out.json"
    done = subprocess.run(
        cluster("--local", 1, "--", "sh", "-c", job),
        cwd=tmp_path, env=environment(**PATHS), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode != 0
    assert "has other code of conceptatlas" in done.stderr


@pytest.mark.slurm
@pytest.mark.workflow
def test_a_lost_worker_is_replaced_and_the_results_are_the_same(
    slurm: Slurm, finished: Workspace, tmp_path: Path
) -> None:
    tiny = finished.copied(tmp_path / "run")
    layer = tiny.results() / "dissection" / "scenes" / "plain" / "conv3"
    shutil.rmtree(layer)
    target = str((layer / "labels.parquet").relative_to(tiny.folder))
    study = snakemake_on_slurm(tiny, target)
    squares = [sys.executable, SQUARES, "40", "out.json"]
    options = ["--workers", 2, "--memory-mb", 900, "--interface", "lo", "--report", "report.html"]
    command = cluster(*options, "--", "sh", "-c", f"{shlex.join(squares)} && {shlex.join(study)}")
    run = Background(command, tiny.folder, tmp_path / "printed.txt", PATHS)
    try:
        place = run.wait_for_text(r"done 8 (\d+)").group(1)
        lost = next(job for job in slurm.jobs(name="conceptatlas-dask") if job.job_id == place)
        slurm.cancel(lost)
        assert run.finish(timeout_s=200) == 0, run.printed()[-6000:]
    finally:
        run.stop()
    assert json.loads((tiny.folder / "out.json").read_text()) == [n * n for n in range(40)]
    workers = slurm.jobs(name="conceptatlas-dask")
    assert len(workers) >= 3
    assert not [job for job in workers if job.state in {"PENDING", "RUNNING"}]
    assert slurm.jobs("rule_layer_")[-1].state == "COMPLETED"  # the job that connected to them
    report = (tiny.folder / "report.html").read_text()
    assert "square" in report
    assert "null_block" in report  # computed on the workers for that job
    made = [path for path in layer.iterdir() if path.is_file()]
    assert made
    theirs = finished.results() / "dissection" / "scenes" / "plain" / "conv3"
    assert [path.name for path in made if digest_of(path) != digest_of(theirs / path.name)] == []


@pytest.mark.slurm
def test_a_worker_that_never_connects_is_replaced(slurm: Slurm, tmp_path: Path) -> None:
    known = {job.job_id for job in slurm.jobs(name="conceptatlas-dask")}
    options = ["--workers", 1, "--memory-mb", 900, "--interface", "lo"]
    run = Background(cluster(*options, "--", "true"), tmp_path, tmp_path / "printed.txt", PATHS)

    def submitted() -> list[str]:
        return [job.job_id for job in slurm.jobs(name="conceptatlas-dask") if job.job_id not in known]

    try:
        run.wait_for(submitted)
        subprocess.run(["scancel", submitted()[0]], check=True)
        assert run.finish(timeout_s=60) == 0, run.printed()
    finally:
        run.stop()
    assert len(submitted()) == 2


@pytest.mark.slurm
def test_options_that_sbatch_refuses_are_named(slurm: Slurm, tmp_path: Path) -> None:
    told = refused(tmp_path, "--queue", "nosuch", "--interface", "lo", "--", "true")
    assert "sbatch refuses the workers' job" in told
    assert "nosuch" in told
