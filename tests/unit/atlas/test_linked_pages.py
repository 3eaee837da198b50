"""Classifier and generator in the atlas: which layer is linked, which rows are kept, pictures in their places."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import made_linking
from conceptatlas.atlas.linked_pages import generators_of, kept_rows, linked_to, write_linking
from conceptatlas.files import write_json
from conceptatlas.tables import read_table

FILES = {
    "link": "link.parquet", "link_record": "link.json", "rates": "counterfactual_rates.parquet",
    "effects": "effects.parquet", "tuned": "units.parquet", "selective": "selective.parquet", "cycle": "cycle.parquet",
    "shown": "shown.h5",
}  # fmt: skip


def plan(*names: str) -> dict[str, Any]:
    files = {f"{name}:painter": f"linking/painter/plain/{FILES[name]}" for name in names or FILES}
    return {"dataset": "scenes", "model": "plain", "files": {"report:main": "models/plain/main.json"} | files}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    made_linking.write_linking(tmp_path / "linking/painter/plain", modules=["conv5.relu", "conv5"], n_units=128)
    return tmp_path


def value(home: Path, key: str) -> Any:
    text = (home / f"{key}.js").read_text()
    start = f"Atlas.put({json.dumps(key)},"
    assert text.startswith(start)
    return json.loads(text[len(start) : -3])


def test_a_layer_is_linked_only_where_that_was_measured(root: Path) -> None:
    layer = {"module": "conv5"}
    assert generators_of(plan()) == ["painter"]
    assert linked_to(root, plan(), layer, kind="map", n_units=128) == ["painter"]
    assert linked_to(root, plan(), {"module": "conv4"}, kind="map", n_units=128) == []
    assert linked_to(root, plan(), layer, kind="map", n_units=64) == []
    assert linked_to(root, plan(), layer, kind="tokens", n_units=128) == []
    write_json(root / "linking/painter/plain/link.json", {"units": 128})  # of an earlier version
    assert linked_to(root, plan(), layer, kind="map", n_units=128) == []
    assert linked_to(root, {"files": {}}, layer, kind="map", n_units=128) == []


def test_kept_rows_are_the_strongest_of_each_metric_and_the_most_certain(root: Path) -> None:
    folder = root / "linking/painter/plain"
    tables = {name: read_table(folder / FILES[name]) for name in ("effects", "tuned", "selective")}
    kept = kept_rows(tables, "head")
    effects = tables["effects"].loc[kept["effects"]]
    assert (effects["masks"] == "head").all()
    assert (effects["class"] == "").all()
    assert len(effects) == 2 * 2 * 3  # the last label as the strongest, the others for their intervals
    assert (np.diff(kept["effects"]) > 0).all()
    assert len(kept["tuned"]) == 2 * 2
    assert sorted(tables["selective"].loc[kept["selective"], "rank"].unique()) == [1, 2, 3]


def test_few_starting_points_are_never_the_most_certain() -> None:
    n = 12
    effects = pd.DataFrame(
        {"masks": "head", "unit": 0, "class": "", "label": [f"l{i}" for i in range(n)], "metric": "area", "mean": 1.0}
    )
    effects["low"], effects["high"] = 1 - np.linspace(0.01, 0.5, n), 1 + np.linspace(0.01, 0.5, n)
    effects["n"] = [2, 5, *[6] * (n - 2)]  # the narrowest two are by accident
    tuned = pd.DataFrame(
        {"masks": ["head"], "unit": [0], "class": [""], "metric": ["area"], "strongest_label": ["l11"]}
    )
    selective = pd.DataFrame({"masks": ["twin"], "rank": [1]})
    kept = kept_rows({"effects": effects, "tuned": tuned, "selective": selective}, "head")
    assert list(kept["effects"]) == [*range(2, 10), 11]
    assert len(kept["selective"]) == 0


def test_what_the_pages_load(root: Path, tmp_path: Path) -> None:
    home = tmp_path / "atlas"
    write_linking(home, root, plan(), quality=100)
    key = "models/scenes/plain"
    facts = value(home, f"{key}/generated@painter")
    assert (facts["masks"], facts["pairs"]) == ("head", 6)
    (shown,) = facts["shown"]
    assert shown == {
        "unit": 0, "label": "<b>sail</b>", "metric": "area", "classes": ["boat", "car"], "changes": [0.5, -0.5],
        "size": [24, 16],
    }  # fmt: skip
    with Image.open(home / key / "generated/painter/0.webp") as picture:
        grey = np.asarray(picture.convert("L")).reshape(2, 8, 3, 8).mean(axis=(1, 3))
    assert np.abs(grey - [[0, 20, 40], [80, 100, 120]]).max() < 3
    effects = value(home, f"{key}/effects@painter")
    assert (effects["n"], effects["of"], len(effects["rows"])) == (12, 48, 12)
    assert {column["name"] for column in effects["columns"]} >= {"unit", "label", "metric", "mean", "low", "high", "p"}
    assert value(home, f"{key}/link@painter")["n"] == 5
    assert value(home, f"{key}/rates@painter")["n"] == 3


def test_a_link_alone_has_no_tables_of_units(root: Path, tmp_path: Path) -> None:
    home = tmp_path / "atlas"
    write_linking(home, root, plan("link", "link_record"), quality=80)
    names = sorted(path.name for path in home.rglob("*") if path.is_file())
    assert names == ["generated@painter.js", "link@painter.js"]
    write_linking(home / "none", root, {"files": {}, "dataset": "scenes", "model": "plain"}, quality=80)
    assert not (home / "none").exists()
