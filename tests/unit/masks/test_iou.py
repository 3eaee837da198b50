"""The four IoUs by hand."""

from __future__ import annotations

import numpy as np

from conceptatlas.masks.iou import f1_of_iou, iou, iou_all, iou_category


def test_the_worked_row_of_the_authors_table():
    """AlexNet, unit 198 'wheel': area over images with parts, not with objects or colours."""
    value = iou(np.array(561458), np.array(1584597), np.array(1540612))
    assert round(float(value), 5) == 0.21900
    areas = np.array([[2106473, 0, 1584597, 0, 0, 3246821]])
    scores = iou_category(np.array([[561458]]), areas, np.array([1540612]), np.array([2]))
    assert round(float(scores[0, 0]), 5) == 0.21900
    assert iou_category(np.array([[561458]]), areas, np.array([1540612]), np.array([5]))[0, 0] < 0.14


def test_definitions_differ_in_the_area_only():
    inter, pixels, primary = np.array([[6, 2]]), np.array([10, 4]), np.array([0, 1])
    category_areas, areas = np.array([[8, 3]]), np.array([12])
    np.testing.assert_allclose(iou_category(inter, category_areas, pixels, primary), [[6 / 12, 2 / 5]])
    np.testing.assert_allclose(iou_all(inter, areas, pixels), [[6 / 16, 2 / 14]])


def test_empty_union_is_undefined():
    assert np.isnan(iou(np.array(0), np.array(0), np.array(0)))
    assert iou(np.array(0), np.array(5), np.array(0)) == 0
    assert iou(np.array(4), np.array(4), np.array(4)) == 1


def test_f1_of_iou_is_dice():
    inter, a, b = 6.0, 12.0, 10.0
    assert np.isclose(f1_of_iou(iou(inter, a, b)), 2 * inter / (a + b))
