"""Planted concepts are found: on three units, on one; rows, reasons and intervals say what was learned; no split of the
work changes a number."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score

from conceptatlas.activations.summary import summarise_layer
from conceptatlas.datasets.splits import TRAIN, VAL, read_split
from conceptatlas.files import write_json
from conceptatlas.masks.cells import covered_cells
from conceptatlas.masks.upsample import make_grid, upsample_map
from conceptatlas.net2vec.segmentation import blocks_of, learn_segmentation
from conceptatlas.net2vec.segmentation_examples import deciles, highest
from conceptatlas.net2vec.segmentation_learning import ConceptTask
from conceptatlas.net2vec.segmentation_rows import per_image, repeat_cosine, weight_correlation
from conceptatlas.net2vec.segmentation_tables import IMAGE_COLUMNS, SEGMENTATION_COLUMNS
from conceptatlas.tables import read_definitions, read_table
from planted import GEOMETRY, NAMES, SIZE, THRESHOLDS, noise, scenes, write_dataset
from tiny_stores import write_store

Array = np.ndarray[Any, Any]

N_IMAGES, N_UNITS = 150, 16
OPTIONS: dict[str, Any] = {
    "loss": "net2vec", "upsample": "half_pixel", "bias": False, "order": "shuffled", "image_level": "skip",
    "learning_rate": 1e-3, "momentum": 0.9, "batch": 16, "epochs": 60, "l1": 0, "l2": 0,
}  # fmt: skip
CHOICES: dict[str, Any] = {
    "train_share": 0.7, "min_train_images": 10, "repeats": 2, "n_bootstrap": 100, "confidence": 0.95,
    "concepts": ["dog"], "warm_start": False, "device": "cpu",
}  # fmt: skip
CAR = (3, 5, 8)  # the car is the OR of three units
DOG = 11  # the dog is one unit
OUT = {"table": "segmentation.parquet", "subsets": "segmentation_subsets.parquet",
       "images": "segmentation_images.parquet", "vectors": "segmentation.h5",
       "examples": "segmentation_examples.h5"}  # fmt: skip


def planted(n_images: int = N_IMAGES, *, padded: bool = False) -> tuple[Any, Array]:
    """Thirds of cars on three units, dogs on one, noise below the thresholds on all."""
    labels = scenes(n_images, padded=padded)
    maps = (0.1 * np.abs(noise(n_images, N_UNITS).astype(np.float32))).astype(np.float32)
    for (n, concept), mask in labels.merged().items():
        if NAMES[concept] == "dog":
            maps[n, DOG] += 5 * mask
        if NAMES[concept] == "car":
            thirds = np.array_split(np.argwhere(mask), 3)
            for unit, third in zip(CAR, thirds, strict=True):
                maps[n, unit, third[:, 0], third[:, 1]] += 5
    return labels, maps.astype(np.float16)


def prepare(folder: Path, labels: Any, maps: Array, *, n_shards: int = 1, valid: Array | None = None) -> dict[str, Any]:
    files = write_dataset(folder / "dataset", labels, n_shards=n_shards, valid=valid)
    store = write_store(folder / "store", maps, n_shards=n_shards, valid=valid)
    report, statistics = folder / "report.json", folder / "statistics.h5"
    shape = dict(zip(("n_units", "height", "width"), maps.shape[1:], strict=True)) | {"geometry": {}}
    write_json(report, {"layers": {"layer": shape}})
    summarise_layer(
        layer={"model": "m", "layer": "layer", "store": "full"}, shards=store.shards, manifests=store.manifests,
        dataset=files["dataset"], report=report, out=statistics, manifest=statistics.with_suffix(".json"),
        thresholds=THRESHOLDS | {"tau": 0.02, "taus": [0.02]}, geometry=GEOMETRY,
    )  # fmt: skip
    return files | {"store": store, "report": report, "statistics": statistics}


def learn(folder: Path, files: dict[str, Any], *, options: dict[str, Any] | None = None, sizes: Any = (1, 3),
          threads: int = 1, **choices: Any) -> dict[str, Path]:  # fmt: skip
    out = {name: folder / file for name, file in OUT.items()}
    learn_segmentation(
        dataset="d", model="m", layer="layer", shards=files["store"].shards, manifests=files["store"].manifests,
        statistics=files["statistics"], about=files["dataset"], index=files["index"], concepts=files["concepts"],
        annotations=files["annotations"], frames=files["frames"], report=files["report"],
        options=OPTIONS | (options or {}), choices=CHOICES | choices, subset_sizes=list(sizes), seed=0, threads=threads,
        **out,
    )  # fmt: skip
    return out


@pytest.fixture(scope="module")
def study(tmp_path_factory: Any) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("net2vec")
    labels, maps = planted()
    files = prepare(folder, labels, maps)
    return {"folder": folder, "labels": labels, "maps": maps, "files": files, **learn(folder / "out", files)}


@pytest.fixture(scope="module")
def table(study: dict[str, Any]) -> pd.DataFrame:
    return read_table(study["table"]).set_index("concept")


def weights_of(path: Path, concept: str) -> Array:
    with h5py.File(path, "r") as file:
        row = file["concept_index"][()].tolist().index(NAMES.index(concept))
        return np.asarray(file["weights"][row])


@pytest.mark.parametrize("loss", ["net2vec", "bce"])
def test_the_or_of_three_units_is_those_three(study: dict[str, Any], tmp_path: Path, loss: str) -> None:
    out = study if loss == "net2vec" else learn(tmp_path, study["files"], options={"loss": loss})
    car = read_table(out["table"]).set_index("concept").loc["car"]
    for repeat in (0, 1):
        weights = weights_of(out["vectors"], "car")[repeat]
        assert set(np.argsort(-weights)[:3]) == set(CAR)
        assert np.sort(weights)[-3] > 2 * np.abs(np.delete(weights, CAR)).max()
    assert car["single_unit"] in CAR
    assert car["combination_val"] > 0.8  # units of noise with small positive weights add a few pixels
    assert car["single_val"] < 0.45  # a third of the car
    assert car["combination_val"] > car["single_wide_val"] + 0.3  # at the same cut
    assert car["gain_filters"] > 0.3
    subsets = read_table(out["subsets"])
    three = subsets[(subsets["concept"] == "car") & (subsets["n_filters"] == 3)]
    assert (three["val"] > 0.9).all()
    assert (three["repeat"].tolist(), len(three)) == ([0, 1], 2)


@pytest.mark.parametrize("loss", ["net2vec", "bce"])
def test_a_concept_of_one_unit_needs_one_filter(study: dict[str, Any], tmp_path: Path, loss: str) -> None:
    out = study if loss == "net2vec" else learn(tmp_path, study["files"], options={"loss": loss})
    dog = read_table(out["table"]).set_index("concept").loc["dog"]
    assert (dog["single_unit"], dog["one_unit"]) == (DOG, DOG)
    assert dog["combination_val"] == pytest.approx(dog["one_val"], abs=0.02)
    assert dog["one_val"] == pytest.approx(dog["single_wide_val"], abs=1e-12)  # any positive weight gives that mask
    assert dog["single_val"] > 0.9  # same resolution: the cut takes nothing away
    assert dog["correlation"] > 0.8
    assert dog["correlation_p"] < 1e-3


def test_at_low_resolution_the_single_mask_is_narrower_by_its_cut(tmp_path: Path) -> None:
    """A unit that fires in a quarter of the positions: cut at one half it covers less than with any activity."""
    labels, maps = planted(90)
    pooled = maps.reshape(90, N_UNITS, 7, 2, 7, 2).max(axis=(3, 5))
    files = prepare(tmp_path, labels, pooled)
    out = learn(tmp_path / "out", files, options={"upsample": "corners"})
    images = read_table(out["images"])
    dog = images[images["concept_index"] == NAMES.index("dog")]
    assert (dog["single_pixels"] <= dog["combination_pixels"]).mean() > 0.9
    row = read_table(out["table"]).set_index("concept").loc["dog"]
    assert row["combination_val"] == pytest.approx(row["one_val"], abs=0.03)
    assert row["gain"] == pytest.approx(row["gain_cut"] + row["gain_filters"], abs=1e-12)


def test_every_concept_has_a_row_and_a_reason(study: dict[str, Any], table: pd.DataFrame) -> None:
    assert table.index.tolist() == NAMES
    assert read_definitions(study["table"]) == SEGMENTATION_COLUMNS
    assert read_definitions(study["images"]) == IMAGE_COLUMNS
    for name in ("street", "beach", "striped"):
        assert table.loc[name, "reason"] == "labels whole images: no mask (image_level: skip)"
    missing = table[table["reason"] != ""]
    assert missing[["single_val", "combination_val", "gain", "alpha"]].isna().all(axis=None)
    learned = table[table["reason"] == ""]
    assert learned["combination_val"].between(0, 1).all()
    assert (learned["n_train"] >= 1).all()
    assert table.loc["dog", "shown"] == "config"
    assert (table["small"] == (table["n_train"] < 10)).all()


def test_numbers_are_those_of_the_masks(study: dict[str, Any], table: pd.DataFrame) -> None:
    """iou_set, iou_all, alpha and average precision recomputed from masks drawn in the obvious way."""
    labels, maps = study["labels"], study["maps"].astype(np.float32)
    split = read_split(study["files"]["index"], train_share=0.7, seed=0).of
    with h5py.File(study["files"]["statistics"], "r") as file:
        thresholds = file["thresholds"][0]
    fires = (maps > thresholds[None, :, None, None]).astype(np.float32)
    grid = make_grid((SIZE, SIZE), SIZE, upsample="half_pixel")
    merged, c = labels.merged(), NAMES.index("car")
    weights = weights_of(study["vectors"], "car")[0]
    sums = np.einsum("nkhw,k->nhw", fires, weights)
    combination = upsample_map(sums, grid) > 0
    single = upsample_map(fires[:, int(table.loc["car", "single_unit"])], grid) > 0.5
    truth = np.array([merged.get((n, c), np.zeros((SIZE, SIZE), bool)) for n in range(N_IMAGES)])
    holds = np.array([(n, c) in merged for n in range(N_IMAGES)])
    train, val, every = holds & (split == TRAIN), holds & (split == VAL), np.ones(N_IMAGES, bool)
    for mask, column, part in (
        (combination, "combination_val", val), (combination, "combination_train", train),
        (single, "single_val", val), (single, "single_train", train),
        (combination, "combination_iou_all", every), (single, "single_iou_all", every),
    ):  # fmt: skip
        wanted = (mask & truth)[part].sum() / (mask | truth)[part].sum()
        assert table.loc["car", column] == pytest.approx(wanted, abs=1e-12), column
    size = truth[holds & (split == TRAIN)].mean()
    assert table.loc["car", "alpha"] == pytest.approx(1 - size)
    cells = covered_cells(truth, (SIZE, SIZE))
    wanted = average_precision_score(cells.ravel(), sums.astype(np.float16).ravel())
    assert table.loc["car", "combination_auprc"] == pytest.approx(wanted, abs=2e-3)  # sums rounded in another order
    assert table.loc["car", "cell_share"] == pytest.approx(cells.mean())


def test_intervals_hold_their_numbers(table: pd.DataFrame) -> None:
    rows = table[(table["reason"] == "") & (table["n_blocks"] >= 8)]
    assert len(rows) >= 3
    for name in ("single_val", "combination_val", "gain"):
        assert (rows[f"{name}_low"] <= rows[name] + 1e-9).all()
        assert (rows[f"{name}_high"] >= rows[name] - 1e-9).all()
    few = table[(table["reason"] == "") & (table["n_blocks"] < 8)]
    assert few[["gain_low", "gain_high"]].isna().all(axis=None)


def test_vectors_are_stored_with_what_single_filters_do(study: dict[str, Any], table: pd.DataFrame) -> None:
    with h5py.File(study["vectors"], "r") as file:
        index = file["concept_index"][()]
        assert file["weights"].shape == (len(index), 2, N_UNITS)
        assert [NAMES[i] for i in index] == table.index[table["reason"] == ""].tolist()
        best = file["single_train"][()].argmax(axis=1)
        assert best.tolist() == table.loc[[NAMES[i] for i in index], "single_unit"].tolist()
        assert (file.attrs["task"], file.attrs["n_units"]) == ("segmentation", N_UNITS)


def test_examples_lie_at_the_deciles(study: dict[str, Any]) -> None:
    images = read_table(study["images"])
    dog = images[(images["concept_index"] == NAMES.index("dog")) & (images["split"] == "val")]
    with h5py.File(study["examples"], "r") as file:
        kind = file["kind"][()].astype(str)
        mine = (kind == "decile_combination") & (file["concept_index"][()] == NAMES.index("dog"))
        assert file["rank"][()][mine].tolist() == list(range(10))
        shown = file["iou"][()][mine]
        assert file["pictures"].shape[1:] == (SIZE, SIZE, 3)
        assert file["labels"][()][mine].any(axis=1).all()
    values = np.sort(dog["combination_iou"][dog["combination_iou"] > 0])
    assert shown[-1] == pytest.approx(values[-1])
    assert (np.diff(shown) >= 0).all()


def same(a: dict[str, Path], b: dict[str, Path]) -> None:
    for name in ("table", "subsets", "images"):
        pd.testing.assert_frame_equal(read_table(a[name]), read_table(b[name]), check_exact=True)
    for name in ("vectors", "examples"):
        with h5py.File(a[name], "r") as one, h5py.File(b[name], "r") as other:
            assert set(one) == set(other)
            for key in one:
                assert np.array_equal(one[key][()], other[key][()], equal_nan=one[key].dtype.kind == "f"), key


def test_no_split_of_the_work_changes_a_number(study: dict[str, Any], tmp_path: Path) -> None:
    same(study, learn(tmp_path / "workers", study["files"], threads=2))
    files = prepare(tmp_path, study["labels"], study["maps"], n_shards=3)
    same(study, learn(tmp_path / "shards", files))


def test_quarantined_images_count_nowhere(tmp_path: Path) -> None:
    labels, maps = planted(80)
    valid = np.ones(80, dtype=bool)
    valid[::9] = False
    files = prepare(tmp_path, labels, maps, valid=valid)
    images = read_table(learn(tmp_path / "out", files)["images"])
    assert not set(images["image_index"]) & set(np.flatnonzero(~valid))


def test_padding_is_neither_taught_nor_judged(tmp_path: Path) -> None:
    labels, maps = planted(80, padded=True)
    files = prepare(tmp_path, labels, maps)
    table = read_table(learn(tmp_path / "out", files)["table"]).set_index("concept")
    assert table.loc["car", "combination_val"] > 0.9


def test_whole_images_may_be_learned_as_masks_of_ones(tmp_path: Path, study: dict[str, Any]) -> None:
    out = learn(tmp_path, study["files"], options={"image_level": "all_ones"})
    table = read_table(out["table"]).set_index("concept")
    assert (table["reason"] == "").all()
    assert table.loc["street", "alpha"] == 0
    assert table.loc["street", "size"] == 1
    assert table.loc["dog", "combination_val"] == pytest.approx(
        read_table(study["table"]).set_index("concept").loc["dog", "combination_val"], abs=1e-12
    )


def test_the_only_filter_and_other_options_reach_the_table(tmp_path: Path, study: dict[str, Any]) -> None:
    out = learn(tmp_path, study["files"], options={"bias": True, "order": "fixed", "l2": 0.001}, sizes=[], repeats=1,
                warm_start=True)  # fmt: skip
    table = read_table(out["table"]).set_index("concept")
    assert (table["order"] == "fixed").all()
    assert np.isnan(table.loc["dog", "repeat_cosine"])
    assert set(read_table(out["subsets"])["n_filters"]) == {1}
    with h5py.File(out["vectors"], "r") as file:
        assert (file["bias"][()] != 0).all()


# Small mathematics ------------------------------------------------------------------------------------------------


def test_deciles_by_hand() -> None:
    values = np.array([0.0, 0.5, 0.1, 0.9, 0.0, 0.3])
    assert [float(values[i]) for i in deciles(values)] == [0.1, 0.1, 0.3, 0.3, 0.3, 0.5, 0.5, 0.9, 0.9, 0.9]
    assert deciles(np.zeros(4)) == []
    assert highest(values, 2) == [3, 1]


def test_distribution_of_iou_by_hand() -> None:
    shared, pixels, label = np.array([0, 0, 2, 4]), np.array([3, 0, 4, 4]), np.array([2, 5, 4, 4])
    found = per_image(shared, pixels, label, np.array([False, True, False, False]))
    assert found["zero"] == 0.5
    assert found["zero_inactive"] == 0.5
    assert found["mean"] == pytest.approx((2 / 6 + 1) / 2)
    assert found["sd"] == pytest.approx(np.std([2 / 6, 1], ddof=1))


def test_correlation_ignores_negative_weights() -> None:
    iou = np.array([0.1, 0.2, 0.3, 0.0])
    r, p = weight_correlation(np.array([1.0, 2.0, 3.0, -5.0]), iou)
    assert r == pytest.approx(1)
    assert p < 1e-6
    assert np.isnan(weight_correlation(-np.ones(4), iou)[0])


def test_cosine_between_initialisations() -> None:
    assert repeat_cosine(np.array([[1.0, 0], [0, 2.0], [3.0, 0]])) == pytest.approx(0.5)


def test_blocks_cost_about_the_same_and_lose_nothing() -> None:
    concepts = [ConceptTask(i, str(i), 0, 0, 0) for i in range(100)]
    cost = np.arange(100)
    for sort in (False, True):
        blocks = blocks_of(concepts, cost, n=8, sort=sort)
        assert sorted(c.concept for block in blocks for c in block) == list(range(100))
        assert max(sum(cost[c.concept] for c in block) for block in blocks) <= cost.sum() / 8 + 100
    assert blocks_of([], np.zeros(0), n=8, sort=False) == []
