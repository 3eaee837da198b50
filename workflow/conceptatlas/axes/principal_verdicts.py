"""Does a concept lie along one unit, a few, or across the layer? Verdicts by stated cuts, and their shares."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from conceptatlas.axes.principal_tables import SUMMARY_COLUMNS
from conceptatlas.inference.shares import wilson_interval
from conceptatlas.naming import CATEGORIES

Array = np.ndarray[Any, Any]

VERDICTS = ("one unit", "few units", "distributed", "none")
LEFT_OUT = "left out"
CHANCE = 0.05
"""Share of concepts above the 95 % point of their null if none differed from it."""


def verdict(max_u2: float, participation: float, null_high: float, *, one_unit: float, few_units: float) -> str:
    """The verdict on a direction.

    `one unit` if max u^2 >= one_unit, else `few units` if 1 / sum(u^4) <= few_units, else `distributed`; each only if
    max u^2 exceeds the 95 % point of its null, else `none`. Without a null (NaN) there is nothing to exceed: `none`.
    """
    if not max_u2 > null_high:
        return "none"
    if max_u2 >= one_unit:
        return "one unit"
    return "few units" if participation <= few_units else "distributed"


def verdict_counts(table: pd.DataFrame) -> pd.DataFrame:
    """Number and share of concepts per verdict, over all concepts and by category, of one layer's table."""
    first = table.iloc[0]
    rows = []
    present = set(table["category"])
    for category in ["", *(name for name in CATEGORIES if name in present)]:
        mine = table if not category else table[table["category"] == category]
        tested = mine[mine["reason"] == ""]
        for name in (*VERDICTS, LEFT_OUT):
            those = mine[mine["reason"] != ""] if name == LEFT_OUT else tested[tested["verdict"] == name]
            low, high = (float("nan"),) * 2
            if name != LEFT_OUT:
                low, high = wilson_interval(len(those), len(tested), confidence=float(first["confidence"]))
            rows.append(
                {
                    "category": category,
                    "verdict": name,
                    "n_concepts": len(those),
                    "n_tested": len(tested),
                    "share": len(those) / len(tested) if len(tested) and name != LEFT_OUT else float("nan"),
                    "ci_low": low,
                    "ci_high": high,
                    "expected_by_chance": CHANCE,
                    "n_same_unit": 0 if name == LEFT_OUT else int(those["same_unit"].astype(bool).sum()),
                }
            )
    out = pd.DataFrame(rows)
    for name in ("dataset", "model", "layer", "centre", "n_permutations", "cut_one_unit", "cut_few_units",
                 "confidence"):  # fmt: skip
        out[name] = first[name]
    return out[[column.name for column in SUMMARY_COLUMNS]]


def choose_shown(table: pd.DataFrame, wanted: list[str], *, n: int = 3) -> list[str]:
    """Which concepts to draw, a word a row: the n clearest single units, the n most spread, and those asked for.

    Clearest: largest max_u2 among verdicts `one unit` and `few units` (among all, if there is none); spread: largest
    participation ratio among `distributed` (among all others, if there is none).
    """
    shown = np.array([""] * len(table), dtype=object)
    shown[table["concept"].isin(wanted).to_numpy()] = "config"
    tested = table[table["reason"] == ""]
    single = tested[tested["verdict"].isin(("one unit", "few units"))]
    clearest = (single if len(single) else tested).nlargest(n, "max_u2").index
    rest = tested.drop(index=clearest)
    spread = rest[rest["verdict"] == "distributed"]
    most = (spread if len(spread) else rest).nlargest(n, "participation").index
    shown[table.index.get_indexer(clearest)] = "clearest"
    shown[table.index.get_indexer(most)] = "spread"
    return [str(word) for word in shown]
