"""Names are printed letter by letter, files are whole and the same every time, no caller's setting gets in."""

from __future__ import annotations

import itertools
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import matplotlib as mpl
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from PIL import Image

from conceptatlas.figures.label_bars import label_bars
from conceptatlas.figures.saving import save_figure
from conceptatlas.figures.style import CATEGORY_COLOURS, CATEGORY_MARKERS, head, in_order, new_figure, number, plain
from conceptatlas.naming import CATEGORIES
from tiny_tables import HOSTILE, summary_table, unit_row, units_table


def hostile_figure() -> Figure:
    return label_bars(units_table(unit_row(0, HOSTILE), unit_row(1, "x^2 \\$y$ {z")), summary=summary_table())


def test_plain_names_are_never_formulas() -> None:
    assert plain("$x_1$") == r"\$x_1\$"
    assert plain("5\\$") == r"5\$"
    assert plain("two\nlines\tand  more") == "two lines and more"
    assert plain("a" * 40, width=10) == "a" * 9 + "…"
    figure = Figure()
    text = figure.text(0, 0, plain("$\\frac{$ and $unfinished$"))
    figure.draw_without_rendering()  # a formula would raise: \frac lacks its arguments
    assert text._preprocess_math(text.get_text()) == ("$\\frac{$ and $unfinished$", False)


def test_numbers() -> None:
    assert number(float("nan")) == "–"
    assert number(0.12345) == "0.123"


def test_every_category_has_a_colour_and_marker_of_its_own() -> None:
    assert list(CATEGORY_COLOURS) == list(CATEGORIES) == list(CATEGORY_MARKERS)
    assert len(set(CATEGORY_MARKERS.values())) == len(CATEGORIES)
    for first, second in itertools.combinations(CATEGORY_COLOURS.values(), 2):
        assert sum(abs(a - b) for a, b in zip(to_rgb(first), to_rgb(second), strict=True)) > 0.3
    assert in_order(["zoo", "color", "object", "", None, "color"]) == ["object", "color", "zoo"]


def test_svg_is_valid_and_holds_no_element_from_a_name(tmp_path: Path) -> None:
    (path,) = save_figure(hostile_figure(), tmp_path / "a.svg")
    tags = {element.tag.rpartition("}")[2] for element in ElementTree.parse(path).iter()}
    assert "script" not in tags


@pytest.mark.parametrize("suffix", ["png", "svg", "pdf"])
def test_the_same_figure_gives_the_same_bytes(tmp_path: Path, suffix: str) -> None:
    first = save_figure(hostile_figure(), tmp_path / f"a.{suffix}")[0].read_bytes()
    with mpl.rc_context({"font.size": 30, "svg.hashsalt": None, "axes.facecolor": "red", "savefig.dpi": 30}):
        figure = hostile_figure()
        second = save_figure(figure, tmp_path / f"b.{suffix}")[0].read_bytes()
        third = save_figure(figure, tmp_path / f"c.{suffix}")[0].read_bytes()
    assert first == second == third
    assert not list(tmp_path.glob("*.part"))


def test_png_has_the_resolution_asked_for_and_no_metadata(tmp_path: Path) -> None:
    figure = new_figure(3.0, 2.0)
    head(figure, "Title", "note")
    save_figure(figure, [tmp_path / "a.png"], dpi=50)
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.size == (150, 100)
        assert not {"Software", "Creation Time"} & set(picture.info)


def test_unknown_format_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"unknown figure format 'pngg'.*did you mean 'png'"):
        save_figure(new_figure(2, 2), tmp_path / "a.pngg")
    assert list(tmp_path.iterdir()) == []


def test_building_a_figure_leaves_no_setting_behind() -> None:
    with mpl.rc_context({"font.size": 17.0}):
        hostile_figure()
        assert mpl.rcParams["font.size"] == 17.0
