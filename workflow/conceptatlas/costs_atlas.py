"""What the pages of the atlas cost: seconds on one core, megabytes, as measured by benchmarks/atlas_size.py."""

from __future__ import annotations

from conceptatlas.costs import BASE_MB

PICTURE_S = 0.0012
"""Seconds a picture of the data set (160 px, JPEG)."""
IMAGE_ROW_S = 0.0006
"""Seconds an image for its labels and page."""
UNIT_S = 0.005
"""Seconds a unit: masks of its top images, thumbnails, tables."""
JOINED_UNIT_S = 0.0015
"""Seconds a unit in the joins: pages of concepts and images, search."""
PICTURE_MB = 0.007
"""Megabytes of a picture."""
UNIT_MB = 0.005
"""Megabytes of a unit: its thumbnails, masks and rows of tables."""
LAYER_FIGURES = 21
"""Figures a layer, all methods together (the demo: 274 of 13 layers)."""
FIGURE_S = 0.05
"""Seconds to copy a figure (960 px, WebP), on the demo's."""
FIGURE_MB = 0.055
"""Megabytes of the copy."""


def dataset_s(n_images: float) -> float:
    """Seconds of a data set's pages."""
    return n_images * (PICTURE_S + IMAGE_ROW_S)


def model_mem_mb(n_images: float, n_units: float, thumbnail_size: int, n_thumbnails: int) -> float:
    """Memory of a model's job: the thumbnails of a layer, and each frame they need once."""
    pixels = 3 * thumbnail_size**2 / 1e6
    return BASE_MB + 400 + pixels * (2 * n_units * n_thumbnails + min(n_images, 6 * n_units * n_thumbnails))


def join_mem_mb(n_units: float, n_images: float) -> float:
    """Memory of the joins: labels and top images of all units, labels of all images."""
    return BASE_MB + 600 + 0.02 * n_units + 0.01 * n_images
