"""Intersection over union, by its four names. Use the one you mean.

``iou_category``  unit area over the images of the concept's primary category (Network Dissection's code and numbers)
``iou_all``       everything over all images (the formula of the talk's slide; dissect, PNAS 2020)
``iou_set``       only images that contain the concept (Net2Vec, eq. 1)
``iou_image``     one image (Net2Vec, eq. 3)

All are I / (A + L - I) with A summed over different images. An IoU over two empty masks is undefined: NaN, never 0 or
1, and callers print how many are defined.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from conceptatlas.masks.tally import Tally

Array = np.ndarray[Any, Any]


def iou(intersection: Array, unit_area: Array, label_area: Array) -> Array:
    """I / (A + L - I), float64, broadcast; NaN where the union is empty."""
    inter = np.asarray(intersection, dtype=np.float64)
    union = np.asarray(unit_area, dtype=np.float64) + np.asarray(label_area, dtype=np.float64) - inter
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(union > 0, inter / np.where(union > 0, union, 1.0), np.nan)


def iou_category(intersection: Array, category_areas: Array, label_pixels: Array, primary_category: Array) -> Array:
    """IoU of every unit with every concept, shape (unit, concept).

    intersection : (unit, concept). category_areas : (unit, category): |M_k| over the images that hold a concept of the
    category. label_pixels : (concept,). primary_category : (concept,), index of a category.
    """
    return iou(intersection, category_areas[:, primary_category], label_pixels[None, :])


def tally_iou(tally: Tally, primary_category: Array) -> Array:
    """iou_category of every unit with every concept from the counts of all blocks, float64 (unit, concept)."""
    areas, pixels = tally.category_areas.sum(axis=2), tally.label_pixels.sum(axis=1)
    return iou_category(tally.dense(), areas, pixels, primary_category)


def iou_all(intersection: Array, areas: Array, label_pixels: Array) -> Array:
    """IoU of every unit with every concept over all images, shape (unit, concept). areas : (unit,)."""
    return iou(intersection, areas[:, None], label_pixels[None, :])


def f1_of_iou(value: Array) -> Array:
    """F1 (Dice) of two masks from their IoU: 2 u / (1 + u)."""
    return 2 * value / (1 + value)
