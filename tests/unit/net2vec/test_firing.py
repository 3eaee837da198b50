"""Lists of firing units say exactly what the packed bits say."""

from __future__ import annotations

import numpy as np
import pytest

from conceptatlas.net2vec.combination_masks import weighted_sums
from conceptatlas.net2vec.firing import Firing, dense_firing, list_firing


def bits_of(n_images: int = 5, n_units: int = 9, shape: tuple[int, int] = (3, 7), share: float = 0.1) -> np.ndarray:
    return np.random.default_rng(0).random((n_images, n_units, *shape)) < share


def packed(bits: np.ndarray) -> np.ndarray:
    return np.packbits(bits.reshape(*bits.shape[:2], -1), axis=-1, bitorder="little")


def test_lists_hold_what_the_bits_hold() -> None:
    bits = bits_of()
    firing = list_firing(packed(bits), map_shape=(3, 7))
    assert firing.offsets[-1] == bits.sum()
    assert firing.positions.dtype == np.uint16
    for n in range(len(bits)):
        assert (dense_firing(firing, n) == bits[n]).all()


def test_entries_lie_by_position_then_unit() -> None:
    firing = list_firing(packed(bits_of(share=0.6)), map_shape=(3, 7))
    for a, b in zip(firing.offsets[:-1], firing.offsets[1:], strict=True):
        keys = firing.positions[a:b].astype(int) * 100 + firing.units[a:b]
        assert (np.diff(keys) > 0).all()


def test_silent_images_and_units_have_no_entries() -> None:
    bits = bits_of()
    bits[2] = False
    firing = list_firing(packed(bits), map_shape=(3, 7))
    assert firing.offsets[2] == firing.offsets[3]
    empty = list_firing(packed(np.zeros_like(bits)), map_shape=(3, 7))
    assert len(empty.units) == 0
    assert (weighted_sums(empty, np.arange(5), np.ones((1, 9))) == 0).all()


def test_wide_layers_have_wider_entries() -> None:
    bits = np.zeros((1, 1, 300, 300), dtype=bool)
    bits[0, 0, 299, 299] = True
    firing = list_firing(packed(bits), map_shape=(300, 300))
    assert firing.positions.tolist() == [89999]


def test_written_lists_come_back(tmp_path) -> None:
    firing = list_firing(packed(bits_of()), map_shape=(3, 7))
    firing.save(tmp_path)
    back = Firing.load(tmp_path)
    assert (back.n_units, back.map_shape, back.n_positions) == (9, (3, 7), 21)
    for name in ("offsets", "positions", "units"):
        assert (getattr(back, name) == getattr(firing, name)).all()


def test_weighted_sums_are_the_dense_product() -> None:
    bits = bits_of(share=0.4)
    firing = list_firing(packed(bits), map_shape=(3, 7))
    weights = np.random.default_rng(1).normal(size=(4, 9)).astype(np.float32)
    found = weighted_sums(firing, np.array([3, 0]), weights)
    wanted = np.einsum("nkhw,vk->nvhw", bits[[3, 0]].astype(float), weights.astype(float))
    assert found == pytest.approx(wanted, abs=1e-5)
    assert (weighted_sums(firing, np.array([0]), weights[2:3])[0, 0] == found[1, 2]).all()  # whatever else is asked
