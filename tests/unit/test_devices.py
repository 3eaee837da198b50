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
