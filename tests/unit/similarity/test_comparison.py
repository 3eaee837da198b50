"""The job that compares models: what it says of copies, noise and shuffles, and what must not change a result."""

from __future__ import annotations

import filecmp

import h5py
import numpy as np
import pytest

from conceptatlas.similarity import comparison
from conceptatlas.similarity.comparison import compare_models, cut_tiles
from conceptatlas.similarity.geometry import assign_batches, choose_images
from conceptatlas.similarity.geometry_file import read_geometry
from conceptatlas.similarity.joining import join_similarity
from conceptatlas.tables import read_table
from tiny_comparison import COMPARE, ComparedStudy, boxes
from tiny_profiles import any_images

N = 240
MEASURES = {
    "ucs", "ucs_scaled", "ucs_raw", "ucs_all", "correspondence", "one_to_one", "sfss", "sfss_gated", "sfss_present",
    "sfss_absent", "cka", "rsa", "procrustes", "regression_ab", "regression_ba",
}  # fmt: skip
OF_MASKS = ("ucs", "ucs_scaled", "ucs_raw", "ucs_all", "correspondence", "one_to_one")
OF_ITSELF_ONE = ("ucs_scaled", "ucs_raw", "correspondence", "one_to_one", "sfss", "sfss_present", "sfss_absent", "cka",
                 "rsa", "procrustes")  # fmt: skip


def noise(p=10, seed=0):
    return np.maximum(np.random.default_rng(seed).normal(size=(N, p)), 0).astype(np.float32)


def arrays_of(path):
    """Every array of an HDF5 file by its name."""
    found = {}
    with h5py.File(path, "r") as file:
        file.visititems(lambda name, item: found.update({name: item[()]} if isinstance(item, h5py.Dataset) else {}))
    return found


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A layer, a copy with permuted units and concepts at another scale, a shuffled copy, and noise; two models."""
    made = ComparedStudy(tmp_path_factory.mktemp("study"), n_images=N, holding=any_images(N, 3))
    n = len(made.images)
    masks, features = boxes(n, 4, seed=1), noise(seed=1)
    rng = np.random.default_rng(3)
    shuffled = features.copy()
    order = rng.permutation(n)
    shuffled[made.images] = features[made.images[order]]
    permuted = 37.5 * features[:, rng.permutation(10)]
    made.add("first", "layer", masks=masks, features=features, depth=0.2, profiles=True)
    made.add("first", "noise", masks=boxes(n, 3, seed=2), features=noise(seed=2), depth=1.0, profiles=True)
    made.add("second", "copy", masks=masks[:, :, ::-1], features=permuted, depth=0.3, profiles=True)
    made.add("second", "shuffled", masks=masks[:, order], features=shuffled, depth=0.9, profiles=True)
    return made


@pytest.fixture(scope="module")
def second(study):
    return study.compare("second")


def test_every_pair_stands_once(study, second):
    frame = second.pairs
    assert set(frame["measure"]) == MEASURES
    pairs = list(
        dict.fromkeys(zip(frame["model_a"], frame["layer_a"], frame["model_b"], frame["layer_b"], strict=True))
    )
    assert pairs == [
        ("first", "layer", "second", "copy"), ("first", "noise", "second", "copy"),
        ("second", "copy", "second", "copy"), ("first", "layer", "second", "shuffled"),
        ("first", "noise", "second", "shuffled"), ("second", "copy", "second", "shuffled"),
        ("second", "shuffled", "second", "shuffled"),
    ]  # fmt: skip
    assert len(frame) == 7 * (2 * 6 + 4 + 5)
    assert (frame["threshold"].isna() == ~frame["measure"].isin(list(OF_MASKS))).all()
    first = study.compare("first", order=[0, 1])
    assert len(first.pairs) == 3 * (2 * 6 + 4 + 5)


def test_a_layer_with_itself_is_one(second):
    for measure in OF_ITSELF_ONE:
        for threshold in (0.5, 0.75) if measure in OF_MASKS else (None,):
            value = second.value(measure, "second/copy", "second/copy", threshold=threshold)
            assert value == pytest.approx(1, abs=1e-6), measure
    assert second.value("regression_ab", "second/copy", "second/copy") == pytest.approx(1, abs=1e-3)


def test_a_copy_with_permuted_units_and_another_scale_is_one(second):
    for measure in (*OF_ITSELF_ONE, "regression_ab", "regression_ba"):
        threshold = 0.5 if measure in OF_MASKS else None
        value = second.value(measure, "first/layer", "second/copy", threshold=threshold)
        assert value == pytest.approx(1, abs=1e-3), measure
    row = second.row("cka", "first/layer", "second/copy")
    assert row["p"] == pytest.approx(1 / 20)
    assert row["null_high"] < 0.5


def test_shuffled_images_give_the_null(second):
    for measure in ("ucs", "cka", "rsa", "procrustes", "regression_ab"):
        threshold = 0.5 if measure == "ucs" else None
        row = second.row(measure, "first/layer", "second/shuffled", threshold=threshold)
        assert row["p"] > 0.05, measure
        assert row["value"] < row["null_high"] + 1e-9
    assert abs(second.value("ucs", "first/layer", "second/shuffled", threshold=0.5)) < 0.03


def test_matched_concepts_and_matrices_agree(second):
    rows = second.concepts
    kept = rows[(rows["layer_a"] == "layer") & (rows["layer_b"] == "copy")]
    assert set(zip(kept["concept_a"], kept["concept_b"], strict=True)) == {(0, 3), (1, 2), (2, 1), (3, 0)}
    assert (kept["above_null"]).all()
    assert (kept["robustness"] == 1).all()
    with h5py.File(second.files["matrices"], "r") as file:
        assert file.attrs["model"] == "second"
        assert len(file) == 7
        group = file["first~layer~copy"]
        assert group["ucs"].shape == group["null_mean"].shape == (2, 4, 4)
        for _, row in rows[(rows["layer_a"] == "noise") & (rows["layer_b"] == "copy")].iterrows():
            t = [0.5, 0.75].index(row["threshold"])
            found = file["first~noise~copy"]["ucs"][t, row["concept_a"], row["concept_b"]]
            assert found == pytest.approx(row["ucs"], rel=1e-6)


def test_sfss_stands_by_concept(second):
    kept = second.sfss[(second.sfss["layer_a"] == "layer") & (second.sfss["layer_b"] == "copy")]
    assert kept["concept"].tolist() == ["concept 0", "concept 1", "concept 2"]
    np.testing.assert_allclose(kept["r"], 1, atol=1e-6)


def test_the_order_of_layers_and_models_does_not_matter(study, second):
    turned = study.compare("first", order=[2, 3, 0, 1], name="_turned")
    for measure in MEASURES:
        mirror = {"regression_ab": "regression_ba", "regression_ba": "regression_ab"}.get(measure, measure)
        threshold = 0.75 if measure in OF_MASKS else None
        for a, b in (("first/layer", "second/shuffled"), ("first/noise", "second/copy")):
            here, there = second.row(measure, a, b, threshold=threshold), turned.row(mirror, b, a, threshold=threshold)
            for column in ("value", "low", "high", "null_mean", "null_high", "p"):
                assert here[column] == pytest.approx(there[column], abs=1e-9, nan_ok=True), (measure, column)


def test_tiles_and_workers_change_nothing(study, second, monkeypatch):
    monkeypatch.setattr(comparison, "LAYERS_A_SIDE", 1)
    small = study.compare("second", name="_small")
    two = study.compare("second", name="_two", threads=2)
    for other in (small, two):
        for kind in ("table", "concept_pairs", "sfss_pairs"):
            assert filecmp.cmp(second.files[kind], other.files[kind], shallow=False), kind
        here, there = (arrays_of(one.files["matrices"]) for one in (second, other))
        assert here.keys() == there.keys()
        for name, values in here.items():
            np.testing.assert_array_equal(values, there[name])


def test_tiles_hold_every_pair_once():
    pairs = [(i, j) for j in range(5, 12) for i in range(j + 1)]
    tiles = cut_tiles(pairs, side=4)
    assert sorted(pair for tile in tiles for pair in tile) == sorted(pairs)
    assert max(len({i for i, _ in tile}) for tile in tiles) == 4


def test_layers_that_saw_other_images_are_refused_by_name(tmp_path):
    for kind in ("masks", "features"):
        study = ComparedStudy(tmp_path / kind, n_images=60)
        n = len(study.images)
        given = {"masks": boxes(n, 2)} if kind == "masks" else {"features": noise()[:60]}
        study.add("old", "conv", **given)
        study.add("new", "conv", **given, digest="of others")
        with pytest.raises(ValueError, match=r"old/conv and new/conv saw different images .*of others"):
            study.compare("new")


def test_what_does_not_belong_together_is_refused(tmp_path):
    study = ComparedStudy(tmp_path, n_images=60)
    study.add("m", "a", masks=boxes(len(study.images), 2))
    with pytest.raises(ValueError, match=r"thresholds \[0.5, 0.75\], the study asks for \[0.4\]"):
        study.compare("m", thresholds=[0.4])
    with pytest.raises(ValueError, match="must come last"):
        study.compare("other")
    study.files["geometries"].append("a.h5")
    study.files["geometries"].append("b.h5")
    with pytest.raises(ValueError, match="geometries: 2 files for 1 layers"):
        compare_models(
            dataset="d", model="m", places=study.places, **study.files, index=study.index, table=tmp_path / "t",
            concept_pairs=tmp_path / "c", matrices=tmp_path / "x", sfss_pairs=tmp_path / "s", options=COMPARE, seed=0,
        )  # fmt: skip
    study.files["geometries"].clear()
    (study.folder / "m" / "a" / "discovered.h5").write_bytes(b"no")
    with pytest.raises(ValueError, match="does not open"):
        study.compare("m")


def test_constant_and_few_are_undefined_with_a_reason(tmp_path):
    study = ComparedStudy(tmp_path, n_images=60)
    dead, alive = np.zeros((60, 4)), noise()[:60]
    half = alive.copy()
    half[study.images[:3]] = 0  # images without any activation
    for layer, features in (("alive", alive), ("dead", dead), ("half", half)):
        study.add("m", layer, features=features)
    found = study.compare("m")
    for measure in ("cka", "rsa", "procrustes", "regression_ab"):
        row = found.row(measure, "m/alive", "m/dead")
        assert np.isnan(row["value"])
        assert row["n_undefined"] == 1
        assert row["reason"]
    assert "m/dead" in found.row("cka", "m/alive", "m/dead")["reason"]
    assert found.value("regression_ba", "m/alive", "m/dead") == pytest.approx(0, abs=1e-9)  # nothing can be said by it
    row = found.row("rsa", "m/half", "m/half")
    assert row["n_images"] == len(study.images) - 3
    assert row["value"] == pytest.approx(1, abs=1e-6)
    tiny = ComparedStudy(tmp_path / "tiny", n_images=4)
    tiny.add("m", "a", features=noise()[:4])
    assert all(tiny.compare("m").pairs["value"].isna())


def test_only_what_was_asked_for(tmp_path):
    study = ComparedStudy(tmp_path, n_images=60)
    study.add("m", "a", features=noise()[:60], reference={"measures": ["rsa"]})
    found = study.compare("m")
    assert found.pairs["measure"].tolist() == ["rsa"]
    assert len(found.concepts) == len(found.sfss) == 0
    with pytest.raises(ValueError, match=r"unknown measure 'cca'.*did you mean 'cka'"):
        study.add("m", "b", features=noise()[:60], reference={"measures": ["cca"]})


def test_many_images_fall_into_batches_by_name():
    names = [f"image {i}" for i in range(50)]
    batch = assign_batches(names, batch=20, max_images=40, seed=0)
    assert np.bincount(batch).tolist() == [17, 17, 16]
    turned = assign_batches(names[::-1], batch=20, max_images=40, seed=0)
    np.testing.assert_array_equal(turned[::-1], batch)
    assert not assign_batches(names, batch=20, max_images=50, seed=0).any()
    chosen = choose_images(names, n=10, seed=0)
    assert chosen.tolist() == sorted(set(chosen.tolist()))
    assert {names[i] for i in chosen} == {names[::-1][i] for i in choose_images(names[::-1], n=10, seed=0)}


def test_batches_come_close_to_the_whole(tmp_path):
    study = ComparedStudy(tmp_path, n_images=N)
    features = noise(seed=1)
    mixed = np.hstack([features[:, :5], noise(5, seed=4)])
    values = []
    for reference in ({}, {"max_images": 40, "batch": 30}):
        study.places.clear()
        study.files["geometries"].clear()
        study.add("m", "a", features=features, reference=reference)
        study.add("m", "b", features=mixed, reference=reference)
        found = study.compare("m")
        values.append([found.value(measure, "m/a", "m/b") for measure in ("cka", "rsa")])
        assert found.value("cka", "m/a", "m/a") == pytest.approx(1, abs=1e-9)
    assert len(read_geometry(study.files["geometries"][0]).batches) == 3
    np.testing.assert_allclose(values[0], values[1], atol=0.1)
    for value in values[0]:
        assert 0.1 < value < 0.9


def test_intervals_hold_the_value(second):
    for measure in ("cka", "rsa", "procrustes", "regression_ab", "regression_ba"):
        row = second.row(measure, "first/noise", "second/shuffled")
        assert row["low"] < row["high"], measure
        assert row["low"] - 0.1 < row["value"] < row["high"] + 0.1, measure


def test_the_comparisons_of_all_models_join(study, second, tmp_path):
    first = study.compare("first", order=[0, 1])
    join_similarity(
        dataset="d", tables=[one.files["table"] for one in (first, second)],
        concept_tables=[one.files["concept_pairs"] for one in (first, second)],
        sfss_tables=[one.files["sfss_pairs"] for one in (first, second)], profile_tables=[], places=study.places,
        twins=[], out=tmp_path / "summary.parquet", options={"n_permutations": 19, "confidence": 0.95}, seed=0,
    )  # fmt: skip
    summary = read_table(tmp_path / "summary.parquet")
    alone = summary[summary["fact"] == "only_in_one"]
    found = set(zip(alone["layer_a"], alone["concept"], strict=True))
    assert not {(layer, str(c)) for layer in ("layer", "copy") for c in range(4)} & found
    assert len({concept for layer, concept in found if layer == "noise"}) >= 2
    spread = summary[(summary["fact"] == "propagation") & (summary["measure"] == "sfss")]
    assert spread["model_a"].tolist() == ["first", "second"]
    assert spread["value"].iloc[0] == pytest.approx(first.value("sfss", "first/layer", "first/noise"))
