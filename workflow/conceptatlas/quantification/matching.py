"""Points of one picture found again in another: SIFT, or a matcher of the user's own.

A matcher is any function ``matcher(original, perturbed) -> (n, 4)``: x and y of a point in the first picture, x and
y of the same point in the second; pixels, (0, 0) is the centre of the first pixel. The paper takes PUMP (Revaud et al.
2022), whose licence forbids shipping it; SIFT (Lowe 2004) needs no weights.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from conceptatlas.plugins import find_callable
from conceptatlas.sheets import expand_cell

Array = np.ndarray[Any, Any]
Matcher = Callable[[Array, Array], Array]

SIFT = "sift"
MAX_RATIO = 0.8
"""A match counts if its distance is below this share of that of the second best (Lowe's ratio test)."""
CONTRAST = 0.01
"""SIFT's contrast threshold; below OpenCV's 0.04, because generated pictures are small and smooth."""
ENLARGED_TO = 512
"""Pictures up to half this side are doubled before points are sought, which halves the error of their places."""


class SiftMatcher:
    """SIFT points of both pictures, matched both ways with the ratio test; what it found in the last original is kept,
    so that one original against many perturbed pictures is searched once."""

    def __init__(self) -> None:
        self._original: tuple[Array, Any] | None = None

    def __call__(self, original: Array, perturbed: Array) -> Array:
        """Matched points of two pictures, uint8 (height, width, 3): float64 (n, 4)."""
        import cv2

        if self._original is None or not np.array_equal(self._original[0], original):
            self._original = (original.copy(), _points(original))
        places, words = self._original[1]
        other_places, other_words = _points(perturbed)
        if words is None or other_words is None or len(words) < 2 or len(other_words) < 2:
            return np.empty((0, 4))
        both = cv2.BFMatcher(cv2.NORM_L2).knnMatch(words, other_words, k=2)
        kept = [best for best, second in both if best.distance < MAX_RATIO * second.distance]
        found = [(*places[match.queryIdx], *other_places[match.trainIdx]) for match in kept]
        return np.array(found, dtype=np.float64).reshape(len(found), 4)


def find_matcher(named: str) -> Matcher:
    """The matcher of a config: `sift`, or ``module:function`` of the user's own.

    Raises
    ------
    ValueError
        where the function cannot be found.
    """
    if named == SIFT:
        return SiftMatcher()
    found = find_callable(expand_cell(named), where="linking.quantification.motion.matcher")

    def checked(original: Array, perturbed: Array) -> Array:
        points = np.asarray(found(original, perturbed), dtype=np.float64)
        if points.ndim != 2 or points.shape[1] != 4 or not np.isfinite(points).all():
            raise ValueError(
                f"linking.quantification.motion.matcher {named!r} gives an array of shape {points.shape}; expected "
                "finite (n, 4): x, y in the original, x, y in the perturbed picture"
            )
        return points

    return checked


def _points(picture: Array) -> tuple[Array, Any]:
    """Places (n, 2) of SIFT's points in pixels of the picture, and their descriptors."""
    import cv2

    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    factor = 2 if 2 * max(grey.shape) <= ENLARGED_TO else 1
    if factor > 1:
        grey = cv2.resize(grey, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC)
    tools: Any = cv2  # its type stubs lack SIFT
    points, words = tools.SIFT_create(contrastThreshold=CONTRAST).detectAndCompute(grey, None)
    places = np.array([point.pt for point in points], dtype=np.float64).reshape(len(points), 2)
    return (places + 0.5) / factor - 0.5, words  # pixel centres, before and after enlarging
