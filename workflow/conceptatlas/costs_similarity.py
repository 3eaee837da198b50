"""What the stages of similarity cost, from the coefficients of `costs`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from conceptatlas.costs import (
    BASE_MB,
    CONCEPTS,
    LABELS_PER_IMAGE,
    MATCHED_IMAGES,
    MATCHED_SHUFFLES,
    REFIT_POSITIONS,
    SECONDS,
)


def discovery_s(n_images: float, n_units: int, n_positions: int, mask_size: int, section: Mapping[str, Any]) -> float:
    """Seconds of finding the concepts of a layer on one core, with their refits, maps and masks.

    section : config section `similarity`. n_positions : of the layer's map.
    """
    options, share = section["unsupervised"], section["train_share"]
    test = n_images * (1 - share)
    test = min(test, options["max_test_images"] or test)
    fitted = min(n_images * share * n_positions, options["max_positions"])
    fitted += 2 * options["n_stability"] * min(fitted, REFIT_POSITIONS)
    each = n_positions * SECONDS["map_position"]
    each += len(options["thresholds"]) * SECONDS["concept_mask"] * (mask_size / 112) ** 2
    return options["n_concepts"] * (fitted * n_units * SECONDS["factorise_value"] + test * each)


def discovery_mem_mb(n_images: float, n_units: int, n_positions: int, *, workers: int) -> float:
    """Megabytes of that job: of every worker its imports and the sampled positions, three times in single precision."""
    rows = min(n_images * n_positions, 200_000) * n_units * 4 / 1e6
    return BASE_MB + workers * (500 + 3 * rows)


def discovered_mb(n_images: float, mask_size: int, section: Mapping[str, Any]) -> float:
    """Megabytes that the concepts of a layer leave: a mask a test image, concept and threshold; pictures."""
    options = section["unsupervised"]
    masks = n_images * (1 - section["train_share"]) * options["n_concepts"] * len(options["thresholds"])
    return masks * mask_size**2 / 8e6 + options["n_concepts"] * 0.25


def profile_s(n_images: float, n_features: int, section: Mapping[str, Any]) -> float:
    """Seconds of the vectors of all concepts of a layer on one core.

    section : config section `similarity`. n_features : units, or values of all maps.
    """
    options = section["supervised"]
    balanced = 2 * n_images * section["train_share"] * LABELS_PER_IMAGE
    each = CONCEPTS * SECONDS["vector"] + balanced * n_features * SECONDS["vector_value"]
    return (options["n_repeats"] + options["n_random"]) * each


def profile_mem_mb(n_images: float, n_features: int, *, workers: int) -> float:
    """Megabytes of that job: of every worker its imports and the features, read and in double precision."""
    return BASE_MB + workers * (500 + n_images * n_features * 12 / 1e6)


def profiles_mb(n_images: float, n_features: float, section: Mapping[str, Any]) -> float:
    """Megabytes of the concept vectors of a layer, those of random labels beside them, and cosines of test images."""
    options = section["supervised"]
    vectors = n_features * (1 + options["n_random"] * (options["features"] == "pooled"))
    return CONCEPTS * (4 * vectors + 10 * n_images * (1 - section["train_share"])) / 1e6


def paired_images(n_images: float, section: Mapping[str, Any]) -> float:
    """Pairs of test images that measures of pooled features look at: all, in batches above `reference.max_images`.

    section : config section `similarity`.
    """
    options, test = section["reference"], n_images * (1 - section["train_share"])
    return test * (test if test <= options["max_images"] else options["batch"])


def geometry_s(n_images: float, section: Mapping[str, Any]) -> float:
    """Seconds of the pooled features of a layer: inner products and ranks of pairs of test images."""
    return paired_images(n_images, section) * SECONDS["geometry_pair"]


def geometry_mb(n_images: float, n_units: int, section: Mapping[str, Any]) -> float:
    """Megabytes that a layer leaves for CKA, RSA, Procrustes and regression: 8 a pair of test images of a batch."""
    options = section["reference"]
    test = n_images * (1 - section["train_share"])
    batch = test if test <= options["max_images"] else options["batch"]
    return (test * batch * 4 + min(test, MATCHED_IMAGES) * min(n_units, MATCHED_IMAGES) * 4) / 1e6


def comparison_s(n_images: float, mask_size: int, section: Mapping[str, Any]) -> float:
    """Seconds of comparing two layers on one core, every measure with its null.

    section : config section `similarity`.
    """
    unsupervised, measures = section["unsupervised"], section["reference"]["measures"]
    test, again = n_images * (1 - section["train_share"]), 1 + section["n_permutations"]
    masks = test * unsupervised["n_concepts"] ** 2 * len(unsupervised["thresholds"]) * (mask_size / 112) ** 2
    seconds = masks * again * SECONDS["concept_pair"]
    seconds += test * LABELS_PER_IMAGE * (again + section["n_bootstrap"]) * SECONDS["profile_pair"]
    pairs = paired_images(n_images, section)
    seconds += pairs * again * SECONDS["pooled_pair"] * bool({"cka", "rsa"} & set(measures))
    matched = min(test, MATCHED_IMAGES) ** 3 * min(again, MATCHED_SHUFFLES)
    return seconds + matched * SECONDS["matched_pair"] * len({"procrustes", "regression"} & set(measures))


def comparison_mem_mb(n_images: float, mask_size: int, section: Mapping[str, Any], *, workers: int) -> float:
    """Megabytes of that job: of every worker its imports, and masks and geometry of the layers of a tile."""
    tile = discovered_mb(n_images, mask_size, section) + 3 * geometry_mb(n_images, MATCHED_IMAGES, section)
    return BASE_MB + workers * (500 + 2 * tile)


def across_s(
    n_images: Mapping[str, float], n_positions: int, mask_sizes: Mapping[str, int], section: Mapping[str, Any]
) -> float:
    """Seconds of comparing the concepts of a layer between data sets on one core: every data set's concepts on the
    images of each, and masks of every two on the images of both.

    n_images, mask_sizes : by data set. section : config section `similarity`.
    """
    options = section["unsupervised"]
    seconds = 0.0
    for dataset, n in n_images.items():
        test = n * (1 - section["train_share"])
        test = min(test, options["max_test_images"] or test)
        scale = (mask_sizes[dataset] / 112) ** 2
        each = n_positions * SECONDS["map_position"] + len(options["thresholds"]) * SECONDS["concept_mask"] * scale
        seconds += len(n_images) * test * options["n_concepts"] * each
        masks = test * options["n_concepts"] ** 2 * len(options["thresholds"]) * scale
        pairs = len(n_images) * (len(n_images) - 1) / 2
        seconds += pairs * masks * (1 + section["n_permutations"]) * SECONDS["concept_pair"]
    return seconds


def responses_s(n_images: float, forward: float, n_layers: int, section: Mapping[str, Any]) -> float:
    """Seconds of a model's answers to its concepts: passes for every layer and concept, a backward pass an image.

    section : config section `similarity`. forward : seconds of a forward pass of one image.
    """
    options, test = section["responses"], n_images * (1 - section["train_share"])
    replaced = min(test, options["max_images"] or test) * n_layers * (3 + section["unsupervised"]["n_concepts"])
    passes = replaced * ("fidelity" in options["kinds"]) + 3 * test * ("tcav" in options["kinds"])
    return passes * forward
