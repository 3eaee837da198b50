"""Cosines by hand, small concepts, layers in which nothing was learned, and files that do not belong together."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from conceptatlas.files import write_json
from conceptatlas.net2vec.arithmetic import parse_expression
from conceptatlas.net2vec.neighbours import cosines, neighbour_table
from conceptatlas.net2vec.relating import relate_concepts
from conceptatlas.net2vec.space import NO_DIRECTION, read_space
from conceptatlas.net2vec.vectors import read_vectors, unit_length
from conceptatlas.tables import read_definitions, read_table
from tiny_net2vec import space_of, write_task, write_vectors

PLACE = {"dataset": "toy", "model": "net", "layer": "conv1", "task": "segmentation"}


def test_unit_length_by_hand() -> None:
    w = np.array([[3, 4], [0, 0], [1, np.nan], [np.inf, 1], [1e-200, 0], [-2e200, 0]])
    assert unit_length(w)[[0, 4, 5]].tolist() == [[0.6, 0.8], [1, 0], [-1, 0]]
    assert np.isnan(unit_length(w)[1:4]).all()
    assert unit_length(np.zeros((0, 3, 4))).shape == (0, 3, 4)


def test_cosines_are_symmetric_and_equal_a_slow_twin() -> None:
    unit = unit_length(np.random.default_rng(0).normal(size=(7, 2, 5)))
    fast = cosines(unit)
    slow = [[[float(np.dot(a[r], b[r])) for b in unit] for a in unit] for r in range(2)]
    assert fast == pytest.approx(np.array(slow))
    assert (fast == fast.transpose(0, 2, 1)).all()
    assert np.abs(fast).max() <= 1


def test_nearest_concepts_by_hand(tmp_path: Path) -> None:
    """a and b at 60 degrees, c opposite to a. Pairs: ab 0.5, ac -1, bc -0.5."""
    half = [0.5, np.sqrt(3) / 2]
    table = neighbour_table(space_of(tmp_path, ["a", "b", "c"], [[2, 0], half, [-1, 0]]), n=5)
    assert table["concept"].tolist() == ["a", "a", "b", "b", "c", "c"]
    assert table["neighbour"].tolist() == ["b", "c", "a", "c", "b", "a"]
    assert table["rank"].tolist() == [1, 2] * 3
    assert table["cosine"].to_numpy() == pytest.approx([0.5, -1, 0.5, -0.5, -0.5, -1])
    assert table["above"].to_numpy() == pytest.approx([2 / 3, 0, 2 / 3, 1 / 3, 1 / 3, 0])
    assert set(table["n_concepts"]) == {3}


def test_only_so_many(tmp_path: Path) -> None:
    table = neighbour_table(space_of(tmp_path, list("abcd"), np.random.default_rng(1).normal(size=(4, 3))), n=2)
    assert table.groupby("concept").size().tolist() == [2] * 4


def test_equal_cosines_keep_the_order_of_the_vocabulary(tmp_path: Path) -> None:
    table = neighbour_table(space_of(tmp_path, list("abc"), [[1, 0], [0, 1], [0, 1]]), n=2)
    assert table[table["concept"] == "a"]["neighbour"].tolist() == ["b", "c"]
    assert table[table["concept"] == "a"]["above"].tolist() == [0, 0]


def test_the_spread_over_initialisations(tmp_path: Path) -> None:
    """The cosine is taken within each initialisation: 1, 0 and -1 have a standard deviation of 1."""
    weights = np.array([[[1, 0], [1, 0], [0, 1]], [[1, 0], [0, 1], [0, -1]]], dtype=float)
    table = neighbour_table(space_of(tmp_path, ["a", "b"], weights), n=1)
    assert table["cosine"].to_numpy() == pytest.approx([1, 1])
    assert table["cosine_sd"].to_numpy() == pytest.approx([1, 1])


@pytest.mark.parametrize("include_small", [False, True])
def test_small_concepts_have_neighbours_and_are_none(tmp_path: Path, include_small: bool) -> None:
    weights = [[1, 0], [1, 0.1], [0, 1]]
    space = space_of(tmp_path, ["a", "tiny", "b"], weights, n_train=[50, 3, 50], include_small=include_small)
    table = neighbour_table(space, n=5).set_index("concept")
    assert table.loc[["a"], "neighbour"].tolist() == (["tiny", "b"] if include_small else ["b"])
    assert table.loc[["tiny"], "neighbour"].tolist() == ["a", "b"]
    assert table.loc[["tiny"], "small"].tolist() == [True, True]
    assert set(table["n_concepts"]) == {3 if include_small else 2}


def test_units_in_another_order_and_scaled_vectors_change_nothing(tmp_path: Path) -> None:
    weights = np.random.default_rng(2).normal(size=(6, 8)).astype(np.float32)
    first = neighbour_table(space_of(tmp_path / "a", list("abcdef"), weights), n=3)
    moved = 4 * weights[:, np.random.default_rng(3).permutation(8)]
    second = neighbour_table(space_of(tmp_path / "b", list("abcdef"), moved), n=3)
    assert first["neighbour"].tolist() == second["neighbour"].tolist()
    assert second["cosine"].to_numpy() == pytest.approx(first["cosine"].to_numpy())
    assert second["above"].tolist() == first["above"].tolist()


def test_a_vector_without_a_direction_is_left_out_with_the_reason(tmp_path: Path, caplog: Any) -> None:
    space = space_of(tmp_path, list("abc"), [[1, 0], [0, 0], [np.nan, 1]])
    assert space.concept.tolist() == ["a"]
    assert space.reasons == {"b": NO_DIRECTION, "c": NO_DIRECTION}
    assert "no direction for b, c" in caplog.text
    assert len(neighbour_table(space, n=5)) == 0


def test_vectors_in_another_order_than_the_table(tmp_path: Path) -> None:
    table, vectors = write_task(tmp_path, "segmentation", list("abc"), np.eye(3))
    write_vectors(vectors, "segmentation", [2, 0, 1], np.eye(3)[[2, 0, 1]])
    space = read_space(table, vectors, place=PLACE, include_small=False)
    assert space.concept_index.tolist() == [0, 1, 2]
    assert (space.unit[:, 0] == np.eye(3)).all()


def test_files_that_do_not_belong_together_are_refused(tmp_path: Path) -> None:
    table, vectors = write_task(tmp_path, "segmentation", list("abc"), np.eye(3))
    write_vectors(vectors, "segmentation", [0, 1], np.eye(2))
    with pytest.raises(ValueError, match=r"segmentation.h5 holds vectors of 2 concepts, .* says that 3 were learned"):
        read_space(table, vectors, place=PLACE, include_small=False)
    write_vectors(vectors, "classification", [0, 1, 2], np.eye(3))
    with pytest.raises(ValueError, match="vectors of classification, expected those of segmentation"):
        read_space(table, vectors, place=PLACE, include_small=False)
    vectors.write_bytes(b"nothing")
    with pytest.raises(ValueError, match=r"segmentation.h5: not a file of concept vectors"):
        read_vectors(vectors)
    with pytest.raises(FileNotFoundError):
        read_vectors(tmp_path / "none.h5")


OPTIONS = {"neighbours": 3, "n_clusters": 2, "perplexity": 30, "include_small": False}
NAMES = ("filters", "neighbours", "arithmetic", "map")


def relate(folder: Path, parts: dict[str, tuple[Path, Path]], known: list[str], texts: list[str]) -> dict[str, Path]:
    write_json(
        folder / "expressions.json", [{"expression": text, "terms": parse_expression(text, known)} for text in texts]
    )
    out = {name: folder / f"{name}.parquet" for name in NAMES}
    relate_concepts(
        dataset="toy", model="net", layer="conv1", tables=[str(table) for table, _ in parts.values()],
        vectors=[str(vectors) for _, vectors in parts.values()], tasks=list(parts),
        expressions=folder / "expressions.json", options=OPTIONS, seed=0, **out,
    )  # fmt: skip
    return out


def test_the_job_writes_both_tasks(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    concepts = list("abcdef")
    parts = {
        task: write_task(tmp_path, task, concepts, rng.normal(size=(6, 2, 5)))
        for task in ("segmentation", "classification")
    }
    out = relate(tmp_path, parts, concepts, ["a + b - c"])
    for name, rows in (("filters", 5), ("neighbours", 18), ("arithmetic", 3), ("map", 6)):
        table = read_table(out[name])
        assert table.groupby("task").size().to_dict() == {"segmentation": rows, "classification": rows}
        assert all(column.definition for column in read_definitions(out[name]))
    assert read_table(out["arithmetic"])["expression"].unique().tolist() == ["a + b - c"]


def test_a_layer_where_nothing_was_learned_gives_the_same_columns_and_types(tmp_path: Path) -> None:
    concepts = list("abcdef")
    full = relate(
        tmp_path,
        {"segmentation": write_task(tmp_path, "segmentation", concepts, np.eye(6))},
        concepts,
        ["a + b"],
    )
    schemas = {name: pq.read_schema(path) for name, path in full.items()}
    none = write_task(tmp_path / "none", "segmentation", concepts, np.zeros((0, 6)), reason="no images")
    empty = relate(tmp_path / "none", {"segmentation": none}, concepts, ["a + b"])
    assert {name: pq.read_schema(path) for name, path in empty.items()} == schemas
    assert not any(pa.types.is_null(field.type) for schema in schemas.values() for field in schema)
    assert {name: len(read_table(path)) for name, path in empty.items()} == {
        "filters": 6, "neighbours": 0, "arithmetic": 1, "map": 0,
    }  # fmt: skip
    assert read_table(empty["arithmetic"])["reason"].tolist() == ["a: no images; b: no images"]
    assert read_table(empty["filters"])["n_concepts"].tolist() == [0] * 6


def test_lists_of_the_job_must_belong_together(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="1 tables and 0 files of vectors for 1 tasks"):
        relate_concepts(
            dataset="d", model="m", layer="l", tables=["t"], vectors=[], tasks=["segmentation"], expressions="e",
            filters="f", neighbours="n", arithmetic="a", map="m", options=OPTIONS, seed=0,
        )  # fmt: skip
