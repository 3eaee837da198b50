"""Columns of the tables of open-vocabulary labels."""

from __future__ import annotations

from conceptatlas.tables import PLACE, Column

MADE = [
    *PLACE,
    Column("encoder", "image-text encoder"),
    Column("vocabulary", "where the concepts come from: a vocabulary, or `concepts`, the names of the data set's own"),
]

OPTIONS = [
    Column("pooling", "what stands for a unit's activation in an image: mean or max over positions"),
    Column("n_concepts", "concepts that labels are chosen among", "concepts"),
    Column("n_selecting", "images on which labels are chosen", "images"),
    Column("n_held_out", "images on which they are scored", "images"),
    Column("top_images", "images with the largest activation that soft-WPMI looks at", "images"),
    Column("scale", "factor of the cosines in the softmax over concepts"),
    Column("p_start", "how surely the image with the largest activation is an example"),
    Column("p_end", "towards which this falls over the top images"),
    Column("eps", "added in the logarithm"),
    Column("lam", "weight of what a concept says of all units of the layer"),
    Column("centre", "text vectors less their mean, brought back to length 1"),
    Column("n_permutations", "permutations of images; the smallest attainable p is 1 / (1 + this)"),
]

LABELS = [
    *MADE,
    Column("unit", "unit of the layer, from 0"),
    Column("rank", "1: the unit's label, the concept with the highest score; then the next best"),
    Column("concept", "concept; empty for a unit that is constant over the images"),
    Column("category", "its primary category where the data set has a concept of this name, else empty"),
    Column("score", "soft-WPMI on the images where labels are chosen"),
    Column("correlation", "held-out: the activation with the concept's cosine, over held-out images"),
    Column("ci_low", "lower end of correlation's percentile interval over resampled blocks of images"),
    Column("ci_high", "upper end of that interval; both are missing below 8 blocks"),
    Column("p", "rank 1: (1 + permutations whose label correlates at least as much) / (1 + permutations)"),
    Column("q", "p corrected over the units of the layer (Benjamini-Hochberg)"),
    Column("null_high", "rank 1: 95 % point of the correlation of labels searched in permuted images"),
    *OPTIONS,
]

MASKS = [
    *MADE,
    Column("unit", "unit of the layer, from 0"),
    Column("concept", "open-vocabulary label (rank 1)"),
    Column("category", "its category, where the data set has it"),
    Column("correlation", "held-out correlation of this label"),
    Column("mask_concept", "label of Network Dissection: the concept with the highest iou_category"),
    Column("mask_category", "its primary category"),
    Column("mask_iou", "its iou_category"),
    Column("is_detector", "mask_iou exceeds the cut of the dissection"),
    Column("mask_correlation", "held-out: the activation with the cosine of the mask label's name; missing where the "
           "encoder has no vector of this name"),
    Column("mask_ci_low", "lower end of its percentile interval over resampled blocks of images"),
    Column("mask_ci_high", "upper end of that interval"),
    Column("mask_p", "(1 + permutations of images in which it is at least as large) / (1 + permutations)"),
    Column("difference", "correlation - mask_correlation"),
    Column("difference_low", "lower end of its interval, both from the same draws of blocks"),
    Column("difference_high", "upper end of that interval"),
    Column("same_name", "both labels have one name (case and signs between words do not count)"),
    Column("same_category", "both labels have one category; missing where the open one has none"),
    Column("cosine", "cosine of the text vectors of the two names"),
]  # fmt: skip

SUMMARY = [
    *MADE,
    Column(
        "quantity",
        "mean_correlation: of the open labels, held-out; mean_mask_correlation: of the mask labels; mean_difference: "
        "of units that have both; share_above_null: units whose label's q is at most the false discovery rate; "
        "share_same_name, share_same_category, mean_cosine: agreement of both labels",
    ),
    Column("units", "all: live units; detectors: units whose mask label passes the cut of the dissection"),
    Column("category", "category of the mask label; empty for all together"),
    Column("value", "the share or mean"),
    Column("ci_low", "lower end of its 95 % interval: of correlations over resampled blocks of images, of shares over "
           "units (Wilson), of cosines over resampled units"),
    Column("ci_high", "upper end of that interval"),
    Column("chance", "what labels that know nothing of each other give: agreement with open labels drawn from all "
           "units (detectors: from all detectors), exact; of correlations, the mean over permuted images"),
    Column("n_units", "units behind the value", "units"),
    Column("n_held_out", "images on which labels are scored", "images"),
    Column("n_permutations", "permutations of images", ""),
    Column("fdr", "false discovery rate", ""),
]  # fmt: skip
