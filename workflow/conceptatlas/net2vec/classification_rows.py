"""Rows of the tables of concept classification, from what was learned."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from conceptatlas.datasets.labelled_images import Vocabulary
from conceptatlas.inference.bootstrap import block_weights, ratio_difference_interval, ratio_interval
from conceptatlas.masks.tally import N_BLOCKS
from conceptatlas.naming import CATEGORIES
from conceptatlas.net2vec.classification_learning import TASK, Learned, Setting
from conceptatlas.net2vec.classification_tables import CLASSIFICATION_COLUMNS
from conceptatlas.net2vec.columns import CRITICAL_SHARES, SUBSET_COLUMNS
from conceptatlas.net2vec.subsets import critical_sizes, strongest
from conceptatlas.net2vec.typed import typed_frame

Array = np.ndarray[Any, Any]

CHANCE = 0.5
"""Accuracy of knowing nothing, on a balanced set."""

_TYPES = {
    **dict.fromkeys(("dataset", "model", "layer", "concept", "category", "reason", "shown", "features", "split"),
                    "text"),
    **dict.fromkeys(("concept_index", "n_train", "n_train_without", "n_val", "n_val_without", "n_validation",
                     "n_blocks", "decay_every", "batch", "epochs", "n_controls", "min_train_images", "n_bootstrap",
                     "seed"), "whole"),
    "one_unit": "count",
    "small": "truth",
}  # fmt: skip
_SUBSET_TYPES = {
    **dict.fromkeys(("dataset", "model", "layer", "task", "concept", "category"), "text"),
    **dict.fromkeys(("concept_index", "n_filters", "repeat"), "whole"),
    **dict.fromkeys(("small", "warm_start"), "truth"),
}


def classification_rows(
    place: dict[str, str],
    vocabulary: Vocabulary,
    counts: list[dict[str, int]],
    reasons: list[str],
    found: dict[int, Learned],
    options: dict[str, Any],
    choices: dict[str, Any],
    source: str,
    setting: Setting,
) -> pd.DataFrame:
    """A row a concept of the vocabulary, with the columns of CLASSIFICATION_COLUMNS; `shown` is left empty.

    counts : the columns n_train ... n_blocks of every concept. reasons : why nothing was learned, or empty. found :
    concept_index -> what was learned. source : where the split comes from.
    """
    given = {
        **{name: options[name] for name in ("features", "learning_rate", "decay", "decay_every", "momentum", "batch",
                                            "epochs", "l1", "l2", "n_controls")},
        **{name: choices[name] for name in ("min_train_images", "n_bootstrap", "confidence")},
        "split": source, "seed": setting.seed, "shown": "",
    }  # fmt: skip
    intervals = _intervals(found, choices, setting)
    names = [column.name for column in CLASSIFICATION_COLUMNS]
    rows = []
    for c, name in enumerate(vocabulary.names):
        row: dict[str, Any] = dict.fromkeys(names, float("nan")) | place | counts[c] | given
        row |= {"concept_index": c, "concept": name, "category": CATEGORIES[vocabulary.primary_category[c]]}
        row |= {"small": counts[c]["n_train"] < choices["min_train_images"], "reason": reasons[c], "one_unit": pd.NA}
        if c in found:
            row |= numbers(found[c], setting) | intervals[c]
        rows.append(row)
    frame = typed_frame(CLASSIFICATION_COLUMNS, rows, _TYPES)
    frame["equal_or_better"] = frame["equal_or_better"].astype("boolean")
    return frame


def numbers(one: Learned, setting: Setting) -> dict[str, Any]:
    """The numbers of one concept, without intervals."""
    n = int(one.n_validation.sum())
    accuracies = one.right.sum(axis=1) / n
    by_size = one.subset_right.sum(axis=(1, 2)) / (n * setting.repeats)  # whole numbers divided once: ties stay ties
    accuracy, one_accuracy = float(accuracies[0]), float(by_size[0])
    unit = int(strongest(one.weights[0], 1)[0])
    size = np.abs(one.weights[0].astype(np.float64))
    critical = critical_sizes(dict(zip(setting.sizes, by_size.tolist(), strict=True)), accuracy, CHANCE)
    control = float(one.control.mean()) if len(one.control) else float("nan")
    return {
        "accuracy_train": float(one.train[0]),
        "accuracy": accuracy,
        "one_unit": unit,
        "one_accuracy": one_accuracy,
        "gain": accuracy - one_accuracy,
        "equal_or_better": accuracy >= one_accuracy,
        "control_accuracy": control,
        "selectivity": accuracy - control,
        "repeat_sd": float(accuracies.std(ddof=1)) if len(accuracies) > 1 else float("nan"),
        "repeat_cosine": _mean_cosine(one.weights.astype(np.float64)),
        "weight_share": float(size[unit] / size.sum()) if size.any() else float("nan"),
        **{f"critical_f_{share}": critical[share] for share in CRITICAL_SHARES},
    }


def subset_rows(table: pd.DataFrame, found: dict[int, Learned], setting: Setting) -> pd.DataFrame:
    """A row for every concept, F and repeat; `table` as `classification_rows` made it."""
    rows = []
    for c, one in found.items():
        of = table.iloc[c]
        same = {
            name: of[name] for name in ("dataset", "model", "layer", "concept_index", "concept", "category", "small")
        }
        val = one.subset_right.sum(axis=2) / int(one.n_validation.sum())
        for s, size in enumerate(setting.sizes):
            for repeat in range(setting.repeats):
                rows.append(
                    {**same, "task": TASK, "n_filters": size, "repeat": repeat, "warm_start": setting.warm_start,
                     "train": float(one.subset_train[s, repeat]), "val": float(val[s, repeat])}
                )  # fmt: skip
    return typed_frame(SUBSET_COLUMNS, rows, _SUBSET_TYPES)


def _intervals(found: dict[int, Learned], choices: dict[str, Any], setting: Setting) -> dict[int, dict[str, float]]:
    """Intervals of accuracy and gain of every learned concept, from the same draws of blocks."""
    if not found:
        return {}
    right = np.array([one.right[0] for one in found.values()])
    single = np.array([one.subset_right[0].sum(axis=0) for one in found.values()])
    judged = np.array([one.n_validation for one in found.values()])
    kwargs = {"confidence": choices["confidence"], "n_blocks_with_data": (judged > 0).sum(axis=1)}
    weights = block_weights(N_BLOCKS, choices["n_bootstrap"], seed=setting.seed)
    accuracy = ratio_interval(right, judged, weights, **kwargs)
    gain = ratio_difference_interval(right, judged, single, judged * setting.repeats, weights, **kwargs)
    names = ("accuracy_low", "accuracy_high", "gain_low", "gain_high")
    columns = dict(zip(names, (*accuracy, *gain), strict=True))
    return {c: {name: float(values[i]) for name, values in columns.items()} for i, c in enumerate(found)}


def _mean_cosine(weights: Array) -> float:
    """Mean cosine of the first row with the others; NaN if there is no other or one is zero."""
    length = np.sqrt((weights**2).sum(axis=1))
    if len(weights) < 2 or not length.all():
        return float("nan")
    return float((weights[1:] @ weights[0] / (length[1:] * length[0])).mean())
