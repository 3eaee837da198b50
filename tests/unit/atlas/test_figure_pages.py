"""Copies of figures: listed with whose they are, made once, gone with their figure."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from conceptatlas.atlas.figure_pages import copy_figures, figures_in, place_of
from conceptatlas.files import write_json


def draw(path: Path, size: tuple[int, int] = (200, 100), colour: str = "red") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(path)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "figures/dissection/scenes/plain"
    draw(folder / "layer_graph.png")
    draw(folder / "unit_gallery_conv5~2.png")
    listed: list[dict[str, Any]] = [
        {"figure": "layer_graph", "layer": "", "page": 1, "files": ["layer_graph.png"], "shows": "a <b>graph</b>"},
        {"figure": "unit_gallery", "layer": "conv5", "page": 2, "shows": "units",
         "files": ["x.svg", "unit_gallery_conv5~2.png"]},
        {"figure": "lost", "layer": "", "page": 1, "files": ["lost.png"], "shows": "nothing"},
    ]  # fmt: skip
    write_json(folder / "figures.json", {"figures": listed})
    draw(tmp_path / "figures/dissection/scenes/detectors.png", (40, 20))
    return tmp_path


def copied(root: Path, **options: Any) -> list[dict[str, Any]]:
    places = [*figures_in(root), "figures/net2vec/scenes/plain", "figures/dissection/scenes/detectors.svg"]
    copy_figures(root / "atlas/figures", root=root, figures=places, **{"width": 100, "quality": 80} | options)
    text = (root / "atlas/figures/index.js").read_text()
    groups: list[dict[str, Any]] = json.loads(text.removeprefix('Atlas.put("figures/index",').removesuffix(");\n"))
    return groups


def test_figures_with_what_they_show(root: Path) -> None:
    joined, own = copied(root)
    (detectors,) = joined.pop("figures")
    assert joined == {"method": "dissection", "dataset": "scenes", "model": "", "generator": ""}
    assert (detectors["file"], detectors["size"]) == ("dissection/scenes/detectors.webp", [40, 20])
    assert "different concepts" in detectors["shows"]
    graph, gallery = own["figures"]  # what was not drawn is not listed
    assert (own["model"], graph["shows"], graph["page"]) == ("plain", "a <b>graph</b>", 1)
    assert (gallery["layer"], gallery["page"], gallery["size"]) == ("conv5", 2, [100, 50])
    with Image.open(root / "atlas/figures" / gallery["file"]) as image:
        assert image.size == (100, 50)


def test_only_what_changed_is_copied(root: Path) -> None:
    copied(root)
    home = root / "atlas/figures/dissection/scenes"
    before = {path: path.stat().st_mtime_ns for path in home.rglob("*.webp")}
    assert len(before) == 3
    draw(root / "figures/dissection/scenes/plain/layer_graph.png", colour="blue")
    (root / "figures/dissection/scenes/detectors.png").unlink()
    copied(root)
    after = {path: path.stat().st_mtime_ns for path in home.rglob("*.webp")}
    assert {path.name for path in before.keys() - after.keys()} == {"detectors.webp"}
    assert {path.name for path in after if after[path] != before[path]} == {"layer_graph.webp"}
    copied(root, width=50)
    assert all(path.stat().st_mtime_ns != after[path] for path in after)


@pytest.mark.parametrize(
    ("path", "method", "place"),
    [
        ("figures/datasets/scenes", "datasets", ("scenes", "", "")),
        ("figures/net2vec/scenes/models", "net2vec", ("scenes", "", "")),
        ("figures/robustness/scenes/net.v1", "robustness", ("scenes", "net.v1", "")),
        ("figures/axes/scenes/plain/principal", "principal", ("scenes", "plain", "")),
        ("figures/axes/scenes/rotations.png", "rotation", ("scenes", "", "")),
        ("figures/linking/decoder/plain/link", "linking", ("", "plain", "decoder")),
        ("figures/similarity/across/plain", "similarity", ("", "plain", "")),
    ],
)
def test_whose_figures_a_folder_holds(path: str, method: str, place: tuple[str, str, str]) -> None:
    found = place_of(path)
    assert found["method"] == method
    assert (found["dataset"], found["model"], found["generator"]) == place
    assert ("across" in found) == ("across" in path)
