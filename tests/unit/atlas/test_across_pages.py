"""What the atlas keeps of concepts on two data sets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from conceptatlas.atlas.across_pages import build_across
from conceptatlas.atlas.warnings_of_study import study_warnings
from made_across import SETS, write_across

PLAN: dict[str, Any] = {
    "model": "plain",
    "sets": [[*SETS, ["conv3", "conv5"]]],
    "files": {
        "across": "similarity/across/plain.parquet",
        "across_concepts": "similarity/across/plain_concepts.parquet",
        "across_matrices": "similarity/across/plain_matrices.h5",
    },
}


def put(path: Path) -> Any:
    """The value of a script, `Atlas.put("its/key", value);`."""
    key, value = json.loads(f"[{path.read_text().removeprefix('Atlas.put(').removesuffix(');' + chr(10))}]")
    assert path.as_posix().endswith(f"{key}.js")
    return value


def test_tables_and_pairs_of_every_layer(tmp_path: Path) -> None:
    write_across(tmp_path / "similarity/across", model="plain", layers=["conv3", "conv5"])
    folder = tmp_path / "atlas/across/plain"
    build_across(folder, root=tmp_path, plan=PLAN)
    assert {path.name for path in folder.iterdir()} == {
        "across.js", "across_concepts.js", "pairs-conv3.js", "pairs-conv5.js",
    }  # fmt: skip
    table = put(folder / "across.js")
    assert table["source"] == "similarity/across/plain.parquet"
    assert "model" not in {column["name"] for column in table["columns"]}
    assert all(column["definition"] for column in table["columns"])
    pairs = put(folder / "pairs-conv5.js")
    assert pairs["thresholds"] == [0.5, 0.75]
    (of_sets,) = pairs["sets"].values()
    assert list(pairs["sets"]) == ["scenes~others"]
    assert of_sets["shape"] == [2, 2]
    assert of_sets["cosine"] == [0.9, 0.2, 0.3, None]  # a component that is missing has no cosine
    assert of_sets["on_b"] == [0.45, 0.1, 0.15, None, 0.225, 0.05, 0.075, None]


def test_what_is_undefined_is_a_warning(tmp_path: Path) -> None:
    write_across(tmp_path / "similarity/across", model="plain", layers=["conv5"])
    (warning,) = study_warnings(tmp_path, {"pairs": [], "across": [PLAN]}, [], {})
    assert warning == {
        "kind": "undefined pairs",
        "text": "plain: 1 of 9 comparisons of scenes with others are undefined: no <i>permutation</i>",
        "link": "#/across/scenes/others",
    }
