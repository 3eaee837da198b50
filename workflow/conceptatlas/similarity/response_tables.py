"""Columns of {model}_responses.parquet: what a classifier's answer owes to concepts, with what each number means.

Rows of four kinds. `all`, `without` and `nothing` replace a layer by what discovered concepts give back and run the
rest of the network (fidelity of ICE, Zhang et al. 2021); `tcav` moves a layer along a concept activation vector
(TCAV, Kim et al. 2018).
"""

from __future__ import annotations

from conceptatlas.tables import PLACE, Column

ALL, WITHOUT, NOTHING, TCAV = "all", "without", "nothing", "tcav"
"""Kinds of rows."""

RESPONSE_COLUMNS = [
    *PLACE,
    Column("kind", "all: the layer is replaced by its reconstruction from all discovered concepts; without: the same "
           "less the term of one concept, the others as they were (error_without in discovered.parquet solves them "
           "again); nothing: less all concepts, the scale of the others; tcav: the layer is moved along the concept "
           "activation vector (CAV) of an annotated concept"),
    Column("component", "number of the discovered concept that is left out (kind without)"),
    Column("concept_index", "the annotated concept's row in concepts.parquet (kind tcav)"),
    Column("concept", "the annotated concept (kind tcav)"),
    Column("category", "its primary category"),
    Column("class_index", "the network's output whose logit is followed (kind tcav): a class the model itself "
           "predicts"),
    Column("class_name", "name of that output, where the model source knows it"),
    Column("reason", "why the row has no numbers; empty where it has"),
    Column("n_images", "all, without, nothing: validation images; tcav: test images that the model gives the class",
           "images"),
    Column("n_classes", "classes behind score_error: predicted for at least min_class_images of the images",
           "classes"),
    Column("score_error", "mean |f(A) - f(A')| / |mean f(A)|, f the score of a class, A the layer, A' what replaces "
           "it, over the images that the model gives the class; mean over classes (ICE). 0: the rest of the network "
           "cannot tell A' from A"),
    Column("score_error_low", "lower end of its interval over resampled blocks of images"),
    Column("score_error_high", "upper end; both missing with fewer than 8 blocks"),
    Column("score_change", "mean (f(A') - f(A)) / |mean f(A)|, likewise: negative where the class loses"),
    Column("top_class_stays", "share of the images whose highest class is the same under A'"),
    Column("top_class_stays_low", "lower end of its interval over resampled blocks"),
    Column("top_class_stays_high", "upper end"),
    Column("negative_kept", "values below 0 occurred and, because the concepts were found on the rectified layer, only "
           "its positive part was replaced; the negative part stayed as it was"),
    Column("tcav", "share of the images whose class logit increases along the CAV, that is, whose directional "
           "derivative is above 0"),
    Column("tcav_low", "lower end of its interval over resampled blocks of images"),
    Column("tcav_high", "upper end"),
    Column("derivative", "mean over the images of the logit's directional derivative, CAV of unit length: for pooled "
           "features the mean over positions of gradient . CAV (a CAV acts on every position equally), for flattened "
           "ones gradient . CAV"),
    Column("n_flat", "images in which the derivative is exactly 0: they count as not increasing", "images"),
    Column("null_mean", "mean TCAV score of CAVs of random labels (the random CAVs of profiles.h5)"),
    Column("null_low", "2.5 % point of those scores"),
    Column("null_high", "97.5 % point"),
    Column("p", "two-sided: share, the score itself included, of scores at least as far from the mean of all of them"),
    Column("q", "p after Benjamini-Hochberg over all concepts and classes of the layer"),
    Column("derivative_p", "p of the mean derivative, likewise"),
    Column("derivative_q", "derivative_p after Benjamini-Hochberg over the layer"),
    Column("smallest_p", "1 / (1 + n_random): no p can be smaller"),
    Column("n_random", "random CAVs behind the null; 0 for flattened features, of which none are kept"),
    Column("n_tests", "tests of the layer behind q", "tests"),
    Column("features", "pooled or flattened, see profiles.parquet"),
    Column("min_class_images", "images that a class needs", "images"),
    Column("n_bootstrap", "resamples behind the intervals"),
    Column("confidence", "coverage of the intervals"),
    Column("seed", "seed of the study"),
]  # fmt: skip

RESPONSE_TYPES = {
    **dict.fromkeys(("dataset", "model", "layer", "kind", "concept", "category", "class_name", "reason", "features"),
                    "str"),
    **dict.fromkeys(("component", "concept_index", "class_index", "n_classes", "n_flat", "n_random", "n_tests"),
                    "Int64"),
    **dict.fromkeys(("n_images", "min_class_images", "n_bootstrap", "seed"), "int64"),
    "negative_kept": "boolean",
}  # fmt: skip
"""Types of columns that are not float64: the same with and without rows."""
