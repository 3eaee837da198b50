"""The search: its gradient, its stop, batches that find what single searches find, failures with a reason."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from conceptatlas.linking.counterfactual_search import KEPT, Descent, gradient, search
from conceptatlas.linking.counterfactual_tables import RATE_COLUMNS, ROW_COLUMNS, rate_frame
from conceptatlas.linking.counterfactuals import Start, agreements, reason_of
from conceptatlas.linking.link import Link
from tiny_generators import Stripes, halves

K, D = 6, 5


def linked(seed=0):
    rng = np.random.default_rng(seed)
    zero, one = np.zeros(K, np.float32), np.ones(K, np.float32)
    weights = rng.normal(size=(K, D)).astype(np.float32)
    # units 0..2 and 3..5 are the channels of both halves: the strengths of colours
    weights[:3, :3] = weights[3:, :3] = np.eye(3)
    wide, flat = np.ones(D, np.float32), np.zeros(D, np.float32)
    return Link(weights, flat + 0.2, one, one, zero, one, wide, wide)


def looks(link):
    made, classifier = Stripes(), halves()

    def classify(r):
        with torch.inference_mode():
            return classifier.represent(made.generate(link.apply(r.relu())))[1].argmax(1)

    return classifier, classify


def start(n=4, seed=0):
    rng = np.random.default_rng(seed)
    r = rng.uniform(0, 0.1, (n, K)).astype(np.float32)
    origins = np.arange(n) % 3
    r[np.arange(n), origins] += 0.5
    r[np.arange(n), origins + 3] += 0.5
    return torch.from_numpy(r), torch.from_numpy(origins), torch.from_numpy((origins + 1) % 3)


def found(link, r, shift, origins, targets, **options):
    classifier, classify = looks(link)
    return search(classifier, link, classify, r, shift, origins, targets, Descent(**options))


def test_the_gradient_is_that_of_the_published_loss():
    link, (r, origins, targets) = linked(), start()
    classifier, _ = looks(link)
    shift = torch.rand(4, K, generator=torch.Generator().manual_seed(0))
    options = Descent()
    ours = gradient(classifier, link, r, link.apply(r), shift, origins, targets, options)

    def loss(row, s):
        moved = r[row] - s
        logits = classifier.head(moved[None])[0]
        w, other = link.apply(r[row][None]), link.apply(moved[None])
        cosine = torch.cosine_similarity(w, other)[0]
        return float(-logits[targets[row]] + 0.6 * logits[origins[row]] - 10 * cosine)

    for row in range(4):
        for unit in range(K):
            step = torch.zeros(K)
            step[unit] = 1e-2
            slow = (loss(row, shift[row] + step) - loss(row, shift[row] - step)) / 2e-2
            assert float(ours[row, unit]) == pytest.approx(slow, abs=3e-2)


def test_it_stops_when_the_picture_is_the_target():
    link, (r, origins, targets) = linked(), start()
    _, classify = looks(link)
    results = found(link, r, torch.zeros(4, K), origins, targets, steps=200, learning_rate=0.05)
    assert all(result.success for result in results)
    for row, result in enumerate(results):
        shift = torch.from_numpy(result.shift)
        assert classify((r[row] - shift)[None])[0] == targets[row]
        assert result.kept == [step for step in KEPT if step < result.steps] + [result.steps]
        before = torch.from_numpy(result.shifts[-2])
        assert result.steps in KEPT or classify((r[row] - before)[None])[0] != targets[row]
        np.testing.assert_array_equal(result.shifts[-1], result.shift)
        assert result.logits.shape == (len(result.kept), 2)


def test_a_batch_finds_what_single_searches_find():
    link, (r, origins, targets) = linked(), start(6)
    shift = torch.rand(6, K, generator=torch.Generator().manual_seed(1)) * 0.1
    together = found(link, r, shift, origins, targets, steps=100, learning_rate=0.05)
    for row, result in enumerate(together):
        only = slice(row, row + 1)
        [alone] = found(link, r[only], shift[only], origins[only], targets[only], steps=100, learning_rate=0.05)
        assert (alone.steps, alone.success) == (result.steps, result.success)
        np.testing.assert_allclose(alone.shift, result.shift, atol=1e-5)


def test_what_does_not_arrive_says_so():
    link, (r, origins, targets) = linked(), start(2)
    results = found(link, r, torch.zeros(2, K), origins, targets, steps=3, learning_rate=1e-6)
    assert [(result.success, result.steps) for result in results] == [(False, 3)] * 2
    assert reason_of(results[0], "red", "green") == "no generated picture is called 'green' within 3 steps"
    assert "to begin with" in reason_of(None, "red", "green")


def test_a_shift_that_is_not_finite_ends_the_search():
    link, (r, origins, targets) = linked(), start(2)
    shift = torch.zeros(2, K)
    shift[0, 0] = torch.inf
    results = found(link, r, shift, origins, targets, steps=100, learning_rate=0.05)
    assert not results[0].finite
    assert not results[0].success
    assert "lower learning_rate" in reason_of(results[0], "red", "green")
    assert results[1].success


def test_looking_less_often_stops_no_sooner_and_only_at_looks():
    link, (r, origins, targets) = linked(), start()
    each = found(link, r, torch.zeros(4, K), origins, targets, steps=200, learning_rate=0.02)
    seldom = found(link, r, torch.zeros(4, K), origins, targets, steps=200, learning_rate=0.02, check_every=7)
    for one, other in zip(each, seldom, strict=True):
        assert one.steps <= other.steps
        assert other.steps % 7 == 0 or other.steps == 200  # the end is always looked at


def test_agreement_is_the_mean_cosine_with_the_others():
    link, (r, origins, targets) = linked(), start(3)
    results = found(link, r, torch.zeros(3, K), origins, targets, steps=200, learning_rate=0.05)
    shifts = [np.array([1.0, 0.0]), np.array([0.0, 1.0]), np.array([1.0, 1.0])]
    for result, shift in zip(results, shifts, strict=True):
        result.shift = shift
    starts = [Start(0, 0, 1, init) for init in range(3)]
    half = np.sqrt(0.5)
    np.testing.assert_allclose(agreements(starts, results), [half / 2, half / 2, half])
    assert np.isnan(agreements([Start(i, 0, 1, 0) for i in range(3)], results)).all()


def test_rates_leave_out_what_did_not_start():
    import pandas as pd

    rows = pd.DataFrame(
        [("a", "b", True, True, 5, 1.0), ("a", "b", True, False, 9, 2.0), ("a", "b", False, False, None, None)],
        columns=["origin", "target", "started", "success", "steps", "shift_l2"],
    ).assign(generator="g", model="m", agreement=np.nan)
    rows["steps"] = rows["steps"].astype("Int64")
    rates = rate_frame(rows).set_index(["origin", "target"])
    assert list(rate_frame(rows)) == [column.name for column in RATE_COLUMNS]
    for key in (("a", "b"), ("any", "any")):
        assert (rates.loc[key, "n"], rates.loc[key, "n_success"], rates.loc[key, "n_not_started"]) == (2, 1, 1)
        assert rates.loc[key, "steps"] == 5
    assert len({column.name for column in ROW_COLUMNS}) == len(ROW_COLUMNS)
