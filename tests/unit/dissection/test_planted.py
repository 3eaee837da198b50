"""Units that were planted are found, units that know nothing are not, and no split of the work changes a byte."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

from conceptatlas.dissection.netdissect_csv import netdissect_table
from conceptatlas.masks.bitmask import unpack
from conceptatlas.masks.labels import count_netdissect_csv, read_netdissect_csv
from conceptatlas.naming import CATEGORIES
from conceptatlas.tables import read_definitions, read_table
from planted import GEOMETRY, NAMES, OPTIONS, PRIMARY, SIZE, detectors, dissect, noise, scenes, write_dataset
from slow_twins import grid_of

N_IMAGES, N_NOISE = 300, 8


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A detector of every concept, units of noise, a dead unit."""
    labels = scenes(N_IMAGES)
    masked = [name for name in NAMES if name not in ("street", "beach", "striped")]
    dead = np.zeros((N_IMAGES, 1, SIZE, SIZE), dtype=np.float16)
    maps = np.concatenate([detectors(labels, masked), noise(N_IMAGES, N_NOISE), dead], axis=1)
    files = dissect(tmp_path_factory.mktemp("planted"), maps, labels)
    return {"labels": labels, "maps": maps, "names": masked, **files}


def test_planted_units_carry_their_label_with_an_iou_of_one(study):
    units = read_table(study["units"])
    planted = units[: len(study["names"])]
    assert planted["concept"].tolist() == study["names"]
    assert planted["category"].tolist() == [PRIMARY[NAMES.index(name)] for name in study["names"]]
    np.testing.assert_array_equal(planted["iou_category"], 1.0)
    np.testing.assert_array_equal(planted["iou_all"], 1.0)
    np.testing.assert_array_equal(planted["iou_cross_fitted"], 1.0)
    assert planted["label_stable"].all()
    np.testing.assert_array_equal(planted["ci_low"], 1.0)
    np.testing.assert_array_equal(planted["p"], 1 / 100)
    assert planted["is_significant"].all()
    assert (planted["null_high"] < 0.5).all()


def test_noise_is_not_significant_and_the_dead_unit_is_named(study):
    units = read_table(study["units"])
    random = units[len(study["names"]) : -1]
    assert not random["is_significant"].any()
    assert (random["p"] > 0.02).mean() > 0.7
    dead = units.iloc[-1]
    assert dead["state"] == "dead"
    assert dead["iou_category"] == 0
    assert not dead["is_detector"]
    assert dead["p"] == 1


def test_summary_counts_equal_the_csv_and_the_unit_table(study):
    summary = read_table(study["summary"]).set_index(["quantity", "category", "tau"])["value"]
    counts = count_netdissect_csv(study["netdissect"])
    tau = "0.1"
    assert summary["detectors", "", tau] == counts.detectors == read_table(study["units"])["is_detector"].sum()
    assert summary["unique_by_category", "", tau] == counts.unique_by_category
    assert summary["unique_best_label", "", tau] == counts.unique_best_label
    for category, n in counts.detectors_in_category.items():
        assert summary["detectors", category, tau] == n
    for category, n in counts.unique_in_category.items():
        assert summary["unique_by_category", category, tau] == n
    assert counts.unique_best_label >= len(study["names"])
    assert summary["detectors_fdr", "", tau] == len(study["names"])
    assert summary["units_dead", "", tau] == 1
    for other in ("0.05", "0.2"):
        assert summary["detectors", "", other] >= len(study["names"])


def test_csv_has_the_authors_layout(study):
    table = read_netdissect_csv(study["netdissect"])
    assert list(table.columns[:4]) == ["unit", "category", "label", "score"]
    assert sorted(table["unit"]) == list(range(1, study["maps"].shape[1] + 1))
    assert (np.diff(table["score"]) <= 0).all()
    for name in ("object", "scene", "part", "material", "texture", "color"):
        union = table[f"{name}-truth"] + table[f"{name}-activation"] - table[f"{name}-intersect"]
        np.testing.assert_allclose(table[f"{name}-intersect"] / union, table[f"{name}-iou"])
    units = read_table(study["units"]).set_index("unit")
    best = units.loc[table["unit"] - 1]
    np.testing.assert_array_equal(best["iou_category"], table["score"])
    assert best["concept"].tolist() == table["label"].tolist()


def test_counts_have_intervals_around_them_and_a_null_below(study):
    summary = read_table(study["summary"])
    own = summary[summary["null_mean"].notna()]
    assert {"detectors", "unique_by_category", "unique_best_label"} <= set(own["quantity"])
    assert (own["ci_low"] <= own["value"]).all()
    assert (own["value"] <= own["ci_high"]).all()
    assert (own["ci_low"] >= 0).all()
    assert own["bootstrap_mean"].notna().all()
    total = own[(own["quantity"] == "unique_best_label")].iloc[0]
    assert total["value"] > total["null_high"]
    assert total["p"] == 1 / 100


def test_every_column_is_defined(study):
    for name in ("labels", "units", "summary"):
        columns = read_definitions(study[name])
        assert all(column.definition for column in columns)
        assert [column.name for column in columns] == list(read_table(study[name]).columns)


def test_label_table_is_sorted_by_iou_and_its_integers_give_it(study):
    table = read_table(study["labels"])
    assert (table.groupby("unit").size() == OPTIONS["top_labels"]).all()
    assert (table.groupby("unit")["iou_category"].diff().fillna(0) <= 0).all()
    union = table["unit_pixels_category"] + table["label_pixels"] - table["intersection"]
    np.testing.assert_allclose(table["intersection"] / union, table["iou_category"])
    union = table["unit_pixels_all"] + table["label_pixels"] - table["intersection"]
    np.testing.assert_allclose(table["intersection"] / union, table["iou_all"])
    inside = table["ci_low"].notna()
    assert (table["ci_low"][inside] <= table["iou_category"][inside]).mean() > 0.95
    assert (table["n_blocks_with_concept"][~inside] < 8).all()


def test_top_images_and_gallery(study):
    units = read_table(study["units"])
    maximum = study["maps"].max(axis=(2, 3)).astype(np.float32)
    for k in (0, 3, len(study["names"]) + 1):
        order = np.lexsort((np.arange(N_IMAGES), -maximum[:, k]))[:3]
        np.testing.assert_array_equal(units["top_images"][k], order)
        np.testing.assert_array_equal(units["top_values"][k], maximum[order, k])
    with h5py.File(study["gallery"]) as file:
        shown, images = file["units"][()], file["images"][()]
        masks = unpack(file["masks"][()], height=SIZE, width=SIZE)
        assert file["pictures"].shape == (4, 3, SIZE, SIZE, 3)
    thresholds = units["threshold"].to_numpy()
    for i, unit in enumerate(shown):
        for rank in range(3):
            np.testing.assert_array_equal(masks[i, rank], study["maps"][images[i, rank], unit] > thresholds[unit])


@pytest.mark.parametrize("padded", [False, True])
def test_shards_of_activations_and_annotations_change_no_byte(tmp_path, padded):
    labels = scenes(60, seed=3, padded=padded)
    maps = np.concatenate([detectors(labels, ["car", "sky"]), noise(60, 3)], axis=1)
    valid = np.ones(60, dtype=bool)
    valid[[5, 40]] = False
    sources = np.arange(60) % 3
    options = OPTIONS | {"n_permutations": 9, "n_bootstrap": 50}
    common = {"valid": valid, "sources": sources, "options": options}
    one = dissect(tmp_path / "one", maps, labels, **common)
    many = dissect(tmp_path / "many", maps, labels, n_shards=4, annotation_shards=3, **common)
    for name in ("labels", "units", "summary", "netdissect"):
        assert one[name].read_bytes() == many[name].read_bytes(), name
    with h5py.File(one["tally"]) as a, h5py.File(many["tally"]) as b:
        names = []
        a.visititems(lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None)
        assert len(names) > 20
        for name in names:
            np.testing.assert_array_equal(a[name][()], b[name][()], err_msg=name)


def test_quarantined_images_count_nowhere(tmp_path):
    """The same numbers as from a data set without them."""
    labels = scenes(50, seed=4)
    maps = np.concatenate([detectors(labels, ["car", "sky"]), noise(50, 2)], axis=1)
    maps[:, 3] = -1 - np.abs(maps[:, 3])  # the zeros of a quarantined image would be its maximum
    valid = np.ones(50, dtype=bool)
    valid[[0, 17, 49]] = False
    options = OPTIONS | {"n_permutations": 3, "n_bootstrap": 20}
    rubbish = maps.copy()
    rubbish[~valid] = 9
    one = dissect(tmp_path / "a", rubbish, labels, valid=valid, options=options)
    blank = maps.copy()
    blank[~valid] = 0
    two = dissect(tmp_path / "b", blank, labels, valid=valid, options=options)
    for name in ("labels", "units", "summary"):
        assert one[name].read_bytes() == two[name].read_bytes()
    units = read_table(one["units"])
    assert not np.isin(np.concatenate(units["top_images"].to_list()), np.flatnonzero(~valid)).any()
    kept = maps[valid].transpose(1, 0, 2, 3).reshape(4, -1).astype(np.float32)
    np.testing.assert_array_equal(units["threshold"], np.sort(kept, axis=1)[:, ::-1][:, int(0.1 * 47 * SIZE**2)])
    table = read_table(one["labels"])
    row = table[(table["unit"] == 0) & (table["concept"] == "car")].iloc[0]
    expected = sum(int(m.sum()) for (n, c), m in labels.merged().items() if c == 0 and valid[n])
    assert row["label_pixels"] == expected


@pytest.mark.parametrize(
    "geometry", [GEOMETRY, GEOMETRY | {"order": "threshold_then_upsample", "padding": "zero"}], ids=str
)
def test_planted_units_at_half_the_resolution(tmp_path, geometry):
    labels = scenes(120, seed=5)
    fine = detectors(labels, ["car", "sky", "person"])
    coarse = fine.reshape(120, 3, 7, 2, 7, 2).mean(axis=(3, 5)).astype(np.float16)
    options = OPTIONS | {"n_permutations": 9, "n_bootstrap": 20}
    files = dissect(tmp_path, coarse, labels, geometry=geometry, options=options)
    units = read_table(files["units"])
    assert units["concept"].tolist() == ["car", "sky", "person"]
    assert (units["iou_category"] > 0.3).all()


def test_too_few_blocks_have_no_interval(tmp_path):
    labels = scenes(6, seed=6)
    options = OPTIONS | {"n_permutations": 0, "n_bootstrap": 20}
    files = dissect(tmp_path, noise(6, 2), labels, options=options)
    table = read_table(files["labels"])
    assert (table["n_blocks_with_concept"] < 8).all()
    assert table["ci_low"].isna().all()
    units = read_table(files["units"])
    assert units["p"].isna().all()
    assert not units["is_significant"].any()


def test_table_of_a_vocabulary_with_one_category(tmp_path):
    """Concepts without any pixel, categories without any concept."""
    from conceptatlas.datasets.labelled_images import Vocabulary
    from conceptatlas.masks.iou import iou_category
    from conceptatlas.masks.tally import Tally, tally_images

    labels = scenes(20, seed=8)
    primary = np.full(len(NAMES) + 1, 2)
    maps = noise(20, 3)
    grid = grid_of((SIZE, SIZE), SIZE, GEOMETRY)
    tally: Tally = tally_images(
        maps, maps.max(axis=(2, 3)).astype(np.float32), np.full(3, 1.5, dtype=np.float32), labels.bits(),
        np.zeros(20, dtype=int), primary, grid, n_categories=len(CATEGORIES),
    )  # fmt: skip
    scores = iou_category(tally.dense(), tally.category_areas.sum(axis=2), tally.label_pixels.sum(axis=1), primary)
    vocabulary = Vocabulary([*NAMES, "unicorn"], primary, np.ones(len(primary), dtype=int))
    table = netdissect_table(tally, scores, vocabulary)
    assert [c for c in table.columns if c.endswith("-iou")] == ["part-iou"]
    assert not table["label"].isin(["unicorn", ""]).any()


def test_annotations_with_a_gap_are_refused(tmp_path):
    from conceptatlas.datasets.labelled_images import read_labels

    files = write_dataset(tmp_path, scenes(30), n_shards=3)
    whole = read_labels(files["annotations"], start=0, stop=30)
    assert whole.n_images == 30
    first, _, last = files["annotations"]
    with pytest.raises(ValueError, match=r"do not cover images 0\.\.29"):
        read_labels([first, last], start=0, stop=30)
    with pytest.raises(ValueError, match="do not cover"):
        read_labels([first], start=0, stop=30)


@pytest.mark.parametrize("padded", [False, True])
def test_labels_saved_shard_by_shard_are_those_saved_at_once(tmp_path, padded):
    from conceptatlas.datasets.labelled_images import read_labels, save_labels

    files = write_dataset(tmp_path, scenes(30, padded=padded), n_shards=4)
    read_labels(files["annotations"], start=0, stop=30).save(tmp_path / "whole")
    save_labels(files["annotations"][::-1], tmp_path / "parts", stop=30)
    names = sorted(path.name for path in (tmp_path / "whole").iterdir())
    assert names == sorted(path.name for path in (tmp_path / "parts").iterdir())
    for name in names:
        whole, parts = np.load(tmp_path / "whole" / name), np.load(tmp_path / "parts" / name)
        np.testing.assert_array_equal(parts, whole, err_msg=name)
        assert parts.dtype == whole.dtype
    with pytest.raises(ValueError, match=r"do not cover images 0\.\.29"):
        save_labels(files["annotations"][1:], tmp_path / "gap", stop=30)
