"""Metrics of labels: hand-computed cases, and the one pass against scikit-image label by label."""

from __future__ import annotations

import numpy as np
import pytest
from skimage.color import rgb2lab
from skimage.filters.rank import entropy
from skimage.measure import regionprops
from skimage.morphology import disk

from conceptatlas.datasets.scenes.drawing import draw_scene
from conceptatlas.datasets.scenes.renderer import render
from conceptatlas.quantification.label_metrics import changes, measure_labels, user_metrics, wrap
from conceptatlas.quantification.metric_names import METRICS

NAMES = list(METRICS)


def column(values, name):
    return values[..., NAMES.index(name)]


def scenes(n, size):
    rendered = [render(draw_scene(0, i), size) for i in range(n)]
    return np.array([each.picture for each in rendered]), np.array([each.object for each in rendered])


def by_scikit_image(picture, mask):
    """One label of one picture, the obvious way."""
    (region,) = regionprops(mask.astype(np.uint8))
    weights = np.array([0.299, 0.587, 0.114])
    grey = ((picture.astype(np.int64) @ np.array([299, 587, 114]) + 500) // 1000).astype(np.uint8)
    lightness, green_red, blue_yellow = rgb2lab(picture)[mask].mean(axis=0)
    angle = np.degrees(region.orientation) if region.eccentricity >= 0.3 else np.nan
    return {
        "area": region.area,
        "luminance": (picture[mask] @ weights).mean() / 255,
        "lightness": lightness,
        "green_red": green_red,
        "blue_yellow": blue_yellow,
        "centre_x": region.centroid[1],
        "centre_y": region.centroid[0],
        "entropy": entropy(grey, disk(5))[mask].mean(),
        "eccentricity": region.eccentricity,
        "angle": angle,
    }


def test_one_pass_equals_scikit_image():
    pictures, labels = scenes(6, 128)
    n_labels = int(labels.max()) + 1
    values = measure_labels(pictures, labels, n_labels=n_labels, first_label=0)
    compared = 0
    for i in range(len(pictures)):
        for label in range(n_labels):
            mask = labels[i] == label
            if mask.sum() < 20:
                assert np.isnan(values[i, label, 1:]).all()
                assert column(values, "area")[i, label] == mask.sum()
                continue
            slow = by_scikit_image(pictures[i], mask)
            for name, expected in slow.items():
                found = column(values, name)[i, label]
                if name == "angle" and not np.isnan(expected):
                    assert abs(wrap(found - expected)) < 1e-6
                else:
                    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-7, err_msg=name)
            compared += 1
    assert compared >= 12


def test_a_rectangle_by_hand():
    picture = np.zeros((1, 128, 128, 3), dtype=np.uint8)
    labels = np.zeros((1, 128, 128), dtype=np.uint8)
    labels[0, 10:14, 20:30] = 1  # 4 high, 10 wide
    picture[0, 10:14, 20:30] = (255, 0, 0)
    values = measure_labels(picture, labels, n_labels=2)[0, 1]
    assert column(values, "area") == 40
    assert column(values, "luminance") == pytest.approx(0.299)
    assert column(values, "lightness") == pytest.approx(53.24, abs=0.01)  # of sRGB red
    assert column(values, "centre_x") == 24.5
    assert column(values, "centre_y") == 11.5
    # variances of 10 and 4 equidistant places: (n^2 - 1) / 12
    assert column(values, "eccentricity") == pytest.approx(np.sqrt(1 - (15 / 12) / (99 / 12)))
    assert abs(column(values, "angle")) == pytest.approx(90)  # lies on its side


def test_angle_turns_counter_clockwise_from_the_vertical():
    labels = np.zeros((2, 128, 128), dtype=np.uint8)
    for y in range(30, 90):
        labels[0, y, 60:64] = 1  # upright
        labels[1, y, 120 - y : 124 - y] = 1  # as a slash: its top leans to the right
    values = measure_labels(np.zeros((2, 128, 128, 3), dtype=np.uint8), labels, n_labels=2)
    assert column(values, "angle")[0, 1] == pytest.approx(0, abs=1e-9)
    assert column(values, "angle")[1, 1] == pytest.approx(-45, abs=1)


def test_small_labels_and_the_background_are_left_out():
    labels = np.zeros((1, 64, 64), dtype=np.uint8)
    labels[0, :1, :19] = 1
    labels[0, 10:11, :20] = 2
    values = measure_labels(np.zeros((1, 64, 64, 3), dtype=np.uint8), labels, n_labels=4)
    assert np.isnan(values[0, 0]).all()
    assert values[0, 1, 0] == 19
    assert np.isnan(values[0, 1, 1:]).all()
    assert np.isfinite(values[0, 2]).all()
    assert values[0, 3, 0] == 0


def test_changes_by_hand():
    names = ["area", "luminance", "angle"]
    steps = np.array(  # (step, label, metric)
        [
            [[100, 0.2, 80.0], [0, np.nan, np.nan], [10, np.nan, np.nan]],
            [[120, 0.3, 90.0], [30, 0.5, 0.0], [10, np.nan, np.nan]],
            [[150, 0.5, -80.0], [60, 0.5, 0.0], [10, np.nan, np.nan]],
        ]
    )
    change = changes(steps, metrics=names, min_area=20)
    np.testing.assert_allclose(change[0], [0.5, 0.3, 20.0])  # 80 -> -80 is 20 degrees further round
    assert change[1, 0] == 1.0  # from nothing
    assert np.isnan(change[1, 1:]).all()
    assert np.isnan(change[2]).all()  # never 20 pixels


def test_wrapped_angles():
    angles = np.array([0, 89, 90, 91, 180, -89, -90, -91, 270])
    assert wrap(angles).tolist() == [0, 89, 90, -89, 0, -89, 90, 89, 90]


def test_mistakes_are_named():
    with pytest.raises(ValueError, match=r"expected uint8 \(n, height, width, 3\)"):
        measure_labels(np.zeros((1, 8, 8, 3)), np.zeros((1, 8, 8), dtype=np.uint8), n_labels=2)
    with pytest.raises(ValueError, match="'area' is measured already"):
        user_metrics({"area": "numpy:mean"})
    wrong = user_metrics({"mine": "numpy:broadcast_arrays"})["mine"]
    with pytest.raises((ValueError, TypeError)):
        wrong(np.zeros((1, 8, 8, 3), dtype=np.uint8), np.zeros((1, 8, 8), dtype=np.uint8), 2)
