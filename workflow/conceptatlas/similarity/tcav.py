"""TCAV: in how many images a class score rises along a concept activation vector (Kim et al. 2018), against chance.

A CAV of pooled features acts on every position equally: the directional derivative is the sum over positions of
gradient . CAV / (h w), which is how a position counts on average; h w times that is the change of the score per unit
length in the space of spatial means. Signs, which TCAV counts, are the same.

The null are the CAVs of random labels that belong to the same concept (profiles.h5): their images have the same
sources, so what a CAV owes to the source of its images is in the null too. Score and null are exchangeable if the
labels mean nothing; the distance from the mean of all of them treats all alike, so its rank is a two-sided test. (The
CAV is the mean of several repeats, a random one a single classifier: the CAV is the steadier direction.)
"""

from __future__ import annotations

from typing import Any

import numpy as np

from conceptatlas.similarity.activation_vectors import unit_length
from conceptatlas.similarity.setting import N_BLOCKS, Comparing

Array = np.ndarray[Any, Any]

FLAT = "the class score does not depend on the layer's map in any of these images"
ORTHOGONAL = "the class score does not change along the CAV in any of these images"


def derivatives(gradients: Array, directions: Array) -> Array:
    """Directional derivatives, float64 (direction, image).

    gradients : (image, feature), of the score with respect to the features. directions : (direction, feature), taken at
    unit length; one of length 0 gives 0.
    """
    out: Array = unit_length(directions) @ gradients.astype(np.float64).T
    return out


def ranked(values: Array) -> float:
    """Two-sided p of values[0] among (1 + R,) exchangeable values: the share at least as far from their mean. NaN
    without a null. Integers are compared exactly.

    >>> ranked(np.array([9, 1, 2, 3]))
    0.25
    """
    if len(values) < 2:
        return float("nan")
    distance = np.abs(values * len(values) - values.sum())
    return float((distance >= distance[0]).mean())


def followed_classes(own: Array, *, min_class_images: int, max_classes: int) -> list[int]:
    """Classes that the model gives at least `min_class_images` images, most frequent first; at most `max_classes` (0:
    all)."""
    classes, counts = np.unique(own, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    chosen = [int(classes[i]) for i in order if counts[i] >= min_class_images]
    return chosen[:max_classes] if max_classes else chosen


def tcav_numbers(slopes: Array, images: Array, comparing: Comparing) -> dict[str, Any]:
    """Numbers of one concept and class: columns of the table of responses, but for q.

    slopes : float64 (1 + random, image), derivatives along the CAV and the random CAVs. images : int64 (image,),
    image_index of the images, all of the class.
    """
    n_random = len(slopes) - 1
    numbers: dict[str, Any] = {
        "n_images": len(images),
        "n_flat": int((slopes[0] == 0).sum()),
        "n_random": n_random,
        "smallest_p": 1 / (1 + n_random) if n_random else float("nan"),
    }
    if not slopes[0].any():  # no share of increases, and not one of 0 either
        return numbers | {"reason": ORTHOGONAL if slopes.any() else FLAT}
    blocks = comparing.blocks[images]
    rises = slopes > 0
    counts = rises.sum(axis=1)
    weights = comparing.weights()
    up, n = (np.bincount(blocks, weights=values, minlength=N_BLOCKS) for values in (rises[0], np.ones(len(blocks))))
    drawn = weights @ n
    share = np.divide(weights @ up, drawn, out=np.full(len(drawn), np.nan), where=drawn > 0)
    low, high = comparing.limits(share, blocks)
    null = counts[1:] / len(images)
    numbers |= {
        "tcav": counts[0] / len(images),
        "tcav_low": low,
        "tcav_high": high,
        "derivative": float(slopes[0].mean()),
        "p": ranked(counts),
        "derivative_p": ranked(slopes.mean(axis=1)),
        "reason": "",
    }
    if n_random:
        numbers |= {"null_mean": float(null.mean())}
        numbers |= dict(zip(("null_low", "null_high"), map(float, np.percentile(null, [2.5, 97.5])), strict=True))
    return numbers
