"""The eleven basic colour names of English as labels of pixels.

A pixel takes the name of the nearest prototype in CIELAB (D65, 2 degrees). The prototypes lie in `color_prototypes.tsv`
beside this file: for each name the colours that people called by it in the xkcd colour survey (R. Munroe, 2010, about
222,000 sessions, public domain): the plain name, its light and dark form, and for chromatic names the dull one. One
prototype a name would call a light blue sky grey. Demo scenes and real photographs use the same function.
"""

from __future__ import annotations

import functools
import hashlib
from importlib import resources
from typing import Any

import numpy as np

from conceptatlas.naming import unknown

COLOR_NAMES = ("black", "blue", "brown", "green", "grey", "orange", "pink", "purple", "red", "white", "yellow")
"""The basic colour terms of Berlin and Kay (1969), in alphabetical order; a pixel's number is its index here."""

PROTOTYPE_FILE = "color_prototypes.tsv"
PROTOTYPE_DIGEST = "c2d5e5aa1634f0b9"  # in the code, so that other prototypes count as a change of code

NEAREST_OF_ALL, NEAREST_OF_PLAIN = "nearest_of_37", "nearest_of_11"
COLOR_DEFINITIONS = {
    NEAREST_OF_ALL: f"name of the nearest of 37 CIELAB prototypes (plain, light, dark, dull), {PROTOTYPE_DIGEST}",
    NEAREST_OF_PLAIN: f"name of the nearest of 11 CIELAB prototypes (the plain names), {PROTOTYPE_DIGEST}",
}
"""How a pixel gets its colour name."""
COLOR_SIDE = 256
"""Longer side, in pixels, to which photographs are averaged before their colours are named: JPEG noise and single
pixels do not matter, and masks are coarser than this."""

_WHITE_D65 = np.array([0.950456, 1.0, 1.089058])
_XYZ_FROM_RGB = np.array(
    [[0.412453, 0.357580, 0.180423], [0.212671, 0.715160, 0.072169], [0.019334, 0.119193, 0.950227]]
)


def srgb_to_lab(picture: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """CIELAB of 8-bit sRGB.

    Parameters
    ----------
    picture : uint8 array, shape (..., 3)

    Returns
    -------
    float32 array, shape (..., 3)
        L in 0..100, a and b roughly in -110..110 (white point D65, 2 degrees).
    """
    picture = np.asarray(picture)
    if picture.dtype != np.uint8 or picture.shape[-1:] != (3,):
        raise ValueError(f"sRGB colours: uint8 of shape (..., 3) expected, got {picture.dtype} {picture.shape}")
    linear = _linear_table()[picture]
    ratio = linear @ (_XYZ_FROM_RGB / _WHITE_D65[:, None]).T.astype(np.float32)
    root = np.where(ratio > 216 / 24389, np.cbrt(ratio), (24389 / 27 * ratio + 16) / 116)
    x, y, z = root[..., 0], root[..., 1], root[..., 2]
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1).astype(np.float32)


def color_numbers(picture: np.ndarray[Any, Any], *, definition: str = NEAREST_OF_ALL) -> np.ndarray[Any, Any]:
    """Index into `COLOR_NAMES` of every pixel: the name of the nearest prototype in CIELAB.

    Parameters
    ----------
    picture : uint8 array, shape (height, width, 3), sRGB
    definition : one of `COLOR_DEFINITIONS`

    Returns
    -------
    uint8 array, shape (height, width)
    """
    lab = srgb_to_lab(picture)
    points, names = prototypes(definition)
    # |x - p|^2 without the term all prototypes share
    score = lab @ (-2.0 * points.T) + (points**2).sum(axis=1)
    return names[np.argmin(score, axis=-1)]


@functools.cache
def prototypes(definition: str = NEAREST_OF_ALL) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """CIELAB points (n, 3) float32 of the prototypes and the index into `COLOR_NAMES` of each (n,) uint8.

    Raises
    ------
    ValueError
        for an unknown definition, and if the file is not the one this code was released with: change
        `PROTOTYPE_DIGEST` together with it.
    """
    if definition not in COLOR_DEFINITIONS:
        raise unknown("color definition", definition, COLOR_DEFINITIONS)
    text = resources.files("conceptatlas.datasets").joinpath(PROTOTYPE_FILE).read_text(encoding="utf-8")
    digest = hashlib.sha256(text.encode()).hexdigest()[:16]
    if digest != PROTOTYPE_DIGEST:
        raise ValueError(
            f"{PROTOTYPE_FILE}: digest {digest}, the code expects {PROTOTYPE_DIGEST}; set PROTOTYPE_DIGEST "
            "in colors.py if the prototypes were changed on purpose (results then count as made by other code)"
        )
    rows = [line.split("\t") for line in text.splitlines() if line and not line.startswith("#")][1:]
    if definition == NEAREST_OF_PLAIN:
        rows = [row for row in rows if row[0] == row[1]]
    rgb = np.array([[int(row[2][i : i + 2], 16) for i in (1, 3, 5)] for row in rows], dtype=np.uint8)
    return srgb_to_lab(rgb), np.array([COLOR_NAMES.index(row[0]) for row in rows], dtype=np.uint8)


@functools.cache
def _linear_table() -> np.ndarray[Any, Any]:
    """Linear intensity 0..1 of the 256 values of an sRGB channel."""
    value = np.arange(256) / 255.0
    return np.where(value > 0.04045, ((value + 0.055) / 1.055) ** 2.4, value / 12.92).astype(np.float32)
