"""Cells of models.tsv: options and the files they name."""

from __future__ import annotations

import pytest

from conceptatlas.models.rows import options_cell, weights_files


def test_options_are_typed() -> None:
    cell = "a=true; b=False;c=3;d=-2; e=0.5;f=1e-3;g=same;h=;i=3x;j=nan;key_map=7"
    assert options_cell({"options": cell}) == {
        "a": True,
        "b": False,
        "c": 3,
        "d": -2,
        "e": 0.5,
        "f": 1e-3,
        "g": "same",
        "h": "",
        "i": "3x",
        "j": "nan",
        "key_map": "7",  # a file may be called so
    }
    assert [type(value) for value in options_cell({"options": "a=1;b=1.0;c=true"}).values()] == [int, float, bool]
    assert options_cell({}) == options_cell({"options": ""}) == {}


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ("img_size", "'img_size' is not of the form key=value"),
        ("a=1;a=2", "'a' comes twice"),
        ("=3", "a key is empty"),
    ],
)
def test_options_of_another_form_are_refused_with_the_model(cell: str, said: str) -> None:
    with pytest.raises(ValueError, match=f"model 'm': .*{said}"):
        options_cell({"model": "m", "options": cell})


def test_files_that_decide_about_the_weights() -> None:
    assert weights_files({"weights": "a/b.pth", "options": "key_map=names.json;img_size=64"}) == [
        "a/b.pth",
        "names.json",
    ]
    assert weights_files({"weights": "shuffled:a/b.pth"}) == ["a/b.pth"]
    assert weights_files({"weights": "random", "options": "img_size=64"}) == []
