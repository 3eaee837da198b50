"""Units through a generator, and the page of a classifier and a generator; tables from tests/made_linking.py."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from opened import Opened, violations

import made_linking
from conceptatlas.atlas.whole import DEFAULTS, build_whole

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def linked_atlas(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The atlas of the small study as if a generator had been linked to `plain`, whose head reads layer conv5."""
    if request.config.getoption("--atlas") is not None:
        pytest.skip("adds to the results of the small study; --atlas names another one's atlas")
    results: Path = request.getfixturevalue("results")
    folder = tmp_path_factory.mktemp("linked")
    for path in results.rglob("*"):
        inside = path.relative_to(results)
        if path.is_file() and inside.parts[0] not in ("atlas", "figures", "linking"):
            (folder / "results" / inside).parent.mkdir(parents=True, exist_ok=True)
            os.link(path, folder / "results" / inside)
    made_linking.write_linking(folder / "results/linking/painter/plain", modules=["conv5"], n_units=128)
    config = yaml.safe_load((results / "run_config.yaml").read_text())
    config["config"]["linking"] |= {"generators": ["painter"], "models": ["plain"]}
    config["generators"] = [{"generator": "painter", "source": "user", "architecture": "mine.py:painter"}]
    (folder / "results/run_config.yaml").unlink()
    (folder / "results/run_config.yaml").write_text(yaml.safe_dump(config))
    build_whole(folder / "results", folder / "atlas", options=DEFAULTS)
    shutil.rmtree(folder / "results")
    return folder / "atlas"


@pytest.fixture
def linked(chromium: Any, linked_atlas: Path) -> Iterator[Opened]:
    with Opened(chromium, f"file://{linked_atlas}/index.html") as page:
        yield page
        page.check()


def test_a_unit_shows_its_effect_with_intervals(linked: Opened) -> None:
    page = linked.go("#/unit/scenes/plain/conv5/0")
    card = page.locator("section.card", has=page.locator("h2", has_text="Through the generator"))
    assert card.locator(".badge").first.inner_text() == "follows its own change"
    assert card.locator(".generated img").count() == 1
    card.locator(".generated img").scroll_into_view_if_needed()
    linked.until("[...document.querySelectorAll('.generated img')].every(image => image.naturalWidth === 24)")
    assert "boat (0.5), car (-0.5)" in card.inner_text()
    changes = card.locator("table").first.locator("a.number[data-column='mean']")
    assert changes.first.inner_text().startswith("10 [9.8, 10.2]")
    assert "<b>sail</b>" in card.inner_text()
    sparsity = card.locator("a.number[data-column='sparsity']").first
    sparsity.hover()
    assert "Hoyer" in page.locator("#tip").inner_text()
    row = sparsity.get_attribute("data-row")
    sparsity.click()
    page.wait_for_selector("tr.wanted")
    assert page.locator("tr.wanted th").inner_text() == row
    assert "4 of 16 rows" in page.inner_text("main")


def test_where_nothing_is_known_nothing_is_said(linked: Opened) -> None:
    page = linked.go("#/unit/scenes/plain/conv5/1")
    assert "This unit was not tuned" in page.inner_text("main")
    page = linked.go("#/unit/scenes/plain/conv3/0")
    assert "Through the generator" not in page.inner_text("main")
    page = linked.go("#/linked/scenes/plain/nobody")
    assert "no generator nobody" in page.inner_text("main")


def test_from_the_model_to_the_link_and_its_units(linked: Opened) -> None:
    page = linked.go("#/model/scenes/plain")
    page.locator("a", has_text="Link to painter").click()
    linked.until("document.querySelector('main').dataset.page === 'linked'")
    text = page.inner_text("main")
    assert "conv5" in text
    assert "75 % [30 %, 95 %]" in text
    assert page.locator(".heatmap .cell.undefined").count() == 2
    assert page.locator("table a[href='#/unit/scenes/plain/conv5/3']").count() > 0
    page.select_option("label:has-text('Metric') select", "centre_x")
    assert "centre x and little else" in page.inner_text("main")
    page.locator(".heatmap").first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    page.wait_for_selector("tr.wanted")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_there(chromium: Any, linked_atlas: Path, theme: str) -> None:
    with Opened(chromium, f"file://{linked_atlas}/index.html", theme=theme) as opened:
        said = []
        for address in ("#/unit/scenes/plain/conv5/0", "#/linked/scenes/plain/painter", "#/method/linking"):
            said += violations(opened.go(address), address)
        assert not said, "\n".join(said)
        opened.check()
