"""Pages of Linking in Style, of FALCON's groups and of layers on two data sets, from tables that tests made
(made_linking.py, made_falcon.py, made_across.py)."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from opened import Opened, click_cell, violations

import made_across
import made_falcon
import made_linking
from conceptatlas.atlas.whole import DEFAULTS, build_whole

pytestmark = pytest.mark.browser

ACROSS = "#/across/scenes/others"
AT = f"{ACROSS}/plain/conv5?match=0~0"
GROUP = "#/group/scenes/plain/conv5/eyes~captions/0-3"
PAGES = ("#/unit/scenes/plain/conv5/0", "#/linked/scenes/plain/painter", GROUP, ACROSS, AT)


@pytest.fixture(scope="module")
def made_atlas(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The atlas of the small study as if a generator had been linked to `plain`, whose head reads layer conv5, FALCON
    had explained features of that layer, and the same images were another data set, `others`, too."""
    if request.config.getoption("--atlas") is not None:
        pytest.skip("adds to the results of the small study; --atlas names another one's atlas")
    results: Path = request.getfixturevalue("results")
    folder = tmp_path_factory.mktemp("made")
    for path in results.rglob("*"):
        inside = path.relative_to(results)
        if path.is_file() and inside.parts[0] not in ("atlas", "figures", "linking", "falcon", "open_vocabulary"):
            for dataset in made_across.SETS if "net2vec" not in inside.parts else made_across.SETS[:1]:
                copy = folder / "results" / Path(*(dataset if part == "scenes" else part for part in inside.parts))
                copy.parent.mkdir(parents=True, exist_ok=True)
                if not copy.exists():
                    os.link(path, copy)
    for model, layers in (("plain", ["conv3", "conv5"]), ("plain_random", ["conv5"])):
        made_across.write_across(folder / "results/similarity/across", model=model, layers=layers)
    made_linking.write_linking(folder / "results/linking/painter/plain", modules=["conv5"], n_units=128)
    made_falcon.write_falcon(folder / "results/falcon/scenes/plain/conv5")
    config = yaml.safe_load((results / "run_config.yaml").read_text())
    config["datasets"].append(config["datasets"][0] | {"dataset": made_across.SETS[1]})
    config["config"]["similarity"]["datasets"] = list(made_across.SETS)
    config["config"]["linking"] |= {"generators": ["painter"], "models": ["plain"]}
    config["config"]["falcon"] |= {"datasets": ["scenes"], "models": ["plain"], "layers": ["conv5"], "encoders": None}
    config["config"]["open_vocabulary"] |= {"datasets": []}
    config["encoders"] = [{"encoder": "eyes"}]
    config["vocabularies"] = [{"vocabulary": "captions", "encoder": ""}]
    config["generators"] = [{"generator": "painter", "source": "user", "architecture": "mine.py:painter"}]
    (folder / "results/run_config.yaml").unlink()
    (folder / "results/run_config.yaml").write_text(yaml.safe_dump(config))
    build_whole(folder / "results", folder / "atlas", options=DEFAULTS | {"figure_width": 0})
    shutil.rmtree(folder / "results")
    return folder / "atlas"


@pytest.fixture
def made(chromium: Any, made_atlas: Path) -> Iterator[Opened]:
    with Opened(chromium, f"file://{made_atlas}/index.html") as page:
        yield page
        page.check()


def test_a_unit_shows_its_effect_with_intervals(made: Opened) -> None:
    page = made.go("#/unit/scenes/plain/conv5/0")
    card = page.locator("section.card", has=page.locator("h2", has_text="Through the generator"))
    assert card.locator(".badge").first.inner_text() == "follows its own change"
    assert card.locator(".generated img").count() == 1
    card.locator(".generated img").scroll_into_view_if_needed()
    made.until("[...document.querySelectorAll('.generated img')].every(image => image.naturalWidth === 24)")
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


def test_where_nothing_is_known_nothing_is_said(made: Opened) -> None:
    page = made.go("#/unit/scenes/plain/conv5/1")
    assert "This unit was not tuned" in page.inner_text("main")
    page = made.go("#/unit/scenes/plain/conv3/0")
    assert "Through the generator" not in page.inner_text("main")
    page = made.go("#/linked/scenes/plain/nobody")
    assert "no generator nobody" in page.inner_text("main")


def test_from_the_model_to_the_link_and_its_units(made: Opened) -> None:
    page = made.go("#/model/scenes/plain")
    page.locator("a", has_text="Link to painter").click()
    made.until("document.querySelector('main').dataset.page === 'linked'")
    text = page.inner_text("main")
    assert "conv5" in text
    assert "75 % [30 %, 95 %]" in text
    assert page.locator(".heatmap .cell.undefined").get_attribute("d").count("M") == 2
    assert page.locator("table a[href='#/unit/scenes/plain/conv5/3']").count() > 0
    page.select_option("label:has-text('Metric') select", "centre_x")
    assert "centre x and little else" in page.inner_text("main")
    page.locator(".heatmap").first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    page.wait_for_selector("tr.wanted")


def test_a_group_from_a_unit_and_from_search(made: Opened) -> None:
    page = made.go("#/unit/scenes/plain/conv5/3")
    page.locator(f"a[href='{GROUP}']").click()
    made.until("document.querySelector('main').dataset.page === 'group'")
    assert page.locator("s").all_inner_texts() == ["road"]
    assert page.locator("tbody th").all_inner_texts() == ["<i>wheel</i>", "road", "sky"]
    assert page.locator(".pictures").first.locator("path.dim").count() == 1  # the other crop is the whole frame
    assert page.locator(".pictures").nth(1).locator("figure").count() == 2
    assert page.locator("a[href='#/unit/scenes/plain/conv5/0']").count() == 1
    score = page.locator("a.number[data-column='score']").first
    score.hover()
    assert "Interval: 0.3 to 0.7" in page.locator("#tip").inner_text()
    page = made.go("#/search?q=wheel")
    assert page.locator(f".results a[href='{GROUP}']").count() == 1
    assert "no group 7" in made.go(GROUP.replace("0-3", "7")).inner_text("main")


def test_layers_on_two_data_sets(made: Opened) -> None:
    page = made.go("#/")
    assert "mean cosine of 0.6" in page.inner_text("main")
    assert "captions explain 75 % [50 %, 90 %] of 4 features" in page.inner_text("main")
    page = made.go("#/layer/scenes/plain/conv5")
    page.locator(f"a[href='{ACROSS}/plain/conv5']").click()
    made.until("document.querySelector('main').dataset.page === 'across'")
    assert "no <i>permutation</i>" in page.locator("[data-tip*=permutation]").first.get_attribute("data-tip")
    cosine = page.locator("a.number[data-column='similarity']").first
    cosine.hover()
    assert "By chance, 95 % point: 0.5" in page.locator("#tip").inner_text()
    assert page.locator("a.number[data-column='similarity']").nth(1).inner_text() == "0.3 [0.2, 0.4]"
    assert page.locator("a[href='#/found/others/plain/conv5?concept=1']").count() == 2  # matched, but not above chance
    click_cell(page.locator(".heatmap").first, 0, 1)
    page.wait_for_selector("#match .side")
    assert page.locator("#match .side h3").all_inner_texts() == ["scenes, concept 0", "others, concept 1"]
    page.select_option("label:has-text('Colour') select", "b1")
    assert "show=b1&match=0%7E1" in page.evaluate("location.hash")
    page = made.go(ACROSS)
    page.fill("label:has-text('Layer') input", "conv3")
    assert page.locator(".count").inner_text() == "1 of 3 layers"
    assert page.locator(".chart .ceiling").count() == 1
    page = made.go("#/search?q=conv3 others")
    assert page.locator(f".results a[href='{ACROSS}/plain/conv3']").count() == 1
    assert "does not compare" in made.go("#/across/others/scenes").inner_text("main")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_there(chromium: Any, made_atlas: Path, theme: str) -> None:
    with Opened(chromium, f"file://{made_atlas}/index.html", theme=theme) as opened:
        said = []
        for address in (*PAGES, "#/method/linking"):
            said += violations(opened.go(address), address, theme)
        assert not said, "\n".join(said)
        opened.check()


def test_a_narrow_window_does_not_scroll_sideways_there(chromium: Any, made_atlas: Path) -> None:
    with Opened(chromium, f"file://{made_atlas}/index.html", width=420, height=800) as opened:
        for address in PAGES:
            page = opened.go(address)
            wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert wide <= 1, address
        opened.check()
