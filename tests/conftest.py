"""Options and fixtures of the whole test suite."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from workspace import Workspace, finished_study


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--real-data", default=None, help="folder of real images and weights for the tests marked `real`")
    parser.addoption("--tiny", default=None, help="where suites that follow each other keep the finished tiny study")
    parser.addoption("--atlas", default=None, help="an atlas to open in tests/browser instead of a small study's")
    parser.addoption("--results", default=None, help="results of a small study for tests/browser, instead of a run")


@pytest.fixture(scope="session")
def real_data(request: pytest.FixtureRequest) -> Path:
    """The folder given with --real-data; tests that need it are skipped without it."""
    given = request.config.getoption("--real-data")
    if given is None:
        pytest.skip("needs real images and weights: pytest --real-data FOLDER")
    folder = Path(given)
    if not folder.is_dir():
        pytest.fail(f"--real-data {folder}: no such folder")
    return folder


@pytest.fixture(scope="session")
def finished(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """The tiny study, run once for all tests; do not change it (`finished.copied` is to be changed)."""
    given = request.config.getoption("--tiny")
    if given is not None:
        return finished_study(Path(given))
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:  # the folder above is that of all workers
        shared = shared.parent
    return finished_study(shared / "finished")
