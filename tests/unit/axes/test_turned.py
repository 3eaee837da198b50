"""Turned activations: exact order statistics, and values that do not depend on blocks, groups or shards."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from conceptatlas.activations.linear_bases import random_rotation
from conceptatlas.activations.store import Shard, open_shards
from conceptatlas.axes import turned
from conceptatlas.axes.turned import DIRECTIONS, Directions, order_statistics, turned_blocks, turned_values
from tiny_stores import write_store

Array = np.ndarray[Any, Any]


def opened(folder: Path, maps: Array, *, n_shards: int = 1, valid: Array | None = None) -> list[Shard]:
    store = write_store(folder, maps, n_shards=n_shards, valid=valid)
    return open_shards(store.shards, store.manifests, "layer")


@pytest.fixture
def maps() -> Array:
    return np.random.default_rng(1).normal(size=(23, 70, 3, 5)).astype(np.float16)


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_order_statistics_equal_a_sort(dtype: str) -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=(5, 12, 4, 4)).astype(dtype)
    values[1] = np.maximum(values[1], 0)  # ties at zero
    values[2] = rng.integers(-2, 3, size=values[2].shape)
    values[3] = -0.0
    values[4] *= 1e-6 if dtype == "float16" else 1e-40  # subnormal
    valid = rng.random(12) < 0.7
    n = int(valid.sum()) * 16
    ranks = (0, 1, n // 200, n // 3, n - 1)
    found, maximum = order_statistics(values, valid, ranks)
    for d in range(5):
        ordered = np.sort(values[d, valid].ravel())[::-1].astype(np.float32)
        np.testing.assert_array_equal(found.values[d], ordered[list(ranks)])
        np.testing.assert_array_equal(found.above[d], [(ordered > ordered[r]).sum() for r in ranks])
    assert not np.signbit(values[3][valid]).any()
    expected = np.where(valid, values.max(axis=(2, 3)), 0)
    np.testing.assert_array_equal(maximum, expected.astype(np.float32))


@pytest.mark.parametrize("bad", [np.inf, -np.inf, np.nan, -np.nan])
def test_values_that_are_not_finite_show_in_the_maximum(bad: float) -> None:
    values = np.zeros((1, 3, 2, 2), dtype=np.float16)
    values[0, 1, 0, 0] = bad
    _, maximum = order_statistics(values, np.ones(3, dtype=bool), (0,))
    np.testing.assert_array_equal(np.isfinite(maximum[0]), [True, False, True])


def test_values_are_the_product_rounded_once(tmp_path: Path, maps: Array) -> None:
    q = random_rotation(70, seed=1)
    offset = np.linspace(-1, 1, 70)
    shards = opened(tmp_path, maps, n_shards=3)
    values = turned_values(shards, Directions(q, offset), slice(0, 70), dtype=np.dtype("float16"))
    centred = maps.astype(np.float64) - offset.astype(np.float32)[:, None, None]
    exact = np.einsum("dk,nkyx->dnyx", q, centred)
    np.testing.assert_allclose(values, exact, rtol=2e-3, atol=2e-3)
    assert values.dtype == np.float16


def test_the_identity_gives_the_stored_values(tmp_path: Path, maps: Array) -> None:
    shards = opened(tmp_path, maps, n_shards=2)
    values = turned_values(shards, Directions(np.eye(70), np.zeros(70)), slice(0, 70), dtype=np.dtype("float16"))
    np.testing.assert_array_equal(values.transpose(1, 0, 2, 3), maps)


def test_shards_and_blocks_change_no_bit(tmp_path: Path, maps: Array) -> None:
    maps = np.concatenate([maps, maps[:, ::-1]], axis=1)  # 140 units: three products of 64 rows
    directions = Directions(random_rotation(140, seed=0), np.full(140, 0.25))
    whole = opened(tmp_path / "one", maps)
    expected = list(turned_blocks(whole, directions, tau="0.005", definition="order_statistic"))
    assert len(expected) == 1
    for n_shards in (1, 5):
        shards = opened(tmp_path / f"{n_shards}", maps, n_shards=n_shards)
        blocks = list(turned_blocks(shards, directions, tau="0.005", definition="order_statistic", mem_mb=0.001))
        assert [block.directions.start for block in blocks] == [0, DIRECTIONS, 2 * DIRECTIONS]
        np.testing.assert_array_equal(
            np.concatenate([b.values for b in blocks]).view(np.uint16), expected[0].values.view(np.uint16)
        )
        np.testing.assert_array_equal(np.concatenate([b.thresholds for b in blocks]), expected[0].thresholds)
        np.testing.assert_array_equal(np.concatenate([b.maximum for b in blocks], axis=1), expected[0].maximum)


def test_groups_cross_shards(tmp_path: Path, maps: Array, monkeypatch: pytest.MonkeyPatch) -> None:
    shards = opened(tmp_path, maps, n_shards=4)
    monkeypatch.setattr(turned, "POSITIONS", 7 * 15)
    seen = list(turned._groups(shards, 7))
    assert [(first, last) for first, last, _ in seen] == [(0, 7), (7, 14), (14, 21), (21, 23)]
    for first, last, pieces in seen:
        np.testing.assert_array_equal(np.concatenate([piece for _, piece in pieces]), maps[first:last])
        assert [at for at, _ in pieces] == list(np.cumsum([0, *(len(piece) for _, piece in pieces[:-1])]))


@pytest.mark.parametrize("definition", ["order_statistic", "netdissect_1000"])
@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_thresholds_are_exact_over_valid_images(tmp_path: Path, maps: Array, definition: str, dtype: str) -> None:
    valid = np.ones(len(maps), dtype=bool)
    valid[[2, 20]] = False
    shards = opened(tmp_path, maps.astype(dtype), n_shards=2, valid=valid)
    directions = Directions(random_rotation(70, seed=4), np.zeros(70))
    [block] = turned_blocks(shards, directions, tau="0.01", definition=definition)
    kept = block.values[:, valid].reshape(70, -1)
    m = int(0.01 * kept.shape[1])
    if definition == "order_statistic":
        np.testing.assert_array_equal(block.thresholds, np.sort(kept, axis=1)[:, -1 - m])
        assert ((kept > block.thresholds[:, None]).sum(axis=1) <= m).all()
    else:
        expected = np.quantile(kept.astype(np.float64), 1 - 10 / 999, axis=1)
        np.testing.assert_allclose(block.thresholds, expected, rtol=1e-5)
    assert (block.maximum[~valid] == 0).all()


def test_values_beyond_the_storage_type_are_refused(tmp_path: Path, maps: Array) -> None:
    shards = opened(tmp_path, maps)
    with pytest.raises(ValueError, match="float32"):
        list(turned_blocks(shards, Directions(np.eye(70) * 1e6, np.zeros(70)), tau="0.01",
                           definition="order_statistic"))  # fmt: skip


def test_no_valid_image_is_refused(tmp_path: Path, maps: Array) -> None:
    shards = opened(tmp_path, maps, valid=np.zeros(len(maps), dtype=bool))
    with pytest.raises(ValueError, match="quarantine"):
        list(turned_blocks(shards, Directions(np.eye(70), np.zeros(70)), tau="0.01", definition="order_statistic"))
