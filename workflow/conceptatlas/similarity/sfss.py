"""Supervised feature space similarity (SFSS) of two layers: mathematics of one concept at a time.

    r = correlation over the concept's balanced test images of cos(CAV_u, x_u) and cos(CAV_v, x_v)

Source: Mikriukov et al. 2023. The headline r runs over images with and without the concept; two layers may
agree there only because both tell the concept, so r within the images with it and within those without stand beside it.

A profile that does not vary has no correlation: NaN, never 0. Null: images of one side are shuffled within their
sources, the same shuffle for all concepts and layers where they share images. Interval: blocks of images are resampled,
the same for both sides; for `spearman` the ranks stay those of all images.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from scipy.stats import rankdata

from conceptatlas.naming import unknown
from conceptatlas.seeds import generator
from conceptatlas.similarity.setting import Comparing

Array = np.ndarray[Any, Any]

CORRELATIONS = ("pearson", "spearman")
FLAT = 1e-12
"""Cosines that vary by no more are taken as constant: what is left is rounding."""


class Draws(NamedTuple):
    """What is drawn for the test images of a data set, the same for every layer and concept.

    blocks : int64 (test image,), 0..31. sources : int64 (test image,). keys : float64 (permutation, test image), in
    [0, 1): a shuffle sorts the images of a source by them. weights : float64 (replicate, block), see `block_weights`.
    """

    blocks: Array
    sources: Array
    keys: Array
    weights: Array


class Part(NamedTuple):
    """Images a correlation runs over, sorted by block, with what is drawn for them.

    images : int64 (n,), positions among the test images. starts : int64 (present block,), where each block begins.
    shares : float64 (replicate, present block): the weight of an image of the block in a replicate; they sum to 1 over
    images, and are NaN in a replicate without any. shuffles : int64 (permutation, n): in shuffle r image i of one side
    meets image shuffles[r, i] of the other, both counted within the part.
    """

    images: Array
    starts: Array
    shares: Array
    shuffles: Array


class Side(NamedTuple):
    """A profile prepared for a part: z of mean 0 and length 1 (all NaN where it is constant), and its block moments.

    shuffled : float64 (permutation, n). mean, precision : float64 (replicate,), mean and 1 / standard deviation of z in
    every replicate of blocks; the latter NaN where z does not vary.
    """

    z: Array
    shuffled: Array
    mean: Array
    precision: Array


class Correlated(NamedTuple):
    """r with its values under chance, float64 (permutation,), and under resampled blocks, float64 (replicate,)."""

    r: float
    null: Array
    resampled: Array


def make_draws(test_images: Array, comparing: Comparing) -> Draws:
    """Draw the shuffles and resamples of the test images of a data set. test_images : int64 (test image,)."""
    keys = generator(comparing.seed, "similarity", "sfss shuffles").random((comparing.n_permutations, len(test_images)))
    weights = comparing.weights().astype(np.float64)
    return Draws(comparing.blocks[test_images], comparing.sources[test_images], keys, weights)


def check_correlation(correlation: str) -> None:
    """Raise ValueError for a correlation nobody knows."""
    if correlation not in CORRELATIONS:
        raise unknown("correlation", correlation, CORRELATIONS, where="similarity.supervised")


def make_part(images: Array, draws: Draws) -> Part:
    """The draws for some of the test images. images : int64 (n,), positions among them."""
    images = images[np.argsort(draws.blocks[images], kind="stable")]
    blocks = draws.blocks[images]
    starts = np.flatnonzero(np.diff(blocks, prepend=-1))
    sources = draws.sources[images]
    in_order = np.argsort(sources, kind="stable")
    shuffles = np.empty((len(draws.keys), len(images)), dtype=np.int64)
    shuffles[:, in_order] = np.lexsort(
        (draws.keys[:, images], np.broadcast_to(sources, (len(draws.keys), len(images)))), axis=1
    )
    weights = draws.weights[:, blocks[starts]]
    total = weights @ np.diff(starts, append=len(images)).astype(np.float64)
    shares = np.divide(weights, total[:, None], out=np.full_like(weights, np.nan), where=total[:, None] > 0)
    return Part(images, starts, shares, shuffles)


def correlation(a: Array, b: Array, kind: str = "pearson") -> float:
    """Correlation of two profiles (image,); NaN where one is constant, or there are fewer than two images.

    >>> round(correlation(np.array([1.0, 2.0, 3.0]), np.array([1.0, 3.0, 2.0])), 6)
    0.5
    """
    return _bounded(float(standardised(a, kind) @ standardised(b, kind)))


def standardised(profile: Array, kind: str) -> Array:
    """The profile (its ranks for spearman) with mean 0 and length 1: float64 (image,); NaN where it is constant."""
    if len(profile) < 2 or not np.ptp(profile) > FLAT:
        return np.full(len(profile), np.nan)
    values = rankdata(profile) if kind == "spearman" else profile.astype(np.float64)
    centred = values - values.mean()
    z: Array = centred / np.sqrt((centred**2).sum())
    return z


def make_side(profile: Array, part: Part, kind: str) -> Side:
    """Prepare a profile over all test images, float64 (test image,), for a part."""
    z = standardised(profile[part.images], kind)
    if not len(z):
        empty = np.full(len(part.shares), np.nan)
        return Side(z, np.empty((len(part.shuffles), 0)), empty, empty)
    mean = part.shares @ np.add.reduceat(z, part.starts)
    variance = part.shares @ np.add.reduceat(z * z, part.starts) - mean**2
    tiny = FLAT / len(z)  # the variance over all images is 1 / n: less is the rounding of a constant
    varies = variance > tiny
    precision = np.divide(1, np.sqrt(np.where(varies, variance, 1)), out=np.full(len(mean), np.nan), where=varies)
    return Side(z, z[part.shuffles], mean, precision)


def correlate(a: Side, b: Side, part: Part) -> Correlated:
    """Correlate two profiles over a part; the images of b are shuffled for the null."""
    if not len(part.images) or np.isnan(a.z[0]) or np.isnan(b.z[0]):
        return Correlated(float("nan"), np.full(len(part.shuffles), np.nan), np.full(len(part.shares), np.nan))
    product = part.shares @ np.add.reduceat(a.z * b.z, part.starts)
    resampled = (product - a.mean * b.mean) * (a.precision * b.precision)
    return Correlated(_bounded(float(a.z @ b.z)), b.shuffled @ a.z, np.minimum(np.maximum(resampled, -1), 1))


def percentiles(values: Array, confidence: float) -> tuple[float, float]:
    """Percentile interval of resampled values, (replicate,), those undefined left out; NaN where most are.

    The same numbers as numpy's nanpercentile, at a twentieth of its time: there is one for every pair and concept.
    """
    values = np.sort(values)  # NaN last
    n = len(values) - int(np.isnan(values[len(values) // 2 :]).sum())
    if 2 * n <= len(values):
        return float("nan"), float("nan")
    tail = (1 - confidence) / 2
    places = np.array([tail, 1 - tail]) * (n - 1)
    lower = places.astype(np.int64)
    upper = np.minimum(lower + 1, n - 1)
    low, high = values[lower] + (places - lower) * (values[upper] - values[lower])
    return float(low), float(high)


def _bounded(r: float) -> float:
    return r if np.isnan(r) else max(-1.0, min(1.0, r))
