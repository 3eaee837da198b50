"""Levels of perturbation are checked before a job is planned, and named for tables."""

from __future__ import annotations

import pytest

from conceptatlas.levels import check_level, grid_cells, kind_label, level_options, repeats

DATA = {"dataset": "d", "frame_size": 224, "mask_size": 112}


def row(kind: str, amount: float, options: str = "", level: str = "a") -> dict[str, object]:
    return {"level": level, "kind": kind, "amount": amount, "seed": 0, "options": options}


def test_defaults_and_choices() -> None:
    assert level_options(row("noise", 5)) == {"centred": False, "clip": True}
    assert level_options(row("noise", 5, "centred=yes;clip=no")) == {"centred": True, "clip": False}
    assert level_options(row("none", 0)) == {}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (row("noisy", 1), "unknown kind 'noisy' in level a; did you mean 'noise'"),
        (row("noise", 1, "centered=yes"), "unknown option of noise 'centered' in level a; did you mean 'centred'"),
        (row("noise", 1, "clip=maybe"), "level a: clip is yes or no, not 'maybe'"),
        (row("noise", -1), "level a: the amount of noise is at least 0, not -1"),
        (row("patches", 2.5), "level a: the amount of patches is a whole number from 1, not 2.5"),
        (row("rotation", 10, "clip=yes"), "unknown option of rotation 'clip'"),
    ],
)
def test_mistakes(given: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        level_options(given)


def test_options_that_are_not_the_default_name_a_kind_of_their_own() -> None:
    assert kind_label(row("noise", 5)) == kind_label(row("noise", 5, "centred=no;clip=yes")) == "noise"
    assert kind_label(row("patches", 8, "patch_px=yes")) == "patches patch_px=yes"


def test_repeats_count_rows_of_one_kind_and_amount() -> None:
    rows = [row("patches", 4, level="a"), row("noise", 4, level="b"), row("patches", 4, level="c"),
            row("patches", 8, level="d"), row("patches", 4, "patch_px=yes", level="e")]  # fmt: skip
    assert repeats(rows) == {"a": 0, "b": 0, "c": 1, "d": 0, "e": 0}


def test_patches_by_number_and_by_pixels() -> None:
    assert grid_cells(row("patches", 4), 224) == 4
    assert grid_cells(row("patches", 4, "patch_px=yes"), 224) == 56
    assert not list(check_level(row("patches", 8), DATA))
    assert "200 x 200 patches on data set d" in next(iter(check_level(row("patches", 200), DATA)))
