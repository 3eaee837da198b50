"""What a reader does with an atlas: search, filter, sort, follow a number to its row, a cell to its pictures."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pytest
from opened import Opened, click_cell

pytestmark = pytest.mark.browser


def first_link(page: Any, start: str) -> str:
    href: str = page.locator(f"a[href^='{start}']").first.get_attribute("href")
    return href


def layer_with_units(opened: Opened) -> str:
    page = opened.go("#/")
    units = page.evaluate(
        "Atlas.overview.layers.filter(l => l.results.includes('units')).sort((a, b) => b.detectors - a.detectors)[0]"
    )
    return "/".join(("#/layer", units["dataset"], units["model"], units["layer"]))


def compared_dataset(page: Any) -> str:
    compared = "Atlas.overview.datasets.filter(d => d.tables.includes('similarity_summary')).map(d => d.dataset)"
    names: list[str] = page.evaluate(compared)
    if not names:
        pytest.skip("this study compares no layers")
    return names[0]


def test_search_finds_concepts_units_and_layers(opened: Opened) -> None:
    page = opened.go("#/")
    place = page.evaluate("Atlas.overview.layers[0]")
    word = page.evaluate("Atlas.load('study/search').then(s => s.words.filter(Boolean)[0])")
    page.fill("#query", word)
    opened.until("document.querySelector('main').dataset.page === 'search'")
    assert page.locator(".results a").filter(has_text=word).count() > 0
    page.fill("#query", f"{place['model']} {place['layer']} 1")
    opened.until("document.querySelector('main h1').textContent.endsWith(' 1')")
    assert page.locator(f"a[href='#/unit/{place['dataset']}/{place['model']}/{place['layer']}/1']").count() == 1
    page.fill("#query", "zzzz")
    opened.until("document.querySelector('main').textContent.includes('Nothing found')")


def test_filter_and_sort_of_a_layer(opened: Opened) -> None:
    page = opened.go(layer_with_units(opened))
    shown = page.locator("ul.grid > li")
    assert shown.count() > 0
    all_units = page.locator(".count").inner_text()
    page.select_option("label:has-text('Show') select", "detectors")
    assert page.locator(".count").inner_text() != all_units
    page.select_option("label:has-text('Show') select", "all units")
    page.select_option("label:has-text('Sort by') select", "unit")
    first = page.locator("ul.grid > li[data-index='0'] a").get_attribute("href")
    assert first.endswith("/0")
    label = page.locator("ul.grid > li[data-index='0'] b").inner_text()
    page.fill("label:has-text('Label') input", label)
    texts = page.locator("ul.grid > li b").all_inner_texts()
    assert texts
    assert all(label.rstrip("…") in text for text in texts)
    assert f"label={label}".replace(" ", "+") in page.evaluate("location.hash")  # a link to what is seen


def test_a_number_explains_itself_and_leads_to_its_row(opened: Opened) -> None:
    page = opened.go(layer_with_units(opened))
    page = opened.go(page.locator("ul.grid > li[data-index='0'] a").get_attribute("href"))
    number = page.locator("a.number[data-column='iou_category']").first
    number.hover()
    tip = page.locator("#tip")
    assert tip.is_visible()
    assert "IoU" in tip.inner_text()
    assert ("Interval" in tip.inner_text()) == bool(number.get_attribute("data-range"))
    page.keyboard.press("Escape")
    assert not tip.is_visible()
    number.focus()
    assert tip.is_visible()
    shown, row = number.inner_text().split(" ")[0], number.get_attribute("data-row")
    number.click()
    page.wait_for_selector("tr.wanted")
    assert page.locator("tr.wanted th").inner_text() == row
    cells = [float(cell) for cell in page.locator("tr.wanted td.right").all_inner_texts() if cell[0].isdigit()]
    assert any(cell == pytest.approx(float(shown), rel=6e-3) for cell in cells)


def test_a_table_downloads_as_csv(opened: Opened, tmp_path: Path) -> None:
    layer = layer_with_units(opened).removeprefix("#/layer/")
    page = opened.go(f"#/table/models/{layer}/units")
    with page.expect_download() as waiting:
        page.click("a[download]")
    target = tmp_path / "units.csv"
    waiting.value.save_as(target)
    rows = list(csv.DictReader(io.StringIO(target.read_text())))
    assert len(rows) == page.evaluate("key => Atlas.tables.get(key).n", f"models/{layer}/units")
    assert {"unit", "concept", "iou_category", "p"} <= set(rows[0])


def test_from_the_heat_map_over_a_pair_to_its_images(opened: Opened) -> None:
    page = opened.go("#/")
    dataset = compared_dataset(page)
    page = opened.go(f"#/compare/{dataset}")
    click_cell(page.locator(".heatmap").first, 0, 1)
    page.wait_for_selector("#pair table")
    page.locator("#pair button.pair").first.click()
    page.wait_for_selector("#match .picture")
    assert page.locator("#match .side").count() == 2
    again = page.url
    page.locator("#match .picture a").first.click()
    opened.until("document.querySelector('main').dataset.page === 'image'")
    page.go_back()
    page.wait_for_selector("#match .picture")  # the address holds what was open
    assert page.url == again


def test_the_heat_map_by_keyboard(opened: Opened) -> None:
    page = opened.go("#/")
    dataset = compared_dataset(page)
    page = opened.go(f"#/compare/{dataset}")
    page.locator(".heatmap").first.focus()
    page.keyboard.press("ArrowRight")
    assert "against" in page.locator(".matrix [aria-live]").first.inner_text()
    page.keyboard.press("Enter")
    page.wait_for_selector("#pair table")


def test_a_figure_from_its_model(opened: Opened) -> None:
    page = opened.go("#/")
    groups = page.evaluate("Atlas.figureList()")
    group = next((one for one in groups if one["model"] and one["dataset"]), None)
    if group is None:
        pytest.skip("no figures were copied into this atlas")
    page = opened.go(f"#/model/{group['dataset']}/{group['model']}")
    thumbnail = page.locator(".figures a").first
    caption = thumbnail.inner_text()
    thumbnail.click()
    opened.until("document.querySelector('main').dataset.page === 'figure'")
    opened.until("document.querySelector('.large-figure img').naturalWidth > 0")
    assert page.inner_text("h1").lower() in caption.lower()
    page.get_by_text("next →").click()
    opened.until("document.querySelector('.steps').textContent.includes('previous')")
    assert page.locator("#crumbs a", has_text=group["model"]).count() == 1
    page = opened.go(f"#/method/{group['method']}")
    folded = page.locator("section.card", has=page.locator("h2", has_text="Figures")).locator("details").first
    folded.locator("summary").first.click()
    opened.until("document.querySelectorAll('details[open] .figures img').length > 0")


def test_a_layer_by_keyboard(opened: Opened) -> None:
    page = opened.go(layer_with_units(opened))
    page.locator("ul.grid > li[data-index='0'] a").focus()
    page.keyboard.press("End")
    last = page.evaluate("document.activeElement.closest('li').getAttribute('aria-posinset')")
    assert last == page.evaluate("document.activeElement.closest('li').getAttribute('aria-setsize')")
    page.keyboard.press("Enter")
    opened.until("document.querySelector('main').dataset.page === 'unit'")
    assert page.evaluate("document.activeElement.id") == "main"  # readers of the screen start at the new page


def test_the_theme_stays(opened: Opened) -> None:
    page = opened.go("#/")
    assert page.evaluate("document.documentElement.dataset.theme") == "light"
    page.locator("#theme").focus()
    page.keyboard.press("Enter")
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    page.reload()
    page.wait_for_selector("body[data-ready]")
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"


def test_a_narrow_window_does_not_scroll_sideways(chromium: Any, atlas: Path) -> None:
    with Opened(chromium, f"file://{atlas}/index.html", width=420, height=800) as opened:
        for address in ("#/", layer_with_units(opened), "#/methods", "#/record"):
            page = opened.go(address)
            wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert wide <= 1, address
        opened.check()
