"""Which units are shown, from which starting points."""

from __future__ import annotations

import numpy as np
import pandas as pd

from conceptatlas.linking.shown import Chosen, choose_units, starting_points


def row(unit, label, metric, rank, *, certain):
    low, high = (0.1, 0.3) if certain else (-0.1, 0.5)
    return {"unit": unit, "label": label, "metric": metric, "rank": rank, "low": low, "high": high, "n": 5}


def test_certain_units_come_first_and_none_twice():
    table = pd.DataFrame(
        [
            row(5, "eye", "area", 1, certain=False),
            row(7, "ear", "area", 1, certain=True),
            row(8, "ear", "area", 2, certain=True),
            row(7, "eye", "luminance", 1, certain=True),
            row(9, "ear", "luminance", 1, certain=True),
        ]
    )
    chosen = choose_units(table, metric="area", n_shown=4)
    assert chosen == [
        Chosen(7, "ear", "area"), Chosen(9, "ear", "luminance"), Chosen(8, "ear", "area"), Chosen(5, "eye", "area"),
    ]  # fmt: skip
    assert choose_units(table, metric="luminance", n_shown=1) == [Chosen(9, "ear", "luminance")]


def test_classes_take_turns():
    points, classes = np.arange(10, 16), np.array([0, 0, 0, 4, 4, 9])
    assert starting_points(points, classes, 4).tolist() == [10, 13, 15, 11, 14, 12]
