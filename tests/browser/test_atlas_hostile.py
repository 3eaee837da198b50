"""Names that would be markup stay text: a concept called `<script>`, everywhere it is shown."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from opened import Opened

from conceptatlas.atlas.whole import DEFAULTS, build_whole
from conceptatlas.tables import read_table

pytestmark = pytest.mark.browser

NASTY = """<script>window.run = 1</script>"><img src=x onerror="window.run = 1">&amp;'/../%2F?#"""


def renamed(results: Path, target: Path, old: str, new: str) -> Path:
    """A copy of results in which a word of every table is another; other files are linked."""
    for path in results.rglob("*"):
        if not path.is_file() or "atlas" in path.relative_to(results).parts:
            continue
        copy = target / path.relative_to(results)
        copy.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix != ".parquet":
            os.link(path, copy)
            continue
        table = pq.read_table(path)
        for number, field in enumerate(table.schema):
            if pa.types.is_string(field.type) or pa.types.is_large_string(field.type):
                words = pd.Series(table[field.name].to_pylist(), dtype=object)
                words[words == old] = new
                table = table.set_column(number, field, pa.array(list(words), type=field.type))
        pq.write_table(table, copy)
    return target


@pytest.fixture(scope="module")
def nasty(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    if request.config.getoption("--atlas") is not None:
        pytest.skip("changes the results of the small study; --atlas names another one's atlas")
    results: Path = request.getfixturevalue("results")
    units = read_table(results / "dissection/scenes/plain/conv5/units.parquet")
    unit = units.loc[units["is_detector"]].iloc[0] if units["is_detector"].any() else units.iloc[0]
    folder = tmp_path_factory.mktemp("nasty")
    copy = renamed(results, folder / "results", str(unit["concept"]), NASTY)
    build_whole(copy, folder / "atlas", options=DEFAULTS | {"figure_width": 0})
    shutil.rmtree(copy)
    return folder / "atlas", {"unit": int(unit["unit"])}


def test_a_concept_called_script_is_text(chromium: Any, nasty: tuple[Path, dict[str, Any]]) -> None:
    atlas, about = nasty
    with Opened(chromium, f"file://{atlas}/index.html") as opened:
        concept = f"#/concept/scenes/{quote(NASTY, safe='')}"
        for address in (
            "#/",
            "#/concepts/scenes",
            concept,
            "#/layer/scenes/plain/conv5",
            f"#/unit/scenes/plain/conv5/{about['unit']}",
            f"#/unit/scenes/plain/conv5/{about['unit']}?x=<script>window.run=1</script>",
            f"#/search?q={quote('window.run')}",
            "#/search?q=<img src=x onerror=window.run=1>",
            "#/table/models/scenes/plain/conv5/labels",
        ):
            page = opened.go(address)
            assert page.evaluate("window.run") is None, address
            assert page.locator("main script, main img[src='x']").count() == 0, address
        page = opened.go(concept)
        assert page.inner_text("h1") == NASTY
        assert page.title().startswith(NASTY)
        opened.check()
