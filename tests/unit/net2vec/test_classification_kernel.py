"""The compiled descent is torch's on the same batches, and a variant is the same alone and among others."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from conceptatlas.net2vec.classification_kernel import decide, learn

Array = np.ndarray[Any, Any]


def problem(n_units: int, *, n_images: int = 90, n_epochs: int = 3, n_drawn: int = 70, seed: int = 0) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(n_images, n_units)).astype(np.float32)
    images = np.concatenate([rng.permutation(n_images)[:n_drawn] for _ in range(n_epochs)])
    truth = features @ rng.normal(size=n_units) > 0
    return {
        "features": features, "images": images, "labels": truth[images] ^ (rng.random(len(images)) < 0.1),
        "starts": np.arange(n_epochs + 1) * n_drawn, "rates": 0.1 * 0.1 ** (np.arange(n_epochs) // 2),
        "columns": np.arange(n_units), "in_order": True, "centre": np.zeros(n_units), "scale": np.ones(n_units),
    }  # fmt: skip


def run(given: dict[str, Any], sizes: list[int], start: tuple[Array, Array], *, batch: int = 64, l1: float = 0.0,
        l2: float = 0.0) -> tuple[Array, Array]:  # fmt: skip
    weights, bias = start[0].copy(), start[1].copy()
    learn(*given.values(), np.array(sizes), weights, bias, 0.9, batch, l1, l2)
    return weights, bias


def start_of(n_variants: int, n_columns: int, *, seed: int = 5) -> tuple[Array, Array]:
    rng = np.random.default_rng(seed)
    return rng.uniform(-0.3, 0.3, size=(n_variants, n_columns)), rng.uniform(-0.3, 0.3, size=n_variants)


def by_torch(given: dict[str, Any], units: Array, weights: Array, bias: float, *, batch: int, l1: float = 0.0,
             l2: float = 0.0) -> tuple[Array, float]:  # fmt: skip
    """The same on torch's autograd and torch.optim.SGD, in float64."""
    seen = (given["features"].astype(np.float64) - given["centre"]) * given["scale"]
    x = torch.tensor(seen[:, units])
    y = torch.tensor(given["labels"], dtype=torch.float64)
    w = torch.tensor(weights, requires_grad=True)
    b = torch.tensor(bias, dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.SGD([w, b], lr=1.0, momentum=0.9)
    for epoch, rate in enumerate(given["rates"]):
        optimiser.param_groups[0]["lr"] = float(rate)
        for first in range(given["starts"][epoch], given["starts"][epoch + 1], batch):
            rows = slice(first, min(first + batch, given["starts"][epoch + 1]))
            logits = x[given["images"][rows]] @ w + b
            loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, y[rows])
            optimiser.zero_grad()
            (loss + l1 * w.abs().sum() + l2 * (w**2).sum()).backward()
            optimiser.step()
    return w.detach().numpy(), float(b.detach())


@pytest.mark.parametrize("n_units", [1, 3, 16, 67, 130, 300])
@pytest.mark.parametrize("batch", [1, 7, 23, 64, 70, 200])  # 70 images: last batches of 70, 0, 1, 6, 0 and 70 images
def test_it_is_torchs_descent_on_the_same_batches(n_units: int, batch: int) -> None:
    given = problem(n_units)
    start = start_of(1, n_units)
    weights, bias = run(given, [n_units], start, batch=batch)
    expected, expected_bias = by_torch(given, np.arange(n_units), start[0][0], start[1][0], batch=batch)
    np.testing.assert_allclose(weights[0], expected, rtol=0, atol=1e-6)
    assert bias[0] == pytest.approx(expected_bias, abs=1e-6)
    assert np.abs(weights - start[0]).max() > 1e-3


@pytest.mark.parametrize(("l1", "l2"), [(0.01, 0.0), (0.0, 0.05), (0.01, 0.05)])
def test_penalties_are_torchs_and_leave_the_bias_alone(l1: float, l2: float) -> None:
    given = problem(20)
    start = start_of(1, 20)
    weights, bias = run(given, [20], start, l1=l1, l2=l2)
    expected, expected_bias = by_torch(given, np.arange(20), start[0][0], start[1][0], batch=64, l1=l1, l2=l2)
    np.testing.assert_allclose(weights[0], expected, rtol=0, atol=1e-6)
    assert bias[0] == pytest.approx(expected_bias, abs=1e-6)
    assert np.abs(weights[0]).sum() < np.abs(run(given, [20], start)[0]).sum()


def test_a_step_by_hand() -> None:
    # one unit, images 1 (holds it) and -1, w = b = 0: p = 1/2, gradient of w -(1/2 + 1/2) / 2 = -1/2, of b 0
    given = problem(1, n_images=2, n_epochs=1, n_drawn=2) | {
        "features": np.array([[1.0], [-1.0]], dtype=np.float32), "images": np.array([0, 1]),
        "labels": np.array([True, False]), "rates": np.array([0.1]),
    }  # fmt: skip
    weights, bias = run(given, [1], (np.zeros((1, 1)), np.zeros(1)))
    assert (weights[0, 0], bias[0]) == (0.05, 0.0)


def test_subsets_are_prefixes_of_the_columns_and_standardised_features_are_seen_so() -> None:
    rng = np.random.default_rng(1)
    given = problem(40) | {
        "columns": rng.permutation(40)[:25], "in_order": False, "centre": rng.normal(size=40),
        "scale": rng.uniform(0.5, 2, size=40),
    }  # fmt: skip
    sizes = [1, 2, 17, 25]
    start = start_of(4, 25)
    weights, bias = run(given, sizes, start)
    for v, size in enumerate(sizes):
        expected, expected_bias = by_torch(given, given["columns"][:size], start[0][v, :size], start[1][v], batch=64)
        np.testing.assert_allclose(weights[v, :size], expected, rtol=0, atol=1e-6)
        assert bias[v] == pytest.approx(expected_bias, abs=1e-6)
        np.testing.assert_array_equal(weights[v, size:], start[0][v, size:])  # not touched


def test_a_variant_learns_the_same_alone_and_among_others() -> None:
    rng = np.random.default_rng(2)
    given = problem(150) | {"columns": rng.permutation(150), "in_order": False}
    sizes = [1, 5, 64, 100, 150, 5]
    start = start_of(len(sizes), 150)
    weights, bias = run(given, sizes, start)
    for v, size in enumerate(sizes):
        fewer = given | {"columns": given["columns"][:size]}
        alone, alone_bias = run(fewer, [size], (start[0][v : v + 1, :size], start[1][v : v + 1]))
        np.testing.assert_array_equal(alone[0], weights[v, :size])
        assert alone_bias[0] == bias[v]


@pytest.mark.parametrize("size", [*range(1, 20), 63, 64, 65, 255, 256, 257, 511, 512, 1000])
def test_logits_are_the_products_whatever_the_number_of_units(size: int) -> None:
    rng = np.random.default_rng(size)
    features = rng.normal(size=(9, size)).astype(np.float32)
    weights = rng.normal(size=(2, size))
    logits = features.astype(np.float64) @ weights.T
    bias = -np.median(logits, axis=0) + 1e-9  # the cut between two images: a term left out would move some across
    images = np.array([4, 0, 8, 8, 2, 1, 3, 5, 6, 7])
    plain = np.arange(size), True, np.zeros(size), np.ones(size)
    yes = decide(features, images, *plain, np.array([size, size]), weights, bias, 4)
    np.testing.assert_array_equal(yes, ((logits + bias) > 0).T[:, images])


def test_exactly_zero_is_no() -> None:
    plain = np.arange(1), True, np.zeros(1), np.ones(1)
    yes = decide(
        np.zeros((1, 1), dtype=np.float32), np.array([0]), *plain, np.array([1]), np.ones((1, 1)), np.zeros(1), 4
    )
    assert not yes.any()


def test_large_features_do_not_overflow() -> None:
    given = problem(4)
    given["features"] = given["features"] * np.float32(1e6)
    weights, bias = run(given, [4], start_of(1, 4))
    assert np.isfinite(weights).all()
    assert np.isfinite(bias).all()
    expected, _ = by_torch(given, np.arange(4), start_of(1, 4)[0][0], start_of(1, 4)[1][0], batch=64)
    np.testing.assert_allclose(weights[0], expected, rtol=1e-6)
