"""What the figures of Net2Vec share: the two tasks, which concepts count, and the sentences that state how."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from conceptatlas.figures.style import count, in_order, plain
from conceptatlas.net2vec.joining import mean_and_error

Tables = Mapping[str, Mapping[str, pd.DataFrame]]
"""task -> layer -> segmentation.parquet or classification.parquet; a task that is off has no layers."""


class Task(NamedTuple):
    """A task of Net2Vec, and the columns of its table that hold the scores of one filter and of all.

    one : column of F = 1, learned anew, where it is not the single filter itself; empty otherwise.
    *_low, *_high : columns of the interval; empty where there is none.
    """

    name: str
    title: str
    single: str
    single_low: str
    single_high: str
    one: str
    combination: str
    low: str
    high: str
    score: str
    chance: float


TASKS = {
    "segmentation": Task(
        "segmentation", "Segmentation", "single_val", "single_val_low", "single_val_high", "one_val",
        "combination_val", "combination_val_low", "combination_val_high", "IoU over validation images", 0.0,
    ),
    "classification": Task(
        "classification", "Classification", "one_accuracy", "", "", "",
        "accuracy", "accuracy_low", "accuracy_high", "accuracy on validation images", 0.5,
    ),
}  # fmt: skip
"""In the order of every figure."""

MOST_SHOWN = 32
"""Concepts that a view meant for people holds at most."""
SHOWN_ORDER = {"config": 0, "gain": 1, "failure": 2, "frequent": 3}
SHOWN_WORDS = {
    "config": "named in the config",
    "gain": "largest gain",
    "failure": "most negative gain",
    "frequent": "most images",
}

IOU_SET = "IoU: intersections over unions, both summed over validation images that hold the concept (IoU_set)"
SINGLE = {
    "segmentation": "Single: the filter with the highest IoU on training images, cut at > 1/2 after upsampling",
    "classification": "Single: F = 1, the filter with the largest |w|, learned anew",
}
COMBINATION = {
    "segmentation": "Combined: all filters, foreground where the upsampled weighted sum is > 0",
    "classification": "Combined: all filters, spatial means of activations with a bias",
}
ACCURACY = "Accuracy: on a balanced validation set, chance 0.5"


def definitions(task: str) -> str:
    """What the scores of a task are, in sentences without the last full stop."""
    first = IOU_SET if task == "segmentation" else ACCURACY
    return ". ".join((first, SINGLE[task], COMBINATION[task]))


def definitions_of(tasks: list[str]) -> str:
    """The same for several tasks, each named where there are two."""
    if len(tasks) == 1:
        return definitions(tasks[0])
    return ". ".join(f"{TASKS[task].title}: {_lower(definitions(task))}" for task in tasks)


def _lower(text: str) -> str:
    return text if text.startswith("IoU") else text[:1].lower() + text[1:]


def learned(table: pd.DataFrame) -> pd.DataFrame:
    """Rows for which something was learned."""
    return table[table["reason"].fillna("") == ""]


def is_small(table: pd.DataFrame) -> pd.Series:
    """Which rows are small concepts; a missing mark counts as no."""
    return table["small"].eq(True)


def counted(table: pd.DataFrame, task: str, *, include_small: bool) -> pd.DataFrame:
    """Rows that count in means: learned, not small unless asked for, both scores defined."""
    rows = learned(table)
    rows = rows if include_small else rows[~is_small(rows)]
    return rows[rows[TASKS[task].single].notna() & rows[TASKS[task].combination].notna()]


def categories_of(tables: list[pd.DataFrame]) -> list[str]:
    """The categories of some tables in the order of the project."""
    return in_order([name for table in tables for name in table["category"]])


def layers_of(tables: Tables) -> list[str]:
    """The layers of all tasks in their order."""
    return list(dict.fromkeys(layer for by_layer in tables.values() for layer in by_layer))


def tasks_of(tables: Tables) -> list[str]:
    """Tasks that have tables, in the order of every figure."""
    return [task for task in TASKS if tables.get(task)]


def shown_concepts(table: pd.DataFrame) -> pd.DataFrame:
    """The learned rows to draw, at most `MOST_SHOWN`: those of the config, largest gains, failures, frequent ones."""
    rows = learned(table)
    rows = rows[rows["shown"].fillna("") != ""]
    place = rows["shown"].map(SHOWN_ORDER).fillna(len(SHOWN_ORDER))
    rows = rows.assign(place=place).sort_values("place", kind="stable").drop(columns="place")
    return rows.head(MOST_SHOWN)


def why_shown(rows: list[dict[str, Any]]) -> str:
    """Which of the concepts that are drawn were chosen for their numbers, in a sentence; empty: none was."""
    parts = []
    for word, words in SHOWN_WORDS.items():
        names = [plain(row["concept"], width=20) for row in rows if row["shown"] == word]
        if names and word != "config":
            parts.append(f"{words}: {', '.join(names)}")
    return "; ".join(parts)[:1].upper() + "; ".join(parts)[1:]


def means_by_category(table: pd.DataFrame, task: str, *, include_small: bool) -> pd.DataFrame:
    """Means and standard errors over concepts, all of them (category "") first, then by category.

    Returns
    -------
    DataFrame
        category, n, and mean and standard error of single, combination and one (F = 1): `single_mean`, `single_sem`,
        ...; the standard error is missing for a single concept, `one` where the task has no such column.
    """
    rows, about = counted(table, task, include_small=include_small), TASKS[task]
    out = []
    for category in ["", *in_order(rows["category"])]:
        own = rows if not category else rows[rows["category"] == category]
        entry: dict[str, Any] = {"category": category, "n": len(own)}
        for name, column in (("single", about.single), ("combination", about.combination), ("one", about.one)):
            entry[f"{name}_mean"], entry[f"{name}_sem"] = mean_and_error(own[column] if column else [])
        out.append(entry)
    return pd.DataFrame(out)


def per_cent(share: float, *, digits: int = 0) -> str:
    """A share as per cent; an undefined one is a dash.

    >>> per_cent(0.256), per_cent(1.0, digits=1), per_cent(float("nan"))
    ('26 %', '100.0 %', '–')
    """
    return f"{100 * share:.{digits}f} %" if np.isfinite(share) else "–"


# Sentences --------------------------------------------------------------------------------------------------------


def place_of(model: str, layer: str = "") -> str:
    """Model and layer, for titles."""
    return f"{plain(model)}, {plain(layer)}" if layer else plain(model)


def learned_of(table: pd.DataFrame, *, include_small: bool = False) -> str:
    """How many concepts were learned, and how many of them are small."""
    n, n_small = len(learned(table)), int(is_small(learned(table)).sum())
    said = f"{n:,} of {count(len(table), 'concept')} learned"
    if n_small:
        what = "kept in means" if include_small else "left out of means"
        said += f", {n_small:,} of them small ({what})"
    return said


def sample_of(table: pd.DataFrame, *, dataset: str, include_small: bool = False) -> str:
    """Data set, concepts learned, small ones, where the split comes from."""
    said = f"Data set {plain(dataset)}: {learned_of(table, include_small=include_small)}"
    if len(table):
        first = table.iloc[0]
        said += f"; small: fewer than {int(first['min_train_images'])} training images"
        said += f"; split: {plain(first['split'])}"
    return said


def samples_of(tables: Tables, *, dataset: str, include_small: bool = False) -> str:
    """The same for the layers of a model: of every task the first layer's, and whether the others differ."""
    parts = []
    for task in tasks_of(tables):
        by_layer = list(tables[task].values())
        said = sorted({len(learned(table)) for table in by_layer})
        one = learned_of(by_layer[0], include_small=include_small)
        if len(said) > 1:
            one = f"{said[0]:,} to {said[-1]:,} of {count(len(by_layer[0]), 'concept')} learned, by layer"
        parts.append(f"{task} {one}" if len(tasks_of(tables)) > 1 else one)
    first = next((table.iloc[0] for task in tasks_of(tables) for table in tables[task].values() if len(table)), None)
    said_least = f"; small: fewer than {int(first['min_train_images'])} training images" if first is not None else ""
    said_split = f"; split: {plain(first['split'])}" if first is not None else ""
    return f"Data set {plain(dataset)}: {'; '.join(parts)}{said_least}{said_split}"


def settings_of(table: pd.DataFrame, task: str) -> str:
    """The options a task was learned with."""
    if not len(table):
        return ""
    first = table.iloc[0]
    said = f"SGD at rate {first['learning_rate']:g}, momentum {first['momentum']:g}, batch {int(first['batch'])}, "
    said += count(int(first["epochs"]), "epoch")
    said += "".join(f", {name.upper()} {first[name]:g}" for name in ("l1", "l2") if first[name])
    if task == "segmentation":
        bias = "with a bias" if first["bias"] else "no bias"
        said = f"Learned with loss {plain(first['loss'])}, {bias}, {said}, upsampling {plain(first['upsample'])}"
        return said + ("" if first["image_level"] == "skip" else f", image-level labels {plain(first['image_level'])}")
    decay = f"features {plain(first['features'])}, rate × {first['decay']:g} every {int(first['decay_every'])} epochs"
    return f"Learned on {decay}, {said}"


def interval_of(table: pd.DataFrame, *, what: str = "Lines") -> str:
    """What an interval is."""
    if not len(table):
        return ""
    first = table.iloc[0]
    level = f"{100 * float(first['confidence']):g} % interval"
    return f"{what}: {level} over {int(first['n_bootstrap']):,} resamples of blocks of images; none below 8 blocks"


def first_table(tables: Tables, task: str) -> pd.DataFrame:
    """The table of a task's first layer, for its settings."""
    return next(iter(tables[task].values()))
