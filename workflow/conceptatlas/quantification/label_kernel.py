"""Sums over the pixels of every label of a picture, in one pass: compiled twin of what scikit-image does by label.

The entropy is scikit-image's `filters.rank.entropy` with a disk (Wehrheim et al. 2024 use radius 5): the histogram of
the grey values under the disk moves along a row by its rim, and sum c log2 c with it.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

Array = np.ndarray[Any, Any]

SUMS = ("area", "luminance", "lightness", "green_red", "blue_yellow", "entropy", "x", "y", "xx", "yy", "xy")
"""What is summed over the pixels of a label; xx, yy, xy are central (about the label's own centre)."""


def linear_light() -> Array:
    """Linear light of the 256 values of an sRGB channel, float64 (256,) (IEC 61966-2-1)."""
    value = np.arange(256) / 255
    return np.where(value > 0.04045, ((value + 0.055) / 1.055) ** 2.4, value / 12.92)


def disk_half_widths(radius: int) -> Array:
    """Half width of each row of a disk: int64 (2 radius + 1,), as scikit-image's `morphology.disk` fills it."""
    rows = np.arange(-radius, radius + 1)
    return np.floor(np.sqrt(radius * radius - rows * rows)).astype(np.int64)


@numba.njit(cache=True, nogil=True)
def _curve(t: float) -> float:
    return np.cbrt(t) if t > 0.008856 else 7.787 * t + 16.0 / 116.0


@numba.njit(cache=True, nogil=True)
def _entropy_of_row(
    grey: Array, y: int, first: int, last: int, half: Array, table: Array, counts: Array, out: Array
) -> None:
    """Entropy (bits) of the grey values under the disk around the pixels first .. last of row y."""
    height, width = grey.shape
    radius = (half.shape[0] - 1) // 2
    counts[:] = 0
    total = 0
    weighted = 0.0
    for dy in range(-radius, radius + 1):
        row = y + dy
        if row < 0 or row >= height:
            continue
        for x in range(max(0, first - half[dy + radius]), min(width - 1, first + half[dy + radius]) + 1):
            c = counts[grey[row, x]]
            weighted += table[c + 1] - table[c]
            counts[grey[row, x]] = c + 1
            total += 1
    for x in range(first, last + 1):
        if x > first:
            for dy in range(-radius, radius + 1):
                row = y + dy
                if row < 0 or row >= height:
                    continue
                gone, come = x - 1 - half[dy + radius], x + half[dy + radius]
                if gone >= 0:
                    c = counts[grey[row, gone]]
                    weighted += table[c - 1] - table[c]
                    counts[grey[row, gone]] = c - 1
                    total -= 1
                if come < width:
                    c = counts[grey[row, come]]
                    weighted += table[c + 1] - table[c]
                    counts[grey[row, come]] = c + 1
                    total += 1
        out[x] = np.log2(total) - weighted / total


@numba.njit(cache=True, nogil=True)
def label_sums(pictures: Array, labels: Array, first_label: int, light: Array, half: Array, sums: Array) -> None:
    """Add up everything of `SUMS` for every label.

    Parameters
    ----------
    pictures : uint8 (n, height, width, 3). labels : uint8 (n, height, width).
    first_label : labels below it are skipped (1: no background).
    light : from `linear_light`. half : from `disk_half_widths`.
    sums : float64 (n, label, len(SUMS)), filled; values of labels beyond it are skipped.
    """
    n, height, width = labels.shape
    n_labels = sums.shape[1]
    counts = np.zeros(256, dtype=np.int64)
    grey = np.empty((height, width), dtype=np.uint8)
    entropy = np.empty(width, dtype=np.float64)
    n_disk = 0
    for each in half:
        n_disk += 2 * each + 1
    table = np.zeros(n_disk + 2, dtype=np.float64)
    for c in range(2, n_disk + 2):
        table[c] = c * np.log2(c)
    for i in range(n):
        for y in range(height):
            for x in range(width):
                # the rounding scale of 1000 keeps the sum of three products an exact integer
                p = 299 * int(pictures[i, y, x, 0]) + 587 * int(pictures[i, y, x, 1]) + 114 * int(pictures[i, y, x, 2])
                grey[y, x] = (p + 500) // 1000
        for y in range(height):
            first, last = -1, -1
            for x in range(width):
                if first_label <= labels[i, y, x] < n_labels:
                    first = x if first < 0 else first
                    last = x
            if first < 0:
                continue
            _entropy_of_row(grey, y, first, last, half, table, counts, entropy)
            for x in range(first, last + 1):
                label = labels[i, y, x]
                if label < first_label or label >= n_labels:
                    continue
                red, green, blue = pictures[i, y, x, 0], pictures[i, y, x, 1], pictures[i, y, x, 2]
                r, g, b = light[red], light[green], light[blue]
                fx = _curve((0.412453 * r + 0.357580 * g + 0.180423 * b) / 0.95047)
                fy = _curve(0.212671 * r + 0.715160 * g + 0.072169 * b)
                fz = _curve((0.019334 * r + 0.119193 * g + 0.950227 * b) / 1.08883)
                own = sums[i, label]
                own[0] += 1.0
                own[1] += (0.299 * red + 0.587 * green + 0.114 * blue) / 255.0
                own[2] += 116.0 * fy - 16.0
                own[3] += 500.0 * (fx - fy)
                own[4] += 200.0 * (fy - fz)
                own[5] += entropy[x]
                own[6] += x
                own[7] += y
                own[8] += x * x
                own[9] += y * y
                own[10] += x * y
        for label in range(first_label, n_labels):
            own = sums[i, label]
            if own[0] > 0:
                own[8] -= own[6] * own[6] / own[0]
                own[9] -= own[7] * own[7] / own[0]
                own[10] -= own[6] * own[7] / own[0]
