"""Columns of the tables of counterfactuals, and the rates of pairs of classes."""

from __future__ import annotations

import pandas as pd

from conceptatlas.inference.shares import wilson_interval
from conceptatlas.linking.link_tables import LINKED
from conceptatlas.tables import Column

ROW_COLUMNS = [
    *LINKED,
    Column("origin", "class of the picture that is changed"),
    Column("target", "class that it shall become"),
    Column("image", "position of the pair among the held-out ones"),
    Column("seed", "seed of its style vector, as text (63 bits)"),
    Column("init", "number of the start: shift 0, or drawn from U[0, 1] per unit"),
    Column("started", "whether the generated picture of relu(r) is in the origin class before anything moves"),
    Column("success", "whether the generated picture of relu(r') became the target class"),
    Column("reason", "why there is no counterfactual; empty for a success"),
    Column("steps", "steps of gradient descent taken"),
    Column("shift_l1", "sum of |shift| over units, r' = r - shift", "units of r"),
    Column("shift_l2", "length of the shift", "units of r"),
    Column(
        "image_rmse", "root mean squared difference of the generated pictures of r and r', over pixels and channels"
    ),
    Column("image_distance", "1 - cosine of the encoder's representations of both; empty without an encoder"),
    Column(
        "mahalanobis", "distance of relu(r') to the mean of the target class, in standard deviations within classes"
    ),
    Column("mahalanobis_start", "distance of r to the mean of the origin class, the same way"),
    Column("mahalanobis_rank", "share of held-out representations of the target class that are farther from its mean"),
    Column("agreement", "mean cosine of the shift with those of the other successful starts of this image and target"),
    Column("head_says", "class that the head gives r' itself"),
    Column("logit_origin", "of the head for r'"),
    Column("logit_target", "of the head for r'"),
    Column("top_units", "the ten units with the largest |shift|, largest first, joined by `;`"),
]

RATE_COLUMNS = [
    *LINKED,
    Column("origin", "class of the pictures"),
    Column("target", "class that they shall become; `any` for all together"),
    Column("n", "searches of pictures whose generated copy is in the origin class"),
    Column("n_success", "of which the generated picture became the target"),
    Column("rate", "n_success / n"),
    Column("low", "lower end of its 95 % Wilson interval"),
    Column("high", "upper end of its 95 % Wilson interval"),
    Column("n_not_started", "searches left out because the generated copy is not in the origin class"),
    Column("steps", "median steps of the successes"),
    Column("shift_l2", "median length of the shift of the successes", "units of r"),
    Column("agreement", "mean agreement of the successes"),
]


def rate_frame(rows: pd.DataFrame) -> pd.DataFrame:
    """Success of every pair of classes, and of all together. rows : with ROW_COLUMNS."""
    found = []
    groups = [(key, part) for key, part in rows.groupby(["generator", "model", "origin", "target"], sort=False)]
    if len(rows):
        groups.append(((*rows.iloc[0][["generator", "model"]], "any", "any"), rows))
    for key, part in groups:
        started = part[part["started"]]
        won = started[started["success"]]
        low, high = wilson_interval(len(won), len(started))
        rate = len(won) / len(started) if len(started) else float("nan")
        medians = (
            float(won["steps"].astype("float64").median()),
            float(won["shift_l2"].median()),
            float(won["agreement"].mean()),
        )
        found.append((*key, len(started), len(won), rate, low, high, len(part) - len(started), *medians))
    return pd.DataFrame(found, columns=[column.name for column in RATE_COLUMNS])
