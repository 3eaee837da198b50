"""SFSS of pairs of layers: every concept's correlation, and the means over concepts with their chance and interval.

Pairs need the profiles only, never activations. Concepts are taken one after the other: what is drawn for one (images,
shuffles, resamples) and what a layer's profile gives is made once and serves all its pairs.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from conceptatlas.inference.bootstrap import MINIMUM_BLOCKS
from conceptatlas.similarity.nulls import judge
from conceptatlas.similarity.profile_files import ConceptProfiles
from conceptatlas.similarity.setting import Comparing, Measured, measured
from conceptatlas.similarity.sfss import (
    Correlated,
    Draws,
    Part,
    Side,
    check_correlation,
    correlate,
    make_draws,
    make_part,
    make_side,
    percentiles,
)
from conceptatlas.similarity.sfss_tables import SFSS_MEASURES

Array = np.ndarray[Any, Any]

_PARTS = {"sfss": "all", "sfss_gated": "all", "sfss_present": "present", "sfss_absent": "absent"}
"""Measure -> the images its correlations run over."""


class ConceptScore(NamedTuple):
    """One concept of a pair, as the columns of the SFSS table. row_a : its row in the profiles of the first layer."""

    row_a: int
    concept_index: int
    r: float
    r_low: float
    r_high: float
    r_present: float
    r_absent: float
    n_images: int
    recognised: bool


class PairSfss(NamedTuple):
    """SFSS of a pair: its concepts in the order of the vocabulary, and a row for every measure of SFSS_MEASURES."""

    concepts: list[ConceptScore]
    rows: list[Measured]


def compare_profiles(
    layers: list[ConceptProfiles],
    pairs: list[tuple[int, int]],
    comparing: Comparing,
    *,
    correlation: str,
    min_images: int,
) -> list[PairSfss]:
    """SFSS of pairs of layers of one data set.

    pairs : (position of the first layer, of the second) in `layers`. correlation : pearson or spearman. min_images :
    test images with and without a concept that it needs. The result of a pair does not depend on the other pairs, and
    is the same for the pair written the other way round.

    Raises
    ------
    ValueError
        if the layers saw different test images, or different images of a concept, or for an unknown correlation.
    """
    check_correlation(correlation)
    check_same_images(layers)
    if not layers:
        return []
    draws = make_draws(layers[0].test_images, comparing)
    sums = [_Sums(draws, comparing) for _ in pairs]
    used = sorted({position for pair in pairs for position in pair})
    rows = {position: {int(c): row for row, c in enumerate(layers[position].concept_index)} for position in used}
    for concept in sorted({c for of in rows.values() for c in of}):
        holders = [position for position in used if concept in rows[position]]
        images, present = _images_of(layers, rows, holders, concept)
        if min(int(present.sum()), int((~present).sum())) < max(min_images, 1):
            continue
        shared = _Concept(images, present, draws, correlation, min_images)
        profiles = {position: np.asarray(layers[position].cosines[rows[position][concept]]) for position in holders}
        for (a, b), total in zip(pairs, sums, strict=True):
            if a in profiles and b in profiles:
                stays, moves = sorted((a, b), key=lambda position: (layers[position].model, layers[position].layer))
                found, of = shared.correlate(stays, profiles[stays], moves, profiles[moves])
                recognised = all(bool(layers[p].recognised[rows[p][concept]]) for p in (a, b))
                total.add(rows[a][concept], concept, found, of, recognised=recognised)
    return [total.result() for total in sums]


def check_same_images(layers: list[ConceptProfiles]) -> None:
    """Raise ValueError, naming two files, unless all layers belong to one data set and saw the same test images."""
    for other in layers[1:]:
        first = layers[0]
        if other.dataset != first.dataset or other.images_digest != first.images_digest:
            raise ValueError(
                f"{_seen(first)} and {_seen(other)}: these are different images; layers are compared on the same "
                "images in the same order: run the older one again"
            )


def _seen(layer: ConceptProfiles) -> str:
    return f"{layer.path} ({layer.dataset}: {len(layer.test_images)} test images, digest {layer.images_digest})"


def _images_of(
    layers: list[ConceptProfiles], rows: dict[int, dict[int, int]], holders: list[int], concept: int
) -> tuple[Array, Array]:
    """Balanced test images of a concept (positions) and whether each holds it; ValueError where layers differ."""
    first = layers[holders[0]]
    balanced, present = (part[rows[holders[0]][concept]] for part in (first.balanced, first.present))
    for position in holders[1:]:
        other, row = layers[position], rows[position][concept]
        if not (np.array_equal(other.balanced[row], balanced) and np.array_equal(other.present[row], present)):
            raise ValueError(
                f"{first.path} and {other.path} took different test images for concept "
                f"{first.concepts[rows[holders[0]][concept]]!r}; their options or annotations differ: run both again"
            )
    images = np.flatnonzero(balanced)
    return images, np.asarray(present)[images]


class _Concept:
    """The draws of one concept, and the prepared profiles of the layers that need no other images."""

    def __init__(self, images: Array, present: Array, draws: Draws, kind: str, min_images: int) -> None:
        self._images, self._present = images, present
        self._draws, self._kind, self._min_images = draws, kind, min_images
        self._parts = self._make_parts(np.ones(len(images), dtype=bool))
        self._sides: dict[int, dict[str, Side]] = {}

    def correlate(self, a: int, first: Array, b: int, second: Array) -> tuple[dict[str, Correlated], dict[str, Part]]:
        """Correlate two profiles over all images, those with the concept and those without; b is shuffled."""
        kept = np.isfinite(first[self._images]) & np.isfinite(second[self._images])
        if kept.all():
            parts = self._parts
            sides = [self._kept_side(position, of) for position, of in ((a, first), (b, second))]
        else:  # images without a cosine in either layer are left out of this pair
            parts = self._make_parts(kept)
            sides = [self._make_sides(of, parts) for of in (first, second)]
        return {name: correlate(sides[0][name], sides[1][name], part) for name, part in parts.items()}, parts

    def _kept_side(self, position: int, profile: Array) -> dict[str, Side]:
        if position not in self._sides:
            self._sides[position] = self._make_sides(profile, self._parts)
        return self._sides[position]

    def _make_sides(self, profile: Array, parts: dict[str, Part]) -> dict[str, Side]:
        return {name: make_side(profile, part, self._kind) for name, part in parts.items()}

    def _make_parts(self, kept: Array) -> dict[str, Part]:
        here, there = kept & self._present, kept & ~self._present
        if min(int(here.sum()), int(there.sum())) < self._min_images:
            kept = here = there = np.zeros(len(kept), dtype=bool)
        chosen = {"all": kept, "present": here, "absent": there}
        return {name: make_part(self._images[of], self._draws) for name, of in chosen.items()}


class _Sums:
    """Sums over the concepts of a pair."""

    def __init__(self, draws: Draws, comparing: Comparing) -> None:
        self._draws, self._comparing = draws, comparing
        self._concepts: list[ConceptScore] = []
        self._values: dict[str, list[float]] = {name: [] for name in SFSS_MEASURES}
        self._null = {name: np.zeros(len(draws.keys)) for name in SFSS_MEASURES}
        self._resampled = {name: np.zeros(len(draws.weights)) for name in SFSS_MEASURES}
        self._defined = {name: np.zeros(len(draws.weights), dtype=np.int64) for name in SFSS_MEASURES}
        self._images = {name: np.zeros(len(draws.blocks), dtype=bool) for name in SFSS_MEASURES}

    def add(
        self, row: int, concept: int, found: dict[str, Correlated], parts: dict[str, Part], *, recognised: bool
    ) -> None:
        whole, images = found["all"], parts["all"].images
        limits = (np.nan, np.nan)
        if len(parts["all"].starts) >= MINIMUM_BLOCKS:
            limits = percentiles(whole.resampled, self._comparing.confidence)
        within = found["present"].r, found["absent"].r
        self._concepts.append(ConceptScore(row, concept, whole.r, *limits, *within, len(images), recognised))
        for name in SFSS_MEASURES:
            if name == "sfss_gated" and not recognised:
                continue
            one = found[_PARTS[name]]
            self._values[name].append(one.r)
            if np.isnan(one.r):
                continue
            self._null[name] += one.null
            defined = np.isfinite(one.resampled)
            self._resampled[name][defined] += one.resampled[defined]
            self._defined[name] += defined
            self._images[name][parts[_PARTS[name]].images] = True

    def result(self) -> PairSfss:
        return PairSfss(self._concepts, [self._measured(name) for name in SFSS_MEASURES])

    def _measured(self, name: str) -> Measured:
        values = np.array(self._values[name])
        n = int(np.isfinite(values).sum())
        value = float(np.nansum(values) / n) if n else float("nan")
        defined = self._defined[name]
        means = np.divide(self._resampled[name], defined, out=np.full(len(defined), np.nan), where=defined > 0)
        images = self._images[name]
        return measured(
            name,
            value,
            self._comparing.limits(means, self._draws.blocks[images]),
            judge(value, self._null[name] / max(n, 1)),
            n_images=int(images.sum()),
            n_concepts=n,
            n_undefined=len(values) - n,
            n_permutations=len(self._draws.keys),
            reason=self._why_not(name, len(values)),
        )

    def _why_not(self, name: str, n_undefined: int) -> str:
        """Why a measure without a concept has no value."""
        if n_undefined:
            return f"the cosines of all {n_undefined} concepts are constant in one of the two layers"
        if name == "sfss_gated" and self._concepts:
            return "no concept is recognised in both layers"
        return "no concept has a CAV in both layers and enough test images"
