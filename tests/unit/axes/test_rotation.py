"""Rotation of the basis: the units' own counts at alpha 0, what may not change counts and what does, no dependence on
shards or workers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from conceptatlas.activations.linear_bases import random_rotation
from conceptatlas.activations.store import open_shards
from conceptatlas.axes.rotation import rotate_layer, rotation_seed
from conceptatlas.axes.rotation_counts import Setting, count_directions
from conceptatlas.axes.rotation_recipes import Recipe, directions, pairs_of
from conceptatlas.axes.rotation_tables import ROTATION_COLUMNS, SUMMARY_COLUMNS, join_rotations, named, summarise
from conceptatlas.axes.turned import Directions
from conceptatlas.datasets.labelled_images import read_labels
from conceptatlas.masks.iou import iou_category
from conceptatlas.masks.labels import best_in_category, count_detectors
from conceptatlas.masks.upsample import make_grid
from conceptatlas.naming import CATEGORIES
from conceptatlas.tables import read_table, write_table
from planted import GEOMETRY, OPTIONS, SIZE, THRESHOLDS, detectors, dissect, noise, primary_index, scenes
from slow_twins import slow_tally

Array = np.ndarray[Any, Any]

AXES = {"n_rotations": 2, "alphas": [0, 0.5, 1], "standardise": False}
PLANTED = ["car", "sky", "dog", "red", "metal", "person"]


def planted_maps(n_images: int) -> tuple[Any, Array]:
    labels = scenes(n_images, seed=3)
    return labels, np.concatenate([detectors(labels, PLANTED), noise(n_images, 6)], axis=1)


def rotate(
    folder: Path, files: dict[str, Any], *, axes: dict[str, Any] = AXES, threads: int = 1, **options: Any
) -> Any:
    out = {name: folder / f"{name}.parquet" for name in ("rotation", "controls")}
    rotate_layer(
        dataset="d", model="m", layer="layer", shards=files["store"].shards, manifests=files["store"].manifests,
        statistics=files["statistics"], about=files["dataset"], concepts=files["concepts"],
        annotations=files["annotations"], report=files["report"], geometry=GEOMETRY, seed=0, threads=threads,
        **{"thresholds": THRESHOLDS, "detector_iou": OPTIONS["detector_iou"], "options": axes, **options}, **out,
    )  # fmt: skip
    return read_table(out["rotation"]), read_table(out["controls"])


@pytest.fixture(scope="module")
def layer(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    labels, maps = planted_maps(60)
    return dissect(tmp_path_factory.mktemp("planted"), maps, labels, n_shards=2)


@pytest.fixture(scope="module")
def tables(layer: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Any:
    return rotate(tmp_path_factory.mktemp("rotated"), layer)


def values(table: pd.DataFrame) -> dict[tuple[str, str], int]:
    return {(row.quantity, row.category): row.value for row in table.itertuples()}


def test_alpha_zero_and_the_identity_are_the_dissection(layer: dict[str, Any], tables: Any) -> None:
    summary = read_table(layer["summary"])
    summary = summary[summary["tau"] == "0.1"]
    rotation, controls = tables
    own = values(rotation[(rotation["alpha"] == 0) & (rotation["rotation"] == 1)])
    assert values(controls[controls["control"] == "identity"]) == own
    assert own["detectors", ""] >= len(PLANTED)
    expected = values(summary[summary["quantity"].isin([quantity for quantity, _ in own])])
    assert {key: expected[key] for key in own} == own


def test_what_may_not_change_counts_and_what_does(tables: Any) -> None:
    _, controls = tables
    change = {name: values(table.assign(value=table["change"])) for name, table in controls.groupby("control")}
    for name in ("identity", "permutation", "positive_scaling"):
        assert set(change[name].values()) == {0}, name
    assert change["sign_flip"]["unique_by_category", ""] < 0  # a planted unit is 0 outside: flipped, it has no mask
    assert change["turn_90_best"]["detectors", ""] == -1  # one of two units flips its sign
    flipped = controls.groupby("control")["n_flipped"].first()
    assert flipped["sign_flip"] == 12
    assert flipped["turn_90_best"] == 1
    assert change["turn_90_detectors"]["detectors", ""] <= -3


def test_rotation_costs_planted_detectors(layer: dict[str, Any], tmp_path: Path) -> None:
    rotation, _ = rotate(tmp_path, layer, detector_iou=0.3)
    totals = rotation[(rotation["quantity"] == "unique_by_category") & (rotation["category"] == "")]
    means = totals.groupby("alpha")["value"].mean()
    assert means[0] >= 4
    assert means[1] < means[0]
    assert rotation.groupby("rotation")["seed"].nunique().eq(1).all()
    assert rotation["seed"].nunique() == 2
    assert (rotation["n_units"] == 12).all()
    assert (rotation["n_images"] == 60).all()


@pytest.mark.parametrize("threads", [1, 2])
def test_shards_and_workers_change_nothing(tables: Any, tmp_path: Path, threads: int) -> None:
    labels, maps = planted_maps(60)
    files = dissect(tmp_path, maps, labels, n_shards=1 if threads == 1 else 4, annotation_shards=threads)
    again = rotate(tmp_path, files, threads=threads, mem_mb=1 if threads == 1 else 2000)
    for expected, found in zip(tables, again, strict=True):
        pd.testing.assert_frame_equal(found, expected)


def test_standardised_units_have_the_same_counts_at_alpha_zero(
    layer: dict[str, Any], tables: Any, tmp_path: Path
) -> None:
    """A positive scale and a shift move a threshold with its values; rounding at 16 bits may join neighbours."""
    rotation, _ = rotate(tmp_path, layer, axes={**AXES, "standardise": True, "n_rotations": 1})
    plain, _ = tables
    assert rotation["standardise"].all()
    pick = ("detectors", "")
    assert values(rotation[rotation["alpha"] == 0])[pick] == values(plain[plain["alpha"] == 0])[pick]
    full, other = values(rotation[rotation["alpha"] == 1]), values(plain[plain["alpha"] == 1])
    assert full.keys() == other.keys()


def test_counts_equal_a_slow_twin(layer: dict[str, Any]) -> None:
    """The matrix product in double precision, a sort, and one image, unit and concept after the other."""
    labels, maps = planted_maps(60)
    q = random_rotation(12, seed=8)
    grid = make_grid((SIZE, SIZE), SIZE)
    turned = np.einsum("dk,nkyx->ndyx", q.astype(np.float32), maps.astype(np.float32)).astype(np.float16)
    flat = np.sort(turned.transpose(1, 0, 2, 3).reshape(12, -1), axis=1)
    thresholds = flat[:, -1 - flat.shape[1] // 10].astype(np.float32)
    zero = np.zeros(60, dtype=np.int64)
    slow = slow_tally(turned, thresholds, labels, zero, primary_index(), grid, n_categories=len(CATEGORIES))
    scores = iou_category(
        slow.intersections.sum(axis=2), slow.category_areas.sum(axis=2), slow.label_pixels.sum(axis=1), primary_index()
    )
    best, value = best_in_category(scores, primary_index(), len(CATEGORIES))
    shards = open_shards(layer["store"].shards, layer["store"].manifests, "layer")
    folder = Path(layer["statistics"]).parent / "labels"
    read_labels(layer["annotations"], start=0, stop=60).save(folder)
    setting = Setting(shards, folder, primary_index(), grid, "0.1", "order_statistic", 0.04)
    found = count_directions(setting, Directions(q, np.zeros(12)))
    np.testing.assert_allclose(found.best_iou, np.nanmax(value, axis=1), atol=0.02)  # products are summed otherwise
    assert found.counts == count_detectors(best, value, categories=list(CATEGORIES), cut=0.04)


def test_scaling_by_powers_of_two_and_permutations_move_ious_only(layer: dict[str, Any]) -> None:
    shards = open_shards(layer["store"].shards, layer["store"].manifests, "layer")
    folder = Path(layer["statistics"]).parent / "labels_too"
    read_labels(layer["annotations"], start=0, stop=60).save(folder)
    setting = Setting(shards, folder, primary_index(), make_grid((SIZE, SIZE), SIZE), "0.1", "order_statistic", 0.04)
    units = count_directions(setting, directions(Recipe("identity"), 12)).best_iou
    scaled = count_directions(setting, directions(Recipe("positive_scaling", seed=1), 12)).best_iou
    np.testing.assert_array_equal(scaled, units)
    recipe = Recipe("permutation", seed=1)
    order = directions(recipe, 12).matrix.argmax(axis=1)
    assert sorted(order) == list(range(12))
    np.testing.assert_array_equal(count_directions(setting, directions(recipe, 12)).best_iou, units[order])
    turned = count_directions(setting, directions(Recipe("turns_90", pairs=((0, 1),)), 12)).best_iou
    assert turned[1] == units[0]  # direction 1 is unit 0
    assert turned[0] != units[1]  # direction 0 is unit 1 with its sign flipped
    np.testing.assert_array_equal(turned[2:], units[2:])


def test_recipes() -> None:
    assert pairs_of(np.array([4, 1, 7, 0, 2])) == ((4, 1), (7, 0))
    both = directions(Recipe("identity", mean=np.array([1.0, 2.0]), scale=np.array([2.0, 0.0])), 2)
    np.testing.assert_array_equal(both.matrix, np.diag([0.5, 1.0]))  # a dead unit is not divided by zero
    np.testing.assert_array_equal(both.offset, [1, 2])
    with pytest.raises(ValueError, match="did you mean 'rotation'"):
        directions(Recipe("rotations"), 2)
    assert rotation_seed(0, 1, 8) != rotation_seed(0, 2, 8) != rotation_seed(0, 2, 9)


def test_summary_over_rotations(tables: Any, tmp_path: Path) -> None:
    rotation, _ = tables
    summary = summarise(rotation)
    row = summary[(summary["alpha"] == 1) & (summary["quantity"] == "detectors") & (summary["category"] == "")].iloc[0]
    runs = rotation[(rotation["alpha"] == 1) & (rotation["quantity"] == "detectors") & (rotation["category"] == "")]
    assert row["n_rotations"] == 2
    assert row["mean"] == runs["value"].mean()
    assert row["sd"] == pytest.approx(np.std(runs["value"], ddof=1))
    assert (row["minimum"], row["maximum"]) == (runs["value"].min(), runs["value"].max())
    paths = []
    for model in ("m", "k"):
        paths.append(str(tmp_path / f"{model}.parquet"))
        write_table(paths[-1], rotation.assign(model=model), columns=ROTATION_COLUMNS)
    join_rotations(rotations=paths, out=tmp_path / "summary.parquet")
    joined = read_table(tmp_path / "summary.parquet")
    assert list(joined.columns) == named(SUMMARY_COLUMNS)
    assert list(dict.fromkeys(joined["model"])) == ["m", "k"]
    assert len(joined) == 2 * len(summary)
