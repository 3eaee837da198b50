"""Planted concepts are found with their masks; what should not count does not; no split of the work changes a bit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pytest
from scipy.optimize import linear_sum_assignment

from conceptatlas.datasets.splits import TRAIN, VAL, read_split
from conceptatlas.files import read_json, write_json
from conceptatlas.masks.bitmask import count, unpack
from conceptatlas.masks.upsample import make_grid, upsample_map
from conceptatlas.seeds import unit_interval
from conceptatlas.similarity.discovered_file import digest_of_images, read_discovered
from conceptatlas.similarity.discovered_tables import discovered_columns
from conceptatlas.similarity.projecting import Basis, concept_maps, reconstruct
from conceptatlas.tables import read_definitions, read_table
from planted import SIZE
from tiny_similarity import UNSUPERVISED, blobs, directions, discover, planted_layer, prepare

Array = np.ndarray[Any, Any]

N_IMAGES, N_CONCEPTS = 60, 4


@pytest.fixture(scope="module")
def study(tmp_path_factory: Any) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("similarity")
    labels, maps = planted_layer(N_IMAGES)
    files = prepare(folder, labels, {"layer": maps})
    return {"folder": folder, "labels": labels, "maps": maps, "files": files, **discover(folder / "out", files)}


def run(folder: Path, maps: Array, labels: Any, *, layer: str = "layer", **choices: Any) -> dict[str, Path]:
    how = {name: choices.pop(name) for name in ("n_shards", "annotation_shards", "valid") if name in choices}
    return discover(folder / "out", prepare(folder, labels, {layer: maps}, **how), layer=layer, **choices)


def masks_of(path: Path) -> Array:
    """bool (threshold, image, concept, S, S)"""
    found = read_discovered(path)
    return unpack(np.ascontiguousarray(found.masks), height=found.size, width=found.size)


def same_files(one: dict[str, Path], two: dict[str, Path], *, but: tuple[str, ...] = ()) -> None:
    pd.testing.assert_frame_equal(read_table(one["table"]), read_table(two["table"]))
    for name in ("discovered", "examples"):
        with h5py.File(one[name], "r") as a, h5py.File(two[name], "r") as b:
            assert set(a) == set(b)
            for part in set(a) - set(but):
                np.testing.assert_array_equal(a[part][()], b[part][()], err_msg=part)
            for key, value in a.attrs.items():
                np.testing.assert_array_equal(value, b.attrs[key], err_msg=key)


def matched(components: Array, found: Array) -> tuple[Array, Array]:
    """Which found concept each planted one is, and the cosines."""
    cosines = components @ found.T
    rows, columns = linear_sum_assignment(-cosines)
    return columns, cosines[rows, columns]


# What is planted --------------------------------------------------------------------------------------------------


def test_planted_concepts_are_found_with_their_masks(study: dict[str, Any]) -> None:
    found = read_discovered(study["discovered"])
    which, cosines = matched(directions(N_CONCEPTS, 24), found.components)
    assert cosines.min() > 0.99
    boxes = blobs(N_IMAGES, N_CONCEPTS)[found.test_images]
    masks = masks_of(study["discovered"])
    np.testing.assert_array_equal(masks[0][:, which], boxes > 0)  # values are 1 to 2, the peak is below 2
    share = (masks[1][:, which] == (boxes > 1.5)).mean()
    assert share > 0.99
    table = read_table(study["table"])
    assert (table["reconstruction_error"] < 1e-4).all()
    assert (table["error_without"] > 0.05).all()
    assert (table["stability_images"] > 0.99).all()
    assert (table["stability_seeds"] > 0.99).all()
    assert table["n_empty_0.5"].tolist() == (~masks[0].any(axis=(2, 3))).sum(axis=0).tolist()


@pytest.mark.parametrize("method", ["kmeans", "pca"])
def test_other_methods_give_masks_too(study: dict[str, Any], tmp_path: Path, method: str) -> None:
    out = discover(tmp_path, study["files"], method=method)
    table = read_table(out["table"])
    assert (table["reason"] == "").all()
    assert (table["one_sided"] == (method == "pca")).all()
    assert table["stability_seeds"].isna().all() == (method == "pca")
    assert (table["stability_images"] > 0.7).all()
    if method == "kmeans":  # positions with two concepts pull centroids towards each other
        found = read_discovered(out["discovered"])
        assert matched(directions(N_CONCEPTS, 24), found.components)[1].min() > 0.95


def test_the_table_says_everything_about_every_concept(study: dict[str, Any]) -> None:
    table = read_table(study["table"])
    assert read_definitions(study["table"]) == discovered_columns(UNSUPERVISED["thresholds"])
    assert table["concept"].tolist() == list(range(N_CONCEPTS))
    split = read_split(study["files"]["index"], train_share=0.7, seed=0)
    assert (table["n_fit"] == (split.of == TRAIN).sum()).all()
    assert (table["n_test"] == (split.of == VAL).sum()).all()
    assert (table["n_positions"] == (split.of == TRAIN).sum() * SIZE**2).all()
    assert (table["stability_images_low"] <= table["stability_images"]).all()
    assert (table["stability_images"] <= table["stability_images_high"]).all()
    assert (np.diff(table["share_of_activation"]) <= 0).all()
    found = read_discovered(study["discovered"])
    np.testing.assert_array_equal(found.test_images, np.flatnonzero(split.of == VAL))
    assert found.images_digest == digest_of_images(split.ids, found.test_images)
    assert found.images_digest != digest_of_images(split.ids, found.test_images[::-1])


def test_numbers_and_masks_are_those_of_the_obvious_way(study: dict[str, Any], tmp_path: Path) -> None:
    """At another mask size: maps by scipy's rule, quantiles by sorting, masks by upsampling whole maps."""
    rng = np.random.default_rng(3)
    maps = np.einsum("nchw,ck->nkhw", blobs(40, 4, size=7), directions(4, 24)) + 0.2 * rng.random((40, 24, 7, 7))
    labels, _ = planted_layer(40)
    out = run(tmp_path, maps.astype(np.float16), labels, quantile=0.95)
    found, table = read_discovered(out["discovered"]), read_table(out["table"])
    test = maps.astype(np.float16)[found.test_images]
    values = concept_maps(Basis.of(found), test).astype(np.float32)
    grid = make_grid((7, 7), SIZE)
    split = read_split(tmp_path / "dataset" / "index.parquet", train_share=0.7, seed=0)
    fit = concept_maps(Basis.of(found), maps.astype(np.float16)[split.of == TRAIN])
    np.testing.assert_allclose(table["fit_maximum"], fit.max(axis=(0, 2, 3)), rtol=1e-6)
    for c in range(4):
        ordered = np.sort(values[:, c].ravel())[::-1]
        peak = ordered[int(0.05 * ordered.size)]
        assert table["peak"][c] == pytest.approx(peak, rel=1e-6)
        for t, threshold in enumerate(found.thresholds):
            mask = upsample_map(values[:, c] / np.float32(peak), grid) > np.float32(threshold)
            np.testing.assert_array_equal(masks_of(out["discovered"])[t, :, c], mask)
        assert table["share_active"][c] == (values[:, c] > 0).mean()
    again = reconstruct(Basis.of(found), test)
    error = np.square(again - test).sum() / np.square(test.astype(np.float64)).sum()
    np.testing.assert_allclose(table["reconstruction_error"], error, rtol=1e-9)
    np.testing.assert_array_equal(found.areas, masks_of(out["discovered"]).sum(axis=(3, 4)))
    np.testing.assert_array_equal(found.maxima, values.max(axis=(2, 3)))


# What must not matter ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["nmf", "kmeans", "pca"])
def test_shards_and_workers_change_no_bit(study: dict[str, Any], tmp_path: Path, method: str) -> None:
    one = discover(tmp_path / "one", study["files"], method=method, max_positions=3000)
    three = run(tmp_path / "three", study["maps"], study["labels"], n_shards=3, annotation_shards=2, method=method,
                max_positions=3000)  # fmt: skip
    same_files(one, three)
    if method == "nmf":
        files = prepare(tmp_path / "two", study["labels"], {"layer": study["maps"]}, n_shards=2)
        same_files(one, discover(tmp_path / "workers", files, max_positions=3000, threads=2))


@pytest.mark.parametrize(("scale", "exact"), [(2.0**-12, True), (3.0, False)])
@pytest.mark.parametrize("normalise", ["dataset", "image"])
def test_a_common_scale_changes_no_mask(
    study: dict[str, Any], tmp_path: Path, scale: float, exact: bool, normalise: str
) -> None:
    one = discover(tmp_path / "one", study["files"], normalise=normalise)
    scaled = run(tmp_path / "scaled", study["maps"] * np.float32(scale), study["labels"], normalise=normalise)
    a, b = masks_of(one["discovered"]), masks_of(scaled["discovered"])
    if exact:
        np.testing.assert_array_equal(a, b)
    else:
        assert (a != b).mean() < 1e-4  # a value on the threshold itself
    if normalise == "dataset":
        np.testing.assert_allclose(read_table(scaled["table"])["peak"], scale * read_table(one["table"])["peak"],
                                   rtol=1e-4)  # fmt: skip


def test_permuted_units_permute_components(study: dict[str, Any], tmp_path: Path) -> None:
    order = np.random.default_rng(0).permutation(24)
    out = run(tmp_path, np.ascontiguousarray(study["maps"][:, order]), study["labels"])
    one, two = read_discovered(study["discovered"]), read_discovered(out["discovered"])
    which, cosines = matched(one.components[:, order], two.components)
    assert cosines.min() > 0.9999
    assert (masks_of(study["discovered"]) != masks_of(out["discovered"])[:, :, which]).mean() < 1e-3


def test_padding_counts_nowhere(tmp_path: Path) -> None:
    """Cells of the padding hold huge values along another direction: not a bit of the result changes."""
    labels, maps = planted_layer(45, padded=True)
    assert labels.ignore is not None
    hidden = np.broadcast_to(labels.ignore[:, None], maps.shape)
    assert hidden.any()
    quiet, loud = np.where(hidden, 0, maps), np.where(hidden, np.float32(1000), maps)
    for normalise in ("dataset", "image"):
        one = run(tmp_path / normalise / "one", quiet, labels, normalise=normalise)
        two = run(tmp_path / normalise / "two", loud, labels, normalise=normalise)
        same_files(one, two)
        found = read_discovered(one["discovered"])
        assert not (masks_of(one["discovered"]) & labels.ignore[found.test_images][:, None]).any()
    n_fit = int(read_table(one["table"])["n_fit"][0])
    assert int(read_table(one["table"])["n_positions"][0]) < n_fit * SIZE**2


def test_quarantined_images_count_nowhere(study: dict[str, Any], tmp_path: Path) -> None:
    valid = np.ones(N_IMAGES, dtype=bool)
    valid[[0, 7, 20, 33, 59]] = False
    noisy = study["maps"].copy()
    noisy[~valid] = 1e6
    one = run(tmp_path / "one", study["maps"], study["labels"], valid=valid)
    two = run(tmp_path / "two", noisy, study["labels"], valid=valid)
    same_files(one, two)
    assert valid[read_discovered(one["discovered"]).test_images].all()
    table = read_table(one["table"])
    assert table["n_fit"][0] + table["n_test"][0] == valid.sum()


def test_dataset_and_image_normalisation_differ_where_the_concept_is_absent(tmp_path: Path) -> None:
    """The named trap: over its own maximum a trace of a concept is a mask; over the concept's peak it is none."""
    labels, _ = planted_layer(60)
    planted = blobs(60, N_CONCEPTS)
    absent = ~planted.any(axis=(2, 3))
    rng = np.random.default_rng(0)
    planted += 0.01 * rng.random(planted.shape).astype(np.float32)
    maps = np.einsum("nchw,ck->nkhw", planted, directions(N_CONCEPTS, 24)).astype(np.float32)
    out = {n: run(tmp_path / n, maps, labels, normalise=n) for n in ("dataset", "image")}
    for normalise, files in out.items():
        found = read_discovered(files["discovered"])
        which, cosines = matched(directions(N_CONCEPTS, 24), found.components)
        assert cosines.min() > 0.99
        areas = found.areas[0][:, which][absent[found.test_images]]
        assert (areas > 0).all() if normalise == "image" else (areas == 0).all()
    table = read_table(out["image"]["table"])
    assert table["peak"].isna().all()
    assert (table["n_empty_0.5"] == 0).all()


# What is not there ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["nmf", "kmeans", "pca"])
@pytest.mark.parametrize("normalise", ["dataset", "image"])
def test_a_dead_layer_gives_rows_with_a_reason(tmp_path: Path, method: str, normalise: str) -> None:
    labels, maps = planted_layer(30)
    out = run(tmp_path, np.zeros_like(maps), labels, method=method, normalise=normalise)
    table = read_table(out["table"])
    assert (table["reason"] == "the layer is 0 at all sampled positions").all()
    missing = ["share_active", "peak", "reconstruction_error", "error_without", "stability_images"]
    assert table[missing].isna().all(axis=None)
    assert (table["n_empty_0.5"] == table["n_test"]).all()
    assert not masks_of(out["discovered"]).any()
    with h5py.File(out["examples"], "r") as file:
        assert file["pictures"].shape[0] == 0


def test_concepts_beyond_the_layers_directions_say_why(tmp_path: Path) -> None:
    labels, maps = planted_layer(40, n_concepts=2, n_units=3)
    out = run(tmp_path, maps, labels, n_concepts=5)
    table = read_table(out["table"])
    why = f"3 units and {table['n_positions'][0]} positions hold no more components"
    assert table["reason"].tolist()[3:] == [why] * 2
    assert (table["reason"][:2] == "").all()
    assert np.isfinite(table["reconstruction_error"]).all()


@pytest.mark.parametrize("normalise", ["dataset", "image"])
def test_a_concept_of_no_test_image_says_so(tmp_path: Path, normalise: str) -> None:
    labels, _ = planted_layer(40)
    files = prepare(tmp_path / "ids", labels, {"layer": np.ones((40, 2, SIZE, SIZE), dtype=np.float16)})
    split = read_split(files["index"], train_share=0.7, seed=0)
    planted = blobs(40, N_CONCEPTS)
    planted[split.of == VAL, 1] = 0
    maps = np.einsum("nchw,ck->nkhw", planted, np.eye(N_CONCEPTS)).astype(np.float32)
    table = read_table(run(tmp_path, maps, labels, normalise=normalise)["table"])
    mute = table["reason"] == "its map is 0 in all test images"  # but for traces of 1e-9, which are rounding
    assert mute.sum() == 1
    assert table.loc[mute, "fit_maximum"].item() > 1
    assert table.loc[mute, "share_active"].item() == 0
    assert (table.loc[mute, "n_empty_0.5"] == table.loc[mute, "n_test"]).all()
    assert table.loc[mute, "error_without"].item() == pytest.approx(table["reconstruction_error"][0], abs=1e-9)


def test_without_images_to_fit_or_to_test(tmp_path: Path) -> None:
    labels, maps = planted_layer(20)
    no_test = run(tmp_path / "a", maps, labels, train_share=1.0)
    assert (read_table(no_test["table"])["reason"] == "no test image").all()
    assert read_discovered(no_test["discovered"]).masks.shape == (2, 0, N_CONCEPTS, 4)
    no_fit = run(tmp_path / "b", maps, labels, train_share=0.0)
    assert (read_table(no_fit["table"])["reason"] == "no position to find concepts on").all()


def test_a_layer_that_can_be_negative_is_rectified_and_says_so(study: dict[str, Any], tmp_path: Path) -> None:
    maps = np.where(study["maps"] == 0, np.float32(-0.5), study["maps"])
    out = run(tmp_path, maps, study["labels"])
    assert read_table(out["table"])["rectified"].all()
    assert not read_table(study["table"])["rectified"].any()
    np.testing.assert_array_equal(masks_of(out["discovered"]), masks_of(study["discovered"]))
    signed = read_table(run(tmp_path / "signed", maps, study["labels"], method="kmeans")["table"])
    assert not signed["rectified"].any()


def test_dot_products_are_an_option(study: dict[str, Any], tmp_path: Path) -> None:
    out = discover(tmp_path, study["files"], projection="dot")
    one, two = read_table(study["table"]), read_table(out["table"])
    assert (two["projection"] == "dot").all()
    # units are shared: where one concept is, the others seem to be
    assert (two["share_active"] >= one["share_active"]).all()
    assert (two["share_active"] > one["share_active"]).any()
    assert (one["reconstruction_error"] == two["reconstruction_error"]).all()


# What else is chosen ----------------------------------------------------------------------------------------------


def test_fewer_test_images_are_the_same_for_every_layer(study: dict[str, Any], tmp_path: Path) -> None:
    out = discover(tmp_path, study["files"], max_test_images=9)
    found = read_discovered(out["discovered"])
    split = read_split(study["files"]["index"], train_share=0.7, seed=0)
    by_hash = sorted(np.flatnonzero(split.of == VAL), key=lambda i: unit_interval(0, "test images of concepts",
                                                                                  split.ids[i]))  # fmt: skip
    assert found.test_images.tolist() == sorted(by_hash[:9])
    everything = read_discovered(study["discovered"])
    rows = np.searchsorted(everything.test_images, found.test_images)
    np.testing.assert_array_equal(found.maxima, everything.maxima[rows])  # a map does not know of other images
    np.testing.assert_array_equal(found.components, everything.components)


def test_no_refits_leave_stability_missing(study: dict[str, Any], tmp_path: Path) -> None:
    table = read_table(discover(tmp_path, study["files"], n_stability=0)["table"])
    assert table[["stability_images", "stability_seeds_low"]].isna().all(axis=None)


def test_examples_are_the_images_with_the_largest_maps(study: dict[str, Any]) -> None:
    found, masks = read_discovered(study["discovered"]), masks_of(study["discovered"])
    with h5py.File(study["examples"], "r") as file:
        rows = {name: file[name][()] for name in file}
        size = int(file.attrs["picture_size"])
        assert file.attrs["thresholds"].tolist() == [0.5, 0.75]
    assert set(rows["kind"].astype(str)) == {"top"}
    assert size == SIZE
    for c in range(N_CONCEPTS):
        mine = (rows["concept"] == c) & (rows["threshold"] == 1)
        top = np.argsort(-found.maxima[:, c], kind="stable")[:5]
        assert rows["rank"][mine].tolist() == list(range(5))
        assert rows["image_index"][mine].tolist() == found.test_images[top].tolist()
        np.testing.assert_array_equal(unpack(rows["masks"][mine], height=size, width=size), masks[1, top, c])
        np.testing.assert_allclose(rows["area"][mine], masks[1, top, c].mean(axis=(1, 2)), rtol=1e-6)
        np.testing.assert_allclose(rows["value"][mine], found.maxima[top, c] / found.peaks[c], rtol=1e-6)
    assert rows["pictures"].shape == (2 * 5 * N_CONCEPTS, SIZE, SIZE, 3)
    assert (count(rows["masks"]) > 0).all()


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ({"method": "nmff"}, "unknown method 'nmff'.*did you mean 'nmf'"),
        ({"projection": "nnl"}, "unknown projection 'nnl'.*'nnls'"),
        ({"normalise": "data_set"}, "unknown normalise 'data_set'.*'dataset'"),
        ({"n_concepts": 33}, "n_concepts: 33; expected 1 to 32"),
        ({"thresholds": [0.5, 1.0]}, "thresholds: .*below 1"),
        ({"thresholds": [0.5, 0.5]}, "thresholds: .*different"),
        ({"quantile": 0}, "quantile: 0; expected above 0"),
        ({"max_positions": 0}, "max_positions: 0; expected 1 or more"),
    ],
)
def test_wrong_options_are_named(study: dict[str, Any], tmp_path: Path, choice: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        discover(tmp_path, study["files"], **choice)
    assert not list(tmp_path.iterdir())


def test_shards_of_another_data_set_are_refused(study: dict[str, Any], tmp_path: Path) -> None:
    labels, maps = planted_layer(20)
    other = prepare(tmp_path, labels, {"layer": maps})
    with pytest.raises(ValueError, match=r"shards hold images 0\.\.59, .* lists 20"):
        discover(tmp_path / "out", other | {"store": study["files"]["store"]})


def test_a_damaged_shard_is_set_aside(tmp_path: Path) -> None:
    labels, maps = planted_layer(20)
    files = prepare(tmp_path, labels, {"layer": maps})
    manifest = files["store"]["layer"].manifests[0]
    content = read_json(manifest)
    content["arrays"]["layer/activations"]["digest"] = "0" * 32
    write_json(manifest, content)
    with pytest.raises(ValueError, match="damaged"):
        discover(tmp_path / "out", files)
    assert Path(f"{manifest}.damaged").exists()
    assert not (tmp_path / "out" / "discovered.h5").exists()
