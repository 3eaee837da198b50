"""What image-text encoders and vocabularies cost: stated coefficients, as in `costs`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from conceptatlas.costs import BASE_MB, SECONDS

CAPTION_BYTES = 50
"""Bytes of a caption with its end of line (LAION: about 60; names of a data set: 10)."""

DIM = 768
"""Components that a vector is taken to have at most (CLIP: 512, its ViT-L 768)."""

GMAC_IMAGE = {"demo": 0.03}
GMAC_TEXT = {"demo": 1e-4, "none": 0.0}
"""Multiply-adds (10^9) of one picture and one text in an encoder of some source; `none`: vectors are only read."""
GMAC_OTHERS = 5.0  # CLIP's ViT-B/32: 4.4 for a picture, 3.0 for a text; of the user's own the same is assumed
LOGARITHM = 1.2e-8  # seconds of a concept's share in a top image: gathered, its logarithm taken, added
SORTED = 1.5e-7  # seconds of an image in the order of a unit's activations
READ_CAPTION = 6e-6  # seconds of a caption read, digested twice and written; its vector written


def captions_in(n_bytes: float, *, bytes_each: float = CAPTION_BYTES) -> float:
    """Captions (or words) that a text of so many bytes is taken to hold."""
    return n_bytes / bytes_each


def listing_s(n_bytes: float) -> float:
    """Seconds of listing the captions of a vocabulary: two passes over its text."""
    return captions_in(n_bytes) * READ_CAPTION


def listing_mem_mb(n_bytes: float) -> float:
    """Megabytes: a byte a line, and one file of digests (2 million lines, sorted)."""
    return 500 + captions_in(n_bytes) / 1e6 + 300


def images_s(n_images: float, source: str) -> float:
    """Seconds of encoding pictures on one core."""
    return n_images * GMAC_IMAGE.get(source, GMAC_OTHERS) * SECONDS["forward_gmac"]


def captions_s(n_captions: float, source: str) -> float:
    """Seconds of encoding captions on one core; source "none": their vectors came with them."""
    return n_captions * (GMAC_TEXT.get(source, GMAC_OTHERS) * SECONDS["forward_gmac"] + READ_CAPTION)


def encoder_mem_mb(source: str, batch: int) -> float:
    """Megabytes of an encoder, its weights (a ViT-L/14: 1.7 GB, read and copied) and a batch in it."""
    own = 100 + 2 * batch if source == "demo" else 4000 + 20 * batch
    return BASE_MB + own


def search_s(n_images: float, n_captions: float, dim: int = 512) -> float:
    """Seconds of the nearest captions of some images: a float32 product, its candidates, and reading the vectors."""
    product = n_images * n_captions * (dim * 2.5e-11 + 4e-10)
    return product + n_captions * dim * 4 / 1e9


def labelling_s(n_images: float, n_units: int, n_concepts: float, section: Mapping[str, Any]) -> float:
    """Seconds of labelling the units of a layer on one core, and of the same for every permutation of images.

    section : config section `open_vocabulary`.
    """
    again = 1 + section["n_permutations"]
    return again * n_units * (section["top_images"] * n_concepts * LOGARITHM + n_images * SORTED)


def labelling_mem_mb(n_images: float, n_units: int, n_concepts: float, *, workers: int) -> float:
    """Megabytes: of every worker its imports, cosines, shares of concepts, activations, and scores."""
    each = n_images * n_concepts * 12 + n_images * n_units * 16 + n_units * n_concepts * 24
    return BASE_MB + (workers + 1) * (300 + each / 1e6)
