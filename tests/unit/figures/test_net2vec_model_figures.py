"""Figures that compare the models of a data set by Net2Vec: rows in order, shares and distances as the tables have."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from conceptatlas.figures.net2vec_distances import (
    MOST_WITH_NUMBERS,
    distance_by_category,
    distance_matrix,
    matrix,
    mean_by_category,
    select_pairs,
    spaces_in_order,
)
from conceptatlas.figures.net2vec_model_figures import SHOWS, plot_net2vec_models
from conceptatlas.figures.net2vec_models import correlated, equal_or_better, models
from conceptatlas.figures.net2vec_places import GROUP, LAYER, MODEL, place_rows
from conceptatlas.files import read_json
from conceptatlas.inference.shares import wilson_interval
from tiny_net2vec import classification_table, segmentation_table
from tiny_net2vec_relations import concept_distances_of, distances_of, spaces_of, summary_of
from tiny_tables import HOSTILE, words

CONCEPTS = {"dog": "object", "cat": "object", "wheel": "part", "blue": "color"}
PLACES = [("b_net", "conv2"), ("b_net", "conv10"), ("a_net", "conv5")]
"""In the order of sheets, which is not that of names."""


@pytest.fixture
def summary() -> pd.DataFrame:
    tables = {}
    for i, (model, layer) in enumerate(PLACES):
        tables[model, layer, "segmentation"] = segmentation_table(
            CONCEPTS, single_val=[0.1, 0.2, 0.3, 0.4], combination_val=[0.2, 0.4, 0.6, 0.3],
            correlation_p=[0.001] * (i + 1) + [0.5] * (3 - i),
        )  # fmt: skip
        tables[model, layer, "classification"] = classification_table(CONCEPTS)
    return summary_of(tables)


def dots(ax: Axes) -> list[Any]:
    return [line for line in ax.lines if line.get_marker() == "o" and len(np.atleast_1d(line.get_xdata())) == 1]


def ticks(figure: Figure) -> list[str]:
    figure.draw_without_rendering()
    return [label.get_text() for label in figure.axes[0].get_yticklabels()]


# Rows -------------------------------------------------------------------------------------------------------------


def test_layers_stand_under_their_model_and_a_single_one_beside_it(summary: pd.DataFrame) -> None:
    rows = place_rows(summary)
    assert rows.ticks == [(0, "b_net", MODEL), (1, "conv2", LAYER), (2, "conv10", LAYER), (3, "a_net, conv5", LAYER)]
    assert rows.heights == {("b_net", "conv2"): 1, ("b_net", "conv10"): 2, ("a_net", "conv5"): 3}
    assert rows.last == 3


def test_models_are_grouped_by_supervision_where_it_is_given(summary: pd.DataFrame) -> None:
    own = summary.assign(supervision=summary["model"].map({"b_net": "self-supervised", "a_net": ""}))
    rows = place_rows(own)
    assert [kind for _, _, kind in rows.ticks] == [GROUP, MODEL, LAYER, LAYER, GROUP, LAYER]
    assert rows.ticks[4][1] == "supervision not given"


# Scores -----------------------------------------------------------------------------------------------------------


def test_shares_stand_in_their_row_with_the_interval(summary: pd.DataFrame) -> None:
    figure = equal_or_better(summary)
    left, right = figure.axes
    drawn = dots(left)
    assert [float(dot.get_xdata()[0]) for dot in drawn] == [0.75] * 3
    assert [float(dot.get_ydata()[0]) for dot in drawn] == [1, 2, 3]
    assert [float(dot.get_xdata()[0]) for dot in dots(right)] == [1.0] * 3
    low, high = wilson_interval(3, 4)
    assert np.asarray(left.lines[0].get_xdata(), float) == pytest.approx([low, high])
    assert left.get_xlim()[0] <= low
    assert ticks(figure) == ["b_net", "conv2", "conv10", "a_net, conv5"]
    said = words(figure)
    assert "75.0 % of 4" in said
    assert "segmentation n = 4 concepts" in said
    assert "95 % Wilson interval" in said


def test_means_of_models_have_their_ratio(summary: pd.DataFrame) -> None:
    figure = models(summary, task="segmentation")
    assert [ax.get_title(loc="left") for ax in figure.axes] == ["all", "object", "part", "color"]
    whole, objects, *_ = figure.axes
    drawn = [float(dot.get_xdata()[0]) for dot in dots(whole)]
    assert drawn[:2] == pytest.approx([0.25, 0.375])
    assert [float(dot.get_xdata()[0]) for dot in dots(objects)][:2] == pytest.approx([0.15, 0.3])
    assert [text.get_text() for text in objects.texts] == ["× 2.0"] * 3
    assert whole.get_xlim()[1] > 0.375
    said = words(figure)
    assert "combined / single" in said
    assert "standard error" in said
    other = models(summary, task="classification")
    assert [text.get_text() for text in other.axes[0].texts] == ["+0.15"] * 3


def test_correlated_concepts_stand_in_their_row(summary: pd.DataFrame) -> None:
    figure = correlated(summary)
    left, right = figure.axes
    assert [float(dot.get_xdata()[0]) for dot in dots(left)] == [0.25, 0.5, 0.75]
    means = summary.loc[(summary["task"] == "segmentation") & (summary["category"] == ""), "correlation_mean"]
    assert [float(dot.get_xdata()[0]) for dot in dots(right)] == pytest.approx(means.tolist())
    assert "p < 0.01" in words(figure)


def test_without_concepts_that_count_figures_say_so() -> None:
    small = {("net", "conv1", "segmentation"): segmentation_table(CONCEPTS, n_train=3)}
    summary = summary_of(small)
    assert "all concepts are small" in words(equal_or_better(summary))
    assert "all concepts are small" in words(models(summary, task="segmentation"))
    assert "no concept counts" in words(correlated(summary))
    assert "all concepts are small" in words(equal_or_better(summary.iloc[:0]))


def test_many_models_with_hostile_names_do_not_overlap() -> None:
    tables = {
        (f"{HOSTILE} {i}", f"features.{j}", "segmentation"): segmentation_table(CONCEPTS)
        for i in range(4)
        for j in range(6)
    }
    figure = models(summary_of(tables, supervision={f"{HOSTILE} 1": HOSTILE}), task="segmentation")
    figure.draw_without_rendering()
    boxes = [label.get_window_extent() for label in figure.axes[0].get_yticklabels()]
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[i + 1 :])


# Distances --------------------------------------------------------------------------------------------------------


SPACES = [
    ("net", "conv1", "segmentation"), ("other", "conv3", "segmentation"), ("net", "conv1", "classification"),
    ("net", "conv5", "segmentation"),
]  # fmt: skip


def test_spaces_of_a_model_stand_together_and_words_last() -> None:
    order = spaces_in_order(spaces_of(SPACES, words=["glove"]).iloc[[4, 0, 1, 2, 3]])
    assert [space.name for space in order] == [
        "net/conv1/segmentation", "net/conv1/classification", "net/conv5/segmentation", "other/conv3/segmentation",
        "glove",
    ]  # fmt: skip


def test_the_matrix_is_symmetric_and_the_heat_map_shows_it() -> None:
    spaces = spaces_of(SPACES, words=["glove"], n_concepts=12)
    distances = distances_of(spaces)
    names = [space.name for space in spaces_in_order(spaces)]
    found = matrix(distances, names)
    assert np.isnan(np.diagonal(found)).all()
    assert np.allclose(found, found.T, equal_nan=True)
    place = {name: i for i, name in enumerate(names)}
    row = distances.iloc[2]
    assert found[place[row["space_a"]], place[row["space_b"]]] == row["mean_square"]
    figure = distance_matrix(spaces, distances)
    ax = figure.axes[0]
    shown = np.ma.filled(ax.images[0].get_array(), np.nan)
    assert np.allclose(shown, found, equal_nan=True)
    said = words(figure)
    assert "n = 12 concepts in all 5 spaces" in said
    assert "p ≤ 0.05: 40 % of 10 pairs" in said
    assert "glove (words)" in said
    assert len([text for text in ax.texts if text.get_text().startswith(".")]) == 20  # every cell its number
    assert [text.get_text() for text in ax.texts if text.get_fontweight() == "bold"] == ["net", "other"]


def test_many_spaces_have_no_numbers_but_names_that_do_not_overlap() -> None:
    places = [(f"net{i}", f"layer{j}", task) for i in range(3) for j in range(4)
              for task in ("segmentation", "classification")]  # fmt: skip
    spaces = spaces_of(places)
    assert len(spaces) > MOST_WITH_NUMBERS
    figure = distance_matrix(spaces, distances_of(spaces))
    ax = figure.axes[0]
    assert len(ax.texts) == 3
    figure.draw_without_rendering()
    for labels in (ax.get_xticklabels(), ax.get_yticklabels()):
        boxes = [label.get_window_extent() for label in labels]
        assert len(boxes) == 24
        assert not any(a.overlaps(b) for a, b in itertools.pairwise(boxes))


def test_without_distances_the_reason_is_printed() -> None:
    spaces = spaces_of(SPACES)
    said = words(distance_matrix(spaces, distances_of(spaces, reason="2 concepts in all 4 spaces")))
    assert "2 concepts in all 4 spaces" in said
    assert "not two spaces" in words(distance_matrix(spaces.iloc[:1], distances_of(spaces.iloc[:1])))
    assert "too few concepts" in words(distance_by_category(spaces, concept_distances_of(spaces, {})))


def test_pairs_are_those_with_words_or_neighbouring_layers() -> None:
    assert select_pairs(spaces_of(SPACES)) == [("net/conv1/segmentation", "net/conv5/segmentation")]
    pairs = select_pairs(spaces_of(SPACES[:2], words=["glove", "wordnet"]))
    assert pairs == [
        ("net/conv1/segmentation", "glove"), ("other/conv3/segmentation", "glove"),
        ("net/conv1/segmentation", "wordnet"), ("other/conv3/segmentation", "wordnet"), ("glove", "wordnet"),
    ]  # fmt: skip
    assert select_pairs(spaces_of(SPACES[:2])) == []


def test_means_by_category_are_hand_computed_whichever_space_comes_first() -> None:
    spaces = spaces_of(SPACES[:2], words=["glove"])
    table = concept_distances_of(spaces, CONCEPTS)  # pair (i, j), concept c: i + j + c
    pairs = [("net/conv1/segmentation", "glove"), ("glove", "other/conv3/segmentation"), ("glove", "absent")]
    means = mean_by_category(table, pairs, n_concepts=4)
    assert means.columns.tolist() == ["", "object", "part", "color"]
    assert means.index.tolist() == pairs[:2]
    assert means.loc[pairs[0]].tolist() == pytest.approx([3.5 / 4, 2.5 / 4, 1, 5 / 4])
    assert means.loc[pairs[1]].tolist() == pytest.approx([4.5 / 4, 3.5 / 4, 5 / 4, 6 / 4])


def test_the_figure_by_category_prints_every_mean() -> None:
    spaces = spaces_of(SPACES, words=["glove"], n_concepts=4)
    figure = distance_by_category(spaces, concept_distances_of(spaces, CONCEPTS))
    ax = figure.axes[0]
    assert np.ma.filled(ax.images[0].get_array(), np.nan).shape == (4, 4)
    said = words(figure)
    assert "all 4 object 2 part 1 color 1" in said
    assert "net, conv1 cla – glove" in said
    assert "n = 4 concepts" in said
    alone = spaces_of(SPACES[:2])
    assert "no word space" in words(distance_by_category(alone, concept_distances_of(alone, CONCEPTS)))


# The job ----------------------------------------------------------------------------------------------------------


def test_all_figures_of_a_data_set(tmp_path: Path, summary: pd.DataFrame) -> None:
    spaces = spaces_of(SPACES, words=["glove"])
    tables = {
        "summary": summary, "spaces": spaces, "distances": distances_of(spaces),
        "concept_distances": concept_distances_of(spaces, CONCEPTS),
    }  # fmt: skip
    for name, table in tables.items():
        table.to_parquet(tmp_path / f"{name}.parquet")
    plot_net2vec_models(
        dataset="toy", folder=tmp_path / "figures", options={"dpi": 40, "formats": ["png"]},
        summary=tmp_path / "summary.parquet", spaces=tmp_path / "spaces.parquet",
        distances=tmp_path / "distances.parquet", concept_distances=tmp_path / "concept_distances.parquet",
    )  # fmt: skip
    content = read_json(tmp_path / "figures" / "figures.json")
    listed = [name for entry in content["figures"] for name in entry["files"]]
    assert sorted(listed) == sorted(p.name for p in (tmp_path / "figures").iterdir() if p.name != "figures.json")
    assert {entry["figure"] for entry in content["figures"]} == set(SHOWS)
    assert "models~2.png" in listed
