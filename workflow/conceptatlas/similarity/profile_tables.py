"""Columns of profiles.parquet: the concept activation vectors of a layer and whether it recognises their concepts.

`profiles.h5` beside it (see `similarity.profile_files`) holds the vectors and the cosine profiles.
"""

from __future__ import annotations

from conceptatlas.tables import Column

PROFILE_COLUMNS = [
    Column("dataset", "data set"),
    Column("model", "model"),
    Column("layer", "layer"),
    Column("concept_index", "the concept's row in concepts.parquet"),
    Column("concept", "concept"),
    Column("category", "its primary category: the one in which it covers most pixels"),
    Column("n_cav_with", "training images that hold the concept", "images"),
    Column("n_cav_without", "training images that do not", "images"),
    Column("n_gate_with", "gate images that hold it", "images"),
    Column("n_gate_without", "gate images that do not", "images"),
    Column("n_test_with", "test images that hold it", "images"),
    Column("n_test_without", "test images that do not", "images"),
    Column("n_balanced", "test images SFSS runs over: twice the rarer kind; 0 where sfss_reason says why", "images"),
    Column("n_gate_blocks", "of 32 blocks of images, those with a gate image that holds the concept", "blocks"),
    Column("reason", "why no concept activation vector (CAV) was learned: the columns below are then missing; empty "
           "where one was"),
    Column("sfss_reason", "why the concept is left out of SFSS though it has a CAV; empty where it is not"),
    Column("balanced_accuracy", "mean of the shares of gate images with and without the concept that the CAV's "
           "classifier tells rightly; mean over repeats. 0.5 is chance"),
    Column("balanced_accuracy_low", "lower end of its interval over resampled repeats and blocks of gate images"),
    Column("balanced_accuracy_high", "upper end of that interval; both are missing where fewer than 8 blocks hold the "
           "concept"),
    Column("null_mean", "mean balanced accuracy of CAVs learned on random labels and judged by them; labels are "
           "shuffled within the sources of the images"),
    Column("null_high", "95 % point of those accuracies"),
    Column("recognised", "balanced_accuracy_low > null_high: the layer recognises the concept. False where either is "
           "missing"),
    Column("cav_cosine", "mean cosine between the CAVs of two repeats: 1 if the counter-set does not matter"),
    Column("cav_length", "length of the mean of the unit-length CAVs of the repeats"),
    Column("n_unconverged", "repeats whose classifier stopped at its largest number of iterations", "repeats"),
    Column("n_undefined", "test images without a cosine: no feature of theirs differs from 0", "images"),
    Column("classifier", "sgd_hinge (linear SVM, as TCAV), logistic, mean_difference or pattern"),
    Column("alpha", "weight of ||w||^2 / 2 beside the mean loss (sgd_hinge and logistic)"),
    Column("features", "pooled: spatial means of the units; flattened: all values of all maps"),
    Column("n_features", "features of an image"),
    Column("rms", "root mean square of all features of training images; features are divided by it"),
    Column("n_repeats", "seeded random counter-sets: images without the concept, as many as with it"),
    Column("n_random", "CAVs of random labels behind null_high"),
    Column("min_images", "training images with and without the concept that a CAV needs", "images"),
    Column("min_images_sfss", "test images with and without it that SFSS needs", "images"),
    Column("split", "where train and val come from: data set, or a hash of the image id with the share of train; "
           "validation images are halved into gate and test images by a hash of the image id"),
    Column("n_bootstrap", "resamples behind the intervals"),
    Column("confidence", "coverage of the intervals"),
    Column("seed", "seed of the study"),
]  # fmt: skip

PROFILE_TYPES = {
    **dict.fromkeys(("dataset", "model", "layer", "concept", "category", "reason", "sfss_reason", "classifier",
                     "features", "split"), "str"),
    **dict.fromkeys(("concept_index", "n_cav_with", "n_cav_without", "n_gate_with", "n_gate_without", "n_test_with",
                     "n_test_without", "n_balanced", "n_gate_blocks", "n_features", "n_repeats", "n_random",
                     "min_images", "min_images_sfss", "n_bootstrap", "seed"), "int64"),
    **dict.fromkeys(("n_unconverged", "n_undefined"), "Int64"),
    "recognised": "bool",
}  # fmt: skip
"""Types of columns that are not float64: the same with and without rows."""
