"""Which units of a layer its gallery shows."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def choose_units(iou: Array, label: Array, *, n: int) -> Array:
    """Units to show: the best unit of every label, by IoU, then the best of the rest; int64, at most n."""
    order = np.argsort(-np.nan_to_num(iou, nan=-1.0), kind="stable")
    seen: set[int] = set()
    first: list[int] = []
    rest: list[int] = []
    for unit in order:
        (rest if int(label[unit]) in seen else first).append(int(unit))
        seen.add(int(label[unit]))
    return np.array((first + rest)[:n], dtype=np.int64)
