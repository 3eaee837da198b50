"""Bilinear upsampling of unit maps to mask resolution, with the geometry named.

Interpolation is separable: a row of the mask lies between two knots (rows of the map) at a position t in 0..1. The
three conventions differ only in where the knots are:

half_pixel        pixel centres of both grids span the same picture (NetDissect-Lite, dissect)
corners           first and last knots lie on the first and last pixel (Net2Vec: torch 0.2's bilinear)
receptive_field   knots at the centres of the units' receptive fields (Network Dissection)

Outside the outermost knots the value of the outermost knot holds (``clamp``) or falls to zero within one knot's
distance (``zero``, dissect's padding). A value is two lerps a + t(b - a), each clamped to its two knots: then an
upsampled map never exceeds the map's maximum in floating point, which makes the pruning of `masks.active` exact.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

UPSAMPLE = ("half_pixel", "corners", "receptive_field")
ORDER = ("upsample_then_threshold", "threshold_then_upsample")
PADDING = ("clamp", "zero")


@dataclass(frozen=True)
class Axis:
    """Interpolation along one dimension, for every pixel of the mask.

    low, high : int32, shape (pixel,): indices of the two knots.
    t : float32, shape (pixel,), 0..1: share of the higher knot.
    n_knots : number of knots, the border knots of ``zero`` padding included.
    """

    low: Array
    high: Array
    t: Array
    n_knots: int

    @property
    def n_pixels(self) -> int:
        """Size of the mask along this axis."""
        return len(self.t)


@dataclass(frozen=True)
class Grid:
    """How the maps of a layer reach the mask: one axis each for rows and columns, and the option values.

    zero_border : maps get a border of zeros, one knot wide, before interpolation (``padding: zero``).
    """

    rows: Axis
    columns: Axis
    upsample: str
    order: str
    padding: str

    @property
    def zero_border(self) -> bool:
        """Whether maps are framed with zeros first."""
        return self.padding == "zero"

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the mask."""
        return self.rows.n_pixels, self.columns.n_pixels


def axis(positions: Array, knots: Array, *, zero_border: bool = False) -> Axis:
    """Interpolation of pixel centres between knots, both in the same unit of length, knots ascending.

    Raises
    ------
    ValueError
        if the knots are not strictly ascending.
    """
    knots = np.asarray(knots, dtype=np.float64)
    if len(knots) > 1 and not (np.diff(knots) > 0).all():
        raise ValueError(f"knots must ascend strictly; got {np.array2string(knots, threshold=8)}")
    if zero_border:
        step = float(np.diff(knots).mean()) if len(knots) > 1 else float(positions[-1] - positions[0] + 1)
        knots = np.concatenate([[knots[0] - step], knots, [knots[-1] + step]]).astype(np.float64)
    inside = np.clip(positions, knots[0], knots[-1])
    high = np.clip(np.searchsorted(knots, inside, side="right"), 1, max(len(knots) - 1, 1))
    if len(knots) == 1:
        zeros = np.zeros(len(positions), dtype=np.int32)
        return Axis(zeros, zeros.copy(), np.zeros(len(positions), dtype=np.float32), 1)
    low = high - 1
    t = (inside - knots[low]) / (knots[high] - knots[low])
    return Axis(low.astype(np.int32), high.astype(np.int32), np.clip(t, 0, 1).astype(np.float32), len(knots))


def make_axis(
    n_knots: int, n_pixels: int, *, upsample: str, centres: list[float] | None = None, padding: str = "clamp"
) -> Axis:
    """The axis of one dimension under a named convention.

    centres : for ``receptive_field``: position of every knot as a fraction (0..1) of the frame.
    """
    zero = padding == "zero"
    pixels: Array
    if upsample == "half_pixel":
        pixels = (np.arange(n_pixels) + 0.5) * n_knots / n_pixels - 0.5
        return axis(pixels, np.arange(n_knots), zero_border=zero)
    if upsample == "corners":
        pixels = np.arange(n_pixels) * ((n_knots - 1) / (n_pixels - 1) if n_pixels > 1 else 0.0)
        return axis(pixels, np.arange(n_knots), zero_border=zero)
    if upsample == "receptive_field":
        if centres is None or len(centres) != n_knots:
            raise ValueError(
                "upsample: receptive_field needs the centres of the receptive fields, which are undefined for this "
                "layer (see models/<model>.json); choose half_pixel"
            )
        return axis((np.arange(n_pixels) + 0.5) / n_pixels, np.asarray(centres), zero_border=zero)
    raise ValueError(f"upsample is one of {', '.join(UPSAMPLE)}, not {upsample!r}")


def make_grid(
    map_shape: tuple[int, int],
    mask_size: int,
    *,
    upsample: str = "half_pixel",
    order: str = "upsample_then_threshold",
    padding: str = "clamp",
    centres: tuple[list[float] | None, list[float] | None] = (None, None),
) -> Grid:
    """The grid from maps of `map_shape` (height, width) to square masks of `mask_size`.

    Raises
    ------
    ValueError
        for an unknown option value, or receptive-field centres that are undefined for the layer.
    """
    if order not in ORDER:
        raise ValueError(f"order is one of {', '.join(ORDER)}, not {order!r}")
    if padding not in PADDING:
        raise ValueError(f"padding is one of {', '.join(PADDING)}, not {padding!r}")
    rows, columns = (
        make_axis(n, mask_size, upsample=upsample, centres=centre, padding=padding)
        for n, centre in zip(map_shape, centres, strict=True)
    )
    return Grid(rows, columns, upsample, order, padding)


def framed(maps: Array, grid: Grid) -> Array:
    """Maps with the border of zeros that ``padding: zero`` asks for (the maps themselves otherwise)."""
    if not grid.zero_border:
        return maps
    return np.pad(maps, [(0, 0)] * (maps.ndim - 2) + [(1, 1), (1, 1)])


def clamped_lerp(a: Array, b: Array, t: Array) -> Array:
    """a + t (b - a), clamped to the interval between a and b; float32."""
    value = a + t * (b - a)
    return np.minimum(np.maximum(value, np.minimum(a, b)), np.maximum(a, b))


def upsample_map(maps: Array, grid: Grid) -> Array:
    """Maps (..., height, width) upsampled to (..., S, S) float32: the obvious form, for display and as the slow twin.

    Columns are interpolated first, then rows, like in the kernels.
    """
    values = framed(np.asarray(maps, dtype=np.float32), grid)
    columns, rows = grid.columns, grid.rows
    wide = clamped_lerp(values[..., columns.low], values[..., columns.high], columns.t)
    return clamped_lerp(wide[..., rows.low, :], wide[..., rows.high, :], rows.t[:, None])


def unit_mask(maps: Array, thresholds: Array | float, grid: Grid) -> Array:
    """Masks M_k, bool (..., S, S), of maps (..., height, width): the slow twin of `masks.active`.

    thresholds : T_k, broadcast against the leading dimensions of `maps`.
    """
    level = np.asarray(thresholds, dtype=np.float32)[..., None, None]
    if grid.order == "threshold_then_upsample":
        return upsample_map((np.asarray(maps, dtype=np.float32) > level).astype(np.float32), grid) > np.float32(0.5)
    return upsample_map(maps, grid) > level
