"""The tiny study: fresh, finished, and a copy to change."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from filelock import FileLock

from workspace import REPOSITORY, Workspace, new_workspace


@pytest.fixture
def fresh(tmp_path: Path) -> Workspace:
    """The tiny study, not yet run."""
    return new_workspace(tmp_path / "fresh")


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """The tiny study, run once for all tests of a session; do not change it (`tiny` is a copy to change)."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:  # the folder above is that of all workers
        shared = shared.parent
    folder = shared / "finished"
    with FileLock(shared / "finished.lock"):
        if folder.is_dir():
            return Workspace(folder)
        unfinished = new_workspace(shared / "unfinished")
        done = unfinished.snakemake("--cores", "2")
        assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-6000:]
        unfinished.folder.rename(folder)
    return Workspace(folder)


@pytest.fixture
def tiny(finished: Workspace, tmp_path: Path) -> Workspace:
    """The finished tiny study in a folder of its own."""
    return finished.copied(tmp_path / "tiny")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the project's code, to be edited."""
    copy = tmp_path / "checkout"
    ignore = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for name in ("workflow", "envs"):
        shutil.copytree(REPOSITORY / name, copy / name, ignore=ignore)
    shutil.copy(REPOSITORY / "Snakefile", copy / "Snakefile")
    (copy / "resources").symlink_to(REPOSITORY / "resources")
    return copy
