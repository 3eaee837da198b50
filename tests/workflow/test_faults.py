"""Damage and death: detected at the next read, named, and exactly that shard is made again, with the same digests."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import h5py
import pytest

from workspace import REPOSITORY, Workspace

pytestmark = pytest.mark.workflow

SHARD = "activations/scenes/plain/main/001"
STATISTICS = "statistics/scenes/plain/conv3"


def stored(tiny: Workspace, suffix: str) -> Path:
    return tiny.results() / f"{SHARD}{suffix}"


def digests(manifest: Path) -> dict[str, str]:
    return {name: array["digest"] for name, array in json.loads(manifest.read_text())["arrays"].items()}


def flip_a_byte(path: Path) -> None:
    with h5py.File(path, "r") as file:
        offset = file["conv3/activations"].id.get_offset()
    with path.open("r+b") as file:
        file.seek(offset + 1001)
        byte = file.read(1)
        file.seek(offset + 1001)
        file.write(bytes([byte[0] ^ 4]))


def truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 4096)


@pytest.mark.parametrize("damage", [flip_a_byte, pytest.param(truncate, marks=pytest.mark.long)])
def test_a_damaged_shard_is_named_and_made_again(tiny: Workspace, damage: Callable[[Path], None]) -> None:
    before = digests(stored(tiny, ".json"))
    damage(stored(tiny, ".h5"))
    target = tiny.results() / f"{STATISTICS}.json"
    target.unlink()
    failed = tiny.snakemake(str(target.relative_to(tiny.folder)), "--cores", "1")
    assert failed.returncode != 0
    assert "001.json" in failed.stdout + failed.stderr
    assert stored(tiny, ".json.damaged").exists()
    assert not stored(tiny, ".json").exists()
    again = [str(target.relative_to(tiny.folder)), "--cores", "1"]
    assert tiny.planned(*again)["extract_activations"] == 1
    assert tiny.snakemake(*again).returncode == 0
    assert digests(stored(tiny, ".json")) == before


def test_verify_repairs_what_nothing_would_read(tiny: Workspace) -> None:
    flip_a_byte(stored(tiny, ".h5"))
    assert tiny.planned() == {}  # nothing reads it any more
    command = [sys.executable, "-m", "conceptatlas", "verify", str(tiny.results())]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    assert found.returncode == 1
    assert "001.h5: conv3/activations differs from its digest" in found.stdout
    repaired = subprocess.run([*command, "--repair"], capture_output=True, text=True, check=False)
    assert repaired.returncode == 1
    assert tiny.planned()["extract_activations"] == 1


def test_a_killed_extraction_leaves_nothing_half_written(tiny: Workspace) -> None:
    before = digests(stored(tiny, ".json"))
    stored(tiny, ".json").unlink()
    stored(tiny, ".h5").unlink()
    log = tiny.results() / "logs" / "extract_activations" / "scenes" / "plain" / "main" / "001.log"
    log.unlink()
    target = str(stored(tiny, ".json").relative_to(tiny.folder))
    command = [sys.executable, "-m", "snakemake", target, "--cores", "1", "--directory", str(tiny.folder)]
    command += ["--snakefile", str(tiny.checkout / "Snakefile"), "--configfile", str(tiny.config)]
    command += ["--workflow-profile", str(REPOSITORY / "profiles" / "default")]
    with (tiny.folder / "killed.log").open("w") as output:
        running = subprocess.Popen(command, cwd=tiny.folder, stdout=output, stderr=output, start_new_session=True)
        deadline = time.monotonic() + 120
        while not log.exists():
            assert time.monotonic() < deadline, (tiny.folder / "killed.log").read_text()
            assert running.poll() is None, (tiny.folder / "killed.log").read_text()
            time.sleep(0.02)
        os.killpg(running.pid, signal.SIGKILL)
        running.wait()
    assert not stored(tiny, ".json").exists()
    assert tiny.snakemake("--unlock").returncode == 0
    assert tiny.planned(target) == {"extract_activations": 1}
    done = tiny.snakemake(target, "--cores", "1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert digests(stored(tiny, ".json")) == before
    assert not stored(tiny, ".h5.part").exists()
