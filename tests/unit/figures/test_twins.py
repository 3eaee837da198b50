"""Position between floor and ceiling: (s - floor) / (ceiling - floor), and when there is none."""

from __future__ import annotations

import pandas as pd
import pytest

from conceptatlas.figures.twins import twin_figure, twin_positions
from tiny_tables import summary_table, words

TWINS = [
    {"model": "net-random", "twin_of": "net", "twin_role": "floor"},
    {"model": "net-seed1", "twin_of": "net", "twin_role": "ceiling"},
]


def joined(*, floor: int, value: int, ceiling: int, margin: float = 1.0) -> pd.DataFrame:
    counts = {"net": value, "net-random": floor, "net-seed1": ceiling}
    return pd.concat(
        [
            summary_table(model=model, detectors={"object": n}, unique={"object": n}, margin=margin)
            for model, n in counts.items()
        ],
        ignore_index=True,
    )


def test_position_is_the_share_of_the_way_from_floor_to_ceiling() -> None:
    table = twin_positions(joined(floor=10, value=25, ceiling=30), TWINS)
    assert table["model"].unique().tolist() == ["net"]
    assert table["position"].tolist() == [0.75, 0.75]
    assert table[["floor", "value", "ceiling"]].iloc[0].tolist() == [10, 25, 30]
    above = twin_positions(joined(floor=10, value=40, ceiling=30), TWINS)
    assert above["position"].tolist() == [1.5, 1.5]  # nothing is clipped


def test_position_is_undefined_where_the_denominator_may_be_nothing() -> None:
    table = twin_positions(joined(floor=10, value=25, ceiling=12, margin=1.0), TWINS)
    assert table["position"].isna().all()  # ceiling - floor = 2, from 0 to 4
    assert table["reason"].unique().tolist() == ["undefined: floor and ceiling overlap"]
    assert twin_positions(joined(floor=10, value=25, ceiling=13, margin=1.0), TWINS)["position"].notna().all()
    below = twin_positions(joined(floor=30, value=25, ceiling=10), TWINS)  # a floor above its ceiling: still a place
    assert below["position"].tolist() == [0.25, 0.25]


def test_missing_twins_are_named() -> None:
    summary = joined(floor=10, value=25, ceiling=30)
    only_floor = twin_positions(summary, TWINS[:1])
    assert only_floor["reason"].unique().tolist() == ["no ceiling"]
    assert "no ceiling" in words(twin_figure(summary, twins=TWINS[:1]))
    other_layer = summary[summary["model"] != "net-seed1"]
    other_layer = pd.concat([other_layer, summary[summary["model"] == "net-seed1"].assign(layer="conv2")])
    assert twin_positions(other_layer, TWINS)["reason"].unique().tolist() == ["no ceiling"]


def test_twin_figure_prints_positions_and_marks_the_counts() -> None:
    figure = twin_figure(joined(floor=10, value=25, ceiling=30), twins=TWINS)
    marks = {line.get_marker(): line.get_xdata()[0] for line in figure.axes[0].lines if line.get_marker() != "None"}  # type: ignore[index]
    assert marks == {"v": 10, "o": 25, "^": 30}
    assert words(figure).count("0.75") == 2
    assert "1,234 images" in words(figure)


def test_a_study_without_twins_says_so() -> None:
    assert len(twin_positions(summary_table(), [])) == 0
    assert "has a twin" in words(twin_figure(summary_table(), twins=[]))


@pytest.mark.parametrize("role", ["floor", "ceiling"])
def test_a_count_without_an_interval_gives_no_position(role: str) -> None:
    summary = joined(floor=10, value=25, ceiling=30)
    name = next(twin["model"] for twin in TWINS if twin["twin_role"] == role)
    summary.loc[summary["model"] == name, ["ci_low", "ci_high"]] = float("nan")
    assert twin_positions(summary, TWINS)["reason"].unique().tolist() == ["no interval"]
