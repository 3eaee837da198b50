"""What the jobs of Linking in Style cost, from the coefficients of `costs` and a few of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from conceptatlas.costs import BASE_MB, forward_mb, forward_s

SECONDS = {
    "demo_picture": 0.006,  # the demo generator
    "picture": 1.0,  # a StyleGAN-XL at 256 pixels on one core: some 30 10^9 multiply-adds
    "gram_value": 2e-11,  # a pair, a unit, a unit or coordinate of w: products of the normal equations
    "cluster_value": 5e-8,  # an example, a class, a unit, an initialisation of k-means
    "search_step": 2e-8,  # a step of a counterfactual, a unit, a coordinate of w
}
"""Seconds on one core."""

CLASSES, UNITS, W_DIM = 10, 2048, 512
"""Assumed where the config does not say: what only a loaded network tells."""

TAKEN_STEPS = 0.2
"""Share of the steps that a search takes until it succeeds, as assumed."""


def n_classes(section: Mapping[str, Any]) -> int:
    """Classes that pairs are drawn of."""
    return len(section["classes"]) if section["classes"] is not None else CLASSES


def picture_s(source: str) -> float:
    """Seconds of one generated picture."""
    return SECONDS["picture" if source == "stylegan_xl" else "demo_picture"]


def n_pairs(section: Mapping[str, Any]) -> int:
    """Pairs of all classes."""
    return n_classes(section) * (section["n_train"] + section["n_test"])


def pairs_s(section: Mapping[str, Any], source: str, size: int) -> float:
    """Seconds of all pairs of a generator and a classifier, half of the pictures refused. size : the input's side."""
    return 2 * n_pairs(section) * (picture_s(source) + forward_s(size))


def pairs_mb(section: Mapping[str, Any]) -> float:
    """Megabytes of the pairs."""
    return n_pairs(section) * (UNITS + W_DIM) * 4 / 1e6


def making_mem_mb(size: int, batch: int) -> float:
    """Megabytes of a job that runs a generator and a classifier."""
    return BASE_MB + 1000 + 2 * forward_mb(size, batch)


def link_s(section: Mapping[str, Any], source: str, size: int) -> float:
    """Seconds of fitting and judging a link."""
    fitted = n_classes(section) * section["n_train"] * UNITS * (UNITS + W_DIM) * SECONDS["gram_value"]
    options = section["clusters"]
    examples = n_classes(section) * min(options["n_examples"], section["n_test"])
    clustered = examples * n_classes(section) * (UNITS + W_DIM) * options["n_inits"] * options["n_repeats"]
    circle = section["n_cycled"] * 3 * (picture_s(source) + forward_s(size))
    return fitted + clustered * SECONDS["cluster_value"] + circle


def link_mem_mb(section: Mapping[str, Any], size: int, batch: int) -> float:
    """Megabytes of that job: sums of every fold in double precision, three times, and the held-out style vectors."""
    sums = UNITS * (UNITS + W_DIM) * 8 / 1e6
    held_out = n_classes(section) * section["n_test"] * W_DIM * 4 / 1e6
    return making_mem_mb(size, batch) + (section["n_folds"] + 4) * sums + 6 * held_out


def n_searches(section: Mapping[str, Any]) -> int:
    """Searches of counterfactuals."""
    options, classes = section["counterfactuals"], n_classes(section)
    pairs = classes * (classes - 1) if options["pairs"] is None else len(options["pairs"])
    return pairs * options["n_images"] * (options["n_inits"] if options["init"] == "uniform" else 1)


def counterfactual_s(section: Mapping[str, Any], source: str, size: int) -> float:
    """Seconds of all counterfactuals: steps through the head and the link, and a look at the picture now and then."""
    options = section["counterfactuals"]
    steps = n_searches(section) * options["steps"] * TAKEN_STEPS
    look = (picture_s(source) + forward_s(size)) / options["check_every"]
    return steps * (UNITS * W_DIM * SECONDS["search_step"] / 10 + look)
