"""Figures of a model's concepts (Net2Vec): what is drawn is what the tables say, nothing where nothing was learned."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.colors import same_color
from matplotlib.figure import Figure

from conceptatlas.figures import net2vec_examples, net2vec_failures, net2vec_images, net2vec_neighbours
from conceptatlas.figures.net2vec_combination import single_against_combination
from conceptatlas.figures.net2vec_concepts import MOST, chosen, concept_scores
from conceptatlas.figures.net2vec_examples import best_examples, deciles
from conceptatlas.figures.net2vec_facts import MOST_SHOWN, means_by_category, shown_concepts
from conceptatlas.figures.net2vec_failures import failures
from conceptatlas.figures.net2vec_figures import SHOWS, plot_net2vec
from conceptatlas.figures.net2vec_images import distribution, iou_per_image
from conceptatlas.figures.net2vec_map import concept_map
from conceptatlas.figures.net2vec_neighbours import concept_arithmetic, concepts_of, nearest_concepts
from conceptatlas.figures.net2vec_reading import (
    ConceptExamples,
    read_concept_examples,
    read_shown_vectors,
    read_validation_images,
)
from conceptatlas.figures.net2vec_shared_filters import filters_with_pictures, shared_filters
from conceptatlas.figures.net2vec_sharing import BINS, concepts_per_filter, shares
from conceptatlas.figures.net2vec_subsets import critical_numbers, curves, errors, has_subsets, score_against_filters
from conceptatlas.figures.net2vec_weights import share_correlated, weights_against_iou
from conceptatlas.figures.strips import CELL
from conceptatlas.figures.style import CATEGORY_COLOURS, INK, OTHER
from conceptatlas.files import read_json
from tiny_net2vec import (
    classification_table,
    image_table,
    segmentation_table,
    subset_table,
    write_examples,
    write_vectors,
)
from tiny_net2vec_relations import arithmetic_of, filters_of, map_of, neighbours_of
from tiny_tables import HOSTILE, words

CONCEPTS = {"dog": "object", "cat": "object", "wheel": "part", "blue": "color", "sky": "object", HOSTILE: "object"}
PLACE = {"dataset": "toy", "model": "net"}
HERE = PLACE | {"layer": "conv1"}
SHOWN = ["config", "", "gain", "failure", "frequent", "config"]


def nothing(table: Any = segmentation_table) -> pd.DataFrame:
    frame: pd.DataFrame = table(CONCEPTS, reason="no validation image holds it")
    return frame


def dots(ax: Axes, marker: str = "o") -> list[Any]:
    """Lines of a single point with a mark, in the order they were drawn."""
    return [line for line in ax.lines if line.get_marker() == marker and len(np.atleast_1d(line.get_xdata())) == 1]


def overlapping(texts: list[Any]) -> bool:
    boxes = [text.get_window_extent() for text in texts if text.get_text() and text.get_visible()]
    return any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[i + 1 :] if a.width and b.width)


def panels(figure: Figure) -> list[Axes]:
    return [ax for ax in figure.axes if ax.get_visible() and ax.get_title(loc="left")]


# Which concepts ---------------------------------------------------------------------------------------------------


def test_shown_concepts_come_in_order_of_why_and_there_are_not_too_many() -> None:
    rows = shown_concepts(segmentation_table(CONCEPTS, shown=SHOWN))
    assert rows["concept"].tolist() == ["dog", HOSTILE, "wheel", "blue", "sky"]
    many = segmentation_table([f"c{i}" for i in range(50)], shown="config")
    assert len(shown_concepts(many)) == MOST_SHOWN
    assert not len(shown_concepts(nothing().assign(shown="config")))


def test_means_leave_small_and_undefined_concepts_out() -> None:
    table = segmentation_table(
        CONCEPTS, single_val=[0.1, 0.3, 0.2, 0.2, np.nan, 0.9], combination_val=[0.2, 0.6, 0.4, 0.1, 0.5, 0.9],
        n_train=[50, 50, 50, 50, 50, 5], one_val=[0.1, 0.5, 0.3, 0.3, 0.3, 0.3],
    )  # fmt: skip
    means = means_by_category(table, "segmentation", include_small=False).set_index("category")
    assert means.index.tolist() == ["", "object", "part", "color"]
    assert means["n"].tolist() == [4, 2, 1, 1]
    assert means.loc["object", ["single_mean", "combination_mean", "one_mean"]].tolist() == pytest.approx(
        [0.2, 0.4, 0.3]
    )
    assert means.loc["object", "single_sem"] == pytest.approx(0.1)  # sd sqrt(0.02) over sqrt(2)
    assert np.isnan(means.loc["part", "single_sem"])
    assert means_by_category(table, "segmentation", include_small=True)["n"].tolist() == [5, 3, 1, 1]


# One filter against all -------------------------------------------------------------------------------------------


def both_tasks(*layers: str) -> dict[str, dict[str, pd.DataFrame]]:
    return {
        "segmentation": {layer: segmentation_table(CONCEPTS, layer=layer) for layer in layers},
        "classification": {layer: classification_table(CONCEPTS, layer=layer) for layer in layers},
    }


def test_means_stand_where_the_table_says() -> None:
    tables = both_tasks("conv1", "conv2")
    figure = single_against_combination(tables, **PLACE)
    first, _, third, _ = figure.axes
    assert [ax.get_title(loc="left") for ax in figure.axes] == ["conv1", "conv2", "conv1", "conv2"]
    for ax, task in ((first, "segmentation"), (third, "classification")):
        means = means_by_category(tables[task]["conv1"], task, include_small=False)
        drawn = dots(ax)
        for i, row in means.iterrows():
            single, combined = drawn[2 * int(i)], drawn[2 * int(i) + 1]
            assert float(single.get_xdata()[0]) == pytest.approx(row["single_mean"])
            assert float(combined.get_xdata()[0]) == pytest.approx(row["combination_mean"])
            assert single.get_ydata()[0] < i < combined.get_ydata()[0]
            wanted = CATEGORY_COLOURS[row["category"]] if row["category"] else INK
            assert same_color(combined.get_markerfacecolor(), wanted)
            assert same_color(single.get_markerfacecolor(), "white")
    assert len(dots(first, "|")) == 4
    assert not dots(third, "|")
    errors_drawn = [line for line in first.lines if line.get_linewidth() == 1.2 and len(line.get_xdata()) == 2]
    low, high = errors_drawn[0].get_xdata()
    means = means_by_category(tables["segmentation"]["conv1"], "segmentation", include_small=False)
    assert (high - low) / 2 == pytest.approx(means.loc[0, "single_sem"])


def test_the_numbers_of_concepts_stand_beside_the_means_and_the_note_says_how() -> None:
    figure = single_against_combination(both_tasks("conv1"), **PLACE)
    beside = [text.get_text() for text in figure.axes[0].texts]
    assert beside == ["6", "4", "1", "1"]
    said = words(figure)
    assert "segmentation 6 of 6 concepts learned" in said
    assert "standard error" in said
    assert "loss net2vec" in said
    assert "features raw" in said
    assert "chance 0.5" in said


def test_many_layers_take_several_lines_and_a_missing_task_none() -> None:
    layers = [f"conv{i}" for i in range(8)]
    tables = {"segmentation": both_tasks(*layers)["segmentation"]}
    figure = single_against_combination(tables, **PLACE)
    assert [ax.get_title(loc="left") for ax in panels(figure)] == layers
    assert len(figure.axes) == 12
    assert "Classification" not in words(figure)


def test_where_nothing_was_learned_a_figure_says_so() -> None:
    tables = {"segmentation": {"conv1": nothing()}, "classification": {"conv1": nothing(classification_table)}}
    assert "nothing was learned" in words(single_against_combination(tables, **PLACE))
    assert "Nothing was learned" in words(failures(tables, **PLACE))
    one = {task: by_layer["conv1"] for task, by_layer in tables.items()}
    assert "Nothing was learned" in words(concept_scores(one, **HERE))
    empty = nothing()
    assert "nothing was learned" in words(iou_per_image(image_table([]), empty, **HERE))
    assert "nothing was learned" in words(weights_against_iou({}, empty, **HERE))
    small = segmentation_table(CONCEPTS, n_train=3)
    assert "all concepts are small" in words(single_against_combination({"segmentation": {"conv1": small}}, **PLACE))
    assert "6 of 6" in words(
        single_against_combination({"segmentation": {"conv1": small}}, **PLACE, include_small=True)
    )


# Number of filters ------------------------------------------------------------------------------------------------


def test_curves_are_means_over_concepts_by_repeat() -> None:
    table = subset_table({"dog": "object", "wheel": "part"}, sizes=(1, 4), repeats=2,
                         val=[0.1, 0.2, 0.3, 0.4, 0.3, 0.4, 0.5, 0.6])  # fmt: skip
    found = curves(table, include_small=False).set_index(["category", "n_filters", "repeat"])["val"]
    assert found["", 1, 0] == pytest.approx(0.2)
    assert found["", 4, 1] == pytest.approx(0.5)
    assert found["part", 4, 0] == pytest.approx(0.5)
    spread = errors(table, include_small=False).set_index(["category", "n_filters"])["sem"]
    assert spread["", 1] == pytest.approx(np.std([0.15, 0.35], ddof=1) / np.sqrt(2))
    assert np.isnan(spread["part", 1])
    assert curves(table.assign(small=[True] * 4 + [False] * 4), include_small=False)["n_concepts"].eq(1).all()


def test_critical_numbers_are_medians_of_those_that_reach_and_say_how_many() -> None:
    table = segmentation_table({"a": "object", "b": "object", "c": "part"}, critical_f_90=[4, 16, np.nan])
    found = critical_numbers(table, "segmentation", include_small=False)
    assert found[""][-1] == (10.0, pytest.approx(2 / 3))
    assert found["object"][-1] == (10.0, 1.0)
    assert np.isnan(found["part"][-1][0])


def test_scores_against_filters_with_the_level_of_all_at_the_right() -> None:
    subsets = {"segmentation": subset_table(CONCEPTS), "classification": subset_table(CONCEPTS, task="classification")}
    tables = {task: by_layer["conv1"] for task, by_layer in both_tasks("conv1").items()}
    figure = score_against_filters(subsets, tables, n_units={"segmentation": 512}, **HERE)
    ax = figure.axes[0]
    assert ax.get_xscale() == "log"
    bold = [line for line in ax.lines if len(line.get_xdata()) == 4 and line.get_marker() not in ("None", "")]
    thin = [line for line in ax.lines if line.get_linewidth() == 0.5]
    assert len(bold) == 4
    assert len(thin) == 3 * 4
    means = curves(subsets["segmentation"], include_small=False)
    wanted = means[means["category"] == ""].groupby("n_filters")["val"].mean()
    assert np.allclose(np.asarray(bold[0].get_ydata(), dtype=float), wanted)
    level = means_by_category(tables["segmentation"], "segmentation", include_small=False).loc[0, "combination_mean"]
    (dashes,) = [line for line in ax.lines if len(line.get_xdata()) == 2 and same_color(line.get_color(), INK)]
    assert np.allclose(np.asarray(dashes.get_ydata(), dtype=float), level)
    assert min(dashes.get_xdata()) > 8
    said = words(figure)
    assert "all 512" in said
    assert "critical F 50 % 60 % 70 % 80 % 90 %" in said
    assert "3 initialisations" in said


def test_without_subsets_there_is_no_figure_of_them() -> None:
    one = subset_table(CONCEPTS, sizes=(1,))
    assert not has_subsets(one)
    assert not has_subsets(one.iloc[:0])
    assert has_subsets(subset_table(CONCEPTS))
    figure = score_against_filters({"segmentation": one}, {"segmentation": nothing()}, n_units={}, **HERE)
    assert "No subsets" in words(figure)


# Failures ---------------------------------------------------------------------------------------------------------


def test_failures_are_coloured_and_counted_small_ones_hollow() -> None:
    table = segmentation_table(
        CONCEPTS, gain=[-0.2, 0.3, -0.1, 0.2, 0.1, -0.05], n_train=[15, 100, 200, 50, 50, 5],
        size=[0.005, 0.1, 0.1, 0.1, 0.1, 0.1],
    )  # fmt: skip
    figure = failures({"segmentation": {"conv1": table}}, **PLACE)
    left, right = panels(figure)
    said = words(figure)
    assert "3 of 6 lose, 2 with ≤ 20 images" in said
    assert "3 of 6 lose, 1 below 1 %" in said
    assert {text.get_text() for text in right.texts} >= {"dog", "wheel"}
    points = [part for part in left.collections if isinstance(part, PathCollection)]
    offsets = np.concatenate([np.asarray(part.get_offsets()) for part in points])
    assert sorted(offsets[:, 1]) == pytest.approx(sorted(table["gain"]))
    grey = [part for part in points if same_color(part.get_edgecolor()[0][:3], OTHER)]
    assert sum(len(part.get_offsets()) for part in grey) == 3
    hollow = [part for part in points if not len(part.get_facecolor())]
    assert [float(part.get_offsets()[0][0]) for part in hollow] == [5.0]  # type: ignore[index]
    assert left.get_ylim()[0] < -0.2
    assert left.get_ylim()[1] > 0.3


def test_layers_of_failures_take_pages() -> None:
    tables = both_tasks(*(f"conv{i}" for i in range(net2vec_failures.LAYERS_A_PAGE + 1)))
    assert net2vec_failures.n_pages(tables) == 2
    figure = failures(tables, **PLACE, page=1)
    assert "(page 2 of 2)" in words(figure)
    assert len(panels(figure)) == 3


# Shared filters ---------------------------------------------------------------------------------------------------


def test_shares_of_filters_by_number_of_concepts() -> None:
    assert shares(pd.Series([0, 0, 1, 3])) == pytest.approx([0.5, 0.25, 0.25, 0, 0, 0, 0])
    assert shares(pd.Series([30, 29, 20, 10])) == pytest.approx([0, 0, 0, 0, 0.25, 0.5, 0.25])
    assert shares(pd.Series([0])) == [1.0, 0, 0, 0, 0, 0, 0]
    assert sum(shares(pd.Series(range(40)))) == pytest.approx(1.0)


def test_bars_are_the_shares_and_the_legend_has_those_never_best() -> None:
    both = pd.concat([filters_of([0, 0, 1, 3]), filters_of([1, 1, 1, 1], task="classification", n_concepts=4)])
    figure = concepts_per_filter({"conv1": both, "conv2": filters_of([0, 10])}, **PLACE)
    top, bottom = figure.axes
    heights = np.array([bar.get_height() for bar in top.patches]).reshape(2, len(BINS))  # type: ignore[attr-defined]
    assert heights[0] == pytest.approx(shares(pd.Series([0, 0, 1, 3])))
    assert heights[1] == pytest.approx(shares(pd.Series([0, 10])))
    assert len(bottom.patches) == len(BINS)
    said = words(figure)
    assert "conv1: 4 filters, 10 concepts (2.5), never 50 %" in said
    assert "conv1: 4 filters, 4 concepts (1.0), never 0 %" in said
    assert "nothing was learned" in words(concepts_per_filter({"conv1": filters_of([])}, **PLACE))


# Image by image ---------------------------------------------------------------------------------------------------


def test_distribution_has_zeros_apart_and_leaves_undefined_ones_out() -> None:
    zero, bins = distribution(pd.Series([0.0, 0.0, 0.04, 0.5, np.nan, 1.0]))
    assert zero == pytest.approx(0.4)
    assert bins[0] == pytest.approx(0.2)
    assert bins[-1] == pytest.approx(0.2)
    assert bins.sum() == pytest.approx(0.6)
    assert np.isnan(distribution(pd.Series([np.nan]))[0])


def test_panels_of_images_print_the_numbers_of_the_table() -> None:
    table = segmentation_table(CONCEPTS, shown=SHOWN, single_zero_inactive=0.25, combination_sd=0.17)
    figure = iou_per_image(image_table([0, 2], n_images=30), table, **HERE)
    said = words(figure)
    first = panels(figure)[0]
    assert first.get_title(loc="left") == "dog"
    assert "zero 33 % (25 % nowhere active) µ 0.15 ± 0.10" in said  # every third image
    assert "µ 0.30 ± 0.17" in said
    assert "n = 30 images" in said
    assert "No validation image" in said  # of the concepts without rows
    assert "Largest gain: wheel" in said
    assert net2vec_images.n_pages(segmentation_table([f"c{i}" for i in range(30)], shown="config")) == 3


def examples_of(folder: Path, rows: list[tuple[str, int, int, int]], **options: Any) -> ConceptExamples:
    write_examples(folder / "examples.h5", rows, **options)
    return read_concept_examples(folder / "examples.h5")


def test_deciles_have_single_over_combination_and_gaps_where_there_are_none(tmp_path: Path) -> None:
    rows = [("decile_single", 0, 3, rank) for rank in range(10)] + [("decile_combination", 0, -1, 9)]
    examples = examples_of(tmp_path, rows)
    table = segmentation_table(CONCEPTS, shown=SHOWN, single_unit=3)
    figure = deciles(examples, table, **HERE)
    (ax,) = figure.axes
    (mosaic,) = ax.images
    assert list(mosaic.get_extent()) == [0, 10, 2, 0]
    picture = np.asarray(mosaic.get_array())
    cell = picture.shape[0] // 2
    assert (picture[cell + cell // 2, cell // 2 :: cell][:9] == 255).all()  # the combination has the last one only
    assert not (picture[cell + cell // 2, cell // 2 :: cell][9] == 255).all()
    said = words(figure)
    assert "10 % 20 % 30 %" in said
    assert "single: unit 3" in said
    values = [text.get_text() for text in ax.texts if text.get_path_effects()]
    assert values == [f"{value:.2f}" for value in examples.rows["iou"]]
    outlines = [lines for lines in ax.collections if isinstance(lines, LineCollection)]
    assert len(outlines) == 3  # the predicted mask twice, the concept's own once
    assert figure.get_figwidth() == pytest.approx((net2vec_examples.CAPTION + 10) * CELL + 0.25)


def test_no_picture_is_shown_where_none_may_be(tmp_path: Path) -> None:
    rows = [(kind, 0, 1, rank) for kind in ("decile_single", "best_single", "filter", "top") for rank in range(4)]
    examples = examples_of(tmp_path, rows)
    table = segmentation_table(CONCEPTS, shown="config")
    for figure in (
        deciles(examples, table, **HERE, embed_images=False),
        best_examples(examples, table, **HERE, embed_images=False),
        shared_filters(examples, filters_of([0, 4]), table, **HERE, embed_images=False),
    ):
        (mosaic,) = figure.axes[0].images
        assert set(np.unique(np.asarray(mosaic.get_array())).tolist()) <= {round(205 * 0.3), 62, 205, 255}
        assert "pictures of this data set are not shown" in words(figure)


def test_the_best_stand_beside_each_other_and_take_pages(tmp_path: Path) -> None:
    rows = [(f"best_{kind}", c, -1, rank) for c in range(9) for kind in ("single", "combination") for rank in range(5)]
    examples = examples_of(tmp_path, rows, size=8)
    table = segmentation_table([f"c{i}" for i in range(12)], shown="config")
    assert net2vec_examples.n_best_pages(examples, table) == 2
    figure = best_examples(examples, table, **HERE, page=1)
    assert list(figure.axes[0].images[0].get_extent()) == [0, 10, 1, 0]
    said = words(figure)
    assert "c8" in said
    assert "c9" not in said
    assert "single filter all filters" in said


def test_without_examples_figures_say_so(tmp_path: Path) -> None:
    examples = examples_of(tmp_path, [])
    table = segmentation_table(CONCEPTS, shown="config")
    assert "IoU above 0" in words(deciles(examples, table, **HERE))
    assert "IoU above 0" in words(best_examples(examples, table, **HERE))
    assert "No filter has pictures" in words(shared_filters(examples, filters_of([0, 1]), table, **HERE))


def test_filters_best_for_most_concepts_come_first_with_their_concepts(tmp_path: Path) -> None:
    rows = [("top", -1, 1, 0), ("top", -1, 2, 0), ("filter", 0, 2, 0), ("filter", 0, 2, 1), ("filter", 3, 2, 0)]
    examples = examples_of(tmp_path, rows, iou=[np.nan, np.nan, 0.71, 0.62, 0.53])
    filters = filters_of([0, 2, 5])
    assert filters_with_pictures(examples, filters) == [2, 1]
    figure = shared_filters(examples, filters, segmentation_table(CONCEPTS), **HERE)
    said = words(figure)
    assert said.index("unit 2 top images best of 5 concepts") < said.index("unit 1 top images best of 2 concepts")
    assert said.index("dog") < said.index("blue")
    values = [text.get_text() for text in figure.axes[0].texts if text.get_path_effects()]
    assert values == ["0.71", "0.62", "0.53"]  # none for top images
    assert list(figure.axes[0].images[0].get_extent()) == [0, 6, 5, 0]


# Weights ----------------------------------------------------------------------------------------------------------


def test_weights_are_drawn_from_zero_against_their_iou(tmp_path: Path) -> None:
    path = tmp_path / "segmentation.h5"
    weights = np.array([[0.5, -0.2, 0.1], [0.3, 0.2, 0.1]])
    iou = np.array([[0.4, 0.1, np.nan], [0.1, 0.2, 0.3]])
    write_vectors(path, "segmentation", [2, 5], np.stack([weights, -weights], axis=1), single_val=iou)
    vectors = read_shown_vectors(path, [2, 3])
    assert list(vectors) == [2]
    table = segmentation_table(
        CONCEPTS, shown=["", "", "config", "", "", ""], single_unit=0, correlation=0.4, correlation_p=[0.5, *[1e-5] * 5]
    )
    assert share_correlated(table, include_small=False) == (5, 6)
    figure = weights_against_iou(vectors, table, **HERE)
    (ax,) = panels(figure)
    points, best = ax.collections
    assert np.asarray(points.get_offsets()) == pytest.approx(np.array([[0.4, 0.5], [0.1, 0.0]]))
    assert np.asarray(best.get_offsets()) == pytest.approx(np.array([[0.4, 0.5]]))
    said = words(figure)
    assert "p < 0.01 for 5 of 6 concepts (83.3 %)" in said
    assert "r = 0.40, p < 0.001" in said
    assert "n = 3" in said


# Concepts ---------------------------------------------------------------------------------------------------------


def test_the_best_and_the_worst_are_drawn_and_small_ones_left_out_first() -> None:
    table = segmentation_table([f"c{i}" for i in range(10)], n_train=[5, *[50] * 9])
    rows, hidden, small = chosen(table, "segmentation", most=4)
    assert rows["concept"].tolist() == ["c9", "c8", "c2", "c1"]
    assert (hidden, small) == (5, 1)
    everything, hidden, small = chosen(table, "segmentation", most=10)
    assert (len(everything), hidden, small) == (10, 0, 0)


def test_scores_of_concepts_have_their_intervals() -> None:
    tables = {task: by_layer["conv1"] for task, by_layer in both_tasks("conv1").items()}
    tables["segmentation"].loc[1, ["combination_val_low", "combination_val_high"]] = np.nan
    figure = concept_scores(tables, **HERE)
    left, right = panels(figure)
    rows, _, _ = chosen(tables["segmentation"], "segmentation")
    assert [float(dot.get_xdata()[0]) for dot in dots(left)] == pytest.approx(rows["combination_val"].tolist())
    assert [float(dot.get_xdata()[0]) for dot in dots(left, "|")] == pytest.approx(rows["single_val"].tolist())
    spans = [np.asarray(line.get_xdata(), float) for line in left.lines if line.get_linewidth() == 1.4]
    there = rows.dropna(subset=["combination_val_low"])
    assert np.allclose(spans, there[["combination_val_low", "combination_val_high"]])
    assert len(spans) == 5
    assert [float(dot.get_xdata()[0]) for dot in dots(right)] == pytest.approx(
        chosen(tables["classification"], "classification")[0]["accuracy"].tolist()
    )
    assert "95 % interval over 1,000 resamples" in words(figure)


def test_many_concepts_say_how_many_are_left_out_and_names_do_not_overlap() -> None:
    names = {f"a rather long name of a concept {i}": "object" for i in range(MOST + 10)}
    figure = concept_scores({"segmentation": segmentation_table(names)}, **HERE)
    said = words(figure)
    assert "… 10 more …" in said
    assert "10 between the best and the worst 30 are left out" in said
    assert not overlapping(list(figure.axes[0].get_yticklabels()))


# Relations --------------------------------------------------------------------------------------------------------


def test_nearest_concepts_print_both_tasks_with_cosines() -> None:
    tables = {
        "segmentation": segmentation_table(CONCEPTS, shown=["", "gain", "", "", "", ""]),
        "classification": classification_table(CONCEPTS, shown=["config", "gain", "", "", "", ""]),
    }
    neighbours = pd.concat([neighbours_of(CONCEPTS, n=3), neighbours_of(CONCEPTS, task="classification", n=3)])
    assert concepts_of(neighbours, tables) == ["dog", "cat"]
    figure = nearest_concepts(neighbours, tables, **HERE)
    said = words(figure)
    assert "cat (0.90 ± 0.01)" in said
    assert said.count("Segmentation") == 2
    assert said.count("Classification") == 2
    assert "segmentation 6, classification 6" in said
    only = neighbours[~((neighbours["concept"] == "dog") & (neighbours["task"] == "segmentation"))]
    assert "not learned" in words(nearest_concepts(only, tables, **HERE))
    tables["segmentation"].loc[0, "reason"] = "labels whole images"
    assert "labels whole images" in words(nearest_concepts(only, tables, **HERE))
    assert "No concept has a neighbour" in words(nearest_concepts(neighbours.iloc[:0], tables, **HERE))


def test_pages_of_nearest_concepts() -> None:
    names = {f"c{i}": "object" for i in range(40)}
    tables = {"segmentation": segmentation_table(names, shown="config")}
    neighbours = neighbours_of(names)
    assert len(concepts_of(neighbours, tables)) == MOST_SHOWN
    assert net2vec_neighbours.n_pages(neighbours, tables) == 3
    assert "(page 3 of 3)" in words(nearest_concepts(neighbours, tables, **HERE, page=2))


def test_arithmetic_prints_what_is_nearest_or_why_nothing_is() -> None:
    tables = {"segmentation": segmentation_table(CONCEPTS)}
    found = arithmetic_of({"dog + blue - cat": ["sky", HOSTILE], "dog - ghost": "ghost: no training image"})
    said = words(concept_arithmetic(found, tables, **HERE))
    assert "dog + blue - cat" in said
    assert "sky (0.70)" in said
    assert "ghost: no training image" in said
    assert "<scrip" in said
    assert "No expression" in words(concept_arithmetic(found.iloc[:0], tables, **HERE))


def test_the_map_has_every_concept_its_clusters_and_names_that_do_not_overlap() -> None:
    names = {f"concept number {i}": ("object", "part")[i % 2] for i in range(60)} | {HOSTILE: "color"}
    table = map_of(names, n_clusters=3)
    figure = concept_map(table, segmentation_table(names, shown=["config", *[""] * 60]), task="segmentation", **HERE)
    (ax,) = figure.axes
    drawn = [part for part in ax.collections if isinstance(part, PathCollection)]
    assert sum(len(part.get_offsets()) for part in drawn) == 61
    numbers = [text.get_text() for text in ax.texts if text.get_path_effects()]
    assert numbers == ["0", "1", "2"]
    names_drawn = [text for text in ax.texts if not text.get_path_effects()]
    assert "concept number 0" in {text.get_text() for text in names_drawn}
    assert 10 < len(names_drawn) <= 40
    figure.draw_without_rendering()
    assert not overlapping(names_drawn)
    said = words(figure)
    assert "n = 61 concepts" in said
    assert "perplexity 5, seed 3" in said
    assert "There is no map" in words(concept_map(table.iloc[:0], None, task="segmentation", **HERE))


# The job ----------------------------------------------------------------------------------------------------------


LAYERS = ["conv1", "conv2"]


def write_layers(folder: Path, *, tasks: tuple[str, ...] = ("segmentation", "classification")) -> dict[str, list[str]]:
    files: dict[str, list[str]] = {
        name: []
        for name in (
            "segmentation", "segmentation_subsets", "segmentation_images", "segmentation_vectors",
            "segmentation_examples", "classification", "classification_subsets", "filters", "neighbours", "arithmetic",
            "maps",
        )
    }  # fmt: skip
    for layer in LAYERS:
        own = folder / layer
        own.mkdir(parents=True)
        sizes = (1, 2, 4) if layer == "conv2" else (1,)
        tables: dict[str, pd.DataFrame] = {}
        if "segmentation" in tasks:
            tables |= {
                "segmentation": segmentation_table(CONCEPTS, layer=layer, shown=SHOWN),
                "segmentation_subsets": subset_table(CONCEPTS, sizes=sizes),
                "segmentation_images": image_table([0, 2]),
            }
            files["segmentation_vectors"].append(str(own / "segmentation.h5"))
            write_vectors(own / "segmentation.h5", "segmentation", range(6), np.eye(6) + 0.1)
            files["segmentation_examples"].append(str(own / "segmentation_examples.h5"))
            rows = [(kind, 0, 1, rank) for kind in ("decile_single", "best_single", "filter") for rank in range(3)]
            write_examples(own / "segmentation_examples.h5", [*rows, ("top", -1, 1, 0)])
        if "classification" in tasks:
            tables["classification"] = classification_table(CONCEPTS, layer=layer, shown=SHOWN)
            tables["classification_subsets"] = subset_table(CONCEPTS, task="classification", sizes=sizes)
        tables["filters"] = pd.concat([filters_of([0, 3, 1], task=task) for task in tasks])
        tables["neighbours"] = pd.concat([neighbours_of(CONCEPTS, task=task) for task in tasks])
        tables["arithmetic"] = pd.concat([arithmetic_of({"dog - cat": ["sky"]}, task=task) for task in tasks])
        tables["maps"] = pd.concat([map_of(CONCEPTS, task=task) for task in tasks])
        for name, table in tables.items():
            files[name].append(str(own / f"{name}.parquet"))
            table.to_parquet(files[name][-1])
    return files


def draw(folder: Path, files: dict[str, list[str]], **changes: Any) -> Path:
    arguments: dict[str, Any] = {
        "layers": LAYERS, "folder": folder / "figures", "options": {"dpi": 40, "formats": ["png"]},
        "embed_images": True,
    } | files  # fmt: skip
    plot_net2vec(**(PLACE | arguments | changes))
    return folder / "figures"


def test_all_figures_of_a_model(tmp_path: Path) -> None:
    out = draw(tmp_path, write_layers(tmp_path))
    content = read_json(out / "figures.json")
    listed = [name for entry in content["figures"] for name in entry["files"]]
    assert sorted(listed) == sorted(path.name for path in out.iterdir() if path.name != "figures.json")
    assert {entry["figure"] for entry in content["figures"]} == set(SHOWS)
    assert all(entry["shows"] == SHOWS[entry["figure"]] for entry in content["figures"])
    assert {"single_against_combination.png", "deciles_conv1.png", "concept_map_conv2~2.png"} <= set(listed)
    subsets = [entry["layer"] for entry in content["figures"] if entry["figure"] == "score_against_filters"]
    assert subsets == ["conv2"]


@pytest.mark.usefixtures("unrendered")
@pytest.mark.parametrize("task", ["segmentation", "classification"])
def test_one_task_alone_can_be_drawn(tmp_path: Path, task: str) -> None:
    out = draw(tmp_path, write_layers(tmp_path, tasks=(task,)))
    figures = {entry["figure"] for entry in read_json(out / "figures.json")["figures"]}
    assert ("deciles" in figures) == (task == "segmentation")
    assert {"single_against_combination", "failures", "concepts", "nearest_concepts", "concept_map"} <= figures


def test_layers_in_which_nothing_was_learned_can_be_drawn(tmp_path: Path) -> None:
    files = write_layers(tmp_path)
    for i in range(2):
        nothing().to_parquet(files["segmentation"][i])
        nothing(classification_table).to_parquet(files["classification"][i])
        for name in ("segmentation_subsets", "segmentation_images", "classification_subsets", "neighbours", "maps"):
            pd.read_parquet(files[name][i]).iloc[:0].to_parquet(files[name][i])
        write_vectors(files["segmentation_vectors"][i], "segmentation", [], np.zeros((0, 1, 6)))
        write_examples(files["segmentation_examples"][i], [])
        filters_of([0, 0], n_concepts=0).to_parquet(files["filters"][i])
        arithmetic_of({"dog - cat": "dog: no training image"}).to_parquet(files["arithmetic"][i])
    out = draw(tmp_path, files)
    figures = {entry["figure"] for entry in read_json(out / "figures.json")["figures"]}
    assert "score_against_filters" not in figures
    assert "concept_map" not in figures
    assert "deciles" in figures


def test_drawing_again_gives_the_same_files(tmp_path: Path) -> None:
    files = {name: paths[-1:] for name, paths in write_layers(tmp_path).items()}
    options = {"dpi": 40, "formats": ["svg"]}
    first, second = (draw(tmp_path / run, files, options=options, layers=LAYERS[-1:]) for run in ("a", "b"))
    contents = {path.name: path.read_bytes() for path in first.iterdir()}
    assert contents == {path.name: path.read_bytes() for path in second.iterdir()}


def test_validation_images_of_the_shown_concepts_alone_are_read(tmp_path: Path) -> None:
    table = pd.concat([image_table([0, 1], n_images=4), image_table([0], n_images=3, split="train")])
    table.to_parquet(tmp_path / "images.parquet")
    found = read_validation_images(tmp_path / "images.parquet", [0])
    assert len(found) == 4
    assert set(found["concept_index"]) == {0}


def test_files_that_do_not_match_the_layers_are_refused(tmp_path: Path) -> None:
    files = write_layers(tmp_path)
    with pytest.raises(ValueError, match="2 layers, but 1 maps"):
        draw(tmp_path, files, maps=files["maps"][:1])
    with pytest.raises(ValueError, match="neither segmentation nor classification"):
        draw(tmp_path, files, segmentation=[], classification=[])
