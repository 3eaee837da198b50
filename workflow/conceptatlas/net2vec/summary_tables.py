"""Columns of the tables that join Net2Vec over layers and models, with what each number means."""

from __future__ import annotations

from conceptatlas.net2vec.columns import CRITICAL_SHARES
from conceptatlas.tables import PLACE, Column

SUMMARY_COLUMNS = [
    *PLACE,
    Column("supervision", "how the model was trained, as the sheet of models says; empty where it does not"),
    Column("task", "segmentation (scores are iou_set on validation images) or classification (accuracies)"),
    Column("category", "primary category of the concepts; empty: all"),
    Column("n_concepts", "concepts behind the means", "concepts"),
    Column("n_small", "concepts learned and left out of them because they are small", "concepts"),
    Column("n_not_learned", "concepts for which nothing was learned (their rows give the reason)", "concepts"),
    Column("n_undefined", "concepts learned whose score on validation images is undefined", "concepts"),
    Column("single_mean", "mean score of the best filter (classification: of F = 1)"),
    Column("single_sem", "its standard error over concepts"),
    Column("one_mean", "mean score of F = 1, learned anew"),
    Column("one_sem", "its standard error"),
    Column("combination_mean", "mean score of all filters"),
    Column("combination_sem", "its standard error"),
    Column("gain_mean", "mean of combination - single"),
    Column("gain_sem", "its standard error"),
    Column("n_equal_or_better", "concepts whose combination is equal or better than the single filter", "concepts"),
    Column("equal_or_better", "their share (the paper's table 1)"),
    Column("equal_or_better_low", "lower end of the share's Wilson interval over concepts, taken as independent"),
    Column("equal_or_better_high", "upper end of that interval"),
    Column("n_ratio", "concepts whose single filter has an IoU above 0.005 (segmentation)", "concepts"),
    Column("ratio", "mean over them of combination / single"),
    Column("ratio_sem", "its standard error"),
    Column("n_failures", "concepts whose combination is worse", "concepts"),
    Column("n_failures_few", "of these, with at most 20 training images", "concepts"),
    Column("n_failures_tiny", "of these, covering less than 1 % of an image on average (segmentation)", "concepts"),
    Column("n_correlated", "concepts whose max(w, 0) correlates with single-filter IoU over units at p < 0.01",
           "concepts"),
    Column("correlated", "their share (segmentation)"),
    Column("correlation_mean", "mean of those correlations over all concepts"),
    Column("selectivity_mean", "mean selectivity (classification)"),
    Column("iou_all_mean", "mean iou_all of the combination (segmentation)"),
    Column("auprc_mean", "mean average precision of the combination over cells of all images (segmentation)"),
    *[Column(f"critical_f_{share}", f"median over concepts of the smallest F that reaches {share} % of the gain",
             "filters") for share in CRITICAL_SHARES],
    Column("n_units", "units of the layer", "units"),
    Column("n_never_best", "units that are the best filter of no concept (row of all categories)", "units"),
    Column("confidence", "coverage of the interval"),
    Column("include_small", "small concepts are in the means"),
]  # fmt: skip

_SIDE = [("a", "first"), ("b", "second")]

DISTANCE_COLUMNS = [
    Column("dataset", "data set"),
    *[
        column
        for side, word in _SIDE
        for column in (
            Column(f"space_{side}", f"{word} space: model/layer/task, or the name of a word space"),
            Column(f"model_{side}", "its model; empty for a word space"),
            Column(f"layer_{side}", "its layer"),
            Column(f"task_{side}", "segmentation, classification, or words"),
        )
    ],
    Column("n_concepts", "concepts that all spaces share", "concepts"),
    Column("distance", "D = ||G_a - G_b||_F^2 of the matrices of cosines G between the shared concepts"),
    Column("mean_square", "D / C^2 for C concepts: comparable between studies"),
    Column("standard_error", "of mean_square, leaving out one concept at a time (jackknife)"),
    Column("correlation", "Spearman correlation of the cosines of pairs of concepts in the two spaces"),
    Column("null_mean", "mean of mean_square where the concepts of one of the two spaces are permuted"),
    Column("null_low", "5 % point of that null"),
    Column("p", "(1 + permutations whose distance is at most the observed) / (1 + n_permutations)"),
    Column("n_permutations", "R of the null"),
    Column("reason", "why there is no distance; empty where there is one"),
]  # fmt: skip

CONCEPT_DISTANCE_COLUMNS = [
    Column("dataset", "data set"),
    Column("space_a", "first space"),
    Column("space_b", "second space"),
    Column("concept", "concept"),
    Column("category", "its primary category"),
    Column("distance", "squared length of the difference of the concept's rows of G_a and G_b"),
]

SPACE_COLUMNS = [
    Column("dataset", "data set"),
    Column("space", "space: model/layer/task, or the name of a word space"),
    Column("model", "its model; empty for a word space"),
    Column("layer", "its layer"),
    Column("task", "segmentation, classification, or words"),
    Column("n_vectors", "concepts with a vector in it", "concepts"),
    Column("n_shared", "concepts that all spaces share", "concepts"),
    Column("n_shared_without", "concepts that all other spaces share: how many this one costs", "concepts"),
    Column("missing", "concepts of the data set without a vector in it, at most twenty; first those most others have"),
]
