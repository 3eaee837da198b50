"""The text files of ADE20K, with all that MATLAB did to them."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.io import savemat

from conceptatlas.datasets.ade20k_annotations import (
    Class,
    describe_image,
    describe_images,
    numbered,
    read_index,
    scene_name,
)


@pytest.fixture
def describe(tmp_path):
    def described(content, *, encoding="utf-8"):
        file = tmp_path / "image.json"
        text = content if isinstance(content, str) else json.dumps({"annotation": content}, ensure_ascii=False)
        file.write_bytes(text.encode(encoding))
        return describe_image(str(file))

    return described


def thing(number, name, level=0):
    return {"name": name, "name_ndx": number, "parts": {"part_level": level}}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1"])
def test_bytes_may_be_latin_1(describe, encoding):
    assert describe({"object": [thing(5, "café")]}, encoding=encoding).classes == (Class(0, 5, ("café",)),)


def test_classes_are_sorted_and_without_repetitions(describe):
    content = {"object": [thing(9, "wheel", 1), thing(4, "car"), thing(9, "wheel", "1"), thing(9, "wheel", 2)]}
    assert describe(content).classes == (Class(0, 4, ("car",)), Class(1, 9, ("wheel",)), Class(2, 9, ("wheel",)))


@pytest.mark.parametrize(("objects", "n"), [([], 0), (None, 0), (thing(4, "car"), 1)])
def test_a_single_object_is_no_list_and_none_is_nothing(describe, objects, n):
    assert len(describe({"object": objects}).classes) == n


@pytest.mark.parametrize("parts", [None, [], {"part_level": []}, {}])
def test_objects_without_levels_are_objects(describe, parts):
    content = {"object": [{"name": "car", "name_ndx": 4, "parts": parts}, {"name": "x", "name_ndx": []}]}
    assert describe(content).classes == (Class(0, 4, ("car",)),)


@pytest.mark.parametrize(
    ("scene", "found"),
    [
        (["outdoor", "urban", "street"], "street"),
        (["indoor", "cultural", "apse", "indoor"], "apse/indoor"),
        ("outdoor/urban/street", "street"),
        (["street"], "street"),
        ([], ""),
        (None, ""),
    ],
)
def test_scenes(describe, scene, found):
    assert describe({"object": [], "scene": scene}).scene == found


@pytest.mark.parametrize(
    ("scene", "name"),
    [
        ("street", "street-s"),
        ("airport_terminal", "airport_terminal-s"),
        ("apse__indoor", "apse-indoor-s"),
        ("apse/indoor", "apse-indoor-s"),
        ("apse - indoor", "apse-indoor-s"),
        ("~not labeled", ""),
        ("misc", ""),
        ("", ""),
    ],
)
def test_scene_names_are_those_of_broden(scene, name):
    assert scene_name(scene) == name


def test_source_of_the_picture(describe):
    source = {"folder": "sun/s", "filename": "a.jpg", "origin": "A search engine."}
    found = describe({"object": [], "source": source})
    assert (found.licence, found.origin) == ("A search engine.", "sun/s/a.jpg")
    found = describe({"object": []})
    assert (found.licence, found.origin) == ("", "")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"annotation": {"object": [', "not a readable annotation of ADE20K"),
        ('{"annotation": {}}', "no field 'object'"),
        ('{"images": []}', "no field 'annotation'"),
        ("[]", "not a readable annotation"),
        ('{"annotation": {"object": ["car"]}}', "not a readable annotation"),
    ],
)
def test_what_cannot_be_read_is_described_by_its_problem(describe, content, message):
    found = describe(content)
    assert found.classes == ()
    assert message in found.problem
    assert "image.json" in found.problem


def test_a_missing_file_is_a_problem_of_its_image_alone(tmp_path):
    good = tmp_path / "good.json"
    good.write_text(json.dumps({"annotation": {"object": []}}))
    found = describe_images([str(tmp_path / "gone.json"), str(good)])
    assert "gone.json" in found[0].problem
    assert not found[1].problem


def test_lines_of_2016(tmp_path):
    file = tmp_path / "image_atr.txt"
    file.write_bytes(
        '001 # 0 # 1 # café, bar # cafe # "old, small"\r\n002 # 1 # 0 # door # door # ""\r\n\r\n'.encode("latin-1")
    )
    assert describe_image(str(file)).classes == (Class(0, 0, ("café, bar", "cafe")), Class(1, 0, ("door",)))


def test_a_broken_line_of_2016_is_named(tmp_path):
    file = tmp_path / "image_atr.txt"
    file.write_text("001 # 0 # 0 # sky # sky #\n002; 0; 0; wall\n")
    assert "image_atr.txt: not a readable annotation of ADE20K (line 2:" in describe_image(str(file)).problem


def test_index_of_2016(tmp_path):
    content = {
        "filename": np.array(["a.jpg", "b.jpg"], dtype=object),
        "scene": np.array(["street", "~not labeled"], dtype=object),
        "objectnames": np.array(["-", "Car,  auto", "door", "door"], dtype=object),
    }
    savemat(tmp_path / "index.mat", {"index": content})
    index = read_index(tmp_path / "index.mat")
    assert index.names == {1: "-", 2: "Car,  auto", 3: "door", 4: "door"}
    assert index.scenes == {"a.jpg": "street", "b.jpg": "~not labeled"}
    assert index.numbers() == {"-": [1], "car, auto": [2], "door": [3, 4]}
    del content["scene"]
    savemat(tmp_path / "index.mat", {"index": content})
    assert read_index(tmp_path / "index.mat").scenes == {}


def test_names_are_looked_up_in_their_order():
    numbers = {"car, auto": [2], "door": [3, 4], "gate": [5]}
    assert numbered(Class(1, 0, ("Car,auto", "door")), numbers) == [Class(1, 2, ("Car,auto", "door"))]
    assert [known.number for known in numbered(Class(0, 0, ("typed", "DOOR")), numbers)] == [3, 4]
    assert numbered(Class(0, 0, ("unheard of",)), numbers) == []
    assert numbered(Class(0, 7, ("door",)), numbers) == [Class(0, 7, ("door",))]


@pytest.mark.parametrize("content", [b"", b"no mat file at all", None])
def test_an_index_that_is_none_is_named(tmp_path, content):
    file = tmp_path / "index_ade20k.mat"
    savemat(file, {"other": 1}) if content is None else file.write_bytes(content)
    with pytest.raises(ValueError, match=r"index_ade20k.mat: not an index of ADE20K"):
        read_index(file)
