"""Tables of the rotation of the basis: counts of every turned basis, its controls, and their summary over rotations."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from conceptatlas.masks.labels import Counts
from conceptatlas.tables import PLACE, Column, read_table, write_table

QUANTITIES = ("detectors", "unique_by_category", "unique_best_label")

_COUNT = [
    Column(
        "quantity",
        "detectors: directions whose best iou_category exceeds the cut, counted in the category of that label; "
        "unique_by_category: distinct labels whose category's best IoU passes, summed over categories (CVPR 2017 "
        "numbers); unique_best_label: distinct labels among the detectors' single best labels (HTML numbers)",
    ),
    Column("category", "category of concepts; empty for all together"),
]
_OPTIONS = [
    Column("n_units", "units of the layer, and directions of every basis", "units"),
    Column("n_images", "valid images of the data set", "images"),
    Column("tau", "share of values above the threshold; every direction has its own, exact over all positions"),
    Column("detector_iou", "IoU that a detector exceeds"),
]
_ALPHA = Column("alpha", "power of the rotation: 0 the units themselves, 1 the whole rotation Q")
_STANDARDISE = Column(
    "standardise", "whether units are standardised first (mean and standard deviation over all positions)"
)

ROTATION_COLUMNS = [
    *PLACE,
    Column(
        "rotation", "which rotation Q, drawn from the Haar measure on SO(n_units); layers of equal width share them"
    ),
    _ALPHA,
    _STANDARDISE,
    *_COUNT,
    Column("value", "the count among the directions Q^alpha", "directions"),
    *_OPTIONS,
    Column("seed", "seed of the rotation, from the study's seed, its number and n_units"),
]

CONTROL_COLUMNS = [
    *PLACE,
    Column(
        "control",
        "identity: the units; permutation: units in a random order; positive_scaling: units times random powers of two "
        "(exact in floating point); sign_flip: all units times -1; turn_90_best: the two best detectors turned by 90 "
        "degrees in their plane, which flips the sign of one; turn_90_detectors: all detectors, two by two from the "
        "best, turned so",
    ),
    Column("n_flipped", "units whose sign the control flips", "units"),
    *_COUNT,
    Column("value", "the count among the directions", "directions"),
    Column("change", "value minus that of the identity", "directions"),
    *_OPTIONS,
    Column("seed", "seed of the permutation or scaling, from the study's seed; that of the study for the others"),
]

SUMMARY_COLUMNS = [
    *PLACE,
    _ALPHA,
    _STANDARDISE,
    *_COUNT,
    Column("n_rotations", "rotations behind the row"),
    Column("mean", "mean of the count over rotations", "directions"),
    Column("sd", "standard deviation of the count over rotations (n - 1); missing for one rotation", "directions"),
    Column("minimum", "smallest count", "directions"),
    Column("maximum", "largest count", "directions"),
    *_OPTIONS,
]


def count_rows(counts: Counts) -> list[dict[str, Any]]:
    """Counts as rows of quantity, category and value; the category is empty for totals."""
    rows = [{"quantity": name, "category": "", "value": getattr(counts, name)} for name in QUANTITIES]
    for quantity, by_category in (
        ("detectors", counts.detectors_in_category),
        ("unique_by_category", counts.unique_in_category),
    ):
        rows += [{"quantity": quantity, "category": name, "value": n} for name, n in by_category.items()]
    return rows


def named(columns: list[Column]) -> list[str]:
    """Names of columns, in order."""
    return [column.name for column in columns]


def summarise(runs: pd.DataFrame) -> pd.DataFrame:
    """Mean, standard deviation and extremes over rotations, in the order of the rows."""
    by = ["dataset", "model", "layer", "alpha", "standardise", "quantity", "category", *named(_OPTIONS)]
    grouped = runs.groupby(by, sort=False, dropna=False)["value"]
    table = grouped.agg(n_rotations="count", mean="mean", sd="std", minimum="min", maximum="max").reset_index()
    return table[named(SUMMARY_COLUMNS)]


def join_rotations(*, rotations: list[str], out: str | Path) -> None:
    """Summarise the rotations of all layers in the order given (that of the sheets)."""
    runs = pd.concat([read_table(path) for path in rotations], ignore_index=True)
    write_table(out, summarise(runs), columns=SUMMARY_COLUMNS)
