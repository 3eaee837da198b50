"""Columns of the table of discovered concepts (unsupervised similarity), with what each number means."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from conceptatlas.tables import Column

_BEFORE = [
    Column("dataset", "data set"),
    Column("model", "model"),
    Column("layer", "layer"),
    Column("concept", "number of the concept in this layer, from 0: by its share of the fit images' activation, "
           "largest first"),
    Column("reason", "why the concept has no mask in any test image; empty where it has one"),
    Column("n_fit", "training images the concepts were found on", "images"),
    Column("n_positions", "positions sampled from them (valid cells that are not padding)", "positions"),
    Column("n_test", "validation images with a concept map, in which nothing was fitted", "images"),
    Column("share_active", "share of the test images' cells in which the concept map is above 0"),
    Column("peak", "normaliser of `normalise: dataset`: the quantile of the concept map over the n cells of the test "
           "images (the m+1-th largest value, m = floor((1 - quantile) n)), or its maximum where that is 0; missing "
           "under `normalise: image`, where every map is divided by its own maximum"),
    Column("fit_maximum", "largest value of the concept map at the sampled positions of the fit images; test values "
           "up to a millionth of it are rounding and count as 0. Far above peak: the concept hardly generalises"),
    Column("share_of_activation", "share of the sampled positions' squared activations that the concept's own term "
           "holds; kmeans: share of positions in the cluster; pca: share of the variance"),
    Column("reconstruction_error", "sum of squared differences between the layer and its reconstruction from all "
           "concepts (non-negative least squares; pca: both signs) over the sum of squares, test images; pca: both "
           "after subtracting the mean"),
    Column("error_without", "the same error when this concept is left out and the others are solved again"),
    Column("stability_images", "mean cosine to the matched concept of refits on resampled images (Hungarian matching; "
           "pca: absolute cosine)"),
    Column("stability_images_low", "smallest of these cosines over the refits"),
    Column("stability_images_high", "largest of them"),
    Column("stability_seeds", "the same for refits from other random initialisations on the same positions; missing "
           "for pca, which has none"),
    Column("stability_seeds_low", "smallest of these cosines over the refits"),
    Column("stability_seeds_high", "largest of them"),
]  # fmt: skip

_AFTER = [
    Column("iterations", "of the factorisation; missing for pca"),
    Column("converged", "the factorisation stopped by its tolerance, not by its limit of iterations"),
    Column("method", "nmf, kmeans or pca"),
    Column("projection", "concept maps by non-negative least squares given the components (nnls), or by the dot "
           "product with each alone, negative values cut (dot)"),
    Column("rectified", "values below 0 occurred in the fit or test images and were set to 0 (nmf needs that; the "
           "other methods see them)"),
    Column("one_sided", "the components have two sides and only the positive one is a concept (pca)"),
    Column("normalise", "what a map is divided by before thresholding: the concept's peak (dataset) or the image's own "
           "maximum (image: an absent concept still gives a mask)"),
    Column("quantile", "of the peak"),
    Column("n_stability", "refits of each kind"),
    Column("n_refit", "positions of a refit; fewer than n_positions understate the stability", "positions"),
    Column("n_concepts", "concepts asked for"),
    Column("max_positions", "limit of sampled positions", "positions"),
    Column("mask_size", "side S of the masks", "pixels"),
    Column("upsample", "geometry of the masks: convention of upsampling"),
    Column("order", "upsample_then_threshold or threshold_then_upsample"),
    Column("padding", "what lies outside the outermost knots: clamp or zero"),
    Column("split", "where fit and test images come from: data set, or a hash of the image id with the share of fit"),
    Column("seed", "seed of the study"),
]  # fmt: skip

_TYPES = {
    **dict.fromkeys(("dataset", "model", "layer", "reason", "method", "projection", "normalise", "upsample", "order",
                     "padding", "split"), "str"),
    **dict.fromkeys(("concept", "n_fit", "n_positions", "n_test", "n_stability", "n_refit", "n_concepts",
                     "max_positions", "mask_size", "seed"), "int64"),
    **dict.fromkeys(("rectified", "one_sided", "converged"), "bool"),
    "iterations": "Int64",
}  # fmt: skip


def empty_column(threshold: float) -> str:
    """Name of the column that counts empty masks at a binarisation threshold.

    >>> empty_column(0.75)
    'n_empty_0.75'
    """
    return f"n_empty_{threshold:g}"


def discovered_columns(thresholds: Sequence[float]) -> list[Column]:
    """Columns of discovered.parquet for the binarisation thresholds of a study."""
    empty = [
        Column(empty_column(t), f"test images in which the concept's mask at BT = {t:g} is empty", "images")
        for t in thresholds
    ]
    return [*_BEFORE, *empty, *_AFTER]


def discovered_frame(rows: list[dict[str, Any]], thresholds: Sequence[float]) -> pd.DataFrame:
    """A frame of rows (a dictionary a concept) with the types of the columns; numbers are float64 unless named."""
    counts = {empty_column(t): "int64" for t in thresholds}
    return pd.DataFrame(
        {
            column.name: pd.Series(
                [row[column.name] for row in rows], dtype=(_TYPES | counts).get(column.name, "float64")
            )
            for column in discovered_columns(thresholds)
        }
    )
