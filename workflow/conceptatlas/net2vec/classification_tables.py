"""Columns of the table of concept classification (Net2Vec, section 3.2), with what each number means."""

from __future__ import annotations

from conceptatlas.net2vec.columns import CONCEPT, SMALL, critical_columns
from conceptatlas.tables import PLACE, Column

CLASSIFICATION_COLUMNS = [
    *PLACE,
    *CONCEPT,
    Column("n_train", "training images that hold the concept", "images"),
    Column("n_train_without", "training images that do not", "images"),
    Column("n_val", "validation images that hold the concept", "images"),
    Column("n_val_without", "validation images that do not", "images"),
    Column("n_validation", "images of the balanced validation set: twice the rarer kind", "images"),
    Column("n_blocks", "of 32 blocks of images, those with an image of the balanced validation set", "blocks"),
    SMALL,
    Column("reason", "why nothing was learned (the columns below are then missing); empty where something was"),
    Column("accuracy_train", "share of the last epoch's balanced draw that is classified rightly, all filters"),
    Column("accuracy", "share of the balanced validation set that is classified rightly, all filters"),
    Column("accuracy_low", "lower end of its interval over resampled blocks of images"),
    Column("accuracy_high", "upper end of that interval; both are missing below 8 blocks"),
    Column("one_unit", "the filter of F = 1: the one with the largest |w|"),
    Column("one_accuracy", "accuracy of F = 1, learned anew; mean over repeats"),
    Column("gain", "accuracy - one_accuracy"),
    Column("gain_low", "lower end of the gain's interval, both resampled together"),
    Column("gain_high", "upper end of that interval"),
    Column("equal_or_better", "accuracy >= one_accuracy"),
    Column("control_accuracy", "accuracy of weights learned on shuffled labels of the same numbers, against shuffled "
           "labels; mean over n_controls"),
    Column("selectivity", "accuracy - control_accuracy"),
    Column("repeat_sd", "standard deviation of accuracy over the other initialisations and this one"),
    Column("repeat_cosine", "mean cosine between the weights of this initialisation and of the others"),
    Column("weight_share", "|w_k| / ||w||_1 of the filter with the largest |w|"),
    *critical_columns("accuracy - 0.5"),
    Column("shown", "drawn: config (named there), gain (largest gain), failure (most negative gain), frequent (most "
           "validation images), or empty"),
    Column("features", "raw: spatial means of activations as they are; standardised: each unit over training images"),
    Column("learning_rate", "of SGD at the start"),
    Column("decay", "factor of the learning rate every decay_every epochs"),
    Column("decay_every", "epochs between two such factors"),
    Column("momentum", "of SGD"),
    Column("batch", "images of a step", "images"),
    Column("epochs", "passes over a balanced draw of the training images"),
    Column("l1", "weight of ||w||_1 in the loss"),
    Column("l2", "weight of ||w||_2^2 in the loss"),
    Column("n_controls", "times labels were shuffled for the control"),
    Column("split", "where train and val come from: data set, or a hash of the image id with the share of train"),
    Column("min_train_images", "below which a concept is small", "images"),
    Column("n_bootstrap", "resamples of blocks behind the intervals"),
    Column("confidence", "coverage of the intervals"),
    Column("seed", "seed of the study"),
]  # fmt: skip
