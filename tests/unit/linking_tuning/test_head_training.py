"""The few-shot head: it learns labels that are linear in the features, and tells mistakes of the user apart."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from conceptatlas.linking.head_training import SIZE, fit, judge, labelled_samples
from conceptatlas.linking.labelling import head_labels, make_labellers
from conceptatlas.quantification.segmentation import (
    Head,
    around,
    choose_pixels,
    enlarged,
    overlap,
    read_head,
    train_head,
    write_head,
)
from planted_discs import LABELS, DiscGenerator

OPTIONS = {"labels": "twin", "n_train": 3, "n_test": 4, "pixels_per_label": 150, "penalty": 1e-4}


@pytest.fixture(scope="module")
def trained():
    made = DiscGenerator()
    samples = labelled_samples(made, OPTIONS, seed=0)
    return made, samples, fit(made, samples, 3, options=OPTIONS, seed=0)[0]


def test_a_few_samples_are_enough_where_features_tell_the_parts(trained):
    made, samples, head = trained
    agree, either, true = judge(made, head, samples, 3)
    assert (agree / either).min() > 0.9
    assert true.sum() == 4 * SIZE * SIZE


def test_scores_are_enlarged_not_features(trained):
    """The linear layer at each map's own size and then enlarged = features enlarged and then the layer."""
    made, samples, head = trained
    w = torch.from_numpy(samples.w[:2])
    features = made.features(w)
    slow = enlarged(features).permute(0, 2, 3, 1) @ torch.from_numpy(head.weights) + torch.from_numpy(head.bias)
    agree = (head.label(features).numpy() == slow.argmax(dim=-1).numpy()).mean()
    assert agree > 0.9999  # a tie may fall either way


def test_neighbourhoods_are_means_of_squares_inside_the_picture():
    maps = torch.randn(2, 3, 21, 21)
    pooled = torch.nn.functional.avg_pool2d(maps, 3, stride=1, padding=1, count_include_pad=False)
    np.testing.assert_allclose(around(maps), pooled, atol=1e-6)
    small = torch.randn(1, 2, 4, 4)
    np.testing.assert_array_equal(around(small), small)


def test_a_head_on_disk_belongs_to_its_generator(trained, tmp_path):
    made, samples, head = trained
    write_head(tmp_path / "head.h5", head, digest="planted")
    again = read_head(tmp_path / "head.h5", digest="planted")
    np.testing.assert_array_equal(again.weights, head.weights)
    assert again.label_names == LABELS
    with pytest.raises(ValueError, match="trained on another generator"):
        read_head(tmp_path / "head.h5", digest="other")
    labeller = make_labellers(["head"], made, head=tmp_path / "head.h5", size=64)["head"]
    w = torch.from_numpy(samples.w[:1])
    np.testing.assert_array_equal(labeller.label(w, None), head_labels(made, head, w, size=64))


def test_labels_from_a_file(tmp_path, trained):
    made, samples, _ = trained
    path = tmp_path / "painted.npz"
    np.savez(path, w=samples.w, labels=samples.labels[:, ::2, ::2], label_names=np.array(LABELS))
    found = labelled_samples(made, OPTIONS | {"labels": str(path)}, seed=0)
    assert found.labels.shape == samples.labels.shape
    assert (found.labels == samples.labels).mean() > 0.97
    np.savez(path, w=samples.w[:, :2], labels=samples.labels, label_names=np.array(LABELS))
    with pytest.raises(ValueError, match=r"expected \(n, 3\) and \(n, S, S\)"):
        labelled_samples(made, OPTIONS | {"labels": str(path)}, seed=0)
    np.savez(path, w=samples.w, labels=samples.labels, label_names=np.array(LABELS[:2]))
    with pytest.raises(ValueError, match="label 2 but 2 label_names"):
        labelled_samples(made, OPTIONS | {"labels": str(path)}, seed=0)
    with pytest.raises(ValueError, match="does not exist"):
        labelled_samples(made, OPTIONS | {"labels": "nowhere.npz"}, seed=0)


def test_pixels_stand_for_those_not_drawn():
    labels = np.zeros((8, 8), dtype=np.uint8)
    labels[0, :2] = 1
    places, weights = choose_pixels(labels, per_label=10, rng=np.random.default_rng(0))
    assert len(places) == 12
    assert weights.sum() == 64
    assert weights[-1] == 1  # both pixels of the rare label were taken


def test_two_labels_and_labels_never_seen():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 2)).astype(np.float32)
    y = (x[:, 0] > 0).astype(np.uint8) * 2
    head = train_head(x, y, np.ones(200), label_names=["background", "unseen", "right"], penalty=1e-3)
    scores = x @ head.weights + head.bias
    assert ((scores.argmax(axis=1) == y).mean()) > 0.97
    with pytest.raises(ValueError, match="one label only"):
        train_head(x, 0 * y, np.ones(200), label_names=["background"], penalty=1.0)


def test_overlap_by_hand():
    agree, either, true = overlap(np.array([[0, 1], [1, 1]]), np.array([[0, 0], [1, 1]]), n_labels=3)
    assert agree.tolist() == [1, 2, 0]
    assert either.tolist() == [2, 3, 0]
    assert true.tolist() == [2, 2, 0]


def test_mistakes_are_named():
    class Bare:
        name, digest = "bare", "x"

    with pytest.raises(ValueError, match="no true labels"):
        make_labellers(["twin"], Bare(), head=None, size=8)
    with pytest.raises(ValueError, match=r"no features\(w\)"):
        make_labellers(["head"], Bare(), head=None, size=8)
    with pytest.raises(ValueError, match="no names of its labels"):
        make_labellers(["numpy:zeros_like"], Bare(), head=None, size=8)
    with pytest.raises(ValueError, match="trained on 3 channels of features, got 1"):
        Head(np.zeros((9, 2), np.float32), np.zeros(2, np.float32), ["a", "b"]).label([torch.zeros(1, 1, 4, 4)])
