"""Planted units are found, labels without regard to the features are not, and no division of the work changes a bit."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pytest

from conceptatlas.datasets.splits import VAL, read_split
from conceptatlas.net2vec import classification
from conceptatlas.net2vec.balancing import sides, validation_draw
from conceptatlas.net2vec.classification import cut, learn_classification
from conceptatlas.net2vec.classification_tables import CLASSIFICATION_COLUMNS
from conceptatlas.net2vec.columns import SUBSET_COLUMNS
from conceptatlas.tables import read_definitions, read_table
from tiny_classification import CHOICES, OPTIONS, planted, write_study

Array = np.ndarray[Any, Any]
SIZES = [1, 2, 5, 12, 99]


def classify(folder: Path, files: dict[str, Any], *, sizes: list[int] | None = None, threads: int = 1,
             options: dict[str, Any] | None = None, seed: int = 0, **choices: Any) -> dict[str, Path]:  # fmt: skip
    out = {"table": folder / "c.parquet", "subsets": folder / "s.parquet", "vectors": folder / "v.h5"}
    learn_classification(
        dataset="d", model="m", layer="l", **files, **out, options=OPTIONS | (options or {}),
        choices=CHOICES | choices, subset_sizes=SIZES if sizes is None else sizes, seed=seed, threads=threads,
    )  # fmt: skip
    return out


def rows(out: dict[str, Path]) -> pd.DataFrame:
    return read_table(out["table"]).set_index("concept")


def vectors(out: dict[str, Path]) -> dict[str, Array]:
    """Concept -> its weights and biases as bytes would be compared: float32 (repeat, unit + 1)."""
    names = read_table(out["table"])["concept"]
    with h5py.File(out["vectors"], "r") as file:
        both = np.concatenate([file["weights"][()], file["bias"][()][:, :, None]], axis=2)
        return {str(names[c]): both[i] for i, c in enumerate(file["concept_index"][()])}


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("planted")
    features, holding = planted()
    files = write_study(folder, features, holding)
    return {"features": features, "holding": holding, "files": files, "out": classify(folder / "out", files)}


# Truth ------------------------------------------------------------------------------------------------------------


def test_a_planted_unit_is_found(study: dict[str, Any]) -> None:
    dog = rows(study["out"]).loc["dog"]
    assert (dog["accuracy"], dog["one_accuracy"], dog["one_unit"]) == (1, 1, 3)
    assert (dog["gain"], dog["gain_low"], dog["gain_high"]) == (0, 0, 0)
    assert dog["equal_or_better"]
    assert dog["accuracy_train"] == 1
    assert dog["selectivity"] > 0.35
    assert [dog[f"critical_f_{share}"] for share in (50, 90)] == [1, 1]
    assert dog["repeat_cosine"] > 0.9


def test_two_units_beat_one(study: dict[str, Any]) -> None:
    cat = rows(study["out"]).loc["cat"]
    assert cat["one_unit"] in (5, 6)
    assert cat["accuracy"] > 0.8
    assert cat["gain"] > 0.05
    assert cat["gain_low"] <= cat["gain"] <= cat["gain_high"]
    assert cat["critical_f_90"] == 2
    subsets = read_table(study["out"]["subsets"])
    two = subsets[(subsets["concept"] == "cat") & (subsets["n_filters"] == 2)]
    assert (two["val"] > 0.9).all()


def test_labels_without_regard_to_features_are_not_learned(tmp_path: Path) -> None:
    """40 concepts at random: means over them lie within four standard errors of chance."""
    rng = np.random.default_rng(3)
    features = np.abs(rng.normal(size=(300, 8)))
    holding = {f"noise {i}": np.sort(rng.permutation(300)[: rng.integers(60, 240)]) for i in range(40)}
    found = rows(classify(tmp_path, write_study(tmp_path, features, holding), sizes=[1]))
    bound = 4 * 0.5 / np.sqrt(found["n_validation"].mean() * len(found))
    assert bound < 0.05
    assert abs(found["accuracy"].mean() - 0.5) < bound
    assert abs(found["one_accuracy"].mean() - 0.5) < bound
    assert abs(found["control_accuracy"].mean() - 0.5) < bound
    assert abs(found["selectivity"].mean()) < 2**0.5 * bound
    assert found["accuracy_train"].mean() > 0.52  # it does learn the training images by heart a little
    covered = (found["accuracy_low"] <= 0.5) & (found["accuracy_high"] >= 0.5)
    assert covered.mean() > 0.8


def test_standardised_features_forget_scale_and_offset(tmp_path: Path) -> None:
    features, holding = planted(n_images=200)
    scale, offset = 2.0 ** np.arange(-6, 6), np.arange(12) * 4.0
    constant = np.full((200, 1), 7.3)
    accuracies, weights = [], []
    for name, seen in (("a", features), ("b", features * scale + offset)):
        files = write_study(tmp_path / name, np.concatenate([seen, constant], axis=1), holding)
        out = classify(tmp_path / name, files, options={"features": "standardised"})
        accuracies.append(rows(out)["accuracy"])
        weights.append(vectors(out))
    assert (accuracies[0].sub(accuracies[1]).abs() <= 0.02).all()
    for concept in holding:
        np.testing.assert_allclose(weights[0][concept], weights[1][concept], atol=2e-3)
    assert accuracies[0]["dog"] > 0.95


# Tables and files -------------------------------------------------------------------------------------------------


def test_tables_have_their_columns_and_a_row_for_every_concept(study: dict[str, Any]) -> None:
    table, subsets = read_table(study["out"]["table"]), read_table(study["out"]["subsets"])
    assert read_definitions(study["out"]["table"]) == CLASSIFICATION_COLUMNS
    assert read_definitions(study["out"]["subsets"]) == SUBSET_COLUMNS
    assert table["concept"].tolist() == list(study["holding"])
    assert table["concept_index"].tolist() == list(range(8))
    assert set(table["features"]) == {"raw"}
    assert set(table["split"]) == {"hash 0.7"}
    assert sorted(set(subsets["n_filters"])) == [1, 2, 5, 12]  # 99 filters of 12 are left out
    assert len(subsets) == 8 * 4 * CHOICES["repeats"]
    assert set(subsets["task"]) == {"classification"}
    one = subsets[subsets["n_filters"] == 1].groupby("concept")["val"].mean()
    np.testing.assert_allclose(one[table["concept"]], table["one_accuracy"], atol=1e-12)
    assert (table["equal_or_better"] == (table["gain"] >= 0)).all()
    assert (table["shown"] == "gain").sum() == 2
    assert (table["n_validation"] == 2 * np.minimum(table["n_val"], table["n_val_without"])).all()


def test_numbers_follow_from_the_stored_weights(study: dict[str, Any]) -> None:
    split = read_split(study["files"]["index"], train_share=0.7, seed=0)
    table = rows(study["out"])
    for concept, stored in vectors(study["out"]).items():
        draw = validation_draw(sides(split.of, VAL, study["holding"][concept]), seed=0, concept=concept)
        logits = study["features"][draw.images].astype(np.float64) @ stored[:, :-1].T.astype(np.float64) + stored[:, -1]
        right = ((logits > 0) == draw.labels[:, None]).mean(axis=0)
        assert table.loc[concept, "accuracy"] == pytest.approx(right[0], abs=1e-12)
        assert table.loc[concept, "repeat_sd"] == pytest.approx(right.std(ddof=1), abs=1e-12)
        size = np.abs(stored[0, :-1])
        assert table.loc[concept, "one_unit"] == size.argmax()
        assert table.loc[concept, "weight_share"] == pytest.approx(size.max() / size.sum(), abs=1e-6)
        cosine = stored[0, :-1] @ stored[1, :-1] / np.prod(np.linalg.norm(stored[:, :-1], axis=1))
        assert table.loc[concept, "repeat_cosine"] == pytest.approx(cosine, abs=1e-6)
    with h5py.File(study["out"]["vectors"], "r") as file:
        assert dict(file.attrs) == {"task": "classification", "n_units": 12, "seed": 0}
        assert file["weights"].dtype == np.float32


def test_every_concept_has_numbers_or_a_reason(tmp_path: Path) -> None:
    n = 60
    split = np.array(["train"] * 30 + ["val"] * 20 + [""] * 10)
    valid = np.ones(n, dtype=bool)
    valid[[0, 30]] = False
    features, _ = planted(n_images=n)
    features[~valid] = np.nan  # a picture that could not be read counts nowhere
    holding = {
        "never": np.arange(0), "elsewhere": np.array([30, 55]), "no training": np.array([0, 31, 32]),
        "no validation": np.array([1, 2]), "all training": np.arange(1, 40), "all validation": np.arange(20, 50),
        "few": np.arange(24, 33), "enough": np.arange(10, 40),
    }  # fmt: skip
    files = write_study(tmp_path, features, holding, split=split, valid=valid)
    out = classify(tmp_path, files, sizes=[1], concepts=["few"])
    table = rows(out)
    assert table["reason"].to_dict() == {
        "never": "0 training images", "elsewhere": "0 training images", "no training": "0 training images",
        "no validation": "0 validation images", "all training": "every training image holds it",
        "all validation": "every validation image holds it", "few": "", "enough": "",
    }  # fmt: skip
    few = table.loc["few"]
    assert (few["n_train"], few["n_train_without"], few["n_val"], few["n_val_without"]) == (6, 23, 2, 17)
    assert (few["n_validation"], bool(few["small"]), few["shown"]) == (4, True, "config")
    assert np.isnan(few["accuracy_low"])  # four images lie in fewer than 8 blocks
    assert not table.loc["enough", "small"]
    assert table.loc["no training", ["n_train", "n_val", "n_validation"]].tolist() == [0, 2, 4]
    unlearned = table[table["reason"] != ""]
    assert unlearned[["accuracy", "gain", "control_accuracy", "critical_f_50", "one_unit"]].isna().all(axis=None)
    assert unlearned["equal_or_better"].isna().all()
    assert (unlearned["n_train"] < 10).tolist() == unlearned["small"].tolist()
    assert np.isnan(table.loc["enough", "critical_f_50"])  # the layer has no subsets
    assert list(vectors(out)) == ["few", "enough"]


def test_nothing_to_learn_is_no_error(tmp_path: Path) -> None:
    out = classify(tmp_path, write_study(tmp_path, planted(30)[0], {"a": np.arange(30), "b": np.arange(0)}))
    assert (rows(out)["reason"] != "").all()
    assert len(read_table(out["subsets"])) == 0
    with h5py.File(out["vectors"], "r") as file:
        assert file["weights"].shape == (0, 2, 12)
        assert file["bias"].shape == (0, 2)


def test_options_that_leave_something_out(study: dict[str, Any], tmp_path: Path) -> None:
    table = rows(classify(tmp_path, study["files"], sizes=[1], options={"n_controls": 0}, repeats=1, n_bootstrap=0))
    missing = ["control_accuracy", "selectivity", "repeat_sd", "repeat_cosine", "accuracy_low", "gain_high"]
    assert table[missing].isna().all(axis=None)
    usual = rows(study["out"])
    np.testing.assert_array_equal(table["accuracy"], usual["accuracy"])  # repeat 0 does not know of the others


# The same whatever the division of the work -------------------------------------------------------------------------


def test_blocks_and_workers_change_no_bit(study: dict[str, Any], tmp_path: Path,
                                          monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    monkeypatch.setattr(classification, "WORK_PER_TASK", 1.0)  # a task a concept
    for threads in (1, 2):
        out = classify(tmp_path / str(threads), study["files"], threads=threads)
        for name in ("table", "subsets"):
            pd.testing.assert_frame_equal(read_table(out[name]), read_table(study["out"][name]), check_exact=True)
        for concept, stored in vectors(out).items():
            np.testing.assert_array_equal(stored, vectors(study["out"])[concept])


def test_order_and_absence_of_other_concepts_change_no_bit(study: dict[str, Any], tmp_path: Path) -> None:
    kept = ["noise 4", "cat", "dog"]
    files = write_study(tmp_path, study["features"], {name: study["holding"][name] for name in kept}, n_shards=1)
    out = classify(tmp_path, files)
    columns = [c for c in read_table(out["table"]).columns if c not in ("concept_index", "shown")]
    for concept in kept:
        np.testing.assert_array_equal(vectors(out)[concept], vectors(study["out"])[concept])
    pd.testing.assert_frame_equal(
        read_table(out["table"])[columns],
        rows(study["out"]).loc[kept].reset_index()[columns],
        check_exact=True,
    )


def test_sizes_and_repeats_do_not_know_of_each_other(study: dict[str, Any], tmp_path: Path) -> None:
    out = classify(tmp_path, study["files"], sizes=[5], repeats=3)
    mine, usual = read_table(out["subsets"]), read_table(study["out"]["subsets"])
    assert sorted(set(mine["n_filters"])) == [1, 5]
    both = mine.merge(usual, on=["concept", "n_filters", "repeat"], suffixes=("", "_usual"))
    assert len(both) == 8 * 2 * 2
    np.testing.assert_array_equal(both["val"], both["val_usual"])
    np.testing.assert_array_equal(both["train"], both["train_usual"])
    for concept, stored in vectors(out).items():
        np.testing.assert_array_equal(stored[:2], vectors(study["out"])[concept])


def test_another_seed_is_another_study(study: dict[str, Any], tmp_path: Path) -> None:
    out = classify(tmp_path, study["files"], sizes=[1], seed=1)
    assert not np.array_equal(vectors(out)["dog"], vectors(study["out"])["dog"])
    assert rows(out).loc["dog", "accuracy"] == 1


def test_a_warm_start_goes_on_from_the_solution(study: dict[str, Any], tmp_path: Path) -> None:
    """Without steps worth the name, all 12 filters from the solution are the solution; from a new draw they are not."""
    still = {"learning_rate": 1e-12, "epochs": 1}
    for warm in (True, False):
        out = classify(tmp_path / str(warm), study["files"], sizes=[12], options=still, warm_start=warm)
        subsets = read_table(out["subsets"])
        assert set(subsets["warm_start"]) == {warm}
        every = subsets[(subsets["n_filters"] == 12) & (subsets["repeat"] == 0)].set_index("concept")["val"]
        same = (every[rows(out).index] - rows(out)["accuracy"]).abs() < 1e-12
        assert same.all() == warm


def test_concepts_are_cut_into_runs_of_work() -> None:
    assert cut(np.array([]), 4) == []
    assert [list(run) for run in cut(np.array([1.0, 2, 2, 9, 1, 1]), 4)] == [[0, 1], [2], [3], [4, 5]]


# Messages -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"options": {"features": "standardized"}}, "unknown features 'standardized'.*did you mean 'standardised'"),
        ({"options": {"batch": 0}}, "net2vec.classification.batch: 0; expected 1 or more"),
        ({"options": {"epochs": 0}}, "net2vec.classification.epochs: 0"),
        ({"repeats": 0}, "net2vec.repeats: 0"),
        ({"sizes": [0]}, "a subset of 0 filters"),
        ({"options": {"l2": 1e3}}, "classification of 'dog': the weights grew beyond all bounds.*l2 1000"),
    ],
)
def test_bad_options_are_named(study: dict[str, Any], tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        classify(tmp_path, study["files"], **changes)
    assert not (tmp_path / "c.parquet").exists()


def test_features_of_other_images_or_not_finite_are_named(study: dict[str, Any], tmp_path: Path) -> None:
    for name, features, message in (
        ("short", study["features"][:-1], r"mean_pooled has shape \(399, 12\), the data set has 400 images"),
        ("bad", np.where(np.arange(400)[:, None] == 9, np.inf, study["features"]), "unit 0 in image 'image_9' is inf"),
    ):
        files = write_study(tmp_path / name, features, study["holding"])
        files |= {"index": study["files"]["index"]}
        with pytest.raises(ValueError, match=message):
            classify(tmp_path / name, files)


def test_a_concept_nobody_knows_is_named_and_skipped(study: dict[str, Any], tmp_path: Path,
                                                     caplog: pytest.LogCaptureFixture) -> None:  # fmt: skip
    with caplog.at_level(logging.WARNING):
        out = classify(tmp_path, study["files"], sizes=[1], concepts=["cats", "noise 2"])
    assert "unknown concept 'cats' in net2vec.concepts, data set d; did you mean 'cat'" in caplog.text
    assert rows(out).loc["noise 2", "shown"] == "config"
