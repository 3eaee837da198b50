"""Names of ADE20K's classes: unique, and independent of the order in which they come."""

from __future__ import annotations

import itertools
import logging

import pytest

from conceptatlas.datasets.ade20k_names import read_names, synonyms_of, unique_names


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("car, auto, automobile", ["car", "auto", "automobile"]),
        ("  traffic   light ,stoplight,", ["traffic light", "stoplight"]),
        ("door, door", ["door"]),
        ("-", []),
        ("", []),
    ],
)
def test_synonyms(text, names):
    assert synonyms_of(text) == names


def test_the_first_synonym_is_the_name():
    assert unique_names({401: "car, auto", 64: "ashcan, trash can"}, {}) == {64: "ashcan", 401: "car"}


def test_of_two_classes_the_one_with_fewer_synonyms_keeps_the_name():
    texts = {1: "screen, silver screen, projection screen", 2: "screen"}
    assert unique_names(texts, {}) == {1: "silver screen", 2: "screen"}


def test_of_two_with_as_many_synonyms_the_smaller_number_keeps_the_name():
    assert unique_names({7: "bar, rod", 3: "bar, pub"}, {}) == {3: "bar", 7: "rod"}


def test_a_further_synonym_never_takes_the_name_of_another_class():
    texts = {1: "light, lamp, luminaire", 2: "light, source", 3: "lamp"}
    assert unique_names(texts, {}) == {1: "luminaire", 2: "light", 3: "lamp"}


def test_case_does_not_tell_names_apart():
    assert unique_names({1: "Turkey, land", 2: "turkey"}, {}) == {1: "land", 2: "turkey"}


def test_a_class_without_a_free_name_shares_one(caplog):
    with caplog.at_level(logging.WARNING):
        assert unique_names({1: "crane", 2: "crane"}, {}) == {1: "crane", 2: "crane"}
    assert "1 classes share the name of another: crane (2)" in caplog.text


def test_names_do_not_depend_on_the_order():
    texts = {1: "light, lamp", 2: "lamp, light", 3: "lamp", 4: "light", 5: "a, light, b", 6: "a"}
    found = {tuple(unique_names(dict(order), {}).items()) for order in itertools.permutations(texts.items())}
    assert len(found) == 1


def test_the_users_names_come_first_and_may_be_shared():
    texts = {1: "lamp, light", 2: "torch", 3: "flashlight, torch", 4: "-"}
    chosen = {2: "lamp", 3: "lamp", 9: ""}
    assert unique_names(texts, chosen) == {1: "light", 2: "lamp", 3: "lamp", 4: "", 9: ""}


def test_names_file(tmp_path):
    file = tmp_path / "names.tsv"
    file.write_text("number\tname\n# mine\n401\tmotor car\n\n64\t\n", encoding="utf-8")
    assert read_names(file) == {401: "motor car", 64: ""}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("401 car\n", "line 1: expected number .from 1. and name separated by a tab, found .'401 car'."),
        ("number\tname\n0\tnothing\n", "line 2: expected number"),
        ("x\tcar\n", "line 1: expected number"),
        ("1\tcar\n1\tauto\n", "line 2: number 1 is 'car' already"),
    ],
)
def test_broken_names_files(tmp_path, text, message):
    file = tmp_path / "names.tsv"
    file.write_text(text)
    with pytest.raises(ValueError, match=message):
        read_names(file)


def test_a_missing_names_file_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"gone.tsv: no such file; the option names"):
        read_names(tmp_path / "gone.tsv")
