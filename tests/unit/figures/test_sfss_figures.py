"""SFSS concept by concept: which pairs and concepts are drawn, and that the numbers are those of the tables."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from conceptatlas.figures.similarity_facts import Place, places_of
from conceptatlas.figures.similarity_scatter import (
    PANELS,
    TwoLayers,
    last_layers,
    pairs_to_draw,
    points_of,
    profile_scatter,
    shown_rows,
)
from conceptatlas.figures.similarity_sfss import concept_distribution
from conceptatlas.similarity.profile_files import ConceptProfiles
from tiny_similarity_figures import NAN, pair_row, pairs_table, sfss_table
from tiny_tables import HOSTILE, words

A1, A2, B1 = ("a_net", "conv1", 0.2), ("a_net", "conv9", 0.8), ("b_net", "conv1", 0.3)
PLACES = places_of([A1, A2, B1])
PAIR = TwoLayers(PLACES[1], PLACES[2])
R = {"sky": 0.9, "tree": 0.6, "car": 0.1, HOSTILE: 0.4, "cat": NAN}


@pytest.fixture
def sfss() -> pd.DataFrame:
    rows = [
        {"dataset": "toy", "model_a": "a_net", "layer_a": "conv9", "model_b": "b_net", "layer_b": "conv1",
         "concept_index": i, "concept": name, "category": "object", "r": r, "r_low": r - 0.1, "r_high": r + 0.1,
         "r_present": r / 2, "r_absent": r / 4, "n_images": 8, "recognised": r > 0.3, "correlation": "pearson"}
        for i, (name, r) in enumerate(R.items())
    ]  # fmt: skip
    return sfss_table(rows)


def profiles(model: str, layer: str, *, shift: float = 0.0) -> ConceptProfiles:
    cosines = np.linspace(-1, 1, 60).reshape(5, 12) + shift
    balanced = np.ones((5, 12), dtype=bool)
    balanced[:, ::3] = False
    present = np.zeros((5, 12), dtype=bool)
    present[:, :6] = True
    return ConceptProfiles(
        path="p", dataset="toy", model=model, layer=layer, images_digest="x", concept_index=np.arange(5),
        concepts=list(R), categories=["object"] * 5, recognised=np.ones(5, dtype=bool), test_images=np.arange(12),
        cosines=cosines, balanced=balanced, present=present,
    )  # fmt: skip


def test_pairs_are_those_named_or_of_the_last_layers() -> None:
    assert last_layers(PLACES) == [PLACES[1], PLACES[2]]
    assert pairs_to_draw(PLACES, None, most=4) == [PAIR]
    assert pairs_to_draw(PLACES, [["b_net/conv1", "a_net/conv9"]], most=4) == [PAIR]  # in the order of the sheets
    assert pairs_to_draw(PLACES, [["b_net/conv1", "a_net/gone"]], most=4) == []
    assert pairs_to_draw(PLACES, [], most=4) == []
    assert pairs_to_draw(PLACES[:2], None, most=4) == [TwoLayers(*PLACES[:2])]
    assert pairs_to_draw(PLACES[:1], None, most=4) == []
    many = [Place(f"m{i}", "l", 1.0) for i in range(6)]
    found = pairs_to_draw(many, None, most=4)
    assert [(two.a.model, two.b.model) for two in found] == [("m0", f"m{i}") for i in range(1, 5)]


def test_concepts_are_those_named_and_both_ends(sfss: pd.DataFrame) -> None:
    shown = shown_rows(sfss, ["car", "unknown"])
    assert [(why, row["concept"]) for why, row in shown] == [
        ("named", "car"), ("most alike", "sky"), ("median", "tree"), ("least alike", HOSTILE),
    ]  # fmt: skip
    many = sfss_table([row | {"concept": f"c{i}", "concept_index": i, "r": i / 40} for i in range(40)
                       for row in [sfss.iloc[0].to_dict()]])  # fmt: skip
    found = shown_rows(many, [])
    assert len(found) == PANELS
    assert [found[0][1]["r"], found[-1][1]["r"]] == [39 / 40, 0]


def test_points_are_the_balanced_images() -> None:
    a, b = profiles("a_net", "conv9"), profiles("b_net", "conv1", shift=0.5)
    found = points_of(a, b, 2)
    images = a.balanced[2]
    np.testing.assert_allclose(found.x, a.cosines[2][images])
    np.testing.assert_allclose(found.y, found.x + 0.5)
    np.testing.assert_array_equal(found.present, a.present[2][images])
    assert len(points_of(a, replace(b, concept_index=np.array([0, 1, 3, 4, 5])), 2).x) == 0


def test_scatter_prints_r_over_all_and_within(sfss: pd.DataFrame) -> None:
    a, b = profiles("a_net", "conv9"), profiles("b_net", "conv1")
    figure = profile_scatter(sfss, pair=PAIR, a=a, b=b, concepts=["car"])
    said = words(figure)
    assert "r = 0.90 [0.80, 1.00], n = 8" in said
    assert "present 0.45, absent 0.23" in said or "present 0.45, absent 0.22" in said
    assert "car (named)" in said
    assert said.count("not recognised in both layers") == 1
    assert "4 concepts of 4" in said
    first = figure.axes[0]
    n = [len(points.get_offsets()) for points in first.collections]
    assert n == [4, 4]  # of 12 images four are not balanced; half of the others hold the concept
    colours = [tuple(points.get_facecolor()[0][:3]) for points in first.collections]
    assert colours[0] != colours[1]
    assert "No concept" in words(profile_scatter(sfss.head(0), pair=PAIR, a=a, b=b))


def test_distribution_shows_every_concept_and_the_headline(sfss: pd.DataFrame) -> None:
    pairs = pairs_table([pair_row(A2, B1, "sfss", 0.5), pair_row(A2, B1, "cka", 0.1)])
    figure = concept_distribution(sfss, pairs, chosen=[TwoLayers(PLACES[0], PLACES[2]), PAIR])
    ax = figure.axes[0]
    dots = {round(float(line.get_xdata()[0]), 3): line for line in ax.lines if line.get_marker() == "o"}
    assert set(dots) == {0.9, 0.6, 0.1, 0.4}
    assert dots[0.1].get_markerfacecolor() == "white"
    assert dots[0.9].get_markerfacecolor() != "white"
    diamonds = [line.get_xdata()[0] for line in ax.lines if line.get_marker() == "D"]
    assert diamonds == [0.5]
    said = words(figure)
    assert "sky 0.90, tree 0.60" in said
    assert len(ax.get_yticks()) == 1  # the pair without an SFSS has no line
    empty: list[Any] = []
    assert "No concept" in words(concept_distribution(sfss, pairs, chosen=empty))
    assert "No concept" in words(concept_distribution(sfss_table([]), pairs, chosen=[PAIR]))
