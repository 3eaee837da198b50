"""Columns of the tables of the link."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd

from conceptatlas.inference.shares import wilson_interval
from conceptatlas.linking.prediction import Estimate
from conceptatlas.linking.slots import SPLITS
from conceptatlas.tables import Column

LINKED = [Column("generator", "generator"), Column("model", "classifier")]
"""The first columns of every table about a link."""

DEFINITIONS = {
    "r2": "variance-weighted R^2 of w from r on held-out pairs; within classes relative to class means on both sides",
    "mse": "mean squared error of a coordinate of w on held-out pairs",
    "r2_train": "variance-weighted R^2 on the pairs learned from",
    "mse_train": "mean squared error of a coordinate of w on the pairs learned from",
    "ari_w": "adjusted Rand index of k-means clusters in W against the classes, mean over repeats",
    "ari_r": "adjusted Rand index of k-means clusters in R against the classes, mean over repeats",
    "similarity_correlation": "correlation of the similarity (Pearson) matrices of W and R, mean over repeats",
    "dissimilarity_correlation": "correlation of the dissimilarity (Euclidean) matrices of W and R, mean over repeats",
    "image_rmse": "root mean squared difference of I and I~, over pixels; null: I~ of another pair of its class",
    "recognised": "share of I~ that the classifier puts in the class of I",
}
"""Measure -> what it is."""

LINK_COLUMNS = [
    *LINKED,
    Column("measure", "what is measured"),
    Column("scope", "`total`, `within class`, or the name of a class"),
    Column("value", "the measure"),
    Column("low", "lower end of its interval: bootstrap over pairs, percentiles over repeats, or Wilson's"),
    Column("high", "upper end of its interval"),
    Column("null", "mean of the measure where pairs (or classes) are shuffled; empty where there is no null"),
    Column("null_low", "lower end of the central interval of the null"),
    Column("null_high", "upper end of the central interval of the null"),
    Column("p", "(1 + shuffles at least as good) / (1 + shuffles)"),
    Column("n", "pairs (examples of a repeat, for clusters and correlations)"),
    Column("definition", "what the measure is"),
]

CLASS_COLUMNS = [
    *LINKED,
    Column("class_name", "class of the classifier; `any` where the class is what the classifier says"),
    Column("split", "`train` or `test`"),
    Column("wanted", "pairs asked for"),
    Column("filled", "pairs found: pictures that the classifier puts in their class"),
    Column("tries", "pictures drawn"),
    Column("share", "filled / tries"),
    Column("share_low", "lower end of its 95 % Wilson interval"),
    Column("share_high", "upper end of its 95 % Wilson interval"),
    Column("reason", "why pairs are missing; empty where none is"),
]


def link_frame(estimates: Sequence[Estimate], *, generator: str, model: str) -> pd.DataFrame:
    """The rows of link.parquet."""
    rows = []
    for one in estimates:
        known = DEFINITIONS.get(one.measure, "1 - cosine of the encoder's representations of I and I~, 0..2")
        rows.append({"generator": generator, "model": model, **asdict(one), "definition": known})
    return pd.DataFrame(rows, columns=[column.name for column in LINK_COLUMNS])


def class_frame(
    manifests: Sequence[dict[str, Any]], class_names: Sequence[str], *, generator: str, model: str, max_tries: int
) -> pd.DataFrame:
    """The rows of classes.parquet: how many pairs each class has, and why some are missing."""
    counts: dict[tuple[int, int], np.ndarray[Any, Any]] = {}
    for manifest in manifests:
        for row in manifest["counts"]:
            key = (row["class"], row["test"])
            own = np.array([row["wanted"], row["filled"], row["tries"]], dtype=np.int64)
            counts[key] = counts.get(key, 0 * own) + own
    rows = []
    for (index, test), (wanted, filled, tries) in sorted(counts.items()):
        name = class_names[index] if index >= 0 else "any"
        low, high = wilson_interval(int(filled), int(tries))
        reason = ""
        if filled < wanted:
            reason = (
                f"{wanted - filled} of {wanted} draws gave no finite picture"
                if index < 0
                else f"{wanted - filled} of {wanted} places found no picture that the classifier calls {name!r} in "
                f"{max_tries} tries each"
            )
        rows.append(
            (generator, model, name, SPLITS[test], wanted, filled, tries, filled / max(1, tries), low, high, reason)
        )
    return pd.DataFrame(rows, columns=[column.name for column in CLASS_COLUMNS])
