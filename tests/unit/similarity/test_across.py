"""Concepts of a layer in two data sets: the same set twice gives 1, planted ones are matched, others are chance."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pytest

from conceptatlas.similarity.across import compare_datasets
from conceptatlas.similarity.across_projecting import LayerOn
from conceptatlas.similarity.across_tables import ACROSS_COLUMNS, ACROSS_CONCEPT_COLUMNS, ACROSS_MEASURES
from conceptatlas.tables import read_definitions, read_table
from planted import GEOMETRY, scenes
from tiny_similarity import blobs, directions, discover, prepare
from workspace import REPOSITORY

Array = np.ndarray[Any, Any]

N, UNITS = 60, 96
OPTIONS: dict[str, Any] = {"n_permutations": 39, "n_bootstrap": 30, "confidence": 0.95}


def layer_on(folder: Path, dataset: str, components: Array, *, seed: int, **options: Any) -> LayerOn:
    """A layer whose maps are blobs times components, discovered on `dataset`."""
    rng = np.random.default_rng(seed)
    planted = blobs(N, len(components), seed=seed)
    maps = np.einsum("nchw,ck->nkhw", planted, components) + 0.02 * rng.random((N, UNITS, *planted.shape[2:]))
    files = prepare(folder / dataset, scenes(N, seed=seed), {"layer": maps.astype(np.float32)})
    out = discover(folder / dataset / "out", files, **options)
    store = files["store"]["layer"]
    return LayerOn(
        dataset, "layer", store.shards, store.manifests, files["annotations"], str(files["dataset"]),
        str(files["index"]), str(files["report"]), str(out["table"]), str(out["discovered"]),
    )  # fmt: skip


def compare(folder: Path, *sets: LayerOn, **options: Any) -> dict[str, Any]:
    paths = {"table": folder / "m.parquet", "concept_pairs": folder / "c.parquet", "matrices": folder / "m.h5"}
    compare_datasets(
        model="m", layers=[list(sets)], depths=[0.5], options=OPTIONS | options, geometry=GEOMETRY, seed=0,
        **paths,
    )  # fmt: skip
    return {"paths": paths, "pairs": read_table(paths["table"]), "concepts": read_table(paths["concept_pairs"])}


def row(pairs: pd.DataFrame, measure: str, **where: Any) -> pd.Series:
    kept = pairs[pairs["measure"] == measure]
    for name, value in where.items():
        kept = kept[kept[name] == value]
    (found,) = (each for _, each in kept.iterrows())
    return found


@pytest.fixture(scope="module")
def sets(tmp_path_factory: Any) -> dict[str, LayerOn]:
    """rich has four concepts, poor two of them and two others; far has four that are none of them."""
    folder = tmp_path_factory.mktemp("across")
    every = directions(9, UNITS)
    return {
        "rich": layer_on(folder, "rich", every[:4], seed=1),
        "poor": layer_on(folder, "poor", every[[2, 3, 4, 5]], seed=2),
        "far": layer_on(folder, "far", every[[5, 6, 7, 8]], seed=3),
    }


@pytest.fixture(scope="module")
def compared(sets: dict[str, LayerOn], tmp_path_factory: Any) -> dict[str, Any]:
    return compare(tmp_path_factory.mktemp("compared"), sets["rich"], sets["poor"], sets["far"])


def test_the_same_data_set_under_two_names_gives_one(sets: dict[str, LayerOn], tmp_path: Path) -> None:
    rich = sets["rich"]
    found = compare(tmp_path, rich, rich._replace(dataset="again"))["pairs"]
    assert row(found, "cosine_raw")["value"] == pytest.approx(1)
    assert row(found, "cosine_one_to_one")["value"] == 1
    for images in ("rich", "again"):
        for threshold in (0.5, 0.75):
            for measure in ("ucs_raw", "ucs_scaled", "one_to_one"):
                assert row(found, measure, images=images, threshold=threshold)["value"] == pytest.approx(1)
    errors = found.loc[found["measure"] == "error", "value"]
    assert errors.nunique() == 1
    own = read_table(rich.table)["reconstruction_error"].iloc[0]
    assert errors.iloc[0] == pytest.approx(own)


def test_shared_concepts_are_matched_and_the_others_are_not(compared: dict[str, Any]) -> None:
    concepts = compared["concepts"]
    two = concepts[(concepts["dataset_a"] == "rich") & (concepts["dataset_b"] == "poor")]
    cosine = two[(two["matched_by"] == "cosine") & two["mutual_best"]]
    assert (cosine["similarity"] > 0.95).sum() == 2
    assert cosine.loc[cosine["similarity"] > 0.95, "above_null"].all()
    assert (cosine["similarity"] == cosine["cosine"]).all()
    assert two["stability"].notna().all()
    for images in ("rich", "poor"):
        first = two[(two["matched_by"] == "ucs") & (two["images"] == images) & (two["threshold"] == 0.5)]
        alike = first[first["mutual_best"] & (first["cosine"] > 0.95)]
        assert len(alike) == 2
        assert (alike["similarity"] > 0.8).all()
        assert alike["above_null"].all()
    assert row(compared["pairs"], "cosine_raw", dataset_a="rich", dataset_b="poor")["p"] == 1 / 40
    for images in ("rich", "poor"):
        found = row(compared["pairs"], "ucs", dataset_a="rich", dataset_b="poor", images=images, threshold=0.5)
        assert found["p"] == 1 / 40


def test_unrelated_concepts_stay_at_chance(compared: dict[str, Any]) -> None:
    pairs = compared["pairs"]
    found = row(pairs, "cosine_raw", dataset_a="rich", dataset_b="far")
    assert found["p"] > 0.05
    assert abs(row(pairs, "cosine", dataset_a="rich", dataset_b="far")["value"]) < 0.1
    assert found["ceiling"] > 0.9
    concepts = compared["concepts"]
    two = concepts[(concepts["dataset_a"] == "rich") & (concepts["dataset_b"] == "far")]
    cosine = two[(two["matched_by"] == "cosine") & two["mutual_best"]]
    assert not cosine["above_null"].all()
    assert (cosine["similarity"] < 0.8).all()


def test_own_concepts_reconstruct_best_and_far_images_worst(compared: dict[str, Any]) -> None:
    errors = compared["pairs"][compared["pairs"]["measure"] == "error"]
    value = {(r["components"], r["images"]): r["value"] for _, r in errors.iterrows()}
    for images in ("rich", "poor", "far"):
        assert value[images, images] == min(value[of, images] for of in ("rich", "poor", "far"))
    assert value["rich", "poor"] < value["rich", "far"]
    own = errors[errors["components"] == errors["images"]]
    assert ((own["low"] <= own["value"]) & (own["value"] <= own["high"])).all()


def test_tables_say_what_they_hold(compared: dict[str, Any]) -> None:
    paths = compared["paths"]
    assert read_definitions(paths["table"]) == ACROSS_COLUMNS
    assert read_definitions(paths["concept_pairs"]) == ACROSS_CONCEPT_COLUMNS
    assert set(compared["pairs"]["measure"]) == set(ACROSS_MEASURES)
    assert len(compared["pairs"].drop_duplicates(["dataset_a", "dataset_b"])) == 3
    with h5py.File(paths["matrices"], "r") as file:
        assert set(file) == {"rich~poor~layer", "rich~far~layer", "poor~far~layer"}
        assert file["rich~poor~layer/cosine"].shape == (4, 4)
        assert file["rich~poor~layer/on_b/ucs"].shape == (2, 4, 4)
        assert file.attrs["thresholds"].tolist() == [0.5, 0.75]


def test_the_order_of_the_data_sets_changes_nothing(
    sets: dict[str, LayerOn], compared: dict[str, Any], tmp_path: Path
) -> None:
    again = compare(tmp_path, sets["poor"], sets["rich"])["pairs"]
    for measure in ("cosine", "cosine_raw", "cosine_one_to_one"):
        one = row(compared["pairs"], measure, dataset_a="rich", dataset_b="poor")
        other = row(again, measure)
        assert other["value"] == pytest.approx(one["value"])
        assert other["p"] == one["p"]
    for images in ("rich", "poor"):
        one = row(compared["pairs"], "ucs", dataset_a="rich", dataset_b="poor", images=images, threshold=0.5)
        other = row(again, "ucs", images=images, threshold=0.5)
        assert other["value"] == pytest.approx(one["value"])
        assert other["null_high"] == pytest.approx(one["null_high"])


def test_concepts_found_in_different_ways_are_refused(sets: dict[str, LayerOn], tmp_path: Path) -> None:
    other = layer_on(tmp_path, "other", directions(9, UNITS)[:4], seed=1, method="kmeans")
    with pytest.raises(ValueError, match=r"has method nmf, .* kmeans"):
        compare(tmp_path, sets["rich"], other)


def test_pca_and_own_maximum_work_too(tmp_path: Path) -> None:
    every = directions(6, UNITS)
    two = [
        layer_on(tmp_path, name, every[rows], seed=seed, method="pca", normalise="image", n_stability=0)
        for name, rows, seed in (("one", [0, 1, 2, 3], 4), ("two", [2, 3, 4, 5], 5))
    ]
    found = compare(tmp_path, *two)["pairs"]
    assert found.loc[found["measure"] == "ucs_raw", "value"].notna().all()
    assert np.isnan(row(found, "cosine_raw")["ceiling"])


def test_docs_name_every_column_and_array() -> None:
    words = set(re.findall(r"[A-Za-z_][A-Za-z0-9_]*", (REPOSITORY / "docs" / "files.md").read_text()))
    names = {column.name for column in (*ACROSS_COLUMNS, *ACROSS_CONCEPT_COLUMNS)}
    assert names | {"cosine", "on_a", "on_b", "ucs", "null_mean", "n_defined"} <= words
