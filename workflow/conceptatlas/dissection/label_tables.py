"""Columns of the dissection tables, with what each number means."""

from __future__ import annotations

from conceptatlas.tables import PLACE, Column

_NAMES = [
    *PLACE,
    Column("unit", "unit of the layer, from 0 (a direction, where the layer is dissected in another basis)"),
]

LABEL_COLUMNS = [
    *_NAMES,
    Column("rank", "1: the unit's label, the concept with the highest iou_category; then the next best"),
    Column("concept", "concept"),
    Column("category", "the concept's primary category: the one in which it covers most pixels"),
    Column(
        "iou_category", "|M and L| / |M or L|, the unit's area taken over images that hold a concept of the category"
    ),
    Column("ci_low", "lower end of iou_category's percentile interval over resampled blocks of images"),
    Column("ci_high", "upper end of that interval; both are missing below 8 blocks with the concept"),
    Column("iou_all", "|M and L| / |M or L| over all images"),
    Column("f1", "F1 of 1[a > T] against the label's cells (coverage > 1/2) on the layer's grid, all images"),
    Column("pearson", "correlation of the activation with the label's cells on the layer's grid, all images"),
    Column("cosine", "cosine of the activation and the label's cells on the layer's grid, all images"),
    Column("auprc", "area under the precision-recall curve of the activation for the label's cells (step function)"),
    Column("n_blocks_with_concept", "of 32 blocks of images, those that hold the concept", "blocks"),
    Column("n_images_with_concept", "valid images that hold the concept", "images"),
    Column("intersection", "|M and L|", "mask pixels"),
    Column("unit_pixels_category", "|M| over images that hold a concept of the category", "mask pixels"),
    Column("unit_pixels_all", "|M| over all images", "mask pixels"),
    Column("label_pixels", "|L|", "mask pixels"),
    Column("tau", "share of activations above the threshold T"),
    Column(
        "threshold_definition", "order_statistic: (m+1)-th largest, m = floor(tau M); netdissect_1000: 1000 quantiles"
    ),
    Column("threshold_on", "stored: on the layer's grid; upsampled: on the upsampled field"),
    Column("upsample", "where the map's knots lie in the mask: half_pixel, corners, receptive_field"),
    Column("order", "upsample_then_threshold or threshold_then_upsample (then > 0.5)"),
    Column("padding", "beyond the outermost knots: clamp or zero"),
    Column("mask_size", "side S of the masks", "px"),
]

UNIT_COLUMNS = [
    *_NAMES,
    Column("state", "live; dead: max = min; sparse: T = min < max; saturated: T = max > min; too_few: m = 0"),
    Column("threshold", "T: values strictly above it are active", "activation"),
    Column("achieved", "share of values strictly above T"),
    Column("minimum", "smallest activation", "activation"),
    Column("maximum", "largest activation", "activation"),
    Column("mean", "mean over all valid images and positions", "activation"),
    Column("standard_deviation", "population standard deviation over all valid images and positions", "activation"),
    Column("concept", "the unit's label"),
    Column("category", "its primary category"),
    Column("iou_category", "IoU of the label over images of its category"),
    Column("ci_low", "lower end of its interval over resampled blocks of images"),
    Column("ci_high", "upper end of that interval"),
    Column("iou_all", "IoU of the label over all images"),
    Column("iou_cross_fitted", "label chosen on one half of the blocks, IoU on the other, both ways averaged"),
    Column("label_stable", "both halves chose the same label"),
    Column("p", "(1 + permutations whose best iou_category is at least the observed) / (1 + permutations)"),
    Column("q", "p corrected over the units of the layer (Benjamini-Hochberg)"),
    Column("null_high", "95 % point of the unit's best iou_category under permuted labels"),
    Column("n_permutations", "permutations of labels across images; the smallest attainable p is 1 / (1 + this)"),
    Column("is_detector", "iou_category exceeds the cut (0.04)"),
    Column("is_significant", "detector whose q is at most the false discovery rate of the config"),
    Column("confounded_by", "concept that holds most of the label's pixels and leaves it the smallest lift"),
    Column("lift", "P(label | active, inside that concept) / P(label | inside that concept)"),
    Column("lift_low", "lower end of the lift's interval over resampled blocks of images"),
    Column("lift_high", "upper end of that interval"),
    Column("is_confounded", "the interval reaches 1: inside that concept the unit says nothing about the label"),
    Column("top_images", "image_index of the images with the largest maximum, best first; -1 where there are fewer"),
    Column("top_values", "their maxima", "activation"),
]
