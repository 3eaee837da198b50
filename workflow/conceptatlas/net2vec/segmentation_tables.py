"""Columns of the tables of concept segmentation (Net2Vec, section 3.1), with what each number means."""

from __future__ import annotations

from conceptatlas.net2vec.columns import CONCEPT, SMALL, critical_columns
from conceptatlas.tables import PLACE, Column

SEGMENTATION_COLUMNS = [
    *PLACE,
    *CONCEPT,
    Column("n_train", "training images with a mask of the concept (image_level: all_ones counts labels of whole images "
           "too)", "images"),
    Column("n_val", "validation images with such a mask", "images"),
    Column("n_blocks", "of 32 blocks of images, those with a validation image of the concept", "blocks"),
    Column("size", "mean share of a training image's counted pixels that the concept covers, over images that hold it"),
    Column("alpha", "1 - size: weight of the concept's pixels in the loss, 1 - alpha that of the others; if it is 0, "
           "both weigh 1"),
    SMALL,
    Column("reason", "why nothing was learned (the columns below are then missing); empty where something was"),
    Column("units_seen", "units above their threshold somewhere in a training image of the concept; the weights of the "
           "others stay as they were drawn", "units"),
    Column("single_unit", "best filter: the unit with the highest iou_set on training images"),
    Column("single_train", "its iou_set on training images (thresholded, upsampled, cut at > 1/2)"),
    Column("single_val", "its iou_set on validation images"),
    Column("single_val_low", "lower end of its interval over resampled blocks of images"),
    Column("single_val_high", "upper end of that interval; both are missing below 8 blocks"),
    Column("single_wide_val", "iou_set of the best filter on validation images with the cut of a combination (any "
           "interpolated activity, > 0)"),
    Column("one_unit", "the filter of F = 1: the one with the largest |w|"),
    Column("one_val", "iou_set on validation images of F = 1, learned anew; mean over repeats"),
    Column("combination_train", "iou_set on training images of the combination of all filters"),
    Column("combination_val", "its iou_set on validation images"),
    Column("combination_val_low", "lower end of its interval over resampled blocks of images"),
    Column("combination_val_high", "upper end of that interval"),
    Column("gain", "combination_val - single_val"),
    Column("gain_low", "lower end of the gain's interval, both resampled together"),
    Column("gain_high", "upper end of that interval"),
    Column("gain_cut", "one_val - single_val: what the other cut gives without more filters"),
    Column("gain_filters", "combination_val - one_val: what more filters give at the same cut"),
    Column("equal_or_better", "combination_val >= single_val"),
    Column("single_iou_all", "iou_all of the best filter: pixels of all images, those without the concept included"),
    Column("combination_iou_all", "iou_all of the combination"),
    Column("combination_auprc", "average precision of the combination's sum over the cells of all images against "
           "cells that the concept covers by more than half (sums rounded to 16 bits)"),
    Column("cell_share", "share of cells that the concept covers by more than half: the average precision of chance"),
    Column("repeat_sd", "standard deviation of combination_val over the other initialisations and this one"),
    Column("repeat_cosine", "mean cosine between the weights of this initialisation and of the others"),
    Column("weight_share", "|w_k| / ||w||_1 of the best filter: how much of the combination it is"),
    Column("overlap", "single_val / combination_val: how much of the combination's IoU one filter has"),
    Column("correlation", "Pearson correlation over units of max(w, 0) with the unit's iou_set on validation images"),
    Column("correlation_p", "its two-sided p (units taken as independent)"),
    Column("single_zero", "share of validation images in which the best filter's iou_image is 0"),
    Column("single_zero_inactive", "of these, share in which it is nowhere above its threshold"),
    Column("single_mean", "mean iou_image of the best filter where it is not 0"),
    Column("single_sd", "standard deviation of that"),
    Column("combination_zero", "share of validation images in which the combination's iou_image is 0"),
    Column("combination_zero_inactive", "of these, share in which its mask is empty"),
    Column("combination_mean", "mean iou_image of the combination where it is not 0"),
    Column("combination_sd", "standard deviation of that"),
    *critical_columns("combination_val"),
    Column("shown", "drawn: config (named there), gain (largest gain), failure (most negative gain), frequent (most "
           "validation images), or empty"),
    Column("loss", "net2vec: the objective as printed and coded, without a logarithm; bce: weighted cross entropy"),
    Column("upsample", "corners (torch 0.2, the published code) or half_pixel, receptive_field"),
    Column("bias", "a bias is learned beside the weights"),
    Column("order", "images in a new order every epoch (shuffled) or always in that of the data set (fixed)"),
    Column("image_level", "labels of whole images: skip, or all_ones masks"),
    Column("learning_rate", "of SGD for masks of 112 x 112 pixels; scaled by 112^2 / S^2"),
    Column("momentum", "of SGD"),
    Column("batch", "images of a step", "images"),
    Column("epochs", "passes over the training images"),
    Column("l1", "weight of ||w||_1 in the loss"),
    Column("l2", "weight of ||w||_2^2 in the loss"),
    Column("split", "where train and val come from: data set, or a hash of the image id with the share of train"),
    Column("min_train_images", "below which a concept is small", "images"),
    Column("n_bootstrap", "resamples of blocks behind the intervals"),
    Column("confidence", "coverage of the intervals"),
    Column("seed", "seed of the study"),
]  # fmt: skip

IMAGE_COLUMNS = [
    Column("concept_index", "the concept's row in concepts.parquet"),
    Column("image_index", "the image's row in index.parquet"),
    Column("split", "train or val"),
    Column("label_pixels", "|L_c|", "pixels"),
    Column("single_pixels", "pixels of the best filter's mask", "pixels"),
    Column("single_intersection", "of these, inside the concept's mask", "pixels"),
    Column("single_iou", "iou_image of the best filter; missing where both masks are empty"),
    Column("single_fires", "the best filter is above its threshold somewhere in the image"),
    Column("combination_pixels", "pixels of the combination's mask", "pixels"),
    Column("combination_intersection", "of these, inside the concept's mask", "pixels"),
    Column("combination_iou", "iou_image of the combination; missing where both masks are empty"),
]
