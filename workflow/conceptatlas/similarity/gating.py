"""Does a layer recognise a concept? Balanced accuracy of its concept vectors on gate images, against random labels.

Balanced accuracy = (share of images with the concept told rightly + share of those without) / 2. A layer recognises a
concept if the lower end of its interval, over resampled repeats and blocks of gate images, lies above the 95 % point of
concept vectors that were learned on random labels and are judged by random labels.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from conceptatlas.inference.bootstrap import MINIMUM_BLOCKS, block_weights
from conceptatlas.seeds import generator
from conceptatlas.similarity.setting import N_BLOCKS

Array = np.ndarray[Any, Any]


class Rights(NamedTuple):
    """Gate images told rightly, whole numbers.

    with_it, without : int64 (repeat, block). n_with, n_without : int64 (block,), all gate images of each kind.
    """

    with_it: Array
    without: Array
    n_with: Array
    n_without: Array


def count_right(yes: Array, labels: Array, blocks: Array) -> Rights:
    """Count what classifiers get right.

    yes : bool (repeat, image), what each says. labels : bool (image,). blocks : int (image,), 0..31.
    """
    member = np.eye(N_BLOCKS, dtype=np.int64)[blocks]
    right = (yes == labels).astype(np.int64)
    return Rights(
        right[:, labels] @ member[labels],
        right[:, ~labels] @ member[~labels],
        member[labels].sum(axis=0),
        member[~labels].sum(axis=0),
    )


def balanced_accuracies(rights: Rights) -> Array:
    """Balanced accuracy of every repeat: float64 (repeat,); NaN where a kind has no gate image."""
    n_with, n_without = rights.n_with.sum(), rights.n_without.sum()
    if not n_with or not n_without:
        return np.full(len(rights.with_it), np.nan)
    accuracy: Array = (rights.with_it.sum(axis=1) / n_with + rights.without.sum(axis=1) / n_without) / 2
    return accuracy


def accuracy_interval(rights: Rights, *, n_bootstrap: int, confidence: float, seed: int) -> tuple[float, float]:
    """Percentile interval of the mean balanced accuracy over resampled repeats and blocks.

    NaN where fewer than 8 blocks hold the concept, or images without it, and without resamples. The same draws for
    every layer and concept.
    """
    n_repeats = len(rights.with_it)
    if min((rights.n_with > 0).sum(), (rights.n_without > 0).sum()) < MINIMUM_BLOCKS or not n_bootstrap:
        return float("nan"), float("nan")
    of_blocks = block_weights(N_BLOCKS, n_bootstrap, seed=seed).astype(np.float64)
    rng = generator(seed, "similarity", "repeats", n_repeats)
    of_repeats = rng.multinomial(n_repeats, np.full(n_repeats, 1 / n_repeats), size=n_bootstrap).astype(np.float64)
    shares = [
        _ratio(np.einsum("br,rk,bk->b", of_repeats, right, of_blocks) / n_repeats, of_blocks @ total)
        for right, total in ((rights.with_it, rights.n_with), (rights.without, rights.n_without))
    ]
    value = (shares[0] + shares[1]) / 2
    if np.isfinite(value).mean() <= 0.5:
        return float("nan"), float("nan")
    tail = 100 * (1 - confidence) / 2
    low, high = np.nanpercentile(value, [tail, 100 - tail])
    return float(low), float(high)


def _ratio(top: Array, bottom: Array) -> Array:
    return np.divide(top, bottom, out=np.full(len(top), np.nan), where=bottom > 0)
