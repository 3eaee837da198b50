"""Columns of what `explain_groups` writes: groups with their verdict, words, features against groups, failures."""

from __future__ import annotations

from conceptatlas.tables import PLACE, Column

ENCODED = [
    *PLACE,
    Column("encoder", "image-text encoder"),
    Column("vocabulary", "captions"),
]

EXPLAINED_COLUMNS = [
    *ENCODED,
    Column("group", "its features in ascending order, joined by -"),
    Column("n_features", "number of features"),
    Column("n_high", "highly activating images", "images"),
    Column("n_low", "lowly activating counterfactual images", "images"),
    Column("n_whole", "crops that are whole frames, because GradCAM had no positive value", "images"),
    Column("similarity", "mean cosine of pairs of crops"),
    Column("similarity_low", "lower end of its interval: bootstrap over the group's images"),
    Column("similarity_high", "upper end"),
    Column("diagonal", "exclude: pairs of different crops; include: each crop with itself too (published code)"),
    Column("null_similarity", "mean of the same over random groups of images of equal size"),
    Column("percentile", "percentage of random groups of images of equal size that are less alike, ties by half"),
    Column("judged_by", "what decides whether the group is interpretable: similarity or percentile"),
    Column("cut", "from where on it is"),
    Column("interpretable", "whether it is"),
    Column("n_words", "words and phrases in the captions of its crops"),
    Column("n_dropped", "of these dropped, because the lowly activating images have them too"),
    Column("n_above_null", "words and phrases that are kept and above the null"),
    Column("words", "these, highest score first, at most 8, words before phrases"),
    Column("best_word", "the kept word (no phrase) of highest score"),
    Column("best_score", "its score (equation 1)"),
    Column("p", "smallest p_search of a kept word or phrase"),
    Column("q", "p corrected over the groups of the layer (Benjamini-Hochberg)"),
    Column("explained", "interpretable, and at least one word above the null"),
    Column("n_random", "random groups (R)"),
    Column("smallest_p", "1 / (1 + R)"),
    Column("level", "p_search of a word and q of its group must not exceed it"),
    Column("n_bootstrap", "bootstrap draws of intervals"),
    Column("confidence", "coverage of intervals"),
    Column("seed", "seed of the study"),
]

WORD_COLUMNS = [
    *ENCODED,
    Column("group", "group of features"),
    Column("word", "lemma, or noun phrase"),
    Column("kind", "noun, verb, adjective or phrase"),
    Column(
        "rank", "1 for the highest score among the words, or among the phrases, of the group; dropped ones included"
    ),
    Column("score", "equation 1: mean over all high images of the highest cosine of a caption that holds the word"),
    Column("score_low", "lower end of its interval: bootstrap over blocks of images; missing with fewer than 8 blocks"),
    Column("score_high", "upper end"),
    Column("n_images", "high images", "images"),
    Column("n_holding", "of these with a caption that holds the word", "images"),
    Column("null_mean", "mean score in random groups of images"),
    Column("null_high", "95 % point of the same"),
    Column("p", "(1 + random groups that reach the score) / (1 + R)"),
    Column("q", "p corrected over the words of all groups of the layer, those a group lacks counting with p = 1"),
    Column("p_search", "the same for the largest standardised score over all words: the search is part of the null"),
    Column("counter_score", "score in the lowly activating images, not cropped"),
    Column("n_counter", "lowly activating images", "images"),
    Column("n_counter_holding", "of these with a caption that holds the word", "images"),
    Column("dropped", "whether contrast drops it"),
    Column("dropped_because", "why"),
    Column("contrast", "score: dropped from contrast_cut on (code); any: dropped wherever it is extracted (paper)"),
    Column("contrast_cut", "score in the lowly activating images that drops a word (contrast: score)"),
    Column("above_null", "kept, p_search and q of the group not above the level"),
    Column("n_captions", "captions an image"),
    Column("centre", "whether the mean text vector was taken off before"),
]

COMPARISON_COLUMNS = [
    *ENCODED,
    Column("group", "group of several features"),
    Column("feature", "a feature of the group, explained alone"),
    Column("n_high_group", "images of the group", "images"),
    Column("n_high_feature", "images of the feature", "images"),
    Column("similarity_group", "mean cosine of the group's crops"),
    Column("similarity_feature", "of the feature's"),
    Column("similarity_difference", "group less feature"),
    Column("percentile_group", "percentage of random groups of images less alike than the group"),
    Column("percentile_feature", "than the feature"),
    Column("score_group", "highest score of a kept word of the group"),
    Column("score_feature", "of the feature"),
    Column("score_difference", "group less feature"),
    Column("explained_group", "whether the group is explained"),
    Column("explained_feature", "whether the feature is"),
]

FAILURE_COLUMNS = [
    *ENCODED,
    Column("image_index", "position of the misclassified image in index.parquet"),
    Column("image_id", "its name"),
    Column("labels", "classes that are labelled in it"),
    Column("predicted", "class the head puts it into"),
    Column("rank", "1 for the feature that adds most to the score of the predicted class"),
    Column("feature", "argmax of h o U_y, y the predicted class"),
    Column("contribution", "h_k U_yk, features as the head reads them"),
    Column("share", "of the sum of all positive contributions"),
    Column("words", "words of the feature alone that are above the null; empty where it has none"),
    Column("explained", "whether the feature alone is explained"),
    Column("head", "model: the classifier's own, which reads these features; probe: logistic regression on them"),
    Column("category", "category of the labels"),
    Column("n_judged", "images with a label that the head knows (probe: held out)", "images"),
    Column("n_wrong", "of these misclassified", "images"),
    Column("accuracy", "share of the judged images whose predicted class is labelled in them"),
    Column("accuracy_low", "lower end of its Wilson interval"),
    Column("accuracy_high", "upper end"),
]
_TEXTS = (
    *("dataset", "model", "layer", "encoder", "vocabulary", "group", "diagonal", "judged_by", "words", "best_word"),
    *("word", "kind", "dropped_because", "contrast", "image_id", "labels", "predicted", "head", "category"),
)
_NUMBERS = (
    *("n_features", "n_high", "n_low", "n_whole", "n_words", "n_dropped", "n_above_null", "n_random", "n_bootstrap"),
    *("seed", "rank", "n_images", "n_holding", "n_counter", "n_counter_holding", "n_captions", "feature"),
    *("n_high_group", "n_high_feature", "image_index", "n_judged", "n_wrong"),
)
_FLAGS = (*("interpretable", "explained", "dropped", "above_null", "centre", "explained_group", "explained_feature"),)
TYPES = dict.fromkeys(_TEXTS, "object") | dict.fromkeys(_NUMBERS, "int64") | dict.fromkeys(_FLAGS, "bool")
