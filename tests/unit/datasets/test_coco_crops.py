"""Windows of boxes, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from conceptatlas.datasets.coco_crops import Box, Crops, Window

ON = Crops(on=True)


def test_a_window_holds_every_pixel_that_the_box_touches():
    assert ON.window(Box(2.0, 3.0, 10.0, 12.0), height=20, width=30) == Window(3, 15, 2, 12)
    assert ON.window(Box(2.25, 3.5, 9.5, 11.75), height=20, width=30) == Window(3, 16, 2, 12)


def test_the_margin_is_a_share_of_each_side_on_both_its_ends():
    crops = Crops(on=True, margin=0.25)
    assert crops.window(Box(8, 8, 8, 4), height=20, width=30) == Window(7, 13, 6, 18)


def test_windows_end_at_the_picture():
    crops = Crops(on=True, margin=1.0)
    assert crops.window(Box(-2, 10, 20, 30), height=20, width=30) == Window(0, 20, 0, 30)
    assert ON.window(Box(29.5, 19.5, 1, 1), height=20, width=30) == Window(19, 20, 29, 30)


def test_small_boxes_and_boxes_outside_have_no_window():
    crops = Crops(on=True, margin=3.0, min_side=4.0)
    assert crops.window(Box(5, 5, 3.9, 10), height=20, width=30) is None  # the box counts, not its margin
    assert crops.window(Box(5, 5, 4.0, 10), height=20, width=30) is not None
    assert ON.window(Box(5, 5, 0.9, 10), height=20, width=30) is None
    assert ON.window(Box(30, 5, 10, 10), height=20, width=30) is None
    assert ON.window(Box(5, -10, 10, 10), height=20, width=30) is None


def test_a_window_cuts_pictures_and_masks():
    picture = np.arange(20 * 30 * 3).reshape(20, 30, 3)
    window = Window(3, 15, 2, 12)
    np.testing.assert_array_equal(window.cut(picture), picture[3:15, 2:12])
    np.testing.assert_array_equal(window.cut(picture[..., 0]), picture[3:15, 2:12, 0])


def test_which_boxes_reach_into_a_window():
    window = Window(3, 15, 2, 12)
    assert window.meets(Box(11.5, 14.5, 5, 5), reach=0)
    assert not window.meets(Box(12, 5, 5, 5), reach=0)  # side by side
    assert window.meets(Box(12, 5, 5, 5), reach=0.5)
    assert not window.meets(Box(14, 5, 5, 5), reach=1)
    assert not window.meets(Box(5, 0, 5, 2), reach=1)
    assert window.meets(Box(5, 0, 5, 2), reach=1.5)


def test_options():
    assert Crops.parse(crop="none", margin="", min_side="") == Crops()
    assert Crops.parse(crop="box", margin="", min_side="") == Crops(True, 0.0, 1.0)
    assert Crops.parse(crop="box", margin="0.1", min_side="32") == Crops(True, 0.1, 32.0)
    with pytest.raises(ValueError, match="unknown value of crop 'boxes'; did you mean 'box'"):
        Crops.parse(crop="boxes", margin="", min_side="")
    with pytest.raises(ValueError, match=r"margin=0\.1 cuts nothing without crop=box"):
        Crops.parse(crop="none", margin="0.1", min_side="")
    with pytest.raises(ValueError, match="min_side=8 cuts nothing"):
        Crops.parse(crop="none", margin="", min_side="8")
    for margin in ("-0.1", "wide", "nan", "inf"):
        with pytest.raises(ValueError, match=f"margin={margin}: expected a number, 0 or more"):
            Crops.parse(crop="box", margin=margin, min_side="")


def test_the_definition_names_what_was_chosen():
    text = Crops(True, 0.1, 32.0).definition()
    assert "0.1 of its side on each side" in text
    assert "below 32 pixels" in text
