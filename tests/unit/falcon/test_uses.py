"""Heads, failures, single features against groups, concepts in another model."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from conceptatlas.datasets.splits import TRAIN, VAL, Split
from conceptatlas.falcon.captions import Word
from conceptatlas.falcon.class_labels import ClassLabels, match_names
from conceptatlas.falcon.comparing import compare_with_members, paired_difference
from conceptatlas.falcon.crop_tables import CropFile
from conceptatlas.falcon.failures import failure_rows, judge
from conceptatlas.falcon.heads import Head, contributions, fit_probe, own_head, predict
from conceptatlas.falcon.linear_map import learn_map, null_r_squared, r_squared
from conceptatlas.falcon.representation import Representation
from conceptatlas.falcon.selection import normalise_rows
from conceptatlas.falcon.transfer import Setting, random_words, shared, telling_words, transfer
from conceptatlas.falcon.word_scores import word_table


def net() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 4), nn.Linear(4, 4), nn.Linear(4, 3))


def test_a_head_must_reproduce_the_scores():
    module = net()
    features = np.random.default_rng(0).standard_normal((20, 4)).astype(np.float32)
    scores = module[2](torch.from_numpy(features)).detach().numpy()
    head = own_head(module, features, scores)
    assert head is not None
    np.testing.assert_allclose(head.weight, module[2].weight.detach().numpy())
    assert head.error < 1e-5
    assert own_head(module, features + 1, scores) is None, "features that are no input of the head"
    assert own_head(module, features, None) is None
    assert own_head(module, features[:, :3], scores) is None


def test_contributions_add_up_to_the_score():
    rng = np.random.default_rng(0)
    head = Head(rng.standard_normal((3, 5)).astype(np.float32), np.zeros(3, dtype=np.float32), 0.0)
    features = rng.random((7, 5))
    classes = predict(head, features)
    np.testing.assert_allclose(
        contributions(head, features, classes).sum(axis=1), (features @ head.weight.T).max(axis=1), rtol=1e-6
    )


@pytest.mark.parametrize("n_classes", [2, 3])
def test_a_probe_finds_separable_classes(n_classes):
    rng = np.random.default_rng(1)
    classes = np.arange(90) % n_classes
    features = normalise_rows(np.eye(n_classes)[classes] + 0.1 * rng.random((90, n_classes)))
    head = fit_probe(features, classes + 1, n_classes + 2)  # classes 0 and the last have no image
    assert (predict(head, features) == classes + 1).all()
    with pytest.raises(ValueError, match="two classes"):
        fit_probe(features, np.zeros(90, dtype=int), 2)


def test_names_agree_by_synonym():
    assert match_names(["tabby, tabby cat", "fire_engine", "sofa"], ["Fire engine", "tabby cat"]).tolist() == [1, 0, -1]


def representation(pooled) -> Representation:
    n = len(pooled)
    return Representation(
        [f"image-{i}" for i in range(n)], np.ones(n, dtype=bool), np.arange(n) % 32,
        pooled.astype(np.float32), normalise_rows(pooled),
    )  # fmt: skip


def test_failures_name_the_features_of_the_predicted_class():
    weight = np.array([[1.0, 0.0, 0.5], [0.0, 1.0, 0.0]], dtype=np.float32)
    pooled = np.array([[2.0, 1.0, 4.0], [0.0, 3.0, 1.0], [3.0, 1.0, 0.0], [1.0, 5.0, 1.0]])
    head = Head(weight, np.zeros(2, dtype=np.float32), 0.0)
    of = representation(pooled)
    labels = ClassLabels(
        ["dog", "cat"], np.array([[False, True], [False, True], [True, False], [False, False]]), np.array([1, 1, 0, -1])
    )
    split = Split(of.ids, np.zeros(4, dtype=np.int8), of.blocks, "hash")
    judged = judge(CropFile(np.zeros((0, 1)), head, ["dog", "cat"]), of, labels, split, seed=0)
    assert judged is not None
    assert judged.kind == "model"
    assert judged.images.tolist() == [0, 1, 2], "an image without a label is not judged"
    rows = failure_rows(judged, of, labels, {"2": ("stripes", True)}, n_images=0, n_features=2, seed=0, confidence=0.95)
    assert [(row["image_index"], row["feature"], row["rank"]) for row in rows] == [(0, 0, 1), (0, 2, 2)]
    assert rows[0]["predicted"] == "dog"
    assert rows[0]["labels"] == "cat"
    assert rows[1]["words"] == "stripes"
    assert rows[1]["share"] == pytest.approx(0.5)
    assert (rows[0]["n_judged"], rows[0]["n_wrong"]) == (3, 1)


def test_without_a_head_a_probe_judges_held_out_images():
    rng = np.random.default_rng(2)
    classes = np.arange(80) % 2
    of = representation(np.eye(2)[classes] + 0.2 * rng.random((80, 2)))
    labels = ClassLabels(["dog", "cat"], np.eye(2, dtype=bool)[classes], classes.astype(np.int64))
    split = Split(of.ids, np.where(np.arange(80) < 60, TRAIN, VAL).astype(np.int8), of.blocks, "hash")
    judged = judge(CropFile(np.zeros((0, 1)), None, []), of, labels, split, seed=0)
    assert judged is not None
    assert judged.kind == "probe"
    assert judged.images.tolist() == list(range(60, 80))
    assert not judged.wrong(labels).any()
    nothing = ClassLabels(["dog"], np.zeros((80, 1), dtype=bool), np.full(80, -1))
    assert judge(CropFile(np.zeros((0, 1)), None, []), of, nothing, split, seed=0) is None


def about(group, similarity, score, n=1):
    return {
        "group": group, "n_features": group.count("-") + 1, "n_high": n, "similarity": similarity, "percentile": 50.0,
        "best_score": score, "explained": similarity > 0.5,
    }  # fmt: skip


def test_groups_are_compared_with_their_members():
    rows = compare_with_members(
        [about("1", 0.3, 0.1), about("2", 0.4, 0.2), about("1-2", 0.9, 0.5), about("1-3", 1, 1)]
    )
    assert [(row["group"], row["feature"]) for row in rows] == [("1-2", 1), ("1-2", 2), ("1-3", 1)]
    assert rows[0]["similarity_difference"] == pytest.approx(0.6)
    found = paired_difference(["1-2", "1-2", "1-3"], np.array([0.6, 0.5, 0.7]), n_bootstrap=100, confidence=0.9, seed=0)
    assert found.value == pytest.approx((0.55 + 0.7) / 2), "every group counts once"
    assert found.n == 2
    assert np.isnan(found.low), "two groups have no interval"
    many = paired_difference([str(i) for i in range(20)], np.arange(20.0), n_bootstrap=500, confidence=0.95, seed=0)
    assert many.low < 9.5 < many.high


def test_a_linear_map_is_recovered_and_noise_is_not():
    rng = np.random.default_rng(0)
    source, weights = rng.standard_normal((200, 8)), rng.standard_normal((8, 5))
    target = source @ weights + 3
    found = learn_map(source[:150], target[:150], source[150:])
    whole, each = r_squared(target[150:], found.predicted, found.mean)
    assert whole > 0.999
    assert (each > 0.999).all()
    noise = rng.standard_normal((200, 5))
    found = learn_map(source[:150], noise[:150], source[150:])
    whole, _ = r_squared(noise[150:], found.predicted, found.mean)
    null = null_r_squared(found, noise[:150], noise[150:], n_random=99, rng=rng)
    assert whole < 0.1
    assert np.quantile(null, 0.95) < 0.1
    with pytest.raises(ValueError, match="at least 3"):
        learn_map(source[:2], target[:2], source)


def test_the_map_is_ridge_regression():
    rng = np.random.default_rng(4)
    x, y, test = rng.standard_normal((30, 6)), rng.standard_normal((30, 2)), rng.standard_normal((4, 6))
    found = learn_map(x, y, test)
    centred = x - x.mean(axis=0)
    penalty = found.penalty * (centred**2).sum() / len(x)
    weights = np.linalg.solve(centred.T @ centred + penalty * np.eye(6), centred.T @ (y - y.mean(axis=0)))
    np.testing.assert_allclose(found.predicted, (test - x.mean(axis=0)) @ weights + y.mean(axis=0), rtol=1e-8)
    np.testing.assert_allclose(found.hat @ (y - y.mean(axis=0)) + found.mean, found.predicted, rtol=1e-8)


def test_a_concept_that_both_models_have_is_carried_over_with_its_words():
    rng = np.random.default_rng(7)
    n = 120
    striped = rng.random(n) < 0.3
    factors = np.stack([striped, rng.random(n), rng.random(n)], axis=1)
    source = normalise_rows(np.hstack([factors[:, :1], rng.random((n, 5))]))
    target = normalise_rows(np.hstack([rng.random((n, 3)), factors @ rng.standard_normal((3, 3))]) + 0.5)
    captions = [["striped sofa" if one else "plain sofa"] for one in striped]
    test = np.arange(80, n)
    table = word_table(
        [captions[i] for i in test],
        np.full((len(test), 1), 0.3),
        lambda c: frozenset(Word(w, "noun") for w in c.split()),
    )
    draws = random_words(table, n_high=8, n_random=99, seed=0)
    setting = Setting(np.arange(80), test, table, n_high=8, n_random=99, seed=0, random_words=draws)
    told, rows = transfer(source, target, ["0", "3"], setting, name="pair")
    by_group = {row["group"]: row for row in rows}
    assert by_group["0"]["words"] == "striped"
    assert by_group["0"]["words_target"] == "striped"
    assert by_group["0"]["share_words"] == 1
    assert by_group["0"]["r2"] > 0.4
    assert by_group["3"]["r2"] < by_group["0"]["r2"]
    assert told["n_train"] == 80
    assert telling_words(table, np.arange(len(test))) == [], "all images together tell nothing"
    assert np.isnan(shared([], []))
