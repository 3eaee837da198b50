"""Options and fixtures of the whole test suite."""

from __future__ import annotations

from pathlib import Path

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--real-data", default=None, help="folder of real images and weights for the tests marked `real`")
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
