"""Where layers stand in their models is read from the reports, in the order asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from conceptatlas.files import write_json
from conceptatlas.similarity.placing import with_depths


def reports(folder: Path) -> list[Path]:
    layers = {"a.json": ("m", {"early": 0.25}), "b.json": ("m", {"late": 1.0}), "c.json": ("other", {"early": 0.5})}
    for name, (model, depths) in layers.items():
        about = {layer: {"depth": depth} for layer, depth in depths.items()}
        write_json(folder / name, {"model": model, "layers": about})
    return [folder / name for name in layers]


def test_depths_come_from_the_reports_in_the_order_of_the_places(tmp_path: Path) -> None:
    places = [["other", "early"], ["m", "late"], ["m", "early"]]
    assert with_depths(places, reports(tmp_path)) == [["other", "early", 0.5], ["m", "late", 1.0], ["m", "early", 0.25]]
    assert with_depths([], reports(tmp_path)) == []


def test_a_layer_in_no_report_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="layer other late stands in none"):
        with_depths([["other", "late"]], reports(tmp_path))
