"""Fitting: streaming equals the whole, a planted map is recovered, folds choose the ridge that helps."""

from __future__ import annotations

import json

import h5py
import numpy as np
import pytest
import torch

from conceptatlas.linking.fitting import fit_link, fold_errors, read_spaces, spaces_arrays
from conceptatlas.linking.link import read_link, write_link
from conceptatlas.linking.normal_equations import Sums
from conceptatlas.linking.pair_file import Pairs

RNG = np.random.default_rng(0)


def written(folder, r, w, classes, cuts=(), test=None):
    files = []
    seeds = np.random.default_rng(1).integers(0, 2**62, len(r))
    for number, rows in enumerate(np.split(np.arange(len(r)), list(cuts))):
        files.append(folder / f"{len(cuts)}-{number}.h5")
        with h5py.File(files[-1], "w") as store:
            store["w"], store["r"], store["class"] = w[rows], r[rows], classes[rows]
            store["seed"], store["tries"] = seeds[rows], np.ones(len(rows), np.int64)
            store["test"] = np.zeros(len(rows), bool) if test is None else test[rows]
            store["filled"] = np.ones(len(rows), bool)
            store.attrs["classes"] = json.dumps(["a", "b", "c"])
    return files


def planted(n=300, k=8, d=5, noise=0.0):
    classes = RNG.integers(0, 3, n)
    r = (RNG.gamma(2, size=(n, k)) + classes[:, None]).astype(np.float32)
    truth = RNG.normal(size=(k, d))
    w = (r @ truth + 1 + noise * RNG.normal(size=(n, d))).astype(np.float32)
    return r, w, classes, truth


def test_a_planted_map_is_recovered(tmp_path):
    r, w, classes, truth = planted()
    fitted = fit_link(Pairs(written(tmp_path, r, w, classes), test=False), ridges=[0.0], n_folds=5)
    np.testing.assert_allclose(fitted.link.weights, truth, atol=1e-4)
    np.testing.assert_allclose(fitted.link.apply(torch.from_numpy(r)).numpy(), w, atol=1e-3)
    assert fitted.train_r2 == pytest.approx(1, abs=1e-6)


def test_parts_and_blocks_do_not_matter(tmp_path):
    r, w, classes, _ = planted(noise=1.0)
    one = fit_link(Pairs(written(tmp_path, r, w, classes), test=False), ridges=[0.0, 0.1, 1.0], n_folds=4)
    cut = fit_link(Pairs(written(tmp_path, r, w, classes, (17, 120)), test=False), ridges=[0.0, 0.1, 1.0], n_folds=4)
    np.testing.assert_allclose(one.link.weights, cut.link.weights, atol=1e-6)
    np.testing.assert_allclose(one.fold_errors, cut.fold_errors, rtol=1e-9)
    np.testing.assert_allclose(one.spaces.r_within, cut.spaces.r_within, atol=1e-5)
    assert one.link.ridge == cut.link.ridge


def test_folds_choose_a_ridge_where_pairs_are_few(tmp_path):
    r, w, classes, _ = planted(n=30, k=24, noise=6.0)
    fitted = fit_link(Pairs(written(tmp_path, r, w, classes), test=False), ridges=[0.0, 1.0], n_folds=5)
    assert fitted.link.ridge == 1.0
    assert fitted.fold_errors[1] < fitted.fold_errors[0]


def test_fold_errors_are_those_of_refits():
    r, w, _, _ = planted(n=60, noise=1.0)
    folds = []
    for number in range(3):
        folds.append(Sums.empty(8, 5))
        folds[-1].add(r[number::3], w[number::3])
    total = folds[0] + folds[1] + folds[2]
    from sklearn.linear_model import LinearRegression

    slow = 0.0
    for number in range(3):
        rest = np.arange(60) % 3 != number
        model = LinearRegression().fit(r[rest].astype(np.float64), w[rest])
        slow += ((model.predict(r[~rest]) - w[~rest]) ** 2).mean(1).sum()
    assert fold_errors(folds, total, [0.0])[0] == pytest.approx(slow / 60, rel=1e-5)


def test_spaces_are_means_and_the_spread_within(tmp_path):
    r, w, classes, _ = planted()
    spaces = fit_link(Pairs(written(tmp_path, r, w, classes), test=False), ridges=[0.0], n_folds=2).spaces
    means = np.array([r[classes == c].mean(0) for c in range(3)])
    np.testing.assert_allclose(spaces.r_means, means, rtol=1e-5)
    within = np.cov((r - means[classes]).T, bias=True)
    np.testing.assert_allclose(spaces.r_within, within, atol=1e-4)
    np.testing.assert_array_equal(spaces.counts, np.bincount(classes))


def test_the_distance_of_a_class_to_itself_is_that_of_mahalanobis(tmp_path):
    r, w, classes, _ = planted(n=2000)
    spaces = fit_link(Pairs(written(tmp_path, r, w, classes), test=False), ridges=[0.0], n_folds=2).spaces
    distances = spaces.mahalanobis(r, classes)
    assert (distances**2).mean() == pytest.approx(8, rel=0.01)
    assert spaces.mahalanobis(spaces.r_means, spaces.classes) == pytest.approx(0, abs=1e-5)


def test_a_link_is_read_as_written(tmp_path):
    r, w, classes, _ = planted()
    fitted = fit_link(Pairs(written(tmp_path, r, w, classes), test=False), ridges=[0.5], n_folds=2)
    write_link(tmp_path / "link.h5", fitted.link, extra=spaces_arrays(fitted.spaces))
    link, spaces = read_link(tmp_path / "link.h5"), read_spaces(tmp_path / "link.h5")
    np.testing.assert_array_equal(link.weights, fitted.link.weights)
    np.testing.assert_array_equal(spaces.r_within, fitted.spaces.r_within)
    assert link.ridge == 0.5
    assert link.rectified
    np.testing.assert_array_equal(link.r_max, r.max(0))
    np.testing.assert_array_equal(link.r_min, r.min(0))
    (tmp_path / "bad.h5").write_bytes(b"no")
    with pytest.raises(ValueError, match="no readable link"):
        read_link(tmp_path / "bad.h5")


def test_a_link_used_without_gradients_still_gives_them_later(tmp_path):
    r, w, classes, _ = planted()
    link = fit_link(Pairs(written(tmp_path, r, w, classes), test=False), ridges=[0.0], n_folds=2).link
    with torch.inference_mode():
        link.apply(torch.from_numpy(r[:2]))
    variable = torch.from_numpy(r[:2]).requires_grad_()
    link.apply(variable).sum().backward()
    np.testing.assert_allclose(variable.grad[0].numpy(), link.weights.sum(1), atol=1e-5)


def test_one_pair_is_too_few(tmp_path):
    r, w, classes, _ = planted(n=1)
    with pytest.raises(ValueError, match="at least two pairs"):
        fit_link(Pairs(written(tmp_path, r, w, classes), test=False), ridges=[0.0], n_folds=2)


def test_test_pairs_are_not_learned_from(tmp_path):
    r, w, classes, truth = planted()
    test = np.zeros(300, bool)
    test[::3] = True
    w[test] += 100
    fitted = fit_link(Pairs(written(tmp_path, r, w, classes, test=test), test=False), ridges=[0.0], n_folds=2)
    np.testing.assert_allclose(fitted.link.weights, truth, atol=1e-4)
