"""Which concepts figures draw one by one: those asked for, the largest gains, the worst failure, the most frequent."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import pandas as pd

from conceptatlas.naming import unknown

logger = logging.getLogger(__name__)

Array = np.ndarray[Any, Any]


def choose_shown(table: pd.DataFrame, wanted: list[str], *, score: str = "gain", n: int = 2) -> list[str]:
    """Why each concept is drawn, a word a row; empty: it is not.

    config : named in `wanted`. gain : the n largest `score`. failure : the most negative one, if any is below 0.
    frequent : the n with most validation images. Each takes from the learned concepts that are not small (all learned
    ones, if there is no other) and that no earlier word has taken; of equal ones the first row. A wanted concept that
    does not exist, or of which nothing was learned, is named in a warning and not drawn.

    table : a row a concept, with columns dataset, concept, reason, small, n_val and `score`.
    """
    names = [str(name) for name in table["concept"]]
    learned = (table["reason"] == "").to_numpy(dtype=bool)
    _name_missing(table, names, wanted)
    shown = np.array([""] * len(table), dtype=object)
    shown[learned & np.isin(np.array(names, dtype=object), wanted)] = "config"
    large = learned & ~table["small"].to_numpy(dtype=bool)
    candidates = large if large.any() else learned
    gains = table[score].to_numpy(dtype=np.float64)
    images = table["n_val"].to_numpy(dtype=np.float64)
    for word, values, count in (("gain", gains, n), ("failure", np.where(gains < 0, -gains, np.nan), 1),
                                ("frequent", images, n)):  # fmt: skip
        free = np.flatnonzero(candidates & (shown == "") & np.isfinite(values))
        shown[free[np.argsort(-values[free], kind="stable")[:count]]] = word
    return [str(word) for word in shown]


def _name_missing(table: pd.DataFrame, names: list[str], wanted: list[str]) -> None:
    if not wanted:
        return
    where = "net2vec.concepts"
    if len(table):
        where += f", data set {table['dataset'].iloc[0]}"
    reasons = dict(zip(names, (str(reason) for reason in table["reason"]), strict=True))
    for name in wanted:
        if name not in reasons:
            logger.warning("%s", unknown("concept", name, names, where=where))
        elif reasons[name]:
            logger.warning("%s: %r is not drawn, nothing was learned of it (%s)", where, name, reasons[name])
