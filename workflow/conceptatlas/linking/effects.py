"""What a unit does on average: mean signed changes over starting points, how sparse and how stable they are.

Source: Wehrheim et al. 2024, Fig. 5. A change vector holds, for one metric, the mean change of every label; its label
sparsity is Hoyer's measure (2004) of its absolute values,

    (sqrt(n) - L1 / L2) / (sqrt(n) - 1)    for n labels: 1 where one label changes alone, 0 where all change alike

(the paper does not print its formula). Noise alone is sparse, too: .35 on average for two labels, .27 for nine. So it
is shown beside the mean over sign flips, in which every starting point's changes keep or lose their sign together.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from scipy.stats import t as student

from conceptatlas.quantification.label_metrics import wrap
from conceptatlas.seeds import generator

Array = np.ndarray[Any, Any]

UNITS_AT_ONCE = 16


class Effects(NamedTuple):
    """Statistics of changes over starting points, each (group, unit, label, metric); group 0 is all starting points
    together, the others the classes.

    mean : of signed changes (axial where the metric is an angle). low, high : Student's interval. sd : standard
    deviation between starting points. n : starting points at which it is defined. p : two-sided, by sign flips.
    """

    mean: Array
    low: Array
    high: Array
    sd: Array
    n: Array
    p: Array


class Sparsity(NamedTuple):
    """Label sparsity, each (group, unit, metric).

    value : Hoyer's measure, NaN where undefined. null : its mean over sign flips. p : share of flips (with the vector
    itself) that are as sparse. n_labels : labels with a mean change.
    """

    value: Array
    null: Array
    p: Array
    n_labels: Array


class Stability(NamedTuple):
    """Mean cosine of two starting points' change vectors (over), or of two classes' mean vectors (between); each
    (group or 1, unit, metric), with a percentile interval over resampled starting points."""

    value: Array
    low: Array
    high: Array


def flips(n_points: int, n_flips: int, *, seed: int) -> Array:
    """Signs of starting points: float64 (flip, point), +1 or -1."""
    return 2.0 * generator(seed, "sign flips", n_points).integers(0, 2, (n_flips, n_points)) - 1.0


def draws(classes: Array, n_draws: int, *, seed: int) -> Array:
    """How often each starting point is drawn when those of each class are resampled: float64 (draw, point)."""
    weights = np.zeros((n_draws, len(classes)))
    for each in np.unique(classes):
        own = np.flatnonzero(classes == each)
        rng = generator(seed, "resampled starting points", int(each), len(own))
        weights[:, own] = rng.multinomial(len(own), np.full(len(own), 1 / len(own)), size=n_draws)
    return weights


def groups_of(classes: Array) -> list[Array]:
    """Starting points of all classes together, then of each class in ascending order: bool (point,)."""
    return [np.ones(len(classes), dtype=bool), *(classes == each for each in np.unique(classes))]


def effects(changes: Array, classes: Array, *, axial: Array, signs: Array, confidence: float) -> Effects:
    """Mean changes with interval and null.

    Parameters
    ----------
    changes : float (point, unit, label, metric), NaN where undefined. classes : int (point,).
    axial : bool (metric,), which are angles. signs : from `flips`.
    """
    parts = [_effects(changes[own], axial, signs[:, own], confidence) for own in groups_of(classes)]
    return Effects(*(np.stack(each) for each in zip(*parts, strict=True)))


def _effects(changes: Array, axial: Array, signs: Array, confidence: float) -> tuple[Array, ...]:
    changes = changes.astype(np.float64)
    there = np.isfinite(changes)
    n = there.sum(axis=0)
    mean = mean_change(changes, axial)
    apart = changes - mean
    apart[..., axial] = wrap(apart[..., axial])
    with np.errstate(invalid="ignore", divide="ignore"):
        sd = np.sqrt(np.where(there, apart * apart, 0).sum(axis=0) / (n - 1))
        half = student.ppf(0.5 + confidence / 2, np.maximum(n - 1, 1)) * sd / np.sqrt(n)
    sd, half = np.where(n > 1, sd, np.nan), np.where(n > 1, half, np.nan)
    if not len(signs):
        return mean, mean - half, mean + half, sd, n, np.full(mean.shape, np.nan)
    # of an angle the flipped mean grows with the sum of sines: that of the cosines stays
    size = np.where(axial, np.sin(np.radians(2 * changes)), changes)
    size = np.where(there, size, 0).reshape(len(changes), -1)
    observed = np.abs(size.sum(axis=0))
    as_large = (np.abs(signs @ size) >= observed * (1 - 1e-12)).sum(axis=0)
    p = np.where(n.ravel() > 0, (1 + as_large) / (1 + len(signs)), np.nan).reshape(n.shape)
    return mean, mean - half, mean + half, sd, n, p


def mean_change(changes: Array, axial: Array, weights: Array | None = None) -> Array:
    """Mean over the first axis where defined; of angles, half the angle of the mean vector at twice the angle.

    weights : (draw, point) for several weighted means at once, shape (draw, ...).
    """
    there = np.isfinite(changes)
    filled = np.where(there, changes, 0.0)
    add = (lambda x: x.sum(axis=0)) if weights is None else (lambda x: np.tensordot(weights, x, axes=1))
    n = add(there.astype(np.float64))
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(n > 0, add(filled) / n, np.nan)
    if axial.any():
        twice = np.radians(2 * filled[..., axial])
        sines = add(np.where(there[..., axial], np.sin(twice), 0))
        cosines = add(np.where(there[..., axial], np.cos(twice), 0))
        known = n[..., axial] > 0
        mean[..., axial] = np.where(known, np.degrees(0.5 * np.arctan2(sines, cosines)), np.nan)
    result: Array = mean
    return result


def hoyer(vectors: Array) -> tuple[Array, Array]:
    """Hoyer's sparsity along the axis before the last (labels), and the number of labels with a value.

    vectors : (..., label, metric). Returns float64 and int64 (..., metric); NaN for fewer than two labels, and where
    nothing changes.
    """
    size = np.abs(vectors)
    n = np.isfinite(size).sum(axis=-2)
    size = np.nan_to_num(size)
    first, second = size.sum(axis=-2), np.sqrt((size * size).sum(axis=-2))
    with np.errstate(invalid="ignore", divide="ignore"):
        value = (np.sqrt(n) - first / second) / (np.sqrt(n) - 1)
    return np.where((n > 1) & (second > 0), value, np.nan), n


def sparsity(changes: Array, classes: Array, *, axial: Array, signs: Array) -> Sparsity:
    """Label sparsity of every unit's mean change, against sign flips.

    changes, classes, axial, signs : as in `effects`.
    """
    parts = [_sparsity(changes[own].astype(np.float64), axial, signs[:, own]) for own in groups_of(classes)]
    return Sparsity(*(np.stack(each) for each in zip(*parts, strict=True)))


def _sparsity(changes: Array, axial: Array, signs: Array) -> tuple[Array, Array, Array, Array]:
    value, n_labels = hoyer(mean_change(changes, axial))
    null, p = np.full(value.shape, np.nan), np.full(value.shape, np.nan)
    for first in range(0, changes.shape[1] if len(signs) else 0, UNITS_AT_ONCE):
        part = slice(first, first + UNITS_AT_ONCE)
        flipped = hoyer(_flipped_means(changes[:, part], axial, signs))[0]
        defined = np.isfinite(flipped).any(axis=0) & np.isfinite(value[part])
        total = np.where(defined, np.nan_to_num(flipped).sum(axis=0), np.nan)
        null[part] = total / np.maximum(np.isfinite(flipped).sum(axis=0), 1)
        as_sparse = (flipped >= value[part] - 1e-12).sum(axis=0)
        p[part] = np.where(defined, (1 + as_sparse) / (1 + len(signs)), np.nan)
    return value, null, p, n_labels


def _flipped_means(changes: Array, axial: Array, signs: Array) -> Array:
    """Means of all changes under every flip: (flip, unit, label, metric)."""
    there = np.isfinite(changes)
    filled, n = np.where(there, changes, 0), there.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        means = np.where(n > 0, np.tensordot(signs, filled, axes=1) / n, np.nan)
    if axial.any():
        twice = np.radians(2 * filled[..., axial])
        sines = np.tensordot(signs, np.where(there[..., axial], np.sin(twice), 0), axes=1)
        cosines = np.where(there[..., axial], np.cos(twice), 0).sum(axis=0)
        angle = np.degrees(0.5 * np.arctan2(sines, cosines))
        means[..., axial] = np.where(n[..., axial] > 0, angle, np.nan)
    result: Array = means
    return result


def stability_over_points(changes: Array, classes: Array, weights: Array, *, confidence: float) -> Stability:
    """Whether a unit does the same at every starting point: mean cosine of the change vectors of two of them.

    A starting point at which nothing changes is left out; labels that are undefined count as unchanged.

    weights : from `draws`. Returns arrays (group, unit, metric).
    """
    unit_vectors = _directions(changes)  # (point, unit, label, metric)
    long = (unit_vectors * unit_vectors).sum(axis=2)  # 1 or 0: whether anything changes
    results = []
    for own in groups_of(classes):
        value = _mean_cosine(unit_vectors[own], long[own], np.ones((1, int(own.sum()))))[0]
        drawn = _mean_cosine(unit_vectors[own], long[own], weights[:, own])
        results.append((value, *_percentiles(drawn, confidence)))
    return Stability(*(np.stack(each) for each in zip(*results, strict=True)))


def stability_between_classes(
    changes: Array, classes: Array, weights: Array, *, axial: Array, confidence: float
) -> Stability:
    """Whether a unit does the same in every class: mean cosine of the mean change vectors of two classes.

    Starting points are resampled within classes. Returns arrays (1, unit, metric); NaN for fewer than two classes.
    """
    present = np.unique(classes)

    def value_of(rows: Array) -> Array:
        """(draw, unit, metric) for weights (draw, point)."""
        found = np.full((len(rows), changes.shape[1], changes.shape[3]), np.nan)
        for first in range(0, changes.shape[1], UNITS_AT_ONCE):
            part = changes[:, first : first + UNITS_AT_ONCE].astype(np.float64)
            means = [mean_change(part[classes == each], axial, rows[:, classes == each]) for each in present]
            vectors = _directions(np.stack(means))  # (class, draw, unit, label, metric)
            long = (vectors * vectors).sum(axis=3)
            total, n = vectors.sum(axis=0), long.sum(axis=0)
            with np.errstate(invalid="ignore", divide="ignore"):
                cosine = ((total * total).sum(axis=2) - n) / (n * (n - 1))
            found[:, first : first + UNITS_AT_ONCE] = np.where(n > 1, cosine, np.nan)
        return found

    value = value_of(np.ones((1, len(classes))))
    low, high = _percentiles(value_of(weights), confidence) if len(weights) else (value[0] * np.nan,) * 2
    return Stability(value, low[None], high[None])


def _directions(vectors: Array) -> Array:
    """Vectors of length 1 along the axis before the last, undefined entries 0; 0 where nothing changes."""
    filled = np.nan_to_num(vectors.astype(np.float64))
    length = np.sqrt((filled * filled).sum(axis=-2, keepdims=True))
    directions: Array = np.divide(filled, length, out=np.zeros_like(filled), where=length > 0)
    return directions


def _mean_cosine(vectors: Array, long: Array, weights: Array) -> Array:
    """Weighted mean cosine of two different points: vectors (point, unit, label, metric), weights (draw, point) ->
    (draw, unit, metric); NaN where fewer than two points change."""
    found = np.full((len(weights), *long.shape[1:]), np.nan)
    squares = np.tensordot(weights * weights, long, axes=1)
    total = np.tensordot(weights, long, axes=1)
    for first in range(0, vectors.shape[1], UNITS_AT_ONCE):
        part = slice(first, first + UNITS_AT_ONCE)
        summed = np.tensordot(weights, vectors[:, part], axes=1)  # (draw, unit, label, metric)
        top = (summed * summed).sum(axis=2) - squares[:, part]
        bottom = total[:, part] ** 2 - squares[:, part]
        found[:, part] = np.divide(top, bottom, out=np.full(top.shape, np.nan), where=bottom > 1e-9)
    return found


def _percentiles(drawn: Array, confidence: float) -> tuple[Array, Array]:
    """Percentile limits over the first axis; NaN where half of the draws are undefined."""
    empty = np.full(drawn.shape[1:], np.nan)
    if not len(drawn):
        return empty, empty.copy()
    enough = np.isfinite(drawn).mean(axis=0) > 0.5
    tail = 100 * (1 - confidence) / 2
    low, high = empty, empty.copy()
    if enough.any():
        low[enough], high[enough] = np.nanpercentile(drawn[:, enough], [tail, 100 - tail], axis=0)
    return low, high
