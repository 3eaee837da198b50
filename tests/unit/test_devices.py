"""Device leases: distinct for two processes, free again after a kill."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from conceptatlas import devices
from conceptatlas.devices import lease_device

HOLD = """
import sys
from conceptatlas.devices import lease_device
with lease_device("cuda", device_ids=["0", "GPU-aa/bb"], lock_dir=sys.argv[1], timeout_s=20) as device:
    print(device, flush=True)
    sys.stdin.readline()
"""


def hold(folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_processes_get_distinct_devices_and_a_killed_one_frees_its_own(tmp_path: Path) -> None:
    first = hold(tmp_path)
    assert line(first) == "cuda:0"
    second = hold(tmp_path)
    assert line(second) == "cuda:1"
    ids = ["0", "GPU-aa/bb"]
    try:
        with (
            pytest.raises(TimeoutError, match="no free device among 0, GPU-aa/bb"),
            lease_device("cuda", device_ids=ids, lock_dir=tmp_path, timeout_s=0),
        ):
            pass
        first.kill()
        first.wait()
        with lease_device("auto", device_ids=ids, lock_dir=tmp_path, timeout_s=5) as device:
            assert device == "cuda:0"
    finally:
        for process in (first, second):
            process.kill()
            process.communicate()


TURNS = """
import os, signal, sys, time
from pathlib import Path
from conceptatlas import devices
devices._POLL_S = 0.01
folder, number = Path(sys.argv[1]), int(sys.argv[2])
for turn in range(4):
    with devices.lease_device("cuda", device_ids=["0", "1", "2"], lock_dir=folder / "locks", timeout_s=60) as device:
        mark = folder / f"{device}.held"
        mark.touch(exist_ok=False)  # fails if another process holds this device
        time.sleep(0.02)
        mark.unlink()
        if turn == number:
            os.kill(os.getpid(), signal.SIGKILL)
print("done", flush=True)
"""


def test_many_processes_never_share_one_of_several_devices_though_some_are_killed(tmp_path: Path) -> None:
    """Processes 0 to 3 are killed (-9) while they hold a device; the others take all their turns."""
    started = [
        subprocess.Popen(
            [sys.executable, "-c", TURNS, str(tmp_path), str(number)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for number in range(10)
    ]  # fmt: skip
    ended = [process.communicate(timeout=60) for process in started]
    assert [process.returncode for process in started] == [-9] * 4 + [0] * 6, ended
    assert [out.strip() for out, _ in ended[4:]] == ["done"] * 6
    assert not list(tmp_path.glob("*.held"))


def test_leases_of_two_slurm_jobs_do_not_meet(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Device 0 of one job is another card than device 0 of the next."""
    monkeypatch.setattr(devices.tempfile, "gettempdir", lambda: str(tmp_path))
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    monkeypatch.setattr(devices, "visible_devices", lambda: ["0", "1"])
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    with lease_device("cuda") as first, lease_device("cuda") as second:
        assert (first, second) == ("cuda:0", "cuda:1")
        monkeypatch.setenv("SLURM_JOB_ID", "8")
        with lease_device("cuda", timeout_s=0) as other:
            assert other == "cuda:0"


def test_a_lease_ends_with_its_block_also_through_an_error(tmp_path: Path) -> None:
    for _ in range(2):
        with pytest.raises(KeyError), lease_device("cuda", device_ids=["7"], lock_dir=tmp_path, timeout_s=0):
            raise KeyError


def test_without_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "visible_devices", list)
    with lease_device("auto") as device:
        assert device == "cpu"
    with lease_device("cpu") as device:
        assert device == "cpu"
    with pytest.raises(ValueError, match="torch sees no CUDA device"), lease_device("cuda"):
        pass
    with pytest.raises(ValueError, match="unknown device 'gpu'"), lease_device("gpu"):
        pass


def test_the_scheduler_decides_where_it_already_does(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("SLURM_JOB_ID", "CUDA_VISIBLE_DEVICES", "KUBERNETES_SERVICE_HOST"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(devices, "visible_devices", lambda: ["3"])
    with lease_device("auto", lock_dir=tmp_path) as device:
        assert device == "cuda:0"
    monkeypatch.setenv("SLURM_JOB_ID", "12")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")
    with lease_device("auto", lock_dir=tmp_path / "none") as device:
        assert device == "cuda"
    assert not (tmp_path / "none").exists()
    monkeypatch.setattr(devices, "visible_devices", lambda: ["3", "4"])  # a SLURM job of two devices leases
    with lease_device("auto", lock_dir=tmp_path) as device:
        assert device == "cuda:0"
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    with lease_device("auto", lock_dir=tmp_path / "none") as device:
        assert device == "cuda"
