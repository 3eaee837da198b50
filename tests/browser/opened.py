"""A page of the atlas in Chromium, with everything that went wrong on it."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

AXE = Path(__file__).parent / "axe-core" / "axe.min.js"
RULES = {"light": "['wcag2a', 'wcag2aa', 'wcag21aa', 'best-practice']", "dark": "['color-contrast']"}
"""The themes differ in nothing but their colours."""


def violations(page: Any, address: str, theme: str) -> list[str]:
    """What axe-core (shipped in axe-core/, MPL 2.0) finds on the page that stands, a line a rule."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate(
        f"axe.run(document, {{preload: false, resultTypes: ['violations'], runOnly: {RULES[theme]}}})"
    )
    assert "color-contrast" in {rule["id"] for rule in found["passes"]}, address
    said = []
    for violation in found["violations"]:
        nodes = [f"{node['html'][:160]} ({node['failureSummary'][-160:]})" for node in violation["nodes"][:2]]
        said.append(f"{address}: {violation['id']} ({len(violation['nodes'])}): {nodes}")
    return said


def click_cell(heatmap: Any, i: int, j: int) -> None:
    """Click a cell of a heat map, whose first cell begins the path of its colour."""
    first = re.match(r"M(\d+) (\d+)h(\d+)", heatmap.locator("path.cell").first.get_attribute("d"))
    assert first is not None
    left, above, size = (int(number) for number in first.groups())
    heatmap.click(position={"x": left + j * (size + 1) + 3, "y": above + i * (size + 1) + 3})


class Opened:
    """A browser tab on the atlas; `go` opens one of its pages, `check` fails for errors and foreign requests."""

    def __init__(self, browser: Any, index: str, *, theme: str = "light", width: int = 1366, height: int = 860) -> None:
        self.index, self.folder = index, index.rsplit("/", 1)[0]
        self.context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=theme)
        self.page = self.context.new_page()
        self.wrong: list[str] = []
        self.page.on("console", lambda m: self.wrong.append(m.text) if m.type in ("error", "warning") else None)
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.on("requestfailed", lambda request: self.wrong.append(f"failed: {request.url}"))
        self.page.on("request", self._request)

    def _request(self, request: Any) -> None:
        own = request.url.startswith(self.folder) or urlsplit(request.url).scheme in ("data", "blob", "about")
        if not own:
            self.wrong.append(f"foreign request: {request.url}")

    def __enter__(self) -> Opened:
        return self

    def __exit__(self, *_: Any) -> None:
        self.context.close()

    def go(self, address: str) -> Any:
        """Open a page by its address (`#/...`) in this tab and wait until it stands; returns Playwright's page."""
        if self.page.url == "about:blank":
            self.page.goto(self.index + address)
            self.page.wait_for_selector("body[data-ready]")
        else:
            before = self.page.evaluate("document.body.dataset.ready")
            if self.page.evaluate("location.hash") != address:
                self.page.evaluate("address => { location.hash = address; }", address)
                self.until(f"document.body.dataset.ready !== '{before}'")
        return self.page

    def until(self, condition: str, *, seconds: float = 20) -> None:
        """Wait until an expression is true; asked from here, since the page's policy forbids `wait_for_function`."""
        end = time.monotonic() + seconds
        while not self.page.evaluate(condition):
            assert time.monotonic() < end, f"never true: {condition} on {self.page.url}"
            time.sleep(0.02)

    def check(self) -> None:
        """Fail if a page logged an error, failed to load something or asked another host."""
        assert not self.wrong, "\n".join(self.wrong[:10])
