"""A real Chromium (Debian's, driven by Playwright; nothing is downloaded) and an atlas to open in it.

The atlas is that of a small study with every analysis, run once, or the one given with ``--atlas``. Without Playwright
or Chromium the tests are skipped with the reason.
"""

from __future__ import annotations

import functools
import http.server
import os
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from opened import Opened

from workspace import Workspace

SECTIONS: dict[str, Any] = {
    "net2vec": {
        "datasets": ["scenes"],
        "layers": ["conv5"],
        "min_train_images": 2,
        "repeats": 2,
        "n_bootstrap": 10,
        "n_permutations": 19,
        "layers_for_subsets": ["conv5"],
        "subsets": {"segmentation": [1, 4], "classification": [1, 4]},
        "segmentation": {"epochs": 2},
        "classification": {"epochs": 2},
    },
    "similarity": {
        "datasets": ["scenes"],
        "n_permutations": 19,
        "n_bootstrap": 10,
        "unsupervised": {"n_concepts": 4, "n_stability": 1},
        "reference": {"measures": ["cka"]},
        "responses": {"kinds": []},
        "supervised": {"n_repeats": 2, "n_random": 5, "min_images": 2, "min_images_sfss": 2},
    },
    "robustness": {"datasets": ["scenes"], "models": ["plain"]},
    "requirements": {
        "list": [
            {"name": "detects", "metric": "unique_concepts", "model": "plain", "at_least": 0},
            {"name": "impossible", "metric": "unique_concepts", "model": "plain", "layer": "conv5", "at_least": 1000},
        ]
    },
}
PERTURBATIONS = "level\tkind\tamount\nnoise-5\tnoise\t5\nnoise-20\tnoise\t20\n"


@pytest.fixture(scope="session")
def results(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results of a small study with every analysis on, or those given with --results."""
    given = request.config.getoption("--results")
    if given is not None:
        return Path(given).resolve()
    finished: Workspace = request.getfixturevalue("finished")
    workspace = finished.copied(tmp_path_factory.mktemp("atlas") / "run")
    config = yaml.safe_load(workspace.config.read_text())
    config["sheets"]["perturbations"] = "perturbations.tsv"
    workspace.config.write_text(yaml.safe_dump({**config, **SECTIONS}, sort_keys=False))
    workspace.sheet("perturbations").write_text(PERTURBATIONS)
    done = workspace.snakemake("--cores", "2")
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-6000:]
    return workspace.results()


@pytest.fixture(scope="session")
def atlas(request: pytest.FixtureRequest) -> Path:
    """Folder of the atlas under test."""
    given = request.config.getoption("--atlas")
    if given is not None:
        folder = Path(given).resolve()
        assert (folder / "index.html").is_file(), f"--atlas {given}: there is no index.html"
        return folder
    made: Path = request.getfixturevalue("results") / "atlas"
    return made


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """A headless Chromium."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="needs Playwright: make install-browser")
    binary = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if binary is None:
        pytest.skip("needs Chromium: apt-get install chromium, or set CHROMIUM")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=binary, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@pytest.fixture
def opened(chromium: Any, atlas: Path) -> Iterator[Opened]:
    """The atlas from its folder, as by double click, in the light theme; ends with a check that nothing went wrong."""
    with Opened(chromium, f"file://{atlas}/index.html") as page:
        yield page
        page.check()


@pytest.fixture(scope="session")
def served(atlas: Path) -> Iterator[str]:
    """Address of the atlas on a web server of this machine."""
    handler = functools.partial(QuietHandler, directory=str(atlas))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/index.html"
    server.shutdown()


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    """Without a line on stderr a request."""

    def log_message(self, *_: Any) -> None:
        pass
