"""Columns of the tables of principal directions, with what each number means."""

from __future__ import annotations

from conceptatlas.tables import PLACE, Column


PRINCIPAL_COLUMNS = [
    *PLACE,
    Column("concept_index", "the concept's row in concepts.parquet"),
    Column("concept", "concept"),
    Column("category", "its primary category: the one in which it covers most pixels"),
    Column("n_images_with_concept", "valid images that hold the concept", "images"),
    Column("n_images", "of these, images with a cell that the concept covers by more than half", "images"),
    Column("n_cells_all", "cells that the concept covers by more than half, over all images", "cells"),
    Column("n_cells", "cells used: all, or a seeded draw of max_cells", "cells"),
    Column("n_blocks", "of 32 blocks of images, those with a cell that is used", "blocks"),
    Column("reason", "why there is no direction (the columns below are then missing); empty where there is one"),
    Column("verdict", "one unit: max_u2 >= cut_one_unit; few units: participation <= cut_few_units; distributed; each "
           "only if max_u2 > null_high, else none"),
    Column("unit", "unit with the largest absolute loading"),
    Column("max_u2", "its squared loading: the largest of the direction, which has length 1"),
    Column("max_u2_low", "lower end of max_u2's percentile interval over resampled blocks of images"),
    Column("max_u2_high", "upper end of that interval; both are missing below 8 blocks"),
    Column("unit_stability", "share of resamples in which the same unit has the largest loading"),
    Column("participation", "participation ratio 1 / sum of u^4: 1 for one unit, K for all alike", "units"),
    Column("participation_low", "lower end of its interval over resampled blocks of images", "units"),
    Column("participation_high", "upper end of that interval", "units"),
    Column("explained", "largest eigenvalue / trace of the second moments of the standardised units"),
    Column("explained_null_high", "95 % point of that share where the concept's masks lie on other images: is there a "
           "direction at all, concentrated or not?"),
    Column("explained_p", "(1 + permutations whose share is at least the observed) / (1 + n_permutations)"),
    Column("null_mean", "mean max_u2 of the concept's masks laid on other images of the same source"),
    Column("null_high", "95 % point of that null"),
    Column("p", "(1 + permutations whose max_u2 is at least the observed) / (1 + n_permutations)"),
    Column("q", "p corrected over the concepts of the layer (Benjamini-Hochberg)"),
    Column("top_units", "the five units with the largest absolute loadings, largest first"),
    Column("top_loadings", "their loadings, with sign"),
    Column("unit_label", "label of `unit` by dissection: the concept with the highest iou_category"),
    Column("unit_label_iou", "iou_category of that label"),
    Column("unit_is_detector", "that iou_category exceeds detector_iou"),
    Column("concept_iou", "iou_category of `unit` with this concept"),
    Column("concept_rank", "rank of this concept among all concepts by iou_category with `unit`; 1: it is its label"),
    Column("unit_detects_concept", "concept_iou exceeds detector_iou"),
    Column("best_unit", "unit with the highest iou_category for this concept"),
    Column("best_unit_iou", "that iou_category"),
    Column("best_unit_rank", "rank of best_unit by absolute loading in this direction; 1: it is `unit`"),
    Column("same_unit", "best_unit is `unit`: what stands out is what detects the concept best"),
    Column("also_stands_out_for", "other concepts with the same unit and max_u2 > null_high, largest max_u2 first"),
    Column("is_class", "a class of the model bears the concept's name: yes, no; empty where classes are unknown"),
    Column("shown", "drawn: clearest (largest max_u2), spread (largest participation), config (named there), or empty"),
    Column("centre", "global: uncentred matrix of globally standardised units; concept: around the concept's own mean"),
    Column("min_images", "concepts with fewer images (n_images) are left out", "images"),
    Column("max_cells", "cap on the cells of a concept; 0: none", "cells"),
    Column("n_permutations", "R of the null; the smallest attainable p is 1 / (1 + R)"),
    Column("n_bootstrap", "resamples of blocks behind the intervals"),
    Column("confidence", "coverage of the intervals"),
    Column("cut_one_unit", "max_u2 from which a direction is one unit"),
    Column("cut_few_units", "participation up to which it is few units", "units"),
    Column("detector_iou", "IoU above which a unit detects a concept"),
    Column("seed", "seed of the study"),
]  # fmt: skip

SUMMARY_COLUMNS = [
    *PLACE,
    Column("category", "primary category of the concepts; empty: all"),
    Column("verdict", "one unit, few units, distributed, none; or left out (no direction, see reason in principal)"),
    Column("n_concepts", "concepts with this verdict", "concepts"),
    Column("n_tested", "concepts with a direction", "concepts"),
    Column("share", "n_concepts / n_tested; missing for those left out"),
    Column("ci_low", "lower end of the share's Wilson interval over concepts, taken as independent draws"),
    Column("ci_high", "upper end of that interval"),
    Column(
        "expected_by_chance", "share of concepts that would not be `none` if no concept differed from its null: 0.05"
    ),
    Column("n_same_unit", "of these concepts, those whose unit is the one that detects them best", "concepts"),
    Column("centre", "global or concept"),
    Column("n_permutations", "R of the null"),
    Column("cut_one_unit", "max_u2 from which a direction is one unit"),
    Column("cut_few_units", "participation up to which it is few units", "units"),
    Column("confidence", "coverage of the interval"),
]
