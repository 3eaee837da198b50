"""Statistics of a layer equal numpy over all values, whatever the shards; every unit state from a unit made for it."""

from __future__ import annotations

import logging
from pathlib import Path

import h5py
import numpy as np
import pytest

from conceptatlas.activations.summary import summarise_layer
from conceptatlas.activations.thresholds import UNIT_STATES, tau_levels, wanted_ranks
from conceptatlas.files import DamagedFileError, array_digest, read_json, write_json
from conceptatlas.masks.upsample import upsample_map
from slow_twins import grid_of
from tiny_stores import write_store

TAUS = {"tau": 0.02, "taus": [0.01, 0.02, 0.1], "definition": "order_statistic", "threshold_on": "stored"}
GEOMETRY = {"upsample": "half_pixel", "order": "upsample_then_threshold", "padding": "clamp"}
LAYER = {"model": "m", "layer": "layer", "store": "full"}
SIZE = 12


def maps_of(dtype="float16", *, n_images=25, seed=0):
    rng = np.random.default_rng(seed)
    maps = rng.normal(size=(n_images, 6, 5, 4))
    maps[:, 1] = np.maximum(maps[:, 1], 0)
    maps[:, 2] = np.round(maps[:, 2])
    maps[:, 3] *= 1e-3
    maps[:, 4] -= 20
    return maps.astype(dtype)


def summarise(folder, maps, *, n_shards=1, valid=None, thresholds=TAUS, geometry=GEOMETRY, threads=1, kept="full"):
    """The arrays and the manifest of a summarised layer."""
    folder.mkdir(exist_ok=True)
    store = write_store(folder / "store", maps, n_shards=n_shards, valid=valid, store=kept)
    write_json(folder / "dataset.json", {"n_images": len(maps), "mask_size": SIZE})
    shape = dict(zip(("n_units", "height", "width"), maps.shape[1:], strict=True)) | {"geometry": {}}
    write_json(folder / "report.json", {"layers": {"layer": shape}})
    summarise_layer(
        layer=LAYER | {"store": kept}, shards=store.shards, manifests=store.manifests, dataset=folder / "dataset.json",
        report=folder / "report.json", out=folder / "out.h5", manifest=folder / "out.json", thresholds=thresholds,
        geometry=geometry, threads=threads,
    )  # fmt: skip
    arrays = {}
    with h5py.File(folder / "out.h5") as file:
        file.visititems(lambda name, item: arrays.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None)
    return arrays, read_json(folder / "out.json")


def test_summaries_alone_give_all_but_the_bits(tmp_path):
    maps = maps_of("float16")
    full, _ = summarise(tmp_path / "full", maps, n_shards=2)
    alone, content = summarise(tmp_path / "none", maps, n_shards=2, kept="none")
    assert set(full) - set(alone) == {"bits"}
    for name, values in alone.items():
        np.testing.assert_array_equal(values, full[name])
    assert "bits" not in content["arrays"]
    with pytest.raises(ValueError, match="threshold_on: upsampled reads activations, `store` must be full"):
        summarise(tmp_path / "up", maps, kept="none", thresholds=TAUS | {"threshold_on": "upsampled"})


@pytest.mark.parametrize("dtype", ["float16", "float32"])
@pytest.mark.parametrize("n_shards", [1, 4])
def test_everything_equals_numpy(tmp_path, dtype, n_shards):
    maps = maps_of(dtype)
    valid = np.ones(25, dtype=bool)
    valid[[0, 7, 24]] = False
    arrays, content = summarise(tmp_path / "a", maps, n_shards=n_shards, valid=valid)
    values = maps[valid].transpose(1, 0, 2, 3).reshape(6, -1).astype(np.float32)
    from_top = np.sort(values, axis=1)[:, ::-1]
    assert content["taus"] == ["0.02", "0.01", "0.1"]
    for level, m in enumerate([8, 4, 44]):  # floor(tau * 22 * 20)
        np.testing.assert_array_equal(arrays["thresholds"][level], from_top[:, m])
        above = (values > arrays["thresholds"][level][:, None]).mean(axis=1)
        np.testing.assert_allclose(arrays["achieved"][level], above, rtol=1e-12)
    np.testing.assert_array_equal(arrays["minimum"], values.min(axis=1))
    np.testing.assert_array_equal(arrays["maximum"], values.max(axis=1))
    np.testing.assert_allclose(arrays["mean"], values.mean(axis=1, dtype=np.float64), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(arrays["standard_deviation"], values.std(axis=1, dtype=np.float64), rtol=1e-7)
    expected = np.where(valid[:, None], maps.max(axis=(2, 3)).astype(np.float32), 0)
    np.testing.assert_array_equal(arrays["max"], expected)
    bits = np.unpackbits(arrays["bits"], axis=2, count=20, bitorder="little").astype(bool).reshape(maps.shape)
    above = maps.astype(np.float32) > arrays["thresholds"][0][:, None, None]
    np.testing.assert_array_equal(bits, above & valid[:, None, None, None])
    assert (arrays["distribution/counts"].sum(axis=1) == 22 * 20).all()
    for name, values in arrays.items():
        assert content["arrays"][name] == array_digest(values), name


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_shards_change_no_byte(tmp_path, dtype):
    maps = maps_of(dtype)
    one, _ = summarise(tmp_path / "one", maps)
    many, _ = summarise(tmp_path / "many", maps, n_shards=6)
    assert set(one) == set(many)
    for name in one:
        assert array_digest(one[name]) == array_digest(many[name]), name


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_netdissect_1000_is_the_linear_quantile(tmp_path, dtype):
    """Column 5 of 1000 quantile points: level 1 - 5/999 = 0.994995."""
    maps = maps_of(dtype, n_images=120)
    taus = {"tau": 0.005, "taus": [0.001, 0.05], "definition": "netdissect_1000", "threshold_on": "stored"}
    arrays, _ = summarise(tmp_path / "a", maps, thresholds=taus)
    values = maps.transpose(1, 0, 2, 3).reshape(6, -1).astype(np.float64)
    for level, column in enumerate([5, 1, 50]):
        expected = np.quantile(values, 1 - column / 999, axis=1)
        np.testing.assert_allclose(arrays["thresholds"][level], expected, rtol=2e-7)
        above = (values > arrays["thresholds"][level].astype(np.float64)[:, None]).mean(axis=1)
        np.testing.assert_allclose(arrays["achieved"][level], above, rtol=1e-12)


@pytest.mark.parametrize("definition", ["order_statistic", "netdissect_1000"])
@pytest.mark.parametrize("padding", ["clamp", "zero"])
def test_thresholds_of_the_upsampled_field(tmp_path, definition, padding):
    maps = maps_of(n_images=9)
    valid = np.ones(9, dtype=bool)
    valid[4] = False
    taus = TAUS | {"definition": definition, "threshold_on": "upsampled"}
    geometry = GEOMETRY | {"padding": padding}
    arrays, _ = summarise(tmp_path / "a", maps, n_shards=2, valid=valid, thresholds=taus, geometry=geometry)
    field = upsample_map(maps[valid], grid_of((5, 4), SIZE, geometry)).transpose(1, 0, 2, 3).reshape(6, -1)
    n_values = field.shape[1]
    for level, tau in enumerate([0.02, 0.01, 0.1]):
        if definition == "order_statistic":
            m = int(round(tau * 100) * n_values // 100)
            np.testing.assert_array_equal(arrays["thresholds"][level], np.sort(field, axis=1)[:, ::-1][:, m])
        else:
            expected = np.quantile(field.astype(np.float64), 1 - round(1000 * tau) / 999, axis=1)
            np.testing.assert_allclose(arrays["thresholds"][level], expected, rtol=2e-7)
        above = (field > arrays["thresholds"][level][:, None]).mean(axis=1)
        np.testing.assert_allclose(arrays["achieved"][level], above, rtol=1e-12)


def test_unit_states(tmp_path, caplog):
    """400 values a unit, m = 8."""
    rng = np.random.default_rng(0)
    maps = np.zeros((20, 6, 5, 4), dtype=np.float16)
    maps[:, 0] = rng.normal(size=maps[:, 0].shape)  # live
    maps[:, 1] = 2.5  # dead
    maps[0, 2, 0] = 1.0  # sparse: 4 of 400 positions fire
    maps[:, 3] = np.minimum(np.abs(rng.normal(5, 3, size=maps[:, 3].shape)), 6)  # saturated, as behind ReLU6
    maps[:2, 4] = 3.0  # 40 of 400 at the maximum: saturated
    maps[:8, 5, 0, 0] = np.arange(1, 9)  # exactly m positions fire: T = 0 = min: sparse
    with caplog.at_level(logging.WARNING):
        arrays, content = summarise(tmp_path / "a", maps)
    found = [UNIT_STATES[i] for i in arrays["state"]]
    assert found == ["live", "dead", "sparse", "saturated", "saturated", "sparse"]
    assert content["states"] == {"live": 1, "dead": 1, "sparse": 2, "saturated": 2, "too_few": 0}
    assert (arrays["achieved"][0][[1, 3, 4]] == 0).all(), "masks of saturated and dead units are empty"
    assert arrays["achieved"][0][2] == 4 / 400
    for word in ("dead", "sparse", "saturated", "ReLU6"):
        assert word in caplog.text


def test_too_few_values(tmp_path):
    maps = maps_of(n_images=2)
    maps[:, 5] = 1
    arrays, content = summarise(tmp_path / "a", maps)  # 40 values, tau 0.02: m = 0
    assert [UNIT_STATES[i] for i in arrays["state"]] == ["too_few"] * 5 + ["dead"]
    np.testing.assert_array_equal(arrays["thresholds"][0], arrays["maximum"])
    assert content["states"]["too_few"] == 5


def test_distribution_holds_every_value_between_its_edges(tmp_path):
    maps = maps_of("float16")
    arrays, _ = summarise(tmp_path / "a", maps)
    values = maps.transpose(1, 0, 2, 3).reshape(6, -1).astype(np.float64)
    for k in range(6):
        edges = np.linspace(values[k].min(), values[k].max(), 129)
        counts = np.histogram(values[k], bins=edges)[0]
        assert np.abs(np.cumsum(counts) - np.cumsum(arrays["distribution/counts"][k])).max() <= 1, "rounding of an edge"
        np.testing.assert_allclose(arrays["distribution/edges"][k], edges, rtol=1e-6)


def test_damage_and_gaps_stop_the_summary(tmp_path):
    maps = maps_of()
    store = write_store(tmp_path / "store", maps, n_shards=3)
    write_json(tmp_path / "dataset.json", {"n_images": 25, "mask_size": SIZE})
    write_json(tmp_path / "report.json", {"layers": {"layer": {"n_units": 6, "height": 5, "width": 4, "geometry": {}}}})
    options = {
        "layer": LAYER, "dataset": tmp_path / "dataset.json", "report": tmp_path / "report.json",
        "out": tmp_path / "out.h5", "manifest": tmp_path / "out.json", "thresholds": TAUS, "geometry": GEOMETRY,
    }  # fmt: skip
    with pytest.raises(ValueError, match=r"cover images 0\.\.16, the data set has 25"):
        summarise_layer(shards=store.shards[:2], manifests=store.manifests[:2], **options)
    with pytest.raises(ValueError, match="unknown definition of thresholds 'mean'"):
        summarise_layer(
            shards=store.shards, manifests=store.manifests, **(options | {"thresholds": TAUS | {"definition": "mean"}})
        )
    with h5py.File(store.shards[1]) as file:
        offset = file["layer/activations"].id.get_offset()
    content = bytearray(Path(store.shards[1]).read_bytes())
    content[offset + 40] ^= 1
    Path(store.shards[1]).write_bytes(bytes(content))
    with pytest.raises(DamagedFileError, match=r"001\.h5:layer/activations is damaged"):
        summarise_layer(shards=store.shards, manifests=store.manifests, **options)
    assert not (tmp_path / "out.h5").exists()
    assert not (tmp_path / "out.json").exists()
    assert Path(store.manifests[0]).exists()
    assert Path(store.manifests[1] + ".damaged").exists()


def test_levels_and_ranks():
    assert tau_levels(TAUS) == ["0.02", "0.01", "0.1"]
    assert wanted_ranks(["0.005", "0.9999"], 1000, "order_statistic") == (5, 999)
    assert wanted_ranks(["0.005"], 1000, "netdissect_1000") == (5, 6)
    assert wanted_ranks(["0.001"], 1, "netdissect_1000") == (0, 0)
