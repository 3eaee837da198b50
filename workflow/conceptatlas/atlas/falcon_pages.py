"""What the pages of FALCON's groups load: words with their scores, kept and dropped, and pictures with crops."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from conceptatlas.atlas.encoding import number, script_table, write_script
from conceptatlas.atlas.layer_context import LayerContext
from conceptatlas.tables import read_table, records

Array = np.ndarray[Any, Any]

WORDS = 12
"""Words kept of a group that contrast left, and as many that it dropped."""
IMAGES = 8
"""High and low images of a group."""
LEFT_OUT = ("dataset", "model", "layer", "encoder", "vocabulary", "dropped_because")
"""Columns of the words that stand elsewhere: in the key, and, of the last, in the columns beside it."""


def write_groups(home: Path, key: str, context: LayerContext) -> list[list[str]]:
    """Write ``{key}/spoken@{which}`` and ``{key}/pictures@{which}`` for each encoder and vocabulary that explains the
    layer's groups; returns [which, group, words] of all groups that have words, for the search."""
    said: list[list[str]] = []
    for name, path in context.plan["files"].items():
        base, _, which = name.partition(":")
        if base != "spoken":
            continue
        words = read_table(context.path(name))
        write_script(
            home, f"{key}/spoken@{which}",
            script_table(context.path(name), source=path, drop=LEFT_OUT, rows=shown_words(words)),
        )  # fmt: skip
        crops = context.frame(f"crops:{which.partition('~')[0]}")
        write_script(home, f"{key}/pictures@{which}", group_pictures(context.frame("members"), crops))
        explained = context.frame(f"explained:{which}")
        pairs = zip(explained["group"].astype(str), explained["words"], strict=True)
        said += [[which, group, str(text)] for group, text in pairs if text]
    return said


def shown_words(words: pd.DataFrame) -> Array:
    """Row numbers of the best-scoring words of each group, ascending: 12 that are kept and 12 that are dropped."""
    ordered = words.sort_values("score", ascending=False, kind="stable")
    best = ordered.groupby(["group", "dropped"], sort=False).head(WORDS)
    return np.sort(best.index.to_numpy())


def group_pictures(members: pd.DataFrame, crops: pd.DataFrame) -> dict[str, Any]:
    """Group -> `high`: [image, value, [left, top, right, bottom] in pixels of the frame] and `low`: [image, value], the
    first images of each; a crop of the whole frame has no box."""
    boxes: dict[tuple[str, int], list[int] | None] = {}
    for row in records(crops[crops["kind"] == "high"]):
        box = [int(row[edge]) for edge in ("left", "top", "right", "bottom")]
        boxes[str(row["group"]), int(row["image_index"])] = None if row["whole"] else box
    found: dict[str, Any] = {}
    first = members[members["rank"] <= IMAGES]
    for row in records(first.sort_values(["group", "kind", "rank"], kind="stable")):
        group, image = str(row["group"]), int(row["image_index"])
        own = found.setdefault(group, {"high": [], "low": []})
        told: list[Any] = [image, number(row["value"])]
        if row["kind"] == "high":
            told.append(boxes.get((group, image)))
        own[row["kind"]].append(told)
    return found
