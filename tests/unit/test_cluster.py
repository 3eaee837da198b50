"""`conceptatlas cluster`: what it refuses, and how a command ends (tests/cluster starts workers)."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path

import pytest

from conceptatlas import cluster
from conceptatlas.__main__ import main
from conceptatlas.cluster import Workers, check_request

PRESENT = {"sbatch", "snakemake"}
INSTALLED = {"cryptography", "bokeh", "dask_jobqueue"}


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A machine with everything; its programs and packages can be taken away."""
    monkeypatch.setattr(cluster.shutil, "which", lambda name: name if name in PRESENT else None)
    monkeypatch.setattr(cluster, "find_spec", lambda name: name if name in INSTALLED else None)
    monkeypatch.setattr(cluster.psutil, "net_if_addrs", lambda: {"lo": [], "eth0": []})
    return monkeypatch


def without(machine: pytest.MonkeyPatch, name: str) -> None:
    machine.setattr(cluster.shutil, "which", lambda given: given if given in PRESENT - {name} else None)
    machine.setattr(cluster, "find_spec", lambda given: given if given in INSTALLED - {name} else None)


def test_a_sound_request_passes(machine: pytest.MonkeyPatch) -> None:
    check_request(["snakemake"], Workers(n=2, interface="eth0"), dashboard=0, report=Path("report.html"))


@pytest.mark.parametrize(
    ("taken", "workers", "message"),
    [
        ("snakemake", Workers(n=1), "command 'snakemake' was not found"),
        ("sbatch", Workers(n=1), "sbatch was not found"),
        ("dask_jobqueue", Workers(n=1), "need dask-jobqueue: install it with `make install-cluster`"),
        ("cryptography", Workers(n=1, local=True), "need cryptography"),
        ("bokeh", Workers(n=1, local=True), "--dashboard and --report need bokeh"),
        ("", Workers(n=0), "workers: expected at least 1, got 0"),
        ("", Workers(n=1, cores=0), "cores: expected at least 1, got 0"),
        ("", Workers(n=1, walltime_min=-5), "walltime: expected at least 1, got -5"),
        ("", Workers(n=1, interface="eht0"), "unknown network interface 'eht0' in this machine; did you mean 'eth0'"),
        ("", Workers(n=1, interface="ib0", scheduler_interface="ib1"), "'ib1'"),
    ],
)
def test_what_cannot_work_is_named(machine: pytest.MonkeyPatch, taken: str, workers: Workers, message: str) -> None:
    without(machine, taken)
    with pytest.raises(ValueError, match=message):
        check_request(["snakemake"], workers, dashboard=0)


def test_workers_of_this_machine_need_no_slurm(machine: pytest.MonkeyPatch) -> None:
    for name in ("sbatch", "dask_jobqueue"):
        without(machine, name)
        check_request(["snakemake"], Workers(n=2, local=True))


def test_a_mistake_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cluster", "--local", "2"]) == 1
    assert (
        capsys.readouterr().err == "conceptatlas cluster: no command: conceptatlas cluster [options] -- snakemake ...\n"
    )


@pytest.mark.parametrize(("ending", "status"), [("sys.exit(3)", 3), ("os.kill(os.getpid(), 9)", 137), ("pass", 0)])
def test_the_status_is_the_commands(ending: str, status: int) -> None:
    assert cluster._run([sys.executable, "-c", f"import os, sys; {ending}"], dict(os.environ)) == status


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_reaches_the_command_once_and_handlers_come_back(number: signal.Signals, tmp_path: Path) -> None:
    counting = (
        "import signal, sys, time, pathlib; seen = []; "
        f"signal.signal({int(number)}, lambda *_: seen.append(1)); pathlib.Path(sys.argv[1]).touch(); "
        "time.sleep(1.5); sys.exit(40 + len(seen))"
    )
    ready = tmp_path / "ready"

    def send() -> None:
        while not ready.exists():
            time.sleep(0.02)
        os.kill(os.getpid(), number)

    before = signal.getsignal(number)
    sender = threading.Thread(target=send)
    sender.start()
    status = cluster._run([sys.executable, "-c", counting, str(ready)], dict(os.environ))
    sender.join()
    assert status == 41
    assert signal.getsignal(number) is before


def test_workers_take_the_library_of_the_checkout_the_run_starts_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cluster._library() == Path(cluster.__file__).parents[1]
    (tmp_path / "workflow" / "conceptatlas").mkdir(parents=True)
    assert cluster._library() == tmp_path / "workflow"


def test_keys_are_the_users_own_and_go(tmp_path: Path) -> None:
    pytest.importorskip("cryptography", reason="needs the extra `cluster`: make install-cluster")
    with cluster._keys(tmp_path) as keys:
        assert {path.name for path in keys.iterdir()} == {"key.pem", "certificate.pem"}
        assert keys.stat().st_mode & 0o077 == 0
        assert all(path.stat().st_mode & 0o077 == 0 for path in keys.iterdir())
    assert list(tmp_path.iterdir()) == []
