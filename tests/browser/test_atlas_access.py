"""Accessibility of every kind of page in both themes, by axe-core (shipped in axe-core/, MPL 2.0)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from opened import Opened, violations

pytestmark = pytest.mark.browser


def pages(opened: Opened) -> list[str]:
    page = opened.go("#/")
    place: dict[str, Any] = page.evaluate(
        "Atlas.overview.layers.filter(l => l.results.includes('units')).sort((a, b) => b.detectors - a.detectors)[0]"
    )
    dataset, model, layer = place["dataset"], place["model"], place["layer"]
    found = [
        "#/",
        f"#/dataset/{dataset}",
        f"#/model/{dataset}/{model}",
        f"#/layer/{dataset}/{model}/{layer}",
        f"#/unit/{dataset}/{model}/{layer}/0",
        f"#/concepts/{dataset}",
        f"#/image/{dataset}/0",
        "#/methods",
        "#/method/dissection",
        "#/record",
        f"#/table/models/{dataset}/{model}/{layer}/labels",
        "#/search?q=a",
    ]
    figures = page.evaluate("Atlas.figureList().then(groups => groups.map(g => Atlas.figureAddress(g.figures[0])))")
    found += figures[:1]
    name = page.evaluate(f"Atlas.load('study/{dataset}/concepts').then(all => all.find(c => c.best).name)")
    found.append(f"#/concept/{dataset}/{name}")
    if page.evaluate("Atlas.overview.datasets.some(d => d.tables.includes('similarity_summary'))"):
        compared = page.evaluate("Atlas.overview.layers.filter(l => l.results.includes('discovered'))")
        first, second = compared[0], compared[1]
        pair = f"{first['model']}~{first['layer']}~{second['model']}~{second['layer']}"
        found.append(f"#/compare/{dataset}?pair={pair}&match=0~0~0")
        found.append(f"#/found/{dataset}/{first['model']}/{first['layer']}")
    for place in page.evaluate("Atlas.overview.layers.filter(l => l.results.some(r => r.startsWith('spoken:')))")[:1]:
        which = next(name for name in place["results"] if name.startswith("spoken:")).partition(":")[2]
        key = f"models/{place['dataset']}/{place['model']}/{place['layer']}/explained@{which}"
        group = page.evaluate(f"Atlas.table('{key}').then(t => String(t.value(0, 'group')))")
        found.append(f"#/group/{place['dataset']}/{place['model']}/{place['layer']}/{which}/{group}")
    for linked in page.evaluate("Atlas.overview.linked"):
        found.append(f"#/linked/{linked['dataset']}/{linked['model']}/{linked['generator']}")
    return found


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing(chromium: Any, atlas: Path, theme: str) -> None:
    with Opened(chromium, f"file://{atlas}/index.html", theme=theme) as opened:
        said = []
        for address in pages(opened):
            said += violations(opened.go(address), address, theme)
        assert not said, "\n".join(said)
        opened.check()
