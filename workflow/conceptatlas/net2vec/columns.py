"""Columns that several tables of Net2Vec share, with what each means."""

from __future__ import annotations

from conceptatlas.tables import PLACE, Column

CONCEPT = [
    Column("concept_index", "the concept's row in concepts.parquet"),
    Column("concept", "concept"),
    Column("category", "its primary category: the one in which it covers most pixels"),
]

SMALL = Column("small", "fewer training images (n_train) than min_train_images: learned, and left out of means")

CRITICAL_SHARES = (50, 60, 70, 80, 90)
"""Per cent of the gain of all filters that the critical numbers of filters reach."""


def critical_columns(gain: str) -> list[Column]:
    """Columns of the critical numbers of filters; `gain` says what the share is of."""
    return [
        Column(f"critical_f_{share}", f"smallest F of the subsets whose mean over repeats reaches {share} % of {gain}; "
               "missing where no F does or the layer has no subsets", "filters")
        for share in CRITICAL_SHARES
    ]  # fmt: skip


SUBSET_COLUMNS = [
    *PLACE,
    Column("task", "segmentation or classification"),
    *CONCEPT,
    SMALL,
    Column("n_filters", "F: filters with the largest |w| of the solution with all filters; weights learned anew",
           "filters"),
    Column("repeat", "number of the initialisation; 0 is the one whose weights chose the filters"),
    Column("train", "iou_set on training images, or accuracy on the last epoch's balanced draw"),
    Column("val", "iou_set on validation images, or accuracy on the balanced validation set"),
    Column("warm_start", "weights start from the solution with all filters instead of a new draw"),
]  # fmt: skip
