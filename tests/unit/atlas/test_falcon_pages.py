"""FALCON's groups in the atlas: which words and pictures are kept, and what the search is told."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd

from conceptatlas.atlas.falcon_pages import IMAGES, WORDS, group_pictures, shown_words, write_groups
from conceptatlas.atlas.layer_context import LayerContext
from conceptatlas.tables import Column, write_table


def test_the_best_words_of_each_group_kept_and_dropped() -> None:
    words = pd.DataFrame(
        {"group": ["0"] * 40 + ["0-1"], "dropped": [i % 2 == 0 for i in range(40)] + [True], "score": [*range(40), 1.0]}
    )
    kept = words.loc[shown_words(words)]
    assert list(kept.index) == [*range(40 - 2 * WORDS, 40), 40]
    assert kept.groupby(["group", "dropped"]).size().to_dict() == {
        ("0", False): WORDS, ("0", True): WORDS, ("0-1", True): 1
    }  # fmt: skip


def members() -> pd.DataFrame:
    rows = [("0", "high", rank, 10 + rank) for rank in range(1, IMAGES + 4)] + [("0", "low", 1, 5), ("1", "high", 1, 7)]
    return pd.DataFrame(rows, columns=["group", "kind", "rank", "image_index"]).assign(value=0.5)


def crops() -> pd.DataFrame:
    rows = [("0", "high", 11, False), ("0", "high", 12, True), ("0", "random", 13, False), ("1", "high", 11, False)]
    frame = pd.DataFrame(rows, columns=["group", "kind", "image_index", "whole"])
    return frame.assign(top=1, left=2, bottom=30, right=40)


def test_pictures_in_order_with_the_crop_of_the_group_itself() -> None:
    found = group_pictures(members().sample(frac=1, random_state=0), crops())
    assert [image for image, _, _ in found["0"]["high"]] == [10 + rank for rank in range(1, IMAGES + 1)]
    assert found["0"]["high"][0] == [11, 0.5, [2, 1, 40, 30]]
    assert found["0"]["high"][1] == [12, 0.5, None]  # the whole frame
    assert found["0"]["high"][2] == [13, 0.5, None]  # the box is of a random group
    assert found["0"]["low"] == [[5, 0.5]]
    assert found["1"] == {"high": [[7, 0.5, None]], "low": []}


def test_what_is_written_and_told(tmp_path: Path) -> None:
    words = pd.DataFrame({"group": ["0", "0"], "word": ["leaf", "sky"], "dropped": [False, True], "score": [0.5, 0.4]})
    explained = pd.DataFrame({"group": ["0", "0-1"], "words": ["leaf", ""]})
    frames = {"words": words.assign(dropped_because=["", "scores"]), "explained": explained}
    for name, frame in (frames | {"members": members(), "crops": crops()}).items():
        write_table(tmp_path / f"{name}.parquet", frame, columns=[Column(c, c) for c in frame])
    files = {
        "members": "members.parquet", "crops:e": "crops.parquet", "explained:e~v": "explained.parquet",
        "spoken:e~v": "words.parquet",
    }  # fmt: skip
    context = LayerContext(tmp_path, "d", "m", {"layer": "l", "files": files})
    assert write_groups(tmp_path / "atlas", "models/d/m/l", context) == [["e~v", "0", "leaf"]]
    text = (tmp_path / "atlas/models/d/m/l/spoken@e~v.js").read_text()
    table = json.loads(text[text.index(",") + 1 : -3])
    assert [column["name"] for column in table["columns"]] == ["group", "word", "dropped", "score"]
    assert (tmp_path / "atlas/models/d/m/l/pictures@e~v.js").is_file()
    assert write_groups(tmp_path / "none", "k", LayerContext(tmp_path, "d", "m", {"layer": "l", "files": {}})) == []
    assert not (tmp_path / "none").exists()
