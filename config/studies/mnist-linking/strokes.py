"""Labels and metrics of handwritten digits, as functions that the config names: strokes, loops, thickness, slant.

A digit's stroke is what is brighter than half; its loops are the holes in it (the 0, 6, 8, 9 and some 2 and 4).
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import distance_transform_edt
from skimage.measure import label
from skimage.morphology import skeletonize

BACKGROUND, STROKE, LOOP = range(3)


def digit_labels(pictures: np.ndarray) -> np.ndarray:
    """uint8 (n, size, size, 3) -> uint8 (n, size, size): background, stroke, loop."""
    found = (pictures[..., 0] >= 128).astype(np.uint8)
    for own in found:
        ground = label(own == BACKGROUND, connectivity=1)
        edge = np.unique(np.concatenate([ground[0], ground[-1], ground[:, 0], ground[:, -1]]))
        own[(ground > 0) & ~np.isin(ground, edge)] = LOOP
    return found


digit_labels.label_names = ["background", "stroke", "loop"]


def thickness(pictures: np.ndarray, labels: np.ndarray, n_labels: int) -> np.ndarray:
    """Twice the mean distance from the middle of the stroke to its edge, pixels: (n, label), of the stroke alone."""
    values = np.full((len(labels), n_labels), np.nan)
    for i, own in enumerate(labels == STROKE):
        middle = skeletonize(own)
        if middle.any():
            values[i, STROKE] = 2 * distance_transform_edt(own)[middle].mean()
    return values


def slant(pictures: np.ndarray, labels: np.ndarray, n_labels: int) -> np.ndarray:
    """Angle by which the stroke leans to the right, degrees: its shear, -covariance(x, y) / variance(y)."""
    values = np.full((len(labels), n_labels), np.nan)
    for i, own in enumerate(labels == STROKE):
        y, x = np.nonzero(own)
        if len(y) and np.ptp(y):
            values[i, STROKE] = np.degrees(np.arctan(-np.cov(x, y)[0, 1] / np.var(y, ddof=1)))
    return values


def loops(pictures: np.ndarray, labels: np.ndarray, n_labels: int) -> np.ndarray:
    """Number of loops: (n, label), told of the stroke, so that a digit that loses its loop counts."""
    values = np.full((len(labels), n_labels), np.nan)
    for i, own in enumerate(labels):
        values[i, STROKE] = label(own == LOOP, connectivity=1).max()
    return values
