"""All layers and models of a data set in one table: single filters against combinations (Net2Vec, section 4.1).

Figures 2 and 6, table 1 and the failure analysis of the paper. Scores are those on validation images. Means run over
concepts, so their standard errors do too; small concepts are left out unless they were asked for.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from conceptatlas.inference.shares import wilson_interval
from conceptatlas.naming import CATEGORIES
from conceptatlas.net2vec.columns import CRITICAL_SHARES
from conceptatlas.net2vec.summary_tables import SUMMARY_COLUMNS
from conceptatlas.net2vec.typed import typed_frame
from conceptatlas.tables import read_table, write_table

Array = np.ndarray[Any, Any]

SCORES = {
    "segmentation": ("single_val", "one_val", "combination_val"),
    "classification": ("one_accuracy", "one_accuracy", "accuracy"),
}
"""task -> columns of the best filter, of F = 1 learned anew, and of all filters."""

RATIO_FROM = 0.005
"""Single-filter IoU above which combination / single is taken (the paper's figure 6)."""
FEW_IMAGES = 20
"""Training images up to which a failure counts as one of few (section 4.1)."""
TINY = 0.01
"""Mean share of an image below which a concept is tiny (section 4.1)."""
CORRELATED_P = 0.01
"""Below this p the weights and the single-filter IoU of a concept count as correlated (section 5.2)."""

SUMMARY_TYPES = {
    **dict.fromkeys(("dataset", "model", "layer", "supervision", "task", "category"), "text"),
    **dict.fromkeys(("n_concepts", "n_small", "n_not_learned", "n_undefined", "n_equal_or_better", "n_failures",
                     "n_failures_few", "n_units"), "whole"),
    **dict.fromkeys(("n_ratio", "n_failures_tiny", "n_correlated", "n_never_best"), "count"),
    "include_small": "truth",
}  # fmt: skip


def join_net2vec(
    *,
    dataset: str,
    segmentation: list[str],
    classification: list[str],
    filters: list[str],
    places: list[list[str]],
    supervision: dict[str, str],
    out: str | Path,
    options: dict[str, Any],
) -> None:
    """Summarise every layer and task, over all concepts and by category, in the order of `places`.

    segmentation, classification : the tables of the layers; an empty list where the task is off. filters : their
    filters.parquet. places : [model, layer] of each. supervision : model -> text of the sheet of models. options :
    include_small, confidence.

    Raises
    ------
    ValueError
        if a list does not have one file a place.
    """
    by_task = {"segmentation": segmentation, "classification": classification}
    for name, paths in {**by_task, "filters": filters}.items():
        if len(paths) != len(places) and (paths or name == "filters"):
            raise ValueError(f"{name}: {len(paths)} files for {len(places)} layers; expected one a layer")
    rows: list[dict[str, Any]] = []
    for at, (model, layer) in enumerate(places):
        shared = read_table(filters[at], columns=["task", "unit", "n_best"])
        for task, paths in by_task.items():
            if not paths:
                continue
            place = {"dataset": dataset, "model": model, "layer": layer, "task": task}
            place["supervision"] = supervision.get(model, "")
            found = summary_rows(read_table(paths[at]), shared[shared["task"] == task], task=task, **options)
            rows += [place | row for row in found]
    write_table(out, typed_frame(SUMMARY_COLUMNS, rows, SUMMARY_TYPES), columns=SUMMARY_COLUMNS)


def summary_rows(
    table: pd.DataFrame, filters: pd.DataFrame, *, task: str, include_small: bool, confidence: float
) -> list[dict[str, Any]]:
    """The rows of a layer and task: all concepts, then every category that the vocabulary has."""
    present = set(table["category"])
    rows = []
    for category in ["", *(name for name in CATEGORIES if name in present)]:
        mine = table if not category else table[table["category"] == category]
        row = _summary(mine, task=task, include_small=include_small, confidence=confidence)
        never = pd.NA if category else int((filters["n_best"] == 0).sum())
        rows.append(row | {"category": category, "n_units": len(filters), "n_never_best": never})
    return rows


def _summary(table: pd.DataFrame, *, task: str, include_small: bool, confidence: float) -> dict[str, Any]:
    learned = table[table["reason"].fillna("") == ""]
    kept = learned if include_small else learned[~learned["small"].astype(bool)]
    single, one, combination = (kept[name].to_numpy(dtype=np.float64) for name in SCORES[task])
    defined = np.isfinite(single) & np.isfinite(combination)
    kept, single, one, combination = kept[defined], single[defined], one[defined], combination[defined]
    worse = ~kept["equal_or_better"].to_numpy(dtype=bool)
    n, n_better = len(kept), int((~worse).sum())
    low, high = wilson_interval(n_better, n, confidence=confidence)
    row: dict[str, Any] = {
        "n_concepts": n,
        "n_small": 0 if include_small else int(learned["small"].astype(bool).sum()),
        "n_not_learned": len(table) - len(learned),
        "n_undefined": int((~defined).sum()),
        "n_equal_or_better": n_better,
        "equal_or_better": n_better / n if n else np.nan,
        "equal_or_better_low": low,
        "equal_or_better_high": high,
        "n_failures": int(worse.sum()),
        "n_failures_few": int((worse & (kept["n_train"].to_numpy() <= FEW_IMAGES)).sum()),
        "confidence": confidence,
        "include_small": include_small,
    }
    gain = combination - single
    for name, values in (("single", single), ("one", one), ("combination", combination), ("gain", gain)):
        row[f"{name}_mean"], row[f"{name}_sem"] = mean_and_error(values)
    for share in CRITICAL_SHARES:
        row[f"critical_f_{share}"] = median(kept[f"critical_f_{share}"].to_numpy(dtype=np.float64))
    if task == "segmentation":
        return row | _segmentation_only(kept, single, combination, worse) | {"selectivity_mean": np.nan}
    return row | _NO_SEGMENTATION | {"selectivity_mean": mean_and_error(kept["selectivity"])[0]}


_NO_SEGMENTATION: dict[str, Any] = {
    **dict.fromkeys(("n_ratio", "n_failures_tiny", "n_correlated"), pd.NA),
    **dict.fromkeys(("ratio", "ratio_sem", "correlated", "correlation_mean", "iou_all_mean", "auprc_mean"), np.nan),
}


def _segmentation_only(kept: pd.DataFrame, single: Array, combination: Array, worse: Array) -> dict[str, Any]:
    alive = single > RATIO_FROM
    ratio, ratio_sem = mean_and_error(combination[alive] / single[alive])
    n_correlated = int((kept["correlation_p"].to_numpy(dtype=np.float64) < CORRELATED_P).sum())
    return {
        "n_ratio": int(alive.sum()),
        "ratio": ratio,
        "ratio_sem": ratio_sem,
        "n_failures_tiny": int((worse & (kept["size"].to_numpy(dtype=np.float64) < TINY)).sum()),
        "n_correlated": n_correlated,
        "correlated": n_correlated / len(kept) if len(kept) else np.nan,
        "correlation_mean": mean_and_error(kept["correlation"])[0],
        "iou_all_mean": mean_and_error(kept["combination_iou_all"])[0],
        "auprc_mean": mean_and_error(kept["combination_auprc"])[0],
    }


def mean_and_error(values: Any) -> tuple[float, float]:
    """Mean and standard error, sd (n - 1) / sqrt(n), of the values that are defined; NaN without, below two.

    >>> mean_and_error([1.0, 3.0, float("nan")])
    (2.0, 1.0)
    """
    given = np.asarray(values, dtype=np.float64)
    given = given[np.isfinite(given)]
    n = len(given)
    return (
        float(given.mean()) if n else np.nan,
        float(given.std(ddof=1) / np.sqrt(n)) if n > 1 else np.nan,
    )


def median(values: Any) -> float:
    """Median of the values that are defined; NaN without."""
    given = np.asarray(values, dtype=np.float64)
    given = given[np.isfinite(given)]
    return float(np.median(given)) if len(given) else np.nan
