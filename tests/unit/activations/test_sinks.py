"""What is computed from blocks on the fly equals what is computed from stored activations."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest

from conceptatlas.activations.sinks import BitsSink, HistogramSink, PooledSink, TallySink
from conceptatlas.masks.tally import Tally, tally_images
from slow_twins import GEOMETRIES, grid_of, random_labels

N_IMAGES, SIZE = 13, 16


class Block(NamedTuple):
    start: int
    stop: int
    valid: np.ndarray
    maps: np.ndarray

    def array(self, layer):
        assert layer == "layer"
        return self.maps


def stream(maps, valid, *, batch, start):
    """Blocks of images whose image_index begins at `start`."""
    for first in range(0, len(maps), batch):
        last = min(first + batch, len(maps))
        yield Block(start + first, start + last, valid[first:last], maps[first:last].copy())


@pytest.fixture
def scene():
    rng = np.random.default_rng(0)
    maps = np.maximum(rng.normal(size=(N_IMAGES, 5, 4, 4)), -0.5).astype(np.float16)
    valid = np.ones(N_IMAGES, dtype=bool)
    valid[[3, 8]] = False
    return maps, valid


@pytest.mark.parametrize("batch", [1, 4, 50])
@pytest.mark.parametrize("start", [0, 100])
def test_tally_sink_equals_the_tally_of_the_store(scene, batch, start):
    maps, valid = scene
    rng = np.random.default_rng(1)
    labels = random_labels(rng, n_images=N_IMAGES, n_concepts=6, size=SIZE, padded=True).bits()
    thresholds = np.array([0.5, 1.0, -0.6, 0.9, 2.0], dtype=np.float32)
    blocks, primary = rng.integers(0, 32, size=N_IMAGES), np.array([0, 1, 2, 0, 5, 3])
    grid = grid_of((4, 4), SIZE, GEOMETRIES[0])
    stored = np.where(valid[:, None, None, None], maps, np.float16(0))
    maximum = stored.max(axis=(2, 3)).astype(np.float32)
    expected = tally_images(stored, maximum, thresholds, labels, blocks, primary, grid, n_categories=6, valid=valid)
    sink = TallySink(
        "layer", thresholds=thresholds, labels=labels, blocks=blocks, primary_category=primary, n_categories=6,
        grid=grid, start=start,
    )  # fmt: skip
    for block in stream(maps, valid, batch=batch, start=start):
        sink.consume(block)
    assert expected.dense().sum() > 0
    for name in Tally.__dataclass_fields__:
        np.testing.assert_array_equal(getattr(sink.tally, name), getattr(expected, name), err_msg=name)


@pytest.mark.parametrize("batch", [1, 4, 50])
def test_bits_sink(scene, batch):
    maps, valid = scene
    thresholds = np.array([0.5, 1.0, -0.5, 0.9, 2.0], dtype=np.float32)
    sink = BitsSink("layer", thresholds=thresholds, n_images=N_IMAGES, map_shape=(4, 4), start=7)
    for block in stream(maps, valid, batch=batch, start=7):
        sink.consume(block)
    above = np.unpackbits(sink.bits, axis=2, count=16, bitorder="little").astype(bool).reshape(maps.shape)
    np.testing.assert_array_equal(above, (maps > thresholds[:, None, None]) & valid[:, None, None, None])


def test_bits_compare_in_float32():
    """A float32 threshold between two float16 values must not be rounded to one of them."""
    maps = np.array([1.0, 1.001], dtype=np.float16).reshape(1, 1, 1, 2)
    assert maps[0, 0, 0, 1] > np.float32(1.0)
    sink = BitsSink("layer", thresholds=np.array([1.0004]), n_images=1, map_shape=(1, 2))
    sink.consume(Block(0, 1, np.array([True]), maps))
    assert sink.bits.tolist() == [[[2]]]


def test_pooled_sink_equals_the_histogram_sink(scene):
    maps, valid = scene
    pooled = PooledSink("layer", n_images=N_IMAGES, n_units=5)
    counted = HistogramSink("layer", n_images=N_IMAGES, n_units=5, dtype="float16")
    for block in stream(maps, valid, batch=4, start=0):
        counted.consume(block)
    for block in stream(maps, valid, batch=4, start=0):
        pooled.consume(block)
    np.testing.assert_array_equal(pooled.maximum, counted.maximum)
    np.testing.assert_allclose(pooled.mean, counted.mean, atol=1e-6)
    assert (pooled.maximum[~valid] == 0).all()
