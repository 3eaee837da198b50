"""CKA, RSA, Procrustes and regression of pairs of layers, from their geometry files: values, intervals, chance.

Intervals resample 32 blocks of images with everything fitted kept as it is: the centring of CKA, the ranks of RSA, the
rotation of Procrustes, the coefficients of the regression. The values of the last two depend on the number of images;
their intervals say how they scatter at this number, not what many images would give. Chance shuffles the images of the
layer whose name sorts last (of the target for regression), within sources and batches. What one layer gives is computed
once for its pairs.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from conceptatlas.similarity import procrustes, regression
from conceptatlas.similarity.geometry_file import Geometry
from conceptatlas.similarity.nulls import joint_groups, judge, shuffles
from conceptatlas.similarity.rsa import without
from conceptatlas.similarity.setting import N_BLOCKS, Comparing, Measured, measured
from conceptatlas.similarity.triangles import block_products, shuffled_products

Array = np.ndarray[Any, Any]

FEW = "too few images in a batch"
ALIKE = "pooled features are alike in all images of {}"


class Ranks(NamedTuple):
    """Ranked dissimilarities of a layer and their sums by the blocks of both images, float64 (block, block).

    entries : triangles of all batches. counts : pairs of images. sums, squares : of the ranks.
    """

    entries: Array
    batches: list[Array]
    counts: Array
    sums: Array
    squares: Array


class Layer:
    """A layer prepared for pairs. name : of its model and layer, for seeds and messages."""

    def __init__(self, name: str, geometry: Geometry, comparing: Comparing) -> None:
        self.name = name
        self.geometry = geometry
        self.batches = geometry.batches
        self.blocks = comparing.blocks[geometry.test_images]
        self.sources = comparing.sources[geometry.test_images]

    @cached_property
    def cka_own(self) -> Array:
        """Products of the layer with itself by blocks of images, (block, block)."""
        return block_products(self.geometry.cka, self.geometry.cka, self.batches, self.blocks)

    @cached_property
    def ranks(self) -> Ranks:
        """Ranks over all images."""
        return self._ranks(self.geometry.rsa, self.batches)

    def rank_without(self, left_out: Array) -> Ranks:
        """Ranks without some images, bool (image,)."""
        return self._ranks(*without(self.geometry.rsa, self.batches, left_out))

    def _ranks(self, entries: Array, batches: list[Array]) -> Ranks:
        if not len(entries):
            none = np.zeros((N_BLOCKS, N_BLOCKS))
            return Ranks(entries, batches, none, none, none)
        ones = np.ones(len(entries), dtype=np.float32)
        pairs = (ones, ones), (entries, ones), (entries, entries)
        sums = [block_products(left, right, batches, self.blocks) for left, right in pairs]
        return Ranks(entries, batches, *sums)

    @cached_property
    def coordinates(self) -> Array:
        """Coordinates of norm 1, float64 (row, column); zeros where nothing varies."""
        x = self.geometry.features.astype(np.float64)
        size = np.sqrt((x**2).sum())
        return x / size if size > 0 else x

    @cached_property
    def predictor(self) -> regression.Predictor:
        """The layer as predictor of others."""
        geometry = self.geometry
        return regression.predictor(self.coordinates, geometry.fold, ridge=geometry.ridge, n_units=geometry.n_units)


def compare_pooled(a: Layer, b: Layer, comparing: Comparing) -> list[Measured]:
    """The measures of pooled features of a pair: those that both files hold."""
    both = [name for name in a.geometry.measures if name in b.geometry.measures]
    of = {"cka": _cka, "rsa": _rsa, "procrustes": _procrustes, "regression": _regression}
    weights = comparing.weights().astype(np.float64)
    return [row for name in of if name in both for row in of[name](a, b, comparing, weights)]


def _shuffles(
    measure: str, a: Layer, b: Layer, groups: Array, comparing: Comparing, n_permutations: int
) -> tuple[Array, bool]:
    return shuffles(measure, a.name, b.name, groups, n_permutations=n_permutations, seed=comparing.seed)


def _cka(a: Layer, b: Layer, comparing: Comparing, weights: Array) -> list[Measured]:
    first, second = a.geometry.cka, b.geometry.cka
    n = len(a.geometry.test_images)
    order, b_moves = _shuffles(
        "cka", a, b, joint_groups(a.sources, a.geometry.batch), comparing, comparing.n_permutations
    )
    counts: dict[str, Any] = {"n_images": n, "n_permutations": len(order)}
    if not len(first) or not a.cka_own.any() or not b.cka_own.any():
        return [_undefined("cka", a, b, empty=not len(first), alike=not a.cka_own.any(), **counts)]
    together = block_products(first, second, a.batches, a.blocks)
    length = np.sqrt(a.cka_own.sum() * b.cka_own.sum())
    value = _bounded(float(together.sum() / length))
    top, left, right = (np.einsum("rb,bc,rc->r", weights, part, weights) for part in (together, a.cka_own, b.cka_own))
    below = left * right
    resampled = np.divide(top, np.sqrt(np.maximum(below, 0)), out=np.full(len(top), np.nan), where=below > 0)
    fixed, moved = (first, second) if b_moves else (second, first)
    null = shuffled_products(fixed, moved, a.batches, order) / length
    return [measured("cka", value, comparing.limits(resampled, a.blocks), judge(value, null), **counts)]


def _rsa(a: Layer, b: Layer, comparing: Comparing, weights: Array) -> list[Measured]:
    left_out = a.geometry.constant | b.geometry.constant
    kept = ~left_out
    groups = joint_groups(a.sources, a.geometry.batch, left_out)
    order, b_moves = _shuffles("rsa", a, b, groups, comparing, comparing.n_permutations)
    counts: dict[str, Any] = {"n_images": int(kept.sum()), "n_permutations": len(order)}
    left, right = (layer.ranks if kept.all() else layer.rank_without(left_out) for layer in (a, b))
    size = np.sqrt(left.squares.sum() * right.squares.sum())
    if not size > 0:
        return [_undefined("rsa", a, b, empty=not len(left.entries), alike=not left.squares.any(), **counts)]
    together = block_products(left.entries, right.entries, left.batches, a.blocks)
    n, sum_a, sum_b, aa, bb, ab = (
        np.einsum("rb,bc,rc->r", weights, part, weights)
        for part in (left.counts, left.sums, right.sums, left.squares, right.squares, together)
    )
    n = np.where(n > 0, n, np.nan)
    spread = (aa / n - (sum_a / n) ** 2) * (bb / n - (sum_b / n) ** 2)
    resampled = (ab / n - sum_a * sum_b / n**2) / np.sqrt(np.where(spread > 0, spread, np.nan))
    value = _bounded(float(together.sum() / size))
    fixed, moved = (left.entries, right.entries) if b_moves else (right.entries, left.entries)
    null = shuffled_products(fixed, moved, left.batches, order) / size
    return [measured("rsa", value, comparing.limits(resampled, a.blocks[kept]), judge(value, null), **counts)]


def _procrustes(a: Layer, b: Layer, comparing: Comparing, weights: Array) -> list[Measured]:
    x, y = a.coordinates, b.coordinates
    rows = a.geometry.feature_images
    blocks = a.blocks[rows]
    n_permutations = procrustes.affordable(comparing.n_permutations, x.shape, y.shape)
    order, b_moves = _shuffles("procrustes", a, b, a.sources[rows], comparing, n_permutations)
    counts: dict[str, Any] = {"n_images": len(rows), "n_permutations": len(order)}
    if not x.any() or not y.any():
        return [_undefined("procrustes", a, b, empty=not len(rows), alike=not x.any(), **counts)]
    cross, left, right = (_by_block(part, blocks) for part in procrustes.image_shares(x, y))
    value = _bounded(float(cross.sum() / np.sqrt(left.sum() * right.sum())))
    below = (weights @ left) * (weights @ right)
    resampled = np.divide(weights @ cross, np.sqrt(below), out=np.full(len(below), np.nan), where=below > 0)
    null = procrustes.shuffled(x, y, order) if b_moves else procrustes.shuffled(y, x, order)
    chance = judge(value - procrustes.ROUNDING, null)
    return [measured("procrustes", value, comparing.limits(resampled, blocks), chance, **counts)]


def _regression(a: Layer, b: Layer, comparing: Comparing, weights: Array) -> list[Measured]:
    rows = a.geometry.feature_images
    blocks = a.blocks[rows]
    out = []
    for measure, source, target in (("regression_ab", a, b), ("regression_ba", b, a)):
        order, _ = _shuffles("regression", source, target, a.sources[rows], comparing, comparing.n_permutations)
        counts: dict[str, Any] = {"n_images": len(rows), "n_permutations": len(order)}
        y = target.coordinates
        if len(np.unique(source.geometry.fold)) < 2 or not y.any():
            out.append(_undefined(measure, a, b, empty=bool(y.any()) or not len(rows), alike=target is a, **counts))
            continue
        rss, tss = (_by_block(part, blocks) for part in regression.explained(source.predictor, y))
        value = regression.share(rss, tss)
        below = weights @ tss
        resampled = 1 - np.divide(weights @ rss, below, out=np.full(len(below), np.nan), where=below > 0)
        null = regression.shuffled(source.predictor, y, order)
        limits = comparing.limits(resampled, blocks)
        out.append(measured(measure, value, limits, judge(value, null), **counts))
    return out


def _undefined(measure: str, a: Layer, b: Layer, *, empty: bool, alike: bool, **counts: Any) -> Measured:
    """A measure without a value: too few images (empty), or nothing varies in layer a (alike), or b."""
    why = FEW if empty else ALIKE.format(a.name if alike else b.name)
    missing = float("nan")
    return measured(measure, missing, (missing, missing), judge(missing, np.zeros(0)), reason=why, **counts)


def _by_block(values: Array, blocks: Array) -> Array:
    return np.bincount(blocks, weights=values, minlength=N_BLOCKS)


def _bounded(value: float) -> float:
    return max(-1.0, min(1.0, value))
