"""Trajectories measured label by label against the copy of the picture."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from conceptatlas.figures.trajectory_changes import trajectory_changes
from conceptatlas.linking.labelling import Labeller
from conceptatlas.linking.trajectories import CHANGE_COLUMNS, change_rows
from conceptatlas.linking.tuning import Measuring

SEARCHES = pd.DataFrame({"origin": ["cat", "cat"], "target": ["dog", "car"]})


def found(areas, steps):
    """Black pictures with a white bar at the top, of so many rows of 16 pixels."""
    pictures = np.zeros((len(areas), 3, 16, 16), dtype=np.uint8)
    for picture, rows in zip(pictures, areas, strict=True):
        picture[:, :rows] = 255
    rows = np.zeros(len(areas), dtype=np.int64)
    return {"pictures": pictures, "w": np.zeros((len(areas), 2), np.float32), "row": rows, "step": np.array(steps)}


def measuring():
    def label(_w, pictures):
        return (pictures[..., 0] > 127).astype(np.uint8)

    return Measuring({"mine": Labeller("mine", ["background", "bar"], label)}, size=16, min_area=4)


def test_changes_are_against_the_copy():
    frame = change_rows(found([6, 4, 5, 8], [-2, -1, 0, 3]), SEARCHES, measuring(), device="cpu")
    area = frame[(frame["metric"] == "area") & (frame["label"] == "bar")].set_index("step")
    assert area["value"].to_dict() == {-2: 96, -1: 64, 0: 80, 3: 128}
    assert area["change"].to_dict() == {-2: 0.5, -1: 0.0, 0: 0.25, 3: 1.0}
    luminance = frame[frame["metric"] == "luminance"]
    np.testing.assert_allclose(luminance["change"], 0, atol=1e-12)
    centre = frame[frame["metric"] == "centre_y"].set_index("step")
    assert centre.loc[3, "change"] == pytest.approx(2)
    assert set(frame["origin"]) == {"cat"}
    assert list(frame) == [column.name for column in CHANGE_COLUMNS[2:]]


def test_nothing_kept_is_nothing_measured():
    empty = {name: array[:0] for name, array in found([1], [0]).items()}
    frame = change_rows(empty, SEARCHES, measuring(), device="cpu")
    assert list(frame) == [column.name for column in CHANGE_COLUMNS[2:]]
    assert not len(frame)


def test_the_figure_shows_areas_or_says_why_not():
    frame = change_rows(found([6, 4, 5, 8], [-2, -1, 0, 3]), SEARCHES, measuring(), device="cpu")
    assert len(trajectory_changes(frame, place="here").axes) == 1
    assert trajectory_changes(frame.iloc[:0], place="here").axes
