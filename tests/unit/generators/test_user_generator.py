"""Generators of a user's own: found, given what they take, and held to the interface before any work is done."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from conceptatlas.generators.generator import Generator, class_names, label_names
from conceptatlas.generators.loaded import check_interface, load_generator
from tiny_generators import Stripes

TINY = Path(__file__).resolve().parents[2] / "tiny_generators.py"


def row(**cells):
    return {
        "generator": "mine",
        "source": "user",
        "architecture": f"{TINY}:stripes",
        "weights": "",
        "options": "",
    } | cells


def test_it_is_loaded_with_its_options():
    made = load_generator(row(options="wrong=0.25"))
    assert isinstance(made, Generator)
    assert (made.name, made.wrong) == ("mine", 0.25)
    assert class_names(made) == ["red", "green", "blue"]
    assert label_names(made) is None


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ({"options": "wrogn=1"}, "did you mean 'wrong'"),
        ({"options": "name=x"}, "not for the sheet"),
        ({"weights": "gone.pt"}, "does not exist"),
        ({"architecture": f"{TINY}:strips"}, "unknown function 'strips'.*did you mean"),
        ({"architecture": ""}, "expected `module:function`"),
        ({"source": "usr"}, "did you mean 'user'"),
        ({"generator": "a/b"}, "generator 'a/b'"),
    ],
)
def test_mistakes_are_named(cells, message):
    with pytest.raises(ValueError, match=message):
        load_generator(row(**cells))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda g: setattr(g, "w_dim", "five"), "w_dim is 'five'"),
        (lambda g: setattr(g, "w_dim", 6), r"sample\(seeds, classes\) gives torch.float32 \(1, 5\)"),
        (lambda g: setattr(g, "generate", lambda w: w), "generate"),
        (lambda g: setattr(g, "generate", lambda w: torch.full((1, 3, 8, 8), 7.0)), "pictures in 0..1"),
        (lambda g: setattr(g, "generate", lambda w: torch.full((1, 3, 8, 8), torch.nan)), "not finite"),
    ],
)
def test_the_interface_is_checked(change, message):
    made = Stripes()
    change(made)
    with pytest.raises(ValueError, match=message):
        check_interface(made, where="generator 'mine'")


def test_what_is_missing_is_listed():
    with pytest.raises(ValueError, match="lacks name, w_dim"):
        check_interface(object(), where="generator 'mine'")


def test_numbers_stand_for_names():
    made = Stripes()
    del made.class_names
    assert class_names(made) == ["0", "1", "2"]
