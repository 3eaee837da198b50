"""What a labelled picture looks like, label by label: area, brightness, colour, place, entropy, shape.

Source: Wehrheim et al. 2024, "Linking in Style", Fig. 2B (right) and supplement; all by scikit-image's definitions
(`regionprops`, `rgb2lab`, `filters.rank.entropy`), computed in one pass for all labels (`label_kernel`). Luminance is
.299 R + .587 G + .114 B in 0..1 (the published code divides by three as well).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from conceptatlas.plugins import find_callable
from conceptatlas.quantification.label_kernel import SUMS, disk_half_widths, label_sums, linear_light
from conceptatlas.quantification.metric_names import ANGLE, AREA, METRICS
from conceptatlas.sheets import expand_cell

Array = np.ndarray[Any, Any]
UserMetric = Callable[[Array, Array, int], Array]

MIN_ECCENTRICITY = 0.3
"""Below it an ellipse has no long axis, so no angle."""
_LIGHT = linear_light()


def measure_labels(
    pictures: Array, labels: Array, *, n_labels: int, min_area: int = 20, entropy_radius: int = 5, first_label: int = 1
) -> Array:
    """Measure every label of every picture.

    Parameters
    ----------
    pictures : uint8 (n, height, width, 3). labels : uint8 (n, height, width), values below n_labels.
    min_area : of a label with fewer pixels only the area is told.
    entropy_radius : of the disk, pixels.
    first_label : labels below it are left out (0 takes the background, too).

    Returns
    -------
    float64 (n, n_labels, metric), in the order of `METRICS`; NaN where a label is not there, or too small.

    Raises
    ------
    ValueError
        if the arrays do not fit together.
    """
    if pictures.dtype != np.uint8 or labels.dtype != np.uint8 or pictures.shape != (*labels.shape, 3):
        raise ValueError(
            f"label metrics: pictures {pictures.dtype} {pictures.shape} and labels {labels.dtype} {labels.shape}; "
            "expected uint8 (n, height, width, 3) and uint8 (n, height, width)"
        )
    sums = np.zeros((len(pictures), n_labels, len(SUMS)))
    half = disk_half_widths(entropy_radius)
    label_sums(np.ascontiguousarray(pictures), np.ascontiguousarray(labels), first_label, _LIGHT, half, sums)
    return _metrics(sums, min_area=max(min_area, 1), first_label=first_label)


def _metrics(sums: Array, *, min_area: int, first_label: int) -> Array:
    """Means and shape from the sums of `label_kernel`."""
    area, luminance, lightness, green_red, blue_yellow, entropy, x, y, xx, yy, xy = np.moveaxis(sums, -1, 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        # eigenvalues of the tensor of inertia: those of the covariance of the pixels' places
        spread = np.sqrt(((xx - yy) / 2) ** 2 + xy**2)
        long, short = (xx + yy) / 2 + spread, np.maximum((xx + yy) / 2 - spread, 0.0)
        eccentricity = np.where(long > 0, np.sqrt(1 - short / np.where(long > 0, long, 1)), 0.0)
        angle = np.degrees(0.5 * np.arctan2(2 * xy, yy - xx))
        angle[eccentricity < MIN_ECCENTRICITY] = np.nan
        means = [each / area for each in (luminance, lightness, green_red, blue_yellow, x, y, entropy)]
    values = np.stack([area, *means, eccentricity, angle], axis=-1)
    small = area < min_area
    values[..., 1:][small] = np.nan
    values[:, :first_label] = np.nan
    return values


def wrap(angle: Array) -> Array:
    """An axial angle, or a difference of two, in degrees, as the equal one in (-90, 90].

    >>> wrap(np.array([100.0, -90.0, 30.0])).tolist()
    [-80.0, 90.0, 30.0]
    """
    wrapped: Array = 90.0 - np.mod(90.0 - np.asarray(angle, dtype=np.float64), 180.0)
    return wrapped


def changes(values: Array, *, metrics: list[str], min_area: int = 20) -> Array:
    """Signed change of every metric from the first picture to the last of a series.

    Of the area it is relative, (A_last - A_first) / A_first, 1 where A_first = 0, for labels of at least `min_area`
    pixels on average over the pictures given; of the angle the shorter way round; of everything else the difference,
    for labels of at least `min_area` pixels in both pictures.

    values : (..., step, label, metric), steps in order. metrics : names along the last axis.

    Returns
    -------
    float64 (..., label, metric); NaN where undefined.
    """
    first, last = values[..., 0, :, :], values[..., -1, :, :]
    change = last - first
    for position, name in enumerate(metrics):
        if name == ANGLE:
            change[..., position] = wrap(change[..., position])
        elif name == AREA:
            change[..., position] = _relative(values[..., position], min_area)
    return change


def _relative(areas: Array, min_area: int) -> Array:
    """Relative change of areas (..., step, label)."""
    first, last = areas[..., 0, :], areas[..., -1, :]
    with np.errstate(invalid="ignore", divide="ignore"):
        relative = np.where(first > 0, (last - first) / np.where(first > 0, first, 1), 1.0)
    relative[~(areas.mean(axis=-2) >= min_area)] = np.nan
    return relative


def user_metrics(named: Mapping[str, str]) -> dict[str, UserMetric]:
    """Metrics of the user's own: name -> ``module:function`` as functions of (pictures, labels, n_labels).

    A function takes uint8 (n, size, size, 3) and uint8 (n, size, size) and gives (n, n_labels), NaN where undefined.

    Raises
    ------
    ValueError
        for a name that is taken, and a function that cannot be found; later for one that gives another shape.
    """
    found: dict[str, UserMetric] = {}
    for name, function in named.items():
        if name in METRICS:
            raise ValueError(f"linking.quantification.metrics: {name!r} is measured already; choose another name")
        where = f"linking.quantification.metrics.{name}"
        found[name] = _checked(find_callable(expand_cell(function), where=where), where)
    return found


def _checked(function: Callable[..., Any], where: str) -> UserMetric:
    def measure(pictures: Array, labels: Array, n_labels: int) -> Array:
        values = np.asarray(function(pictures, labels, n_labels), dtype=np.float64)
        if values.shape != (len(pictures), n_labels):
            raise ValueError(f"{where} gives shape {values.shape}, expected {(len(pictures), n_labels)}")
        return values

    return measure
