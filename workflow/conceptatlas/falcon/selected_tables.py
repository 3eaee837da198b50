"""Columns of what `select_features` writes: features, groups of them, and the images of each group."""

from __future__ import annotations

from conceptatlas.tables import PLACE, Column

RULE = [
    Column("rule", "what counts as high: mean_sd, quantile or top_n (falcon.selection)"),
    Column("rule_value", "its number: standard deviations, quantile, or images"),
]

FEATURE_COLUMNS = [
    *PLACE,
    Column("feature", "position in the representation: a unit of the layer"),
    Column("alpha", "value of h that highly activating images exceed (top_n: reach); missing without such an image"),
    Column("n_high", "highly activating images |T|", "images"),
    Column("mean", "mean of h over images"),
    Column("n_images", "valid images of the data set", "images"),
    Column("qualifies", "whether more than min_images images activate it highly"),
    Column("has_group", "whether it is explained alone: it qualifies, and max_singles does not leave it out"),
    *RULE,
]

GROUP_COLUMNS = [
    *PLACE,
    Column("group", "its features in ascending order, joined by -"),
    Column("n_features", "number of features"),
    Column("n_high", "images that activate all of them highly", "images"),
    Column("n_low", "lowly activating counterfactual images kept (equation 2)", "images"),
    Column("n_low_found", "of as many that fulfil equation 2", "images"),
    Column("epsilon", "a feature below it is low"),
    Column("beta", "least dot product of the other features with the mean of the high images"),
    Column("grouped_by", "common: more than min_images common high images; identical: images with the same set"),
    Column("min_images", "a group has more high images than this", "images"),
    Column("n_found", "groups of as many features that qualify; at most max_groups are kept"),
    *RULE,
]

MEMBER_COLUMNS = [
    *PLACE,
    Column("group", "group of features"),
    Column("kind", "high: activates all features of the group highly; low: counterfactual image"),
    Column("rank", "1 for the first: high by the mean of the group's features, low by likeness"),
    Column("image_index", "position of the image in index.parquet"),
    Column("image_id", "its name"),
    Column("value", "high: mean of h over the group's features; low: dot product with the mean of the high images"),
]
TYPES = {
    **dict.fromkeys(("dataset", "model", "layer", "group", "rule", "grouped_by", "kind", "image_id"), "object"),
    **dict.fromkeys(
        (
            *("feature", "n_high", "n_images", "n_features", "n_low", "n_low_found", "min_images", "n_found", "rank"),
            "image_index",
        ),
        "int64",
    ),
    "has_group": "bool",
    "qualifies": "bool",
}
