"""Figures of similarity show what their tables say, name by name, and say why when there is nothing to show."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes

from conceptatlas.figures.similarity_agreement import agreement_matrix, measure_agreement
from conceptatlas.figures.similarity_chosen import chosen_pairs
from conceptatlas.figures.similarity_concepts import concept_gallery, n_concept_pages
from conceptatlas.figures.similarity_depth import binned_means, depth_points, over_all, similarity_by_depth
from conceptatlas.figures.similarity_facts import (
    MOST_SHOWN,
    Kind,
    Place,
    kinds_of,
    layer_words,
    null_sentence,
    pair_matrix,
    places_of,
    rank_correlation,
)
from conceptatlas.figures.similarity_figures import plot_similarity
from conceptatlas.figures.similarity_layers import colour_range, layer_matrix
from conceptatlas.figures.similarity_matched import LayerFiles, best_matches, matched_concepts
from conceptatlas.figures.similarity_matrices import concept_matrices
from conceptatlas.figures.similarity_model_figures import SHOWS, plot_similarity_models
from conceptatlas.figures.similarity_only_one import found_in_one_model, listed, shares
from conceptatlas.figures.similarity_only_one_examples import models_with_own, only_one_examples
from conceptatlas.figures.similarity_propagation import propagation, steps_of
from conceptatlas.figures.similarity_reading import (
    mask_iou,
    read_concept_masks,
    read_concept_matrix,
    read_concept_pictures,
)
from conceptatlas.figures.similarity_recognised import recognised, shown_concepts
from conceptatlas.figures.similarity_robustness import ends_of, robustness, robustness_by_concept
from conceptatlas.figures.similarity_simple import recognising_layers, shares_of_kinds, simple_against_complex
from conceptatlas.figures.similarity_twins import floor_to_ceiling, similarities, twins_in
from conceptatlas.files import read_json
from conceptatlas.similarity.positions import both_ways
from conceptatlas.similarity.response_tables import RESPONSE_COLUMNS
from conceptatlas.tables import Column, write_table
from tiny_similarity_figures import (
    NAN,
    THRESHOLDS,
    concept_pair_row,
    concept_pairs_table,
    discovered_table,
    distance_row,
    fact_row,
    pair_row,
    pairs_table,
    profile_row,
    profiles_table,
    response_row,
    sfss_table,
    summary_table,
    table_of_responses,
    tcav_row,
    write_distances,
    write_examples_file,
    write_masks_file,
    write_matrices_file,
    write_profiles_file,
)
from tiny_tables import HOSTILE, words

A1, A2, B1, B2 = ("a_net", "conv1", 0.2), ("a_net", "conv9", 0.8), ("b_net", "conv1", 0.2), ("b_net", "conv9", 1.0)
PLACES = places_of([A1, A2, B1, B2])
CKA, UCS = Kind("cka", NAN), Kind("ucs", 0.5)
VALUES = {(A1, A1): 1.0, (A1, A2): 0.3, (A2, A2): 1.0, (A1, B1): 0.6, (A2, B1): 0.2, (B1, B1): 1.0, (A1, B2): 0.05,
          (A2, B2): 0.5, (B1, B2): 0.4, (B2, B2): 1.0}  # fmt: skip


@pytest.fixture
def pairs() -> pd.DataFrame:
    rows = [pair_row(a, b, "cka", value) for (a, b), value in VALUES.items()]
    rows += [pair_row(a, b, "sfss", value / 2) for (a, b), value in VALUES.items()]
    for threshold in THRESHOLDS:
        for measure in ("ucs", "correspondence", "one_to_one"):
            rows += [pair_row(a, b, measure, v * threshold, threshold=threshold) for (a, b), v in VALUES.items()]
    rows += [pair_row(a, b, "regression_ab", value) for (a, b), value in VALUES.items()]
    rows += [pair_row(a, b, "regression_ba", -value) for (a, b), value in VALUES.items()]
    return pairs_table(rows)


@pytest.fixture
def concept_pairs() -> pd.DataFrame:
    """Concepts 0 and 1 of a_net conv1 and b_net conv1 are matched to each other crosswise, 2 below chance."""
    rows = []
    for threshold, factor in zip(THRESHOLDS, (1.0, 0.5), strict=True):
        for a, b, ucs in ((0, 1, 0.8), (1, 0, 0.6), (2, 2, 0.1)):
            share = factor if a else 0.75 if factor < 1 else 1.0
            rows.append(
                concept_pair_row(A1, B1, a, b, ucs * share, threshold=threshold, robustness=share, above_null=ucs > 0.2)
            )
    rows += [concept_pair_row(place, place, c, c, 1.0, threshold=t) for place in (A1, B1) for c in range(3)
             for t in THRESHOLDS]  # fmt: skip
    return concept_pairs_table(rows)


def image_of(ax: Axes) -> Any:
    return np.ma.filled(np.ma.asarray(ax.images[0].get_array(), dtype=np.float64), np.nan)


# Layers against layers ----------------------------------------------------------------------------------------------


def test_matrix_is_symmetric_and_empty_where_no_pair_is(pairs: pd.DataFrame) -> None:
    found = pair_matrix(pairs, PLACES, CKA)
    np.testing.assert_array_equal(found, found.T)
    assert found[0, 2] == 0.6
    assert found[1, 3] == 0.5
    assert found[0, 0] == 1.0
    without = pairs[(pairs["layer_a"] != "conv9") | (pairs["layer_b"] != "conv9")]
    assert np.isnan(pair_matrix(without, PLACES, CKA)[1, 3])


def test_regression_reads_from_row_to_column(pairs: pd.DataFrame) -> None:
    found = pair_matrix(pairs, PLACES, Kind("regression", NAN))
    assert found[0, 2] == 0.6
    assert found[2, 0] == -0.6


def test_layer_matrix_shows_values_blocks_and_the_share_above_the_null(pairs: pd.DataFrame) -> None:
    figure = layer_matrix(pairs, PLACES, kind=CKA)
    np.testing.assert_array_equal(image_of(figure.axes[0]), pair_matrix(pairs, PLACES, CKA))
    said = words(figure)
    assert "a_net, conv9 0.80" in said
    assert "n = 200 test images" in said
    assert "83 % of 6 pairs" in said  # 0.05 alone lies below 0.1
    assert "(.05)" in said
    assert ".60" in said
    assert "(.60)" not in said


def test_undefined_cells_are_grey_and_counted(pairs: pd.DataFrame) -> None:
    changed = pairs.assign(value=pairs["value"].mask((pairs["layer_b"] == "conv9") & (pairs["model_a"] == "a_net")
                                                     & (pairs["model_b"] == "b_net")))  # fmt: skip
    changed.loc[changed["value"].isna(), "reason"] = "constant $x_1$"
    figure = layer_matrix(changed, PLACES, kind=CKA)
    assert np.isnan(image_of(figure.axes[0])[0, 3])
    assert r"undefined for 2 pairs: constant \$x_1\$" in words(figure)


def test_matrix_without_values_says_why(pairs: pd.DataFrame) -> None:
    none = pairs.assign(value=NAN, reason="all images are the same")
    assert "all images are the same" in words(layer_matrix(none, PLACES, kind=CKA))
    assert "not two layers" in words(layer_matrix(none, PLACES[:1], kind=CKA))
    assert "was not taken" in words(layer_matrix(pairs.head(0), PLACES, kind=CKA))


@pytest.mark.parametrize("n", [5, 20, 130])
def test_many_layers_are_drawn_without_numbers_or_names(n: int) -> None:
    places = [Place(HOSTILE, f"layer{i}.{HOSTILE}", i / n) for i in range(n)]
    rows = [pair_row(places[0], b, "cka", 0.5) for b in places]
    figure = layer_matrix(pairs_table(rows), places, kind=CKA)
    assert len(figure.axes[0].get_yticks()) == (n if n < 121 else 1)
    words(figure)


def test_colours_span_different_layers() -> None:
    assert colour_range(np.array([[1.0, 0.2], [0.4, 1.0]])) == (0.0, 0.4)
    assert colour_range(np.array([[1.0, -30.0], [0.4, 1.0]])) == (-1.0, 0.4)
    assert colour_range(np.array([[1.0, 0.8], [0.9, 1.0]])) == (0.5, 0.9)
    assert colour_range(np.array([[1.0, 0.01], [0.0, 1.0]])) == (0.0, 0.1)
    assert colour_range(np.array([[1.0, np.nan], [np.nan, 1.0]])) == (0.0, 1.0)


def test_measures_come_in_order_at_their_thresholds(pairs: pd.DataFrame) -> None:
    assert [kind.words for kind in kinds_of(pairs, ("ucs", "cka"))] == ["UCS above chance, BT 0.5",
                                                                        "UCS above chance, BT 0.75", "CKA"]  # fmt: skip
    assert kinds_of(pairs.head(0)) == []


def test_long_layer_names_keep_their_end() -> None:
    assert layer_words("encoder.layers.encoder_layer_11.mlp", width=12) == "…ayer_11.mlp"
    assert layer_words("conv1") == "conv1"


def test_no_shuffles_no_null(pairs: pd.DataFrame) -> None:
    assert null_sentence(pairs.assign(n_permutations=0)).startswith("No null")


# Depth --------------------------------------------------------------------------------------------------------------


def test_depth_points_and_correlation(pairs: pd.DataFrame) -> None:
    points = depth_points(pairs[pairs["layer_a"] != pairs["layer_b"]], CKA)
    assert sorted(points.loc[points["within"], "difference"].round(6)) == [0.6, 0.8]
    assert rank_correlation(np.array([0.0, 1, 2, 3]), np.array([3.0, 2, 1, np.nan])) == (-1.0, 3)
    assert np.isnan(rank_correlation(np.ones(4), np.arange(4))[0])


def test_binned_means_by_value_and_by_range() -> None:
    x, y = binned_means(np.array([0.0, 0.0, 0.5]), np.array([1.0, 3.0, 5.0]))
    np.testing.assert_array_equal([x, y], [[0, 0.5], [2, 5]])
    x, y = binned_means(np.arange(100) / 100, np.arange(100.0), n_bins=4)
    np.testing.assert_allclose(y, [12, 37, 62, 87], atol=1)
    assert len(x) == 4


def test_depth_figure_states_both_correlations_and_the_test(pairs: pd.DataFrame) -> None:
    summary = summary_table([fact_row("depth", -0.42, measure="cka", p=0.03)])
    said = words(similarity_by_depth(pairs, summary))
    assert "all: ρ = -0.42, p = 0.03" in said
    assert "between: ρ = -1.00 (n = 4)" in said
    assert "within: ρ = – (n = 2)" in said
    assert over_all(summary, UCS) == ""
    assert "No pair" in words(similarity_by_depth(pairs.head(0), summary.head(0)))


# Concepts of a layer ------------------------------------------------------------------------------------------------


@pytest.fixture
def planted(tmp_path: Path) -> dict[str, Any]:
    """Two layers over 6 images with 3 concepts; concept 0 of the first is concept 1 of the second, twice as large."""
    images = np.array([4, 7, 8, 11, 20, 21])
    pictures = np.full((6, 32, 32, 3), 200, dtype=np.uint8)
    a = np.zeros((2, 6, 3, 16, 16), dtype=bool)
    b = np.zeros_like(a)
    a[:, :, 0, :4, :4] = True
    b[:, :, 1, :4, :8] = True
    a[:, 1:, 1, 8:, 8:] = True
    b[:, 1:, 0, 8:, 8:] = True
    return {
        "images": images,
        "a": LayerFiles(
            str(write_masks_file(tmp_path / "a.h5", a, images=images)),
            str(write_examples_file(tmp_path / "a_examples.h5", pictures, a, images=images)),
        ),
        "b": LayerFiles(
            str(write_masks_file(tmp_path / "b.h5", b, images=images)),
            str(write_examples_file(tmp_path / "b_examples.h5", pictures, b, images=images)),
        ),
    }


def test_gallery_shows_every_concept_at_both_thresholds(planted: dict[str, Any]) -> None:
    pictures = read_concept_pictures(planted["a"].examples)
    table = discovered_table(3, layer=HOSTILE)
    figure = concept_gallery(pictures, table, dataset=HOSTILE, model=HOSTILE, layer=HOSTILE)
    said = words(figure)
    assert said.count("BT 0.75") == 5
    assert "concept 2" in said
    assert "stability 0.95, 0.85" in said
    assert "error +0.090" in said
    assert "no mask in 20 / 31" in said
    assert "3 concepts by NMF" in said
    assert "Reconstruction error" in said
    assert "0.06" in said  # 16 of 256 cells
    assert "not shown" in words(concept_gallery(pictures, table, dataset="d", model="m", layer="l", embed_images=False))


def test_gallery_has_pages_of_at_most_32_concepts(planted: dict[str, Any]) -> None:
    pictures = read_concept_pictures(planted["a"].examples)
    table = discovered_table(40)
    assert n_concept_pages(pictures, table) == 4
    last = words(concept_gallery(pictures, table, dataset="d", model="m", layer="l", page=3))
    assert "concept 31" in last
    assert "concept 32" not in last
    assert "the first 32" in last


def test_gallery_without_concepts_says_why(tmp_path: Path) -> None:
    nothing = np.zeros((2, 3, 0, 16, 16), dtype=bool)
    path = write_examples_file(tmp_path / "e.h5", np.zeros((3, 32, 32, 3), np.uint8), nothing, images=np.arange(3))
    pictures = read_concept_pictures(path)
    table = discovered_table(2, reason="all activations are 0 $")
    assert r"all activations are 0 \$" in words(concept_gallery(pictures, table, dataset="d", model="m", layer="l"))
    empty = concept_gallery(pictures, table.head(0), dataset="d", model="m", layer="l")
    assert "No concept was looked for" in words(empty)


# Concepts of two models ---------------------------------------------------------------------------------------------


def test_chosen_are_the_layers_that_match_best(pairs: pd.DataFrame) -> None:
    (pair,) = chosen_pairs(pairs, PLACES)
    assert (pair.model_a, pair.layer_a, pair.model_b, pair.layer_b) == ("a_net", "conv1", "b_net", "conv1")
    assert pair.share == pytest.approx(0.3)
    assert chosen_pairs(pairs.head(0), PLACES) == []


def test_masks_and_iou_of_single_images(planted: dict[str, Any]) -> None:
    a, there = read_concept_masks(planted["a"].discovered, 0, [7, 99])
    np.testing.assert_array_equal(there, [True, False])
    assert a[0].sum() == 16
    assert a[1].sum() == 0
    b, _ = read_concept_masks(planted["b"].discovered, 1, [7, 99])
    np.testing.assert_array_equal(mask_iou(a, b), [0.5, np.nan])
    assert read_concept_masks(planted["a"].discovered, 0, [7], size=32)[0].sum() == 64


def test_matched_concepts_print_the_iou_of_every_image(
    planted: dict[str, Any], pairs: pd.DataFrame, concept_pairs: pd.DataFrame
) -> None:
    (pair,) = chosen_pairs(pairs, PLACES)
    found = best_matches(concept_pairs[concept_pairs["model_a"] != concept_pairs["model_b"]])
    assert list(zip(found["concept_a"], found["concept_b"], strict=True)) == [(0, 1), (1, 0)]
    figure = matched_concepts(concept_pairs, pair=pair, files_a=planted["a"], files_b=planted["b"])
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert texts.count("0.50") == 10
    assert texts.count("1.00") == 10
    assert "UCS 0.80 [0.75, 0.85]" in texts
    assert "chance 0.20" in texts
    said = words(matched_concepts(concept_pairs, pair=pair, files_a=planted["a"], files_b=planted["b"],
                                  embed_images=False))  # fmt: skip
    assert "are not shown" in said
    none = matched_concepts(concept_pairs.head(0), pair=pair, files_a=planted["a"], files_b=planted["b"])
    assert "mutual best match" in words(none)


def test_concept_matrices_outline_matches(tmp_path: Path, pairs: pd.DataFrame, concept_pairs: pd.DataFrame) -> None:
    (pair,) = chosen_pairs(pairs, PLACES)
    ucs = np.arange(18).reshape(2, 3, 3) / 18
    path = write_matrices_file(tmp_path / "m.h5", {("a_net", "conv1", "conv1"): ucs})
    read, thresholds = read_concept_matrix(path, "a_net", "conv1", "conv1")
    np.testing.assert_allclose(read, ucs, rtol=1e-6)
    figure = concept_matrices(read, thresholds, concept_pairs, pair=pair)
    np.testing.assert_allclose(image_of(figure.axes[0]), ucs[0], rtol=1e-6)
    cells = [(round(p.get_y() + 0.44), round(p.get_x() + 0.44), p.get_linestyle()) for p in figure.axes[1].patches]
    assert [cell[:2] for cell in cells] == [(0, 1), (1, 0), (2, 2)]
    assert [style in ("-", "solid") for *_, style in cells] == [True, True, False]
    missing, _ = read_concept_matrix(path, "a_net", "conv1", "conv9")
    assert "not compared" in words(concept_matrices(missing, thresholds, concept_pairs, pair=pair))
    large = concept_matrices(np.ones((2, 40, 36)), thresholds, concept_pairs.head(0), pair=pair)
    assert image_of(large.axes[0]).shape == (MOST_SHOWN, MOST_SHOWN)
    assert "8 concepts more" in words(large)


def test_robustness_of_a_concept_is_the_mean_over_partners(concept_pairs: pd.DataFrame) -> None:
    more = concept_pairs_table([
        concept_pair_row(A1, B2, 0, 0, 0.8 * share, threshold=t, robustness=share)
        for t, share in zip(THRESHOLDS, (1.0, 0.25), strict=True)
    ])  # fmt: skip
    table = robustness_by_concept(pd.concat([concept_pairs, more]))
    found = {(r.model, r.layer, r.concept): (r.robustness, r.n) for r in table.itertuples()}
    assert found["a_net", "conv1", 0] == (0.5, 2)  # (0.75 + 0.25) / 2
    assert found["b_net", "conv1", 1] == (0.75, 1)
    assert ("a_net", "conv1", 2) not in found  # below chance
    assert "UCS at BT 0.75 / UCS at BT 0.5" in words(robustness(concept_pairs, PLACES))
    one = concept_pairs[concept_pairs["threshold"] == 0.5]
    assert "no two thresholds" in words(robustness(one, PLACES))
    assert list(ends_of(pd.DataFrame({"x": range(40)}))["x"])[15:17] == [15, 24]


def test_concepts_of_one_model_only(concept_pairs: pd.DataFrame) -> None:
    one = {"model_a": "a_net", "layer_a": "conv1", "model_b": "b_net", "measure": "ucs_raw", "threshold": 0.5}
    summary = summary_table([fact_row("only_in_one", 0.1, concept="2", high=0.2, **one)])
    found, totals = shares(summary, concept_pairs, ["a_net", "b_net"])
    np.testing.assert_array_equal(found, [[np.nan, 1], [0, np.nan]])
    np.testing.assert_array_equal(totals, [3, 3])
    assert list(listed(summary)["others"]) == [("b_net",)]
    said = words(found_in_one_model(summary, concept_pairs, PLACES))
    assert "33 %" in said
    assert "a_net, conv1: 2 (not in 1)" in said
    assert "Every concept has a partner" in words(found_in_one_model(summary.head(0), concept_pairs, PLACES))
    assert "No two models" in words(found_in_one_model(summary, concept_pairs.head(0), PLACES))


def test_pictures_of_concepts_that_other_models_lack(planted: dict[str, Any]) -> None:
    one = {"model_a": "a_net", "layer_a": "conv1", "model_b": HOSTILE}
    summary = summary_table([fact_row("only_in_one", 0.1, concept="1", high=0.2, **one)])
    assert models_with_own(summary, ["b_net", "a_net"]) == ["a_net"]
    files = {("a_net", "conv1"): planted["a"]}
    said = words(only_one_examples(summary, files, model="a_net", models=["a_net"]))
    assert "conv1: 1" in said
    assert "best 0.10, chance 0.20" in said
    assert "1 of 1 concept" in said
    assert "has no picture" in words(only_one_examples(summary, {}, model="a_net", models=["a_net"]))


# Twins, agreement, propagation --------------------------------------------------------------------------------------


def test_floor_and_ceiling_stand_where_the_summary_says(pairs: pd.DataFrame) -> None:
    one = {"model_a": "a_net", "layer_a": "conv1", "model_b": "b_net", "layer_b": "conv1", "measure": "cka"}
    rows = [fact_row("position", 0.5, floor=0.35, ceiling=0.85, **one)]
    summary = summary_table(rows)
    seen = both_ways(pairs)
    assert twins_in(summary, seen) == set()
    of_cka = seen[seen["measure"] == "cka"]
    np.testing.assert_array_equal(similarities(of_cka, PLACES[0], set())["b_net"], [0.05, 0.6])
    ticks = [
        line.get_xdata()[0]
        for line in floor_to_ceiling(summary, pairs, PLACES).axes[0].lines
        if line.get_marker() == "|"
    ]
    assert ticks == [0.35, 0.85]
    own = summary_table([fact_row("position", NAN, floor=0.6, ceiling=NAN, **one)])
    assert twins_in(own, seen) == {("a_net", "b_net")}  # b_net gave the floor: it is the twin itself
    assert similarities(of_cka, PLACES[0], {("a_net", "b_net")}) == {}
    assert similarities(of_cka, PLACES[1], {("a_net", "b_net")}) == {}
    assert "has a twin" in words(floor_to_ceiling(summary.head(0), pairs, PLACES))


def test_agreement_is_symmetric() -> None:
    rows = [
        fact_row("agreement", 0.7, measure="ucs", threshold=0.5, other_measure="cka", n=6),
        fact_row("agreement", NAN, measure="sfss", other_measure="cka", n=0),
    ]
    kinds, values, n = agreement_matrix(summary_table(rows))
    assert [kind.measure for kind in kinds] == ["ucs", "sfss", "cka"]
    assert values[0, 2] == values[2, 0] == 0.7
    assert n[0, 2] == 6
    assert np.isnan(values[1, 2])
    assert ".70" in words(measure_agreement(summary_table(rows)))
    assert "not two measures" in words(measure_agreement(summary_table([])))
    assert "No correlation" in words(measure_agreement(summary_table(rows[1:])))


def test_propagation_goes_layer_by_layer(pairs: pd.DataFrame) -> None:
    x, value, low, high = steps_of(pairs, PLACES[::-1], model="a_net")
    np.testing.assert_allclose([x[0], value[0], low[0], high[0]], [0.5, 0.15, 0.10, 0.20])
    summary = summary_table([fact_row("propagation", 0.15, measure="sfss", model_a="a_net", n=1, n_total=1)])
    assert "a_net 1/1" in words(propagation(summary, pairs, PLACES))
    assert "No model" in words(propagation(summary.head(0), pairs, PLACES))


# Recognised concepts ------------------------------------------------------------------------------------------------


def profiles_of(layer: str, *accuracies: float) -> pd.DataFrame:
    rows = [profile_row(f"c{i}", accuracy, layer=layer, n_gate_with=50 - i) for i, accuracy in enumerate(accuracies)]
    rows.append(profile_row(HOSTILE, NAN, layer=layer, reason="3 training images hold it, at least 10 are needed"))
    return profiles_table(rows)


def test_recognised_concepts_are_filled() -> None:
    tables = {"conv1": profiles_of("conv1", 0.6, 0.9), "conv9": profiles_of("conv9", 0.8, 0.95)}
    shown = shown_concepts(tables)
    assert list(shown["concept"]) == ["c1", "c0"]
    assert list(shown["n_layers"]) == [2, 1]
    figure = recognised(tables, dataset="d", model=HOSTILE)
    dots = [line for line in figure.axes[0].lines if line.get_marker() == "o"]
    assert {line.get_xdata()[0]: line.get_markerfacecolor() == "white" for line in dots} == {0.6: True, 0.9: False}
    said = words(figure)
    assert "1 of 2" in said
    assert "c0 1/2" in said
    assert "1 concept without a vector or" in said
    unjudged = {"conv1": profiles_of("conv1", 0.9, NAN)}
    assert list(shown_concepts(unjudged)["concept"]) == ["c0"]
    many = {"conv1": profiles_of("conv1", *np.linspace(0.5, 0.9, 50))}
    assert len(shown_concepts(many, ["c49"])) == MOST_SHOWN
    assert "c49" in set(shown_concepts(many, ["c49"])["concept"])


def test_no_vector_says_why() -> None:
    said = words(recognised({"conv1": profiles_of("conv1")}, dataset="d", model="m"))
    assert "at least 10 are needed" in said
    assert "No concept" in words(recognised({"conv1": profiles_of("conv1").head(0)}, dataset="d", model="m"))


def test_simple_concepts_against_others() -> None:
    table = profiles_of("conv1", 0.9, 0.5, 0.9).assign(depth=0.2, model="a_net")
    found = shares_of_kinds(table, ["c0"]).set_index("simple")
    assert found.loc[True, "share"] == 1.0
    assert found.loc[False, "share"] == 0.5
    assert found.loc[False, "n"] == 2
    said = words(simple_against_complex(table, PLACES, simple=["c0"]))
    assert "simple: c0" in said
    assert "others (up to 2)" in said
    assert "simple_concepts" in words(simple_against_complex(table, PLACES, simple=[]))
    assert "not both" in words(simple_against_complex(table, PLACES, simple=["dog"]))


def test_layers_of_a_concept() -> None:
    rows = [
        fact_row("recognising_layers", 2, model_a="a_net", concept=HOSTILE, category="part", low=0.2, high=0.8, n=2,
                 n_total=2),
        fact_row("recognising_layers", 0, model_a="b_net", concept=HOSTILE, category="part", n=0, n_total=2),
    ]  # fmt: skip
    figure = recognising_layers(summary_table(rows), PLACES)
    np.testing.assert_array_equal(figure.axes[0].lines[0].get_xdata(), [0.2, 0.8])
    assert not figure.axes[1].lines
    assert "0/2" in words(figure)
    assert "No concept" in words(recognising_layers(summary_table([]), PLACES))
    assert "No layer of any model" in words(recognising_layers(summary_table(rows[1:]), PLACES))


# Jobs ---------------------------------------------------------------------------------------------------------------


OPTIONS = {"dpi": 40, "formats": ["png"], "concepts": ["c0"], "simple_concepts": ["c0"]}


@pytest.fixture
def study(
    tmp_path: Path, planted: dict[str, Any], pairs: pd.DataFrame, concept_pairs: pd.DataFrame
) -> dict[str, Any]:  # fmt: skip
    """Files of two models with a layer each, as the other jobs write them."""

    def write(name: str, table: pd.DataFrame) -> str:
        write_table(tmp_path / name, table, columns=[Column(column, "what it is") for column in table.columns])
        return str(tmp_path / name)

    rows = [
        fact_row("agreement", 0.7, measure="ucs", threshold=0.5, other_measure="cka", n=6),
        fact_row("only_in_one", 0.1, model_a="a_net", layer_a="conv1", model_b="b_net", concept="2", high=0.2),
        fact_row("recognising_layers", 1, model_a="a_net", concept="c0", category="part", low=0.2, high=0.2, n=1,
                 n_total=1),
    ]  # fmt: skip
    pairs = pairs[(pairs["layer_a"] == "conv1") & (pairs["layer_b"] == "conv1")]
    pairs = pairs[~pairs["measure"].isin(["correspondence"])]
    models = ("a_net", "b_net")
    sfss = [
        {"dataset": "toy", "model_a": "a_net", "layer_a": "conv1", "model_b": "b_net", "layer_b": "conv1",
         "concept_index": 0, "concept": "c0", "r": 0.5, "n_images": 8, "correlation": "pearson"}
    ]  # fmt: skip
    matrices = {"a_net": {}, "b_net": {("a_net", "conv1", "conv1"): np.ones((2, 3, 3)) / 2}}
    return {
        "places": [list(A1), list(B1)],
        "tables": [write(f"{m}.parquet", pairs[pairs["model_b"] == m]) for m in models],
        "concept_tables": [write(f"{m}_c.parquet", concept_pairs[concept_pairs["model_b"] == m]) for m in models],
        "sfss_tables": [write(f"{m}_s.parquet", sfss_table(sfss if m == "b_net" else [])) for m in models],
        "profiles_h5": [str(write_profiles_file(tmp_path / f"{m}_p.h5", m, "conv1")) for m in models],
        "profile_tables": [write(f"{m}_p.parquet", profiles_of("conv1", 0.9, 0.7).assign(model=m)) for m in models],
        "summary": write("summary.parquet", summary_table(rows)),
        "matrices": [str(write_matrices_file(tmp_path / f"{m}_m.h5", matrices[m])) for m in models],
        "discovered_h5": [planted["a"].discovered, planted["b"].discovered],
        "examples": [planted["a"].examples, planted["b"].examples],
        "discovered": [write(f"{m}_d.parquet", discovered_table(3, model=m)) for m in models],
    }


def test_job_of_a_data_set_lists_its_figures(tmp_path: Path, study: dict[str, Any]) -> None:
    of_job = {name: value for name, value in study.items() if name != "discovered"}
    plot_similarity_models(dataset="toy", folder=tmp_path / "out", options=OPTIONS, embed_images=True, **of_job)
    listed_figures = read_json(tmp_path / "out" / "figures.json")["figures"]
    names = {entry["figure"] for entry in listed_figures}
    assert names == {name for name in SHOWS if not name.startswith("layer_matrix")} | {
        f"layer_matrix_{m}" for m in ("cka", "sfss", "ucs", "one_to_one", "regression")
    }
    for entry in listed_figures:
        assert all((tmp_path / "out" / name).stat().st_size > 0 for name in entry["files"])
    assert (tmp_path / "out" / "layer_matrix_ucs~2.png").exists()


@pytest.mark.usefixtures("unrendered")
def test_distances_of_net2vec_are_one_more_measure(tmp_path: Path, study: dict[str, Any]) -> None:
    of_job = {name: value for name, value in study.items() if name != "discovered"}
    distances = write_distances(tmp_path, distance_row("a_net/conv1", "b_net/conv1", 0.1))
    names = {}
    for name, more in (("without", {}), ("with", {"distances": distances})):
        plot_similarity_models(dataset="toy", folder=tmp_path / name, options=OPTIONS, **more, **of_job)
        names[name] = {entry["figure"] for entry in read_json(tmp_path / name / "figures.json")["figures"]}
    assert names["with"] - names["without"] == {"layer_matrix_net2vec_segmentation"}


@pytest.mark.usefixtures("unrendered")
def test_job_of_a_data_set_does_without_what_is_off(tmp_path: Path, study: dict[str, Any]) -> None:
    empty = study | {
        name: []
        for name in (
            "concept_tables",
            "profile_tables",
            "profiles_h5",
            "matrices",
            "discovered_h5",
            "examples",
        )
    }
    of_job = {name: value for name, value in empty.items() if name != "discovered"}
    plot_similarity_models(dataset="toy", folder=tmp_path / "out", options=OPTIONS, **of_job)
    names = {entry["figure"] for entry in read_json(tmp_path / "out" / "figures.json")["figures"]}
    assert "similarity_by_depth" in names
    assert "matched_concepts" not in names
    assert "recognising_layers" not in names
    one = {"profile_tables": study["profile_tables"][:1]}
    with pytest.raises(ValueError, match="2 layers of 2 models, but 1 profile_tables"):
        plot_similarity_models(dataset="toy", folder=tmp_path, options=OPTIONS, **(of_job | one))


def test_job_of_a_model_writes_galleries_and_recognised_concepts(tmp_path: Path, study: dict[str, Any]) -> None:
    files = {name: study[name][:1] for name in ("discovered", "discovered_h5", "examples")}
    one: dict[str, Any] = {
        "dataset": "toy", "model": "a_net", "layers": ["conv1"], "options": OPTIONS, "embed_images": False,
        "pairs": study["tables"][0], "concept_pairs": study["concept_tables"][0], "matrices": study["matrices"][0],
    }  # fmt: skip
    plot_similarity(folder=tmp_path / "out", profiles=study["profile_tables"][:1], **files, **one)
    names = [entry["figure"] for entry in read_json(tmp_path / "out" / "figures.json")["figures"]]
    assert set(names) == {"recognised", "concepts", "robustness", "layers_ucs", "layers_sfss", "layers_cka"}
    assert (tmp_path / "out" / "concepts_conv1.png").exists()
    answers = table_of_responses(tcav_row("sky", 3, 0.9, 0.01), response_row("all", score_error=0.2))
    write_table(tmp_path / "r.parquet", answers, columns=RESPONSE_COLUMNS)
    plot_similarity(folder=tmp_path / "answers", profiles=[], responses=tmp_path / "r.parquet", **files, **one)
    found = read_json(tmp_path / "answers" / "figures.json")["figures"]
    assert [(entry["figure"], entry["layer"]) for entry in found][-2:] == [
        ("layer_fidelity", ""), ("tcav_scores", "conv1"),
    ]  # fmt: skip
    plot_similarity(folder=tmp_path / "off", profiles=[], **{name: [] for name in files}, **one)
    assert "concepts" not in str(read_json(tmp_path / "off" / "figures.json")["figures"][0]["figure"])
    with pytest.raises(ValueError, match="a_net on toy: 1 layers, but 2 profiles"):
        plot_similarity(folder=tmp_path, profiles=study["profile_tables"], **files, **one)
