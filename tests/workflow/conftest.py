"""The tiny study: fresh, finished, and a copy to change."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from workspace import REPOSITORY, Workspace, new_workspace


@pytest.fixture
def fresh(tmp_path: Path) -> Workspace:
    """The tiny study, not yet run."""
    return new_workspace(tmp_path / "fresh")


@pytest.fixture
def tiny(finished: Workspace, tmp_path: Path) -> Workspace:
    """The finished tiny study in a folder of its own."""
    return finished.copied(tmp_path / "tiny")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the project's code, to be edited; with its bytecode, but without kernels compiled from other files."""
    copy = tmp_path / "checkout"
    ignore = shutil.ignore_patterns("*.egg-info", "*.nbi", "*.nbc", "*.pyc.*", "*.part", "*.tmp*")
    for name in ("workflow", "envs"):
        shutil.copytree(REPOSITORY / name, copy / name, ignore=ignore)
    shutil.copy(REPOSITORY / "Snakefile", copy / "Snakefile")
    (copy / "resources").symlink_to(REPOSITORY / "resources")
    return copy
