"""Every page of an atlas in Chromium: it loads, its links lead somewhere, nothing comes from elsewhere."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from opened import Opened

MOST_OF_A_KIND = 15
"""Pages of a kind (unit, concept, ...) that are opened; all others look like these."""


def links(page: Any) -> list[str]:
    found: list[str] = page.eval_on_selector_all(
        "a[href^='#/'], svg a", "nodes => nodes.map(node => node.getAttribute('href'))"
    )
    return list(dict.fromkeys(link for link in found if link.startswith("#/")))


def kind(link: str) -> str:
    parts = link.removeprefix("#/").split("?")[0].split("/")
    return f"table/{parts[-1]}" if parts[0] == "table" else parts[0]


@pytest.mark.browser
def test_every_page_loads_and_every_link_leads_somewhere(opened: Opened) -> None:
    waiting, seen, opened_of = ["#/"], {"#/"}, Counter[str]()
    while waiting:
        link = waiting.pop(0)
        page = opened.go(link)
        title = page.title()
        assert "Not found" not in title, f"{link}: {page.inner_text('main')}"
        assert page.inner_text("main").strip(), f"{link} is empty"
        text = page.inner_text("main")
        for odd in ("[object", "undefined]", "NaN"):
            assert odd not in text, f"{link}: {odd}"
        opened.check()
        for other in links(page):
            if other not in seen and opened_of[kind(other)] < MOST_OF_A_KIND:
                opened_of[kind(other)] += 1
                seen.add(other)
                waiting.append(other)
    kinds = {name.split("/")[0] for name in opened_of}
    assert {
        "model",
        "layer",
        "unit",
        "concept",
        "concepts",
        "image",
        "method",
        "methods",
        "record",
        "table",
        "figure",
    } <= kinds


@pytest.mark.browser
def test_pictures_are_there(opened: Opened, atlas: Path) -> None:
    page = opened.go("#/")
    if not page.evaluate("Atlas.overview.datasets[0].embedded"):
        pytest.skip("this study may not show its pictures")
    place = page.evaluate("Atlas.overview.layers.find(l => l.n_sheets)")
    page = opened.go(f"#/unit/{place['dataset']}/{place['model']}/{place['layer']}/0")
    opened.until("[...document.images].every(image => image.complete && image.naturalWidth > 0)")
    assert page.locator(".picture svg path").count() > 0


@pytest.mark.browser
def test_from_a_web_server(chromium: Any, served: str) -> None:
    with Opened(chromium, served) as opened:
        for link in ["#/", *links(opened.go("#/"))[:12]]:
            assert "Not found" not in opened.go(link).title()
        opened.check()


@pytest.mark.browser
def test_a_page_that_does_not_exist_says_so(opened: Opened) -> None:
    page = opened.go("#/unit/scenes/nowhere/conv9/1")
    assert "no layer nowhere conv9" in page.inner_text("main")
    page = opened.go("#/concept/scenes/unicorn")
    assert "unicorn" in page.inner_text("main")


@pytest.mark.browser
def test_policy_forbids_other_hosts(opened: Opened) -> None:
    page = opened.go("#/")
    asked = "fetch('https://example.org/').then(() => 'asked', () => 'refused')"
    assert page.evaluate(asked) == "refused"
    assert opened.wrong, "the browser should have said why"
    opened.wrong.clear()
