"""Upsampling: the talk's example, PyTorch's conventions, and the bound that makes pruning exact."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from conceptatlas.masks.upsample import axis, clamped_lerp, make_grid, unit_mask, upsample_map
from slow_twins import GEOMETRIES, grid_of

TALK = np.array(
    [[99, 100, 100, 70, 68], [99, 100, 101, 67, 65], [98, 102, 100, 98, 60], [82, 97, 99, 97, 52], [75, 70, 72, 70, 45]]
)
TALK_MASK = np.array(
    [[1, 1, 1, 0, 0], [1, 1, 1, 0, 0], [1, 1, 1, 1, 0], [0, 1, 1, 1, 0], [0, 0, 0, 0, 0]], dtype=bool
)  # fmt: skip


@pytest.mark.parametrize("geometry", [g for g in GEOMETRIES if g["upsample"] != "receptive_field"], ids=str)
def test_the_worked_example_of_the_talk(geometry):
    grid = make_grid((5, 5), 5, **geometry)
    np.testing.assert_array_equal(unit_mask(TALK, 95.0, grid), TALK_MASK)


def test_the_worked_example_with_regular_receptive_fields():
    centres = ((np.arange(5) + 0.5) / 5).tolist()
    grid = make_grid((5, 5), 5, upsample="receptive_field", centres=(centres, centres))
    np.testing.assert_array_equal(unit_mask(TALK, 95.0, grid), TALK_MASK)


@pytest.mark.parametrize("shape", [(13, 13), (7, 7), (5, 9), (1, 4), (1, 1), (20, 20)])
@pytest.mark.parametrize("size", [112, 16, 15, 7])
@pytest.mark.parametrize(("upsample", "align"), [("half_pixel", False), ("corners", True)])
def test_conventions_are_those_of_pytorch(shape, size, upsample, align):
    torch = pytest.importorskip("torch")
    maps = np.random.default_rng(0).normal(size=(3, *shape)).astype(np.float32)
    found = upsample_map(maps, make_grid(shape, size, upsample=upsample))
    expected = torch.nn.functional.interpolate(
        torch.from_numpy(maps)[None], size=(size, size), mode="bilinear", align_corners=align
    )[0].numpy()
    np.testing.assert_allclose(found, expected, atol=3e-5 * size / 16)


@pytest.mark.parametrize("shape", [(7, 7), (3, 5)])
def test_zero_padding_is_that_of_dissect(shape):
    """dissect samples with grid_sample at half-pixel positions; outside the map lie zeros."""
    torch = pytest.importorskip("torch")
    size = 56
    maps = np.random.default_rng(0).normal(size=(2, *shape)).astype(np.float32)
    found = upsample_map(maps, make_grid(shape, size, upsample="half_pixel", padding="zero"))
    centres = torch.from_numpy((np.arange(size) + 0.5) / size * 2 - 1).float()
    rows, columns = torch.meshgrid(centres, centres, indexing="ij")
    where = torch.stack([columns, rows], dim=-1)[None]
    expected = torch.nn.functional.grid_sample(
        torch.from_numpy(maps)[None], where, mode="bilinear", padding_mode="zeros", align_corners=False
    )[0].numpy()
    np.testing.assert_allclose(found, expected, atol=2e-5)


@pytest.mark.parametrize("geometry", GEOMETRIES, ids=str)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_upsampled_map_stays_within_the_extremes_of_the_map(geometry, data):
    shape = data.draw(st.tuples(st.integers(1, 6), st.integers(1, 6)))
    size = data.draw(st.integers(1, 40))
    number = st.floats(-65504, 65504, width=32)
    values = data.draw(arrays(np.float32, shape, elements=number))
    grid = grid_of(shape, size, geometry)
    up = upsample_map(values, grid)
    border = [0.0] if geometry["padding"] == "zero" else []
    assert up.max() <= max([values.max(), *border])
    assert up.min() >= min([values.min(), *border])


@settings(max_examples=200, deadline=None)
@given(*(st.floats(-65504, 65504, width=32) for _ in range(2)), st.floats(0, 1, width=32))
def test_lerp_is_clamped(a, b, t):
    a, b, t = (np.float32(v) for v in (a, b, t))
    assert min(a, b) <= clamped_lerp(a, b, t) <= max(a, b)


def test_constant_maps_never_exceed_themselves():
    rng = np.random.default_rng(0)
    constants = rng.normal(size=500).astype(np.float32)
    maps = np.broadcast_to(constants[:, None, None], (500, 7, 7))
    for geometry in GEOMETRIES:
        if geometry["order"] == "upsample_then_threshold" and geometry["padding"] == "clamp":
            assert not unit_mask(maps, constants, grid_of((7, 7), 57, geometry)).any()


@pytest.mark.parametrize("geometry", [g for g in GEOMETRIES if g["padding"] == "clamp"], ids=str)
def test_upsampling_is_linear(geometry):
    """A weighted sum of maps may be upsampled once, after the sum."""
    rng = np.random.default_rng(1)
    maps, weights = rng.normal(size=(6, 5, 7)), rng.normal(size=6)
    grid = grid_of((5, 7), 29, geometry)
    summed = np.tensordot(weights, upsample_map(maps, grid), axes=1)
    np.testing.assert_allclose(upsample_map(np.tensordot(weights, maps, axes=1), grid), summed, atol=1e-5)


def test_receptive_field_knots_keep_the_values_at_their_centres():
    centres = [0.1, 0.35, 0.45, 0.95]
    pixels = np.array([0.0, *centres, 1.0])
    found = axis(pixels, np.array(centres))
    values = np.array([3.0, -1.0, 7.0, 2.0], dtype=np.float32)
    up = clamped_lerp(values[found.low], values[found.high], found.t)
    np.testing.assert_array_equal(up, [3, 3, -1, 7, 2, 2])


def test_mirrored_maps_give_mirrored_masks():
    rng = np.random.default_rng(2)
    maps = rng.normal(size=(20, 6, 6)).astype(np.float16)
    for upsample in ("half_pixel", "corners"):
        grid = make_grid((6, 6), 24, upsample=upsample)
        np.testing.assert_allclose(
            upsample_map(maps[:, ::-1, ::-1], grid), upsample_map(maps, grid)[:, ::-1, ::-1], atol=1e-5
        )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"upsample": "nearest"}, "upsample is one of"),
        ({"order": "both"}, "order is one of"),
        ({"padding": "reflect"}, "padding is one of"),
        ({"upsample": "receptive_field"}, "undefined for this layer"),
        ({"upsample": "receptive_field", "centres": ([0.5, 0.2], [0.2, 0.5])}, "ascend strictly"),
    ],
)
def test_wrong_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        make_grid((2, 2), 8, **options)
