"""What a unit is called in words: labels of an image-text model, FALCON's words for it alone."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from conceptatlas.atlas.layer_context import LayerContext
from conceptatlas.atlas.sections.words import words_of_units
from conceptatlas.files import write_json
from conceptatlas.tables import Column, write_table


def test_words_of_every_encoder_once_and_none_of_groups(tmp_path: Path) -> None:
    labels = pd.DataFrame({"unit": [0, 0, 2], "rank": [1, 2, 1], "concept": ["red car", "bus", "sky"]})
    explained = pd.DataFrame({"group": ["0", "1", "0-1"], "words": ["wheel, road", "", "city"]})
    for name, frame in (("labels", labels), ("explained", explained)):
        write_table(tmp_path / f"{name}.parquet", frame, columns=[Column(c, c) for c in frame])
    write_json(tmp_path / "manifest.json", {"states": {"live": 2, "dead": 1}})
    files = {"statistics_manifest": "manifest.json", "wording:a~v": "labels.parquet", "wording:b~v": "labels.parquet"}
    context = LayerContext(tmp_path, "d", "m", {"layer": "l", "files": files | {"explained:a~v": "explained.parquet"}})
    assert words_of_units(context) == ["red car; wheel, road", "", "sky"]
    nothing = LayerContext(tmp_path, "d", "m", {"layer": "l", "files": {"statistics_manifest": "manifest.json"}})
    assert words_of_units(nothing) == []
