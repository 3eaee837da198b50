"""Planted units and spread directions get their verdicts, noise its level; no split of the work changes a number."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pytest

from conceptatlas.activations.maps import stored_maps
from conceptatlas.axes.principal import find_directions, find_principal_directions
from conceptatlas.axes.principal_cells import read_cells, write_cells
from conceptatlas.axes.principal_joining import join_principal_directions
from conceptatlas.datasets.labelled_images import read_images
from conceptatlas.figures.principal_figures import plot_principal_directions
from conceptatlas.files import read_json
from conceptatlas.masks.cells import covered_cells
from conceptatlas.tables import read_definitions, read_table
from planted import GEOMETRY, NAMES, OPTIONS, SIZE, detectors, dissect, noise, scenes, write_dataset
from tiny_stores import write_store

N_IMAGES, N_UNITS = 120, 30
CHOICES: dict[str, Any] = {
    "min_images": 8, "max_cells": 0, "centre": "global", "n_permutations": 19, "n_bootstrap": 20, "confidence": 0.95,
    "cut_one_unit": 0.5, "cut_few_units": 10, "concepts": ["sky", "skyy"],
}  # fmt: skip
DOG, SKY, RED, CAR = [4], [7, 8], [10, 11, 12], list(range(14, 30))


def planted() -> Any:
    """Dogs on one unit, skies on a pair at 45 degrees, red on three units, cars on sixteen, one louder."""
    labels = scenes(N_IMAGES)
    maps = noise(N_IMAGES, N_UNITS).astype(np.float32)
    for name, units in (("dog", DOG), ("sky", SKY), ("red", RED), ("car", CAR)):
        there = (detectors(labels, [name])[:, 0] > 0).astype(np.float32)
        for unit in units:
            maps[:, unit] += (2 if unit in CAR[1:] else 8) * there
    return labels, maps.astype(np.float16)


def principal(folder: Path, files: dict[str, Any], **changes: Any) -> dict[str, Path]:
    out = {"table": folder / "principal.parquet", "loadings": folder / "loadings.h5", "gallery": folder / "g.h5"}
    find_principal_directions(
        dataset="d", model="m", layer="layer", shards=files["store"].shards, manifests=files["store"].manifests,
        statistics=files["statistics"], tally=files["tally"], units=files["units"], about=files["dataset"],
        index=files["index"], concepts=files["concepts"], annotations=files["annotations"], frames=files["frames"],
        report=files["report"], geometry=GEOMETRY, options=CHOICES | changes, detector_iou=0.04, seed=0, **out,
    )  # fmt: skip
    return out


@pytest.fixture(scope="module")
def study(tmp_path_factory: Any) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("planted")
    labels, maps = planted()
    files = dissect(folder, maps, labels, options=OPTIONS | {"n_permutations": 9, "n_bootstrap": 9})
    return {"folder": folder, "labels": labels, "maps": maps, "files": files, **principal(folder / "axes", files)}


@pytest.fixture(scope="module")
def table(study: dict[str, Any]) -> pd.DataFrame:
    return read_table(study["table"]).set_index("concept")


def test_a_planted_unit_is_one_unit(table: pd.DataFrame) -> None:
    dog = table.loc["dog"]
    assert dog["verdict"] == "one unit"
    assert dog["unit"] == DOG[0]
    assert dog["max_u2"] > 0.8
    assert dog["max_u2_low"] <= dog["max_u2"] <= dog["max_u2_high"] + 0.05
    assert dog["unit_stability"] == 1
    assert dog["p"] == pytest.approx(1 / 20)
    assert bool(dog["same_unit"])
    assert bool(dog["unit_detects_concept"])
    assert (dog["unit_label"], dog["concept_rank"], dog["best_unit_rank"]) == ("dog", 1, 1)


def test_a_rotated_pair_is_two_units_three_are_few_sixteen_are_distributed(table: pd.DataFrame) -> None:
    assert set(table.loc["sky", "top_units"][:2]) == set(SKY)
    assert table.loc["sky", "participation"] == pytest.approx(2, abs=0.3)
    assert table.loc["sky", "max_u2"] == pytest.approx(0.5, abs=0.06)
    assert table.loc["sky", "verdict"] == "few units"
    assert set(table.loc["red", "top_units"][:3]) == set(RED)
    assert table.loc["red", "participation"] == pytest.approx(3, abs=0.3)
    assert table.loc["car", "verdict"] == "distributed"
    assert table.loc["car", "participation"] > 10
    assert set(table.loc["car", "top_units"]) <= set(CAR)


def test_none_speaks_of_concentration_not_of_the_direction(table: pd.DataFrame) -> None:
    red = table.loc["red"]  # three equal units: other images hold dogs, whose one unit is more concentrated
    assert red["verdict"] == "none"
    assert red["explained"] > red["explained_null_high"]
    assert red["explained_p"] == pytest.approx(1 / 20)


def test_a_wheel_sits_where_cars_sit(table: pd.DataFrame) -> None:
    assert table.loc["wheel", "unit"] in CAR  # wheels lie in cars


def test_cells_are_counted_by_the_slow_way(study: dict[str, Any], table: pd.DataFrame) -> None:
    masks = [m for (_, c), m in study["labels"].merged().items() if c == NAMES.index("dog")]
    cells = covered_cells(np.array(masks), (SIZE, SIZE)).sum(axis=(1, 2))
    assert table.loc["dog", "n_cells"] == cells.sum()
    assert table.loc["dog", "n_images"] == (cells > 0).sum()
    assert table.loc["street", "n_cells_all"] == table.loc["street", "n_images"] * SIZE * SIZE


def test_loadings_have_length_one_and_the_sign_of_the_largest(study: dict[str, Any], table: pd.DataFrame) -> None:
    with h5py.File(study["loadings"], "r") as file:
        u, concepts, null = file["loadings"][()], file["concept_index"][()], file["null_max_u2"][()]
        high = file["null_high"][()]
    np.testing.assert_allclose((u**2).sum(axis=1), 1, atol=1e-5)
    assert (u[np.arange(len(u)), np.abs(u).argmax(axis=1)] > 0).all()
    np.testing.assert_allclose(np.percentile(null, 95, axis=1), high, atol=1e-5)
    tested = table[table["reason"] == ""]
    assert concepts.tolist() == tested["concept_index"].tolist()
    np.testing.assert_allclose((u**2).max(axis=1), tested["max_u2"].astype(float), atol=1e-5)


def test_shards_do_not_matter(study: dict[str, Any], tmp_path: Path) -> None:
    files = dict(study["files"])
    files["store"] = write_store(tmp_path / "store", study["maps"], n_shards=3)
    files |= {"annotations": write_dataset(tmp_path / "dataset", study["labels"], n_shards=4)["annotations"]}
    again = principal(tmp_path, files)
    assert again["table"].read_bytes() == study["table"].read_bytes()
    with h5py.File(again["loadings"], "r") as one, h5py.File(study["loadings"], "r") as other:
        for name in ("loadings", "null_max_u2", "null_high"):
            np.testing.assert_array_equal(one[name][()], other[name][()])


def test_around_its_own_mean_a_flat_concept_loses_its_unit(study: dict[str, Any], tmp_path: Path) -> None:
    found = read_table(principal(tmp_path, study["files"], centre="concept", n_bootstrap=0)["table"])
    dog = found.set_index("concept").loc["dog"]
    assert dog["centre"] == "concept"
    assert dog["max_u2"] < 0.5  # dogs differ by the noise of the other units only
    assert np.isnan(dog["max_u2_low"])


def test_concepts_with_few_images_are_listed_with_the_reason(study: dict[str, Any], tmp_path: Path) -> None:
    out = principal(tmp_path, study["files"], min_images=25, max_cells=40, n_bootstrap=0)
    found = read_table(out["table"])
    few = found[found["n_images_with_concept"] < 25]
    assert len(few)
    assert (few["reason"] == few["n_images_with_concept"].astype(str) + " images; min_images 25").all()
    assert few["max_u2"].isna().all()
    tested = found[found["reason"] == ""]
    assert (tested["n_cells"] == np.minimum(tested["n_cells_all"], 40)).all()


def test_no_concept_at_all(study: dict[str, Any], tmp_path: Path) -> None:
    out = principal(tmp_path, study["files"], min_images=1000)
    assert (read_table(out["table"])["reason"] != "").all()
    join_principal_directions(tables=[str(out["table"])], out=tmp_path / "summary.parquet")
    _plot(tmp_path / "figures", out)


def test_noise_has_uniform_p(study: dict[str, Any], tmp_path: Path) -> None:
    p = []
    for seed in range(6):
        maps = noise(N_IMAGES, 20, seed=100 + seed)
        store = write_store(tmp_path / str(seed), maps)
        opened = stored_maps(store.shards, store.manifests, "layer")
        labelled = read_cells(opened, study["files"]["annotations"], n_concepts=len(NAMES))
        cells = [labelled.of(c, name=name, max_cells=60, seed=0) for c, name in enumerate(NAMES)]
        exact = maps.astype(np.float64)
        found = find_directions(
            opened, cells, labelled, read_images(study["files"]["index"]), mean=exact.mean(axis=(0, 2, 3)),
            deviation=exact.std(axis=(0, 2, 3)), options=CHOICES | {"n_bootstrap": 0}, seed=seed,
            beside=tmp_path / f"{seed}.parquet",
        )  # fmt: skip
        p += [(1 + (f.null >= f.direction.max_u2).sum()) / 20 for f in found]
    assert 0.4 < np.mean(p) < 0.65
    assert np.mean(np.array(p) <= 0.05) < 0.13
    assert np.std(p) == pytest.approx(12**-0.5, abs=0.08)


def test_cells_lie_side_by_side(study: dict[str, Any], tmp_path: Path) -> None:
    store = study["files"]["store"]
    write_cells(tmp_path / "cells.npy", stored_maps(store.shards, store.manifests, "layer"))
    rows = np.load(tmp_path / "cells.npy")
    np.testing.assert_array_equal(rows[5 * SIZE * SIZE + 3 * SIZE + 2], study["maps"][5, :, 3, 2])


def test_every_column_is_defined_and_figures_are_drawn(study: dict[str, Any], tmp_path: Path) -> None:
    assert all(column.definition for column in read_definitions(study["table"]))
    join_principal_directions(tables=[str(study["table"])] * 2, out=tmp_path / "summary.parquet")
    summary = read_table(tmp_path / "summary.parquet")
    every = summary[summary["category"] == ""]
    assert every["n_concepts"].sum() == 2 * len(NAMES)
    names = _plot(tmp_path / "figures", study)
    assert {"principal_verdicts", "principal_stems", "principal_agreement", "principal_gallery"} <= names


def _plot(folder: Path, files: dict[str, Any]) -> set[str]:
    plot_principal_directions(
        dataset="d", model="m", layers=["layer"], tables=[str(files["table"])], loadings=[str(files["loadings"])],
        galleries=[str(files["gallery"])], folder=folder, options={"formats": ["png"], "dpi": 50}, embed_images=True,
    )  # fmt: skip
    entries = read_json(folder / "figures.json")["figures"]
    assert all((folder / file).exists() for entry in entries for file in entry["files"])
    return {entry["figure"] for entry in entries}
