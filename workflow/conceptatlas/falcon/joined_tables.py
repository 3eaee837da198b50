"""Columns of what `join_falcon` writes: facts over all models, and concepts carried over from one model to another."""

from __future__ import annotations

from conceptatlas.tables import Column

JOINED = [
    Column("dataset", "data set"),
    Column("encoder", "image-text encoder"),
    Column("vocabulary", "captions"),
]

FACTS = {
    "groups": "groups of features that are explained or not",
    "features_with_group": "share of the layer's features with more highly activating images than min_images",
    "interpretable_features": "share of the layer's features that are interpretable",
    "explained_features": "share of the layer's features that are explained: interpretable, a word above the null",
    "explained_singles": "share of the single features with a group that are explained",
    "explained_groups": "share of the groups of several features that are explained",
    "similarity_difference": "mean similarity of a group's crops less that of its features alone",
    "score_difference": "mean best word score of a group less that of its features alone",
    "accuracy": "share of judged images whose predicted class is labelled in them",
    "explained_failures": "share of misclassified images whose first feature is explained",
}
"""What a row of summary.parquet may say."""

SUMMARY_COLUMNS = [
    *JOINED,
    Column("model", "model"),
    Column("layer", "layer"),
    Column("fact", "what is counted; each is defined in the docs and in conceptatlas.falcon.joined_tables"),
    Column("value", "the share or the number; missing where nothing is counted"),
    Column("low", "lower end of its interval: Wilson for shares, bootstrap over groups for differences"),
    Column("high", "upper end"),
    Column("n", "how many fulfil it; for differences: groups"),
    Column("n_total", "out of"),
    Column("reason", "why there is no value"),
]

TRANSFER_COLUMNS = [
    *JOINED,
    Column("model", "model whose features are explained"),
    Column("layer", "its layer"),
    Column("model_target", "model they are carried over to"),
    Column("layer_target", "its layer"),
    Column("r2", "R^2 on test images of the linear map from the target's representation, all features together"),
    Column("null_mean", "mean of the same for maps learned on permuted pairs of images"),
    Column("null_high", "its 95 % point"),
    Column("p", "(1 + permutations that reach R^2) / (1 + R)"),
    Column("n_train", "images the map is learned on", "images"),
    Column("n_test", "images it is tested on", "images"),
    Column("penalty", "of ridge regression, relative to the mean square of the features; chosen on training images"),
    Column("n_groups", "groups carried over"),
    Column("n_features", "features of the model"),
    Column("n_features_target", "features of the target"),
    Column("n_random", "permutations (R)"),
]

TRANSFERRED_COLUMNS = [
    *JOINED,
    Column("model", "model whose features are explained"),
    Column("layer", "its layer"),
    Column("model_target", "model they are carried over to"),
    Column("layer_target", "its layer"),
    Column("group", "group of features"),
    Column("explained", "whether it is explained in its own model"),
    Column("r2", "mean R^2 of its features on test images"),
    Column("correlation", "of the group's value (mean of its features) with the predicted one over test images"),
    Column("n_high", "highest test images compared", "images"),
    Column("share_images", "share of the group's highest images that are highest in the prediction too"),
    Column("chance_images", "the same by chance"),
    Column("words", "words of the group's highest images, whole frames: largest excess over all test images"),
    Column("words_target", "words of the images highest in the prediction"),
    Column("share_words", "intersection over union of both lists"),
    Column("null_words", "mean of the same against random images"),
    Column("null_words_high", "its 95 % point"),
    Column("p", "(1 + draws that reach it) / (1 + R)"),
]
TYPES = {
    **dict.fromkeys(
        (
            *("dataset", "encoder", "vocabulary", "model", "layer", "fact", "reason", "model_target", "layer_target"),
            *("group", "words", "words_target"),
        ),
        "object",
    ),
    **dict.fromkeys(
        ("n", "n_total", "n_train", "n_test", "n_groups", "n_features", "n_features_target", "n_random", "n_high"),
        "int64",
    ),
    "explained": "bool",
}
