"""Figures of units: gallery, distributions, nulls, scores."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.patches import StepPatch

from conceptatlas.figures.activation_distributions import activation_distributions, choose_units
from conceptatlas.figures.iou_null import iou_against_null, null_counts
from conceptatlas.figures.label_scores import label_scores, rank_correlation, same_best
from conceptatlas.figures.reading import Distribution
from conceptatlas.figures.strips import outlines, tile
from conceptatlas.figures.unit_gallery import ROWS_A_PAGE, n_pages, unit_gallery
from tiny_tables import HOSTILE, gallery_of, labels_table, summary_table, unit_row, units_table, words

# Gallery ----------------------------------------------------------------------------------------------------------


def test_outside_the_masks_is_dimmed_and_inside_untouched() -> None:
    masks = np.zeros((2, 2, 4, 4), dtype=bool)
    masks[0, 1, 1, 2] = True
    pictures = np.full((2, 2, 4, 4, 3), 200, dtype=np.uint8)
    mosaic, cell = tile(pictures, masks, np.array([[True, True], [True, False]]))
    gap = (cell - 4) // 2
    assert mosaic.shape == (2 * cell, 2 * cell, 3)
    assert mosaic[gap + 1, cell + gap + 2].tolist() == [200, 200, 200]
    assert mosaic[gap, gap].tolist() == [60, 60, 60]
    assert mosaic[0, 0].tolist() == [255, 255, 255]
    assert (mosaic[cell:, cell:] == 255).all()  # no image there


def test_outlines_run_around_the_masks_and_close_at_the_edge() -> None:
    masks = np.zeros((1, 2, 8, 8), dtype=bool)
    masks[0, 1, 2:5, 0:3] = True
    (line,) = outlines(masks, np.ones((1, 2), dtype=bool), 10)
    x, y = line.T
    assert (x.min(), x.max()) == (11, 14)  # second cell, gap of 1 pixel, columns 0 to 3
    assert (y.min(), y.max()) == (3, 6)  # rows 2 to 5 below the gap
    assert line[0].tolist() == line[-1].tolist()
    assert outlines(masks, np.zeros((1, 2), dtype=bool), 10) == []


def test_gallery_draws_a_row_a_unit_with_its_caption() -> None:
    units = units_table(
        unit_row(3, "wheel", iou=0.2),
        unit_row(7, HOSTILE, "object", iou=0.03, state="sparse", ci_low=np.nan, ci_high=np.nan),
        unit_row(9, "leg", is_confounded=True, confounded_by="table"),
        unit_row(11, "leg", iou=float("nan"), state="dead"),
    )
    gallery = gallery_of([9, 3, 7, 11])
    figure = unit_gallery(gallery, units=units, labels=labels_table(units, n_blocks=5), summary=summary_table())
    said = words(figure)
    assert "unit 9: leg part, detector IoU 0.100 [0.080, 0.120] p = 0.01, q = 0.02 confounded by table" in said
    assert "object, no detector, sparse IoU 0.030 (no interval: 5 blocks)" in said
    assert "unit 11: no label dead" in said
    assert "1,234 images" in said
    (ax,) = figure.axes
    (mosaic,) = ax.images
    assert mosaic.get_extent() == [0, 3, 4, 0]  # pictures of four rows and three ranks
    assert len(ax.collections[0].get_paths()) == 4 * 2  # outlines: the last rank has no image


def test_gallery_shows_masks_alone_where_pictures_may_not_be_shown() -> None:
    units = units_table(unit_row(0))
    gallery = gallery_of([0])
    gallery.pictures[...] = 77
    figure = unit_gallery(gallery, units=units, labels=labels_table(units), summary=summary_table(), embed_images=False)
    drawn = np.asarray(figure.axes[0].images[0].get_array())
    assert 77 not in drawn
    assert round(77 * 0.3) not in drawn
    assert len(np.unique(drawn)) == 3  # mask, outside, white between
    assert "pictures of this data set are not shown" in words(figure)


def test_gallery_pages() -> None:
    numbers = list(range(ROWS_A_PAGE + 3))
    units = units_table(*[unit_row(i) for i in numbers])
    gallery = gallery_of(numbers, n_ranks=2)
    assert n_pages(gallery) == 2
    figure = unit_gallery(gallery, units=units, labels=labels_table(units), summary=summary_table(), page=1)
    assert "(page 2 of 2)" in words(figure)
    assert figure.axes[0].images[0].get_extent() == [0, 2, 3, 0]


@pytest.mark.parametrize(("units", "ranks"), [([], 3), ([0], 0)])
def test_empty_gallery_says_so(units: list[int], ranks: int) -> None:
    table = units_table(unit_row(0))
    gallery = gallery_of(units, n_ranks=ranks)
    assert n_pages(gallery) == 1
    figure = unit_gallery(gallery, units=table, labels=labels_table(table), summary=summary_table())
    assert "No unit was chosen" in words(figure)


# Distributions ----------------------------------------------------------------------------------------------------


def test_chosen_units_are_the_best_detectors_and_one_of_each_other_state() -> None:
    units = units_table(
        unit_row(0, iou=0.05), unit_row(1, iou=0.3), unit_row(2, iou=0.01), unit_row(3, iou=0.02, state="dead"),
        unit_row(4, iou=0.2, state="sparse"), unit_row(5, iou=0.01, state="dead"),
        unit_row(6, iou=float("nan"), state="saturated"),
    )  # fmt: skip
    assert choose_units(units, n_best=2) == [1, 4, 3, 6]
    assert choose_units(units_table(unit_row(0, iou=0.01), unit_row(1, iou=0.02)), n_best=1) == [1]
    assert choose_units(units_table(unit_row(0, iou=float("nan"), state="dead"))) == [0]


def test_distributions_draw_the_counts_and_the_threshold() -> None:
    units = units_table(unit_row(4, threshold=1.25), unit_row(2, state="dead", iou=float("nan")))
    edges = np.linspace(0, 3, 5)
    some = {4: Distribution(edges, np.array([9, 0, 3, 1])), 2: Distribution(np.zeros(5), np.zeros(4))}
    figure = activation_distributions(units, some, summary=summary_table())
    (step,) = (patch for patch in figure.axes[0].patches if isinstance(patch, StepPatch))
    assert step.get_data().values.tolist() == [9, 0, 3, 1]
    assert step.get_data().edges.tolist() == edges.tolist()
    assert figure.axes[0].lines[0].get_xdata() == [1.25, 1.25]
    assert figure.axes[0].get_yscale() == "log"
    said = words(figure)
    assert "T = 1.25, 0.5 % above" in said
    assert "constant: every value is 0" in said
    assert "1 live, 1 dead" in said
    assert "1,234 images" in said


def test_distributions_of_no_unit_say_so() -> None:
    assert "no unit to show" in words(activation_distributions(units_table(), {}, summary=summary_table()))


# Null -------------------------------------------------------------------------------------------------------------


def test_iou_against_null_sorts_units_and_counts_those_above() -> None:
    units = units_table(
        unit_row(0, iou=0.05, null_high=0.06, is_significant=False), unit_row(1, iou=0.3, null_high=0.07),
        unit_row(2, iou=0.03, null_high=0.02, is_significant=False), unit_row(3, iou=float("nan"), is_detector=False,
        is_significant=False),
    )  # fmt: skip
    assert null_counts(units) == {"detectors": 2, "above_null": 2, "both": 1, "significant": 1}
    figure = iou_against_null(units, summary=summary_table())
    nulls, below, above = (np.asarray(points.get_offsets()) for points in figure.axes[0].collections)
    assert nulls.tolist() == [[1, 0.07], [2, 0.06], [3, 0.02]]
    assert below.tolist() == [[2, 0.05]]
    assert above.tolist() == [[1, 0.3], [3, 0.03]]
    assert figure.axes[0].lines[0].get_ydata() == [0.04, 0.04]
    said = words(figure)
    assert "2 detectors, 1 of them above their own null's 95 % point, 1 significant" in said
    assert "smallest attainable p = 0.01" in said
    bars = figure.axes[1].patches
    assert sum(patch.get_width() for patch in bars if hasattr(patch, "get_width")) == 3


def test_iou_without_permutations_and_without_units() -> None:
    units = units_table(unit_row(0, null_high=np.nan, p=np.nan, q=np.nan, n_permutations=0, is_significant=False))
    assert "no null drawn" in words(iou_against_null(units, summary=summary_table(n_permutations=0)))
    dead = units_table(unit_row(0, iou=float("nan"), iou_cross_fitted=np.nan, is_detector=False, is_significant=False))
    assert "No unit has a defined IoU" in words(iou_against_null(dead, summary=summary_table()))


# Scores -----------------------------------------------------------------------------------------------------------


def test_rank_correlation_is_spearmans() -> None:
    scipy = pytest.importorskip("scipy.stats")
    units = units_table(*[unit_row(i) for i in range(30)])
    rng = np.random.default_rng(0)
    units["iou_category"], units["p"] = rng.integers(0, 9, 30) / 9, rng.normal(size=30)
    units.loc[3, "p"] = np.nan
    kept = units.drop(index=3)
    rho, n = rank_correlation(units["iou_category"], units["p"])
    assert n == 29
    assert rho == pytest.approx(scipy.spearmanr(kept["iou_category"], kept["p"]).statistic)
    assert np.isnan(rank_correlation(units["iou_category"] * 0, units["p"])[0])


def test_label_scores_state_agreement_and_draw_every_label() -> None:
    units = units_table(*[unit_row(i, iou=0.05 * (i + 1), category=("part", "object")[i % 2]) for i in range(6)])
    labels = labels_table(units)  # f1, pearson, cosine rise with IoU; auprc falls with it, so it prefers rank 2
    assert same_best(labels, "pearson") == (6, 6)
    assert same_best(labels, "auprc") == (0, 6)
    figure = label_scores(labels, summary=summary_table())
    f1, _, _, auprc = figure.axes
    assert sum(len(points.get_offsets()) for points in f1.collections) == 12
    drawn = np.concatenate([np.asarray(points.get_offsets()) for points in auprc.collections])
    expected = labels[["iou_category", "auprc"]].to_numpy()
    assert sorted(map(tuple, drawn.tolist())) == sorted(map(tuple, expected.tolist()))
    said = words(figure)
    assert "ρ = 1.00 (n = 6 units), same label: 100%" in said
    assert "ρ = -1.00 (n = 6 units), same label: 0%" in said
    assert "1,234 images" in said


def test_label_scores_undefined() -> None:
    units = units_table(unit_row(0))
    labels = labels_table(units)
    labels["auprc"] = np.nan
    assert "AUPRC is undefined for every label" in words(label_scores(labels, summary=summary_table()))
    labels[["f1", "pearson", "cosine"]] = np.nan  # a layer that keeps counts, without its third pass
    assert "No score beside IoU is defined, or none was asked for" in words(
        label_scores(labels, summary=summary_table())
    )
    labels["iou_category"] = np.nan
    assert "No label has a defined IoU" in words(label_scores(labels, summary=summary_table()))
