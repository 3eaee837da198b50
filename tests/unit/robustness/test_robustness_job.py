"""The jobs of a level and the join, with a real forward pass over planted pictures: what survives and what falls."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

from conceptatlas.activations.summary import summarise_layer
from conceptatlas.activations.tallying import read_stored_tally
from conceptatlas.dissection.labels import dissect_layer
from conceptatlas.dissection.tally import tally_layer
from conceptatlas.files import DamagedFileError, read_json, write_json
from conceptatlas.masks.bitmask import unpack
from conceptatlas.masks.tally import Tally
from conceptatlas.robustness.robustness_tables import measure_robustness, merged
from conceptatlas.tables import read_definitions, read_table
from planted import NAMES, OPTIONS, write_dataset

pytest.importorskip("torch")

from planted_nets import MASK, SIZE, streets
from tiny_shards import extract, write_frames

N = 90
DISSECTION = OPTIONS | {"n_permutations": 0, "n_bootstrap": 100, "detector_iou": 0.2}
THRESHOLDS = {"tau": 0.03, "taus": [0.03], "definition": "order_statistic", "threshold_on": "stored"}
GEOMETRY = {"upsample": "half_pixel", "order": "upsample_then_threshold", "padding": "clamp"}
LAYER = {"model": "tiny", "layer": "units", "module": "units", "group": "main", "dtype": "float16", "store": "full"}
MODEL = {"model": "tiny", "source": "user", "architecture": "planted_nets:red_and_cars", "weights": "random", "seed": 3,
         "input_size": SIZE, "mean": "", "std": "", "weights_sha256": ""}  # fmt: skip
LEVELS = [
    {"level": name, "kind": kind, "amount": amount, "seed": seed, "options": ""}
    for name, kind, amount, seed in (
        ("same", "none", 0, 0),
        ("grain", "noise", 5, 0),
        ("turn", "rotation", 90, 0),
        ("cut", "patches", 4, 0),
        ("cut-b", "patches", 4, 1),
    )
]
RESULTS = ("units", "summary", "by_concept", "examples")


def clean_run(folder, *, n_shards=1, model=MODEL):
    pictures, labels = streets(N, names=NAMES)
    valid = np.ones(N, dtype=bool)
    valid[[4, 60]] = False
    files = write_dataset(folder / "dataset", labels, n_shards=n_shards, valid=valid)
    shard = write_frames(folder, pictures, n_shards=n_shards, valid=valid)
    report = folder / "report.json"
    write_json(report, {"layers": {"units": {"n_units": 2, "height": MASK, "width": MASK, "geometry": {}}}})
    extract(shard, report, [LAYER], architecture=model["architecture"])
    statistics, tally = folder / "statistics.h5", folder / "tally.h5"
    summarise_layer(
        layer=LAYER, shards=shard.shards, manifests=shard.manifests, dataset=files["dataset"], report=report,
        out=statistics, manifest=statistics.with_suffix(".json"), thresholds=THRESHOLDS, geometry=GEOMETRY,
    )  # fmt: skip
    common = {
        "layer": "units", "shards": shard.shards, "manifests": shard.manifests, "statistics": statistics,
        "index": files["index"], "concepts": files["concepts"], "annotations": files["annotations"],
        "report": report, "geometry": GEOMETRY, "seed": 0,
    }  # fmt: skip
    tally_layer(**common, dataset=files["dataset"], out=tally, n_permutations=0)
    out = {name: folder / f"clean_{name}.parquet" for name in ("labels", "units", "summary")}
    dissect_layer(
        dataset="d", model="tiny", tally=tally, about=files["dataset"], overlaps=files["overlaps"],
        frames=shard.frames, thresholds=THRESHOLDS, options=DISSECTION, netdissect=folder / "n.csv",
        gallery=folder / "g.h5", **common, **out,
    )  # fmt: skip
    return files | {"shards": shard, "report": report, "statistics": statistics, "tally": tally, "clean": out["units"]}


def robustness(folder, *, n_shards=1, batch=4, levels=LEVELS, model=MODEL):
    from conceptatlas.robustness.perturbing import perturb_shard

    clean = clean_run(folder, n_shards=n_shards, model=model)
    stores, manifests = [], []
    for level in levels:
        for s in range(n_shards):
            stores.append(str(folder / f"{level['level']}_{s}.h5"))
            manifests.append(str(folder / f"{level['level']}_{s}.json"))
            perturb_shard(
                model=model, layers=[LAYER], level=level, report=clean["report"], frames=clean["shards"].frames[s],
                frames_manifest=clean["shards"].frame_manifests[s], calibration=None, store=clean["shards"].shards[s],
                manifest=clean["shards"].manifests[s], statistics=[str(clean["statistics"])],
                tallies=[str(clean["tally"])], dataset=clean["dataset"], index=clean["index"],
                concepts=clean["concepts"], annotations=clean["annotations"][s], perturbed=stores[-1],
                perturbed_manifest=manifests[-1], geometry=GEOMETRY, options={"units": 2, "images": 3}, seed=0,
                batch=batch, threads=1, device="cpu",
            )  # fmt: skip
    out = {name: folder / f"{name}.parquet" for name in RESULTS}
    made = clean | {"stores": stores, "stores_manifests": manifests, "levels": levels} | out
    measure(made)
    return made


def measure(made):
    measure_robustness(
        dataset="d", model="tiny", layer="units", levels=made["levels"], shards=made["stores"],
        manifests=made["stores_manifests"], tally=made["tally"], tau="0.03", concepts=made["concepts"],
        dissection=DISSECTION, options={"images": 3}, seed=0, **{name: made[name] for name in RESULTS},
    )  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return robustness(tmp_path_factory.mktemp("robust"))


def stored(path):
    found = {}
    with h5py.File(path) as file:
        file.visititems(lambda name, item: found.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None)
    return found


def test_the_level_none_is_the_clean_tally_digit_for_digit(made):
    clean = read_stored_tally(made["tally"], "tau/0.03")
    again = read_stored_tally(made["stores"][0], "units/tally")
    assert clean.intersections.sum() > 1000
    for name in Tally.__dataclass_fields__:
        np.testing.assert_array_equal(getattr(again, name), getattr(clean, name), err_msg=name)
    rows = read_table(made["units"]).query("level == 'same'")
    assert (rows["iou"] == rows["iou_clean"]).all()
    assert (rows["agreement"] == 1).all()
    assert (rows[["change_low", "change_high"]] == 0).all(axis=None)
    total = read_table(made["summary"]).query("level == 'same'")
    assert (total[["share_kept", "kept_low", "kept_high", "retained", "retained_low"]] == 1).all(axis=None)


def test_the_clean_labels_are_those_planted(made):
    rows = read_table(made["units"]).query("level == 'same'").set_index("unit")
    assert rows["concept"].tolist() == ["red", "car"]
    assert rows["category"].tolist() == ["color", "object"]
    assert rows["is_detector_clean"].all()
    dissected = read_table(made["clean"])
    np.testing.assert_array_equal(rows["iou_clean"], dissected["iou_category"])
    assert rows["concept"].tolist() == dissected["concept"].tolist()


def test_red_survives_everything_and_cars_fall_with_their_parts(made):
    rows = read_table(made["units"]).set_index(["level", "unit"])
    for level in ("grain", "turn", "cut", "cut-b"):
        assert rows.loc[(level, 0), "is_kept"], level
        assert rows.loc[(level, 0), "iou"] > 0.9 * rows.loc[(level, 0), "iou_clean"], level
        assert rows.loc[(level, 0), "agreement"] > 0.9, level
    assert rows.loc[("grain", 1), "is_kept"]
    for level in ("turn", "cut", "cut-b"):
        assert not rows.loc[(level, 1), "is_kept"], level
        assert rows.loc[(level, 1), "change_high"] < -0.1
    summary = read_table(made["summary"]).set_index(["level", "category"])
    assert summary.loc[("cut", "color"), "share_kept"] == 1
    assert summary.loc[("cut", "object"), "share_kept"] == 0
    assert summary.loc[("cut", ""), "share_kept"] == 0.5


def test_shares_make_one_and_intervals_hold_the_value(made):
    summary = read_table(made["summary"])
    shares = summary["share_kept"] + summary["share_lost"] + summary["share_relabelled"]
    np.testing.assert_allclose(shares, 1)
    for word, value in (("kept", "share_kept"), ("lost", "share_lost"), ("iou", "iou"), ("agreement", "agreement")):
        assert (summary[f"{word}_low"] <= summary[value] + 1e-9).all()
        assert (summary[value] <= summary[f"{word}_high"] + 1e-9).all()
    assert (summary["n_images"] == N - 2).all()
    assert summary.query("kind == 'patches'")["repeat"].unique().tolist() == [0, 1]


def test_quarter_turn_by_hand(made):
    """Counts at the level `turn` from pictures turned by numpy and the network itself."""
    import torch

    from conceptatlas.models.index import load_model
    from conceptatlas.models.preprocessing import prepare

    pictures, labels = streets(N, names=NAMES)
    with h5py.File(made["statistics"]) as file:
        thresholds = file["thresholds"][0]
    with torch.no_grad():
        turned = np.ascontiguousarray(np.rot90(pictures, axes=(1, 2)))
        loaded = load_model(MODEL)
        maps = loaded.module(prepare(turned, loaded)).numpy().astype(np.float16)
    masks = maps.astype(np.float32) > thresholds[:, None, None]
    expected = {}
    for (n, c), mask in labels.merged().items():
        if n not in (4, 60):
            for k in range(2):
                expected[k, c] = expected.get((k, c), 0) + int((masks[n, k] & np.rot90(mask)).sum())
    tally = read_stored_tally(made["stores"][2], "units/tally").dense()
    for (k, c), count in expected.items():
        assert tally[k, c] == count


def test_concepts_and_definitions(made):
    concepts = read_table(made["by_concept"]).set_index(["kind", "concept"])
    assert concepts.loc[("patches", "car"), "retained"] < 0.5 < concepts.loc[("patches", "red"), "retained"]
    units = read_table(made["units"]).set_index(["level", "unit"])
    both = (units.loc[("cut", 1), "iou"] + units.loc[("cut-b", 1), "iou"]) / 2
    assert concepts.loc[("patches", "car"), "retained"] == pytest.approx(both / units.loc[("cut", 1), "iou_clean"])
    assert (concepts["n_detectors"] == 1).all()
    for name in ("units", "summary", "by_concept"):
        assert all(column.definition for column in read_definitions(made[name]))


def test_examples_show_the_frame_and_every_level(made):
    pictures, _ = streets(N, names=NAMES)
    found = stored(made["examples"])
    assert [name.decode() for name in found["levels"]] == ["original", *(level["level"] for level in LEVELS)]
    assert found["pictures"].shape == (2, 3, len(LEVELS) + 1, SIZE, SIZE, 3)
    units = read_table(made["clean"])
    order = np.argsort(-units["iou_category"], kind="stable")
    assert found["units"].tolist() == order.tolist()
    masks = unpack(found["masks"], height=SIZE, width=SIZE)
    for row, unit in enumerate(found["units"]):
        assert found["images"][row].tolist() == list(units["top_images"][unit][:3])
        for rank, image in enumerate(found["images"][row]):
            np.testing.assert_array_equal(found["pictures"][row, rank, 0], pictures[image])
            np.testing.assert_array_equal(found["pictures"][row, rank, 1], pictures[image])
            np.testing.assert_array_equal(found["pictures"][row, rank, 3], np.rot90(pictures[image]))
            np.testing.assert_array_equal(masks[row, rank, 0], masks[row, rank, 1])
    assert masks[:, :, 0].any(axis=(2, 3)).all()


def test_shards_and_batches_change_no_number(made, tmp_path):
    levels = [LEVELS[1], LEVELS[3]]
    one = robustness(tmp_path / "one", levels=levels)
    two = robustness(tmp_path / "two", n_shards=2, levels=levels)
    for name in ("units", "summary", "by_concept"):
        assert one[name].read_bytes() == two[name].read_bytes(), name
    for name, values in stored(one["examples"]).items():
        np.testing.assert_array_equal(values, stored(two["examples"])[name])
    whole = merged([{k[6:]: v for k, v in stored(one["stores"][1]).items()}])
    parts = merged([{k[6:]: v for k, v in stored(path).items()} for path in two["stores"][2:]])
    for name in Tally.__dataclass_fields__:
        np.testing.assert_array_equal(getattr(whole, name), getattr(parts, name))
    alone = read_table(one["units"]).query("level == 'cut'").reset_index(drop=True)
    assert alone.equals(read_table(made["units"]).query("level == 'cut'").reset_index(drop=True))


def test_steps_along_the_gradient_of_the_model_itself(tmp_path):
    model = MODEL | {"architecture": "planted_nets:scored"}
    levels = [{"level": f"step-{e}", "kind": "fgsm", "amount": e, "seed": 0, "options": ""} for e in (0, 24)]
    one = robustness(tmp_path / "one", levels=levels, model=model)
    two = robustness(tmp_path / "two", n_shards=2, levels=levels, model=model)
    for name in ("units", "summary", "by_concept"):
        assert one[name].read_bytes() == two[name].read_bytes(), name
    rows = read_table(one["units"]).set_index(["level", "unit"])
    assert (rows.loc["step-0", "iou"] == rows.loc["step-0", "iou_clean"]).all()
    assert (rows.loc["step-24", "iou"] < rows.loc["step-0", "iou"]).all()
    clean, step = (stored(one["examples"])["pictures"][:, :, i].astype(int) for i in (0, 2))
    assert np.abs(step - clean).max() == 24  # the step is there, in whole values of the scale, unless it was clipped


def test_a_step_along_the_gradient_needs_class_scores(tmp_path):
    levels = [{"level": "step", "kind": "fgsm", "amount": 4, "seed": 0, "options": ""}]
    with pytest.raises(ValueError, match=r"model 'tiny' returns .* fgsm needs class scores"):
        robustness(tmp_path, levels=levels)


def test_a_damaged_file_is_set_aside(tmp_path):
    made = robustness(tmp_path, levels=LEVELS[:1])
    content = read_json(made["stores_manifests"][0])
    content["arrays"]["units/agreement"] = "0" * 32
    write_json(made["stores_manifests"][0], content)
    with pytest.raises(DamagedFileError, match="agreement is damaged"):
        measure(made)
    assert (tmp_path / "same_0.json.damaged").exists()


def test_a_layer_without_detectors(tmp_path, made, monkeypatch):
    monkeypatch.setitem(DISSECTION, "detector_iou", 1.0)
    for name in RESULTS:
        monkeypatch.setitem(made, name, tmp_path / name)
    measure(made)
    summary = read_table(made["summary"])
    assert summary["category"].unique().tolist() == [""]
    assert summary["share_kept"].isna().all()
    assert (summary["n_detectors_clean"] == 0).all()
    assert len(read_table(made["by_concept"])) == 0


def test_without_a_bootstrap_there_is_no_interval(tmp_path, made, monkeypatch):
    monkeypatch.setitem(DISSECTION, "n_bootstrap", 0)
    before = read_table(made["summary"])
    for name in RESULTS:
        monkeypatch.setitem(made, name, tmp_path / name)
    measure(made)
    summary = read_table(made["summary"])
    for column in summary.columns:
        if column.endswith(("_low", "_high")):
            assert summary[column].isna().all()
        else:
            assert summary[column].equals(before[column]), column
    assert read_table(made["units"])["ci_low"].isna().all()
