"""The score of a word in a set of images (equation 1), its interval, and what it is in random sets of equal size.

With the 5 captions nearest to each image and their cosines C, the confidence of a word w in caption p of image q is
C_qp if the caption holds the word and 0 otherwise, and

    score(w) = 1/|T| * sum over ALL images q of T of max over p of the confidence.        (1)

So an image without the word counts as 0. Source: Kalibhat et al. 2023, equation 1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse

from conceptatlas.falcon.captions import Word
from conceptatlas.inference.bootstrap import ratio_interval

Array = np.ndarray[Any, Any]

WordsOf = Callable[[str], frozenset[Word]]
"""From a caption to its words."""


class WordTable(NamedTuple):
    """Which words the captions of images hold, and how confidently.

    words : sorted. confidence : sparse float64 (image, word), the maximum of equation 1. holds : sparse float64
    (image, word), 1 where some caption of the image holds the word.
    """

    words: list[Word]
    confidence: Any
    holds: Any


def word_table(captions: Sequence[Sequence[str]], scores: Array, words_of: WordsOf) -> WordTable:
    """The confidence of every word in every image.

    captions : (image, p), the nearest captions. scores : (image, p), their cosines.

    Where a cosine is negative (centred text vectors) equation 1 is taken as printed: a caption that lacks the word
    counts as 0 beside it, so the maximum is negative only if all captions of the image hold the word.
    """
    of_image: list[dict[Word, tuple[float, int]]] = []
    for own, cosines in zip(captions, scores, strict=True):
        best: dict[Word, tuple[float, int]] = {}
        for caption, cosine in zip(own, cosines, strict=True):
            for word in words_of(caption):
                high, n = best.get(word, (-np.inf, 0))
                best[word] = max(high, float(cosine)), n + 1
        n_captions = len(own)
        of_image.append({w: (high if n == n_captions else max(0.0, high), n) for w, (high, n) in best.items()})
    words = sorted({word for best in of_image for word in best})
    at = {word: i for i, word in enumerate(words)}
    row = [q for q, best in enumerate(of_image) for _ in best]
    column = [at[word] for best in of_image for word in best]
    value = [high for best in of_image for high, _ in best.values()]
    shape = (len(of_image), len(words))
    confidence = sparse.csr_matrix((value, (row, column)), shape=shape, dtype=np.float64)
    holds = sparse.csr_matrix((np.ones(len(row)), (row, column)), shape=shape, dtype=np.float64)
    return WordTable(words, confidence, holds)


def word_scores(table: WordTable, images: Array) -> Array:
    """Equation 1 of every word for a set of images (rows of the table): float64 (word,)."""
    return np.asarray(table.confidence[images].sum(axis=0)).ravel() / len(images)


def score_intervals(
    table: WordTable, images: Array, words: Array, blocks: Array, weights: Array, *, confidence: float
) -> tuple[Array, Array]:
    """Interval of the scores of some words over resampled blocks of images.

    images : rows of the table. words : columns. blocks : int (image,), the block of each of `images`. weights : of
    `bootstrap.block_weights`. NaN with fewer than 8 blocks.
    """
    n_blocks = weights.shape[1]
    spread = np.zeros((n_blocks, len(images)))
    spread[blocks, np.arange(len(images))] = 1
    numerator = (spread @ table.confidence[images][:, words].toarray()).T
    denominator = np.broadcast_to(spread.sum(axis=1), numerator.shape)
    held = np.full(len(words), len(np.unique(blocks)))
    return ratio_interval(numerator, denominator, weights, confidence=confidence, n_blocks_with_data=held)


class Null(NamedTuple):
    """What the scores of words are worth against random sets of images of the group's size.

    p : float64 (word,), (1 + #{null >= score}) / (1 + R). p_search : the same for the largest standardised score over
    *all* words, so that looking for the best word is repeated in every random set (Westfall and Young 1993).
    high : float64 (word,), the null's 95 % point. mean : float64 (word,).
    """

    p: Array
    p_search: Array
    high: Array
    mean: Array


class RandomSets:
    """Random sets of a size out of a pool of images, which should hold the group they are compared with: a word that
    the pool lacks would be rarer than any that a random set can hold.

    Parameters
    ----------
    pool : sparse (pool image, word), confidences of equation 1 of the pool's images.
    size : images of a set, all different. n_random : sets (R); 0 for no null.

    Raises
    ------
    ValueError
        if the pool is smaller than a set.
    """

    def __init__(self, pool: Any, size: int, n_random: int, rng: np.random.Generator) -> None:
        n_images = pool.shape[0]
        if n_random and size > n_images:
            raise ValueError(
                f"random groups of {size} images out of {n_images}; falcon.random_groups.n_images must not be smaller "
                "than a group"
            )
        self.size, self.n_random = size, n_random
        chosen = np.array([rng.permutation(n_images)[:size] for _ in range(n_random)], dtype=np.int64).reshape(-1)
        rows = np.repeat(np.arange(n_random), size)
        self.draws = sparse.csr_matrix((np.ones(len(rows)), (rows, chosen)), shape=(n_random, n_images))
        """0/1 (set, pool image)."""
        self._at = np.flatnonzero(np.asarray(pool.getnnz(axis=0)))  # other words score 0 in every set
        self._scores = (self.draws @ pool[:, self._at]).toarray() / size
        # over all sets that could be drawn, not those drawn: the same whichever set is the observed one
        self._mean = np.asarray(pool.mean(axis=0)).ravel()
        variance = np.maximum(np.asarray(pool.multiply(pool).mean(axis=0)).ravel() - self._mean**2, 0)
        self._sd = np.sqrt(variance / size * (n_images - size) / max(n_images - 1, 1))
        positive = self._sd[self._sd > 0]
        self._scale = self._sd + (float(np.median(positive)) if len(positive) else 1.0)
        standard = (self._scores - self._mean[self._at]) / self._scale[self._at]
        self._best = standard.max(axis=1) if standard.size else np.zeros(n_random)

    def compare(self, scores: Array, words: Array) -> Null:
        """Compare the scores of some words (columns of the pool) with those in the random sets.

        Standardised means minus the mean over all sets that could be drawn, divided by their standard deviation plus
        the median one over words: the deviation alone would make the rarest words stand out most.
        """
        if not self.n_random:
            nothing = np.full(len(words), np.nan)
            return Null(nothing, nothing, nothing, nothing)
        null = np.zeros((self.n_random, len(words)))
        there = np.isin(words, self._at)
        null[:, there] = self._scores[:, np.searchsorted(self._at, words[there])]
        tolerance = 1e-12  # sums of the same numbers in another order
        p = (1 + (null >= scores - tolerance).sum(axis=0)) / (1 + self.n_random)
        standard = (scores - self._mean[words]) / self._scale[words]
        p_search = (1 + (self._best[:, None] >= standard - tolerance).sum(axis=0)) / (1 + self.n_random)
        return Null(p, p_search, np.quantile(null, 0.95, axis=0), self._mean[words])
