"""Figures of counts: bars, lines and marks stand exactly where the summary says."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import same_color

from conceptatlas.figures.facts import facts, places
from conceptatlas.figures.label_bars import label_bars, label_counts
from conceptatlas.figures.layer_graph import layer_graph
from conceptatlas.figures.style import CATEGORY_COLOURS
from conceptatlas.figures.tau_sensitivity import tau_sensitivity
from conceptatlas.figures.unique_detectors import unique_detectors
from tiny_tables import summary_table, unit_row, units_table, words

Array = np.ndarray[Any, Any]


def line_at(ax: Axes, colour: str) -> list[Array]:
    """y values of the lines of a colour."""
    return [np.asarray(line.get_ydata()) for line in ax.lines if same_color(line.get_color(), colour)]


@pytest.fixture
def three_layers() -> pd.DataFrame:
    parts = [
        summary_table(layer="conv1", detectors={"color": 4, "texture": 2}, unique={"color": 3}, n_units=16),
        summary_table(layer="conv2", detectors={"color": 1, "texture": 8}, unique={"texture": 5}, n_units=32),
        summary_table(layer="conv10", detectors={"object": 20}, unique={"object": 9}, n_units=64),
    ]
    return pd.concat(parts, ignore_index=True)


# Labels of one layer ----------------------------------------------------------------------------------------------


def test_label_counts_in_the_order_of_categories_then_of_counts() -> None:
    units = units_table(
        unit_row(0, "red", "color"), unit_row(1, "wheel", "part"), unit_row(2, "car", "object"),
        unit_row(3, "red", "color", iou=0.05), unit_row(4, "leg", "part"), unit_row(5, "leg", "part"),
        unit_row(6, "car", "object", iou=0.03),
    )  # fmt: skip
    table = label_counts(units)
    assert table["concept"].tolist() == ["car", "leg", "wheel", "red"]
    assert table["detectors"].tolist() == [1, 2, 1, 2]
    assert table["significant"].tolist() == [1, 2, 1, 1]


def test_label_bars_have_the_counts_as_heights() -> None:
    units = units_table(*[unit_row(i, "red" if i < 3 else "car", "color" if i < 3 else "object") for i in range(5)])
    units.loc[0, "is_significant"] = False
    figure = label_bars(units, summary=summary_table())
    (ax,) = figure.axes
    significant, unsure = ([patch.get_height() for patch in bars] for bars in ax.containers)  # type: ignore[attr-defined]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["car", "red"]
    assert significant == [2, 2]
    assert unsure == [0, 1]
    assert "2 labels of 5 detectors, 4 of them significant" in words(figure)
    assert "1,234 images" in words(figure)
    assert "R = 99 permutations" in words(figure)


def test_label_bars_show_every_label_of_a_long_vocabulary() -> None:
    units = units_table(*[unit_row(i, f"concept {i}", "object") for i in range(350)])
    figure = label_bars(units, summary=summary_table(n_units=2048))
    shown = [label.get_text() for ax in figure.axes for label in ax.get_xticklabels()]
    assert sorted(shown) == sorted(units["concept"])


def test_label_bars_without_detectors_say_so() -> None:
    figure = label_bars(units_table(unit_row(0, iou=0.01)), summary=summary_table())
    assert "No unit of this layer is a detector" in words(figure)
    assert "1,234 images" in words(label_bars(units_table(), summary=summary_table()))


# All layers -------------------------------------------------------------------------------------------------------


def test_unique_detectors_stack_to_the_counts(three_layers: pd.DataFrame) -> None:
    figure = unique_detectors(three_layers)
    detectors, unique = figure.axes
    ends = {round(bar.get_y() + bar.get_height() / 2): 0.0 for bar in detectors.patches}  # type: ignore[attr-defined]
    for bar in detectors.patches:
        at = round(bar.get_y() + bar.get_height() / 2)  # type: ignore[attr-defined]
        ends[at] = max(ends[at], bar.get_x() + bar.get_width())  # type: ignore[attr-defined]
    assert ends == {1: 6, 2: 9, 3: 20}
    diamonds = [line for line in unique.lines if line.get_marker() == "D"]
    assert diamonds[0].get_xdata().tolist() == [2, 4, 8]  # type: ignore[union-attr]
    crosses = [line.get_xdata()[0] for line in detectors.lines if line.get_marker() == "x"]  # type: ignore[index]
    assert crosses == [2, 2, 2]
    spans = [
        tuple(line.get_xdata())
        for line in detectors.lines
        if line.get_linestyle() == "-" and line.get_marker() == "None"
    ]  # type: ignore[arg-type]
    assert spans == [(5, 7), (8, 10), (19, 21)]
    assert "n = 1,234 images, 16 to 64 units a layer" in words(figure)


def test_unique_detectors_of_several_models_name_their_roles(three_layers: pd.DataFrame) -> None:
    other = three_layers.assign(model="net-random")
    figure = unique_detectors(pd.concat([three_layers, other]), roles={"net-random": "floor of net"})
    ticks = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert ticks == ["net", "conv1", "conv2", "conv10", "net-random (floor of net)", "conv1", "conv2", "conv10"]


@pytest.mark.parametrize("n_layers", [1, 12])
def test_no_detectors_anywhere(n_layers: int) -> None:
    summary = pd.concat([summary_table(layer=f"layer{i}", n_permutations=0) for i in range(n_layers)])
    for figure in (unique_detectors(summary), layer_graph(summary)):
        assert "no detectors" in words(figure)
        assert "No null: no permutations were drawn" in words(figure)


def test_layer_graph_draws_the_table(three_layers: pd.DataFrame) -> None:
    figure = layer_graph(three_layers)
    counts, shares, unique = figure.axes
    colour = CATEGORY_COLOURS["texture"]
    assert line_at(counts, colour)[0].tolist() == [2, 8, 0]
    np.testing.assert_allclose(line_at(shares, colour)[0], [2 / 16, 8 / 32, 0])
    assert line_at(unique, colour)[0].tolist() == [0, 5, 0]
    assert [label.get_text() for label in counts.get_xticklabels()] == ["conv1", "conv2", "conv10"]
    assert "No detectors of scene, part, material" in words(figure)
    assert "3 layers with 112 units in all" in words(figure)


def test_one_category_alone_needs_no_total() -> None:
    figure = layer_graph(summary_table(detectors={"object": 3}, unique={"object": 2}))
    counts = figure.axes[0]
    assert [line.get_ydata().tolist() for line in counts.lines] == [[3.0], [3.0]]  # type: ignore[union-attr]
    assert same_color(counts.lines[0].get_color(), CATEGORY_COLOURS["object"])
    assert counts.lines[1].get_linestyle() == ":"  # the null's 95 % point, which the table puts at 3


def test_tau_sensitivity_draws_a_line_a_layer_in_order_of_tau(three_layers: pd.DataFrame) -> None:
    figure = tau_sensitivity(three_layers)
    detectors, unique = figure.axes
    lines = {str(line.get_label()): line for line in detectors.lines if line.get_marker() == "o"}
    assert list(lines) == ["conv1", "conv2", "conv10"]
    assert lines["conv2"].get_xdata().tolist() == [0.001, 0.005, 0.05]  # type: ignore[union-attr]
    assert lines["conv2"].get_ydata().tolist() == [10, 9, 11]  # type: ignore[union-attr]
    assert len([line for line in unique.lines if line.get_marker() == "o"]) == 3
    assert "τ of the study: 0.005" in words(figure)


def test_tau_sensitivity_with_one_level_says_so() -> None:
    assert "Only one level of τ" in words(tau_sensitivity(summary_table(taus=("0.005",))))


def test_facts_of_a_joined_summary(three_layers: pd.DataFrame) -> None:
    assert places(three_layers) == [("net", "conv1"), ("net", "conv2"), ("net", "conv10")]
    about = facts(three_layers)
    assert (about.n_images, about.n_units, about.tau, about.detector_iou) == (1234, 16, "0.005", 0.04)
