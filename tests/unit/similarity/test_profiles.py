"""The job: planted concepts are recognised, noise is not, and two layers of noise are not alike."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pytest

from conceptatlas.datasets.holdings import read_holdings
from conceptatlas.datasets.splits import read_split
from conceptatlas.files import text_digest
from conceptatlas.similarity import profile_features, profiles
from conceptatlas.similarity.counter_sets import CAV, GATE, TEST, balanced_test, counter_set, roles, sides
from conceptatlas.similarity.profile_features import PooledFeatures, squared_lengths
from conceptatlas.similarity.profile_kernel import dots
from conceptatlas.similarity.profile_learning import cosine_profile
from conceptatlas.similarity.profile_tables import PROFILE_COLUMNS
from conceptatlas.similarity.sfss import correlation
from conceptatlas.tables import read_definitions, read_table
from tiny_profiles import Study, any_images, by_measure, noise

Array = np.ndarray[Any, Any]

N = 600


def table(out: dict[str, Path]) -> pd.DataFrame:
    return read_table(out["table"]).set_index("concept")


def arrays(out: dict[str, Path]) -> dict[str, Array]:
    with h5py.File(out["profiles"], "r") as file:
        return {name: file[name][()] for name in file}


def same(a: dict[str, Path], b: dict[str, Path]) -> bool:
    """Both files say the same, to the last bit."""
    pd.testing.assert_frame_equal(read_table(a["table"]), read_table(b["table"]))
    first, second = arrays(a), arrays(b)
    return first.keys() == second.keys() and all(
        np.array_equal(first[name], second[name], equal_nan=first[name].dtype.kind == "f") for name in first
    )


def planted() -> tuple[Array, dict[str, Array]]:
    """40 rectified units of noise; unit 3 is above all where `dog` is; `cat` is in the sum of units 5 and 6."""
    holding = any_images(N, 4) | {"rare": np.arange(0, 40, 7), "everywhere": np.arange(3, N)}
    features = noise(N, 40, seed=1)
    holding["dog"] = np.sort(np.random.default_rng(2).permutation(N)[:200])
    features[holding["dog"], 3] += 3
    holding["cat"] = np.sort(np.argsort(-features[:, 5] - features[:, 6])[:200])
    return features, holding


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    features, holding = planted()
    made = Study(tmp_path_factory.mktemp("planted"), holding, n_images=N)
    return {"study": made, "features": features, "holding": holding, "out": made.add("l", features)}


# What a layer makes of concepts -----------------------------------------------------------------------------------


def test_planted_concepts_are_recognised_and_noise_is_not(study: dict[str, Any]) -> None:
    rows = table(study["out"])
    for name, least in (("dog", 0.99), ("cat", 0.7)):
        assert rows.loc[name, "balanced_accuracy"] > least
        assert rows.loc[name, "recognised"]
    for c in range(4):
        row = rows.loc[f"concept {c}"]
        assert abs(row["balanced_accuracy"] - 0.5) < 0.15
        assert not row["recognised"]
    assert (rows["recognised"] == (rows["balanced_accuracy_low"] > rows["null_high"])).all()
    learned = rows[rows["reason"] == ""]
    assert (learned["balanced_accuracy_low"] <= learned["balanced_accuracy"]).all()
    assert abs(learned["null_mean"] - 0.5).max() < 0.05
    assert (learned["null_high"] < 0.75).all()
    assert rows.loc["dog", "cav_cosine"] > 0.95 > 0.85 > learned["cav_cosine"].min()


def test_the_vector_points_to_the_planted_unit_and_the_cosines_are_its(study: dict[str, Any]) -> None:
    layer, features = study["study"].layer("l"), study["features"]
    row = layer.concepts.index("dog")
    cav = arrays(study["out"])["cav"][row]
    assert np.argmax(cav) == 3
    test = layer.test_images
    slow = [
        cav.astype(float) @ x / np.linalg.norm(cav.astype(float)) / np.linalg.norm(x)
        for x in features[test].astype(float)
    ]
    np.testing.assert_allclose(layer.cosines[row], slow, atol=1e-12)
    assert np.array_equal(layer.present[row], np.isin(test, study["holding"]["dog"]))


def test_too_few_images_are_a_row_with_the_reason(study: dict[str, Any]) -> None:
    rows = table(study["out"])
    rare = rows.loc["rare"]
    assert rare["reason"] == f"{rare['n_cav_with']} training images that hold it, fewer than min_images 10"
    assert rows.loc["everywhere", "reason"].endswith("training images without it, fewer than min_images 10")
    assert np.isnan(rare["balanced_accuracy"])
    assert not rare["recognised"]
    assert "rare" not in study["study"].layer("l").concepts
    few = table(study["study"].add("few", study["features"], min_images_sfss=50))
    assert few.loc["dog", "sfss_reason"] == f"{few.loc['dog', 'n_test_with']} test images that hold it, fewer than " \
        "min_images_sfss 50"  # fmt: skip
    assert few.loc["dog", "n_balanced"] == 0
    assert few.loc["dog", "recognised"]
    assert not study["study"].layer("few").balanced.any()


def test_files_say_what_they_hold(study: dict[str, Any]) -> None:
    assert [column.name for column in read_definitions(study["out"]["table"])] == [c.name for c in PROFILE_COLUMNS]
    layer = study["study"].layer("l")
    assert (layer.dataset, layer.model, layer.layer) == ("d", "m", "l")
    assert layer.images_digest == text_digest(*(f"image_{i}" for i in layer.test_images))
    rows = table(study["out"])
    assert list(rows.index[layer.concept_index]) == layer.concepts
    assert layer.categories == ["object"] * len(layer.concepts)
    assert np.array_equal(layer.recognised, rows["recognised"].to_numpy()[layer.concept_index])
    assert np.array_equal(layer.balanced.sum(axis=1), rows["n_balanced"].to_numpy()[layer.concept_index])
    counts = (layer.balanced & layer.present).sum(axis=1)
    assert np.array_equal(2 * counts, layer.balanced.sum(axis=1))
    with h5py.File(study["out"]["profiles"], "r") as file:
        assert file.attrs["n_features"] == 40
        assert file["random_cav"].shape == (len(layer.concepts), 20, 40)
        np.testing.assert_allclose((file["random_cav"][()] ** 2).sum(axis=2), 1, atol=1e-5)


def test_a_damaged_file_is_refused_by_name(study: dict[str, Any], tmp_path: Path) -> None:
    broken = tmp_path / "profiles.h5"
    broken.write_bytes(study["out"]["profiles"].read_bytes()[:300])
    with pytest.raises(ValueError, match=r"profiles\.h5: no readable file of concept profiles"):
        Study.layer(type("S", (), {"folder": tmp_path.parent})(), tmp_path.name)


# Images that teach, judge and compare -----------------------------------------------------------------------------


def test_no_image_has_two_roles(study: dict[str, Any]) -> None:
    files = study["study"].files
    split = read_split(files["index"], train_share=0.7, seed=0)
    of = roles(split, seed=0)
    layer = study["study"].layer("l")
    assert np.array_equal(layer.test_images, np.flatnonzero(of == TEST))
    holdings = read_holdings(files["annotations"], n_concepts=8, keep=split.of >= 0)
    for row, (c, name) in enumerate(zip(layer.concept_index, layer.concepts, strict=True)):
        holding = holdings.image[holdings.of(int(c))]
        teach = {
            int(i) for repeat in range(3) for i in counter_set(sides(of, CAV, holding), name, repeat, seed=0).images
        }
        judge = set(np.flatnonzero(of == GATE).tolist())
        compare = set(layer.test_images[layer.balanced[row]].tolist())
        assert compare == set(balanced_test(sides(of, TEST, holding), name, seed=0).images.tolist())
        assert not teach & judge
        assert not teach & compare
        assert not judge & compare


@pytest.mark.parametrize(("classifier", "n_random"), [("mean_difference", 1), ("sgd_hinge", 1)])
def test_two_layers_of_noise_are_not_alike_but_seem_so_on_training_images(
    tmp_path: Path, classifier: str, n_random: int
) -> None:
    """512 features of independent noise: SFSS is 0 within its error; the trap is the same over the training images."""
    made = Study(tmp_path, any_images(N, 5), n_images=N)
    features = [noise(N, 512, seed=seed) for seed in (1, 2)]
    for name, values in zip("ab", features, strict=True):
        made.add(name, values, classifier=classifier, n_random=n_random)
    score = made.score("a", "b")
    assert score.low < 0 < score.high
    assert abs(score.value) < 0.15
    assert score.p > 0.01
    split = read_split(made.files["index"], train_share=0.7, seed=0)
    of = roles(split, seed=0)
    holdings = read_holdings(made.files["annotations"], n_concepts=5, keep=split.of >= 0)
    trap = []
    for row in range(5):
        train = balanced_test(sides(of, CAV, holdings.image[holdings.of(row)]), "trap", seed=0).images
        cosines = []
        for name, values in zip("ab", features, strict=True):
            with h5py.File(made.folder / name / "profiles.h5", "r") as file:
                cav = file["cav"][row]
            pooled = PooledFeatures(values)
            lengths = squared_lengths(pooled, np.arange(N), split.ids, name)
            cosines.append(cosine_profile(pooled, train, lengths, cav))
        trap.append(correlation(*cosines))
    assert np.mean(trap) > 0.5


def test_every_layer_gets_the_same_test_images(study: dict[str, Any]) -> None:
    study["study"].add("noise", noise(N, 9, seed=5), classifier="logistic")
    a, b = study["study"].layer("l"), study["study"].layer("noise")
    assert a.images_digest == b.images_digest
    assert np.array_equal(a.balanced, b.balanced)


# Invariances ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("classifier", "tolerance"), [("mean_difference", 1e-9), ("pattern", 1e-9), ("logistic", 1e-6), ("sgd_hinge", 1e-3)]
)
def test_permuted_units_and_a_common_scale_change_nothing(
    study: dict[str, Any], classifier: str, tolerance: float
) -> None:
    """Sums of permuted units round differently. Closed forms do not notice; the path of an iterative classifier may."""
    made, features = study["study"], study["features"]
    order = np.random.default_rng(0).permutation(40)
    few = {"classifier": classifier, "n_random": 1, "n_repeats": 2}
    made.add("straight", features, **few)
    made.add("permuted", features[:, order], **few)
    made.add("scaled", features * np.float32(37.3), **few)
    for other in ("straight", "permuted", "scaled"):
        score = made.score("straight", other)
        assert score.value == pytest.approx(1, abs=tolerance if other != "straight" else 1e-12)
        assert score.n_concepts == 6


def test_a_layer_that_knows_the_concepts_resembles_another_that_does(study: dict[str, Any]) -> None:
    made = study["study"]
    other = noise(N, 40, seed=9)
    other[study["holding"]["dog"], 20] += 3
    made.add("other", other)
    by_name = dict(zip(made.layer("l").concepts, made.sfss("l", "other").concepts, strict=True))
    assert by_name["dog"].r > 0.6
    assert by_name["dog"].recognised
    assert abs(by_name["cat"].r) < 0.5
    assert made.score("l", "other", "sfss_gated").value == pytest.approx(by_name["dog"].r)
    ranked = by_measure(made.sfss("l", "other", correlation="spearman"))["sfss"]
    assert 0 < abs(ranked.value - made.score("l", "other").value) < 0.2


def test_workers_change_no_bit(study: dict[str, Any]) -> None:
    options = {"classifier": "sgd_hinge", "n_random": 2, "n_repeats": 2}
    one = study["study"].add("one", study["features"], **options)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(profiles, "CONCEPTS_PER_TASK", 2)
        assert same(one, _moved(study["study"].add("two", study["features"], threads=2, **options), "one"))


def _moved(out: dict[str, Path], layer: str) -> dict[str, Path]:
    """The same files under another layer's name, so that tables can be compared."""
    frame = pd.read_parquet(out["table"]).assign(layer=layer)
    frame.to_parquet(out["table"])
    return out


def test_blocks_and_shards_change_no_bit(study: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    maps = np.random.default_rng(0).normal(size=(N, 5, 3, 2)).astype(np.float16)
    maps[study["holding"]["dog"], 2, 1, 1] += 2
    options = {"features": "flattened", "n_random": 2, "n_repeats": 2}
    whole = study["study"].add("maps", maps, **options)
    assert table(whole).loc["dog", "recognised"]
    assert table(whole).loc["dog", "n_features"] == 30
    assert "random_cav" not in arrays(whole)
    monkeypatch.setattr(profile_features, "_READ_BYTES", 8 * 30 * 7)
    assert same(whole, _moved(study["study"].add("cut", maps, n_shards=3, **options), "maps"))


def test_other_concepts_change_nothing(study: dict[str, Any], tmp_path: Path) -> None:
    few = {name: study["holding"][name] for name in ("concept 2", "dog")}
    made = Study(tmp_path, few, n_images=N)
    made.add("l", study["features"])
    alone, all_of_them = made.layer("l"), study["study"].layer("l")
    for row, name in enumerate(alone.concepts):
        assert np.array_equal(alone.cosines[row], all_of_them.cosines[all_of_them.concepts.index(name)])


def test_maps_of_one_position_are_pooled_features(study: dict[str, Any]) -> None:
    maps = study["features"][:, :, None, None]
    made = study["study"]
    flat, pooled = made.add("flat", maps, features="flattened"), made.add("pooled", maps)
    a, b = table(flat), table(pooled)
    np.testing.assert_allclose(a["rms"], b["rms"], rtol=1e-12)
    pd.testing.assert_series_equal(a["balanced_accuracy"], b["balanced_accuracy"], atol=0.01)
    assert made.score("flat", "pooled").value == pytest.approx(1, abs=1e-9)


# What cannot be ---------------------------------------------------------------------------------------------------


def test_a_layer_that_says_nothing_is_undefined_and_counted(study: dict[str, Any]) -> None:
    made = study["study"]
    for name, value in (("dead", 0.0), ("constant", 0.3)):
        rows = table(made.add(name, np.full((N, 4), value), n_random=2))
        learned = rows[rows["reason"] == ""]
        assert (learned["balanced_accuracy"] == 0.5).all()
        assert not learned["recognised"].any()
        assert (learned["n_undefined"] == len(made.layer(name).test_images)).all()
        score = made.score(name, "l")
        assert np.isnan(score.value)
        assert (score.n_concepts, score.n_undefined) == (0, 6)
    one_unit = table(made.add("one unit", study["features"][:, 3:4] + np.float32(0.1), n_random=2))
    assert one_unit.loc["dog", "recognised"]  # though every cosine is 1
    assert made.score("one unit", "l").n_undefined == 6


def test_quarantined_images_have_no_role(tmp_path: Path) -> None:
    features, holding = planted()
    valid = np.arange(N) % 10 != 0
    features[~valid] = np.nan
    made = Study(tmp_path, holding, n_images=N, valid=valid)
    made.add("l", features)
    layer = made.layer("l")
    assert valid[layer.test_images].all()
    assert np.isfinite(layer.cosines).all()


def test_features_that_are_not_finite_are_refused_by_name(study: dict[str, Any]) -> None:
    features = study["features"].copy()
    features[17, 5] = np.inf
    with pytest.raises(ValueError, match=r"d, m broken: feature 5 of image 'image_17' is inf.*float32"):
        study["study"].add("broken", features)
    with pytest.raises(ValueError, match=r"features of 10 images, the data set has 600"):
        study["study"].add("short", features[:10])


def test_options_nobody_knows_are_refused(study: dict[str, Any]) -> None:
    add = study["study"].add
    with pytest.raises(ValueError, match=r"unknown features 'flat' in similarity.supervised; did you mean 'flattened'"):
        add("x", study["features"], features="flat")
    with pytest.raises(ValueError, match=r"unknown classifier 'svm' in similarity.supervised"):
        add("x", study["features"], classifier="svm")
    with pytest.raises(ValueError, match=r"similarity.supervised.n_repeats: 0; expected 1 or more"):
        add("x", study["features"], n_repeats=0)


def test_no_concept_with_enough_images(tmp_path: Path) -> None:
    made = Study(tmp_path, {"rare": np.arange(3), "never": np.arange(0)}, n_images=N)
    rows = table(made.add("l", noise(N, 4, seed=0)))
    assert (rows["reason"] != "").all()
    assert made.layer("l").cosines.shape[0] == 0
    assert made.score("l", "l").n_concepts == 0


# The product ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 15, 16, 17, 512])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_products_equal_their_slow_twin(n: int, dtype: str) -> None:
    rng = np.random.default_rng(n)
    rows, vector = rng.normal(size=(9, n)).astype(dtype), rng.normal(size=n).astype(np.float32)
    found = dots(rows, vector)
    for row, value in zip(rows, found, strict=True):
        lanes = [0.0] * 16
        for i, (x, w) in enumerate(zip(row.tolist(), vector.astype(np.float64).tolist(), strict=True)):
            lanes[i % 16] += x * w
        total = 0.0
        for lane in lanes:
            total += lane
        assert value == total
    assert np.array_equal(dots(rows[2:5], vector), found[2:5])
