"""A SLURM on this machine (munge, slurmctld, two slurmd with declared GPUs, loopback only), and runs through it."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from workspace import REPOSITORY, Workspace

HERE = Path(__file__).parent
PROGRAMS = ("slurmctld", "slurmd", "sbatch", "squeue", "scancel", "munged")
ACCOUNTING = ("slurmdbd", "mariadbd", "mariadb-install-db", "sacctmgr")
PACKAGES = {"snakemake_executor_plugin_slurm": "snakemake-executor-plugin-slurm", "dask_jobqueue": "dask-jobqueue"}
FIELDS = "JobID:|,Name:|,State:|,Comment:|,tres-per-job:|,MinMemory:|"
POLL = ("--slurm-init-seconds-before-status-checks", "8", "--seconds-between-status-checks", "1")
"""Seconds until the plugin first asks for its jobs. It asks ever more rarely while none ends: 8, 18, 28 s."""


@dataclass(frozen=True)
class Job:
    """A job as SLURM knows it: `comment` names rule and wildcards for jobs of Snakemake."""

    job_id: str
    name: str
    state: str
    comment: str
    gpus: str
    mem: str


@dataclass(frozen=True)
class Slurm:
    """A running SLURM."""

    state: Path

    def jobs(self, comment: str = "", *, name: str = "") -> list[Job]:
        """All jobs it still knows, in the order of their numbers: whose comment and name contain what is given."""
        done = subprocess.run(
            ["squeue", "--noheader", "--states=all", f"--Format={FIELDS}"],
            capture_output=True,
            text=True,
            check=True,
        )
        found = [Job(*line.strip().split("|")[:6]) for line in done.stdout.splitlines()]
        wanted = [job for job in found if comment in job.comment and name in job.name]
        return sorted(wanted, key=lambda job: int(job.job_id))

    def cancel(self, job: Job) -> None:
        subprocess.run(["scancel", job.job_id], check=True)


def missing(more: Sequence[str] = ()) -> str:
    """Why no SLURM can be started here; "" if one can."""
    absent = [name for name in PROGRAMS if shutil.which(name) is None]
    if absent:
        return f"{', '.join(absent)} not found: apt-get install slurm-wlm munge"
    absent = [name for name in more if shutil.which(name) is None]
    if absent:
        return f"{', '.join(absent)} not found: apt-get install slurmdbd slurm-wlm-mysql-plugin mariadb-server"
    absent = [package for module, package in PACKAGES.items() if importlib.util.find_spec(module) is None]
    if absent:
        return f"{', '.join(absent)} not installed: make install-cluster"
    if os.geteuid() != 0:
        return "starting munge and slurmd needs root"
    return ""


@contextlib.contextmanager
def running_slurm(state: Path, *, accounting: bool = False) -> Iterator[Slurm]:
    reason = missing(ACCOUNTING if accounting else ())
    if reason:
        pytest.skip(f"needs SLURM: {reason}")
    started = subprocess.run(
        [HERE / "slurm_up.sh", state],
        env=environment(ACCT="dbd" if accounting else "none"),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    if started.returncode == 2:
        pytest.skip(f"needs SLURM: {started.stderr.strip()}")
    try:
        assert started.returncode == 0, started.stdout + started.stderr
        yield Slurm(state)
    finally:
        subprocess.run([HERE / "slurm_down.sh", state], check=True, timeout=60)


@pytest.fixture(scope="module")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slurm]:
    """A SLURM for a module: partitions cpu and gpu, two nodes of four declared CPUs and two declared GPUs each."""
    with running_slurm(tmp_path_factory.mktemp("slurm")) as running:
        yield running


@pytest.fixture(scope="module")
def slurm_with_accounting() -> Iterator[Slurm]:
    """The same with slurmdbd and its data base, whose user must reach its folder: not one of pytest's."""
    with (
        tempfile.TemporaryDirectory(prefix="slurm-", ignore_cleanup_errors=True) as folder,
        running_slurm(Path(folder), accounting=True) as running,
    ):
        yield running


def environment(**more: str) -> dict[str, str]:
    """For subprocesses: this interpreter's programs first, compiled files kept (jobs start Python again and again)."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "PYTHONDONTWRITEBYTECODE": "", **more}


def snakemake_on_slurm(workspace: Workspace, *arguments: str | Path) -> list[str]:
    """The command of a run of the tiny study through profiles/slurm."""
    command = ["snakemake", "--snakefile", REPOSITORY / "Snakefile", "--directory", workspace.folder]
    command += ["--workflow-profile", REPOSITORY / "profiles" / "slurm", "--configfile", workspace.config]
    return [str(part) for part in [*command, "--jobs", "8", *POLL, *arguments]]


@dataclass
class Background:
    """A command that runs while a test does things to it; what it prints goes to a file."""

    command: list[str]
    folder: Path
    output: Path
    variables: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        with self.output.open("w") as handle:
            self.process = subprocess.Popen(
                self.command,
                cwd=self.folder,
                env=environment(**self.variables),
                stdout=handle,
                stderr=subprocess.STDOUT,
                process_group=0,
            )

    def printed(self) -> str:
        return self.output.read_text(errors="replace")

    def wait_for(self, found: Callable[[], object], *, timeout_s: float = 150) -> object:
        """Whatever `found` returns as soon as that is true; fails when the command ends or time is up before."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            result = found()
            if result:
                return result
            assert self.process.poll() is None, f"ended too early:\n{self.printed()[-6000:]}"
            time.sleep(0.2)
        self.stop()
        raise AssertionError(f"not within {timeout_s} s:\n{self.printed()[-6000:]}")

    def wait_for_text(self, pattern: str, *, timeout_s: float = 150) -> re.Match[str]:
        result = self.wait_for(lambda: re.search(pattern, self.printed()), timeout_s=timeout_s)
        assert isinstance(result, re.Match)
        return result

    def interrupt(self) -> None:
        """Ctrl-C."""
        os.killpg(self.process.pid, signal.SIGINT)

    def finish(self, *, timeout_s: float = 280) -> int:
        try:
            return self.process.wait(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            self.stop()
            raise AssertionError(f"did not end within {timeout_s} s:\n{self.printed()[-6000:]}") from None

    def stop(self) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
