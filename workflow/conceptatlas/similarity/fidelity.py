"""How much of a network's answer survives when a layer is replaced by its concepts (ICE, Zhang et al. 2021).

A' = concepts' reconstruction of A, by the best coefficients (`Basis.coefficients`) whatever the projection of the maps.
Concepts found on the rectified layer (nmf) replace its positive part only: the negative part min(A, 0) is kept as it
is, so that a perfect reconstruction gives A' = A. Every position is replaced, padding included.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits

from conceptatlas.similarity.projecting import Basis
from conceptatlas.similarity.setting import N_BLOCKS, Comparing

Array = np.ndarray[Any, Any]


class Replacements:
    """Calling it with maps float32 (image, unit, height, width) yields what replaces them, float32 of the same shape:
    the reconstruction from all concepts, from none, and without each of `left_out`.

    Attributes
    ----------
    left_out : int64, the concepts that are there (length above 0). n_variants : 2 + their number.
    counted : how many images of the next maps are real; the rest are black frames. negative : whether a value below 0
    occurred in a real image.
    """

    def __init__(self, basis: Basis) -> None:
        self.basis = basis
        self.left_out = np.flatnonzero(basis.components.any(axis=1))
        self.n_variants = 2 + len(self.left_out)
        self.counted: int | None = None
        self.negative = False

    def __call__(self, maps: Array) -> Iterator[Array]:
        """See the class. ValueError for maps of another number of units."""
        basis = self.basis
        n_images, n_units = maps.shape[:2]
        if n_units != basis.components.shape[1]:
            raise ValueError(
                f"the layer has {n_units} units, its discovered concepts {basis.components.shape[1]}: they are those "
                "of another layer or model"
            )
        self.negative |= bool((maps[: self.counted] < 0).any())
        flat = maps.reshape(n_images, n_units, -1)
        with threadpool_limits(1, user_api="blas"):  # a product's rounding depends on the threads
            coefficients = [basis.coefficients(basis.products(basis.prepare(values))) for values in flat]
        everything = np.ones(len(basis.components))
        yield self._rebuilt(flat, coefficients, everything).reshape(maps.shape)
        yield self._rebuilt(flat, coefficients, 0 * everything).reshape(maps.shape)
        for concept in self.left_out:
            share = everything.copy()
            share[concept] = 0
            yield self._rebuilt(flat, coefficients, share).reshape(maps.shape)

    def _rebuilt(self, flat: Array, coefficients: list[Array], share: Array) -> Array:
        """Maps (image, unit, position) with every concept's term times its share; one image at a time, float64."""
        out = np.empty(flat.shape, dtype=np.float32)
        terms = self.basis.components * share[:, None]
        with threadpool_limits(1, user_api="blas"):
            for n, of_image in enumerate(coefficients):
                values = (of_image @ terms).T + self.basis.offset[:, None]
                if self.basis.rectify:
                    values += np.minimum(flat[n], 0)
                out[n] = values
        return out


class Told(NamedTuple):
    """Answers to images, arrays as in `models.replacing.Answers`: own, score (image,); top, scores (variant, image)."""

    own: Array
    score: Array
    top: Array
    scores: Array


def fidelity_numbers(told: Told, images: Array, comparing: Comparing, *, min_class_images: int) -> list[dict[str, Any]]:
    """Numbers of every variant: columns of the table of responses.

    images : int64 (image,), image_index of the images answered. min_class_images : images that a class needs.
    """
    blocks = comparing.blocks[images]
    weights = comparing.weights()
    classes, at, counts = np.unique(told.own, return_inverse=True, return_counts=True)
    kept = counts >= min_class_images
    cell = at * N_BLOCKS + blocks
    base = _by_class_and_block(told.score.astype(np.float64), cell, len(classes))[kept]
    n = _by_class_and_block(np.ones(len(cell)), cell, len(classes))[kept]
    in_block = np.bincount(blocks, minlength=N_BLOCKS)
    rows = []
    for top, scores in zip(told.top, told.scores, strict=True):
        moved = scores.astype(np.float64) - told.score
        error, change = (_by_class_and_block(v, cell, len(classes))[kept] for v in (np.abs(moved), moved))
        value, n_defined = _mean_ratio(error.sum(axis=1), base.sum(axis=1), n.sum(axis=1))
        resampled = _mean_ratio(weights @ error.T, weights @ base.T, weights @ n.T)[0]
        in_kept = blocks[kept[at]]
        low, high = comparing.limits(resampled, in_kept)
        same = np.bincount(blocks, weights=top == told.own, minlength=N_BLOCKS)
        drawn = weights @ in_block
        stays = np.divide(weights @ same, drawn, out=np.full(len(drawn), np.nan), where=drawn > 0)
        stays_low, stays_high = comparing.limits(stays, blocks)
        rows.append(
            {
                "n_images": len(images),
                "n_classes": int(n_defined),
                "score_error": float(value),
                "score_error_low": low,
                "score_error_high": high,
                "score_change": float(_mean_ratio(change.sum(axis=1), base.sum(axis=1), n.sum(axis=1))[0]),
                "top_class_stays": float(same.sum() / len(images)) if len(images) else float("nan"),
                "top_class_stays_low": stays_low,
                "top_class_stays_high": stays_high,
                "reason": _why_no_error(len(images), int(n_defined), min_class_images),
            }
        )
    return rows


def _by_class_and_block(values: Array, cell: Array, n_classes: int) -> Array:
    return np.bincount(cell, weights=values, minlength=n_classes * N_BLOCKS).reshape(n_classes, N_BLOCKS)


def _mean_ratio(top: Array, below: Array, n: Array) -> tuple[Array, Array]:
    """Mean over the last axis (class) of top / |below|, where a class has images and below is not 0; and how many."""
    defined = (n > 0) & (below != 0)
    ratio = np.divide(top, np.abs(below), out=np.zeros(np.shape(top)), where=defined)
    count = defined.sum(axis=-1)
    total = ratio.sum(axis=-1)
    return np.divide(total, count, out=np.full(np.shape(total), np.nan), where=count > 0), count


def _why_no_error(n_images: int, n_classes: int, min_class_images: int) -> str:
    if not n_images:
        return "no validation image"
    return "" if n_classes else f"no class is predicted for at least {min_class_images} images"
