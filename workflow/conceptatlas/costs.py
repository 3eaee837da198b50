"""What a stage costs: stated coefficients, used by the resources of the rules and by the preflight.

The coefficients were measured on one core of a two-core workstation (x86-64, 2.x GHz) and are meant to be right within
a factor of three: they tell an hour from a week. Every one stands here and is printed in docs/scaling.md.
"""

from __future__ import annotations

import math

SECONDS = {
    "list_image": 0.0002,  # an image listed
    "frame_image": 0.02,  # a picture of a megapixel decoded and resized, its labels rasterised
    "draw_image": 0.02,  # a demo scene drawn
    "index_image": 0.0005,  # an image joined into the index, with its overlaps
    "forward_gmac": 0.02,  # 10^9 multiply-adds of a forward pass on one core
    "write_mb": 0.004,  # a megabyte of activations rounded, counted, hashed and written
    "summarise_mb": 0.004,  # a megabyte of activations read and summed
    "tally_unit": 5e-7,  # one unit of one image: pruned upsampling at S = 112 and intersection with its labels
    "null_word": 6e-10,  # AND and population count of a 64-bit word, one permutation
    "dissect_unit": 0.02,  # labels, bootstrap, scores of a unit
    "figure_layer": 4.0,  # galleries and bars of a layer
    "start_job": 2.0,  # Python, imports, model
}
"""Seconds on one core."""

GMAC_AT_224 = 4.0
"""Multiply-adds (10^9) of a forward pass at 224 x 224 where the model report gives none (a ResNet-50)."""

UNKNOWN_IMAGES = 10_000
"""Images assumed of a data set whose sheet names no number and that has not been listed."""

BASE_MB = 700
"""Memory of a job that has imported what it needs (torch included) and read nothing."""


def mask_words(mask_size: int) -> int:
    """64-bit words of a packed S x S mask."""
    return math.ceil(mask_size * mask_size / 64)


def frame_mb(frame_size: int) -> float:
    """Megabytes of one uint8 RGB frame."""
    return 3 * frame_size**2 / 1e6


def forward_mb(input_size: int, batch: int) -> float:
    """Megabytes of the largest intermediate tensors of a batch (three maps of 64 channels at half resolution)."""
    return batch * 3 * 64 * (input_size / 2) ** 2 * 4 / 1e6


def forward_s(input_size: int, gmac_at_224: float = GMAC_AT_224) -> float:
    """Seconds of one image through a model on one core."""
    return SECONDS["forward_gmac"] * gmac_at_224 * (input_size / 224) ** 2


def null_s(n_images: int, n_units: int, labels_per_image: float, mask_size: int, n_permutations: int) -> float:
    """Seconds of the permutation null of a layer: R permutations of every image's labels against every active mask."""
    return n_permutations * n_images * n_units * labels_per_image * mask_words(mask_size) * SECONDS["null_word"]
