"""Discs against the definition, pixel by pixel."""

from __future__ import annotations

import math

import numpy as np
import pytest

from conceptatlas.datasets.discs import draw_disc


def by_hand(height, width, *, y, x, radius):
    """Every pixel whose centre is no further than the radius, and the one that holds the point."""
    mask = np.zeros((height, width), dtype=bool)
    for i in range(height):
        for j in range(width):
            near = math.sqrt((i + 0.5 - y) ** 2 + (j + 0.5 - x) ** 2) <= radius
            mask[i, j] = near or (math.floor(y) == i and math.floor(x) == j)
    return mask


@pytest.mark.parametrize("radius", [0.0, 0.3, 1.0, 2.5, 7.1, 100.0])
@pytest.mark.parametrize(("y", "x"), [(5.5, 6.5), (0.0, 0.0), (3.2, 11.9), (-1.5, 4.0), (9.999, 12.0), (20.0, -3.0)])
def test_a_disc_is_what_its_definition_says(y, x, radius):
    mask = np.zeros((10, 12), dtype=bool)
    draw_disc(mask, y=y, x=x, radius=radius)
    np.testing.assert_array_equal(mask, by_hand(10, 12, y=y, x=x, radius=radius))


def test_random_discs_and_their_union():
    rng = np.random.default_rng(0)
    mask = np.zeros((17, 23), dtype=bool)
    expected = mask.copy()
    for _ in range(40):
        y, x, radius = rng.uniform(-4, 21), rng.uniform(-4, 27), rng.uniform(0, 3)
        draw_disc(mask, y=y, x=x, radius=radius)
        expected |= by_hand(17, 23, y=y, x=x, radius=radius)
        np.testing.assert_array_equal(mask, expected)


def test_around_a_pixels_centre_a_disc_is_symmetric():
    """A keypoint of COCO at the pixel indices (x, y) = (6, 4) stands at (6.5, 4.5) here."""
    mask = np.zeros((9, 13), dtype=bool)
    draw_disc(mask, y=4 + 0.5, x=6 + 0.5, radius=2)
    np.testing.assert_array_equal(mask, mask[::-1])
    np.testing.assert_array_equal(mask, mask[:, ::-1])
    assert mask.sum() == 13  # 1 + 4 at distance 1, 4 at the diagonal, 4 at distance 2


def test_the_smallest_disc_is_the_pixel_that_holds_the_point():
    mask = np.zeros((4, 4), dtype=bool)
    draw_disc(mask, y=2.9, x=1.1, radius=0)
    assert np.argwhere(mask).tolist() == [[2, 1]]
    draw_disc(mask, y=4.0, x=1.1, radius=0)  # on the lower edge: no pixel
    assert mask.sum() == 1
