"""Patterns (concepts of category texture) and grains (how a material looks) as functions of surface coordinates.

A pattern mixes two paints, a grain multiplies the colour. Noise is read from tiles made once per process from fixed
seeds, so a field costs one lookup a pixel.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

Field = np.ndarray[Any, Any]
_TILE = 256


def pattern(name: str, u: Field, v: Field) -> Field:
    """Share of the second colour at surface points.

    Parameters
    ----------
    name : one of TEXTURES but "plain".
    u, v : coordinates in periods of the pattern.

    Returns
    -------
    bool array of the shape of `u`.
    """
    return _PATTERNS[name](u, v)


def _striped(u: Field, v: Field) -> Field:
    return (u % 1.0) < 0.5


def _dotted(u: Field, v: Field) -> Field:
    row = np.floor(v)
    x, y = (u + 0.5 * (row % 2)) % 1.0 - 0.5, v - row - 0.5
    return x * x + y * y < 0.105


def _chequered(u: Field, v: Field) -> Field:
    return (np.floor(2 * u) + np.floor(2 * v)) % 2 < 1


def _zigzagged(u: Field, v: Field) -> Field:
    return (v + 0.7 * np.abs(u % 1.0 - 0.5)) % 1.0 < 0.42


def _gridded(u: Field, v: Field) -> Field:
    return ((u % 1.0) < 0.2) | ((v % 1.0) < 0.2)


def _marbled(u: Field, v: Field) -> Field:
    bend = noise(u / 7, v / 7, cells=4)
    return np.sin(2 * np.pi * (0.55 * u + 2.4 * bend)) > 0.25


_PATTERNS: dict[str, Callable[[Field, Field], Field]] = {
    "striped": _striped,
    "dotted": _dotted,
    "chequered": _chequered,
    "zigzagged": _zigzagged,
    "gridded": _gridded,
    "marbled": _marbled,
}


@functools.cache
def _noise_tile(cells: int) -> Field:
    """Smooth periodic noise in -1..1, (256, 256) float32, with `cells` random values along a side."""
    rng = np.random.Generator(np.random.PCG64(cells))
    values = rng.uniform(-1, 1, (cells, cells))
    at = np.arange(_TILE) * cells / _TILE
    low = at.astype(np.int64)
    share = at - low
    share = share * share * (3 - 2 * share)
    high = (low + 1) % cells
    rows = values[low] * (1 - share)[:, None] + values[high] * share[:, None]
    field = rows[:, low] * (1 - share) + rows[:, high] * share
    return field.astype(np.float32)


def noise(x: Field, y: Field, *, cells: int) -> Field:
    """Smooth noise in -1..1 with `cells` (at most 128) independent values along a length of 1, periodic with it."""
    tile = _noise_tile(cells)
    column = (x * _TILE).astype(np.int32) & (_TILE - 1)
    row = (y * _TILE).astype(np.int32) & (_TILE - 1)
    return tile[row, column]


def _grass(x: Field, y: Field) -> Field:
    return 1 + 0.13 * noise(x, y * 0.45, cells=96) + 0.07 * noise(x, y, cells=24) + 0.05 * noise(x, y, cells=6)


def _sand(x: Field, y: Field) -> Field:
    return 1 + 0.05 * noise(x, y, cells=128) + 0.05 * np.sin(70 * (y + 0.03 * noise(x, y, cells=6)))


def _water(x: Field, y: Field) -> Field:
    wave = noise(x * 0.5, y * 3, cells=24) + 0.7 * noise(x, y * 5, cells=12)
    return 1 + 0.10 * wave + 0.22 * (wave > 0.75)


def _asphalt(x: Field, y: Field) -> Field:
    return 1 + 0.09 * noise(x, y, cells=128) + 0.06 * noise(x, y, cells=12)


def _snow(x: Field, y: Field) -> Field:
    return 1 + 0.04 * noise(x, y * 2, cells=8) + 0.015 * noise(x, y, cells=96)


def _soil(x: Field, y: Field) -> Field:
    return 1 + 0.14 * noise(x, y, cells=64) + 0.10 * noise(x, y, cells=16)


def _stone(x: Field, y: Field) -> Field:
    return 1 + 0.10 * noise(x, y, cells=48) + 0.12 * noise(x, y, cells=12)


def _brick(x: Field, y: Field) -> Field:
    v = y * 15
    u = x * 7.5 + 0.5 * (np.floor(v) % 2)
    mortar = (u % 1.0 < 0.13) | (v % 1.0 < 0.2)
    tone = 0.10 * np.sin(12.9 * np.floor(u) + 78.2 * np.floor(v))
    return np.where(mortar, 1.45, 0.95 + tone)


def _tiled(x: Field, y: Field) -> Field:
    """Roof tiles: rows of overlapping scales."""
    v = y * 13
    u = x * 13 + 0.5 * (np.floor(v) % 2)
    edge = (v % 1.0) < 0.28 + 0.3 * np.abs(u % 1.0 - 0.5)
    return np.where(edge, 0.72, 1.04)


def _tiles(x: Field, y: Field) -> Field:
    """Wall and floor tiles: square with pale joints."""
    joint = (x * 9 % 1.0 < 0.1) | (y * 9 % 1.0 < 0.1)
    return np.where(joint, 0.8, 1.0 + 0.03 * np.sin(9.1 * np.floor(x * 9) + 47.3 * np.floor(y * 9)))


def _wood(x: Field, y: Field) -> Field:
    """Boards with a gap every eighth of a length, fibres along x."""
    board = np.floor(y * 8)
    gap = (y * 8 % 1.0) < 0.09
    fibre = noise(x * 0.3 + 0.37 * board, y, cells=128)
    tone = 0.07 * np.sin(31.7 * board)
    return np.where(gap, 0.62, 1 + 0.10 * fibre + tone)


def _bark(x: Field, y: Field) -> Field:
    return 1 + 0.20 * noise(x, y * 0.25, cells=96)


def _foliage(x: Field, y: Field) -> Field:
    leaf = noise(x, y, cells=48) + 0.6 * noise(x, y, cells=24)
    return 1 + 0.16 * leaf + 0.14 * (leaf > 0.6) - 0.16 * (leaf < -0.6)


def _fur(x: Field, y: Field) -> Field:
    return 1 + 0.09 * noise(x * 0.5, y, cells=128) + 0.05 * noise(x, y, cells=24)


def _feathers(x: Field, y: Field) -> Field:
    v = y * 26
    u = x * 20 + 0.5 * (np.floor(v) % 2)
    return 1 - 0.13 * ((v % 1.0) < 0.25 + 0.6 * np.abs(u % 1.0 - 0.5))


def _straw(x: Field, y: Field) -> Field:
    furrow = 0.10 * np.sin(2 * np.pi * 5 * y)
    return 1 + 0.17 * noise(x, y * 0.3, cells=128) + furrow


def _plaster(x: Field, y: Field) -> Field:
    return 1 + 0.035 * noise(x, y, cells=64) + 0.03 * noise(x, y, cells=8)


GRAINS: dict[str, Callable[[Field, Field], Field]] = {
    "asphalt": _asphalt,
    "bark": _bark,
    "brick": _brick,
    "feathers": _feathers,
    "foliage": _foliage,
    "fur": _fur,
    "grass": _grass,
    "plaster": _plaster,
    "sand": _sand,
    "snow": _snow,
    "soil": _soil,
    "stone": _stone,
    "straw": _straw,
    "tiled": _tiled,
    "tiles": _tiles,
    "water": _water,
    "wood": _wood,
}
"""Grain -> factor on the colour at surface points (x, y in lengths of the object or of the picture)."""
