"""Columns of the tables of tuning, with what each number means."""

from __future__ import annotations

from conceptatlas.tables import Column

PLACE = [Column("generator", "generator"), Column("model", "classifier")]
SOURCE = Column("masks", "where the labels come from: twin, head, or the user's module:function")
UNIT = Column("unit", "unit of the penultimate representation, from 0")
CLASS = Column("class", "class of the starting points; empty: all classes together")
LABEL = Column("label", "label of the segmentation")
METRIC = Column("metric", "what is measured of the label")
OPTIONS = [
    Column("n_flips", "sign flips of starting points behind p and nulls"),
    Column("confidence", "level of the intervals"),
    Column("seed", "seed of the study"),
]

EFFECT = [
    Column("mean", "mean signed change from the unit's least to its largest value; area: relative; angle: axial mean"),
    Column("low", "lower limit of the mean (Student, over starting points)"),
    Column("high", "upper limit of the mean"),
    Column("sd", "standard deviation of the change over starting points"),
    Column("n", "starting points at which the change is defined"),
    Column("p", "two-sided p of the mean: signs of starting points flipped; not below 2 / 2^n"),
]

EFFECTS = [
    *PLACE,
    SOURCE,
    UNIT,
    CLASS,
    LABEL,
    METRIC,
    *EFFECT,
    Column("min_area", "labels with fewer pixels are left out", "px"),
    *OPTIONS,
]
MOTION = [
    *PLACE, UNIT, CLASS,
    Column("end", "which picture is matched with the unperturbed one: the unit's least (min) or largest value (max)"),
    Column("motion", "what is measured: the affine map first, then what moves after the alignment"),
    *EFFECT,
    Column("n_unmatched", "starting points (all classes) at which the pictures could not be aligned"),
    Column("reason", "why most of them could not; empty where all could"),
    Column("n_matched", "starting points (all classes) at which pictures were matched"),
    Column("matcher", "how points were matched: sift, or the user's module:function"),
    Column("moved_px", "length above which a pixel counts as moved", "px"),
    *OPTIONS,
]  # fmt: skip
UNITS = [
    *PLACE, SOURCE, UNIT, CLASS, METRIC,
    Column("strongest_label", "label whose mean change is largest; empty where nothing changes"),
    Column("strongest_change", "its mean change"),
    Column("n_labels", "labels with a mean change"),
    Column("sparsity", "label sparsity: Hoyer's measure of the mean changes; undefined for fewer than two labels"),
    Column("null_sparsity", "its mean under sign flips: what noise alone gives"),
    Column("excess_sparsity", "sparsity less null_sparsity"),
    Column("sparsity_p", "share of sign flips that are as sparse"),
    Column("stability", "mean cosine of the change vectors of two starting points"),
    Column("stability_low", "lower limit (starting points resampled)"),
    Column("stability_high", "upper limit"),
    Column("class_stability", "mean cosine of the mean change vectors of two classes; of all classes together only"),
    Column("class_stability_low", "lower limit (starting points resampled within classes)"),
    Column("class_stability_high", "upper limit"),
    Column("reason", "why the sparsity is undefined; empty where it is not"),
    *OPTIONS,
]  # fmt: skip
MAP = [
    *PLACE, SOURCE, UNIT, METRIC,
    Column("x", "place on the map (t-SNE of the change vectors)"),
    Column("y", "place on the map"),
    Column("strongest_label", "label whose mean change is largest; empty where nothing changes"),
    Column("strongest_change", "its mean change"),
    Column("cluster", "number of the cluster, from 1, largest first"),
    Column("perplexity", "of t-SNE, before it is limited by the number of units"),
    Column("cluster_cut", "height of the cut as a share of the tree's height"),
    Column("seed", "seed of the study"),
]  # fmt: skip
CLUSTERS = [
    *PLACE, SOURCE,
    Column("cluster", "number of the cluster, from 1, largest first"),
    Column("n_units", "units in it"),
    LABEL, METRIC,
    Column("mean", "mean over its units of the mean change"),
    Column("low", "lower limit of the mean (Student, over units)"),
    Column("high", "upper limit of the mean"),
    Column("n", "units at which the change is defined"),
    Column("cluster_metric", "metric whose change vectors were clustered"),
    Column("cluster_cut", "height of the cut as a share of the tree's height"),
    Column("confidence", "level of the intervals"),
]  # fmt: skip
LABEL_PAIRS = [
    *PLACE, SOURCE, METRIC,
    Column("label_a", "a label"),
    Column("label_b", "another"),
    Column("r", "correlation over units of their mean changes"),
    Column("low", "lower limit (units resampled)"),
    Column("high", "upper limit"),
    Column("p", "two-sided p: units of one label permuted"),
    Column("null_high", "95 % quantile of |r| under permutation"),
    Column("n_units", "units at which both are defined"),
    Column("confidence", "level of the intervals"),
    Column("seed", "seed of the study"),
]  # fmt: skip
SELECTIVE = [
    *PLACE, SOURCE, LABEL, METRIC,
    Column("rank", "from 1: by selectivity times the limit of the interval nearer to 0, then times |mean change|"),
    UNIT,
    Column("mean", "mean signed change of the label, all classes"),
    Column("low", "lower limit of the mean"),
    Column("high", "upper limit of the mean"),
    Column("p", "two-sided p of the mean, by sign flips"),
    Column("q", "p corrected over units (Benjamini and Hochberg)"),
    Column("selectivity", "|mean change| of the label by the sum over labels"),
    Column("n", "starting points at which the change is defined"),
    Column("verdict", "of the causal check: whether the unit follows its own change"),
]  # fmt: skip
CYCLE = [
    *PLACE, UNIT,
    Column("least", "least value of the unit over the training pairs"),
    Column("largest", "largest value"),
    Column("n", "starting points"),
    Column("share_right", "share of them at which the unit's own value is larger in the last picture than the first"),
    Column("share_low", "lower limit (Wilson)"),
    Column("share_high", "upper limit"),
    Column("null_share", "mean share at which it rises when another tuned unit is changed"),
    Column("slope", "mean change of its own value by the change that was set; 1: as claimed"),
    Column("slope_low", "lower limit (Student, over starting points)"),
    Column("slope_high", "upper limit"),
    Column("null_slope", "the same when another tuned unit is changed: mean change of this unit by its own range"),
    Column("share_monotonic", "share of starting points at which it rises from each of the three pictures to the next"),
    Column("p", "share of the tuned units (with itself) whose change moves this unit as much"),
    Column("q", "p corrected over units (Benjamini and Hochberg)"),
    Column("rank", "of the unit among the classifier's units by how far they move with it, in standard deviations"),
    Column("moved_most", "the unit that moves furthest"),
    Column("image_change", "mean absolute change of a colour value between the last picture and the first, 0 to 1"),
    Column("verdict", "follows, follows_unspecifically, opposite, unclear, ignored or constant"),
    Column("n_tuned", "tuned units behind the null"),
    Column("confidence", "level of the intervals"),
]  # fmt: skip
AGREEMENT = [
    *PLACE,
    Column("masks", "labels that are judged"),
    Column("truth", "labels that are true: twin"),
    LABEL, METRIC,
    Column("n_units", "units at which both changes are defined"),
    Column("r", "correlation over units of the two mean changes"),
    Column("low", "lower limit (units resampled)"),
    Column("high", "upper limit"),
    Column("mean_error", "mean absolute difference of the two mean changes"),
    Column("bias", "mean difference, judged less true"),
    Column("spread", "standard deviation over units of the true mean change"),
    Column("share_same_sign", "share of the units whose true interval excludes 0 in which both have the same sign"),
    Column("n_certain", "units whose true interval excludes 0"),
    Column("confidence", "level of the intervals"),
]  # fmt: skip
