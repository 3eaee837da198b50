"""Key maps: names of a weights file as a network has them."""

from __future__ import annotations

from pathlib import Path

import pytest
from torch import nn

from conceptatlas.models.key_map import check_targets, read_key_map, rename_keys


def test_the_module_part_of_a_name_is_renamed_and_nothing_else() -> None:
    state = {"a.weight": 1, "a.b.weight": 2, "a.b.bias": 3, "a.bc.weight": 4, "token": 5}
    renamed = rename_keys(state, {"a.b": "x.0", "c": "d"}, where="here")
    assert renamed == {"a.weight": 1, "x.0.weight": 2, "x.0.bias": 3, "a.bc.weight": 4, "token": 5}
    assert rename_keys(state, {}, where="here") == state
    swapped = rename_keys({"a.w": 1, "b.w": 2}, {"a": "b", "b": "a"}, where="here")
    assert swapped == {"b.w": 1, "a.w": 2}


def test_two_names_that_become_one_are_refused() -> None:
    with pytest.raises(ValueError, match=r"here: a\.weight and b\.weight both become b\.weight"):
        rename_keys({"a.weight": 1, "b.weight": 2}, {"a": "b"}, where="here")


def test_targets_are_modules_of_the_network() -> None:
    network = nn.Sequential(nn.Linear(2, 2), nn.Sequential(nn.ReLU()))
    check_targets({"x": "0", "y": "1.0"}, network, where="here")
    with pytest.raises(ValueError, match=r"unknown module '1\.00' in here .*did you mean '1\.0'"):
        check_targets({"x": "1.00"}, network, where="here")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "does not exist"),
        ("{", "is no JSON file"),
        ('["a"]', "holds a list, expected an object"),
        ('{"a": 3}', "'a' -> 3, expected the name of a module as text"),
    ],
)
def test_files_that_are_no_key_maps_are_named(tmp_path: Path, content: str | None, said: str) -> None:
    path = tmp_path / "names.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ValueError, match=f"names.json.*{said}"):
        read_key_map(path)
