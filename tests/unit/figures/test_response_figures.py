"""Figures of responses: scores stand where the table has them, stars where q says so, reasons where nothing is."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from conceptatlas.figures.similarity_responses import MOST_CONCEPTS, layer_fidelity, score_matrix, tcav_scores
from tiny_similarity_figures import NAN, response_row, table_of_responses, tcav_row
from tiny_tables import HOSTILE, words


@pytest.fixture
def table() -> pd.DataFrame:
    return table_of_responses(
        tcav_row("sky", 3, 0.9, 0.01), tcav_row("sky", 5, 0.4, 0.6, n_images=60), tcav_row(HOSTILE, 3, 0.2, 0.3),
        tcav_row("cat", 3, 0.55, 0.3), tcav_row("gone", 3, NAN, NAN, reason="no vector"),
        response_row("all", score_error=0.2, score_error_low=0.1, score_error_high=0.3, top_class_stays=0.8),
        response_row("nothing", score_error=1.2, top_class_stays=0.1),
        response_row("without", component=0, score_error=0.4, top_class_stays=0.7),
        response_row("without", component=1, score_error=0.3, top_class_stays=0.75),
        response_row("all", layer="last", reason="the layer has no concepts"),
    )  # fmt: skip


def test_matrix_of_scores_by_q_and_images(table: pd.DataFrame) -> None:
    rows = table[table["tcav"].notna()]
    concepts, classes, scores, q = score_matrix(rows)
    assert concepts == ["sky", HOSTILE, "cat"]  # of equal q the score farther from chance
    assert classes == ["class 5", "class 3"]  # by images
    np.testing.assert_array_equal(scores, [[0.4, 0.9], [NAN, 0.2], [NAN, 0.55]])
    np.testing.assert_array_equal(q, [[0.6, 0.01], [NAN, 0.3], [NAN, 0.3]])


def test_scores_are_printed_with_stars(table: pd.DataFrame) -> None:
    figure = tcav_scores(table, model="net", layer="conv1")
    said = words(figure)
    assert ".90*" in said
    assert ".40" in said
    assert ".40*" not in said
    assert "1 of 4" in said
    many = table_of_responses(*[tcav_row(f"c{i}", 0, 0.5 + i / 200, 0.5) for i in range(60)])
    assert len(tcav_scores(many, model="net", layer="conv1").axes[0].get_yticks()) == MOST_CONCEPTS
    without = table_of_responses(tcav_row("sky", 3, 0.9, NAN, null_mean=NAN, n_random=0))
    assert "No null" in words(tcav_scores(without, model="net", layer="conv1"))
    assert "none was asked" in words(tcav_scores(table, model="net", layer="last"))
    nothing = table_of_responses(tcav_row("gone", 3, NAN, NAN, reason="no vector"))
    assert "no vector" in words(tcav_scores(nothing, model=HOSTILE, layer="conv1"))


def test_fidelity_stands_between_all_and_nothing(table: pd.DataFrame) -> None:
    figure = layer_fidelity(table, model="net", layers=["conv1", "last"])
    error, stays = figure.axes
    dots = [list(line.get_xdata()) for line in error.lines if line.get_marker() == "o"]
    assert dots == [[0.2], [1.2]]
    ticks = next(list(line.get_xdata()) for line in error.lines if line.get_marker() == "|")
    assert ticks == [0.4, 0.3]
    assert [0.1, 0.3] in [list(line.get_xdata()) for line in error.lines]
    assert [list(line.get_xdata()) for line in stays.lines if line.get_marker() == "o"] == [[0.8], [0.1]]
    assert "the layer has no concepts" in words(figure)
    only = table[table["kind"] == "tcav"]
    assert "not asked for" in words(layer_fidelity(only, model="net", layers=["conv1"]))
