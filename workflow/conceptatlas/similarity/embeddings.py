"""Distances of Net2Vec's embedding spaces among the measures of similarity, where the same study has them.

Net2Vec's D (Fong & Vedaldi 2018, section 5.3) compares how two layers arrange concepts by the weights that tell them:
the smaller, the more alike. Beside measures that grow with likeness stands

    1 - D / (mean of D where the concepts of one layer are permuted)

1 for the same arrangement, 0 at chance. Its interval is that of D by the jackknife over concepts (normal), the null's
mean taken as known. D is over the concepts that all spaces of the data set share.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
import pandas as pd

from conceptatlas.similarity.pair_tables import EMBEDDING_MEASURES, PAIR_COLUMNS, PAIR_TYPES
from conceptatlas.tables import read_table, records
from conceptatlas.typed_tables import frame_of

NO_NULL = "net2vec.n_permutations is 0: the distance has no scale"


def embedding_pairs(
    path: str | Path | None, places: Sequence[Sequence[Any]], *, confidence: float = 0.95
) -> pd.DataFrame:
    """Rows of the table of pairs for the spaces of the layers in `places`; none without a table of distances.

    path : net2vec/{dataset}/distances.parquet. places : [model, layer, relative depth], in the order of the sheets;
    the earlier layer of a pair is the first. Spaces of words, and of layers that are not compared, are left out.
    """
    listed: list[dict[str, Any]] = []
    if path is not None:
        at = {(str(model), str(layer)): i for i, (model, layer, _) in enumerate(places)}
        measures = {task: measure for measure, task in EMBEDDING_MEASURES.items()}
        for row in records(read_table(path)):
            ends = [(str(row[f"model_{side}"]), str(row[f"layer_{side}"])) for side in "ab"]
            known = all(end in at for end in ends) and row["task_a"] == row["task_b"] and row["task_a"] in measures
            if known:
                first, second = sorted(ends, key=lambda end: at[end])
                two = {"dataset": str(row["dataset"])}
                for side, end in zip("ab", (first, second), strict=True):
                    depth = float(places[at[end]][2])
                    two |= {f"model_{side}": end[0], f"layer_{side}": end[1], f"depth_{side}": depth}  # type: ignore[dict-item]
                listed.append(two | _numbers(row, measures[str(row["task_a"])], confidence))
    return frame_of(listed, PAIR_COLUMNS, PAIR_TYPES)


def _numbers(row: dict[str, Any], measure: str, confidence: float) -> dict[str, Any]:
    scale = float(row["null_mean"])
    there = scale > 0  # NaN where there is no null
    value = 1 - float(row["mean_square"]) / scale if there else np.nan
    half = NormalDist().inv_cdf((1 + confidence) / 2) * float(row["standard_error"]) / scale if there else np.nan
    missing = bool(np.isnan(value))
    why = (str(row["reason"] or "") or NO_NULL) if missing else ""
    return {
        "measure": measure, "threshold": np.nan, "value": value, "low": value - half, "high": value + half,
        "null_mean": 0.0 if there else np.nan, "null_high": 1 - float(row["null_low"]) / scale if there else np.nan,
        "p": float(row["p"]), "n_images": 0, "n_concepts": int(row["n_concepts"]), "n_undefined": int(missing),
        "n_permutations": int(row["n_permutations"]), "reason": why,
    }  # fmt: skip
