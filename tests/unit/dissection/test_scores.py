"""The scores beside IoU equal scikit-learn's and SciPy's on all cells, and move the way a score of a label must."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import pearsonr
from sklearn.metrics import average_precision_score, f1_score

from conceptatlas.activations.maps import stored_maps
from conceptatlas.datasets.overlaps import read_overlaps
from conceptatlas.dissection.confounds import candidates, confounding
from conceptatlas.dissection.label_scores import grid_scores, score_labels
from conceptatlas.inference.bootstrap import block_weights
from conceptatlas.inference.ranking import average_precision
from conceptatlas.masks.cells import covered_cells
from conceptatlas.masks.iou import iou_category
from conceptatlas.masks.tally import tally_images
from conceptatlas.naming import CATEGORIES
from conceptatlas.seeds import image_block
from planted import GEOMETRY, NAMES, SIZE, detectors, noise, primary_index, scenes, write_dataset
from slow_twins import Labels, grid_of
from tiny_stores import write_store

NONE = np.full((len(NAMES), len(CATEGORIES)), -1)


def scored(folder, maps, labels, top, *, thresholds, valid=None, n_shards=2, holders=NONE):
    files = write_dataset(folder / "dataset", labels, n_shards=2, valid=valid)
    store = write_store(folder / "store", maps, n_shards=n_shards, valid=valid)
    return score_labels(
        stored_maps(store.shards, store.manifests, "layer"),
        annotations=files["annotations"],
        thresholds=np.asarray(thresholds, dtype=np.float32),
        maximum=np.abs(maps.astype(np.float32)).max(axis=(0, 2, 3)),
        top=top,
        candidates=holders,
        blocks=np.array([image_block(f"image_{n}") for n in range(labels.n_images)]),
        grid=grid_of(maps.shape[2:], SIZE, GEOMETRY),
    )


def flattened(maps, labels, concept, shape, valid):
    """Activations of one unit's cells and whether they hold the concept, over all counted cells of valid images."""
    merged = labels.merged()
    values, truths = [], []
    for n in np.flatnonzero(valid):
        mask = merged.get((n, concept), np.zeros((SIZE, SIZE), dtype=bool))
        image_level = any(i == n and c == concept and m is None for i, c, m in labels.rows)
        held = np.ones(shape, dtype=bool) if image_level else covered_cells(mask, shape)
        counted = np.ones(shape, dtype=bool) if labels.ignore is None else ~covered_cells(labels.ignore[n], shape)
        values.append(maps[n][counted])
        truths.append(held[counted])
    return np.concatenate(values).astype(np.float64), np.concatenate(truths)


@pytest.mark.parametrize("dtype", ["float16", "float32"])
@pytest.mark.parametrize("padded", [False, True])
def test_scores_equal_scikit_learn_and_scipy(tmp_path, dtype, padded):
    labels = scenes(45, seed=2, padded=padded)
    rng = np.random.default_rng(0)
    maps = rng.normal(size=(45, 4, 7, 7)).astype(dtype)
    maps[:, 1] = np.maximum(maps[:, 1], 0)
    maps[:, 2] = np.round(maps[:, 2] - 1)
    maps[:, 3] *= 1e-3
    valid = np.ones(45, dtype=bool)
    valid[[3, 30]] = False
    thresholds = [1.0, 0.0, 0.0, 5e-4]
    top = np.array([[0, 4, 5], [1, 9, 8], [3, 0, 2], [10, 11, 4]])
    found = scored(tmp_path, maps, labels, top, thresholds=thresholds, valid=valid)
    for k in range(4):
        for r in range(3):
            a, y = flattened(maps[:, k], labels, top[k, r], (7, 7), valid)
            assert 0 < y.sum() < len(y)
            active = a.astype(np.float32) > np.float32(thresholds[k])
            np.testing.assert_allclose(found.f1[k, r], f1_score(y, active), rtol=1e-12)
            np.testing.assert_allclose(found.pearson[k, r], pearsonr(a, y).statistic, rtol=1e-6, atol=1e-7)
            cosine = a @ y / np.sqrt((a @ a) * y.sum())
            np.testing.assert_allclose(found.cosine[k, r], cosine, rtol=1e-6, atol=1e-7)
            tolerance = 1e-12 if dtype == "float16" else 0.02  # float32 is ranked by the upper half of its bits
            np.testing.assert_allclose(found.auprc[k, r], average_precision_score(y, a), rtol=tolerance)


def test_blocks_of_units_and_images_change_nothing(tmp_path, monkeypatch):
    labels = scenes(30, seed=1)
    maps = noise(30, 7)
    top = np.tile([[0, 1, 4]], (7, 1))
    one = scored(tmp_path / "a", maps, labels, top, thresholds=np.ones(7))
    monkeypatch.setattr("conceptatlas.dissection.label_scores.UNITS_AT_ONCE", 2)
    monkeypatch.setattr("conceptatlas.dissection.label_scores.IMAGES_AT_ONCE", 4)
    many = scored(tmp_path / "b", maps, labels, top, thresholds=np.ones(7), n_shards=5)
    for name in ("f1", "pearson", "cosine", "auprc", "inside"):
        np.testing.assert_array_equal(getattr(one, name), getattr(many, name))


def all_scores(folder, maps, labels, concept):
    found = scored(folder, maps, labels, np.array([[concept]]), thresholds=[0.3])
    tally = tally_images(
        maps, maps.max(axis=(2, 3)).astype(np.float32), np.array([0.3], dtype=np.float32), labels.bits(),
        np.zeros(len(maps), dtype=int), primary_index(), grid_of((SIZE, SIZE), SIZE, GEOMETRY),
        n_categories=len(CATEGORIES),
    )  # fmt: skip
    scores = iou_category(
        tally.dense(), tally.category_areas.sum(axis=2), tally.label_pixels.sum(axis=1), primary_index()
    )
    return {
        "iou": scores[0, concept],
        **{name: float(getattr(found, name)[0, 0]) for name in ("f1", "pearson", "cosine", "auprc")},
    }


@pytest.mark.parametrize("change", ["missing", "extra"])
def test_missing_and_extra_labels_lower_every_score(tmp_path, change):
    """The two sanity tests of NeuronEval: a score that does not fall cannot tell a right label from a wrong one."""
    labels = scenes(200, seed=4)
    dog = NAMES.index("dog")
    maps = detectors(labels, ["dog"]) + np.abs(noise(200, 1)) * np.float16(0.05)
    rng = np.random.default_rng(0)
    if change == "missing":
        rows = [row for row in labels.rows if row[1] != dog or rng.random() < 0.5]
    else:
        rows = labels.rows + [(n, dog, rng.random((SIZE, SIZE)) < 0.05) for n in range(200)]
    clean = all_scores(tmp_path / "a", maps, labels, dog)
    changed = all_scores(tmp_path / "b", maps, Labels(rows, 200, SIZE), dog)
    for name, value in clean.items():
        assert value > 0.8, name
        assert changed[name] < value - 0.05, name


def test_perfect_and_opposite_units(tmp_path):
    labels = scenes(60, seed=5)
    sky = NAMES.index("sky")
    perfect = (detectors(labels, ["sky"]) > 0).astype(np.float16)
    maps = np.concatenate([perfect, -perfect, np.zeros_like(perfect)], axis=1)
    found = scored(tmp_path, maps, labels, np.full((3, 1), sky), thresholds=[0.5, -0.5, 0.0])
    for name in ("f1", "pearson", "cosine", "auprc"):
        np.testing.assert_allclose(getattr(found, name)[0, 0], 1, rtol=1e-7)
    assert found.pearson[1, 0] == pytest.approx(-1)
    assert found.cosine[1, 0] == pytest.approx(-1)
    assert np.isnan(found.pearson[2, 0])
    assert np.isnan(found.cosine[2, 0])
    _, truth = flattened(maps[:, 2], labels, sky, (SIZE, SIZE), np.ones(60, dtype=bool))
    assert found.auprc[2, 0] == pytest.approx(truth.mean()), "an unsure unit scores the base rate"


def test_scores_of_nothing_are_undefined():
    sums, pairs = np.zeros((1, 1, 4), dtype=np.int64), np.zeros((1, 1, 3), dtype=np.int64)
    with np.errstate(all="raise"):
        assert all(np.isnan(score).all() for score in grid_scores(sums, pairs))
    assert np.isnan(average_precision(np.zeros(5, dtype=int), np.ones(5, dtype=int)))


# confounding


CAR, WHEEL = NAMES.index("car"), NAMES.index("wheel")


@pytest.fixture(scope="module")
def confounded(tmp_path_factory):
    """A car detector, a wheel detector, a unit that fires anywhere in cars: all said to detect wheels."""
    folder = tmp_path_factory.mktemp("confounded")
    labels = scenes(400, seed=6)
    car, wheel = detectors(labels, ["car"]), detectors(labels, ["wheel"])
    anywhere = car * (np.random.default_rng(2).random(car.shape) < 0.3)
    noisy = wheel * (np.random.default_rng(3).random(car.shape) < 0.5) + anywhere * (
        np.random.default_rng(4).random(car.shape) < 0.2
    )
    maps = np.concatenate([car, wheel, anywhere, noisy], axis=1).astype(np.float16)
    files = write_dataset(folder / "dataset", labels)
    overlaps = read_overlaps(files["overlaps"])
    holders = candidates(overlaps)
    blocks = np.array([image_block(f"image_{n}") for n in range(400)])
    thresholds = np.zeros(4, dtype=np.float32)
    best = np.full(4, WHEEL)
    scores = scored(folder, maps, labels, best[:, None], thresholds=thresholds, holders=holders)
    tally = tally_images(
        maps, maps.max(axis=(2, 3)).astype(np.float32), thresholds, labels.bits(), blocks, primary_index(),
        grid_of((SIZE, SIZE), SIZE, GEOMETRY), n_categories=len(CATEGORIES),
    )  # fmt: skip
    weights = block_weights(32, 500, seed=0)
    found = confounding(tally, overlaps, holders, best, scores.inside, weights, confidence=0.95)
    return labels, maps, holders, found


def test_car_holds_its_parts_and_nothing_holds_the_car(confounded):
    _, _, holders, _ = confounded
    for part in ("wheel", "door"):
        assert holders[NAMES.index(part), 0] == CAR
    assert holders[NAMES.index("head"), 0] == NAMES.index("person")
    assert (holders[CAR] == -1).all()


def test_lift_equals_its_definition(confounded):
    labels, maps, _, found = confounded
    merged = labels.merged()
    nothing = np.zeros((SIZE, SIZE), dtype=bool)
    for k in range(4):
        inside = active = both = holder = 0
        for n in range(400):
            car, wheel = merged.get((n, CAR), nothing), merged.get((n, WHEEL), nothing)
            mask = maps[n, k] > 0
            inside += (mask & car & wheel).sum()
            active += (mask & car).sum()
            both += (car & wheel).sum()
            holder += car.sum()
        assert found.concept[k] == CAR
        assert found.lift[k] == pytest.approx((inside / active) / (both / holder))


def test_planted_car_detector_is_flagged_and_wheel_detectors_are_not(confounded):
    found = confounded[3]
    assert found.lift[0] == pytest.approx(1)
    assert found.flagged.tolist() == [True, False, True, False]
    assert (found.low <= found.lift + 1e-9).all()
    assert (found.lift <= found.high + 1e-9).all()
    assert found.lift[1] > 5
