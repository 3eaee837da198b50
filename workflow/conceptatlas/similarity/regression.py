"""Directed similarity: how much of one layer's pooled features ridge regression explains from another's.

Share = 1 - RSS / TSS over all units of the target on held-out images; TSS is about the mean of the training images.
High from a to b and low back: b lacks what a holds. Negative values (worse than the mean) are kept. Folds are drawn by
the names of the images, the same for every layer. The ridge is relative to the mean eigenvalue of the predictor's
scatter matrix, so one common scale changes nothing; nor do permutations of units.

The prediction is linear in the target: a layer gives one matrix H (image, image) for the whole cross-validation, so
that a target costs one product, and a shuffled target only sums over H and the target's Gram matrix.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from conceptatlas.seeds import derive_seed, image_block
from conceptatlas.similarity.triangles import shuffled_products, upper

Array = np.ndarray[Any, Any]

N_FOLDS = 5


class Predictor(NamedTuple):
    """A layer as predictor of others.

    residual : I - H; baseline : I - M with M the mean of the training images of each image's fold; float64 (image,
    image). squares : R^T R of both, as diagonal (image,) and triangle (entry,), for shuffled targets.
    """

    residual: Array
    baseline: Array
    squares: list[tuple[Array, Array]]


def folds_of(ids: list[str], blocks: Array, *, seed: int, n_folds: int = N_FOLDS) -> Array:
    """Fold of every image, int8 (image,), of nearly equal sizes, by seeded hash of the names.

    blocks : int64 (image,), bootstrap blocks. Where several images are cut from one picture, whole blocks are drawn:
    its pieces must not teach and judge.
    """
    if all(image_block(name) == block for name, block in zip(ids, blocks, strict=True)):
        keys = [derive_seed(seed, "regression fold", name) for name in ids]
        rank = np.argsort(np.argsort(keys, kind="stable"), kind="stable")
        return (rank % n_folds).astype(np.int8)
    keys = [derive_seed(seed, "regression fold of a block", int(block)) for block in range(32)]
    rank = np.argsort(np.argsort(keys, kind="stable"), kind="stable")
    return (rank[blocks] % n_folds).astype(np.int8)


def predictor(x: Array, folds: Array, *, ridge: float, n_units: int) -> Predictor:
    """Prepare a layer. x : float64 (image, column), coordinates. n_units : of the layer, for the mean eigenvalue.

    A fold without images left to learn from predicts nothing (its rows are those of the mean over no image: 0).
    """
    n = len(x)
    H, M = np.zeros((n, n)), np.zeros((n, n))
    for fold in np.unique(folds):
        held, kept = np.flatnonzero(folds == fold), np.flatnonzero(folds != fold)
        if not len(kept):
            continue
        M[np.ix_(held, kept)] = 1 / len(kept)
        mean = x[kept].mean(axis=0)
        learn, judge = x[kept] - mean, x[held] - mean
        total = float((learn**2).sum())
        rank = max(1, min(len(kept) - 1, n_units))
        weight = max(ridge, 1e-12) * total / rank  # never singular
        if total > 0:
            H[np.ix_(held, kept)] = _weights(learn, judge, weight)
    H += M
    eye = np.eye(n)
    residual, baseline = eye - H, eye - M
    squares = [R.T @ R for R in (residual, baseline)]
    return Predictor(residual, baseline, [(np.diagonal(square).copy(), upper(square)) for square in squares])


def explained(predicting: Predictor, target: Array) -> tuple[Array, Array]:
    """Squared residuals and squared deviations of every held-out image, float64 (image,) each.

    target : float64 (image, column), coordinates of the other layer. Share = 1 - sum(first) / sum(second).
    """
    rest, spread = predicting.residual @ target, predicting.baseline @ target
    return (rest**2).sum(axis=1), (spread**2).sum(axis=1)


def share(rss: Array, tss: Array) -> float:
    """Explained share from the sums over images; NaN where the target does not vary."""
    total = float(tss.sum())
    return 1 - float(rss.sum()) / total if total > 0 else float("nan")


def shuffled(predicting: Predictor, target: Array, shuffles: Array) -> Array:
    """The share where image n of the predictor meets image shuffles[r, n] of the target: float64 (shuffle,).

    RSS = sum_ij (R^T R)_ij G_p(i)p(j) with R = I - H and G the target's Gram matrix; the same for TSS.
    """
    gram = target @ target.T
    images, pairs, own = [np.arange(len(gram))], upper(gram), np.diagonal(gram)
    sums = [
        2 * shuffled_products(triangle, pairs, images, shuffles) + own[shuffles] @ diagonal
        for diagonal, triangle in predicting.squares
    ]
    rss, tss = sums
    return 1 - np.divide(rss, tss, out=np.full(len(rss), np.nan), where=tss > 0)


def _weights(learn: Array, judge: Array, weight: float) -> Array:
    """judge (learn^T learn + weight I)^-1 learn^T, by whichever of its two forms is smaller."""
    n, p = learn.shape
    if n <= p:
        return np.linalg.solve(learn @ learn.T + weight * np.eye(n), learn @ judge.T).T
    return judge @ np.linalg.solve(learn.T @ learn + weight * np.eye(p), learn.T)
