"""What FALCON costs: stated coefficients, as in `costs`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from conceptatlas.costs import BASE_MB
from conceptatlas.costs_encoders import images_s, search_s

CROP = 2e-3
"""Seconds of a box from a map and its crop (224 pixels)."""
WORDS_OF_IMAGE = 4e-3
"""Seconds of the words of an image's captions: tags, lemmas."""
IMAGES_OF_GROUP = 30
"""Highly activating images that a group is taken to have."""
SINGLES = 400
"""Single features, and groups, that are taken to be there where their number is not limited."""


def groups_of(section: Mapping[str, Any]) -> int:
    """Groups that a layer is taken to have: single features, and as many of several as are kept."""
    groups = section["groups"]
    return (groups["max_singles"] or SINGLES) + (groups["max_groups"] or SINGLES) * (groups["max_size"] > 1)


def crops_of(n_images: float, section: Mapping[str, Any]) -> float:
    """Crops of a layer: those of its groups, and of the random images."""
    pool = section["random_groups"]["n_images"] or n_images
    return groups_of(section) * min(n_images / 2, IMAGES_OF_GROUP) + min(n_images, pool)


def selection_s(n_images: float, n_units: int) -> float:
    """Seconds of high images and groups: values sorted, and the common images of all pairs counted 64 at a time."""
    return n_images * n_units * 3e-7 + n_units**2 / 2 * n_images / 64 * 1e-9


def selection_mem_mb(n_images: float, n_units: int) -> float:
    """Megabytes: the representation in double precision, three times."""
    return BASE_MB + n_images * n_units * 8 * 3 / 1e6


def crops_s(n_images: float, forward_s: float, source: str, section: Mapping[str, Any]) -> float:
    """Seconds of the crops of a layer on one core: a forward and a backward pass an image, an encoder's a crop.

    forward_s : of one image. source : of the encoder.
    """
    n_crops = crops_of(n_images, section)
    return min(n_images, n_crops) * 3 * forward_s + n_crops * CROP + images_s(n_crops, source)


def explain_s(n_images: float, n_captions: float, section: Mapping[str, Any]) -> float:
    """Seconds of explaining the groups of a layer on one core."""
    n_crops = crops_of(n_images, section)
    draws = section["random_groups"]["n_random"] * (0.002 + 2e-6 * groups_of(section))
    return search_s(n_crops, n_captions) + n_crops * WORDS_OF_IMAGE + draws + groups_of(section) * 0.02


def explain_mem_mb(n_images: float, section: Mapping[str, Any], *, workers: int) -> float:
    """Megabytes: random groups and the words in them (10,000), crops, and what every worker searches in."""
    random = section["random_groups"]["n_random"] * 10_000 * 8 * 3 / 1e6
    return BASE_MB + 600 + random + crops_of(n_images, section) * 512 * 8 / 1e6 + workers * 500
