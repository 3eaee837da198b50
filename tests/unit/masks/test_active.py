"""The pruned kernel sets exactly the bits of the obvious form."""

from __future__ import annotations

import numpy as np
import pytest

from conceptatlas.masks.active import cut, prepare
from conceptatlas.masks.bitmask import unpack
from conceptatlas.masks.pairs import active_pairs, pair_masks
from conceptatlas.masks.upsample import make_axis, unit_mask
from slow_twins import GEOMETRIES, grid_of

SHAPES = [(1, 1), (1, 5), (4, 1), (7, 7), (3, 6), (13, 13), (20, 18)]
SIZES = [112, 33, 16, 5, 1]


def kernel_masks(maps, thresholds, grid):
    """Masks bool (image, unit, S, S) from the kernels, through both prunings."""
    maximum = maps.max(axis=(2, 3)).astype(np.float32)
    images, units = active_pairs(maximum, thresholds, grid)
    found = pair_masks(maps, thresholds, images, units, grid, prepare(grid))
    out = np.zeros((*maps.shape[:2], *grid.shape), dtype=bool)
    out[images, units] = unpack(found.words, height=grid.shape[0], width=grid.shape[1])
    np.testing.assert_array_equal(found.areas, out[images, units].sum(axis=(1, 2)))
    words = np.arange(found.words.shape[1])
    outside = (words < found.span[:, :1]) | (words >= found.span[:, 1:])
    assert not found.words[outside].any(), "a span leaves out set bits"
    return out


@pytest.mark.parametrize("geometry", GEOMETRIES, ids=str)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_kernel_equals_slow_twin(geometry, shape):
    rng = np.random.default_rng(0)
    for size in SIZES:
        grid = grid_of(shape, size, geometry, seed=size)
        maps = rng.normal(size=(3, 5, *shape)).astype(np.float16)
        maps[:, 1] = np.maximum(maps[:, 1], 0)  # rectified, with exact ties
        maps[:, 2] = np.round(maps[:, 2])  # many values equal the threshold
        maps[:, 3] = -1.5  # constant
        thresholds = np.array([1.0, 0.0, 1.0, -1.5, -0.7], dtype=np.float32)  # negative: the zero border is active
        expected = unit_mask(maps, thresholds, grid)
        np.testing.assert_array_equal(kernel_masks(maps, thresholds, grid), expected)


@pytest.mark.parametrize("geometry", GEOMETRIES, ids=str)
def test_float32_maps_and_extreme_thresholds(geometry):
    rng = np.random.default_rng(1)
    maps = rng.normal(size=(2, 4, 6, 6)).astype(np.float32)
    grid = grid_of((6, 6), 50, geometry)
    top, bottom = maps.max(axis=(0, 2, 3)), maps.min(axis=(0, 2, 3))
    for thresholds in (top, np.nextafter(top, -9, dtype=np.float32), bottom, bottom - 1, top + 1):
        expected = unit_mask(maps, thresholds, grid)
        np.testing.assert_array_equal(kernel_masks(maps, thresholds, grid), expected)


def test_negative_threshold_with_zero_border_activates_the_rim():
    geometry = {"upsample": "half_pixel", "order": "upsample_then_threshold", "padding": "zero"}
    grid = grid_of((4, 4), 32, geometry)
    maps = np.full((1, 1, 4, 4), -2.0, dtype=np.float16)
    mask = kernel_masks(maps, np.array([-1.5], dtype=np.float32), grid)[0, 0]
    assert mask[0].all()
    assert mask[:, 0].all()
    assert not mask[8:24, 8:24].any()


@pytest.mark.parametrize("widest", [1, 3, 32, 200])
@pytest.mark.parametrize(("n_knots", "n_pixels"), [(1, 9), (7, 112), (13, 5), (2, 100)])
def test_runs_cover_every_pixel_once_between_the_same_knots(n_knots, n_pixels, widest):
    axis = make_axis(n_knots, n_pixels, upsample="half_pixel")
    cells = cut(axis, widest=widest)
    pixels = np.concatenate([np.arange(a, b) for a, b in zip(cells.first, cells.last, strict=True)])
    np.testing.assert_array_equal(pixels, np.arange(n_pixels))
    assert (cells.last - cells.first).max() <= widest
    for i, (a, b) in enumerate(zip(cells.first, cells.last, strict=True)):
        assert (axis.low[a:b] == cells.low[i]).all()
        assert (axis.high[a:b] == cells.high[i]).all()
