"""Figures of concepts in several data sets show what their tables say, and say why when there is nothing to show."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pytest

from conceptatlas.figures.similarity_across import (
    TwoSets,
    across_cosines,
    across_layers,
    across_matched,
    pairs_of_sets,
)
from conceptatlas.figures.similarity_across_figures import SHOWS, plot_compared_datasets
from conceptatlas.figures.similarity_reading import read_concept_pictures
from conceptatlas.files import read_json
from conceptatlas.similarity.across_tables import (
    ACROSS_COLUMNS,
    ACROSS_CONCEPT_COLUMNS,
    ACROSS_CONCEPT_TYPES,
    ACROSS_TYPES,
)
from conceptatlas.tables import write_table
from conceptatlas.typed_tables import frame_of
from tiny_similarity_figures import NAN, write_examples_file
from tiny_tables import HOSTILE, words

Array = np.ndarray[Any, Any]

SETS = TwoSets("rich", "poor")
_UNSET = {"str": "", "int64": 0, "Int64": pd.NA, "bool": False, "boolean": pd.NA}


def row(columns: Any, types: dict[str, str], **changes: Any) -> dict[str, Any]:
    names = [column.name for column in columns]
    assert set(changes) <= set(names)
    blank = {name: _UNSET[types[name]] if name in types else NAN for name in names}
    return blank | {"dataset_a": "rich", "dataset_b": "poor", "model": "net"} | changes


def pair(layer: str, measure: str, value: float, **changes: Any) -> dict[str, Any]:
    own = {"layer": layer, "measure": measure, "value": value, "null_high": 0.3, "n_images": 50}
    return row(ACROSS_COLUMNS, ACROSS_TYPES, **own | changes)


def concept(a: int, b: int, similarity: float, **changes: Any) -> dict[str, Any]:
    own = {"layer": "conv", "matched_by": "cosine", "concept_a": a, "concept_b": b, "similarity": similarity,
           "null_high": 0.5, "above_null": similarity > 0.5, "mutual_best": True, "hungarian": True}  # fmt: skip
    return row(ACROSS_CONCEPT_COLUMNS, ACROSS_CONCEPT_TYPES, **own | changes)


def pictures_file(path: Path) -> Path:
    """Pictures of two concepts."""
    rng = np.random.default_rng(0)
    masks = rng.random((2, 6, 2, 16, 16)) < 0.4
    return write_examples_file(path, np.full((6, 16, 16, 3), 90, dtype=np.uint8), masks, images=np.arange(6))


@pytest.fixture
def table() -> pd.DataFrame:
    rows = []
    for layer, shift in (("conv", 0.0), ("last", 0.1)):
        rows.append(pair(layer, "cosine_raw", 0.6 + shift, ceiling=0.9, n_images=0))
        for images in SETS:
            rows.append(pair(layer, "ucs_raw", 0.4 + shift, images=images, threshold=0.5, low=0.3, high=0.5))
            rows.append(pair(layer, "ucs_raw", 0.1, images=images, threshold=0.75))
            for components in SETS:
                value = 0.2 if images == components else 0.7
                rows.append(pair(layer, "error", value, images=images, components=components, null_high=NAN))
    return frame_of(rows, ACROSS_COLUMNS, ACROSS_TYPES)


@pytest.fixture
def concepts() -> pd.DataFrame:
    rows = [concept(0, 1, 0.9), concept(1, 0, 0.4)]
    rows += [concept(0, 1, 0.33, matched_by="ucs", images="rich", threshold=0.5)]
    return frame_of(rows, ACROSS_CONCEPT_COLUMNS, ACROSS_CONCEPT_TYPES)


def lines_of(ax: Any) -> dict[str, list[float]]:
    return {line.get_label(): list(line.get_ydata()) for line in ax.lines if not line.get_label().startswith("_")}


def test_layers_show_cosines_masks_and_errors(table: pd.DataFrame) -> None:
    figure = across_layers(table, sets=SETS, model="net")
    cosine, masks, errors = figure.axes
    assert lines_of(cosine) == {"matched components": [0.6, 0.7]}
    assert lines_of(masks) == {"images of rich": [0.4, 0.5], "images of poor": [0.4, 0.5]}
    assert lines_of(errors)["rich on rich"] == [0.2, 0.2]
    assert lines_of(errors)["poor on rich"] == [0.7, 0.7]
    drawn = [list(line.get_ydata()) for line in cosine.lines]
    assert [0.9, 0.9] in drawn  # what refits reach
    assert [0.3, 0.3] in drawn  # chance
    assert "rich: 50 test images" in words(figure)
    none = across_layers(table.assign(value=NAN, reason="no image"), sets=SETS, model="net")
    assert "no image" in words(none)


def test_cosines_outline_matches(concepts: pd.DataFrame) -> None:
    cosines = np.array([[0.1, 0.9], [0.4, np.nan]])
    figure = across_cosines(cosines, concepts, sets=SETS, model=HOSTILE, layer="conv")
    ax = figure.axes[0]
    np.testing.assert_array_equal(np.ma.filled(ax.images[0].get_array(), -1), [[0.1, 0.9], [0.4, -1]])
    outlined = {(patch.get_x() + 0.44, patch.get_y() + 0.44): patch.get_linestyle() for patch in ax.patches}
    assert {(round(x), round(y)) for x, y in outlined} == {(1, 0), (0, 1)}
    assert sorted(style == "-" or style == "solid" for style in outlined.values()) == [False, True]
    assert "Grey: no component" in words(figure)
    assert "no components" in words(across_cosines(cosines * np.nan, concepts, sets=SETS, model="net", layer="conv"))


def test_matched_pictures_stand_side_by_side(concepts: pd.DataFrame, tmp_path: Path) -> None:
    pictures = [read_concept_pictures(pictures_file(tmp_path / f"{name}.h5")) for name in SETS]
    about: dict[str, Any] = {"sets": SETS, "model": "net", "layer": "conv"}
    figure = across_matched(concepts, **about, pictures_a=pictures[0], pictures_b=pictures[1])
    said = words(figure)
    assert "concepts 0 and 1" in said
    assert "UCS 0.33, not matched" in said
    assert "concepts 1 and 0" not in said  # not above chance
    hidden = across_matched(concepts, **about, pictures_a=pictures[0], pictures_b=pictures[1], embed_images=False)
    assert "not shown" in words(hidden)
    nothing = concepts.assign(above_null=False)
    nothing["above_null"] = nothing["above_null"].astype("boolean")
    assert "No component" in words(across_matched(nothing, **about, pictures_a=pictures[0], pictures_b=pictures[1]))


def test_the_job_writes_and_lists_them(table: pd.DataFrame, concepts: pd.DataFrame, tmp_path: Path) -> None:
    write_table(tmp_path / "m.parquet", table, columns=ACROSS_COLUMNS)
    write_table(tmp_path / "c.parquet", concepts, columns=ACROSS_CONCEPT_COLUMNS)
    with h5py.File(tmp_path / "m.h5", "w") as file:
        for layer in ("conv", "last"):
            file[f"rich~poor~{layer}/cosine"] = np.eye(2, dtype=np.float32)
    places = [[dataset, layer] for layer in ("conv", "last") for dataset in SETS]
    examples = [str(pictures_file(tmp_path / f"{d}-{layer}.h5")) for d, layer in places]
    about: dict[str, Any] = {
        "model": "net", "places": places, "table": tmp_path / "m.parquet", "concept_pairs": tmp_path / "c.parquet",
        "matrices": tmp_path / "m.h5", "folder": tmp_path / "out", "options": {"formats": ["svg"], "dpi": 50},
        "embed_images": True,
    }  # fmt: skip
    plot_compared_datasets(examples=examples, **about)
    listed = read_json(tmp_path / "out" / "figures.json")
    assert [(one["figure"], one["layer"]) for one in listed["figures"]] == [
        ("across_layers", ""), ("across_cosines", "conv"), ("across_matched", "conv"), ("across_cosines", "last"),
        ("across_matched", "last"),
    ]  # fmt: skip
    assert {one["shows"] for one in listed["figures"]} == set(SHOWS.values())
    assert pairs_of_sets(table) == [SETS]
    with pytest.raises(ValueError, match="1 files of pictures for 4 layers"):
        plot_compared_datasets(examples=examples[:1], **about)
